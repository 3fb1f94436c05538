/**
 * Fetching credentials from an issuer on the web, at once or when it has decided. What the issuer sends is text until
 * the credential itself has been verified.
 */
import * as v from 'valibot';
import type { Web, WebAnswer } from '../network/web.ts';
import { Refusal } from '../wallet/errors.ts';
import { keyIdOf } from './did.ts';
import { jwsAlgorithm, signJws } from './jws.ts';
import { jwkOf, type SigningKey } from './keys.ts';
import { renewedAccess, type Access } from './openid-access.ts';
import { boundWeb } from './openid-dpop.ts';
import { encryptionOf, sealRequest, type Encryption } from './openid-encryption.ts';
import type { IssuerMetadata, OpenOffer } from './openid-offer.ts';
import { read, succeeded, text } from './openid-web.ts';

const PROOF_TYPE = 'openid4vci-proof+jwt';
/** Shortest and longest time after which an issuer that has not decided is asked again, in seconds. */
const MIN_INTERVAL_S = 5;
const MAX_INTERVAL_S = 30 * 86_400;
/** Notifications are not encrypted. */
const PLAIN: Encryption = { request: null, answer: null };

const nonceSchema = v.object({ c_nonce: text(1024) });
const notification = v.optional(text(256));
const issuedSchema = v.object({
  credentials: v.pipe(v.array(v.object({ credential: text(1024 * 1024) })), v.minLength(1), v.maxLength(8)),
  notification_id: notification,
});
const laterSchema = v.object({
  transaction_id: text(8192),
  interval: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER))),
});

/** For whom credentials are fetched. */
export interface Holder {
  /** Identity that the credentials are bound to. */
  did: string;
  key: SigningKey;
  /** Seconds since the epoch. */
  now: number;
}

/** Credentials of a configuration, and by what name the issuer wants to hear whether they were kept. */
export interface Issued {
  kind: 'issued';
  id: string;
  credentials: string[];
  notification: string | null;
}

/** What an issuer gave. */
export type Given =
  | Issued
  /** It has not decided yet; `interval` in seconds. */
  | { kind: 'later'; id: string; transaction: string; interval: number };

/**
 * Asks for everything that is offered: the compact texts of the credentials, not verified yet.
 *
 * @throws Refusal `issuer-refused` with what the issuer says, `offer-proof`, `answer-encryption`; DecodeError; WebError.
 */
export async function requestCredentials(
  { metadata, view }: Pick<OpenOffer, 'metadata' | 'view'>,
  access: Access,
  holder: Holder,
  web: Web,
): Promise<Given[]> {
  const given: Given[] = [];
  const encryption = encryptionOf(metadata);
  for (const { id } of view.credentials) {
    const named = access.identifiers[id]?.map((name) => ({ credential_identifier: name }));
    for (const which of named ?? [{ credential_configuration_id: id }]) {
      // A nonce is used once, so that every request has its own.
      const proof = await holderProof(id, metadata, holder, await freshNonce(metadata, web));
      const body = { ...which, ...(proof && { proofs: { jwt: [proof] } }) };
      const answer = await post(metadata.credential_endpoint, access, body, encryption, holder.now, web);
      given.push(readGiven(id, succeeded(answer, 'credential')));
    }
  }
  return given;
}

async function post(
  address: string,
  access: Access,
  content: Record<string, unknown>,
  encryption: Encryption,
  now: number,
  web: Web,
): Promise<WebAnswer> {
  const { token, binding } = access;
  const send = binding === null ? web : boundWeb(web, binding, token, now);
  const { type, body, open } = await sealRequest(content, encryption);
  const answer = await send({
    method: 'POST',
    url: address,
    headers: { 'content-type': type, ...(binding === null && { authorization: `Bearer ${token}` }) },
    body,
  });
  return open(answer);
}

