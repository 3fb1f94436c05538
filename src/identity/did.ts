/** The DID method `autoid`: names of Auto IDs, and the document that a certificate amounts to. */
import { ProtocolError } from '../protocol/errors.ts';
import { fromHex, toHex } from '../protocol/bytes.ts';
import { Refusal } from '../wallet/errors.ts';
import { toBase64Url } from '../wallet/json.ts';
import { basicConstraints, commonNameText, tbsDigest, type TbsCertificate } from './certificate.ts';
import { jwkOf, type Jwk } from './keys.ts';

/** Where an identifier is registered: absent for mainnet, `OFF` for nowhere. */
export interface Did {
  network: string | null;
  /** 32 bytes. */
  id: Uint8Array;
}

/** Network in the DID of an identity that is registered nowhere. */
export const OFF = 'off';

const CONTEXT = [
  'https://www.w3.org/ns/did/v1',
  'https://w3id.org/security/multikey/v1',
  'https://w3id.org/security/jwk/v1',
];

const DID = /^did:autoid:(?:([a-z0-9-]{1,32}):)?([0-9a-f]{64})$/;

/** Text of a DID. */
export function formatDid({ network, id }: Did): string {
  return `did:autoid:${network === null ? '' : `${network}:`}${toHex(id)}`;
}

/** Takes a DID apart, or null if the text is none of this method. */
export function parseDid(text: string): Did | null {
  const match = DID.exec(text);
  return match === null ? null : { network: match[1] ?? null, id: fromHex(match[2]!) };
}

/** Id of the one key that an Auto ID's certificate carries. */
export function keyIdOf(did: string): string {
  return `${did}#key-1`;
}

export interface DidDocument {
  '@context': string[];
  id: string;
  alsoKnownAs?: string[];
  controller: string;
  verificationMethod: {
    id: string;
    type: 'JsonWebKey';
    controller: string;
    publicKeyJwk: Jwk & { 'x5t#S256'?: string };
  }[];
  authentication: string[];
  assertionMethod: string[];
  capabilityInvocation: string[];
  capabilityDelegation?: string[];
}

/** DID document of a certificate; `issuer` is the issuer's DID, null for a root. Throws for an unknown key. */
export function didDocument(did: string, tbs: TbsCertificate, issuer: string | null): DidDocument {
  const key = keyIdOf(did);
  const publicKeyJwk = { ...jwkOf(tbs.publicKeyInfo), 'x5t#S256': toBase64Url(tbsDigest(tbs)) };
  return {
    '@context': [...CONTEXT],
    id: did,
    alsoKnownAs: [`x509:cn:${encodeURIComponent(commonNameText(tbs))}`],
    controller: issuer ?? did,
    verificationMethod: [{ id: key, type: 'JsonWebKey', controller: did, publicKeyJwk }],
    authentication: [key],
    assertionMethod: [key],
    capabilityInvocation: [key],
    ...(issuer === null || isAuthority(tbs) ? { capabilityDelegation: [key] } : {}),
  };
}

/** DID document of a DID that spells out its one key. */
export function keyDocument(did: string, keyId: string, publicKeyJwk: Jwk): DidDocument {
  return {
    '@context': [...CONTEXT],
    id: did,
    controller: did,
    verificationMethod: [{ id: keyId, type: 'JsonWebKey', controller: did, publicKeyJwk }],
    authentication: [keyId],
    assertionMethod: [keyId],
    capabilityInvocation: [keyId],
    capabilityDelegation: [keyId],
  };
}

function isAuthority(tbs: TbsCertificate): boolean {
  try {
    return basicConstraints(tbs).authority;
  } catch (error) {
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}

/** Identifier of a DID. Throws Refusal `did`. */
export function idOfDid(did: string): Uint8Array {
  const parsed = parseDid(did);
  if (parsed === null) throw new Refusal('did', did.slice(0, 100), 'This is not the name of an identity.');
  return parsed.id;
}
