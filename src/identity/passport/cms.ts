/**
 * SignedData of CMS (RFC 5652) in the narrow form that passports and master lists have: content inside, one signer, signed
 * attributes, DER throughout.
 */
import { equal, toHex } from '../../protocol/bytes.ts';
import { DecodeError } from '../../protocol/errors.ts';
import { Refusal } from '../../wallet/errors.ts';
import { decodeForeignCertificate, readAlgorithm, type Algorithm, type Certificate } from '../certificate.ts';
import { contextTag, readDer, TAG, type DerReader } from '../der.ts';
import { checkSignature, digest, hashOf, type PassportHash } from './algorithms.ts';
import { isNamed, subjectKeyId } from './certificates.ts';

const SIGNED_DATA = '1.2.840.113549.1.7.2';
const CONTENT_TYPE = '1.2.840.113549.1.9.3';
const MESSAGE_DIGEST = '1.2.840.113549.1.9.4';
const MAX_CERTIFICATES = 8;
const MAX_ATTRIBUTES = 16;

/** Who signed: the certificate by issuer and serial, or by its key's identifier. */
type SignerId = { issuer: Uint8Array; serial: Uint8Array } | { keyId: Uint8Array };

export interface SignedData {
  contentType: string;
  /** Content octets that are signed. */
  content: Uint8Array;
  certificates: Certificate[];
  signer: {
    id: SignerId;
    digestHash: PassportHash;
    /** DER of the signed attributes as the SET that the signature covers. */
    attributes: Uint8Array;
    messageDigest: Uint8Array;
    algorithm: Algorithm;
    signature: Uint8Array;
  };
}

/** Values of the signed attributes that count, each given once. */
function readAttributes(set: DerReader): { contentType: string; messageDigest: Uint8Array } {
  let contentType: string | null = null;
  let messageDigest: Uint8Array | null = null;
  const seen = new Set<string>();
  while (!set.ended) {
    const attribute = set.enter(TAG.sequence, 'signed attribute');
    const oid = attribute.oid('signed attribute');
    if (seen.has(oid) || seen.size >= MAX_ATTRIBUTES) set.fail(`signed attribute ${oid} once too often`);
    seen.add(oid);
    const values = attribute.enter(TAG.set, 'attribute values');
    attribute.finish();
    if (oid === CONTENT_TYPE) contentType = values.oid();
    else if (oid === MESSAGE_DIGEST) messageDigest = values.expect(TAG.octetString).content;
    else continue;
    values.finish();
  }
  if (contentType === null || messageDigest === null)
    throw new Refusal(
      'signed-attributes',
      'content type or message digest missing',
      'The signature does not say what it is over.',
    );
  return { contentType, messageDigest };
}

function readSigner(info: DerReader, what: string): SignedData['signer'] & { contentType: string } {
  const version = info.small('version', 5);
  const byKey = info.optional(contextTag(0, false));
  let id: SignerId;
  if (byKey !== null) id = { keyId: byKey.content };
  else {
    const named = info.enter(TAG.sequence, 'signer');
    id = { issuer: named.expect(TAG.sequence, 'issuer').raw, serial: named.integer('serial') };
    named.finish();
  }
  if (version !== ('keyId' in id ? 3 : 1)) info.fail(`signer of version ${version}`);
  const digestHash = hashOf(readAlgorithm(info), what);
  const signed = info.optional(contextTag(0));
  if (signed === null)
    throw new Refusal(
      'signed-attributes',
      'no signed attributes',
      'The signature has no signed attributes, which passports must have.',
    );
  const attributes = signed.raw.slice();
  attributes[0] = TAG.set;
  const { contentType, messageDigest } = readAttributes(info.into(signed));
  const algorithm = readAlgorithm(info);
  const signature = info.expect(TAG.octetString, 'signature').content;
  info.optional(contextTag(1));
  info.finish();
  return { id, digestHash, attributes, messageDigest, algorithm, signature, contentType };
}

