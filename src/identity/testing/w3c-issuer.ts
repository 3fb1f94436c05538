/** An issuer of W3C credentials, for tests: signs whatever it is given. */
import { ed25519 } from '@noble/curves/ed25519.js';
import { base58 } from '@scure/base';
import { concat } from '../../protocol/bytes.ts';
import { hashData } from '../data-integrity.ts';

export type Json = Record<string, unknown>;

/** `did:key` of an Ed25519 seed (32 bytes). */
export function didKeyOf(seed: Uint8Array): string {
  return `did:key:z${base58.encode(concat(new Uint8Array([0xed, 0x01]), ed25519.getPublicKey(seed)))}`;
}

/** Options of a proof by a `did:key`. */
export function proofOptions(did: string): Json {
  return {
    type: 'DataIntegrityProof',
    cryptosuite: 'eddsa-jcs-2022',
    created: '2029-12-31T10:00:00Z',
    verificationMethod: `${did}#${did.slice('did:key:'.length)}`,
    proofPurpose: 'assertionMethod',
  };
}

/** A document with its proof, as JSON text. */
export function secured(document: Json, sign: (data: Uint8Array) => Uint8Array, options: Json): string {
  const proofValue = `z${base58.encode(sign(hashData(document, options)))}`;
  return JSON.stringify({ ...document, proof: { ...options, proofValue } });
}

/** A credential as such an issuer gives it; `with…` replaces members, `undefined` takes them out. */
export function foreignCredential(seed: Uint8Array, withMembers: Json = {}, withOptions: Json = {}): string {
  const did = didKeyOf(seed);
  const document: Json = {
    '@context': ['https://www.w3.org/ns/credentials/v2', 'https://www.w3.org/ns/credentials/examples/v2'],
    id: 'urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33',
    type: ['VerifiableCredential', 'AlumniCredential'],
    issuer: did,
    validFrom: '2029-01-01T00:00:00Z',
    validUntil: '2031-01-01T00:00:00+02:00',
    credentialSubject: {
      id: 'did:example:abcdefgh',
      alumniOf: 'The School of Examples',
      degree: { year: 2028 },
    },
    ...withMembers,
  };
  const options = { ...proofOptions(did), '@context': document['@context'], ...withOptions };
  const present = (json: Json): Json => JSON.parse(JSON.stringify(json)) as Json;
  return secured(present(document), (data) => ed25519.sign(data, seed), present(options));
}
