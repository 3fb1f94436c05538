/** Certificates of those who sign passports: document signers, and the authorities of countries (CSCA) above them. */
import { equal } from '../../protocol/bytes.ts';
import { Refusal } from '../../wallet/errors.ts';
import {
  attributeText,
  basicConstraints,
  decodeName,
  extendedKeyUsage,
  keyUsage,
  readAlgorithm,
  type Certificate,
  type TbsCertificate,
} from '../certificate.ts';
import { contextTag, DerReader, readDer, TAG } from '../der.ts';
import { OID } from '../oids.ts';
import { checkSignature } from './algorithms.ts';

const COUNTRY = '2.5.4.6';
/** Certificates of ICAO's other purposes: lists of authorities and of faults, seals and proofs for people to scan. */
const OTHER_PURPOSE = /^2\.23\.136\.1\.1\./;
const DOCUMENT_TYPES = '2.23.136.1.1.6.2';
const MAX_DOCUMENT_TYPES = 32;
/** Extensions that are looked at, or that do not restrict what a certificate may do here. */
const UNDERSTOOD: readonly string[] = [
  OID.basicConstraints,
  OID.keyUsage,
  OID.extendedKeyUsage,
  OID.subjectKeyIdentifier,
  OID.authorityKeyIdentifier,
  OID.subjectAltName,
  '2.5.29.16', // private key usage period
  '2.5.29.18', // issuer alternative name
  '2.5.29.31', // distribution points of revocation lists
  '2.5.29.32', // policies
  '2.23.136.1.1.6.1', // change of name
  DOCUMENT_TYPES,
];

const comparable = (der: Uint8Array): string =>
  decodeName(der)
    .map(
      (attribute) =>
        `${attribute.oid}=${attributeText(attribute).trim().replaceAll(/\s+/g, ' ').toLowerCase()}`,
    )
    .join('\n');

/** Whether two names are the same, whatever string types and letter cases they are written in. Throws DecodeError. */
export function isNamed(name: Uint8Array, other: Uint8Array): boolean {
  return equal(name, other) || comparable(name) === comparable(other);
}

/** A name as text, its country last. Throws DecodeError. */
export function nameText(name: Uint8Array): string {
  return decodeName(name)
    .map((attribute) => attributeText(attribute).trim())
    .toReversed()
    .join(', ');
}

/** Country code of a name, upper case; null if it has none or several. Throws DecodeError. */
export function countryOf(name: Uint8Array): string | null {
  const [first, second] = decodeName(name).filter(({ oid }) => oid === COUNTRY);
  return first === undefined || second !== undefined ? null : attributeText(first).trim().toUpperCase();
}

/** Identifier of a certificate's key, or null. Throws DecodeError. */
export function subjectKeyId({ extensions }: TbsCertificate): Uint8Array | null {
  const found = extensions.find(({ oid }) => oid === OID.subjectKeyIdentifier);
  return found === undefined
    ? null
    : readDer(found.value, 'key-identifier', (reader) => reader.expect(TAG.octetString).content);
}

/** Identifier of the issuer's key, or null. Throws DecodeError. */
function issuerKeyId({ extensions }: TbsCertificate): Uint8Array | null {
  const found = extensions.find(({ oid }) => oid === OID.authorityKeyIdentifier);
  if (found === undefined) return null;
  return readDer(found.value, 'key-identifier', (reader) => {
    const list = reader.enter(TAG.sequence);
    return list.optional(contextTag(0, false))?.content ?? null;
  });
}

/** Kinds of document (`P`, `ID`, …) that a signer may sign, or null if it is not restricted. Throws DecodeError. */
function documentTypes({ extensions }: TbsCertificate): string[] | null {
  const found = extensions.find(({ oid }) => oid === DOCUMENT_TYPES);
  if (found === undefined) return null;
  return readDer(found.value, 'document-types', (reader) => {
    const list = reader.enter(TAG.sequence);
    list.small('version', 0);
    const set = list.enter(TAG.set, 'document types');
    list.finish();
    const types: string[] = [];
    while (!set.ended) {
      if (types.length >= MAX_DOCUMENT_TYPES) reader.fail(`more than ${MAX_DOCUMENT_TYPES} types`);
      const { content } = set.expect(TAG.printableString, 'document type');
      types.push(new TextDecoder().decode(content));
    }
    return types;
  });
}

function requireUnderstood({ extensions }: TbsCertificate, whose: string): void {
  const odd = extensions.find(({ oid, critical }) => critical && !UNDERSTOOD.includes(oid));
  if (odd !== undefined)
    throw new Refusal(
      'critical-extension',
      `${whose}: ${odd.oid}`,
      'A certificate of this passport has a restriction that is not known here.',
    );
}

