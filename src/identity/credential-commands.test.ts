import { beforeEach, describe, expect, it } from 'vitest';
import type { RegistryAccess } from './registry-access.ts';
import { Registry } from './registry.ts';
import { testPerson, testRegistry } from './testing/person.ts';

const DAY = 86_400_000;
const PERSON = 'urn:autonomys:vc:person:1';

let now = Date.UTC(2030, 0, 1);
const clock = () => now;
const sharedRegistry = (registry: Registry) => testRegistry(registry, clock);
const person = (registry: RegistryAccess | null = null) => testPerson(clock, registry);

beforeEach(() => {
  now = Date.UTC(2030, 0, 1);
});

/** The same request without the wish for a proof of whose a credential is. */
function unprovenForm(request: string): string {
  const { dcql_query: asked, ...rest } = JSON.parse(request) as { dcql_query: { credentials: object[] } };
  const credentials = asked.credentials.map((one) => ({
    ...one,
    require_cryptographic_holder_binding: false,
  }));
  return JSON.stringify({ ...rest, dcql_query: { credentials } });
}

describe('credentials', () => {
  async function three(registry: RegistryAccess | null = null) {
    const [issuer, holder, verifier] = [
      await person(registry),
      await person(registry),
      await person(registry),
    ];
    const issuerDid = (await issuer.createIdentity({ name: 'Town hall' })).did;
    const holderDid = (await holder.createIdentity({ name: 'Ada', key: 'p256' })).did;
    const pem = await holder.exportIdentity({ did: holderDid, format: 'pem' });
    await issuer.importIdentity({ file: pem.content });
    return { issuer, holder, verifier, issuerDid, holderDid };
  }

  const claims = { given_name: 'Ada', birth_year: 1990, age_over_18: true };

  it('are issued, shown with one claim only, verified, and refused once revoked', async () => {
    const { issuer, holder, verifier, issuerDid, holderDid } = await three();
    const { package: packed, index } = await issuer.issueCredential({
      issuer: issuerDid,
      subject: holderDid,
      type: PERSON,
      claims,
      revocable: true,
    });
    const received = await holder.acceptCredential({ text: packed });
    expect(received).toMatchObject({ type: PERSON, issuer: issuerDid, holder: holderDid, selfIssued: false });
    await expect(holder.acceptCredential({ text: packed })).rejects.toThrow('credential-exists');

    const request = await verifier.newRequest({
      audience: 'https://bar.example',
      purpose: 'To serve you',
      credentials: [{ type: PERSON, claims: [['age_over_18']] }],
    });
    const asked = await holder.matchRequest({ request });
    const match = asked.queries[0]!.matches[0]!;
    expect(match).toMatchObject({
      disclosed: [['age_over_18']],
      seen: [{ path: ['age_over_18'], text: 'true' }],
      unseen: [['birth_year'], ['given_name']],
    });
    const response = await holder.present({
      request,
      answers: [{ query: 'q1', credential: match.credential.id, paths: match.disclosed }],
    });
    expect(response).not.toContain('given_name');
    expect((await holder.shownLog())[0]).toMatchObject({
      audience: 'https://bar.example',
      claims: [['age_over_18']],
    });

    // The status of a revocable credential has to be known: the verifier needs the issuer's list.
    await expect(verifier.verifyResponse({ request, response })).rejects.toThrow('status-unknown');
    const issuerPem = await issuer.exportIdentity({ did: issuerDid, format: 'pem' });
    await verifier.importIdentity({ file: issuerPem.content });
    await verifier.importStatusList({ token: await issuer.statusList({ issuer: issuerDid }) });
    const [result] = await verifier.verifyResponse({ request, response });
    expect(result).toMatchObject({
      issuer: issuerDid,
      claims: [{ path: ['age_over_18'], text: 'true' }],
      issuerVerdict: { certificates: 'ok' },
    });

    now += 1000;
    const list = await issuer.revokeCredential({ issuer: issuerDid, index: index! });
    await verifier.importStatusList({ token: list });
    await expect(verifier.verifyResponse({ request, response })).rejects.toThrow('revoked');
    await expect(verifier.importStatusList({ token: `${list}x` })).rejects.toThrow(/status-list/);
  });

  it('that are somebody else’s, or nobody’s, answer only what asks for no proof of whose they are', async () => {
    const { issuer, holder, verifier, issuerDid, holderDid } = await three();
    const request = await verifier.newRequest({ audience: 'bar', credentials: [{ type: PERSON }] });
    for (const subject of [{ subject: holderDid }, {}]) {
      const other = await person();
      const { package: text } = await issuer.issueCredential({
        issuer: issuerDid,
        type: PERSON,
        claims,
        ...subject,
      });
      const { id } = await other.acceptCredential({ text });
      expect(await other.matchRequest({ request })).toMatchObject({
        answerable: false,
        queries: [{ matches: [] }],
      });
      const answers = [{ query: 'q1', credential: id, paths: [] }];
      await expect(other.present({ request, answers })).rejects.toThrow('not-holder');
      const open = unprovenForm(request);
      expect(await other.matchRequest({ request: open })).toMatchObject({ answerable: true });
      const { vp_token } = JSON.parse(await other.present({ request: open, answers })) as {
        vp_token: { q1: [string] };
      };
      expect(vp_token.q1[0].endsWith('~')).toBe(true);
    }
    expect((await holder.matchRequest({ request })).answerable).toBe(false);
  });

  it('are kept by their issuer, who can suspend, restore and revoke them at any time', async () => {
    const { issuer, holder, issuerDid, holderDid } = await three();
    const issue = (subject: string | undefined, revocable: boolean) =>
      issuer.issueCredential({
        issuer: issuerDid,
        ...(subject === undefined ? {} : { subject }),
        type: PERSON,
        claims: { given_name: 'Ada' },
        days: 2,
        revocable,
      });
    const { package: packed } = await issue(holderDid, true);
    await issue(undefined, false);
    await issue(undefined, true);
    await holder.acceptCredential({ text: packed });
    const issuerPem = await issuer.exportIdentity({ did: issuerDid, format: 'pem' });
    await holder.importIdentity({ file: issuerPem.content });
    const issued = await issuer.issuedCredentials({ issuer: issuerDid });
    expect(issued).toMatchObject([
      { index: 1, subject: null, subjectName: null },
      { index: 0, subject: holderDid, subjectName: expect.stringMatching(/^Ada~/), type: PERSON },
    ]);
    expect(issued[1]!.claims).toEqual([{ path: ['given_name'], text: 'Ada' }]);
    expect(issued[1]!.until - issued[1]!.at).toBe(2 * 86_400);

    const first = { issuer: issuerDid, index: 0 };
    /** What the issuer's own book says of both, and the holder by the list that was made. */
    const after = async (list: string) => {
      now += 1000;
      await holder.importStatusList({ token: list });
      const book = (await issuer.issuedCredentials({ issuer: issuerDid })).map(({ status }) => status);
      return [...book, (await holder.credentials())[0]!.status];
    };
    expect(await after(await issuer.revokeCredential({ ...first, suspend: true }))).toEqual([
      'valid',
      'suspended',
      'suspended',
    ]);
    expect(await after(await issuer.restoreCredential(first))).toEqual(['valid', 'valid', 'valid']);
    expect(await after(await issuer.revokeCredential(first))).toEqual(['valid', 'revoked', 'revoked']);
    await expect(issuer.restoreCredential(first)).rejects.toThrow('is revoked');
    await expect(issuer.revokeCredential({ ...first, suspend: true })).rejects.toThrow('is revoked');
    await expect(issuer.revokeCredential({ ...first, index: 2 })).rejects.toThrow('index 2');
  });

  it('are refused when replayed, exchanged, bound to others or out of date', async () => {
    const { issuer, holder, verifier, issuerDid, holderDid } = await three();
    const { package: packed } = await issuer.issueCredential({
      issuer: issuerDid,
      subject: holderDid,
      type: PERSON,
      claims,
      days: 2,
    });
    const { id } = await holder.acceptCredential({ text: packed });
    const ask = (audience: string) =>
      verifier.newRequest({ audience, credentials: [{ type: PERSON, claims: [['given_name']] }] });
    const [first, second] = [await ask('a'), await ask('a')];
    const answer = (request: string, paths = [['given_name']]) =>
      holder.present({ request, answers: [{ query: 'q1', credential: id, paths }] });
    const response = await answer(first);
    await verifier.verifyResponse({ request: first, response });
    await expect(verifier.verifyResponse({ request: second, response })).rejects.toThrow('key-binding-nonce');
    const elsewhere = JSON.stringify({ ...JSON.parse(first), client_id: 'b' });
    await expect(verifier.verifyResponse({ request: elsewhere, response })).rejects.toThrow(
      'key-binding-audience',
    );
    await expect(
      verifier.verifyResponse({ request: first, response: await answer(first, []) }),
    ).rejects.toThrow('claim-missing');
    const thief = await person();
    await thief.createIdentity({ name: 'Thief' });
    const stolen = await thief.acceptCredential({ text: packed });
    const unbound = await thief.present({
      request: unprovenForm(first),
      answers: [{ query: 'q1', credential: stolen.id, paths: [['given_name']] }],
    });
    await expect(verifier.verifyResponse({ request: first, response: unbound })).rejects.toThrow(
      'key-binding-missing',
    );
    now += 400_000;
    await expect(verifier.verifyResponse({ request: first, response })).rejects.toThrow('key-binding-age');
    now += 3 * DAY;
    await expect(verifier.verifyResponse({ request: first, response: await answer(first) })).rejects.toThrow(
      'expired',
    );
  });

  it('of an issuer who was revoked on the registry are refused', async () => {
    const access = sharedRegistry(new Registry());
    const { issuer, holder, verifier, issuerDid, holderDid } = await three(access);
    await issuer.registerIdentity({ did: issuerDid });
    const { package: packed } = await issuer.issueCredential({
      issuer: issuerDid,
      subject: holderDid,
      type: PERSON,
      claims,
    });
    const { id } = await holder.acceptCredential({ text: packed });
    const request = await verifier.newRequest({ audience: 'a', credentials: [{ type: PERSON }] });
    const response = await holder.present({ request, answers: [{ query: 'q1', credential: id, paths: [] }] });
    expect(await verifier.verifyResponse({ request, response })).toMatchObject([
      { claims: [], issuerVerdict: { strict: 'ok' } },
    ]);
    await issuer.revokeIdentity({ did: issuerDid });
    await expect(verifier.verifyResponse({ request, response })).rejects.toThrow('issuer-revoked');
  });

  it('prove a bound of a hidden number, and only a true one', async () => {
    const { issuer, holder, verifier, issuerDid, holderDid } = await three();
    const { package: packed } = await issuer.issueCredential({
      issuer: issuerDid,
      subject: holderDid,
      type: PERSON,
      claims,
      commitments: { score: 7300, quantity: 12 },
    });
    const { id, provable } = await holder.acceptCredential({ text: packed });
    expect(provable).toEqual(['quantity', 'score']);
    const ask = (value: number) =>
      verifier.newRequest({
        audience: 'a',
        credentials: [{ type: PERSON, predicates: [{ attribute: 'score', kind: 'at-least', value }] }],
      });
    const answer = (request: string) =>
      holder.present({ request, answers: [{ query: 'q1', credential: id, paths: [] }] });
    const request = await ask(7000);
    const response = await answer(request);
    expect(response).not.toContain('7300');
    expect(await verifier.verifyResponse({ request, response })).toMatchObject([
      { claims: [], proved: [{ attribute: 'score', kind: 'at-least', value: 7000 }] },
    ]);
    await expect(answer(await ask(7301))).rejects.toThrow('predicate-false');
    const raised = (text: string) => text.replaceAll('7000', '7200');
    await expect(
      verifier.verifyResponse({ request: raised(request), response: raised(response) }),
    ).rejects.toThrow('predicate');
    const forgedOpening = packed.replace('7300', '7301');
    await expect((await person()).acceptCredential({ text: forgedOpening })).rejects.toThrow(
      'predicate-opening',
    );
  });

  it('from issuers whose name proves nothing are refused until they are known', async () => {
    const [issuer, holder] = [await person(), await person()];
    const { did } = await issuer.createIdentity({ name: 'Anyone', bareName: true });
    const { package: packed } = await issuer.issueCredential({ issuer: did, type: PERSON, claims });
    await expect(holder.acceptCredential({ text: packed })).rejects.toThrow('issuer-key');
    const pem = await issuer.exportIdentity({ did, format: 'pem' });
    await holder.importIdentity({ file: pem.content });
    expect(await holder.acceptCredential({ text: packed })).toMatchObject({ issuer: did, holder: null });
  });
});
