import * as fc from 'fast-check';
import { ed25519 } from '@noble/curves/ed25519.js';
import { describe, expect, it } from 'vitest';
import { ProtocolError } from '../protocol/errors.ts';
import { toHex } from '../protocol/bytes.ts';
import { decodeSecured, hashData, secondsOf, verifyProof } from './data-integrity.ts';
import { parseKeyDid } from './key-dids.ts';
import type { Jwk } from './keys.ts';
import { Registry } from './registry.ts';
import { didKeyOf, foreignCredential, proofOptions, secured, type Json } from './testing/w3c-issuer.ts';
import { testPerson, testRegistry, testWallet } from './testing/person.ts';
import { verifyW3cCredential } from './w3c-credential.ts';

const NOW = Date.UTC(2030, 0, 1) / 1000;
const SEED = new Uint8Array(32).fill(7);
const keyOf = async (did: string) => parseKeyDid(did)?.jwk ?? null;
const verify = (json: string, needsStatus = true) =>
  verifyW3cCredential(json, { now: NOW, keyOf, needsStatus });
const refusal = (json: string) =>
  verify(json).then(
    () => 'accepted',
    (error: unknown) => (error as ProtocolError).code,
  );

/** A credential changed after it was signed. */
function changed(json: string, change: (whole: Json) => void): string {
  const whole = JSON.parse(json) as Json;
  change(whole);
  return JSON.stringify(whole);
}

/** The example of the W3C's recommendation, “Representation: eddsa-jcs-2022”. */
const PUBLISHED = {
  key: 'did:key:z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2',
  hashData:
    '66ab154f5c2890a140cb8388a22a160454f80575f6eae09e5a097cabe539a1db' +
    '59b7cb6251b8991add1ce0bc83107e3db9dbbab5bd2c28f687db1a03abc92f19',
  document: {
    '@context': ['https://www.w3.org/ns/credentials/v2', 'https://www.w3.org/ns/credentials/examples/v2'],
    id: 'urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33',
    type: ['VerifiableCredential', 'AlumniCredential'],
    name: 'Alumni Credential',
    description: 'A minimum viable example of an Alumni Credential.',
    issuer: 'https://vc.example/issuers/5678',
    validFrom: '2023-01-01T00:00:00Z',
    credentialSubject: { id: 'did:example:abcdefgh', alumniOf: 'The School of Examples' },
  },
  options: {
    type: 'DataIntegrityProof',
    cryptosuite: 'eddsa-jcs-2022',
    created: '2023-02-24T23:36:38Z',
    verificationMethod:
      'did:key:z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2#z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2',
    proofPurpose: 'assertionMethod',
    '@context': ['https://www.w3.org/ns/credentials/v2', 'https://www.w3.org/ns/credentials/examples/v2'],
  },
  proofValue: 'z2HnFSSPPBzR36zdDgK8PbEHeXbR56YF24jwMpt3R1eHXQzJDMWS93FCzpvJpwTWd3GAVFuUfjoJdcnTMuVor51aX',
};

