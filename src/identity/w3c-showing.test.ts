import { beforeAll, describe, expect, it } from 'vitest';
import type { PresentationRequest, PresentationResponse } from './exchange.ts';
import { bbsIssuer, type BbsIssuer } from './testing/bbs-issuer.ts';
import { testPerson } from './testing/person.ts';
import { foreignCredential } from './testing/w3c-issuer.ts';
import { matchW3c, previewW3c } from './w3c-showing.ts';

const clock = () => Date.UTC(2030, 0, 1);
const SEED = new Uint8Array(32).fill(7);
const ASKED = { type: 'AlumniCredential', claims: [['degree', 'year']], showing: 'foreign' as const };
const AUDIENCE = 'https://bar.example';

let issuer: BbsIssuer;
let base: string;
beforeAll(async () => {
  issuer = await bbsIssuer(new Uint8Array(32).fill(5));
  base = await issuer.issue();
});

const query = (more: object = {}): Parameters<typeof matchW3c>[0] => ({
  id: 'q1',
  format: 'ldp_vc',
  require_cryptographic_holder_binding: false,
  ...more,
});

describe('a credential of another system in an answer', () => {
  it('shows what is asked and no more, is checked, and is made for one request', async () => {
    const [holder, verifier] = [await testPerson(clock), await testPerson(clock)];
    const kept = await holder.acceptCredential({ text: base });
    expect(kept).toMatchObject({ foreign: true, linkable: false, issuer: issuer.did });
    const request = await verifier.newRequest({ audience: AUDIENCE, credentials: [ASKED] });
    const matched = await holder.matchRequest({ request });
    const match = matched.queries[0]!.matches[0]!;
    expect(matched.answerable).toBe(true);
    expect(match).toMatchObject({
      disclosed: [['credentialSubject', 'degree', 'year']],
      seen: [{ path: ['degree', 'year'], text: '2028' }],
      unseen: [['alumniOf'], ['degree', 'subject']],
      linkedBy: [],
    });
    const answers = [{ query: 'q1', credential: kept.id, paths: match.disclosed }];
    const response = await holder.present({ request, answers });
    expect(response).not.toMatch(/Physics|The School/);
    const [result] = await verifier.verifyResponse({ request, response });
    expect(result).toMatchObject({
      type: 'AlumniCredential',
      issuer: issuer.did,
      issuerVerdict: null,
      foreign: true,
      claims: [{ path: ['degree', 'year'], text: '2028' }],
    });
    expect((await holder.shownLog())[0]).toMatchObject({ audience: AUDIENCE });
    const again = await verifier.newRequest({ audience: AUDIENCE, credentials: [ASKED] });
    await expect(verifier.verifyResponse({ request: again, response })).rejects.toThrow('signature');
    const elsewhere = JSON.stringify({
      ...(JSON.parse(request) as PresentationRequest),
      client_id: 'https://other.example',
    });
    await expect(verifier.verifyResponse({ request: elsewhere, response })).rejects.toThrow('signature');
    // What was shown once is nobody's to keep.
    const [shown] = (JSON.parse(response) as PresentationResponse).vp_token['q1']!;
    await expect(verifier.acceptCredential({ text: shown! })).rejects.toThrow('proof-derived');
  });

  it('is refused when it shows less than asked, is of another kind, or is to be somebody’s own', async () => {
    const [holder, verifier] = [await testPerson(clock), await testPerson(clock)];
    const kept = await holder.acceptCredential({ text: base });
    const ask = async (change: object) => {
      const made = await verifier.newRequest({ audience: AUDIENCE, credentials: [ASKED] });
      const request = JSON.parse(made) as PresentationRequest;
      const [own] = request.dcql_query.credentials;
      return JSON.stringify({ ...request, dcql_query: { credentials: [{ ...own, ...change }] } });
    };
    const request = await ask({});
    const answers = [{ query: 'q1', credential: kept.id, paths: [['credentialSubject', 'alumniOf']] }];
    const response = await holder.present({ request, answers });
    await expect(verifier.verifyResponse({ request, response })).rejects.toThrow('claim-missing');
    const nonce = { nonce: (JSON.parse(request) as PresentationRequest).nonce };
    const asked = async (change: object) =>
      JSON.stringify({ ...(JSON.parse(await ask(change)) as object), ...nonce });
    const other = await asked({ meta: { type_values: [['OtherCredential']] } });
    await expect(verifier.verifyResponse({ request: other, response })).rejects.toThrow('credential-type');
    const bound = await asked({ require_cryptographic_holder_binding: true });
    await expect(verifier.verifyResponse({ request: bound, response })).rejects.toThrow('holder-binding');
    const whole = JSON.stringify({ vp_token: { q1: [base] } });
    await expect(verifier.verifyResponse({ request, response: whole })).rejects.toThrow('proof-derived');
  });

  it('tells its issuer and end, whatever the issuer wants shown, and is refused without an end', async () => {
    const [holder, verifier] = [await testPerson(clock), await testPerson(clock)];
    const shown = async (text: string) => {
      const kept = await holder.acceptCredential({ text });
      const asked = { type: 'AlumniCredential', showing: 'foreign' as const };
      const request = await verifier.newRequest({ audience: AUDIENCE, credentials: [asked] });
      const match = (await holder.matchRequest({ request })).queries[0]!.matches.find(
        ({ credential }) => credential.id === kept.id,
      )!;
      expect(match.seen).toEqual([]);
      const answers = [{ query: 'q1', credential: kept.id, paths: match.disclosed }];
      return verifier.verifyResponse({ request, response: await holder.present({ request, answers }) });
    };
    const [result] = await shown(await issuer.issue({}, ['/type']));
    expect(result).toMatchObject({ issuer: issuer.did, claims: [] });
    await expect(shown(await issuer.issue({ validUntil: undefined }, ['/issuer']))).rejects.toThrow(
      'end-missing',
    );
  });

  it('is whole where nothing can be kept back', async () => {
    const [holder, verifier] = [await testPerson(clock), await testPerson(clock)];
    const text = foreignCredential(SEED);
    const kept = await holder.acceptCredential({ text });
    const request = await verifier.newRequest({ audience: AUDIENCE, credentials: [ASKED] });
    const match = (await holder.matchRequest({ request })).queries[0]!.matches[0]!;
    expect(match).toMatchObject({ unseen: [], linkedBy: ['the issuer’s signature'] });
    expect(match.seen.map(({ path }) => path.join('.'))).toContain('alumniOf');
    const answers = [{ query: 'q1', credential: kept.id, paths: match.disclosed }];
    const response = await holder.present({ request, answers });
    expect(await verifier.verifyResponse({ request, response })).toMatchObject([{ foreign: true }]);
    const forged = JSON.stringify({ vp_token: { q1: [text.replace('2028', '2029')] } });
    await expect(verifier.verifyResponse({ request, response: forged })).rejects.toThrow('signature');
  });

  it('answers only queries that it fits', () => {
    const claims = (...path: string[]) => ({ claims: [{ path }] });
    expect(matchW3c(query(claims('credentialSubject', 'degree')), base)).toEqual([
      ['credentialSubject', 'degree', 'subject'],
      ['credentialSubject', 'degree', 'year'],
    ]);
    expect(matchW3c(query(claims('credentialSubject', 'age')), base)).toBeNull();
    expect(matchW3c(query({ format: 'dc+sd-jwt' }), base)).toBeNull();
    expect(matchW3c(query({ require_cryptographic_holder_binding: undefined }), base)).toBeNull();
    expect(
      matchW3c(query({ predicates: [{ attribute: 'score', kind: 'at-least', value: 1 }] }), base),
    ).toBeNull();
    const types = (...all: string[]) => query({ meta: { type_values: [all] } });
    expect(matchW3c(types('AlumniCredential'), base)).toEqual([]);
    expect(matchW3c(types('https://school.example/words#AlumniCredential'), base)).toEqual([]);
    expect(
      matchW3c(
        types(
          'https://www.w3.org/2018/credentials#VerifiableCredential',
          'https://school.example/words#AlumniCredential',
        ),
        base,
      ),
    ).toEqual([]);
    expect(matchW3c(types('https://other.example/words#AlumniCredential'), base)).toBeNull();
  });

  it('says what would make two showings known to be of one person', async () => {
    const marked = await issuer.issue({ id: 'urn:uuid:1', validUntil: '2031-01-01T00:00:01Z' });
    const dated = JSON.stringify({
      ...(JSON.parse(base) as { proof: object }),
      proof: { ...(JSON.parse(base) as { proof: object }).proof, created: '2029-12-31T10:00:00Z' },
    });
    expect((await previewW3c(dated, [])).linkedBy).toEqual(['the moment it was signed']);
    expect((await previewW3c(marked, [])).linkedBy).toEqual(['an identifier in it', 'the moment it ends']);
  });
});
