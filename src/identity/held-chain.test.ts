/** Identities of which nothing is known but what the registry holds: their certificates were left out. */
import { expect, it } from 'vitest';
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
  issuer: { did: string; key: ReturnType<typeof ed25519Key> },
) {
  const holder = ed25519Key(new Uint8Array(32).fill(9));
  const credential = await issueSdJwt(issuer.key, {
    iss: issuer.did,
    vct: TYPE,
    iat: S,
    holderKey: jwkOf(holder.publicKeyInfo),
    claims: { member: true },
    selective: [],
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

it('an agent that leaves its certificates out is refused all the same once it was revoked', async () => {
  const { network, owner, root, agent } = await town();
  const shop = await testPerson(() => NOW, network);
  const use = async () => {
    const nonce = await shop.newChallenge();
    const request = { res: 'ext:stamp', act: 'use' };
    const made = await owner.invokeDelegation({ id: agent.id, request, audience: 'shop', nonce });
    const invocation = JSON.stringify({ ...(JSON.parse(made) as object), certificates: {} });
    return shop.checkUse({ invocation, authority: root, audience: 'shop', nonce });
  };
  expect(await use()).toMatchObject({ verdict: 'ok', standing: { strict: 'ok' } });
  await owner.revokeIdentity({ did: agent.to });
  expect(await use()).toMatchObject({ verdict: 'revoked', standing: { strict: 'revoked' } });
  await owner.deactivateIdentity({ did: root });
  expect(await use()).toMatchObject({ verdict: 'bad-signature' });
});
