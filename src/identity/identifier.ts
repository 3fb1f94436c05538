import { concat } from '../protocol/bytes.ts';
import { blake2b256 } from '../protocol/hash.ts';

/**
 * Identifier of an Auto ID: BLAKE2b-256 of the issuer's identifier, if there is an issuer, and the content
 * octets of the subject's common name. 32 bytes. Nothing of the key goes into it.
 */
export function autoIdOf(commonName: Uint8Array, issuer: Uint8Array | null): Uint8Array {
  return blake2b256(issuer === null ? commonName : concat(issuer, commonName));
}
