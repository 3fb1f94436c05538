/**
 * Offers of credentials on the web (OpenID for Verifiable Credential Issuance 1.0) and what an issuer publishes of
 * itself. Reading an offer sends nothing but what fetches it.
 */
import * as v from 'valibot';
import type { Web } from '../network/web.ts';
import { Refusal } from '../wallet/errors.ts';
import { parseJson, shaped } from '../wallet/json.ts';
import type { IdentityContext } from './context.ts';
import { decodeJws } from './jws.ts';
import { encryptionOf, encryptionSchemas } from './openid-encryption.ts';
import { NOT_ITSELF, succeeded, text, url, wellKnown } from './openid-web.ts';
import { CREDENTIAL_TYPE } from './sd-jwt.ts';
import { requireCertificate, requireIdentity, type TokenSigner } from './token-signer.ts';

/** Grant that needs no log-in: the offer holds the code. */
export const PRE_AUTHORIZED = 'urn:ietf:params:oauth:grant-type:pre-authorized_code';
const METADATA_TYPE = 'openidvci-issuer-metadata+jwt';
const CLOCK_SKEW_S = 60;
export const MAX_CREDENTIALS = 16;

const offerSchema = v.object({
  credential_issuer: url,
  credential_configuration_ids: v.pipe(v.array(text(256)), v.minLength(1), v.maxLength(MAX_CREDENTIALS)),
  grants: v.optional(
    v.object({
      authorization_code: v.optional(
        v.object({ issuer_state: v.optional(text(8192)), authorization_server: v.optional(url) }),
      ),
      [PRE_AUTHORIZED]: v.optional(
        v.object({
          'pre-authorized_code': text(8192),
          tx_code: v.optional(
            v.object({
              input_mode: v.optional(v.picklist(['numeric', 'text'])),
              length: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(128))),
              description: v.optional(v.pipe(v.string(), v.maxLength(300))),
            }),
          ),
          authorization_server: v.optional(url),
        }),
      ),
    }),
  ),
});

const displaySchema = v.optional(
  v.array(v.object({ name: v.optional(v.pipe(v.string(), v.maxLength(200))) })),
);

const issuerSchema = v.object({
  credential_issuer: url,
  authorization_servers: v.optional(v.pipe(v.array(url), v.minLength(1), v.maxLength(8))),
  credential_endpoint: url,
  nonce_endpoint: v.optional(url),
  deferred_credential_endpoint: v.optional(url),
  notification_endpoint: v.optional(url),
  ...encryptionSchemas,
  display: displaySchema,
  credential_configurations_supported: v.record(
    text(256),
    v.object({
      format: text(64),
      vct: v.optional(text(512)),
      scope: v.optional(text(256)),
      cryptographic_binding_methods_supported: v.optional(v.array(text(64))),
      proof_types_supported: v.optional(
        v.record(
          text(32),
          v.object({
            proof_signing_alg_values_supported: v.optional(v.array(v.string())),
            key_attestations_required: v.optional(v.unknown()),
          }),
        ),
      ),
      credential_metadata: v.optional(v.object({ display: displaySchema })),
      display: displaySchema,
    }),
  ),
});
export type IssuerMetadata = v.InferOutput<typeof issuerSchema>;

const signedSchema = v.object({
  sub: url,
  iat: v.pipe(v.number(), v.safeInteger()),
  exp: v.optional(v.pipe(v.number(), v.safeInteger())),
});

/** What an issuer offers. */
export interface Offer {
  /** URL of the issuer. */
  issuer: string;
  issuerName: string | null;
  /** Who signed the issuer's description of itself, null if nobody did. */
  signer: TokenSigner | null;
  credentials: { id: string; type: string; name: string | null }[];
  /** A code that the issuer gave in another way, to be typed in; null if none is needed. */
  code: { numeric: boolean; length: number | null; description: string | null } | null;
  /** Whether the person has to log in on the issuer's own pages. */
  login: boolean;
}

/** How the issuer lets the credential be fetched. */
export type Grant =
  | { kind: 'code'; code: string; server: string | null }
  | { kind: 'login'; issuerState: string | null; server: string | null };

/** An offer with what it takes to accept it. */
export interface OpenOffer {
  view: Offer;
  grant: Grant;
  metadata: IssuerMetadata;
}

