import { beforeEach, describe, expect, it } from 'vitest';
import { utf8 } from '../protocol/bytes.ts';
import type { RegistryAccess } from './registry-access.ts';
import { Registry } from './registry.ts';
import { createIdentityService } from './service.ts';
import type { Sending } from './registry-call.ts';
import { PASSWORD, TEST_QUOTE, testPerson, testRegistry, testWallet } from './testing/person.ts';

const DAY = 86_400_000;

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
    const byAnother = await ada.registerIdentity({ did, dry: true, payer: 'su2' });
    expect(byAnother.quote).toEqual({ ...TEST_QUOTE, account: 'su2' });
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
    // The registry would take it again, and count its nonce from zero.
    const request = await ada.requestIdentity({ name: 'Grace' });
    for (const again of [
      ada.registerIdentity({ did, dry: true }),
      ada.renewIdentity({ did }),
      ada.issueIdentity({ issuer: did, file: utf8(request.request) }),
    ])
      await expect(again).rejects.toThrow('given-up');
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

  it('issue others as far as they may, and for no longer than they hold themselves', async () => {
    const [org, grace, bob] = [await person(), await person(), await person()];
    const { did: root } = await org.createIdentity({ name: 'Navy' });
    const requested = async (who: typeof org, name: string) =>
      utf8((await who.requestIdentity({ name })).request);
    const mayIssue = { days: 30, mayIssue: true };
    const first = await org.issueIdentity({
      issuer: root,
      file: await requested(grace, 'Grace'),
      ...mayIssue,
    });
    const hers = await grace.acceptIdentity({ file: utf8(first.chain) });
    const asked = await requested(bob, 'Bob');
    for (const days of [0, 1.5, 36_501])
      await expect(grace.issueIdentity({ issuer: hers.did, file: asked, days })).rejects.toThrow('validity');
    const second = await grace.issueIdentity({ issuer: hers.did, file: asked, days: 100, mayIssue: true });
    const his = await bob.acceptIdentity({ file: utf8(second.chain) });
    expect(his).toMatchObject({ canIssue: true, notAfter: hers.notAfter });
    const last = await requested(org, 'Eve');
    const beyond = bob.issueIdentity({ issuer: his.did, file: last, mayIssue: true });
    await expect(beyond).rejects.toThrow('path-length');
    const third = await bob.issueIdentity({ issuer: his.did, file: last });
    const eve = await org.acceptIdentity({ file: utf8(third.chain) });
    expect(eve.canIssue).toBe(false);
    const never = org.issueIdentity({ issuer: eve.did, file: await requested(bob, 'Mallory') });
    await expect(never).rejects.toThrow('not-an-authority');
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
    expect((await ada.resolveDid({ did })).didDocument).toMatchObject({
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

  it('that no registry was seen to hold are acted on here while it is silent, and the registry is told later', async () => {
    let exists: boolean | null = null;
    const access = { ...sharedRegistry(new Registry()), exists: async () => exists };
    const wallet = await testWallet();
    const ada = await testPerson(clock, access, wallet);
    const { did } = await ada.createIdentity({ name: 'Ada' });
    expect(did).toContain(':off:');
    const capabilities = [{ res: 'auto:pay', act: ['spend'] }];
    const agent = await ada.createAgent({ owner: did, name: 'A', purpose: 'x', capabilities, days: 1 });
    // The same wallet elsewhere, which registers what this one has: nobody tells this one.
    const elsewhere = await testWallet((await wallet.revealPhrase({ password: PASSWORD })).phrase);
    await elsewhere.restore({ file: await wallet.backup(), password: PASSWORD, replace: true });
    const there = await testPerson(clock, access, elsewhere);
    for (const deed of [ada.registerIdentity({ did }), ada.registerIdentity({ did, dry: true })])
      await expect(deed).rejects.toThrow('registry-silent');
    exists = true;
    await there.registerIdentity({ did });
    exists = null;

    const renew = async (how: Sending) => (await ada.renewIdentity({ did, ...how })).call ?? LOCAL;
    const deeds = [
      ['renewed', renew, 'mismatch'],
      ['revoked', (how: Sending) => ada.revokeIdentity({ did, ...how }), 'renewed-after-revocation'],
      ['gave', (how: Sending) => ada.deactivateIdentity({ did, ...how }), 'revoked'],
    ] as const;
    for (const [done, deed, strict] of deeds) {
      now += 60_000;
      expect(await deed({ dry: true })).toEqual(LOCAL);
      expect(await deed({ here: true })).toEqual(LOCAL);
      expect(await ada.verdict({ did })).toMatchObject({ registry: 'silent', isHeld: null });
      exists = true;
      const found = await ada.verdict({ did });
      expect(found).toMatchObject({ strict, isHeld: true });
      expect(found.sentence).toContain(`You ${done} `);
      // What was to be done here alone is not sent by the way.
      await expect(deed({ here: true })).rejects.toThrow('registry-answers');
      expect(await deed({})).toMatchObject({ refused: null, extrinsic: expect.any(String) });
      expect((await ada.verdict({ did })).sentence).not.toContain('does not know');
      // It was seen there, and counts as there from now on.
      exists = null;
      await expect(deed({ dry: true })).rejects.toThrow('registry-silent');
      await wallet.keystore.remove(`registered-${did.slice(-64)}`);
    }
    expect(await ada.verdict({ did })).toMatchObject({ strict: 'revoked', certificates: 'ok' });
    expect(await ada.verdict({ did: agent.to })).toMatchObject({ strict: 'revoked', certificates: 'ok' });
  });

  it('are paid for by whoever paid last for them, or for what they rest on', async () => {
    const wallet = await testWallet();
    const [first, second, third] = [
      ...(await wallet.status()).accounts,
      await wallet.addAccount({ name: 'Treasury' }),
      await wallet.addAccount({ name: 'Savings' }),
    ].map(({ id, address }) => ({ id, address }));
    const ada = await testPerson(clock, sharedRegistry(new Registry()), wallet);
    const { did } = await ada.createIdentity({ name: 'Ada' });
    const { did: other } = await ada.createIdentity({ name: 'Other' });
    const capabilities = [{ res: 'auto:pay', act: ['spend'] }];
    const { to: agent } = await ada.createAgent({
      owner: did,
      name: 'A',
      purpose: 'x',
      capabilities,
      days: 1,
    });
    const payer = async (of: string) => {
      const { quote } = await ada.revokeIdentity({ did: of, dry: true });
      return quote?.account;
    };
    // A look at what it would cost another decides nothing.
    await ada.registerIdentity({ did, dry: true, payer: third!.address });
    await ada.registerIdentity({ did, payer: second!.address });
    await ada.registerIdentity({ did: agent });
    await ada.registerIdentity({ did: other, payer: first!.address });
    expect([await payer(did), await payer(agent), await payer(other)]).toEqual([
      second!.address,
      second!.address,
      first!.address,
    ]);
    await ada.renewIdentity({ did: agent, payer: third!.address });
    expect([await payer(did), await payer(agent)]).toEqual([second!.address, third!.address]);
    await wallet.removeAccount({ id: third!.id });
    expect(await payer(agent)).toBe(second!.address);
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
    expect(await ada.verdict({ did })).toMatchObject({ strict: 'revoked', certificates: 'ok' });
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
