/**
 * Certificates of countries that a person relies on: a master list (ICAO Doc 9303-12, CscaMasterList in CMS), the LDIF file
 * of master lists that ICAO publishes, a zip of such files, or plain certificates in PEM or DER.
 */
import { base64 } from '@scure/base';
import { toHex } from '../../protocol/bytes.ts';
import { DecodeError, ProtocolError } from '../../protocol/errors.ts';
import { Refusal } from '../../wallet/errors.ts';
import { decodeForeignCertificate, extendedKeyUsage, type Certificate } from '../certificate.ts';
import { DerReader, readDer, TAG } from '../der.ts';
import { sha256 } from '@noble/hashes/sha2.js';
import { bounded, checkSigner, decodeSignedData, signerOf } from './cms.ts';
import { countryOf, isAuthority, issuerAmong, nameText } from './certificates.ts';
import { unzipped, type PassportFile } from './files.ts';

const MASTER_LIST = '2.23.136.1.1.2';
const MASTER_LIST_SIGNER = '2.23.136.1.1.3';
const WHAT = 'master-list';
const MAX_LIST_BYTES = 16 * 1024 * 1024;
const MAX_FILE_BYTES = 64 * 1024 * 1024;
const MAX_CERTIFICATES = 20_000;

export interface Authorities {
  /** Certificates that may issue others. */
  countries: Certificate[];
  /** Certificates that may not: document signers, which some passports leave out. */
  signers: Certificate[];
  /** Who signed the master lists, by name. */
  listedBy: string[];
  /** Certificates that could not be read, of lists that hold many. */
  unreadable: number;
}

interface Found {
  ders: Uint8Array[];
  listedBy: string[];
}

/** Certificates of a master list, whose signature must be by somebody that a country in the list made a signer of lists. */
function masterList(der: Uint8Array): Found {
  const signed = decodeSignedData(bounded(der, MAX_LIST_BYTES, WHAT), MASTER_LIST, WHAT);
  const ders = readDer(signed.content, WHAT, (reader) => {
    const list = reader.enter(TAG.sequence, 'master list');
    list.small('version', 0);
    const set = list.enter(TAG.set, 'certificates');
    list.finish();
    const found: Uint8Array[] = [];
    while (!set.ended) {
      if (found.length >= MAX_CERTIFICATES) reader.fail(`more than ${MAX_CERTIFICATES} certificates`);
      found.push(set.expect(TAG.sequence, 'certificate').raw);
    }
    return found;
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
  const above = [...signed.certificates, ...ders.map(readable).filter((one) => one !== null)].filter(
    ({ tbs }) => isAuthority(tbs),
  );
  issuerAmong(signer, above, 'the master list');
  return { ders, listedBy: [nameText(signer.tbs.subject)] };
}

function readable(der: Uint8Array): Certificate | null {
  try {
    const certificate = decodeForeignCertificate(der);
    isAuthority(certificate.tbs);
    return certificate;
  } catch (error) {
    if (error instanceof ProtocolError) return null;
    throw error;
  }
}

const PEM = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END/g;
/** Master lists in the LDIF file of ICAO's directory: base 64, continued on lines that begin with a space. */
const LDIF =
  /^(?:pkdMasterListContent|CscaMasterListData)(?:;binary)?:: ?([A-Za-z0-9+/=]+(?:\r?\n [A-Za-z0-9+/=]+)*)/gim;

function decoded(text: string): Uint8Array {
  try {
    return base64.decode(text.replaceAll(/\s/g, ''));
  } catch {
    throw new DecodeError(WHAT, 'not base 64');
  }
}

function certificatesIn(file: PassportFile): Found {
  const { name, content } = bounded(file.content, MAX_FILE_BYTES, WHAT) && file;
  if (content[0] === 0x50 && content[1] === 0x4b)
    return merged(unzipped(file, MAX_FILE_BYTES).map(certificatesIn));
  if (content[0] === TAG.sequence) {
    // A certificate begins with another sequence, CMS with an object identifier.
    const [inner] = [new DerReader(content, WHAT).enter(TAG.sequence, 'file')];
    return inner.peek() === TAG.oid ? masterList(content) : { ders: [content], listedBy: [] };
  }
  const text = new TextDecoder().decode(content);
  const lists = Array.from(text.matchAll(LDIF), ([, body]) => masterList(decoded(body!)));
  if (lists.length > 0) return merged(lists);
  const ders = Array.from(text.matchAll(PEM), ([, body]) => decoded(body!));
  if (ders.length === 0)
    throw new DecodeError(
      WHAT,
      `${name}: neither a master list nor certificates`,
      {},
      `“${name}” holds no certificates of countries.`,
    );
  return { ders, listedBy: [] };
}

function merged(found: readonly Found[]): Found {
  return { ders: found.flatMap(({ ders }) => ders), listedBy: found.flatMap(({ listedBy }) => listedBy) };
}

/**
 * Reads the certificates that a person relies on. One that cannot be read does not spoil a list: it is counted.
 *
 * @throws DecodeError; Refusal `master-list-signature` and what a signed file is refused for.
 */
export function readAuthorities(files: readonly PassportFile[]): Authorities {
  const { ders, listedBy } = merged(files.map(certificatesIn));
  if (ders.length > MAX_CERTIFICATES) throw new DecodeError(WHAT, `${ders.length} certificates`);
  const different = new Map(ders.map((der) => [toHex(sha256(der)), der]));
  const all = Array.from(different.values(), readable);
  const read = all.filter((one) => one !== null);
  return {
    countries: read.filter(({ tbs }) => isAuthority(tbs)),
    signers: read.filter(({ tbs }) => !isAuthority(tbs)),
    listedBy: [...new Set(listedBy)],
    unreadable: all.length - read.length,
  };
}

/** Countries that a set of certificates is of, by code. */
export function countriesOf({ countries }: Authorities): string[] {
  const codes = countries.map(({ tbs }) => countryOf(tbs.subject)).filter((code) => code !== null);
  return [...new Set(codes)].toSorted();
}
