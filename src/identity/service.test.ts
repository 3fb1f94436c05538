import { beforeEach, describe, expect, it } from 'vitest';
import { fromHex, utf8 } from '../protocol/bytes.ts';
import type { RegistryAccess } from './context.ts';
import { Registry } from './registry.ts';
import { createIdentityService } from './service.ts';
import { TEST_QUOTE, testPerson, testRegistry, testWallet } from './testing/person.ts';

const DAY = 86_400_000;
const PERSON = 'urn:autonomys:vc:person:1';

let now = Date.UTC(2030, 0, 1);
const clock = () => now;

const LOCAL = { refused: null, sentence: null, extrinsic: null, block: null, quote: null };
const sharedRegistry = (registry: Registry) => testRegistry(registry, clock);
const person = (registry: RegistryAccess | null = null) => testPerson(clock, registry);

beforeEach(() => {
  now = Date.UTC(2030, 0, 1);
});

describe('identities', () => {
  it('are made, registered, renewed, revoked and given up on the registry', async () => {
    const registry = new Registry();
    const ada = await person(sharedRegistry(registry));
    const { did } = await ada.createIdentity({ name: 'Ada' });
    expect(await ada.verdict({ did })).toMatchObject({ chain: 'not-anchored', certificates: 'ok' });
    const dry = await ada.registerIdentity({ did, dry: true });
    expect(dry).toEqual({ ...LOCAL, quote: TEST_QUOTE });
    const sent = await ada.registerIdentity({ did });
    expect(sent.extrinsic).not.toBeNull();
    expect(await ada.verdict({ did })).toMatchObject({ chain: 'ok', strict: 'ok', asOf: { proven: true } });
    expect(await ada.registerIdentity({ did })).toMatchObject({ refused: 'AutoIdIdentifierAlreadyExists' });

    const before = (await ada.identities())[0]!;
    now += 700 * DAY;
    const renewed = await ada.renewIdentity({ did });
    expect(renewed.call?.refused).toBeNull();
    expect(renewed.serial).not.toBe(before.serial);
    expect(renewed.notAfter).toBeGreaterThan(before.notAfter);
    expect(await ada.verdict({ did })).toMatchObject({ chain: 'ok', strict: 'ok' });

    await ada.revokeIdentity({ did });
    expect(await ada.verdict({ did })).toMatchObject({ chain: 'revoked', strict: 'revoked' });
    // The registry forgets a root's revocation when it renews itself; the wallet does not.
    await ada.renewIdentity({ did });
    expect(await ada.verdict({ did })).toMatchObject({ chain: 'ok', strict: 'renewed-after-revocation' });

    await ada.deactivateIdentity({ did });
    expect(await ada.verdict({ did })).toMatchObject({ chain: 'not-anchored' });
    expect((await ada.identities())[0]).toMatchObject({ deactivated: true });
  });

  it('issued to others work, and fall with whoever they rest on', async () => {
    const registry = new Registry();
    const access = sharedRegistry(registry);
    const [org, grace, judge] = [await person(access), await person(access), await person(access)];
    const root = await org.createIdentity({ name: 'Navy', key: 'p256' });
    await org.registerIdentity({ did: root.did });
    const request = await grace.requestIdentity({ name: 'Grace', purpose: 'Officer' });
    const file = utf8(request.request);
    expect(await org.readRequest({ file })).toEqual({
      commonName: 'Grace',
      purpose: 'Officer',
      fingerprint: request.fingerprint,
    });
    const issued = await org.issueIdentity({ issuer: root.did, file, days: 30, mayIssue: true });
    await expect(org.issueIdentity({ issuer: root.did, file })).rejects.toThrow('identity-exists');
    const mine = await grace.acceptIdentity({ file: utf8(issued.chain) });
    expect(mine).toMatchObject({ did: issued.did, kind: 'leaf', issuer: root.did, canIssue: true });
    expect(await grace.pendingIdentities()).toEqual([]);
    await expect(grace.acceptIdentity({ file: utf8(issued.chain) })).rejects.toThrow('no-request');
    await grace.registerIdentity({ did: mine.did });

    const agent = await grace.createAgent({
      owner: mine.did,
      name: 'Calendar',
      purpose: 'Reads my calendar',
      capabilities: [{ res: 'ext:calendar', act: ['read'] }],
      days: 7,
    });
    await grace.registerIdentity({ did: agent.to });
    const { content } = await grace.exportIdentity({ did: agent.to, format: 'pem' });
    expect(await judge.inspectIdentity({ file: content })).toMatchObject({ chain: 'ok', strict: 'ok' });
    await org.revokeIdentity({ did: issued.did });
    // The registry reads the direct issuer's list only; the strict verdict walks to the root.
    expect(await judge.inspectIdentity({ file: content })).toMatchObject({ chain: 'ok', strict: 'revoked' });
    await org.deactivateIdentity({ did: root.did });
    expect(await judge.inspectIdentity({ file: content })).toMatchObject({ strict: 'issuer-gone' });
  });

  it('travel as PKCS#12 to another wallet, and are not taken over by another key', async () => {
    const [ada, elsewhere, mallory] = [await person(), await person(), await person()];
    const { did, commonName } = await ada.createIdentity({ name: 'Ada', bareName: true });
    const p12 = await ada.exportIdentity({ did, format: 'p12', password: 'file password' });
    await expect(elsewhere.importIdentity({ file: p12.content, password: 'wrong' })).rejects.toThrow(
      'wrong-password',
    );
    const here = await elsewhere.importIdentity({ file: p12.content, password: 'file password' });
    expect(here).toMatchObject({ did, role: 'own', recoverable: false });
    await expect(elsewhere.importIdentity({ file: p12.content, password: 'file password' })).rejects.toThrow(
      'identity-exists',
    );
    const signed = await elsewhere.signContent({
      did,
      content: utf8('x'),
      mediaType: 'text/plain',
      origin: 'human',
    });
    const pem = await ada.exportIdentity({ did, format: 'pem' });
    const verifier = await person();
    // A bare name says nothing of the key: whoever is not known does not count.
    await expect(verifier.verifyContent({ content: utf8('x'), statement: signed.content })).rejects.toThrow(
      'issuer-key',
    );
    await verifier.importIdentity({ file: pem.content });
    expect(await verifier.verifyContent({ content: utf8('x'), statement: signed.content })).toMatchObject({
      did,
    });

    const fake = await mallory.createIdentity({ name: commonName, bareName: true });
    expect(fake.did).toBe(did);
    const fakePem = await mallory.exportIdentity({ did, format: 'pem' });
    await expect(verifier.importIdentity({ file: fakePem.content })).rejects.toThrow('identity-exists');
    const forged = await mallory.signContent({
      did,
      content: utf8('x'),
      mediaType: 'text/plain',
      origin: 'human',
    });
    await expect(verifier.verifyContent({ content: utf8('x'), statement: forged.content })).rejects.toThrow(
      'signature',
    );
  });

  it('have DID documents', async () => {
    const ada = await person();
    const { did } = await ada.createIdentity({ name: 'Ada', key: 'p256' });
    expect(await ada.didDocument({ did })).toMatchObject({
      id: did,
      controller: did,
      verificationMethod: [{ id: `${did}#key-1`, publicKeyJwk: { kty: 'EC', crv: 'P-256' } }],
      capabilityDelegation: [`${did}#key-1`],
    });
  });

  it('need an unlocked wallet and a registry where one is asked for', async () => {
    const owner = await testWallet();
    const ada = createIdentityService(owner, { network: () => 'off', registry: null, now: clock });
    const { did } = await ada.createIdentity({ name: 'Ada' });
    await expect(ada.registerIdentity({ did })).rejects.toThrow('no-registry');
    await owner.lock();
    await expect(ada.identities()).rejects.toThrow('locked');
    await expect(
      ada.signContent({ did, content: utf8('x'), mediaType: 'a/b', origin: 'ai' }),
    ).rejects.toThrow('locked');
  });

  it('are co-issued by several, and followed by others', async () => {
    const [first, second, grace] = [await person(), await person(), await person()];
    const one = await first.createIdentity({ name: 'One' });
    const two = await second.createIdentity({ name: 'Two' });
    const request = await grace.requestIdentity({ name: 'Joint' });
    const issued = await first.issueIdentity({ issuer: one.did, file: utf8(request.request) });
    const file = utf8(issued.chain);
    const pem = await second.exportIdentity({ did: two.did, format: 'pem' });
    await grace.importIdentity({ file: pem.content });
    const group = [one.did, two.did];
    const statement = await second.coIssue({ did: two.did, file, group, threshold: 2 });
    expect(await grace.coIssuers({ file, statements: [statement] })).toEqual({
      kind: 'counted',
      signed: 2,
      threshold: 2,
      of: 2,
    });
    // Whoever knows the identity keeps the statement with it, until it is withdrawn.
    await expect(grace.addStatement({ text: statement })).rejects.toThrow('co-issuance');
    const { did: joint } = await grace.importIdentity({ file });
    expect(await grace.addStatement({ text: statement })).toEqual({ subject: joint });
    const counted = async () => (await grace.statementsOf({ did: joint })).coIssuance;
    expect(await counted()).toMatchObject({ signed: 2, threshold: 2 });
    await second.withdrawCoIssuance({ did: two.did, subject: joint });
    expect(await second.coIssued()).toEqual([{ did: two.did, subject: joint, withdrawn: true }]);
    await grace.importStatusList({ token: await second.statusList({ issuer: two.did }) });
    expect(await counted()).toEqual({ kind: 'none' });
    await expect(second.coIssue({ did: two.did, file, group: [one.did], threshold: 1 })).rejects.toThrow(
      'co-issuance',
    );
    const next = await second.createIdentity({ name: 'Two again', key: 'p256' });
    const { byOld, byNew } = await second.succeed({ from: two.did, to: next.did });
    await grace.importIdentity({
      file: (await second.exportIdentity({ did: next.did, format: 'pem' })).content,
    });
    await grace.addStatement({ text: JSON.stringify({ byOld, byNew }) });
    expect(await grace.statementsOf({ did: next.did })).toMatchObject({ predecessor: two.did });
    expect(await grace.statementsOf({ did: two.did })).toMatchObject({ successor: next.did });
    expect(await second.checkSuccession({ byOld, byNew })).toEqual({
      predecessor: two.did,
      successor: next.did,
    });
    await expect(second.checkSuccession({ byOld, byNew: byOld })).rejects.toThrow('succession');
  });

  it('are revoked locally where there is no registry', async () => {
    const ada = await person();
    const { did } = await ada.createIdentity({ name: 'Ada' });
    expect(await ada.revokeIdentity({ did })).toEqual(LOCAL);
    const agent = ada.createAgent({
      owner: did,
      name: 'A',
      purpose: 'x',
      capabilities: [{ res: 'auto:pay', act: ['spend'] }],
      days: 1,
    });
    await expect(agent).resolves.toMatchObject({ from: did });
  });
});

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
      request: first,
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

