/**
 * Content identifiers of objects: CIDv1, codec raw, multihash code 0x1f (not the registered one of BLAKE3), 32
 * bytes of digest, in base 32. The digest is the BLAKE3-256 of the object, by which its mapping names it.
 */
import { base32nopad } from '@scure/base';
import { concat, equal } from './bytes.ts';
import { DecodeError } from './errors.ts';

/** Version 1, codec raw, multihash 0x1f of 32 bytes. */
const PREFIX = Uint8Array.of(0x01, 0x55, 0x1f, 0x20);
const DIGEST_BYTES = 32;
const CID_BYTES = PREFIX.length + DIGEST_BYTES;
const TEXT_LENGTH = 1 + Math.ceil((CID_BYTES * 8) / 5);

const NO_IDENTIFIER = `This is no identifier of an object: those begin with bafkr6i and have ${TEXT_LENGTH} characters.`;
const OTHER_KIND =
  'This identifier is of another kind, such as IPFS has: those of this network begin with bafkr6i.';

/** Binary identifier (36 bytes) of an object with this hash (32 bytes). Throws RangeError for another length. */
export function cidBytesOfHash(hash: Uint8Array): Uint8Array {
  if (hash.length !== DIGEST_BYTES) throw new RangeError(`a hash of ${hash.length} bytes`);
  return concat(PREFIX, hash);
}

/** Hash (32 bytes) in a binary identifier. Throws DecodeError for identifiers of another kind. */
export function hashOfCidBytes(cid: Uint8Array): Uint8Array {
  if (cid.length !== CID_BYTES || !equal(cid.subarray(0, PREFIX.length), PREFIX)) {
    const values = { bytes: cid.length };
    const message = 'not an identifier of an object: version, codec or hash is another';
    throw new DecodeError('cid', message, values, OTHER_KIND);
  }
  return cid.slice(PREFIX.length);
}

/** Text of the identifier of an object with this hash (32 bytes): `bafkr6i…`. */
export function cidOfHash(hash: Uint8Array): string {
  return `b${base32nopad.encode(cidBytesOfHash(hash)).toLowerCase()}`;
}

/** Hash (32 bytes) in an identifier's text. Throws DecodeError. */
export function hashOfCid(text: string): Uint8Array {
  if (text.length !== TEXT_LENGTH || !/^b[a-z2-7]+$/.test(text)) {
    throw new DecodeError('cid', `“${text.slice(0, 80)}” is not a base 32 identifier`, {}, NO_IDENTIFIER);
  }
  let bytes: Uint8Array;
  try {
    bytes = base32nopad.decode(text.slice(1).toUpperCase());
  } catch {
    throw new DecodeError('cid', `“${text}” has bits beyond its last byte`, {}, NO_IDENTIFIER);
  }
  return hashOfCidBytes(bytes);
}
