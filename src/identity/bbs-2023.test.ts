import { sha256 } from '@noble/hashes/sha2.js';
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { fromHex, toHex, utf8 } from '../protocol/bytes.ts';
import type { ProtocolError } from '../protocol/errors.ts';
import { derive, isDerived, revealed, verifyBase, verifyDerived } from './bbs-2023.ts';
import { decodeSecured } from './data-integrity.ts';
import { bbsIssuer, type BbsIssuer } from './testing/bbs-issuer.ts';
import type { Json } from './testing/w3c-issuer.ts';
import { verifyW3cCredential } from './w3c-credential.ts';

const NOW = Date.UTC(2030, 0, 1) / 1000;
const HEADER = utf8('nonce and audience');

/** The example of the W3C's Data Integrity BBS Cryptosuites (its baseline): what was signed and what was derived. */
const KEY =
  'did:key:zUC7DerdEmfZ8f4pFajXgGwJoMkV1ofMTmEG5UoNvnWiPiLuGKNeqgRpLH2TV4Xe5mJ2cXV76gRN7LFQwapF1VFu6x2yrr5ci1mXqC1WNUrnHnLgvfZfMH7h6xP6qsf9EKRQrPQ';
const PUBLISHED = {
  '@context': [
    'https://www.w3.org/ns/credentials/v2',
    { '@vocab': 'https://windsurf.grotto-networking.com/selective#' },
  ],
  type: ['VerifiableCredential'],
  issuer: 'https://vc.example/windsurf/racecommittee',
  credentialSubject: {
    sailNumber: 'Earth101',
    sails: [
      { size: 6.1, sailName: 'Lahaina', year: 2023 },
      { size: 7, sailName: 'Lahaina', year: 2020 },
    ],
    boards: [
      { year: 2022, boardName: 'CompFoil170', brand: 'Wailea' },
      { boardName: 'Kanaha Custom', brand: 'Wailea', year: 2019 },
    ],
  },
  proof: {
    type: 'DataIntegrityProof',
    cryptosuite: 'bbs-2023',
    created: '2023-08-15T23:36:38Z',
    verificationMethod: `${KEY}#${KEY.slice('did:key:'.length)}`,
    proofPurpose: 'assertionMethod',
    proofValue:
      'u2V0DhVkCEJgxugaFJpT7ROtWzZ9mWBMw2Uk2caOtXtKGEMJVDFv9psrafLrzfprwyHOk7GgTv4V9U5VDvEW6E0n-MjO0RvbEYZDECqhFbZgxLtdTXDAD46d691Ltb37hYt9OOKJorYfMWhD_ONzGYzgQ4IrFqA2s_m597DymX7HauNGw2iK48mBAI4xwC4MQ3pLJwuwRiy3msMzccvvdMynM97xymCnoSS0KeW9uCRMYhPb90N-AKNXvjwXZqpgXhyWYxWQhUm2-XbQFhs0rg6RUZS9xY35XkXq9IvRbtn1I_OvfVGRnGuwuhF-H-HwdDrk02z-54jENSD1nEQtfZBJ4J4iOjNklnqePZoMYTKTnGEW4A9k6NVT0V3cW-Tm9NvJut0B3G9XDUkfvSrwrDnAXIabo7fYqY686Ay34lc3gbQsVyowadQckkRj50Jb8xaP5o57BqHDvYZ76avYf2Tt0uCskMX3vWfmB_I7CtWM9jrhxGxCFUre250hkhQP-zfUqwKduyokwY2EmLMR2e7uE6QTRp1I7wZ1nvFAceJSWFr72VHCwZ_gXWdmin5wndcCIikYXtXAY7OER5izYNltHg_vlO87IRr9yS93cGW_O0FxZw167c1rqmoPw5SM825-7j9LjsAfuf2nK_DfEmT3fx0fXeTtI6kghMVS0WSYMKdpt1B3pU5ozUoVa-jmLK6_UfQfXZaYAAgEEAgMDBwQGBQCOAAECBQYICQoODxAREhOGAwQFCAkKRBEzd6o',
  },
};

let issuer: BbsIssuer;
let base: string;
beforeAll(async () => {
  issuer = await bbsIssuer(new Uint8Array(32).fill(5));
  base = await issuer.issue();
});

const keyOf = async () => null;
const verify = (json: string, header?: Uint8Array) =>
  verifyW3cCredential(json, { now: NOW, keyOf, needsStatus: true, ...(header && { header }) });
const refusal = (json: string, header?: Uint8Array) =>
  verify(json, header).then(
    () => 'accepted',
    (error: unknown) => (error as ProtocolError).code,
  );
const changed = (json: string, change: (whole: Json) => void): string => {
  const whole = JSON.parse(json) as Json;
  change(whole);
  return JSON.stringify(whole);
};

