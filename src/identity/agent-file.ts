/** The file with which an agent works away from the wallet: identity, key under a password, permissions. */
import * as v from 'valibot';
import { utf8 } from '../protocol/bytes.ts';
import { Refusal } from '../wallet/errors.ts';
import { base64UrlText, fromBase64Url, fromUtf8, parseJson, shaped, toBase64Url } from '../wallet/json.ts';
import { invoke, type Challenge } from './agent.ts';
import { allows, decodeCapability, MAX_CHAIN, type CapabilityRequest } from './capability.ts';
import { chainIsOf, chainOf, type Chain } from './chain.ts';
import type { SigningKey } from './keys.ts';
import { decryptPkcs8, encryptPkcs8, importPrivateKey } from './private-key.ts';

const MAX_FILE_BYTES = 4 * 1024 * 1024;
const MIN_PASSWORD_CHARACTERS = 8;

/** Certificates by DID, each chain root first, DERs base64url. */
const certificatesSchema = v.record(
  v.pipe(v.string(), v.maxLength(200)),
  v.pipe(v.array(base64UrlText(100_000)), v.minLength(1), v.maxLength(8)),
);
export const tokensSchema = v.pipe(
  v.array(v.pipe(v.string(), v.maxLength(65_536))),
  v.minLength(1),
  v.maxLength(MAX_CHAIN),
);
export const grantSchema = v.strictObject({
  v: v.literal(1),
  tokens: tokensSchema,
  certificates: certificatesSchema,
});
/** A permission that can be handed on: its tokens and the certificates that they rest on. */
export type Grant = v.InferOutput<typeof grantSchema>;

const fileSchema = v.strictObject({
  v: v.literal(1),
  did: v.pipe(v.string(), v.maxLength(200)),
  name: v.pipe(v.string(), v.maxLength(64)),
  /** EncryptedPrivateKeyInfo, base64url. */
  key: base64UrlText(50_000),
  grants: v.pipe(v.array(grantSchema), v.maxLength(64)),
  chain: v.pipe(v.array(base64UrlText(100_000)), v.minLength(1), v.maxLength(8)),
});

export const invocationFileSchema = v.strictObject({
  v: v.literal(1),
  invocation: v.pipe(v.string(), v.maxLength(512 * 1024)),
  certificates: certificatesSchema,
});

export interface AgentFile {
  did: string;
  name: string;
  /** PKCS#8 DER. */
  pkcs8: Uint8Array;
  grants: Grant[];
  /** DERs, root first, base64url. */
  chain: string[];
}

/** Writes an agent's file. Throws Refusal `weak-password`, DecodeError for one that would not be read. */
export async function encodeAgentFile(agent: AgentFile, password: string): Promise<Uint8Array> {
  if (Array.from(password).length < MIN_PASSWORD_CHARACTERS) {
    throw new Refusal(
      'weak-password',
      'too short',
      `The password needs at least ${MIN_PASSWORD_CHARACTERS} characters.`,
    );
  }
  const { did, name, grants, chain } = agent;
  const key = toBase64Url(await encryptPkcs8(agent.pkcs8, password));
  const file = shaped(fileSchema, { v: 1, did, name, key, grants, chain }, 'agent-file');
  return utf8(JSON.stringify(file));
}

/**
 * Reads an agent's file. Throws DecodeError, Refusal `wrong-password`, `certificate-chain` if the certificates are
 * of another identity.
 */
export async function decodeAgentFile(file: Uint8Array, password: string): Promise<AgentFile> {
  const what = 'agent-file';
  if (file.length > MAX_FILE_BYTES) throw new Refusal(what, `${file.length} bytes`);
  const { key, ...rest } = shaped(fileSchema, parseJson(fromUtf8(file, what), what), what);
  const pkcs8 = await decryptPkcs8(fromBase64Url(key, what), password);
  if (!chainIsOf(certificatesOf(rest.chain), rest.did))
    throw new Refusal('certificate-chain', rest.did, 'The agent’s certificates are of somebody else.');
  return { did: rest.did, name: rest.name, grants: rest.grants, chain: rest.chain, pkcs8 };
}

/** Chain of DERs as files keep them, base64url. Throws DecodeError. */
export function certificatesOf(chain: readonly string[]): Chain {
  return chainOf(chain.map((der) => fromBase64Url(der, 'certificate')));
}

/** The agent's signing key. */
export function keyOfAgent({ pkcs8 }: AgentFile): Promise<SigningKey> {
  return importPrivateKey(pkcs8);
}

/** A signed request with the certificates that it rests on: what `checkUse` takes. */
export async function signedUse(
  key: SigningKey,
  holder: string,
  grant: Grant,
  request: CapabilityRequest,
  challenge: Challenge,
): Promise<string> {
  const invocation = await invoke(key, holder, grant.tokens, request, challenge);
  return JSON.stringify({ v: 1, invocation, certificates: grant.certificates });
}

/** The first permission of an agent that allows a request. Throws Refusal `not-covered`. */
export function grantFor({ grants, did }: AgentFile, request: CapabilityRequest): Grant {
  const found = grants.find(({ tokens }) => {
    const { aud, cap } = decodeCapability(tokens.at(-1)!);
    return aud === did && allows(cap, request);
  });
  if (found === undefined)
    throw new Refusal(
      'not-covered',
      `${request.act} on ${request.res}`,
      'The agent is not allowed to do this.',
    );
  return found;
}
