/**
 * Passive authentication (ICAO Doc 9303-11): whether a state signed the data of a passport. It says nothing of who holds
 * the files now: data can be copied off a chip, and nobody looked at a face.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { toHex } from '../../protocol/bytes.ts';
import { Refusal } from '../../wallet/errors.ts';
import type { Certificate } from '../certificate.ts';
import type { Authorities } from './authorities.ts';
import {
  countryOf,
  issuerAmong,
  nameText,
  requireAuthority,
  requireDocumentSigner,
  requireTime,
} from './certificates.ts';
import { checkSigner, signerOf } from './cms.ts';
import { certificateCountries } from './countries.ts';
import { mrzOf, type PassportFiles } from './files.ts';
import { readMrz, type MachineReadableZone } from './mrz.ts';
import { requireNotRevoked, type NotRevoked } from './revocation.ts';
import { decodeSecurityObject, requireDigests } from './security-object.ts';

const WHAT = 'security object';

/** A certificate as people are told of it. */
export interface CertificateFacts {
  subject: string;
  serial: string;
  /** Milliseconds since the epoch. */
  notBefore: number;
  notAfter: number;
  /** SHA-256 of the certificate, hex. */
  fingerprint: string;
}

/** A passport whose data are signed as they should be. */
export interface AuthenticPassport {
  mrz: MachineReadableZone;
  /** Data groups that were given, and all that the signed list names. */
  groups: number[];
  listed: number[];
  hash: string;
  lds: string | null;
  signer: CertificateFacts & { country: string; algorithm: string };
  /** The country's certificate above the signer, or null if none was given to look for it in. */
  authority: (CertificateFacts & { algorithm: string; notRevoked: NotRevoked | null }) | null;
  /** Files that no signature covers. */
  ignored: string[];
}

function factsOf({ raw, tbs }: Certificate): CertificateFacts {
  return {
    subject: nameText(tbs.subject),
    serial: toHex(tbs.serialOctets),
    notBefore: tbs.notBefore,
    notAfter: tbs.notAfter,
    fingerprint: toHex(sha256(raw)),
  };
}

function requireCountry(state: string, found: string | null, whose: string): void {
  const expected = certificateCountries(state);
  if (expected === null)
    throw new Refusal(
      'country-unknown',
      state,
      `The passport says that “${state}” issued it, which is no state known here.`,
    );
  if (found === null || !expected.includes(found))
    throw new Refusal(
      'country',
      `${whose}: ${found ?? 'none'}, passport: ${state}`,
      `The passport says that ${state} issued it, but the certificate of ${whose} is of ${found ?? 'no country'}.`,
    );
}

/**
 * Authenticates a passport's files, in this order, the first failure being thrown: form of EF.SOD and its signed
 * attributes; digest of every data group; signer and signature; machine-readable zone; what the signer's certificate is
 * for; country; times; the country's certificate above it, and whether the newest list that was given withdraws the signer's.
 *
 * @param authorities Certificates of countries that are relied on; null to be told what is known without.
 * @param now Milliseconds since the epoch.
 * @throws DecodeError; Refusal naming the check.
 */
export function authenticate(
  files: PassportFiles,
  authorities: Authorities | null,
  now: number,
): AuthenticPassport {
  const object = decodeSecurityObject(files.securityObject);
  requireDigests(object, files.groups);
  const signer = signerOf(object.signed, [...object.signed.certificates, ...(authorities?.signers ?? [])]);
  if (signer === null)
    throw new Refusal(
      'document-signer',
      'no certificate of the signer',
      'The certificate of whoever signed this passport is not with it.',
    );
  const signed = checkSigner(object.signed, signer, WHAT);
  if (!signed.holds)
    throw new Refusal(
      'security-object-signature',
      signed.name,
      'The signature over this passport’s data does not hold.',
    );

  const mrz = readMrz(mrzOf(files.groups.get(1)!), now);
  requireDocumentSigner(signer.tbs, mrz.documentCode);
  const country = countryOf(signer.tbs.subject);
  requireCountry(mrz.issuingState, country, 'its signer');
  requireTime(signer.tbs, now, 'its signer');
  const day = new Date(now).toISOString().slice(0, 10);
  if (mrz.expiryDate < day)
    throw new Refusal(
      'document-expired',
      'its date of expiry has passed',
      `This passport ended on ${mrz.expiryDate}.`,
    );

  return {
    mrz,
    groups: [...files.groups.keys()].toSorted((a, b) => a - b),
    listed: [...object.digests.keys()].toSorted((a, b) => a - b),
    hash: `SHA-${object.hash.slice(3)}`,
    lds: object.lds,
    signer: { ...factsOf(signer), country: country!, algorithm: signed.name },
    authority: authorities === null ? null : authorityOf(signer, authorities, mrz.issuingState, now),
    ignored: files.ignored,
  };
}

function authorityOf(
  signer: Certificate,
  { countries, revocations }: Authorities,
  state: string,
  now: number,
): AuthenticPassport['authority'] {
  const { authority, algorithm } = issuerAmong(signer, countries, state);
  requireAuthority(authority.tbs);
  requireCountry(state, countryOf(authority.tbs.subject), 'the country');
  requireTime(authority.tbs, now, 'the country');
  const notRevoked = requireNotRevoked(signer, revocations, countries, now);
  return { ...factsOf(authority), algorithm, notRevoked };
}
