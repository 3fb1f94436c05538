/** Transactions that the network itself signs, with the keys of development accounts. */
import { eraBirth, IMMORTAL, type ExtrinsicExtra } from '../src/protocol/extrinsic.ts';
import { fromHex, toHex } from '../src/protocol/bytes.ts';
import type { DevelopmentAccount } from './accounts.ts';
import type { Chain } from './chain.ts';
import { accountOf } from './runtime/balances.ts';
import { SPEC_VERSION, TRANSACTION_VERSION, signExtrinsic } from './runtime/parsed-extrinsic.ts';
import type { TransactionPool } from './transaction-pool.ts';

/** Signs a call as the account's next transaction, for ever valid unless `extra` says otherwise. */
export function signTransaction(
  chain: Chain,
  pool: TransactionPool,
  { publicKey, secret }: DevelopmentAccount,
  call: Uint8Array,
  extra: Partial<ExtrinsicExtra> = {},
): Uint8Array {
  const { best } = chain;
  const { nonce } = accountOf(chain.stateOf(best.hash), publicKey, best.number + 1);
  const full = { era: IMMORTAL, nonce: pool.nextNonce(toHex(publicKey), nonce), tip: 0n, ...extra };
  const birth = chain.hashAt(eraBirth(full.era, best.number));
  const implicit = {
    specVersion: SPEC_VERSION,
    transactionVersion: TRANSACTION_VERSION,
    genesisHash: fromHex(chain.genesis.hash, 32),
    eraBirthHash: fromHex(birth ?? chain.genesis.hash, 32),
  };
  return signExtrinsic(call, full, implicit, publicKey, secret);
}
