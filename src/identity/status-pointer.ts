/**
 * Where an issuer's newest list of revocations is, as the registry of identities tells. The pointer is a leaf under the
 * issuer with a fixed name, so that whoever knows the issuer can compute its identifier and have it proven; the
 * certificate's alternative name says which list. Only the issuer can register it or, by a renewal, change it.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { hashOfCid } from '../protocol/cid.ts';
import { utf8 } from '../protocol/bytes.ts';
import { DecodeError } from '../protocol/errors.ts';
import { Refusal } from '../wallet/errors.ts';
import { toBase64Url } from '../wallet/json.ts';
import { alternativeUris, decodeTbs } from './certificate.ts';
import { chainOf, subjectOf, type Chain } from './chain.ts';
import type { IdentityContext } from './context.ts';
import { parseDid } from './did.ts';
import { autoIdOf } from './identifier.ts';
import type { KeySource, OwnIdentity } from './identity-records.ts';
import { issueCertificate, LEAF_USAGES } from './issue.ts';
import { BACKDATE_MS, mayIssue, wholeSecond } from './issue-leaf.ts';
import { decodeJws } from './jws.ts';
import type { RegistryState } from './registry.ts';
import type { RegistryView } from './registry-access.ts';

/** Common name of the leaf. */
const POINTER_NAME = 'list of revocations';

/** Names one signed list. */
export interface StatusPointer {
  /** Seconds since the epoch at which the list was signed; grows with every list. */
  issuedAt: number;
  /** SHA-256 of the list's text, base64url. */
  digest: string;
  /** Identifier of the object on the storage network that holds the text. */
  cid: string;
}

/** What is known of an issuer's announcements. */
interface PointerRecord {
  issuer: string;
  /** The newest that was ever proven: an older one that is proven later does not replace it. */
  proven: StatusPointer | null;
  /** What a node told when it was last asked; it counts only against a list. */
  reported: StatusPointer | null;
}

const URI = /^urn:autonomys:status-list:1:([1-9][0-9]{0,11}):([A-Za-z0-9_-]{43}):([a-z2-7]{59})$/;
const recordId = (issuer: string) => `announced-${issuer}`;

/** Identifier of an issuer's pointer; `issuer`: identifier of the issuer. 32 bytes both. */
export function pointerIdOf(issuer: Uint8Array): Uint8Array {
  return autoIdOf(utf8(POINTER_NAME), issuer);
}

/** Pointer to a signed list in an object. Throws DecodeError for what is no list or no identifier. */
export function pointerTo(token: string, cid: string): StatusPointer {
  hashOfCid(cid);
  return { issuedAt: issuedAt(token), digest: digestOf(token), cid };
}

/** When a list was signed, in seconds since the epoch; 0 if it does not say. Throws DecodeError. */
export function issuedAt(token: string): number {
  const { iat } = decodeJws(token, 'status-list').payload;
  return typeof iat === 'number' ? iat : 0;
}

function digestOf(token: string): string {
  return toBase64Url(sha256(utf8(token)));
}

/** The alternative name that stands for a pointer. */
function pointerUri({ issuedAt: at, digest, cid }: StatusPointer): string {
  return `urn:autonomys:status-list:1:${at}:${digest}:${cid}`;
}

/** The pointer that a registry holds of an issuer (its identifier); null for none, or one that was withdrawn. */
export function pointerIn(registry: RegistryState, issuer: Uint8Array): StatusPointer | null {
  const entry = registry.entry(pointerIdOf(issuer));
  if (entry === null || registry.revoked(issuer).has(entry.serial)) return null;
  try {
    for (const uri of alternativeUris(decodeTbs(entry.raw))) {
      const [, at, digest, cid] = URI.exec(uri) ?? [];
      if (at === undefined || digest === undefined || cid === undefined) continue;
      hashOfCid(cid);
      return { issuedAt: Number(at), digest, cid };
    }
  } catch (error) {
    // The chain does not look at what a certificate says beside its name and key.
    if (!(error instanceof DecodeError)) throw error;
  }
  return null;
}

