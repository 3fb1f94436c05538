/**
 * What an Auto ID is worth: the registry's own view and a strict one side by side. The registry looks at the
 * direct issuer only and at no flags; the strict verdict walks to the root and checks what X.509 asks for.
 */
import { equal, toHex } from '../protocol/bytes.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { basicConstraints, keyUsage, type Certificate } from './certificate.ts';
import { autoIdOf } from './identifier.ts';
import { OID } from './oids.ts';
import type { RegistryState } from './registry.ts';
import { keyWeakness, verifySignature, weakness } from './signature.ts';

export type VerdictCode =
  | 'ok'
  | 'not-anchored'
  | 'given-up'
  | 'mismatch'
  | 'issuer-gone'
  | 'revoked'
  | 'expired'
  | 'not-yet-valid'
  | 'bad-signature'
  | 'weak-algorithm'
  | 'name-chaining'
  | 'not-an-authority'
  | 'path-length'
  | 'key-usage'
  | 'extensions'
  | 'renewed-after-revocation';

export interface Verdict {
  /** What the registry says of the last certificate: entry, direct issuer's list, validity. */
  chain: VerdictCode;
  /** Every check, the first that fails. */
  strict: VerdictCode;
  /** The checks that need no registry: what the certificates are worth by themselves. */
  certificates: VerdictCode;
}

/** A certificate to be judged. */
export type Judged = Pick<Certificate, 'tbs' | 'signatureAlgorithm'> & {
  /** Null for one that is known from the registry alone, which took no other than a signed one and keeps no signatures. */
  signature: Uint8Array | null;
};

/** Certificates to be judged, root first, at least one. */
export type JudgedChain = readonly [Judged, ...Judged[]];

export interface VerdictInput {
  /** Root first. */
  chain: readonly Judged[];
  /** State of the registry, or null where there is none. */
  state: RegistryState | null;
  /** Milliseconds since the epoch. */
  now: number;
  /** Identifiers (hex) that this wallet has ever seen revoked. */
  seenRevoked: ReadonlySet<string>;
  /** Whether the state has no entry of the last one though it was proven to have one before. */
  givenUp?: boolean;
}

/** Longest chain of certificates that is judged. */
export const MAX_CERTIFICATES = 8;

/** Identifiers of a chain's certificates, root first. */
export function identifiersOf(chain: readonly Pick<Certificate, 'tbs'>[]): Uint8Array[] {
  const ids: Uint8Array[] = [];
  for (const { tbs } of chain) ids.push(autoIdOf(tbs.commonName, ids.at(-1) ?? null));
  return ids;
}

/** Judges a chain of certificates. An empty chain is a RangeError, as is one longer than `MAX_CERTIFICATES`. */
export function judge(input: VerdictInput): Verdict {
  const { chain, state, now } = input;
  if (chain.length === 0 || chain.length > MAX_CERTIFICATES)
    throw new RangeError(`a chain of ${chain.length} certificates`);
  const ids = identifiersOf(chain);
  const certificates = judgeCertificates(chain, now);
  const wasRevoked = ids.map((id) => input.seenRevoked.has(toHex(id)));
  // No registry says whether it was renewed since.
  const unanchored = wasRevoked.includes(true)
    ? 'revoked'
    : input.givenUp === true
      ? 'given-up'
      : 'not-anchored';
  if (state === null) return { chain: 'not-anchored', strict: unanchored, certificates };
  const anchored = anchoring(chain, ids, state);
  const lastIndex = chain.length - 1;
  const ownChain = first(
    () => [anchored.last],
    () => [revocation(chain, ids, state, lastIndex)],
    () => [validity(chain[lastIndex]!.tbs, now)],
  );
  const strict = first(
    () => [anchored.all],
    () => chain.map((_, index) => revocation(chain, ids, state, index)),
    () => [certificates],
    () => wasRevoked.map((seen) => (seen ? 'renewed-after-revocation' : 'ok')),
  );
  return { chain: ownChain, strict: strict === 'not-anchored' ? unanchored : strict, certificates };
}

/**
 * What certificates are worth by themselves, root first, at `now` (milliseconds since the epoch). `open`: of others
 * than Auto IDs, where somebody who is not among them may have signed the first.
 */
export function judgeCertificates(chain: readonly Judged[], now: number, open = false): VerdictCode {
  const [top, ...rest] = chain;
  const isOpen = open && top !== undefined && !equal(top.tbs.issuer, top.tbs.subject);
  const signed = isOpen ? [{ ...top, signature: null }, ...rest] : chain;
  return first(
    () => chain.map(({ tbs }) => validity(tbs, now)),
    () => chain.map((_, index) => signature(signed, index)),
    () => chain.map((_, index) => strength(chain, index)),
    () => chain.map((_, index) => profile(chain, index, open)),
  );
}

/** The first code that is not `ok`; a stage is only looked at once those before it passed. */
function first(...stages: (() => VerdictCode[])[]): VerdictCode {
  for (const stage of stages) {
    const failed = stage().find((code) => code !== 'ok');
    if (failed !== undefined) return failed;
  }
  return 'ok';
}