describe('agents', () => {
  const capabilities = [
    { res: 'auto:pay', act: ['spend'], lim: { per_tx: '10', total: '25' } },
    { res: 'auto:drive:/alice/*', act: ['read', 'write'] },
  ];

  it('act within their limits and are refused beyond them, with every request in the log', async () => {
    const [owner, machine] = [await person(), await person()];
    const { did: authority } = await owner.createIdentity({ name: 'Alice' });
    const { to: agentDid } = await owner.createAgent({
      owner: authority,
      name: 'Shopper',
      purpose: 'Buys bread',
      capabilities,
      days: 1,
      depth: 1,
    });
    const file = await owner.exportAgent({ did: agentDid, password: 'agent password' });
    await expect(machine.importAgent({ file, password: 'wrong password' })).rejects.toThrow('wrong-password');
    await machine.importAgent({ file, password: 'agent password' });
    const [held] = await machine.delegations();
    const use = async (request: { res: string; act: string; use?: Record<string, string> }) => {
      const nonce = await owner.newChallenge();
      const invocation = await machine.useDelegation({ id: held!.id, request, audience: 'shop', nonce });
      const checked = await owner.checkUse({ invocation, authority, audience: 'shop', nonce });
      await expect(
        owner.checkUse({ invocation, authority, audience: 'shop', nonce: await owner.newChallenge() }),
      ).rejects.toThrow('nonce');
      return checked.verdict;
    };
    const spend = (amount: string) =>
      use({ res: 'auto:pay', act: 'spend', use: { per_tx: amount, total: amount } });
    expect(await spend('10')).toBe('ok');
    expect(await spend('11')).toBe('not-covered');
    expect(await spend('10')).toBe('ok');
    expect(await spend('10')).toBe('limit-exhausted');
    expect(await spend('5')).toBe('ok');
    expect(await use({ res: 'auto:drive:/bob/x', act: 'read' })).toBe('not-covered');
    expect(await use({ res: 'auto:drive:/alice/x', act: 'read' })).toBe('ok');

    await owner.revokeDelegation({ id: held!.id });
    expect(await use({ res: 'auto:drive:/alice/x', act: 'read' })).toBe('revoked');
    const { entries, damagedAt } = await owner.auditLog();
    expect(damagedAt).toBeNull();
    expect(entries.map(({ outcome }) => outcome)).toEqual([
      'ok',
      'not-covered',
      'ok',
      'limit-exhausted',
      'ok',
      'not-covered',
      'ok',
      'revoked',
    ]);
    expect((await owner.delegations())[0]).toMatchObject({ revoked: true, used: { 'auto:pay': '25' } });
  });

  it('pass permissions on narrower, never wider', async () => {
    const [owner, helper] = [await person(), await person()];
    const { did: authority } = await owner.createIdentity({ name: 'Alice' });
    const { did: helperDid } = await helper.createIdentity({ name: 'Helper' });
    const given = await owner.delegate({
      from: authority,
      to: helperDid,
      label: 'Papers',
      capabilities,
      days: 1,
      depth: 1,
    });
    const held = await helper.acceptGrant({ grant: given.grant, label: 'From Alice' });
    await expect(owner.acceptGrant({ grant: given.grant, label: 'not mine' })).rejects.toThrow(
      'unknown-identity',
    );
    const { did: second } = await helper.createIdentity({ name: 'Second' });
    const pass = (res: string, act: string[]) =>
      helper.delegate({
        from: helperDid,
        to: second,
        label: 'Less',
        capabilities: [{ res, act }],
        days: 1,
        parent: held.id,
      });
    await expect(pass('auto:drive:/*', ['read'])).rejects.toThrow('not-attenuated');
    await expect(pass('auto:pay', ['spend'])).rejects.toThrow('not-attenuated');
    const narrower = await pass('auto:drive:/alice/docs/*', ['read']);
    const nonce = await owner.newChallenge();
    const request = { res: 'auto:drive:/alice/docs/a', act: 'read' };
    const invocation = await helper.useDelegation({ id: narrower.id, request, audience: 'x', nonce });
    expect(await owner.checkUse({ invocation, authority, audience: 'x', nonce })).toMatchObject({
      verdict: 'ok',
      agent: second,
    });
    now += 2 * DAY;
    const late = await owner.newChallenge();
    const tooLate = await helper.useDelegation({ id: narrower.id, request, audience: 'x', nonce: late });
    expect(
      await owner.checkUse({ invocation: tooLate, authority, audience: 'x', nonce: late }),
    ).toMatchObject({
      verdict: 'expired',
    });
  });

  it('lose their powers with their identity', async () => {
    const access = sharedRegistry(new Registry());
    const owner = await person(access);
    const { did: authority } = await owner.createIdentity({ name: 'Alice' });
    await owner.registerIdentity({ did: authority });
    const agent = await owner.createAgent({
      owner: authority,
      name: 'Bot',
      purpose: 'x',
      capabilities,
      days: 1,
    });
    await owner.registerIdentity({ did: agent.to });
    const use = async () => {
      const nonce = await owner.newChallenge();
      const request = { res: 'auto:drive:/alice/x', act: 'read' };
      const invocation = await owner.useDelegation({ id: agent.id, request, audience: 'x', nonce });
      return (await owner.checkUse({ invocation, authority, audience: 'x', nonce })).verdict;
    };
    expect(await use()).toBe('ok');
    await owner.revokeIdentity({ did: agent.to });
    expect(await use()).toBe('revoked');
  });

  it('prove who they are to whoever asks', async () => {
    const [ada, door] = [await person(), await person()];
    const { did } = await ada.createIdentity({ name: 'Ada' });
    const nonce = await door.newChallenge();
    const answer = await ada.authenticate({ did, audience: 'door', nonce });
    expect(await door.checkAuthentication({ answer, audience: 'door', nonce })).toMatchObject({
      did,
      verdict: { certificates: 'ok' },
    });
    await expect(door.checkAuthentication({ answer, audience: 'gate', nonce })).rejects.toThrow('audience');
    await expect(door.checkAuthentication({ answer, audience: 'door', nonce: 'other' })).rejects.toThrow(
      'nonce',
    );
    now += 301_000;
    await expect(door.checkAuthentication({ answer, audience: 'door', nonce })).rejects.toThrow('age');
  });
});

