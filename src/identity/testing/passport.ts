/** Passports of a made-up state, Utopia, for tests: its authority, a signer of documents, and the files of a chip. */
import { p256 } from '@noble/curves/nist.js';
import type { ECDSA } from '@noble/curves/abstract/weierstrass.js';
import { sha1 } from '@noble/hashes/legacy.js';
import { sha224, sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import { utf8 } from '../../protocol/bytes.ts';
import { keyUsageBits, type KeyUsage } from '../certificate.ts';
import {
  bigEndian,
  bitString,
  boolean,
  contextTag,
  element,
  explicit,
  integer,
  nullValue,
  octetString,
  oid,
  sequence,
  setOf,
  TAG,
  time,
  utf8String,
} from '../der.ts';
import { OID } from '../oids.ts';
import type { PassportFile } from '../passport/files.ts';
import { checkDigit } from '../passport/mrz.ts';
import { encodeEcdsa } from '../signature.ts';

const HASH = { sha1, sha224, sha256, sha384, sha512 } as const;
export type TestHash = keyof typeof HASH;

const HASH_OIDS: Record<TestHash, string> = {
  sha1: '1.3.14.3.2.26',
  sha224: '2.16.840.1.101.3.4.2.4',
  sha256: OID.sha256,
  sha384: OID.sha384,
  sha512: OID.sha512,
};
const ECDSA_OIDS: Record<TestHash, string> = {
  sha1: '1.2.840.10045.4.1',
  sha224: '1.2.840.10045.4.3.1',
  sha256: OID.ecdsaSha256,
  sha384: OID.ecdsaSha384,
  sha512: '1.2.840.10045.4.3.4',
};
const RSA_OIDS: Record<TestHash, string> = {
  sha1: OID.sha1WithRsa,
  sha224: '1.2.840.113549.1.1.14',
  sha256: OID.sha256WithRsa,
  sha384: OID.sha384WithRsa,
  sha512: OID.sha512WithRsa,
};
const WEB_HASH: Partial<Record<TestHash, string>> = {
  sha1: 'SHA-1',
  sha256: 'SHA-256',
  sha384: 'SHA-384',
  sha512: 'SHA-512',
};

export const algorithmOf = (hash: TestHash): Uint8Array => sequence(oid(HASH_OIDS[hash]));

/** Something that signs, with the DER of its SubjectPublicKeyInfo and AlgorithmIdentifier. */
export interface TestSigner {
  publicKeyInfo: Uint8Array;
  algorithm: Uint8Array;
  hash: TestHash;
  sign(data: Uint8Array): Promise<Uint8Array>;
}

/** DER of a curve's parameters, spelled out as passports must have them. */
export function spelledOut({ Point }: ECDSA, generator = Point.BASE.toBytes(false)): Uint8Array {
  const { p, a, b, n, h } = Point.CURVE();
  const size = Point.Fp.BYTES;
  return sequence(
    integer(1),
    sequence(oid('1.2.840.10045.1.1'), integer(p)),
    sequence(octetString(bigEndian(a, size)), octetString(bigEndian(b, size))),
    octetString(generator),
    integer(n),
    integer(h),
  );
}

/** A fresh key on a curve; `parameters`: DER of the curve, spelled out unless told. */
export function ecSigner(
  curve: ECDSA = p256,
  hash: TestHash = 'sha256',
  parameters: Uint8Array = spelledOut(curve),
): TestSigner {
  const { secretKey } = curve.keygen();
  const point = curve.getPublicKey(secretKey, false);
  return {
    publicKeyInfo: sequence(sequence(oid(OID.ecPublicKey), parameters), bitString(point)),
    algorithm: sequence(oid(ECDSA_OIDS[hash])),
    hash,
    sign: async (data) =>
      encodeEcdsa(
        curve.sign(HASH[hash](data), secretKey, { prehash: false, lowS: false, format: 'compact' }),
      ),
  };
}

/** A fresh RSA key; `salt`: bytes of RSASSA-PSS's, or null for PKCS#1 v1.5. */
export async function rsaSigner(
  hash: TestHash = 'sha256',
  salt: number | null = null,
  bits = 2048,
): Promise<TestSigner> {
  const name = salt === null ? 'RSASSA-PKCS1-v1_5' : 'RSA-PSS';
  const pair = await crypto.subtle.generateKey(
    { name, modulusLength: bits, publicExponent: new Uint8Array([1, 0, 1]), hash: WEB_HASH[hash]! },
    true,
    ['sign', 'verify'],
  );
  const hashAlgorithm = sequence(oid(HASH_OIDS[hash]), nullValue());
  const algorithm =
    salt === null
      ? sequence(oid(RSA_OIDS[hash]), nullValue())
      : sequence(
          oid(OID.rsaPss),
          sequence(
            explicit(0, hashAlgorithm),
            explicit(1, sequence(oid('1.2.840.113549.1.1.8'), hashAlgorithm)),
            explicit(2, integer(salt)),
          ),
        );
  return {
    publicKeyInfo: new Uint8Array(await crypto.subtle.exportKey('spki', pair.publicKey)),
    algorithm,
    hash,
    sign: async (data) =>
      new Uint8Array(
        await crypto.subtle.sign({ name, saltLength: salt ?? 0 }, pair.privateKey, data.slice()),
      ),
  };
}

const extension = (id: string, critical: boolean, value: Uint8Array) =>
  sequence(oid(id), ...(critical ? [boolean(true)] : []), octetString(value));

export interface TestCertificate {
  der: Uint8Array;
  /** DER of the subject's Name. */
  name: Uint8Array;
  serial: Uint8Array;
  key: TestSigner;
}

export interface CertificateParts {
  country?: string | null;
  commonName?: string;
  key: TestSigner;
  /** Itself where left out. */
  issuer?: TestCertificate;
  notBefore: number;
  notAfter: number;
  authority?: boolean;
  usages?: readonly KeyUsage[] | null;
  purposes?: readonly string[];
  extensions?: readonly Uint8Array[];
}

let serials = 1000;

export function nameOfCountry(country: string | null, commonName: string): Uint8Array {
  return sequence(
    ...(country === null
      ? []
      : [setOf(sequence(oid('2.5.4.6'), element(TAG.printableString, utf8(country))))]),
    setOf(sequence(oid('2.5.4.10'), utf8String('Ministry of Papers'))),
    setOf(sequence(oid(OID.commonName), utf8String(commonName))),
  );
}

export async function makeCertificate(parts: CertificateParts): Promise<TestCertificate> {
  const {
    authority = false,
    key,
    country = 'UT',
    commonName = authority ? 'CSCA Utopia' : 'DS Utopia',
  } = parts;
  const { usages = authority ? ['keyCertSign', 'cRLSign'] : ['digitalSignature'] } = parts;
  const name = nameOfCountry(country, commonName);
  const signing = parts.issuer?.key ?? key;
  serials += 1;
  const serial = integer(serials);
  const bits = keyUsageBits(usages ?? []);
  const tbs = sequence(
    explicit(0, integer(2)),
    serial,
    signing.algorithm,
    parts.issuer?.name ?? name,
    sequence(time(parts.notBefore), time(parts.notAfter)),
    name,
    key.publicKeyInfo,
    explicit(
      3,
      sequence(
        ...(authority ? [extension(OID.basicConstraints, true, sequence(boolean(true), integer(0)))] : []),
        ...(usages === null ? [] : [extension(OID.keyUsage, true, bitString(bits.bits, bits.unused))]),
        ...(parts.purposes === undefined
          ? []
          : [extension(OID.extendedKeyUsage, true, sequence(...parts.purposes.map(oid)))]),
        ...(parts.extensions ?? []),
      ),
    ),
  );
  const der = sequence(tbs, signing.algorithm, bitString(await signing.sign(tbs)));
  return { der, name, serial, key };
}

export const criticalExtension = (id: string, value: Uint8Array) => extension(id, true, value);

export interface MrzParts {
  code?: string;
  state?: string;
  number?: string;
  names?: string;
  nationality?: string;
  birth?: string;
  sex?: string;
  expiry?: string;
  optional?: string;
}

const fill = (text: string, length: number) => text.padEnd(length, '<').slice(0, length);

/** A machine-readable zone with its check digits: the specimen of Doc 9303 unless told. */
export function makeMrz(format: 'TD1' | 'TD2' | 'TD3', parts: MrzParts = {}): string {
  const { code = format === 'TD3' ? 'P' : 'I', state = 'UTO', names = 'ERIKSSON<<ANNA<MARIA' } = parts;
  const { nationality = 'UTO', birth = '740812', sex = 'F', expiry = '320415', optional = '' } = parts;
  const number = fill(parts.number ?? 'L898902C3', 9);
  const digit = (field: string) => field + checkDigit(field);
  const head = fill(code, 2) + fill(state, 3);
  const dates = digit(birth) + sex + digit(expiry);
  if (format === 'TD1') {
    const first = head + digit(number) + fill(optional, 15);
    const extra = fill('', 11);
    const whole = first.slice(5) + digit(birth) + digit(expiry) + extra;
    return first + dates + fill(nationality, 3) + extra + checkDigit(whole) + fill(names, 30);
  }
  const isPassport = format === 'TD3';
  const extra = isPassport ? digit(fill(optional, 14)) : fill(optional, 7);
  const whole = digit(number) + digit(birth) + digit(expiry) + extra;
  return (
    head +
    fill(names, isPassport ? 39 : 31) +
    digit(number) +
    fill(nationality, 3) +
    dates +
    extra +
    checkDigit(whole)
  );
}

/** EF.DG1 of a machine-readable zone. */
export function dataGroup1(mrz: string): Uint8Array {
  return element(0x61, new Uint8Array([0x5f, 0x1f, mrz.length]), utf8(mrz));
}

/** EF.DG2 with bytes in the place of a portrait. */
export const dataGroup2 = (): Uint8Array => element(0x75, new Uint8Array(3000).fill(7));

/** LDS Security Object of some data groups. */
export function ldsObject(
  groups: readonly (readonly [number, Uint8Array])[],
  hash: TestHash,
  version = 0,
): Uint8Array {
  return sequence(
    integer(version),
    algorithmOf(hash),
    sequence(...groups.map(([number, file]) => sequence(integer(number), octetString(HASH[hash](file))))),
    ...(version === 1
      ? [sequence(element(TAG.printableString, utf8('0108')), element(TAG.printableString, utf8('040000')))]
      : []),
  );
}

export interface SignedParts {
  content: Uint8Array;
  signer: TestCertificate;
  contentType?: string;
  /** What the attribute says. */
  signedType?: string;
  /** Content that the digest in the attributes is of. */
  digested?: Uint8Array;
  digestHash?: TestHash;
  /** Further signed attributes. */
  attributes?: readonly Uint8Array[];
  /** Signed attributes left out: the signature is over the content. */
  bare?: boolean;
  certificates?: readonly Uint8Array[];
  /** How often the signer signs. */
  signers?: number;
  algorithm?: Uint8Array;
  /** What is signed in the place of the attributes. */
  signed?: Uint8Array;
}

const LDS_TYPE = '2.23.136.1.1.1';

/** CMS SignedData. */
export async function signedData(parts: SignedParts): Promise<Uint8Array> {
  const { signer, content, contentType = LDS_TYPE, digestHash = signer.key.hash } = parts;
  const attributes = setOf(
    sequence(oid('1.2.840.113549.1.9.3'), setOf(oid(parts.signedType ?? contentType))),
    sequence(oid('1.2.840.113549.1.9.4'), setOf(octetString(HASH[digestHash](parts.digested ?? content)))),
    ...(parts.attributes ?? []),
  );
  const implicit = attributes.slice();
  implicit[0] = contextTag(0);
  const signature = await signer.key.sign(parts.signed ?? (parts.bare ? content : attributes));
  const info = sequence(
    integer(1),
    sequence(signerIssuer(signer), signer.serial),
    algorithmOf(digestHash),
    ...(parts.bare ? [] : [implicit]),
    parts.algorithm ?? signer.key.algorithm,
    octetString(signature),
  );
  const infos = Array.from({ length: parts.signers ?? 1 }, () => info);
  return sequence(
    oid('1.2.840.113549.1.7.2'),
    explicit(
      0,
      sequence(
        integer(3),
        setOf(algorithmOf(digestHash)),
        sequence(oid(contentType), explicit(0, octetString(content))),
        element(contextTag(0), ...(parts.certificates ?? [signer.der])),
        element(TAG.set, ...infos),
      ),
    ),
  );
}

/** Issuer's name in a certificate's DER: the fourth member of what is signed. */
function signerIssuer({ der }: TestCertificate): Uint8Array {
  let at = headerLength(der, 0);
  at += headerLength(der, at);
  for (let member = 0; member < 3; member += 1) at += wholeLength(der, at);
  return der.subarray(at, at + wholeLength(der, at));
}

function headerLength(der: Uint8Array, at: number): number {
  return der[at + 1]! < 0x80 ? 2 : 2 + (der[at + 1]! & 0x7f);
}

function wholeLength(der: Uint8Array, at: number): number {
  const header = headerLength(der, at);
  if (header === 2) return 2 + der[at + 1]!;
  return header + der.subarray(at + 2, at + header).reduce((sum, byte) => sum * 256 + byte, 0);
}

export const YEAR_MS = 365 * 86_400_000;

export interface Utopia {
  authority: TestCertificate;
  signer: TestCertificate;
}

/** A state's authority and signer, at a time (whole seconds in ms). */
export async function foundState(
  now: number,
  keys: { authority?: TestSigner; signer?: TestSigner } = {},
  parts: Partial<CertificateParts> = {},
): Promise<Utopia> {
  const authority = await makeCertificate({
    key: keys.authority ?? ecSigner(),
    authority: true,
    notBefore: now - 3 * YEAR_MS,
    notAfter: now + 12 * YEAR_MS,
    ...(parts.country === undefined ? {} : { country: parts.country }),
  });
  const signer = await makeCertificate({
    key: keys.signer ?? ecSigner(),
    issuer: authority,
    notBefore: now - YEAR_MS,
    notAfter: now + 10 * YEAR_MS,
    ...parts,
  });
  return { authority, signer };
}

export interface PassportParts {
  mrz?: string;
  hash?: TestHash;
  version?: 0 | 1;
  signed?: Partial<SignedParts>;
}

/** Files of a chip that a state's signer signed. */
export async function makePassport(
  { signer }: Utopia,
  { mrz = makeMrz('TD3'), hash = 'sha256', version = 0, signed = {} }: PassportParts = {},
): Promise<{ sod: PassportFile; dg1: PassportFile; dg2: PassportFile; files: PassportFile[] }> {
  const [first, second] = [dataGroup1(mrz), dataGroup2()];
  const content = ldsObject(
    [
      [1, first],
      [2, second],
      [14, new Uint8Array([1])],
    ],
    hash,
    version,
  );
  const sod = {
    name: 'EF.SOD.bin',
    content: element(0x77, await signedData({ content, signer, ...signed })),
  };
  const dg1 = { name: 'EF.DG1.bin', content: first };
  const dg2 = { name: 'EF.DG2.bin', content: second };
  return { sod, dg1, dg2, files: [dg1, dg2, sod] };
}

/** A master list of some authorities, signed by somebody that the first of them made a signer of lists. */
export async function makeMasterList(
  authorities: readonly TestCertificate[],
  now: number,
  signed: Partial<SignedParts> = {},
  purposes: readonly string[] = ['2.23.136.1.1.3'],
): Promise<PassportFile> {
  const signer = await makeCertificate({
    key: ecSigner(),
    issuer: authorities[0]!,
    commonName: 'Master List Signer Utopia',
    notBefore: now - YEAR_MS,
    notAfter: now + YEAR_MS,
    purposes,
  });
  const content = sequence(integer(0), setOf(...authorities.map(({ der }) => der)));
  const list = await signedData({ content, signer, contentType: '2.23.136.1.1.2', ...signed });
  return { name: 'countries.ml', content: list };
}

/** A list of the certificates that an authority withdrew. */
export async function makeRevocationList(
  { name, key }: TestCertificate,
  now: number,
  revoked: readonly TestCertificate[],
  extensions: readonly Uint8Array[] = [],
): Promise<PassportFile> {
  const tbs = sequence(
    integer(1),
    key.algorithm,
    name,
    time(now),
    time(now + YEAR_MS),
    ...(revoked.length === 0 ? [] : [sequence(...revoked.map(({ serial }) => sequence(serial, time(now))))]),
    ...(extensions.length === 0 ? [] : [explicit(0, sequence(...extensions))]),
  );
  const content = sequence(tbs, key.algorithm, bitString(await key.sign(tbs)));
  return { name: 'utopia.crl', content };
}
