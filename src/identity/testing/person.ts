/** People with wallets and identities, for tests. */
import { sha256 } from '@noble/hashes/sha2.js';
import type { Web } from '../../network/web.ts';
import { toHex, utf8 } from '../../protocol/bytes.ts';
import { createMemoryWalletStore } from '../../storage/wallet-store.ts';
import { LOWEST_COST, type PasswordKey } from '../../wallet/kdf.ts';
import { WalletService } from '../../wallet/service.ts';
import type { IdentityOptions } from '../options.ts';
import type { RegistryAccess } from '../registry-access.ts';
import type { Registry } from '../registry.ts';
import { createIdentityService, type IdentityService } from '../service.ts';
import { Servers } from './servers.ts';

/** Of every wallet of tests. */
export const PASSWORD = 'correct horse battery';
const quick: PasswordKey = async (password, kdf) => sha256(utf8(`${password}/${kdf.salt}`));

/** An unlocked wallet of a new phrase, or of one that is given, whose password costs nothing. */
export async function testWallet(phrase?: string): Promise<WalletService> {
  const made = await WalletService.open(createMemoryWalletStore(), {
    passwordKey: quick,
    cost: LOWEST_COST,
  });
  await made.create({ phrase: phrase ?? (await made.newPhrase(12)), password: PASSWORD });
  return made;
}

/** Somebody's identities, at the time that `now` gives (milliseconds since the epoch). */
export async function testPerson(
  now: () => number,
  registry: RegistryAccess | null = null,
  wallet?: WalletService,
  chain: Pick<IdentityOptions, 'lastReward' | 'accountUse'> = {},
): Promise<IdentityService> {
  const options = { network: () => 'dev', registry, now, ...chain };
  return createIdentityService(wallet ?? (await testWallet()), options);
}

/** What the registry of tests says that a call costs. */
export const TEST_QUOTE = {
  domain: 0,
  call: 'AutoId.register_auto_id',
  account: 'su1',
  fee: '1',
  balance: '2',
  bytes: 3,
};

/** The registry of a network, shared by the people of a test. */
export function testRegistry(registry: Registry, now: () => number): RegistryAccess {
  let block = 0;
  const genesis = '00'.repeat(32);
  return {
    exists: async () => true,
    read: async () => ({ registry, genesis, block, consensusBlock: 1, time: now(), proven: true }),
    report: async () => ({ registry, genesis, block, consensusBlock: null, time: now(), proven: false }),
    quote: async (_, payer = TEST_QUOTE.account) => ({ ...TEST_QUOTE, account: payer }),
    submit: async (call) => {
      const outcome = registry.dispatch(call, now());
      if (!outcome.ok) throw new Error(outcome.error);
      block += 1;
      return { extrinsic: toHex(outcome.eventBytes), block };
    },
  };
}

/** Somebody with an identity, off every network, and the servers that they reach. `now`: milliseconds since the epoch. */
export async function personOnTheWeb(
  now: () => number = Date.now,
): Promise<{ servers: Servers; ada: IdentityService; did: string }> {
  const servers = new Servers();
  const ada = await person(servers.web, now);
  const { did } = await ada.createIdentity({ name: 'Ada', key: 'p256' });
  return { servers, ada, did };
}

/** Somebody off every network, whose web is given. `now`: milliseconds since the epoch. */
export async function person(web: Web, now: () => number = Date.now): Promise<IdentityService> {
  return createIdentityService(await testWallet(), { network: () => 'off', registry: null, web, now });
}