describe('content', () => {
  it('signed by an identity verifies for anyone, and a changed copy does not', async () => {
    const [ada, reader] = [await person(), await person()];
    const { did } = await ada.createIdentity({ name: 'Ada', key: 'p256' });
    const content = new Uint8Array(10_000).map((_, index) => index);
    const signed = await ada.signContent({
      did,
      content,
      mediaType: 'image/png',
      origin: 'mixed',
      tool: 'camera',
      sources: ['ab'.repeat(32)],
    });
    expect(await reader.verifyContent({ content, statement: signed.content })).toMatchObject({
      id: signed.id,
      did,
      origin: 'mixed',
      tool: 'camera',
      sources: ['ab'.repeat(32)],
      verdict: { certificates: 'ok' },
    });
    const changed = content.slice();
    changed[5000]! ^= 1;
    await expect(reader.verifyContent({ content: changed, statement: signed.content })).rejects.toThrow(
      'content',
    );
    await expect(
      reader.verifyContent({ content: content.slice(1), statement: signed.content }),
    ).rejects.toThrow('content');
    await expect(reader.verifyContent({ content, statement: signed.content.slice(0, 400) })).rejects.toThrow(
      'provenance',
    );
    await expect(reader.verifyContent({ content, statement: fromHex('d284') })).rejects.toThrow('provenance');
  });
});

