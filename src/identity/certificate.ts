/** X.509 certificates as the registry reads them, and their parts that the strict verdict looks at. */
import { sha256 } from '@noble/hashes/sha2.js';
import { DecodeError } from '../protocol/errors.ts';
import { fromUtf8 } from '../wallet/json.ts';
import { contextTag, DerReader, fromBigEndian, readDer, readTime, TAG, type DerElement } from './der.ts';
import { OID } from './oids.ts';

/** Largest certificate that is looked at, in bytes. */
export const MAX_CERTIFICATE_BYTES = 64 * 1024;
const MAX_SERIAL_BYTES = 32;
const MAX_EXTENSIONS = 64;
const MAX_ATTRIBUTES = 64;

export interface Extension {
  oid: string;
  critical: boolean;
  /** Content of the OCTET STRING. */
  value: Uint8Array;
}

export interface NameAttribute {
  oid: string;
  /** Identifier octet of the value's string type. */
  tag: number;
  /** Content octets. */
  value: Uint8Array;
}

/** TBSCertificate, the part that is signed and that the registry stores. */
export interface TbsCertificate {
  /** The bytes as given, with whatever followed the sequence. */
  raw: Uint8Array;
  /** Unsigned value of the serial's content octets. */
  serial: bigint;
  /** Content octets of the serial. */
  serialOctets: Uint8Array;
  /** DER of the inner AlgorithmIdentifier. */
  signatureAlgorithm: Uint8Array;
  /** DER of the issuer's Name. */
  issuer: Uint8Array;
  /** DER of the subject's Name. */
  subject: Uint8Array;
  /** Content octets of the first common name of the subject. */
  commonName: Uint8Array;
  attributes: NameAttribute[];
  /** Milliseconds since the epoch. */
  notBefore: number;
  notAfter: number;
  /** DER of SubjectPublicKeyInfo. */
  publicKeyInfo: Uint8Array;
  extensions: Extension[];
}

/** A whole certificate, taken apart. */
export interface Certificate {
  raw: Uint8Array;
  tbs: TbsCertificate;
  /** DER of the outer AlgorithmIdentifier. */
  signatureAlgorithm: Uint8Array;
  /** Signature without the unused-bits octet. */
  signature: Uint8Array;
}

/** An AlgorithmIdentifier: object identifier and, if given, the parameters. */
export interface Algorithm {
  oid: string;
  parameters: DerElement | null;
}

/** Reads an AlgorithmIdentifier. */
export function readAlgorithm(reader: DerReader): Algorithm {
  const inner = reader.enter(TAG.sequence, 'algorithm');
  const oid = inner.oid('algorithm');
  const parameters = inner.ended ? null : inner.next();
  inner.finish();
  return { oid, parameters };
}

/** Algorithm of an AlgorithmIdentifier's DER; what follows it is left alone, as the registry does. */
export function decodeAlgorithm(der: Uint8Array): Algorithm {
  return readAlgorithm(new DerReader(der, 'signature-algorithm'));
}

/** Attributes of a Name, in the order of the DER. Throws DecodeError. */
export function decodeName(der: Uint8Array): NameAttribute[] {
  return readDer(der, 'certificate-name', (reader) => {
    const names = reader.enter(TAG.sequence, 'name');
    const attributes: NameAttribute[] = [];
    while (!names.ended) {
      const set = names.enter(TAG.set, 'relative name');
      while (!set.ended) {
        if (attributes.length >= MAX_ATTRIBUTES) reader.fail(`more than ${MAX_ATTRIBUTES} attributes`);
        const attribute = set.enter(TAG.sequence, 'attribute');
        const oid = attribute.oid('attribute');
        const { tag, content } = attribute.next();
        attribute.finish();
        attributes.push({ oid, tag, value: content });
      }
    }
    return attributes;
  });
}

/** Reads a list of extensions. */
export function readExtensions(reader: DerReader): Extension[] {
  const list = reader.enter(TAG.sequence, 'extensions');
  const extensions: Extension[] = [];
  while (!list.ended) {
    if (extensions.length >= MAX_EXTENSIONS) reader.fail(`more than ${MAX_EXTENSIONS} extensions`);
    const item = list.enter(TAG.sequence, 'extension');
    const oid = item.oid('extension');
    const critical = item.peek() === TAG.boolean ? item.boolean('critical') : false;
    const { content } = item.expect(TAG.octetString, 'extension value');
    item.finish();
    extensions.push({ oid, critical, value: content });
  }
  return extensions;
}

/** Object identifier, parameters and key bits of a SubjectPublicKeyInfo. Throws DecodeError. */
export function decodePublicKeyInfo(der: Uint8Array): Algorithm & { key: Uint8Array } {
  return readDer(der, 'public-key-info', (reader) => {
    const info = reader.enter(TAG.sequence, 'public key info');
    const algorithm = readAlgorithm(info);
    const key = info.bitString('public key');
    info.finish();
    return { ...algorithm, key };
  });
}