/** Whether a certificate may issue others; one without key usage is not restricted. Throws DecodeError. */
export function isAuthority(tbs: TbsCertificate): boolean {
  return basicConstraints(tbs).authority && (keyUsage(tbs)?.includes('keyCertSign') ?? true);
}

/**
 * Throws Refusal unless a certificate may sign a document of this kind: `document-signer-usage`, `document-type`,
 * `critical-extension`; DecodeError.
 *
 * @param documentCode First two characters of the machine-readable zone, without filler.
 */
export function requireDocumentSigner(tbs: TbsCertificate, documentCode: string): void {
  const refuse = (message: string): never => {
    throw new Refusal(
      'document-signer-usage',
      message,
      'This passport’s signer has a certificate that is not for signing passports.',
    );
  };
  requireUnderstood(tbs, 'document signer');
  if (basicConstraints(tbs).authority) refuse('it is an authority');
  if (!(keyUsage(tbs)?.includes('digitalSignature') ?? false)) refuse('no digitalSignature');
  const purpose = extendedKeyUsage(tbs)?.find((one) => OTHER_PURPOSE.test(one));
  if (purpose !== undefined) refuse(`it is for ${purpose}`);
  const types = documentTypes(tbs);
  if (types !== null && !types.some((type) => type === documentCode || type === documentCode.slice(0, 1)))
    throw new Refusal(
      'document-type',
      `${documentCode}, signer for ${types.join(', ')}`,
      'This passport’s signer may sign other kinds of document only.',
    );
}

/** Throws Refusal `certificate-expired` or `certificate-not-yet-valid`, with whose it is. `now`: ms since the epoch. */
export function requireTime({ notBefore, notAfter }: TbsCertificate, now: number, whose: string): void {
  const day = (at: number) => new Date(at).toISOString().slice(0, 10);
  if (now < notBefore)
    throw new Refusal(
      'certificate-not-yet-valid',
      `${whose}: ${day(notBefore)}`,
      `The certificate of ${whose} is valid from ${day(notBefore)} on only.`,
    );
  if (now > notAfter)
    throw new Refusal(
      'certificate-expired',
      `${whose}: ${day(notAfter)}`,
      `The certificate of ${whose} ended on ${day(notAfter)}.`,
    );
}

/**
 * The authority among some that issued a certificate.
 *
 * @throws Refusal `csca-unknown` if none has the issuer's name, `document-signer-signature` if none of those signed it;
 *   `weak-algorithm`, `unknown-algorithm`; DecodeError.
 */
export function issuerAmong(
  certificate: Certificate,
  authorities: readonly Certificate[],
  country: string,
): { authority: Certificate; algorithm: string } {
  const { tbs, signatureAlgorithm, signature } = certificate;
  if (!equal(signatureAlgorithm, tbs.signatureAlgorithm))
    throw new Refusal(
      'document-signer-signature',
      'two algorithms',
      'The certificate of this passport’s signer contradicts itself.',
    );
  const wanted = issuerKeyId(tbs);
  const named = authorities.filter((one) => isNamed(one.tbs.subject, tbs.issuer));
  if (named.length === 0)
    throw new Refusal(
      'csca-unknown',
      nameText(tbs.issuer),
      `None of the certificates of countries that you gave is the one above this passport’s signer (${country}).`,
    );
  const likely = (one: Certificate) => {
    const own = subjectKeyId(one.tbs);
    return wanted !== null && own !== null && equal(own, wanted) ? 0 : 1;
  };
  const algorithm = readAlgorithm(new DerReader(signatureAlgorithm, 'signature-algorithm'));
  // A key that is certified anew keeps its name and key: the certificate that lasts longest speaks for it.
  const ordered = named.toSorted((a, b) => likely(a) - likely(b) || b.tbs.notAfter - a.tbs.notAfter);
  for (const authority of ordered) {
    const found = checkSignature(
      authority.tbs.publicKeyInfo,
      algorithm,
      tbs.raw,
      signature,
      'document signer',
    );
    if (found.holds) return { authority, algorithm: found.name };
  }
  throw new Refusal(
    'document-signer-signature',
    `none of ${named.length} certificates`,
    'The country did not sign the certificate of this passport’s signer.',
  );
}

/** Throws Refusal `csca-usage`, `critical-extension` unless a certificate may issue document signers; DecodeError. */
export function requireAuthority(tbs: TbsCertificate): void {
  requireUnderstood(tbs, 'country');
  if (!isAuthority(tbs))
    throw new Refusal(
      'csca-usage',
      nameText(tbs.subject),
      'The certificate given for the country may not issue others.',
    );
}
