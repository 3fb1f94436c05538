/**
 * Certificates of countries that a person relies on, and what countries withdrew: a master list (ICAO Doc 9303-12,
 * CscaMasterList in CMS), the LDIF files of ICAO's directory, a zip of such files, or plain certificates and revocation lists
 * in PEM or DER.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { base64 } from '@scure/base';
import { toHex } from '../../protocol/bytes.ts';
import { DecodeError, ProtocolError } from '../../protocol/errors.ts';
import { Refusal } from '../../wallet/errors.ts';
import { decodeForeignCertificate, extendedKeyUsage, type Certificate } from '../certificate.ts';
import { contextTag, DerReader, readDer, TAG } from '../der.ts';
import { bounded, checkSigner, decodeSignedData, signerOf } from './cms.ts';
import { countryOf, isAuthority, issuerAmong, nameText } from './certificates.ts';
import { isZip, unzipped, type PassportFile } from './files.ts';
import { decodeRevocationList, type RevocationList } from './revocation.ts';

const MASTER_LIST = '2.23.136.1.1.2';
const MASTER_LIST_SIGNER = '2.23.136.1.1.3';
const WHAT = 'master-list';
const MAX_LIST_BYTES = 16 * 1024 * 1024;
const MAX_FILE_BYTES = 128 * 1024 * 1024;
const MAX_ENTRIES = 100_000;

export interface Authorities {
  /** Certificates that may issue others. */
  countries: Certificate[];
  /** Certificates that may not: document signers, which some passports leave out. */
  signers: Certificate[];
  revocations: RevocationList[];
  /** Who signed the master lists, by name. */
  listedBy: string[];
  /** Certificates and lists among many that could not be read, or are not signed as they should be. */
  unreadable: number;
}

/** What a file holds, taken apart as far as it has to be to tell its parts. */
interface Found {
  certificates: Uint8Array[];
  revocations: Uint8Array[];
  listedBy: string[];
  unreadable: number;
}

const found = (parts: Partial<Found>): Found => ({
  certificates: [],
  revocations: [],
  listedBy: [],
  unreadable: 0,
  ...parts,
});

function merged(all: readonly Found[]): Found {
  const sum = found({
    certificates: all.flatMap(({ certificates }) => certificates),
    revocations: all.flatMap(({ revocations }) => revocations),
    listedBy: all.flatMap(({ listedBy }) => listedBy),
    unreadable: all.reduce((total, { unreadable }) => total + unreadable, 0),
  });
  if (sum.certificates.length + sum.revocations.length > MAX_ENTRIES)
    throw new DecodeError(WHAT, `more than ${MAX_ENTRIES} entries`);
  return sum;
}

/** What `read` gives, or null where it refuses what it was given. */
function orNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof ProtocolError) return null;
    throw error;
  }
}

const readable = (der: Uint8Array): Certificate | null =>
  orNull(() => {
    const certificate = decodeForeignCertificate(der);
    isAuthority(certificate.tbs);
    return certificate;
  });

/**
 * Certificates of a master list. Its signature must be by somebody whom a country in the list made a signer of lists: that
 * shows damage and mistakes; whom to trust, the person decides.
 */
function masterList(der: Uint8Array): Found {
  const signed = decodeSignedData(bounded(der, MAX_LIST_BYTES, WHAT), MASTER_LIST, WHAT);
  const certificates = readDer(signed.content, WHAT, (reader) => {
    const list = reader.enter(TAG.sequence, 'master list');
    list.small('version', 0);
    const set = list.enter(TAG.set, 'certificates');
    list.finish();
    const members: Uint8Array[] = [];
    while (!set.ended) {
      if (members.length >= MAX_ENTRIES) reader.fail(`more than ${MAX_ENTRIES} certificates`);
      members.push(set.expect(TAG.sequence, 'certificate').raw);
    }
    return members;
  });
  const refuse = (message: string): never => {
    throw new Refusal(
      'master-list-signature',
      message,
      'This list of countries’ certificates is not signed as it should be. Get it anew from whoever publishes it.',
    );
  };
  const signer = signerOf(signed, signed.certificates) ?? refuse('no certificate of the signer');
  if (!checkSigner(signed, signer, WHAT).holds) refuse('the signature does not hold');
  if (!(extendedKeyUsage(signer.tbs)?.includes(MASTER_LIST_SIGNER) ?? false))
    refuse('no certificate for signing lists');
  const listed = certificates.map(readable).filter((one) => one !== null);
  const above = [...signed.certificates, ...listed].filter(({ tbs }) => isAuthority(tbs));
  if (orNull(() => issuerAmong(signer, above, '')) === null)
    refuse('no country in the list made the signer one');
  return found({ certificates, listedBy: [nameText(signer.tbs.subject)] });
}