function readGiven(id: string, answer: WebAnswer): Given {
  if (answer.status !== 202) {
    const { credentials, notification_id } = read(issuedSchema, answer, 'credential');
    const texts = credentials.map(({ credential }) => credential);
    return { kind: 'issued', id, credentials: texts, notification: notification_id ?? null };
  }
  const { transaction_id: transaction, interval = 0 } = read(laterSchema, answer, 'credential');
  const bounded = Math.min(Math.max(interval, MIN_INTERVAL_S), MAX_INTERVAL_S);
  return { kind: 'later', id, transaction, interval: bounded };
}

/**
 * Asks again for what an issuer had not decided. Leave that has run out is renewed where the issuer allows it.
 *
 * @param clientId Name that this wallet has at the server, where it logged in.
 * @param keep Keeps leave that was renewed, before it is used: what renewed it may be of no use a second time.
 * @throws Refusal `issuer-later`, `issuer-refused`; DecodeError; WebError.
 */
export async function requestDeferred(
  promised: { id: string; transaction: string; metadata: IssuerMetadata; access: Access },
  clientId: string | null,
  now: number,
  web: Web,
  keep: (access: Access) => Promise<void>,
): Promise<{ given: Given; access: Access }> {
  const { id, transaction, metadata } = promised;
  let { access } = promised;
  const endpoint = metadata.deferred_credential_endpoint;
  if (endpoint === undefined)
    throw new Refusal('issuer-later', id, 'The issuer does not say where to ask for it later.');
  const encryption = encryptionOf(metadata);
  const ask = () => post(endpoint, access, { transaction_id: transaction }, encryption, now, web);
  let answer = await ask();
  if (answer.status === 401 && access.refresh !== null) {
    access = await renewedAccess(access, clientId, now, web);
    await keep(access);
    answer = await ask();
  }
  return { given: readGiven(id, succeeded(answer, 'credential')), access };
}

/** Tells an issuer that wants to know what became of its credential. Never rejects: nothing depends on it. */
export async function notifyIssuer(
  { notification_endpoint: endpoint }: IssuerMetadata,
  access: Access,
  notificationId: string | null,
  kept: boolean,
  now: number,
  web: Web,
): Promise<void> {
  if (endpoint === undefined || notificationId === null) return;
  const event = kept ? 'credential_accepted' : 'credential_failure';
  const body = { notification_id: notificationId, event };
  await post(endpoint, access, body, PLAIN, now, web).catch(() => undefined);
}

async function freshNonce({ nonce_endpoint: endpoint }: IssuerMetadata, web: Web): Promise<string | null> {
  if (endpoint === undefined) return null;
  return read(nonceSchema, succeeded(await web({ method: 'POST', url: endpoint }), 'nonce'), 'nonce').c_nonce;
}

/** Proof that the holder has the key that the credential is to be bound to; null if it is bound to none. */
async function holderProof(
  id: string,
  metadata: IssuerMetadata,
  { did, key, now }: Holder,
  nonce: string | null,
): Promise<string | null> {
  const { proof_types_supported: proofs, cryptographic_binding_methods_supported: methods } =
    metadata.credential_configurations_supported[id]!;
  if (proofs === undefined) return null;
  const algorithms = proofs['jwt']?.proof_signing_alg_values_supported;
  const algorithm = jwsAlgorithm(key);
  if (proofs['jwt'] === undefined || (algorithms !== undefined && !algorithms.includes(algorithm))) {
    throw new Refusal(
      'offer-proof',
      `${algorithm} where ${algorithms?.join(', ') ?? 'no signed proof'} is taken`,
      'The issuer does not take this kind of key. Choose an identity with another kind.',
    );
  }
  const named = methods?.includes('did:autoid') === true;
  const header = named ? { kid: keyIdOf(did) } : { jwk: jwkOf(key.publicKeyInfo) };
  const payload = { aud: metadata.credential_issuer, iat: now, ...(nonce === null ? {} : { nonce }) };
  return signJws(key, { typ: PROOF_TYPE, ...header }, payload);
}