/**
 * Decodes a TBSCertificate with the tolerance of the registry's `decode_tbs_certificate`: bytes after the
 * sequence stay (they are signed along), a serial is read as the unsigned number of its octets, extensions
 * have to parse but are not judged. Throws DecodeError where the registry answers `InvalidCertificate`, and
 * for serials of more than 32 significant octets.
 */
export function decodeTbs(raw: Uint8Array): TbsCertificate {
  const tbs = readTbs(raw);
  if (!tbs.attributes.some(({ oid }) => oid === OID.commonName))
    throw new DecodeError('certificate', 'no common name');
  return tbs;
}

/** The same for a subject that need not have a common name, which is empty then. */
function readTbs(raw: Uint8Array): TbsCertificate {
  if (raw.length > MAX_CERTIFICATE_BYTES)
    throw new DecodeError('certificate', `${raw.length} bytes, at most ${MAX_CERTIFICATE_BYTES} are read`);
  const tbs = new DerReader(raw, 'certificate').enter(TAG.sequence, 'TBSCertificate');
  const version = tbs.optional(contextTag(0));
  if (version !== null) {
    const inner = tbs.into(version);
    inner.small('version', 0xffffffff);
    inner.finish();
  }
  const serialOctets = tbs.expect(TAG.integer, 'serial').content;
  const serial = fromBigEndian(serialOctets);
  if (serial >> BigInt(8 * MAX_SERIAL_BYTES) !== 0n) tbs.fail('serial of more than 32 octets');
  const algorithm = tbs.expect(TAG.sequence, 'signature algorithm').raw;
  readDer(algorithm, 'certificate', readAlgorithm);
  const issuer = tbs.expect(TAG.sequence, 'issuer').raw;
  decodeName(issuer);
  const validity = tbs.enter(TAG.sequence, 'validity');
  const notBefore = readTime(validity);
  const notAfter = readTime(validity);
  validity.finish();
  if (notBefore < 0 || notAfter < 0) tbs.fail('a validity before 1970');
  const subject = tbs.expect(TAG.sequence, 'subject').raw;
  const attributes = decodeName(subject);
  const commonName = attributes.find(({ oid }) => oid === OID.commonName);
  const publicKeyInfo = tbs.expect(TAG.sequence, 'public key info').raw;
  decodePublicKeyInfo(publicKeyInfo);
  tbs.optional(contextTag(1, false));
  tbs.optional(contextTag(2, false));
  let extensions: Extension[] = [];
  const wrapped = tbs.optional(contextTag(3));
  if (wrapped !== null) {
    const inner = tbs.into(wrapped);
    extensions = readExtensions(inner);
    inner.finish();
  }
  tbs.finish();
  return {
    raw,
    serial,
    serialOctets,
    signatureAlgorithm: algorithm,
    issuer,
    subject,
    commonName: commonName?.value ?? new Uint8Array(),
    attributes,
    notBefore,
    notAfter,
    publicKeyInfo,
    extensions,
  };
}

/** Takes a whole certificate apart. Throws DecodeError. */
export function decodeCertificate(raw: Uint8Array): Certificate {
  return readCertificate(raw, decodeTbs);
}

/** Takes a certificate apart whose subject need not have a common name, which no Auto ID goes without. Throws DecodeError. */
export function decodeForeignCertificate(raw: Uint8Array): Certificate {
  return readCertificate(raw, readTbs);
}

function readCertificate(raw: Uint8Array, read: (tbs: Uint8Array) => TbsCertificate): Certificate {
  if (raw.length > MAX_CERTIFICATE_BYTES)
    throw new DecodeError('certificate', `${raw.length} bytes, at most ${MAX_CERTIFICATE_BYTES} are read`);
  return readDer(raw, 'certificate', (reader) => {
    const outer = reader.enter(TAG.sequence, 'certificate');
    const tbs = outer.expect(TAG.sequence, 'TBSCertificate').raw;
    const signatureAlgorithm = outer.expect(TAG.sequence, 'signature algorithm').raw;
    readDer(signatureAlgorithm, 'certificate', readAlgorithm);
    const signature = outer.bitString('signature');
    outer.finish();
    return { raw, tbs: read(tbs), signatureAlgorithm, signature };
  });
}

/** What extensions are looked for in: a certificate or a request. */
type WithExtensions = Pick<TbsCertificate, 'extensions'>;

function onlyExtension(tbs: WithExtensions, oid: string): Extension | null {
  const found = tbs.extensions.filter((extension) => extension.oid === oid);
  if (found.length > 1) throw new DecodeError('certificate', `extension ${oid} given twice`);
  return found[0] ?? null;
}