/** Looks an offer up, from its link. Throws DecodeError, Refusal `offer-…`, WebError. */
export async function readOffer(link: string, context: IdentityContext, web: Web): Promise<OpenOffer> {
  const offer = shaped(offerSchema, parseJson(await offerText(link, web), 'offer'), 'offer');
  const { grants } = offer;
  const code = grants?.[PRE_AUTHORIZED];
  const login = grants === undefined ? {} : grants.authorization_code;
  if (code === undefined && login === undefined)
    throw new Refusal(
      'offer-grant',
      'neither a code nor a log-in',
      'The issuer wants to hand it over in a way that this wallet does not know.',
    );
  const issuer = offer.credential_issuer;
  const { metadata, signer } = await issuerMetadata(issuer, context, web);
  encryptionOf(metadata);
  const asked = code?.tx_code;
  return {
    view: {
      issuer,
      issuerName: nameIn(metadata.display),
      signer,
      credentials: offer.credential_configuration_ids.map((id) => configurationView(id, metadata)),
      code:
        asked === undefined
          ? null
          : {
              numeric: asked.input_mode !== 'text',
              length: asked.length ?? null,
              description: asked.description ?? null,
            },
      login: code === undefined,
    },
    grant:
      code === undefined
        ? {
            kind: 'login',
            issuerState: login?.issuer_state ?? null,
            server: login?.authorization_server ?? null,
          }
        : { kind: 'code', code: code['pre-authorized_code'], server: code.authorization_server ?? null },
    metadata,
  };
}

async function offerText(link: string, web: Web): Promise<string> {
  const given = link.trim();
  if (given.startsWith('{')) return given;
  const parameters = new URLSearchParams(given.slice(given.indexOf('?') + 1));
  const byValue = parameters.get('credential_offer');
  const byReference = parameters.get('credential_offer_uri');
  if ((byValue === null) === (byReference === null))
    throw new Refusal('offer-link', 'one of offer and address of it', 'This is no offer of a credential.');
  if (byValue !== null) return byValue;
  return succeeded(await web({ method: 'GET', url: byReference! }), 'offer').text;
}

/** What an issuer publishes of itself, signed if it does that. */
async function issuerMetadata(
  issuer: string,
  context: IdentityContext,
  web: Web,
): Promise<{ metadata: IssuerMetadata; signer: TokenSigner | null }> {
  const what = 'openid-credential-issuer';
  const answer = await wellKnown(issuer, what, 'application/jwt, application/json;q=0.9', web);
  let document: unknown;
  let signer: TokenSigner | null = null;
  if (answer.type === 'application/jwt') {
    const jws = decodeJws(answer.text.trim(), what);
    const { kid, typ, x5c } = jws.header;
    if (typ !== METADATA_TYPE) throw new Refusal('offer-type', typ, 'The issuer signed something else.');
    if (kid?.startsWith('did:') === true)
      signer = await requireIdentity(jws, kid.split('#')[0]!, context, 'offer');
    else if (x5c !== undefined) ({ signer } = requireCertificate(jws, x5c, 'offer', context.seconds));
    else throw new Refusal('offer-key', kid ?? 'no key named', 'The issuer’s description names no signer.');
    const { sub, iat, exp } = shaped(signedSchema, jws.payload, what);
    if (sub !== issuer) throw new Refusal('offer-issuer', `${issuer} says it is ${sub}`, NOT_ITSELF);
    if (iat > context.seconds + CLOCK_SKEW_S || (exp !== undefined && exp <= context.seconds))
      throw new Refusal('offer-time', `iat ${iat}, exp ${exp}`, 'The issuer’s description is out of date.');
    document = jws.payload;
  } else document = parseJson(answer.text, what);
  const metadata = shaped(issuerSchema, document, what);
  if (metadata.credential_issuer !== issuer)
    throw new Refusal('offer-issuer', `${issuer} says it is ${metadata.credential_issuer}`, NOT_ITSELF);
  return { metadata, signer };
}

function configurationView(id: string, metadata: IssuerMetadata): Offer['credentials'][number] {
  const configuration = Object.hasOwn(metadata.credential_configurations_supported, id)
    ? metadata.credential_configurations_supported[id]
    : undefined;
  if (configuration === undefined)
    throw new Refusal('offer-credential', id, 'The issuer offers something that it does not describe.');
  if (configuration.format !== CREDENTIAL_TYPE)
    throw new Refusal(
      'offer-format',
      configuration.format,
      'This wallet holds no credentials of that format.',
    );
  if (configuration.proof_types_supported?.['jwt']?.key_attestations_required !== undefined)
    throw new Refusal(
      'offer-attestation',
      id,
      'The issuer wants the maker of this device to vouch for its keys, which a browser cannot have done.',
    );
  const name = nameIn(configuration.credential_metadata?.display ?? configuration.display);
  return { id, type: configuration.vct ?? id, name };
}

function nameIn(display: v.InferOutput<typeof displaySchema>): string | null {
  return display?.find(({ name }) => name !== undefined)?.name ?? null;
}
