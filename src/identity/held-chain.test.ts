/** Identities of which nothing is known but what the registry holds: their certificates were left out. */
import { expect, it } from 'vitest';
import { utf8 } from '../protocol/bytes.ts';
import { readChain, toX5c } from './chain.ts';
import { testPerson, testRegistry, testWallet } from './testing/person.ts';
import { ed25519Key, jwkOf } from './keys.ts';
import { Registry } from './registry.ts';
import { issueSdJwt, presentSdJwt } from './sd-jwt.ts';

const NOW = Date.UTC(2030, 0, 1);
const S = NOW / 1000;
const TYPE = 'urn:example:membership';

/** Somebody with a registered root and a registered agent below it, and both of their keys. */
async function town() {
  const network = testRegistry(new Registry(), () => NOW);
  const wallet = await testWallet();
  const owner = await testPerson(() => NOW, network, wallet);
  const { did: root } = await owner.createIdentity({ name: 'Town' });
  const agent = await owner.createAgent({
    owner: root,
    name: 'Clerk',
    purpose: 'Stamps',
    capabilities: [{ res: 'ext:stamp', act: ['use'] }],
    days: 1,
  });
  for (const did of [root, agent.to]) await owner.registerIdentity({ did });
  const key = (index: number) => ed25519Key(wallet.identitySecret('ed25519', index));
  return { network, owner, root, agent, clerk: agent.to, key };
}

/** What somebody shows of a credential of an issuer, and checks whether it is believed. */
async function shownTo(
  verifier: Awaited<ReturnType<typeof testPerson>>,
  issuer: { did: string; key: ReturnType<typeof ed25519Key>; certificates?: string[] },
) {
  const holder = ed25519Key(new Uint8Array(32).fill(9));
  const credential = await issueSdJwt(issuer.key, {
    iss: issuer.did,
    vct: TYPE,
    iat: S,
    holderKey: jwkOf(holder.publicKeyInfo),
    claims: { member: true },
    selective: [],
    ...(issuer.certificates && { certificates: issuer.certificates }),
  });
  const request = await verifier.newRequest({ audience: 'door', credentials: [{ type: TYPE }] });
  const { nonce } = JSON.parse(request) as { nonce: string };
  const shown = await presentSdJwt(credential, [], { key: holder, nonce, audience: 'door', now: S });
  return verifier.verifyResponse({ request, response: JSON.stringify({ vp_token: { q1: [shown] } }) });
}

it('an issuer that sends no certificates is judged by what the registry holds', async () => {
  const { network, owner, root, clerk, key } = await town();
  const door = await testPerson(() => NOW, network);
  const issuer = { did: clerk, key: key(1) };
  expect(await shownTo(door, issuer)).toMatchObject([
    { issuer: clerk, issuerVerdict: { chain: 'ok', strict: 'ok', asOf: { proven: true } } },
  ]);
  // The one above is what was revoked: the registry's own rules do not look there.
  await owner.revokeIdentity({ did: root });
  await expect(shownTo(door, issuer)).rejects.toThrow('issuer-revoked');
  await expect(shownTo(door, { did: root, key: key(0) })).rejects.toThrow('issuer-revoked');
});

it('one whose own issuer is gone from the registry is believed no more', async () => {
  const { network, owner, root, clerk, key } = await town();
  await owner.deactivateIdentity({ did: root });
  const door = await testPerson(() => NOW, network);
  await expect(shownTo(door, { did: clerk, key: key(1) })).rejects.toThrow('issuer-issuer-gone');
});

type Person = Awaited<ReturnType<typeof testPerson>>;

/** A permission as it is used in a shop. */
async function used(owner: Person, id: string, shop: Person) {
  const nonce = await shop.newChallenge();
  const request = { res: 'ext:stamp', act: 'use' };
  return { invocation: await owner.invokeDelegation({ id, request, audience: 'shop', nonce }), nonce };
}

it('an agent that leaves its certificates out is refused all the same once it was revoked', async () => {
  const { network, owner, root, agent } = await town();
  const shop = await testPerson(() => NOW, network);
  const use = async () => {
    const { invocation, nonce } = await used(owner, agent.id, shop);
    const bare = JSON.stringify({ ...(JSON.parse(invocation) as object), certificates: {} });
    return shop.checkUse({ invocation: bare, authority: root, audience: 'shop', nonce });
  };
  expect(await use()).toMatchObject({ verdict: 'ok', standing: { strict: 'ok' } });
  await owner.revokeIdentity({ did: agent.to });
  expect(await use()).toMatchObject({ verdict: 'revoked', standing: { strict: 'revoked' } });
  await owner.deactivateIdentity({ did: root });
  expect(await use()).toMatchObject({ verdict: 'bad-signature' });
});

