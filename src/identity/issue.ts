/** Certificates and certificate requests that identities make: strict in what is written. */
import { sha256 } from '@noble/hashes/sha2.js';
import { randomBytes } from '../crypto/random.ts';
import { Refusal } from '../wallet/errors.ts';
import { fromUtf8 } from '../wallet/json.ts';
import { toHex, utf8 } from '../protocol/bytes.ts';
import { blake2b256 } from '../protocol/hash.ts';
import {
  agentPurpose,
  commonNameText,
  decodeName,
  decodePublicKeyInfo,
  keyUsageBits,
  MAX_CERTIFICATE_BYTES,
  readExtensions,
  type Extension,
  type KeyUsage,
  type TbsCertificate,
} from './certificate.ts';
import {
  bitString,
  boolean,
  contextTag,
  element,
  explicit,
  integer,
  octetString,
  oid,
  readDer,
  sequence,
  setOf,
  TAG,
  time,
  utf8String,
  type DerReader,
} from './der.ts';
import { signatureAlgorithmOf, signDer, type SigningKey } from './keys.ts';
import { OID } from './oids.ts';
import { keyWeakness, verifySignature } from './signature.ts';

/** Bound of X.520 on a common name, in characters. */
export const MAX_COMMON_NAME = 64;
const MAX_PURPOSE_BYTES = 1024;
const SERIAL_BYTES = 16;
const X509_V3 = 2;

export interface CertificateDraft {
  commonName: string;
  /** DER of SubjectPublicKeyInfo. */
  publicKeyInfo: Uint8Array;
  /** Issuer's Name and SubjectPublicKeyInfo (DER); null for a root, which is its own issuer. */
  issuer: { name: Uint8Array; publicKeyInfo: Uint8Array } | null;
  /** Milliseconds since the epoch, whole seconds. */
  notBefore: number;
  notAfter: number;
  /** URI of the SubjectAlternativeName. */
  did: string;
  /** Whether it may issue others, and how deep; null for a leaf. */
  authority: { pathLength: number } | null;
  usages: readonly KeyUsage[];
  extendedUsages?: readonly string[];
  /** What an agent is for. */
  purpose?: string;
  /** 16 octets, the first 01 to 7f; random unless given. */
  serial?: Uint8Array;
}

/** Key usages of a certificate that may issue, and of one that may not. */
export const AUTHORITY_USAGES: readonly KeyUsage[] = ['digitalSignature', 'keyCertSign', 'cRLSign'];
export const LEAF_USAGES: readonly KeyUsage[] = ['digitalSignature'];
/** Extended key usages of certificates that may sign files, media among them. */
export const SIGNING_PURPOSES: readonly string[] = [OID.emailProtection, OID.documentSigning];

/** A fresh serial: 16 random octets, positive, without a leading zero. */
export function newSerial(): Uint8Array {
  const serial = randomBytes(SERIAL_BYTES);
  serial[0] = (serial[0]! % 0x7f) + 1;
  return serial;
}

/** DER of a Name of one common name. Throws Refusal `common-name`. */
export function nameOf(commonName: string): Uint8Array {
  const length = Array.from(commonName).length;
  if (length === 0 || length > MAX_COMMON_NAME || /[\p{Cc}\p{Cs}]/u.test(commonName)) {
    throw new Refusal(
      'common-name',
      `${length} characters`,
      `A name has 1 to ${MAX_COMMON_NAME} characters and no control characters.`,
    );
  }
  return sequence(setOf(sequence(oid(OID.commonName), utf8String(commonName))));
}

const KEY_SUFFIX_HEX = 16;

/** What makes a common name speak of its key: `~` and the first 16 hex digits of the key's BLAKE2b-256. */
export function keySuffix(publicKeyInfo: Uint8Array): string {
  return `~${toHex(blake2b256(publicKeyInfo)).slice(0, KEY_SUFFIX_HEX)}`;
}

/** Whether a certificate's common name speaks of its own key, so that no other key can have its identifier. */
export function isKeyBound(tbs: TbsCertificate): boolean {
  return commonNameText(tbs).endsWith(keySuffix(tbs.publicKeyInfo));
}

/** Identifier of a key in certificates: the first 20 octets of the SHA-256 of its bits (RFC 7093, method 1). */
function keyIdentifier(publicKeyInfo: Uint8Array): Uint8Array {
  return sha256(decodePublicKeyInfo(publicKeyInfo).key).subarray(0, 20);
}

function extension(id: string, critical: boolean, value: Uint8Array): Uint8Array {
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), octetString(value));
}

function purposeExtension(purpose: string): Uint8Array {
  if (utf8(purpose).length > MAX_PURPOSE_BYTES)
    throw new Refusal('purpose', 'too long', `A purpose has at most ${MAX_PURPOSE_BYTES} bytes.`);
  return extension(OID.agentPurpose, false, utf8String(purpose));
}