/** Whether the last certificate, and whether all of them, are what the registry holds. */
function anchoring(
  chain: readonly Judged[],
  ids: readonly Uint8Array[],
  state: RegistryState,
): { last: VerdictCode; all: VerdictCode } {
  const codes = chain.map((certificate, index): VerdictCode => {
    const entry = state.entry(ids[index]!);
    if (entry === null) return index === chain.length - 1 ? 'not-anchored' : 'issuer-gone';
    const parent = ids[index - 1] ?? null;
    const sameIssuer =
      entry.issuer === null ? parent === null : parent !== null && equal(entry.issuer, parent);
    const { publicKeyInfo, raw } = certificate.tbs;
    const same = sameIssuer && equal(entry.publicKeyInfo, publicKeyInfo) && equal(entry.raw, raw);
    return same ? 'ok' : 'mismatch';
  });
  const order: VerdictCode[] = ['not-anchored', 'mismatch', 'issuer-gone'];
  return { last: codes.at(-1)!, all: order.find((code) => codes.includes(code)) ?? 'ok' };
}

function revocation(
  chain: readonly Judged[],
  ids: readonly Uint8Array[],
  state: RegistryState,
  index: number,
): VerdictCode {
  const list = state.revoked(ids[Math.max(0, index - 1)]!);
  return list.has(chain[index]!.tbs.serial) ? 'revoked' : 'ok';
}

function validity({ notBefore, notAfter }: Certificate['tbs'], now: number): VerdictCode {
  if (now > notAfter) return 'expired';
  return now < notBefore ? 'not-yet-valid' : 'ok';
}

function signerOf(chain: readonly Judged[], index: number): Judged {
  return chain[Math.max(0, index - 1)]!;
}

function signature(chain: readonly Judged[], index: number): VerdictCode {
  const { tbs, signatureAlgorithm, signature: value } = chain[index]!;
  if (value === null) return 'ok';
  const { publicKeyInfo } = signerOf(chain, index).tbs;
  const sameAlgorithm = equal(tbs.signatureAlgorithm, signatureAlgorithm);
  return sameAlgorithm && verifySignature(publicKeyInfo, signatureAlgorithm, tbs.raw, value)
    ? 'ok'
    : 'bad-signature';
}

function strength(chain: readonly Judged[], index: number): VerdictCode {
  const { tbs, signatureAlgorithm } = chain[index]!;
  const weak = weakness(signerOf(chain, index).tbs.publicKeyInfo, signatureAlgorithm);
  return (weak ?? keyWeakness(tbs.publicKeyInfo)) === null ? 'ok' : 'weak-algorithm';
}

/** Extensions whose meaning is kept to here. */
const UNDERSTOOD: readonly string[] = [
  OID.basicConstraints,
  OID.keyUsage,
  OID.subjectAltName,
  OID.subjectKeyIdentifier,
  OID.authorityKeyIdentifier,
  OID.agentPurpose,
];

/**
 * Whether a certificate says each thing once, and demands to be understood in nothing that is not (RFC 5280, section 4.2).
 * `others`: whether it may be bound to purposes, of which nothing is known for certificates that are no Auto IDs.
 */
function areUnderstood({ extensions }: Certificate['tbs'], others: boolean): boolean {
  const once = new Set(extensions.map(({ oid }) => oid)).size === extensions.length;
  const understood = others ? [...UNDERSTOOD, OID.extendedKeyUsage] : UNDERSTOOD;
  return once && extensions.every(({ oid, critical }) => !critical || understood.includes(oid));
}

function profile(chain: readonly Judged[], index: number, open: boolean): VerdictCode {
  const { tbs } = chain[index]!;
  const issuer = signerOf(chain, index).tbs;
  if (!equal(tbs.issuer, issuer.subject) && !(open && index === 0)) return 'name-chaining';
  if (!areUnderstood(tbs, open)) return 'extensions';
  try {
    const usages = keyUsage(tbs);
    if (index === chain.length - 1)
      return usages?.includes('digitalSignature') === false ? 'key-usage' : 'ok';
    const { authority, pathLength } = basicConstraints(tbs);
    if (!authority) return 'not-an-authority';
    // Certificates between this one and the last, which itself does not count.
    if (pathLength !== null && chain.length - index - 2 > pathLength) return 'path-length';
    return usages?.includes('keyCertSign') === false ? 'key-usage' : 'ok';
  } catch (error) {
    if (error instanceof ProtocolError) return 'key-usage';
    throw error;
  }
}

/** What a verdict means, in a sentence for the person. */
export const VERDICT_SENTENCES: Record<VerdictCode, string> = {
  ok: 'Everything about this identity checks out.',
  'not-anchored': 'This identity is not registered on the network; its certificates speak for themselves.',
  'given-up': 'This identity was registered on the network and is no longer: it was given up.',
  mismatch: 'The network holds another certificate under this name.',
  'issuer-gone': 'Whoever issued this identity is no longer registered.',
  revoked: 'This identity, or one that it rests on, was revoked.',
  expired: 'This identity, or one that it rests on, has expired.',
  'not-yet-valid': 'This identity is not valid yet.',
  'bad-signature': 'A signature in this identity’s chain does not hold.',
  'weak-algorithm': 'A signature or a key in this identity’s chain is of a kind that can be forged.',
  'name-chaining': 'The names in this identity’s chain do not fit together.',
  'not-an-authority': 'Whoever issued this identity was not allowed to issue any.',
  'path-length': 'This identity’s chain is longer than its root allows.',
  'key-usage': 'A key in this identity’s chain was used for what it may not be used for.',
  extensions:
    'A certificate in this identity’s chain is bound to something that is not understood here, or says a thing twice.',
  'renewed-after-revocation': 'This identity was revoked before and renewed afterwards.',
};