/**
 * Certificate of a pointer, issued by an identity of one's own. `publicKeyInfo`: of the pointer that is registered, which
 * a renewal keeps; null for a first one, whose key is of the recovery phrase and signs nothing. Throws Refusal
 * `not-an-authority`.
 */
export async function issuePointer(
  context: IdentityContext,
  issuer: OwnIdentity,
  pointer: StatusPointer,
  publicKeyInfo: Uint8Array | null,
): Promise<Chain> {
  const parents = context.chainOf(issuer);
  const { tbs } = subjectOf(parents);
  if (!mayIssue(tbs))
    throw new Refusal('not-an-authority', issuer.did, 'Only an identity that may issue others can announce.');
  const now = wholeSecond(context.now());
  const der = await issueCertificate(await context.signingKey(issuer.key), {
    commonName: POINTER_NAME,
    publicKeyInfo: publicKeyInfo ?? (await ownPointerKey(context, issuer.did)),
    issuer: { name: tbs.subject, publicKeyInfo: tbs.publicKeyInfo },
    notBefore: Math.max(now - BACKDATE_MS, tbs.notBefore),
    notAfter: tbs.notAfter,
    did: pointerUri(pointer),
    authority: null,
    usages: LEAF_USAGES,
  });
  return chainOf([...parents.map(({ raw }) => raw), der]);
}

/** The key of an issuer's pointer: taken once, so that looking what an announcement would cost uses no further one. */
async function ownPointerKey(context: IdentityContext, issuer: string): Promise<Uint8Array> {
  const id = `announcing-${issuer}`;
  const kept = context.get<{ key: KeySource }>(id, 'setting');
  const key = kept?.key ?? (await context.nextKey('ed25519'));
  if (kept === null) await context.put(id, 'setting', { key });
  return (await context.signingKey(key)).publicKeyInfo;
}

/** The one of two pointers that is of the newer list. */
function newer(a: StatusPointer | null, b: StatusPointer | null): StatusPointer | null {
  if (a === null || b === null) return a ?? b;
  return b.issuedAt > a.issuedAt ? b : a;
}

/** Whether a list is at least as new as what its issuer announced. */
export function isCurrent(token: string, announced: StatusPointer | null): boolean {
  if (announced === null) return true;
  const at = issuedAt(token);
  return at > announced.issuedAt || (at === announced.issuedAt && digestOf(token) === announced.digest);
}

/** What is known here of an issuer's announcements, without asking anybody. */
export function knownPointer(context: IdentityContext, issuer: string): StatusPointer | null {
  const { proven = null, reported = null } = context.get<PointerRecord>(recordId(issuer), 'setting') ?? {};
  return newer(proven, reported);
}

/** Asks the registry for an issuer's newest announcement and remembers it. Null if there is none. */
export async function learnPointer(context: IdentityContext, issuer: string): Promise<StatusPointer | null> {
  const did = parseDid(issuer);
  if (did === null || !context.isHere(did)) return knownPointer(context, issuer);
  const { proven, reported } = await context.consult([did.id, pointerIdOf(did.id)]);
  const of = (view: RegistryView | null) => (view === null ? null : pointerIn(view.registry, did.id));
  const before = context.get<PointerRecord>(recordId(issuer), 'setting')?.proven ?? null;
  const record: PointerRecord = { issuer, proven: newer(before, of(proven)), reported: of(reported) };
  if (record.proven === null && record.reported === null) return null;
  await context.put(recordId(issuer), 'setting', record);
  return newer(record.proven, record.reported);
}

/**
 * Fetches the list that a pointer names from the storage network; null where it cannot be had, or is another one. The
 * object's content is checked against its identifier by the storage network, and here against the pointer.
 */
export async function announcedList(
  context: IdentityContext,
  { cid, digest }: StatusPointer,
): Promise<string | null> {
  const content = await context.objectContent(cid);
  if (content === null) return null;
  const token = new TextDecoder().decode(content).trim();
  return digestOf(token) === digest ? token : null;
}
