/** A person with an unlocked wallet and an identity, for tests. */
import { sha256 } from '@noble/hashes/sha2.js';
import type { Web } from '../../network/web.ts';
import { utf8 } from '../../protocol/bytes.ts';
import { createMemoryWalletStore } from '../../storage/wallet-store.ts';
import { LOWEST_COST, type PasswordKey } from '../../wallet/kdf.ts';
import { WalletService } from '../../wallet/service.ts';
import { createIdentityService, type IdentityService } from '../service.ts';

const quick: PasswordKey = async (password, kdf) => sha256(utf8(`${password}/${kdf.salt}`));

/** Off every network. `now`: milliseconds since the epoch. */
export async function person(web: Web, now: () => number = Date.now): Promise<IdentityService> {
  const wallet = await WalletService.open(createMemoryWalletStore(), {
    passwordKey: quick,
    cost: LOWEST_COST,
  });
  await wallet.create({ phrase: await wallet.newPhrase(12), password: 'correct horse battery' });
  return createIdentityService(wallet, { network: () => 'off', registry: null, web, now });
}