function extensionsOf(draft: CertificateDraft): Uint8Array[] {
  const { bits, unused } = keyUsageBits(draft.usages);
  const constraints =
    draft.authority === null ? sequence() : sequence(boolean(true), integer(draft.authority.pathLength));
  const list = [
    extension(OID.basicConstraints, true, constraints),
    extension(OID.keyUsage, true, bitString(bits, unused)),
    extension(OID.subjectKeyIdentifier, false, octetString(keyIdentifier(draft.publicKeyInfo))),
    extension(OID.subjectAltName, false, sequence(element(contextTag(6, false), utf8(draft.did)))),
  ];
  if (draft.issuer !== null) {
    const identifier = element(contextTag(0, false), keyIdentifier(draft.issuer.publicKeyInfo));
    list.push(extension(OID.authorityKeyIdentifier, false, sequence(identifier)));
  }
  if (draft.extendedUsages !== undefined)
    list.push(extension(OID.extendedKeyUsage, false, sequence(...draft.extendedUsages.map(oid))));
  if (draft.purpose !== undefined) list.push(purposeExtension(draft.purpose));
  return list;
}

/** Signs a certificate; `key` is the issuer's. Returns the whole certificate's DER. */
export async function issueCertificate(key: SigningKey, draft: CertificateDraft): Promise<Uint8Array> {
  if (draft.notAfter <= draft.notBefore)
    throw new Refusal('validity', 'ends before it begins', 'The certificate would end before it begins.');
  const subject = nameOf(draft.commonName);
  const algorithm = signatureAlgorithmOf(key.algorithm);
  const tbs = sequence(
    explicit(0, integer(X509_V3)),
    element(TAG.integer, draft.serial ?? newSerial()),
    algorithm,
    draft.issuer?.name ?? subject,
    sequence(time(draft.notBefore), time(draft.notAfter)),
    subject,
    draft.publicKeyInfo,
    explicit(3, sequence(...extensionsOf(draft))),
  );
  return sequence(tbs, algorithm, bitString(await signDer(key, tbs)));
}

/** A request for a certificate, whose signature proved that the key is the requester's. */
export interface CertificateRequest {
  /** First common name of the subject, as text. */
  commonName: string;
  publicKeyInfo: Uint8Array;
  purpose: string | null;
}

/** Makes a PKCS#10 request (DER) for a certificate of this key. */
export async function requestCertificate(
  key: SigningKey,
  commonName: string,
  purpose: string | null,
): Promise<Uint8Array> {
  const wanted = purpose === null ? [] : [purposeExtension(purpose)];
  const attributes =
    wanted.length === 0 ? [] : [sequence(oid(OID.extensionRequest), setOf(sequence(...wanted)))];
  const info = sequence(
    integer(0),
    nameOf(commonName),
    key.publicKeyInfo,
    element(contextTag(0), ...attributes),
  );
  return sequence(info, signatureAlgorithmOf(key.algorithm), bitString(await signDer(key, info)));
}

/** Takes a PKCS#10 request apart. Throws DecodeError, Refusal `request-signature`, `weak-key`. */
export function decodeRequest(der: Uint8Array): CertificateRequest {
  const what = 'certificate-request';
  if (der.length > MAX_CERTIFICATE_BYTES) throw new Refusal(what, `${der.length} bytes`);
  return readDer(der, what, (reader) => {
    const outer = reader.enter(TAG.sequence);
    const info = outer.expect(TAG.sequence);
    const algorithm = outer.expect(TAG.sequence).raw;
    const signature = outer.bitString('signature');
    outer.finish();
    const inner = outer.into(info);
    inner.small('version', 0);
    const subject = inner.expect(TAG.sequence, 'subject').raw;
    const publicKeyInfo = inner.expect(TAG.sequence, 'public key').raw;
    const attributes = inner.optional(contextTag(0));
    inner.finish();
    if (!verifySignature(publicKeyInfo, algorithm, info.raw, signature)) {
      throw new Refusal(
        'request-signature',
        'the signature does not hold',
        'Whoever made this request does not have the key in it.',
      );
    }
    const weak = keyWeakness(publicKeyInfo);
    if (weak !== null)
      throw new Refusal(
        'weak-key',
        weak,
        'Others can sign under the key in this request. Ask for a new one.',
      );
    const name = decodeName(subject).find((attribute) => attribute.oid === OID.commonName);
    if (name === undefined) return reader.fail('no common name');
    if (name.tag !== TAG.utf8String && name.tag !== TAG.printableString)
      return reader.fail('the common name is neither a UTF8String nor a PrintableString');
    const extensions = attributes === null ? [] : requestedExtensions(inner.into(attributes));
    return {
      commonName: fromUtf8(name.value, what),
      publicKeyInfo: publicKeyInfo.slice(),
      purpose: agentPurpose({ extensions }),
    };
  });
}

function requestedExtensions(attributes: DerReader): Extension[] {
  while (!attributes.ended) {
    const attribute = attributes.enter(TAG.sequence);
    if (attribute.oid() === OID.extensionRequest) return readExtensions(attribute.enter(TAG.set));
  }
  return [];
}
