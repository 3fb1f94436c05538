/** Requests for credentials, and the credentials, encrypted beyond the connection where an issuer wants that. */
import * as v from 'valibot';
import type { WebAnswer } from '../network/web.ts';
import { utf8 } from '../protocol/bytes.ts';
import { Refusal } from '../wallet/errors.ts';
import { base64UrlText } from '../wallet/json.ts';
import {
  JWE_AGREEMENT,
  JWE_CIPHERS,
  newAnswerKey,
  sealJwe,
  type JweCipher,
  type RecipientKey,
} from './jwe.ts';
import { text } from './openid-web.ts';

const JWT_TYPE = 'application/jwt';
const names = v.optional(v.pipe(v.array(text(64)), v.maxLength(32)));

/** A key that messages can be encrypted to here. */
const recipientSchema = v.object({
  kty: v.literal('EC'),
  crv: v.literal('P-256'),
  x: v.pipe(base64UrlText(43), v.length(43)),
  y: v.pipe(base64UrlText(43), v.length(43)),
  kid: v.optional(text(512)),
  use: v.optional(v.literal('enc')),
  alg: v.optional(v.literal(JWE_AGREEMENT)),
});

/** Public keys that somebody publishes, of kinds known here and others. */
export const keySetSchema = v.object({ keys: v.pipe(v.array(v.looseObject({})), v.maxLength(16)) });

/** What an issuer says of encryption in its description. */
export const encryptionSchemas = {
  credential_response_encryption: v.optional(
    v.object({
      alg_values_supported: names,
      enc_values_supported: names,
      encryption_required: v.optional(v.boolean()),
    }),
  ),
  credential_request_encryption: v.optional(
    v.object({
      jwks: keySetSchema,
      enc_values_supported: names,
      encryption_required: v.optional(v.boolean()),
    }),
  ),
};
const described = v.object(encryptionSchemas);
type Described = v.InferOutput<typeof described>;

/** The first key of a set that messages can be encrypted to here, and the cipher to use; null if there is none. */
export function recipientIn(
  keys: readonly unknown[],
  ciphers: readonly string[],
): { key: RecipientKey; cipher: JweCipher } | null {
  const key = keys.find((jwk) => v.is(recipientSchema, jwk));
  const cipher = JWE_CIPHERS.find((name) => ciphers.includes(name));
  return key === undefined || cipher === undefined ? null : { key: v.parse(recipientSchema, key), cipher };
}

/** How requests to an issuer, and its answers, are to be encrypted; null for what is not. */
export interface Encryption {
  request: { key: RecipientKey; cipher: JweCipher } | null;
  answer: JweCipher | null;
}

/**
 * What an issuer wants encrypted: what it requires, and the request too if the answer is, so that nobody on the way
 * puts another key for the answer into it. Throws Refusal `offer-encryption` for ways that are not known here.
 */
export function encryptionOf({
  credential_response_encryption: response,
  credential_request_encryption: request,
}: Described): Encryption {
  const refuse = (wanted: string): never => {
    throw new Refusal(
      'offer-encryption',
      wanted,
      'The issuer encrypts what it gives in a way that this wallet does not know.',
    );
  };
  const answer = response?.encryption_required === true;
  const { alg_values_supported: agreements = [JWE_AGREEMENT], enc_values_supported: ciphers = [] } =
    response ?? {};
  const cipher = agreements.includes(JWE_AGREEMENT)
    ? JWE_CIPHERS.find((name) => ciphers.includes(name))
    : undefined;
  if (answer && cipher === undefined) refuse([...agreements, ...ciphers].join(', '));
  const sealed = request !== undefined && (request.encryption_required === true || answer);
  const to = sealed ? recipientIn(request.jwks.keys, request.enc_values_supported ?? []) : null;
  if (sealed && to === null) refuse('no key of P-256 for requests');
  return { request: to, answer: answer ? cipher! : null };
}

/** A request that is ready to be sent, and how its answer is read. */
export interface SealedRequest {
  type: string;
  body: string;
  /** The answer as if it had not been encrypted. Throws Refusal `answer-encryption`. */
  open(answer: WebAnswer): Promise<WebAnswer>;
}

/** Encrypts a request, and has its answer encrypted, as the issuer wants it. */
export async function sealRequest(
  content: Record<string, unknown>,
  { request, answer: cipher }: Encryption,
): Promise<SealedRequest> {
  const key = cipher === null ? null : await newAnswerKey(cipher);
  const asked =
    key === null
      ? content
      : {
          ...content,
          credential_response_encryption: { jwk: key.jwk, alg: JWE_AGREEMENT, enc: key.cipher },
        };
  const plain = JSON.stringify(asked);
  return {
    type: request === null ? 'application/json' : JWT_TYPE,
    body: request === null ? plain : await sealJwe(utf8(plain), request.key, request.cipher),
    open: async (given) => {
      if (key === null || given.status < 200 || given.status >= 300) return given;
      if (given.type !== JWT_TYPE)
        throw new Refusal(
          'answer-encryption',
          `content type ${given.type}`,
          'The issuer wanted to encrypt its answer, but this one is not.',
        );
      const opened = await key.open(given.text.trim());
      return { ...given, type: 'application/json', text: new TextDecoder().decode(opened) };
    },
  };
}
