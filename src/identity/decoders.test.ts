/**
 * Every decoder of what others hand over about identities, on the recordings that it takes and on JSON of any kind, both
 * damaged: it refuses with a typed error or decodes, and takes nothing behind the end.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesOfHex, damaged, recordedTexts, succeeds, takes } from '../../tests/support/damaged.ts';
import { concat, utf8 } from '../protocol/bytes.ts';
import { toBase64Url } from '../wallet/json.ts';
import { decodeCall, decodeEntry, decodeSerials } from './calls.ts';
import { decodeCapability } from './capability.ts';
import {
  decodeCertificate,
  decodeForeignCertificate,
  decodeName,
  decodePublicKeyInfo,
  decodeTbs,
} from './certificate.ts';
import { readChain } from './chain.ts';
import { decodeSecured } from './data-integrity.ts';
import { parseDid } from './did.ts';
import { decodePresentationRequest, decodePresentationResponse } from './exchange.ts';
import { decodeRequest } from './issue.ts';
import { decodeIssued, decodePresented, isUnlinkable } from './jpt.ts';
import { decodeJws } from './jws.ts';
import { parseKeyDid } from './key-dids.ts';
import { decodeSignedData } from './passport/cms.ts';
import { decodeRevocationList } from './passport/revocation.ts';
import { decodeSecurityObject } from './passport/security-object.ts';
import { decodePem } from './pem.ts';
import { decodeProvenance, decodeStatement } from './provenance.ts';
import { disclosableClaims } from './sd-jwt.ts';
import { decodeDisclosure } from './sd-jwt-disclosures.ts';
import { decodeEcdsa } from './signature.ts';
import { decodeW3cCredential } from './w3c-credential.ts';

const LONGEST = 10_000;
/** What decoders that sign along, or leave alone, what follows an element are known to take. */
const TAKES_MORE = new Set(['signed parts of certificates']);

/** What the recordings hold none of that is taken whole. */
const UNRECORDED = new Set([
  'names',
  'requests of certificates',
  'signed data',
  'security objects',
  'lists of revoked certificates',
  'credentials that cannot be linked',
  'showings that cannot be linked',
  'secured documents',
  'credentials of others',
  'requests of credentials',
  'answers with credentials',
  'PEM',
]);

const texts = recordedTexts(['auto-id'], LONGEST);
const recorded = bytesOfHex(texts);

const ofBytes: Record<string, (bytes: Uint8Array) => unknown> = {
  calls: decodeCall,
  'stored identities': decodeEntry,
  'lists of serials': decodeSerials,
  certificates: decodeCertificate,
  'certificates of others': decodeForeignCertificate,
  'signed parts of certificates': decodeTbs,
  names: decodeName,
  'public keys': decodePublicKeyInfo,
  'requests of certificates': decodeRequest,
  chains: readChain,
  signatures: (bytes) => decodeEcdsa(bytes, 32),
  provenance: decodeProvenance,
  'signed statements': decodeStatement,
  'signed data': (bytes) => decodeSignedData(bytes, '1.2.3', 'signed-data'),
  'security objects': decodeSecurityObject,
  'lists of revoked certificates': decodeRevocationList,
};

const ofText: Record<string, (text: string) => unknown> = {
  tokens: (text) => decodeJws(text, 'token'),
  capabilities: decodeCapability,
  disclosures: decodeDisclosure,
  'credentials that can be linked': disclosableClaims,
  'credentials that cannot be linked': decodeIssued,
  'showings that cannot be linked': decodePresented,
  'which credentials can be linked': isUnlinkable,
  'secured documents': decodeSecured,
  'credentials of others': decodeW3cCredential,
  'requests of credentials': decodePresentationRequest,
  'answers with credentials': decodePresentationResponse,
  DIDs: parseDid,
  'DIDs of keys': parseKeyDid,
  PEM: decodePem,
};

/** Any UTF-16, halves of surrogate pairs among it. */
const wide = fc
  .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 12 })
  .map((units) => String.fromCharCode(...units));
const json = fc
  .oneof(fc.jsonValue(), fc.dictionary(fc.constantFrom('alg', 'typ', '_sd', '__proto__'), wide), wide)
  .map((value) => JSON.stringify(value));
const encoded = json.map((text) => toBase64Url(utf8(text)));
const token = fc
  .tuple(fc.array(encoded, { minLength: 1, maxLength: 5 }), fc.constantFrom('.', '~'))
  .map(([parts, between]) => parts.join(between));
const changedText = (text: string) =>
  damaged(utf8(text)).map((bytes) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes));

describe('bytes that others made are taken or refused, and nothing behind them taken:', () => {
  it.each(Object.entries(ofBytes))('%s', (name, decode) => {
    const seeds = recorded.filter((bytes) => succeeds(() => decode(bytes))).slice(0, 32);
    const longer = seeds.filter((bytes) => succeeds(() => decode(concat(bytes, Uint8Array.of(0)))));
    expect(seeds.length === 0).toBe(UNRECORDED.has(name));
    expect(longer).toHaveLength(TAKES_MORE.has(name) ? seeds.length : 0);
    const some = seeds.length > 0 ? seeds : recorded.slice(0, 32);
    const input = fc.oneof(fc.constantFrom(...some).chain(damaged), fc.uint8Array({ maxLength: 200 }));
    fc.assert(
      fc.property(input, (bytes) => {
        expect(takes(() => decode(bytes))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});

describe('text that others wrote is taken or refused:', () => {
  it.each(Object.entries(ofText))('%s', (name, decode) => {
    const seeds = texts.filter((text) => succeeds(() => decode(text))).slice(0, 32);
    expect(seeds.length === 0).toBe(UNRECORDED.has(name));
    const some = seeds.length > 0 ? seeds : texts.slice(0, 32);
    const input = fc.oneof(fc.constantFrom(...some).chain(changedText), json, encoded, token, fc.string());
    fc.assert(
      fc.property(input, (text) => {
        expect(takes(() => decode(text))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