describe('Data Integrity proofs', () => {
  const { document, options, proofValue, key } = PUBLISHED;
  const published = JSON.stringify({ ...document, proof: { ...options, proofValue } });
  const check = { key: parseKeyDid(key)!.jwk, purpose: 'assertionMethod', now: NOW };

  it('hash and hold as in the published example', () => {
    expect(toHex(hashData(document, options))).toBe(PUBLISHED.hashData);
    expect(verifyProof(decodeSecured(published), check)).toEqual(document);
  });

  it('are not checked by a key of another kind', () => {
    const other: Jwk = { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' };
    expect(() => verifyProof(decodeSecured(published), { ...check, key: other })).toThrow('key-type');
  });

  it('of the example do not hold for its issuer, whose name says nothing of the key', async () => {
    expect(await refusal(published)).toBe('issuer-kind');
  });

  it('cover only the contexts that they name', () => {
    const more = changed(published, (whole) => {
      (whole['@context'] as string[]).push('https://evil.example/v1');
    });
    expect(verifyProof(decodeSecured(more), check)).toEqual(document);
    const other = changed(published, (whole) => {
      (whole['@context'] as string[])[1] = 'https://evil.example/v1';
    });
    expect(() => verifyProof(decodeSecured(other), check)).toThrow('proof-context');
    const fewer = changed(published, (whole) => {
      (whole['@context'] as string[]).pop();
    });
    expect(() => verifyProof(decodeSecured(fewer), check)).toThrow('proof-context');
  });

  it('take dates of XML Schema only', () => {
    expect(secondsOf('2023-02-24T23:36:38.123+01:00', 'x')).toBe(Date.UTC(2023, 1, 24, 22, 36, 38) / 1000);
    expect(secondsOf('2024-02-29T00:00:00', 'x')).toBe(Date.UTC(2024, 1, 29) / 1000);
    for (const wrong of [
      '2023-02-30T00:00:00Z',
      '2023-02-24',
      '2023-02-24 23:36:38Z',
      '2023-13-01T00:00:00Z',
      '2023-01-01T24:00:00Z',
      '2023-01-01T00:00:60Z',
      'now',
      '',
    ])
      expect(() => secondsOf(wrong, 'x')).toThrow('no date and time');
  });
});

describe('W3C credentials', () => {
  const good = foreignCredential(SEED, { name: 'Alumni', issuer: { id: didKeyOf(SEED), name: 'School' } });

  it('are read with everything that they say', async () => {
    expect(await verify(good)).toMatchObject({
      issuer: didKeyOf(SEED),
      types: ['AlumniCredential'],
      subject: 'did:example:abcdefgh',
      claims: [
        { path: ['alumniOf'], text: 'The School of Examples' },
        { path: ['degree', 'year'], text: '2028' },
        { path: ['id'], text: 'did:example:abcdefgh' },
        { path: ['credential', 'id'] },
        { path: ['credential', 'name'], text: 'Alumni' },
      ],
      validFrom: Date.UTC(2029, 0, 1) / 1000,
      validUntil: Date.UTC(2030, 11, 31, 22) / 1000,
      status: [],
    });
  });

  it('show claims that have names of our own envelope', async () => {
    const { claims } = await verify(
      foreignCredential(SEED, { credentialSubject: [{ status: 'x' }, { exp: 1 }] }),
    );
    expect(claims.slice(0, 2)).toEqual([
      { path: [1, 'status'], text: 'x', place: ['credentialSubject', 0, 'status'] },
      { path: [2, 'exp'], text: '1', place: ['credentialSubject', 1, 'exp'] },
    ]);
  });

  it('are read with a context that is defined inside, and without one in the proof', async () => {
    const inside = ['https://www.w3.org/ns/credentials/v2', { alumniOf: 'https://schema.org/alumniOf' }];
    expect(await refusal(foreignCredential(SEED, { '@context': inside }))).toBe('accepted');
    expect(await refusal(foreignCredential(SEED, {}, { '@context': undefined }))).toBe('accepted');
  });

  const other = didKeyOf(new Uint8Array(32).fill(8));
  const later = '2030-06-01T00:00:00Z';
  it.each<[string, string, Json, Json]>([
    [
      'context',
      'the first version of the data model',
      { '@context': ['https://www.w3.org/2018/credentials/v1'] },
      {},
    ],
    [
      'context',
      'a context that is not a list',
      { '@context': 'https://www.w3.org/ns/credentials/v2' },
      { '@context': undefined },
    ],
    [
      'malformed',
      'a proof whose context is not a list',
      {},
      { '@context': 'https://www.w3.org/ns/credentials/v2' },
    ],
    ['context', 'no context', { '@context': undefined }, {}],
    ['credential-type', 'something that is no credential', { type: ['VerifiablePresentation'] }, {}],
    ['malformed', 'no subject', { credentialSubject: undefined }, {}],
    ['malformed', 'an empty list of subjects', { credentialSubject: [] }, {}],
    ['malformed', 'no issuer', { issuer: undefined }, {}],
    ['malformed', 'a start without a zone', { validFrom: '2029-01-01T00:00:00' }, {}],
    ['not-yet-valid', 'a start ahead', { validFrom: later }, {}],
    ['not-yet-valid', 'a start beyond the skew of clocks', { validFrom: '2030-01-01T00:01:01Z' }, {}],
    ['accepted', 'a start within it', { validFrom: '2030-01-01T00:01:00Z' }, {}],
    ['expired', 'an end now', { validUntil: '2030-01-01T00:00:00Z' }, {}],
    [
      'expired',
      'an end at the start',
      { validFrom: '2030-01-01T00:00:30Z', validUntil: '2030-01-01T00:00:30Z' },
      {},
    ],
    ['expired', 'an end before now', { validUntil: '2029-06-01T00:00:00Z' }, {}],
    [
      'expired',
      'an end before the start',
      { validFrom: '2030-01-01T00:00:30Z', validUntil: '2030-01-01T00:00:10Z' },
      {},
    ],
    ['verification-method', 'another issuer', { issuer: other }, {}],
    ['issuer-kind', 'an issuer on the web', { issuer: 'did:web:school.example' }, {}],
    ['status-unknown', 'a status that cannot be looked up', { credentialStatus: { type: 'Something' } }, {}],
    ['proof-type', 'an older kind of proof', {}, { type: 'Ed25519Signature2020' }],
    ['cryptosuite', 'another cryptosuite', {}, { cryptosuite: 'eddsa-rdfc-2022' }],
    ['cryptosuite', 'no cryptosuite', {}, { cryptosuite: undefined }],
    ['proof-purpose', 'another purpose', {}, { proofPurpose: 'authentication' }],
    ['proof-created', 'a date of signing ahead', {}, { created: later }],
    ['proof-created', 'one beyond the skew of clocks', {}, { created: '2030-01-01T00:01:01Z' }],
    ['accepted', 'one within it', {}, { created: '2030-01-01T00:01:00Z' }],
    ['proof-expired', 'a proof that ends now', {}, { expires: '2030-01-01T00:00:00Z' }],
    [
      'proof-expired',
      'a proof that ends as it begins',
      {},
      { created: '2030-01-01T00:00:30Z', expires: '2030-01-01T00:00:30Z' },
    ],
    ['malformed', 'a date of signing that is none', {}, { created: 'yesterday' }],
    ['proof-expired', 'a proof that has ended', {}, { expires: '2029-12-31T23:00:00Z' }],
    ['proof-member', 'a proof for one domain', {}, { domain: 'https://bar.example' }],
    ['proof-member', 'a proof for one challenge', {}, { challenge: 'abc' }],
    ['proof-member', 'a proof in a chain', {}, { previousProof: 'urn:x' }],
    [
      'verification-method',
      'another key of the same name',
      {},
      { verificationMethod: `${didKeyOf(SEED)}#key-2` },
    ],
    [
      'verification-method',
      'the key of somebody else',
      {},
      { verificationMethod: proofOptions(other)['verificationMethod'] },
    ],
    [
      'proof-context',
      'a proof over other contexts',
      {},
      { '@context': ['https://www.w3.org/ns/credentials/v2', 'https://other.example'] },
    ],
  ])('are judged by their rules, “%s”: %s', async (code, _, members, options) => {
    expect(await refusal(foreignCredential(SEED, members, options))).toBe(code);
  });

  it('are refused as JSON that is ambiguous or too deep', async () => {
    await expect(verify(good.replace('"alumniOf"', '"alumniOf":"x","alumniOf"'))).rejects.toThrow('twice');
    const deep = foreignCredential(SEED).replace('{"year":2028}', `${'['.repeat(40)}${']'.repeat(40)}`);
    await expect(verify(deep)).rejects.toThrow('nested deeper');
    await expect(verify(good.replace('2028', '12345678901234567890'))).rejects.toThrow('beyond');
    await expect(verify(good.replace('School of', '\\ud800'))).rejects.toThrow('surrogate');
    await expect(verify(`${good}{}`)).rejects.toThrow(ProtocolError);
    await expect(verify('{"@context":'.padEnd(600_000))).rejects.toThrow('characters');
  });

  it('need exactly one proof', async () => {
    expect(await refusal(changed(good, (whole) => delete whole['proof']))).toBe('proof-missing');
    expect(await refusal(changed(good, (whole) => (whole['proof'] = [])))).toBe('proof-missing');
    expect(await refusal(changed(good, (whole) => (whole['proof'] = [whole['proof']])))).toBe('accepted');
    expect(await refusal(changed(good, (whole) => (whole['proof'] = [whole['proof'], whole['proof']])))).toBe(
      'proof-several',
    );
  });

  it('are refused with any other signature', async () => {
    const value = (JSON.parse(good) as { proof: { proofValue: string } }).proof.proofValue;
    const long = `z${'2'.repeat(32_000)}`;
    for (const wrong of [value.slice(1), `${value}1`, value.slice(0, -1), 'z', `u${value.slice(1)}`, long])
      expect(await refusal(changed(good, (whole) => ((whole['proof'] as Json)['proofValue'] = wrong)))).toBe(
        'malformed',
      );
    const foreign = secured(
      decodeSecured(good).document,
      (data) => ed25519.sign(data, new Uint8Array(32).fill(9)),
      proofOptions(didKeyOf(SEED)),
    );
    expect(await refusal(foreign)).toBe('signature');
  });

  it('are refused when any value in them was changed', async () => {
    const whole = JSON.parse(good) as Json;
    const leaves: (string | number)[][] = [];
    const walk = (value: unknown, path: (string | number)[]): void => {
      if (typeof value === 'object' && value !== null)
        for (const [name, inner] of Object.entries(value)) walk(inner, [...path, name]);
      else leaves.push(path);
    };
    walk(whole, []);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...leaves), fc.string({ minLength: 1 }), async (path, text) => {
        const mutated = changed(good, (json) => {
          const at = path.slice(0, -1).reduce<unknown>((value, part) => (value as Json)[part], json) as Json;
          const name = path.at(-1)!;
          at[name] = `${String(at[name])}${text}`;
        });
        expect(await refusal(mutated)).not.toBe('accepted');
      }),
    );
  });
});

