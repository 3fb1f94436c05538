/** Balances that are held for a reason: `Balances.Holds`. */
import { storageKey } from '../../src/protocol/storage-key.ts';
import { accountOf, upgraded, writeAccount } from './balances.ts';
import type { BlockContext } from './context.ts';
import { keys } from './keys.ts';

/** Indices of `HoldIdentifier`. */
export const HOLD_REASONS = { domainStaking: 0, domainStorageFund: 2 } as const;

const holdsKey = (account: Uint8Array): Uint8Array =>
  storageKey('Balances', 'Holds', { hasher: 'Blake2128Concat', encoded: account });

/** Holds more of an account's free balance, or with a negative amount releases some. The caller has checked that it is there. */
export function changeHold(context: BlockContext, id: Uint8Array, reason: number, by: bigint): void {
  if (by === 0n) return;
  const account = accountOf(context.storage, id, context.number);
  const held =
    context.read(holdsKey(id), (reader) =>
      reader.vec((item) => ({ reason: item.u8(), amount: item.u128() }), 17),
    ) ?? [];
  const entry = held.find((one) => one.reason === reason);
  if (entry === undefined) held.push({ reason, amount: by });
  else entry.amount += by;
  const left = held.filter(({ amount }) => amount > 0n);
  const consumedBefore = account.reserved > 0n || account.frozen > 0n;
  account.free -= by;
  account.reserved += by;
  const consumes = account.reserved > 0n || account.frozen > 0n;
  account.consumers += Number(consumes) - Number(consumedBefore);
  upgraded(context, id, account);
  const { exists: _, ...stored } = account;
  context.write(keys.account(id), (writer) => writeAccount(writer, stored));
  if (left.length === 0) context.remove(holdsKey(id));
  else
    context.write(holdsKey(id), (writer) =>
      writer.vec(left, (item, one) => item.u8(one.reason).u128(one.amount)),
    );
}
