/** Lists of certificates that countries withdrew (CRL, RFC 5280): of document signers, as Doc 9303-12 has them. */
import { ProtocolError } from '../../protocol/errors.ts';
import { Refusal } from '../../wallet/errors.ts';
import { readAlgorithm, readExtensions, type Algorithm, type Certificate } from '../certificate.ts';
import { contextTag, fromBigEndian, readDer, readTime, TAG, type DerReader } from '../der.ts';
import { checkSignature } from './algorithms.ts';
import { isNamed, nameText } from './certificates.ts';
import { bounded } from './cms.ts';

const WHAT = 'revocation-list';
const MAX_BYTES = 4 * 1024 * 1024;
const MAX_ENTRIES = 100_000;

export interface RevocationList {
  /** DER of what is signed. */
  raw: Uint8Array;
  issuer: Uint8Array;
  /** Milliseconds since the epoch. */
  thisUpdate: number;
  /** When the next one was to come; null if the list does not say. */
  nextUpdate: number | null;
  serials: ReadonlySet<bigint>;
  /** Whether it says what it covers in a way that is not known here. */
  restricted: boolean;
  algorithm: Algorithm;
  signature: Uint8Array;
}

/** What a list says of a signer that is not on it. */
export interface NotRevoked {
  /** Milliseconds since the epoch. */
  thisUpdate: number;
  /** Whether a newer one was to come by now. */
  outdated: boolean;
}

const isTime = (reader: DerReader): boolean =>
  reader.peek() === TAG.utcTime || reader.peek() === TAG.generalizedTime;

function readEntries(reader: DerReader): Set<bigint> {
  const entries = reader.enter(TAG.sequence, 'entries');
  const serials = new Set<bigint>();
  while (!entries.ended) {
    if (serials.size >= MAX_ENTRIES) reader.fail(`more than ${MAX_ENTRIES} entries`);
    const entry = entries.enter(TAG.sequence, 'entry');
    serials.add(fromBigEndian(entry.expect(TAG.integer, 'serial').content));
    readTime(entry);
    if (!entry.ended) readExtensions(entry);
    entry.finish();
  }
  return serials;
}

/** Takes a list apart; its signature is not checked yet. Throws DecodeError. */
export function decodeRevocationList(der: Uint8Array): RevocationList {
  return readDer(bounded(der, MAX_BYTES, WHAT), WHAT, (reader) => {
    const outer = reader.enter(TAG.sequence, 'list');
    const signed = outer.expect(TAG.sequence, 'signed part');
    const algorithm = readAlgorithm(outer);
    const signature = outer.bitString('signature');
    outer.finish();
    const inner = outer.into(signed);
    if (inner.peek() === TAG.integer) inner.small('version', 1);
    readAlgorithm(inner);
    const issuer = inner.expect(TAG.sequence, 'issuer').raw;
    const thisUpdate = readTime(inner);
    const nextUpdate = isTime(inner) ? readTime(inner) : null;
    const serials = inner.peek() === TAG.sequence ? readEntries(inner) : new Set<bigint>();
    const wrapped = inner.optional(contextTag(0));
    const extensions = wrapped === null ? [] : readExtensions(inner.into(wrapped));
    inner.finish();
    const restricted = extensions.some(({ critical }) => critical);
    return { raw: signed.raw, issuer, thisUpdate, nextUpdate, serials, restricted, algorithm, signature };
  });
}

function holdsUnder(list: RevocationList, { tbs }: Certificate): boolean {
  try {
    return checkSignature(tbs.publicKeyInfo, list.algorithm, list.raw, list.signature, WHAT).holds;
  } catch (error) {
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}

/**
 * What the newest list of a signer's issuer says of it; null where no list is given that counts: signed by a certificate of
 * that name, and not restricted in a way that is not known here.
 *
 * @param now Milliseconds since the epoch.
 * @throws Refusal `document-signer-revoked`
 */
export function requireNotRevoked(
  { tbs }: Certificate,
  lists: readonly RevocationList[],
  countries: readonly Certificate[],
  now: number,
): NotRevoked | null {
  const above = countries.filter((one) => isNamed(one.tbs.subject, tbs.issuer));
  const own = lists
    .filter((list) => !list.restricted && isNamed(list.issuer, tbs.issuer))
    .filter((list) => above.some((one) => holdsUnder(list, one)))
    .toSorted((a, b) => b.thisUpdate - a.thisUpdate);
  const [newest] = own;
  if (newest === undefined) return null;
  if (newest.serials.has(tbs.serial))
    throw new Refusal(
      'document-signer-revoked',
      `${nameText(tbs.subject)}, list of ${new Date(newest.thisUpdate).toISOString().slice(0, 10)}`,
      'The country has withdrawn the certificate of this passport’s signer.',
    );
  return {
    thisUpdate: newest.thisUpdate,
    outdated: newest.nextUpdate !== null && newest.nextUpdate < now,
  };
}