describe('a wallet', () => {
  const clock = () => NOW * 1000;

  it('takes in a W3C credential once, keeps it as it was, and does not show it claim by claim', async () => {
    const person = await testPerson(clock);
    const text = foreignCredential(SEED, { credentialStatus: { type: 'Something' } });
    const kept = await person.acceptCredential({ text: ` ${text}\n` });
    expect(kept).toMatchObject({
      type: 'AlumniCredential',
      issuer: didKeyOf(SEED),
      issuerVerdict: null,
      status: 'unknown',
      foreign: true,
      expiresAt: Date.UTC(2030, 11, 31, 22) / 1000,
    });
    expect(await person.exportCredential({ id: kept.id })).toBe(text);
    expect(await person.credentials()).toHaveLength(1);
    await expect(person.acceptCredential({ text })).rejects.toThrow('credential-exists');
    const request = await person.newRequest({
      audience: 'https://bar.example',
      credentials: [{ type: 'AlumniCredential' }],
    });
    expect(await person.matchRequest({ request })).toMatchObject({ answerable: false });
    // Who relies on it has to know whether it was revoked.
    await expect(person.checkForeign({ text })).rejects.toThrow('status-unknown');
    expect(await person.checkForeign({ text: foreignCredential(SEED) })).toMatchObject({
      type: 'AlumniCredential',
      selfIssued: false,
    });
  });

  it('keeps nothing of one that fails a check', async () => {
    const person = await testPerson(clock);
    const text = foreignCredential(SEED).replace('School of', 'Scholl of');
    await expect(person.acceptCredential({ text })).rejects.toThrow('signature');
    expect(await person.credentials()).toEqual([]);
  });

  it('judges an issuer with an Auto ID by the registry, until it is revoked', async () => {
    const registry = new Registry();
    const shared = testRegistry(registry, clock);
    const wallet = await testWallet();
    const issuer = await testPerson(clock, shared, wallet);
    const holder = await testPerson(clock, shared);
    const { did } = await issuer.createIdentity({ name: 'School' });
    const verificationMethod = `${did}#key-1`;
    const text = foreignCredential(
      wallet.identitySecret('ed25519', 0),
      { issuer: did },
      { verificationMethod },
    );
    // Nobody knows its key yet.
    await expect(holder.checkForeign({ text })).rejects.toThrow('issuer-key');
    await issuer.registerIdentity({ did });
    expect(await holder.checkForeign({ text })).toMatchObject({
      issuer: did,
      issuerVerdict: { strict: 'ok' },
    });
    await expect(
      holder.checkForeign({ text: foreignCredential(SEED, { issuer: did }, { verificationMethod }) }),
    ).rejects.toThrow('signature');
    await holder.acceptCredential({ text });
    await issuer.revokeIdentity({ did });
    await expect(holder.checkForeign({ text })).rejects.toThrow('issuer-revoked');
    const pem = await issuer.exportIdentity({ did, format: 'pem' });
    await holder.importIdentity({ file: pem.content });
    await expect(holder.checkForeign({ text })).rejects.toThrow('issuer-revoked');
  });
});