/** BasicConstraints; absent means no authority. Throws DecodeError. */
export function basicConstraints(tbs: WithExtensions): { authority: boolean; pathLength: number | null } {
  const extension = onlyExtension(tbs, OID.basicConstraints);
  if (extension === null) return { authority: false, pathLength: null };
  return readDer(extension.value, 'basic-constraints', (reader) => {
    const inner = reader.enter(TAG.sequence);
    const authority = inner.peek() === TAG.boolean ? inner.boolean() : false;
    const pathLength = inner.ended ? null : inner.small('path length', 255);
    inner.finish();
    return { authority, pathLength };
  });
}

/** Names of KeyUsage's bits, in their order. */
const KEY_USAGES = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;
export type KeyUsage = (typeof KEY_USAGES)[number];

/** KeyUsage, or null if the certificate does not say. Throws DecodeError. */
export function keyUsage(tbs: WithExtensions): KeyUsage[] | null {
  const extension = onlyExtension(tbs, OID.keyUsage);
  if (extension === null) return null;
  return readDer(extension.value, 'key-usage', (reader) => {
    const { content } = reader.expect(TAG.bitString);
    const unused = content[0] ?? 8;
    if (unused > 7 || content.length > 3) reader.fail('not a list of key usages');
    return KEY_USAGES.filter((_, bit) => {
      const octet = content[1 + (bit >> 3)] ?? 0;
      return (octet & (0x80 >> (bit & 7))) !== 0;
    });
  });
}

/** Extended key usages by their object identifiers, or null where the certificate is not restricted to any. */
export function extendedKeyUsage(tbs: WithExtensions): string[] | null {
  const extension = onlyExtension(tbs, OID.extendedKeyUsage);
  if (extension === null) return null;
  return readDer(extension.value, 'extended-key-usage', (reader) => {
    const list = reader.enter(TAG.sequence);
    const usages: string[] = [];
    while (!list.ended) {
      if (usages.length >= MAX_EXTENSIONS) reader.fail(`more than ${MAX_EXTENSIONS} usages`);
      usages.push(list.oid());
    }
    return usages;
  });
}

/** DER of a BIT STRING with these key usages. */
export function keyUsageBits(usages: readonly KeyUsage[]): { bits: Uint8Array; unused: number } {
  let last = -1;
  const octets = new Uint8Array(2);
  for (const usage of usages) {
    const bit = KEY_USAGES.indexOf(usage);
    octets[bit >> 3]! |= 0x80 >> (bit & 7);
    last = Math.max(last, bit);
  }
  return { bits: octets.subarray(0, last < 0 ? 0 : (last >> 3) + 1), unused: last < 0 ? 0 : 7 - (last & 7) };
}

/** URIs of the SubjectAlternativeName. Throws DecodeError. */
export function alternativeUris(tbs: WithExtensions): string[] {
  const extension = onlyExtension(tbs, OID.subjectAltName);
  if (extension === null) return [];
  return readDer(extension.value, 'alternative-name', (reader) => {
    const names = reader.enter(TAG.sequence);
    const uris: string[] = [];
    while (!names.ended) {
      const { tag, content } = names.next();
      if (tag === contextTag(6, false)) uris.push(new TextDecoder().decode(content));
    }
    return uris;
  });
}

/** Purpose text of an agent's certificate, or null. Throws DecodeError. */
export function agentPurpose(tbs: WithExtensions): string | null {
  const extension = onlyExtension(tbs, OID.agentPurpose);
  if (extension === null) return null;
  return readDer(extension.value, 'agent-purpose', (reader) => {
    const { content } = reader.expect(TAG.utf8String);
    if (content.length > 1024) reader.fail('more than 1024 bytes');
    return fromUtf8(content, 'agent-purpose');
  });
}

/** A common name as text a person can read; BMPString is UTF-16, others are read as UTF-8. */
export function commonNameText(tbs: TbsCertificate): string {
  const attribute = tbs.attributes.find(({ oid }) => oid === OID.commonName);
  return attribute === undefined ? '' : attributeText(attribute);
}

/** Value of a name's attribute as text. */
export function attributeText({ tag, value }: NameAttribute): string {
  if (tag !== TAG.bmpString) return new TextDecoder().decode(value);
  let text = '';
  for (let index = 0; index + 1 < value.length; index += 2)
    text += String.fromCharCode((value[index]! << 8) | value[index + 1]!);
  return text;
}

/** SHA-256 of a certificate's TBS: what attestations and DID documents name a certificate by. */
export function tbsDigest(tbs: TbsCertificate): Uint8Array {
  return sha256(tbs.raw);
}