const PEM = /-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE|X509 CRL)-----([A-Za-z0-9+/=\s]*)-----END \1-----/g;
/** Entries of the directory's LDIF files that count: base 64, continued on lines that begin with a space. */
const LDIF =
  /^(pkdMasterListContent|CscaMasterListData|userCertificate|cACertificate|certificateRevocationList)(?:;binary)?:: ?([A-Za-z0-9+/=]+(?:\r?\n [A-Za-z0-9+/=]+)*)/gim;

function decoded(text: string): Uint8Array {
  try {
    return base64.decode(text.replaceAll(/\s/g, ''));
  } catch {
    throw new DecodeError(WHAT, 'not base 64');
  }
}

/** A list among many of a directory: one that is not signed as it should be is counted, and does not spoil the others. */
function directoryEntry(kind: string, der: Uint8Array): Found {
  if (/^certificateRevocationList$/i.test(kind)) return found({ revocations: [der] });
  if (/Certificate$/i.test(kind)) return found({ certificates: [der] });
  return orNull(() => masterList(der)) ?? found({ unreadable: 1 });
}

/** A master list begins with an object identifier, a certificate's content with its version, other lists with a number. */
function fromDer(der: Uint8Array): Found {
  const inner = new DerReader(der, WHAT).enter(TAG.sequence, 'file');
  if (inner.peek() === TAG.oid) return masterList(der);
  const kind = inner.enter(TAG.sequence, 'file').peek();
  return kind === contextTag(0) ? found({ certificates: [der] }) : found({ revocations: [der] });
}

function partsOf(file: PassportFile, packed = false): Found {
  const { name, content } = file;
  bounded(content, MAX_FILE_BYTES, WHAT);
  if (!packed && isZip(content))
    return merged(unzipped(file, MAX_FILE_BYTES).map((inner) => partsOf(inner, true)));
  if (content[0] === TAG.sequence) return fromDer(content);
  const text = new TextDecoder().decode(content);
  const entries = Array.from(text.matchAll(LDIF), ([, kind, body]) => directoryEntry(kind!, decoded(body!)));
  const blocks = Array.from(text.matchAll(PEM), ([, label, body]) =>
    found({ [label === 'X509 CRL' ? 'revocations' : 'certificates']: [decoded(body!)] }),
  );
  if (entries.length + blocks.length === 0)
    throw new DecodeError(
      WHAT,
      `${name}: neither a list nor certificates`,
      {},
      `“${name}” holds no certificates of countries.`,
    );
  return merged([...entries, ...blocks]);
}

/**
 * Reads the certificates that a person relies on. One that cannot be read does not spoil a list: it is counted.
 *
 * @throws DecodeError; Refusal `master-list-signature` and what a signed file is refused for.
 */
export function readAuthorities(files: readonly PassportFile[]): Authorities {
  const all = merged(files.map((file) => partsOf(file)));
  const different = new Map(all.certificates.map((der) => [toHex(sha256(der)), der]));
  const certificates = Array.from(different.values(), readable);
  const read = certificates.filter((one) => one !== null);
  const lists = all.revocations.map((der) => orNull(() => decodeRevocationList(der)));
  return {
    countries: read.filter(({ tbs }) => isAuthority(tbs)),
    signers: read.filter(({ tbs }) => !isAuthority(tbs)),
    revocations: lists.filter((one) => one !== null),
    listedBy: [...new Set(all.listedBy)],
    unreadable: all.unreadable + [...certificates, ...lists].filter((one) => one === null).length,
  };
}

/** Countries that a set of certificates is of, by code. */
export function countriesOf({ countries }: Authorities): string[] {
  const codes = countries.map(({ tbs }) => countryOf(tbs.subject)).filter((code) => code !== null);
  return [...new Set(codes)].toSorted();
}
