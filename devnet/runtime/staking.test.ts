import { beforeAll, expect, it } from 'vitest';
import { recordedMetadata } from '../../tests/support/recorded-states.ts';
import { accountQuery } from '../../src/chain/state/accounts.ts';
import { operatorQuery } from '../../src/chain/state/domains.ts';
import {
  counted,
  sharePriceQuery,
  stakeQuery,
  stakingSummaryQuery,
  type Stake,
} from '../../src/chain/state/staking.ts';
import type { Query } from '../../src/chain/state/reader.ts';
import { loadWasm } from '../../src/crypto/wasm.ts';
import { littleEndian } from '../../src/protocol/bytes.ts';
import type { RuntimeMetadata } from '../../src/protocol/metadata.ts';
import { ScaleWriter } from '../../src/protocol/scale.ts';
import { Trie } from '../../src/protocol/trie.ts';
import { DEFAULT_PARAMS, STAKING } from '../config.ts';
import { writeAccount } from './balances.ts';
import { BlockContext } from './context.ts';
import { keys } from './keys.ts';
import { Staking } from './staking.ts';
import { stakingKeys, writeOperator } from './staking-state.ts';
import { Storage } from './storage.ts';

const AI3 = 10n ** 18n;
const owner = new Uint8Array(32).fill(1);
const nominator = new Uint8Array(32).fill(2);
let metadata: RuntimeMetadata;
let context: BlockContext;
let staking: Staking;

beforeAll(async () => {
  await loadWasm();
  metadata = recordedMetadata();
  const put = (key: Uint8Array, encode: (writer: ScaleWriter) => void) => {
    const writer = new ScaleWriter();
    encode(writer);
    return { key, value: writer.bytes() };
  };
  const account = (id: Uint8Array) =>
    put(keys.account(id), (writer) =>
      writeAccount(writer, {
        nonce: 0,
        consumers: 0,
        providers: 1,
        sufficients: 0,
        free: 1_000n * AI3,
        reserved: 0n,
        frozen: 0n,
        flags: 0n,
      }),
    );
  const state = Trie.from(1, [
    account(owner),
    account(nominator),
    { key: stakingKeys.owner(0n), value: owner },
    put(stakingKeys.operator(0n), (writer) =>
      writeOperator(writer, {
        signingKey: owner,
        domain: 0,
        nextDomain: 0,
        minimum: 10n * AI3,
        tax: 5,
        stake: 0n,
        shares: 0n,
        deposits: 0n,
        withdrawals: 0n,
        storageFees: 0n,
      }),
    ),
  ]);
  context = new BlockContext(
    DEFAULT_PARAMS,
    new Storage(state),
    { isProofOfTimeValid: () => true, parentRoots: { stateRoot: owner, extrinsicsRoot: owner } },
    1,
    owner,
    owner,
    { kind: 'preRuntime', engine: new Uint8Array(4), data: new Uint8Array() } as never,
  );
  staking = new Staking(context);
});

/** Reads the state as a light client would, by the recorded metadata. */
const read = <T>(query: Query<T>): T => query.decode(query.keys.map((key) => context.storage.get(key)));
const stake = (): Stake | null => read(stakeQuery(metadata, 0n, nominator));
/** What the wallet makes of it by the share prices. */
const now = (): Stake | null => {
  const seen = stake();
  return seen && counted(seen, (epoch) => read(sharePriceQuery(metadata, 0n, 0, epoch)));
};
const account = () => read(accountQuery(metadata, nominator));

/** Blocks of the domain up to a number. */
function blocks(from: number, to: number): void {
  for (let number = from; number <= to; number += 1) {
    staking.onDomainBlock(0, number);
    context.storage.set(stakingKeys.headDomain(0), littleEndian(number, 4));
  }
}

it('stake is held, counted at the end of the epoch, taken back in shares, and unlocked after its time', () => {
  blocks(1, 1);
  expect(read(stakingSummaryQuery(metadata, 0))).toEqual({ epoch: 1, totalStake: 80n * AI3 });
  expect(() => staking.nominate(0n, nominator, 0n)).toThrow('ZeroDeposit');
  expect(() => staking.nominate(1n, nominator, AI3)).toThrow('UnknownOperator');
  expect(() => context.storage.transaction(() => staking.nominate(0n, nominator, 9n * AI3))).toThrow(
    'MinimumNominatorStake',
  );
  expect(() => context.storage.transaction(() => staking.nominate(0n, nominator, 2_000n * AI3))).toThrow(
    'InsufficientBalance',
  );
  staking.nominate(0n, nominator, 50n * AI3);
  expect(stake()).toEqual({
    shares: 0n,
    storageFee: 0n,
    pending: { amount: 40n * AI3, storageFee: 10n * AI3, epoch: 1 },
    withdrawals: [],
  });
  expect(account()).toMatchObject({ free: 950n * AI3, reserved: 40n * AI3 });

  blocks(2, STAKING.epoch);
  const operator = read(operatorQuery(metadata, 0n))!;
  expect(operator).toMatchObject({ totalStake: 120n * AI3, totalShares: 120n * AI3, nominationTax: 5 });
  expect(read(stakingSummaryQuery(metadata, 0))).toEqual({ epoch: 2, totalStake: 120n * AI3 });
  expect(now()).toEqual({ shares: 40n * AI3, storageFee: 10n * AI3, pending: null, withdrawals: [] });
  expect(() => staking.withdraw(0n, nominator, 41n * AI3)).toThrow('InsufficientShares');
  expect(() => staking.unlock(0n, nominator)).toThrow('MissingWithdrawal');
  staking.withdraw(0n, nominator, 10n * AI3);
  const leaving = stake()!;
  expect(leaving).toMatchObject({ shares: 30n * AI3, storageFee: (75n * AI3) / 10n, pending: null });
  expect(leaving.withdrawals).toEqual([
    {
      amount: null,
      shares: 10n * AI3,
      storageFee: (25n * AI3) / 10n,
      unlockAt: STAKING.epoch + STAKING.lockingPeriod,
      epoch: 2,
    },
  ]);

  blocks(STAKING.epoch + 1, 2 * STAKING.epoch - 1);
  expect(() => context.storage.transaction(() => staking.unlock(0n, nominator))).toThrow('MissingWithdrawal');
  expect(now()?.withdrawals[0]?.amount).toBeNull();
  blocks(2 * STAKING.epoch, 2 * STAKING.epoch);
  expect(now()?.withdrawals[0]).toMatchObject({ amount: 10n * AI3, shares: 0n });
  staking.unlock(0n, nominator);
  expect(account()).toMatchObject({ free: 950n * AI3 + (125n * AI3) / 10n, reserved: 30n * AI3 });
  // So little would remain that all of it leaves.
  staking.withdraw(0n, nominator, 25n * AI3);
  expect(stake()).toMatchObject({ shares: 0n, storageFee: 0n });
  blocks(2 * STAKING.epoch + 1, 3 * STAKING.epoch);
  staking.unlock(0n, nominator);
  expect(stake()).toBeNull();
  expect(account()).toMatchObject({ free: 1_000n * AI3, reserved: 0n });
  expect(() => staking.withdraw(0n, nominator, 1n)).toThrow('UnknownNominator');
});

it('the owner keeps what an operator has to have', () => {
  expect(() => context.storage.transaction(() => staking.withdraw(0n, owner, 80n * AI3))).toThrow(
    'MinimumOperatorStake',
  );
  expect(() => context.storage.transaction(() => staking.withdraw(0n, owner, 1n))).toThrow(
    'MinimumOperatorStake',
  );
});
