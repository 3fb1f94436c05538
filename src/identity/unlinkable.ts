/**
 * Credentials whose showings cannot be linked, neither with each other nor with their issuance, whoever works
 * together: JSON Proof Tokens signed with BBS over the claims and a secret that only the holder has. The curve makes
 * this a chunk of its own; import it where such a credential is at hand.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { toHex, utf8 } from '../protocol/bytes.ts';
import { Refusal } from '../wallet/errors.ts';
import {
  CIPHERSUITE,
  G1,
  isPublicKey,
  messageScalar,
  pointOf,
  publicKeyOf,
  secretKeyOf,
} from './bbs-group.ts';
import {
  blindGenerators,
  blindSign,
  commitmentBases,
  commitTo,
  openCommitment,
  prove,
  verifyProof,
  verifySignature,
  type Extension,
  type Terms,
} from './bbs.ts';
import { endorsedKey, statedKey } from './endorsed-keys.ts';
import {
  claimsOf,
  decodeIssued,
  decodePresented,
  encodeIssuerHeader,
  encodePresentationHeader,
  encodeToken,
  isNumber,
  MAX_PERIODS,
  payloadOf,
  PERIOD_S,
  requireValue,
  scopeOf,
  type IssuedToken,
  type IssuerHeader,
  type PresentationHeader,
} from './jpt.ts';
import type { JwsHeader } from './jws.ts';
import type { CommittedAttribute } from './attributes.ts';
import { Predicates, type Opening } from './predicate.ts';
import type { KeyBindingExpected, SdJwtCheck } from './sd-jwt.ts';
import type { ClaimPath } from './sd-jwt-disclosures.ts';

/** The drafts' blind interface with numbers signed as they are, a pseudonym and commitments to hidden numbers. */
const API_ID = `${CIPHERSUITE}BLIND_H2G_HM2S_ALLOTMENT-1_`;
const CLOCK_SKEW_S = 60;
const DEFAULT_AGE_S = 300;
/** Of what the holder keeps from the issuer: the link secret. */
const HIDDEN = 1;

const [Y0, Y1] = commitmentBases(API_ID);
/** Bounds of numbers in such credentials, proved of a commitment that each showing makes anew. */
export const unlinkablePredicates = new Predicates<G1>({
  zero: G1.ZERO,
  G: Y1,
  H: Y0,
  order: G1.Fn.ORDER,
  elementBytes: 48,
  read: (bytes) => {
    try {
      return pointOf(bytes, 'commitment');
    } catch (error) {
      if (error instanceof Refusal) return null;
      throw error;
    }
  },
  transcript: utf8('allotment/predicate/v1/transcript/bls12-381'),
});

/** An issuer's pair of keys of key material (48 bytes). */
export function issuerKeys(material: Uint8Array): { secret: bigint; publicKey: Uint8Array } {
  const secret = secretKeyOf(material);
  return { secret, publicKey: publicKeyOf(secret) };
}

/** What a holder needs to show a credential, and nobody else may have. */
export interface HolderSecrets {
  /** Key material of the link secret, the same for all credentials of one wallet. */
  link: Uint8Array;
  /** Factor that hid it from the issuer, 32 bytes. */
  blind: Uint8Array;
}

/** A commitment to the link secret, for an issuer, and the factor that hides it. */
export function commitToLink(link: Uint8Array): { commitment: Uint8Array; blind: Uint8Array } {
  const { octets, blind } = commitTo([messageScalar(link, API_ID)], API_ID);
  return { commitment: octets, blind: G1.Fn.toBytes(blind) };
}

/** Throws Refusal `bbs-commitment` unless a commitment was made by somebody who knows what is in it. */
export function checkCommitment(commitment: Uint8Array): void {
  openCommitment(commitment, HIDDEN, API_ID);
}

function termsOf(publicKey: Uint8Array, header: Uint8Array, claims: number): Terms {
  return { publicKey, header, apiId: API_ID, generators: blindGenerators(claims, HIDDEN, API_ID) };
}

function scalarOf(name: string, octets: Uint8Array, value: unknown): bigint {
  return isNumber(name) ? BigInt(value as number) : messageScalar(octets, API_ID);
}

function messagesOf({ header, payloads }: IssuedToken, { link, blind }: HolderSecrets): bigint[] {
  return [
    ...payloads.map(({ octets, value }, index) => scalarOf(header.claims[index]!, octets, value)),
    G1.Fn.fromBytes(blind),
    messageScalar(link, API_ID),
  ];
}