describe('bbs-2023', () => {
  it('verifies the published derived proof, and no other of it', async () => {
    const shown = decodeSecured(JSON.stringify(PUBLISHED));
    const header = fromHex('113377aa');
    await verifyDerived(shown, header, KEY);
    await expect(verifyDerived(shown, utf8('other'), KEY)).rejects.toThrow('signature');
    const other = changed(JSON.stringify(PUBLISHED), (whole) => {
      (whole['credentialSubject'] as Json)['sailNumber'] = 'Earth102';
    });
    await expect(verifyDerived(decodeSecured(other), header, KEY)).rejects.toThrow('signature');
  });

  it('has the context that the W3C publishes, byte for byte', () => {
    const file = readFileSync(new URL('./contexts/credentials-v2.json', import.meta.url));
    // From the recommendation, “Verifiable Credentials Data Model v2.0”, section B.1.
    expect(toHex(sha256(file))).toBe('59955ced6697d61e03f2b2556febe5308ab16842846f5b586d7f1f7adec92734');
  });

  it('shows what was chosen and what the issuer wants shown, and nothing else', async () => {
    const credential = decodeSecured(base);
    expect(isDerived(credential)).toBe(false);
    await verifyBase(credential, issuer.did);
    const pointers = ['/credentialSubject/degree/year'];
    const shown = await derive(credential, pointers, HEADER, issuer.did);
    const { document } = decodeSecured(shown);
    expect(document).toEqual(revealed(credential, pointers));
    expect(document).toEqual({
      '@context': credential.document['@context'],
      type: ['VerifiableCredential', 'AlumniCredential'],
      issuer: issuer.did,
      validUntil: '2031-01-01T00:00:00Z',
      credentialSubject: { degree: { year: 2028 } },
    });
    expect(shown).not.toMatch(/Physics|The School/);
    expect(await refusal(shown, HEADER)).toBe('accepted');
    // Another showing has another proof.
    const again = await derive(credential, pointers, HEADER, issuer.did);
    expect(decodeSecured(again).proof.proofValue).not.toBe(decodeSecured(shown).proof.proofValue);
    await expect(derive(credential, ['/credentialSubject/nothing'], HEADER, issuer.did)).rejects.toThrow(
      'does not match',
    );
  });

  it('refuses what is not what was signed or asked for', async () => {
    const shown = await derive(decodeSecured(base), ['/credentialSubject/alumniOf'], HEADER, issuer.did);
    const other = await bbsIssuer(new Uint8Array(32).fill(6));
    const set = (name: string, value: unknown) => changed(shown, (whole) => (whole[name] = value));
    const subject = (value: unknown) => set('credentialSubject', value);
    const inProof = (name: string, value: unknown) =>
      changed(shown, (whole) => ((whole['proof'] as Json)[name] = value));
    const context = (last: unknown) => set('@context', ['https://www.w3.org/ns/credentials/v2', last]);
    const value = decodeSecured(shown).proof.proofValue;
    const attempts: [string, string][] = [
      ['signature', subject({ alumniOf: 'The Schule' })],
      ['signature', subject({ alumniOf: 'The School', more: 'x' })],
      ['signature', set('validUntil', '2032-01-01T00:00:00Z')],
      ['signature', changed(shown, (whole) => delete whole['validUntil'])],
      ['signature', set('type', ['VerifiableCredential', 'OtherCredential'])],
      ['signature', context({ '@vocab': 'https://other.example/words#' })],
      ['signature', context('https://www.w3.org/ns/credentials/undefined-terms/v2')],
      ['signature', inProof('created', '2029-12-30T10:00:00Z')],
      [
        'signature',
        inProof('proofValue', `${value.slice(0, 40)}${value[40] === 'A' ? 'B' : 'A'}${value.slice(41)}`),
      ],
      ['malformed', inProof('proofValue', 'uAAAA')],
      ['malformed', inProof('proofValue', `z${value.slice(1)}`)],
      ['signature', inProof('proofValue', value.slice(0, 401))],
      ['context', context('https://evil.example/v1')],
      ['context', context({ age_over_18: 'https://school.example/words#alumniOf' })],
      ['context', context({ '@vocab': 'https://school.example/words#', x: 'y:z' })],
      ['context', context({ '@vocab': 'https://school.example/wor' })],
      ['context', inProof('@context', ['https://www.w3.org/ns/credentials/v2'])],
      ['claim-name', subject({ 'https://school.example/words#alumniOf': 'The School' })],
      ['claim-name', subject({ alumniOf: 'The School', '@id': 'did:example:abc' })],
      ['claim-name', set('@graph', [])],
      ['verification-method', set('issuer', other.did)],
      ['issuer-kind', set('issuer', 'https://school.example')],
      ['proof-purpose', inProof('proofPurpose', 'authentication')],
      ['proof-created', inProof('created', '2030-12-30T10:00:00Z')],
      ['proof-member', inProof('domain', 'x')],
    ];
    for (const [code, json] of attempts) expect([code, await refusal(json, HEADER)]).toEqual([code, code]);
    expect(await refusal(shown, utf8('another nonce'))).toBe('signature');
    expect(await refusal(shown)).toBe('proof-derived');
    expect(await refusal(base, HEADER)).toBe('proof-derived');
    expect(await refusal(base)).toBe('accepted');
  });

  it('refuses a credential that its issuer did not sign as it is, or that is too large', async () => {
    const subject = (value: unknown) => changed(base, (whole) => (whole['credentialSubject'] = value));
    expect(await refusal(subject({ alumniOf: 'Another' }))).toBe('signature');
    expect(await refusal(subject({ many: Array.from({ length: 400 }, (_, at) => at) }))).toBe('malformed');
    expect(await refusal(subject({ long: 'x'.repeat(70_000) }))).toBe('malformed');
    const expired = await issuer.issue({ validUntil: '2029-06-01T00:00:00Z' });
    expect(await refusal(expired)).toBe('expired');
    const unknown = await issuer.issue({ credentialStatus: { type: 'Something' } });
    expect(await refusal(unknown)).toBe('status-unknown');
  });

  it('asks nobody for anything', async () => {
    const before = globalThis.fetch;
    const asked: unknown[] = [];
    globalThis.fetch = (async (url: unknown) => {
      asked.push(url);
      throw new Error('no network');
    }) as typeof fetch;
    try {
      await refusal(base);
      await refusal(changed(base, (whole) => (whole['@context'] as unknown[]).push('https://evil.example')));
    } finally {
      globalThis.fetch = before;
    }
    expect(asked).toEqual([]);
  });
});