/**
 * Takes a SignedData apart and checks that its signed attributes are of its content.
 *
 * @param contentType Object identifier that the content must have.
 * @param what The value in errors, such as `security-object`.
 * @throws DecodeError; Refusal `content-type`, `signers`, `signed-attributes`, `message-digest`, `weak-algorithm`.
 */
export function decodeSignedData(der: Uint8Array, contentType: string, what: string): SignedData {
  return readDer(der, what, (reader) => {
    const info = reader.enter(TAG.sequence, 'content info');
    const type = info.oid('content type');
    if (type !== SIGNED_DATA)
      throw new Refusal('content-type', type, 'This file is not signed data, as passports have it.');
    const wrapped = info.enter(contextTag(0), 'content');
    info.finish();
    const data = wrapped.enter(TAG.sequence, 'signed data');
    wrapped.finish();
    const version = data.small('version', 5);
    if (version !== 1 && version !== 3 && version !== 4 && version !== 5) data.fail(`version ${version}`);
    data.expect(TAG.set, 'digest algorithms');
    const encapsulated = data.enter(TAG.sequence, 'encapsulated content');
    const innerType = encapsulated.oid('content type');
    if (innerType !== contentType)
      throw new Refusal(
        'content-type',
        `${innerType} where ${contentType} is needed`,
        'What is signed in this file is something else than it should be.',
      );
    const holder = encapsulated.enter(contextTag(0), 'content');
    const { content } = holder.expect(TAG.octetString, 'content');
    holder.finish();
    encapsulated.finish();
    const certificates: Certificate[] = [];
    const list = data.optional(contextTag(0));
    if (list !== null) {
      const members = data.into(list);
      while (!members.ended) {
        if (certificates.length >= MAX_CERTIFICATES) data.fail(`more than ${MAX_CERTIFICATES} certificates`);
        certificates.push(decodeForeignCertificate(members.expect(TAG.sequence, 'certificate').raw));
      }
    }
    data.optional(contextTag(1));
    const signers = data.enter(TAG.set, 'signers');
    data.finish();
    if (signers.ended) throw new Refusal('signers', 'no signer', 'Nobody signed this file.');
    const { contentType: signedType, ...signer } = readSigner(signers.enter(TAG.sequence, 'signer'), what);
    if (!signers.ended)
      throw new Refusal('signers', 'more than one signer', 'More than one has signed this file.');
    if (signedType !== innerType)
      throw new Refusal(
        'signed-attributes',
        `content type ${signedType}`,
        'The signature is over something else.',
      );
    if (!equal(digest(signer.digestHash, content), signer.messageDigest))
      throw new Refusal(
        'message-digest',
        'the content has another digest',
        'What was signed has been changed since.',
      );
    return { contentType: innerType, content, certificates, signer };
  });
}

/** The signer's certificate among some, or null. */
export function signerOf({ signer }: SignedData, certificates: readonly Certificate[]): Certificate | null {
  const { id } = signer;
  const isSigner = ({ tbs }: Certificate): boolean => {
    if ('keyId' in id) {
      const own = subjectKeyId(tbs);
      return own !== null && equal(own, id.keyId);
    }
    return toHex(tbs.serialOctets) === toHex(id.serial) && isNamed(tbs.issuer, id.issuer);
  };
  return certificates.find(isSigner) ?? null;
}

/**
 * Whether a certificate's key made the signature, and how.
 *
 * @throws Refusal `weak-algorithm`, `unknown-algorithm`, `unknown-curve`; DecodeError.
 */
export function checkSigner(
  { signer }: SignedData,
  { tbs }: Certificate,
  what: string,
): { name: string; holds: boolean } {
  const { algorithm, attributes, signature, digestHash } = signer;
  return checkSignature(tbs.publicKeyInfo, algorithm, attributes, signature, what, digestHash);
}

/** Throws DecodeError for bytes above a limit, before anything of them is read. */
export function bounded(bytes: Uint8Array, limit: number, what: string): Uint8Array {
  if (bytes.length <= limit) return bytes;
  throw new DecodeError(what, `${bytes.length} bytes, at most ${limit} are read`);
}