/** The end of the period in which `seconds` lies, `periods` later. */
export function endOfPeriod(seconds: number, periods: number): number {
  return (Math.ceil(seconds / PERIOD_S) + periods) * PERIOD_S;
}

export interface UnlinkableDraft extends Pick<IssuerHeader, 'iss' | 'vct' | 'exp' | 'keys'> {
  claims: Record<string, unknown>;
}

/** Signs claims together with what a holder committed to. Throws DecodeError, Refusal `bbs-commitment`. */
export function issueUnlinkable(
  { secret, publicKey }: ReturnType<typeof issuerKeys>,
  { claims, ...draft }: UnlinkableDraft,
  commitment: Uint8Array,
): string {
  const names = Object.keys(claims).sort();
  const header = encodeIssuerHeader({ ...draft, claims: names });
  const payloads = names.map((name) => payloadOf(claims[name]));
  const messages = names.map((name, index) => {
    requireValue(name, claims[name]);
    return scalarOf(name, payloads[index]!, claims[name]);
  });
  const terms = termsOf(publicKey, header, names.length);
  const signature = blindSign(secret, terms, messages, openCommitment(commitment, HIDDEN, API_ID));
  return encodeToken([header], payloads, [signature]);
}

export type UnlinkableCheck = Pick<SdJwtCheck, 'now' | 'issuerKey'>;

/** Key of a token's issuer, as its Auto ID states it, for a token that holds now. */
function keyOf(header: IssuerHeader, how: UnlinkableCheck) {
  if (header.exp <= how.now)
    throw new Refusal('expired', `exp ${header.exp}`, 'This credential has expired.');
  if (header.exp > endOfPeriod(how.now, MAX_PERIODS))
    throw new Refusal(
      'lifetime',
      `exp ${header.exp}`,
      'This credential would hold for too long: it cannot be taken back.',
    );
  const endorsed = endorsedKey(header.keys, header.iss, how);
  if (!isPublicKey(endorsed.publicKey))
    throw new Refusal('bbs-public-key', 'no point of the group', 'This is not the key of an issuer.');
  return endorsed;
}

/** A key of an issuer's, to compare it with those that others were given. */
export interface SeenKey {
  issuer: string;
  /** SHA-256 of the key, hex. */
  fingerprint: string;
  until: number;
}

function seenKey(issuer: string, publicKey: Uint8Array, until: number): SeenKey {
  return { issuer, fingerprint: toHex(sha256(publicKey)), until };
}

/** Verifies a credential that was issued to these secrets. Throws DecodeError or the Refusal of the check. */
export function checkIssued(
  credential: string,
  secrets: HolderSecrets,
  how: UnlinkableCheck,
): { header: JwsHeader; issuer: string; key: SeenKey } {
  const token = decodeIssued(credential);
  const { publicKey, header, until } = keyOf(token.header, how);
  const terms = termsOf(publicKey, token.headerOctets, token.payloads.length);
  const [signature, ...more] = token.proof;
  if (more.length > 0 || !verifySignature(terms, messagesOf(token, secrets), signature!))
    throw new Refusal(
      'signature',
      'the issuer’s signature',
      'The issuer did not sign this credential for you.',
    );
  return { header, issuer: token.header.iss, key: seenKey(token.header.iss, publicKey, until) };
}

function extensionOf(
  claims: readonly string[],
  presentation: Omit<PresentationHeader, 'alg' | 'iat'>,
): Extension {
  return {
    pseudonym: { index: claims.length + HIDDEN, scope: scopeOf(presentation) },
    committed: presentation.committed.map((name) => claims.indexOf(name)),
  };
}

export interface Showing {
  names: ReadonlySet<string>;
  secrets: HolderSecrets;
  nonce: string;
  audience: string;
  now: number;
  scope: PresentationHeader['scope'];
  /** Hidden numbers to commit to, because something of them is to be proved. */
  committed: readonly CommittedAttribute[];
}

/**
 * Shows some claims of a credential, by a proof that is made anew and has nothing in common with any other. Throws
 * Refusal `unknown-claim`, `bbs-…`.
 */