/** The root of a town as an issuer that sends its certificate along. */
async function rootOf({ owner, root, key }: Awaited<ReturnType<typeof town>>) {
  const { content } = await owner.exportIdentity({ did: root, format: 'der' });
  return { did: root, key: key(0), certificates: toX5c(readChain(content)) };
}

it('one that was given up counts no more for those who saw it registered', async () => {
  const all = await town();
  const { network, owner, root, clerk } = all;
  const issuer = await rootOf(all);
  const [saw, never] = [await testPerson(() => NOW, network), await testPerson(() => NOW, network)];
  let genesis = '11'.repeat(32);
  const elsewhere = await testPerson(() => NOW, {
    ...network,
    read: async (ids) => ({ ...(await network.read(ids))!, genesis }),
  });
  expect(await owner.verdict({ did: root })).toMatchObject({ strict: 'ok' });
  for (const one of [saw, elsewhere])
    expect(await shownTo(one, issuer)).toMatchObject([{ issuerVerdict: { strict: 'ok' } }]);
  await owner.deactivateIdentity({ did: root });
  await expect(shownTo(saw, issuer)).rejects.toThrow('issuer-given-up');
  expect(await saw.resolveDid({ did: root })).toMatchObject({
    didDocument: null,
    didDocumentMetadata: { deactivated: true },
  });
  // Another network that has no such identity tells nothing of the one that had it.
  genesis = '22'.repeat(32);
  for (const one of [never, elsewhere])
    expect(await shownTo(one, issuer)).toMatchObject([{ issuerVerdict: { strict: 'not-anchored' } }]);
  expect((await never.resolveDid({ did: root })).didDocumentMetadata).toEqual({});
  expect(await owner.verdict({ did: root })).toMatchObject({ chain: 'not-anchored', strict: 'given-up' });
  expect(await owner.verdict({ did: clerk })).toMatchObject({ strict: 'issuer-gone' });
});

it('the newest block is enough to be believed no more, a proof is needed for the contrary', async () => {
  const registry = new Registry();
  const network = testRegistry(registry, () => NOW);
  let proven = new Registry();
  const lagging = {
    ...network,
    read: async (ids: readonly Uint8Array[]) => ({ ...(await network.read(ids))!, registry: proven }),
  };
  const catchUp = () => (proven = Registry.fromStorage(registry.storage()));
  const wallet = await testWallet();
  const owner = await testPerson(() => NOW, lagging, wallet);
  const { did } = await owner.createIdentity({ name: 'Town' });
  await owner.registerIdentity({ did });
  // It never was held as far as is proven, so that nobody can have given it up.
  expect(await owner.verdict({ did })).toMatchObject({ strict: 'not-anchored', reported: 'ok' });
  catchUp();
  const { content } = await owner.exportIdentity({ did, format: 'der' });
  const issuer = {
    did,
    key: ed25519Key(wallet.identitySecret('ed25519', 0)),
    certificates: toX5c(readChain(content)),
  };
  const door = await testPerson(() => NOW, lagging);
  expect(await shownTo(door, issuer)).toMatchObject([{ issuerVerdict: { strict: 'ok' } }]);
  await owner.deactivateIdentity({ did });
  const stranger = await testPerson(() => NOW, lagging);
  for (const one of [door, stranger]) await expect(shownTo(one, issuer)).rejects.toThrow('issuer-given-up');
  catchUp();
  for (const one of [door, stranger]) await expect(shownTo(one, issuer)).rejects.toThrow('issuer-given-up');
});

it('an agent that was given up may do nothing any more where it was known as registered', async () => {
  const { network, owner, root, agent } = await town();
  const shop = await testPerson(() => NOW, network);
  const use = async () => {
    const { invocation, nonce } = await used(owner, agent.id, shop);
    return (await shop.checkUse({ invocation, authority: root, audience: 'shop', nonce })).verdict;
  };
  expect(await use()).toBe('ok');
  await owner.deactivateIdentity({ did: agent.to });
  expect(await use()).toBe('revoked');
});

it('a co-issuer of whom nothing but the registry is known counts until it is revoked there', async () => {
  const { network, owner, root } = await town();
  const [second, grace] = [await testPerson(() => NOW, network), await testPerson(() => NOW, network)];
  const { did: two } = await second.createIdentity({ name: 'Two' });
  await second.registerIdentity({ did: two });
  const { request } = await grace.requestIdentity({ name: 'Joint' });
  const { chain } = await owner.issueIdentity({ issuer: root, file: utf8(request) });
  const file = utf8(chain);
  const statement = await second.coIssue({ did: two, file, group: [root, two], threshold: 2 });
  const count = () => grace.coIssuers({ file, statements: [statement] });
  expect(await count()).toMatchObject({ kind: 'counted', signed: 2 });
  await second.revokeIdentity({ did: two });
  expect(await count()).toEqual({ kind: 'none' });
});
