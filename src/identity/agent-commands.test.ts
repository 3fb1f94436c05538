import { beforeEach, describe, expect, it } from 'vitest';
import { toHex } from '../protocol/bytes.ts';
import { decodeAgentFile, encodeAgentFile } from './agent-file.ts';
import { signRevocations } from './agent.ts';
import { issueCertificate, LEAF_USAGES } from './issue.ts';
import { ed25519Key } from './keys.ts';
import type { RegistryAccess } from './registry-access.ts';
import { Registry } from './registry.ts';
import { testPerson, testRegistry } from './testing/person.ts';

const DAY = 86_400_000;

let now = Date.UTC(2030, 0, 1);
const clock = () => now;
const sharedRegistry = (registry: Registry) => testRegistry(registry, clock);
const person = (registry: RegistryAccess | null = null) => testPerson(clock, registry);

beforeEach(() => {
  now = Date.UTC(2030, 0, 1);
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
      const invocation = await machine.invokeDelegation({ id: held!.id, request, audience: 'shop', nonce });
      const checked = await owner.checkUse({ invocation, authority, audience: 'shop', nonce });
      await expect(
        owner.checkUse({ invocation, authority, audience: 'shop', nonce: await owner.newChallenge() }),
      ).rejects.toThrow('nonce');
      // Whatever came of it, it is judged and counted once.
      await expect(owner.checkUse({ invocation, authority, audience: 'shop', nonce })).rejects.toThrow(
        'nonce: judged before',
      );
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

  it('are counted one after the other, and judged by one look at the registry', async () => {
    const looks: string[] = [];
    const access = sharedRegistry(new Registry());
    const owner = await person({
      ...access,
      read: (ids) => {
        looks.push(ids.map((id) => toHex(id)).at(-1)!);
        return access.read(ids);
      },
    });
    const { did: authority } = await owner.createIdentity({ name: 'Alice' });
    const agent = await owner.createAgent({
      owner: authority,
      name: 'Shopper',
      purpose: 'Buys bread',
      capabilities,
      days: 1,
    });
    for (const did of [authority, agent.to]) await owner.registerIdentity({ did });
    const request = { res: 'auto:pay', act: 'spend', use: { per_tx: '10', total: '10' } };
    const uses = [1, 2, 3].map(async () => {
      const nonce = await owner.newChallenge();
      const invocation = await owner.invokeDelegation({ id: agent.id, request, audience: 'shop', nonce });
      return () => owner.checkUse({ invocation, authority, audience: 'shop', nonce });
    });
    const [first, ...more] = await Promise.all(uses);
    looks.length = 0;
    expect(await first!()).toMatchObject({ verdict: 'ok', standing: { strict: 'ok' } });
    expect(looks.sort()).toEqual([authority, agent.to].map((did) => did.slice(-64)).sort());
    const others = await Promise.all(more.map((use) => use()));
    expect(others.map(({ verdict }) => verdict)).toEqual(['ok', 'limit-exhausted']);
    const { entries, damagedAt } = await owner.auditLog();
    expect([entries.length, damagedAt]).toEqual([3, null]);
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
    const invocation = await helper.invokeDelegation({ id: narrower.id, request, audience: 'x', nonce });
    expect(await owner.checkUse({ invocation, authority, audience: 'x', nonce })).toMatchObject({
      verdict: 'ok',
      agent: second,
    });
    now += 2 * DAY;
    const late = await owner.newChallenge();
    const tooLate = await helper.invokeDelegation({ id: narrower.id, request, audience: 'x', nonce: late });
    expect(
      await owner.checkUse({ invocation: tooLate, authority, audience: 'x', nonce: late }),
    ).toMatchObject({
      verdict: 'expired',
    });
  });

  it('are refused elsewhere once a list says so, whichever list comes last', async () => {
    const [owner, helper, shop] = [await person(), await person(), await person()];
    const { did: authority } = await owner.createIdentity({ name: 'Alice' });
    const { did: to } = await helper.createIdentity({ name: 'Helper' });
    await shop.importIdentity({
      file: (await owner.exportIdentity({ did: authority, format: 'pem' })).content,
    });
    const give = async (label: string) => {
      const given = await owner.delegate({ from: authority, to, label, capabilities, days: 1 });
      await helper.acceptGrant({ grant: given.grant, label });
      return given.id;
    };
    const [first, second] = [await give('one'), await give('two')];
    const use = async (id: string) => {
      const nonce = await shop.newChallenge();
      const request = { res: 'auto:drive:/alice/x', act: 'read' };
      const invocation = await helper.invokeDelegation({ id, request, audience: 'shop', nonce });
      return (await shop.checkUse({ invocation, authority, audience: 'shop', nonce })).verdict;
    };
    const { list: early } = await owner.revokeDelegation({ id: first });
    const { list: late } = await owner.revokeDelegation({ id: second });
    expect(await use(second)).toBe('ok');
    await shop.importRevocations({ list: late });
    expect(await use(second)).toBe('revoked');
    await shop.importRevocations({ list: early });
    expect([await use(first), await use(second)]).toEqual(['revoked', 'revoked']);
    // Asked again, the list names all that was taken back.
    expect(await shop.importRevocations(await owner.revokeDelegation({ id: first }))).toMatchObject({
      count: 2,
    });
  });

  it('do not get back what was taken from them, nor lose what others say that they gave', async () => {
    const [owner, machine] = [await person(), await person()];
    const { did: authority } = await owner.createIdentity({ name: 'Alice' });
    const agent = await owner.createAgent({
      owner: authority,
      name: 'Bot',
      purpose: 'x',
      capabilities,
      days: 1,
    });
    const file = await owner.exportAgent({ did: agent.to, password: 'agent password' });
    const { certificates, grants } = await decodeAgentFile(file, 'agent password').then(({ grants }) => ({
      grants,
      certificates: grants[0]!.certificates,
    }));
    const use = async () => {
      const nonce = await owner.newChallenge();
      const request = { res: 'auto:drive:/alice/x', act: 'read' };
      const invocation = await owner.invokeDelegation({ id: agent.id, request, audience: 'x', nonce });
      return (await owner.checkUse({ invocation, authority, audience: 'x', nonce })).verdict;
    };
    const key = ed25519Key(new Uint8Array(32).fill(7));
    const stranger = await issueCertificate(key, {
      commonName: 'Stranger',
      publicKeyInfo: key.publicKeyInfo,
      issuer: null,
      notBefore: now - DAY,
      notAfter: now + DAY,
      did: 'did:autoid:off:00',
      authority: null,
      usages: LEAF_USAGES,
    });
    const { did: other } = await owner.importIdentity({ file: stranger });
    await owner.importRevocations({ list: await signRevocations(key, other, [agent.id], now / 1000) });
    expect(await use()).toBe('ok');
    await owner.revokeDelegation({ id: agent.id });
    expect(await use()).toBe('revoked');
    await expect(owner.acceptGrant({ grant: JSON.stringify(grants[0]), label: 'again' })).rejects.toThrow(
      'delegation-exists',
    );
    expect(await use()).toBe('revoked');
    // Nor does a file that holds the same permission twice, or one that is there, bring anything along.
    const twice = await encodeAgentFile(
      {
        ...(await decodeAgentFile(file, 'agent password')),
        grants: [grants[0]!, { ...grants[0]!, certificates }],
      },
      'agent password',
    );
    const importing = machine.importAgent({ file: twice, password: 'agent password' });
    await expect(importing).rejects.toThrow('delegation-exists');
    expect([await machine.identities(), await machine.delegations()]).toEqual([[], []]);
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
      const invocation = await owner.invokeDelegation({ id: agent.id, request, audience: 'x', nonce });
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