export function presentUnlinkable(
  credential: string,
  showing: Showing,
): { presentation: string; openings: Map<CommittedAttribute, Opening & { commitment: Uint8Array }> } {
  const token = decodeIssued(credential);
  const { claims, keys } = token.header;
  const unknown = [...showing.names, ...showing.committed].find((name) => !claims.includes(name));
  if (unknown !== undefined)
    throw new Refusal('unknown-claim', unknown.slice(0, 80), 'The credential does not have this claim.');
  const disclosed = claims.map((name) => showing.names.has(name));
  const committed = [...new Set(showing.committed)]
    .filter((name) => !showing.names.has(name))
    .sort((a, b) => claims.indexOf(a) - claims.indexOf(b));
  const { nonce, audience, now, scope } = showing;
  const header = encodePresentationHeader({ aud: audience, nonce, iat: now, scope, committed });
  const messages = messagesOf(token, showing.secrets);
  const proof = prove(
    termsOf(statedKey(keys), token.headerOctets, claims.length),
    token.proof[0]!,
    messages,
    disclosed,
    header,
    extensionOf(claims, { aud: audience, nonce, scope, committed }),
  );
  const openings = new Map(
    committed.map((name, index) => {
      const { point, factor } = proof.openings[index]!;
      const value = Number(messages[claims.indexOf(name)]);
      const blinding = G1.Fn.toBytes(factor).reverse();
      return [name, { value, blinding, commitment: point.toBytes() }];
    }),
  );
  const presentation = encodeToken(
    [header, token.headerOctets],
    token.payloads.map(({ octets }, index) => (disclosed[index] === true ? octets : null)),
    [proof.octets, proof.pseudonym, ...proof.commitments],
  );
  return { presentation, openings };
}

export interface UnlinkablePresentation {
  /** Header of the issuer's statement about its key, with the certificates that came along. */
  header: JwsHeader;
  /** Claims that were told, with issuer, type and end. */
  claims: ReturnType<typeof claimsOf>;
  disclosed: ClaimPath[];
  scope: PresentationHeader['scope'];
  /** The holder under this scope, hex: equal for all credentials of one wallet, different under every other scope. */
  pseudonym: string;
  /** Commitments to hidden numbers that bounds are proved of. */
  commitments: Map<CommittedAttribute, Uint8Array>;
  key: SeenKey;
}

/** Verifies a shown credential completely. Throws DecodeError, or the Refusal of the check that failed. */
export function verifyUnlinkable(
  text: string,
  expected: KeyBindingExpected & { scope: PresentationHeader['scope'] },
  how: UnlinkableCheck,
): UnlinkablePresentation {
  const token = decodePresented(text);
  const { presentation, header } = token;
  const { publicKey, header: statement, until } = keyOf(header, how);
  const refuse = (reason: string, message: string): never => {
    throw new Refusal(`showing-${reason}`, message, 'This was not made for the question that was asked.');
  };
  if (presentation.nonce !== expected.nonce) refuse('nonce', 'another nonce');
  if (presentation.aud !== expected.audience) refuse('audience', `made for ${presentation.aud.slice(0, 80)}`);
  if (presentation.scope !== expected.scope) refuse('scope', `a pseudonym for ${presentation.scope}`);
  const age = how.now - presentation.iat;
  if (age > (expected.maxAgeSeconds ?? DEFAULT_AGE_S) || age < -CLOCK_SKEW_S)
    refuse('age', `made ${age} seconds ago`);
  const extension = extensionOf(header.claims, presentation);
  const ascending = extension.committed.every(
    (index, at) => token.payloads[index] === null && (at === 0 || extension.committed[at - 1]! < index),
  );
  if (!ascending) refuse('commitments', `commitments to ${presentation.committed.join(', ')}`);
  const [octets, pseudonym, ...commitments] = token.proof;
  if (octets === undefined || pseudonym === undefined) refuse('proof', `${token.proof.length} parts`);
  const proof = { octets: octets!, pseudonym: pseudonym!, commitments };
  const told = token.payloads.map((payload, index) =>
    payload === null ? null : scalarOf(header.claims[index]!, payload.octets, payload.value),
  );
  // Blinding factor and link secret are never told.
  const messages = [...told, null, null];
  const terms = termsOf(publicKey, token.headerOctets, told.length);
  if (!verifyProof(terms, proof, messages, token.presentationOctets, extension))
    throw new Refusal('proof', 'it does not hold', 'What was shown is not what the issuer signed for them.');
  return {
    header: statement,
    claims: claimsOf(token),
    disclosed: header.claims.flatMap((name, index) => (token.payloads[index] === null ? [] : [[name]])),
    scope: presentation.scope,
    pseudonym: toHex(pseudonym!),
    commitments: new Map(
      presentation.committed.map((name, index) => [name, commitments[index]!.subarray(0, 48)]),
    ),
    key: seenKey(header.iss, publicKey, until),
  };
}