describe('score', () => {
  it('explains itself line by line and proves a bound without the evidence', async () => {
    const [bank, ada, verifier] = [await person(), await person(), await person()];
    const { did } = await ada.createIdentity({ name: 'Ada' });
    const { did: bankDid } = await bank.createIdentity({ name: 'Bank' });
    const { package: packed } = await bank.issueCredential({
      issuer: bankDid,
      type: 'urn:x:card',
      claims: { ok: true },
    });
    const card = await ada.acceptCredential({ text: packed });
    await ada.addEvidence({ type: 'bank-card', service: 'bank', account: '1', credential: card.id });
    await ada.addEvidence({ type: 'oauth-account', service: 'Forge', account: 'ada' });
    await expect(
      ada.addEvidence({ type: 'oauth-account', service: 'forge', account: 'ada' }),
    ).rejects.toThrow('evidence-exists');
    await expect(ada.addEvidence({ type: 'nonsense', service: 'x', account: 'y' })).rejects.toThrow(
      'evidence-type',
    );
    const score = await ada.score();
    expect(score).toMatchObject({
      score_ppm: 355_200,
      level: 'low',
      groups: { financial: 350_000, social: 8000 },
    });
    expect(score.lines.map(({ explanation }) => explanation)).toContain('counts 35.0 % of at most 35.0 %');

    const { id, score: value } = await ada.issueScore({ did });
    expect(value).toBe(3552);
    const request = await verifier.newRequest({
      audience: 'club',
      credentials: [
        {
          type: 'urn:autonomys:vc:auto-score:1',
          predicates: [{ attribute: 'score', kind: 'at-least', value: 3000 }],
        },
      ],
    });
    const response = await ada.present({ request, answers: [{ query: 'q1', credential: id, paths: [] }] });
    expect(response).not.toContain('bank');
    const [result] = await verifier.verifyResponse({ request, response });
    expect(result).toMatchObject({ selfIssued: true, proved: [{ value: 3000 }] });
    expect(result!.claims.map(({ path }) => path[0])).not.toContain('score');

    const own = await ada.issueCredential({
      issuer: did,
      subject: did,
      type: 'urn:x:me',
      claims: { human: true },
    });
    expect(own.index).toBeNull();
    const mine = (await ada.credentials()).find(({ type }) => type === 'urn:x:me');
    await expect(
      ada.addEvidence({ type: 'gov-vc', service: 'me', account: 'me', credential: mine!.id }),
    ).rejects.toThrow('self-issued');
  });

  it('follows another policy when one is set', async () => {
    const ada = await person();
    await ada.addEvidence({ type: 'vouch', service: 'a friend', account: 'grace' });
    const policy = JSON.parse(await ada.scorePolicy());
    policy.version = 'other/2';
    policy.types.vouch.weight_ppm = 1_000_000;
    await ada.setScorePolicy({ policy: JSON.stringify(policy) });
    expect(await ada.score()).toMatchObject({ policy: 'other/2', score_ppm: 100_000 });
    policy.types.vouch.fresh_s = policy.types.vouch.max_s;
    await expect(ada.setScorePolicy({ policy: JSON.stringify(policy) })).rejects.toThrow('score-policy');
    policy.types.vouch.weight_ppm = 1_000_001;
    await expect(ada.setScorePolicy({ policy: JSON.stringify(policy) })).rejects.toThrow('weight_ppm');
    await ada.setScorePolicy({ policy: null });
    expect(await ada.score()).toMatchObject({ policy: 'auto-score/1' });
  });
});
