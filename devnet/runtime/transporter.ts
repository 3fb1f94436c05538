/**
 * The Transporter pallet from the consensus chain to a domain. On the real network a relayer carries the message,
 * proven by the Merkle mountain range; here the domain's node reads it in the consensus block that it derives from.
 */
import { concat, littleEndian } from '../../src/protocol/bytes.ts';
import { decodeAll, ScaleWriter } from '../../src/protocol/scale.ts';
import { storageKey, storagePrefix } from '../../src/protocol/storage-key.ts';
import { rescinded, withdrawKeepAlive } from './balances.ts';
import { moduleError, readValue, type BlockContext } from './context.ts';
import type { StorageChange } from './storage.ts';

const TRANSPORTER = 61;
const MINIMUM_TRANSFER = 10n ** 18n;
const ERRORS = { LowBalance: 0, MinimumTransferAmount: 11 } as const;

const CONSENSUS = new Uint8Array([0]);
const domainChain = (id: number): Uint8Array => concat(new Uint8Array([1]), littleEndian(id, 4));
const u256 = (value: bigint): Uint8Array => littleEndian(value, 32);
const identity = (encoded: Uint8Array) => ({ hasher: 'Identity', encoded }) as const;
const balanceKey = (id: number): Uint8Array =>
  storageKey('Transporter', 'DomainBalances', identity(littleEndian(id, 4)));
const unconfirmedKey = (id: number): Uint8Array =>
  storageKey('Transporter', 'UnconfirmedTransfers', identity(CONSENSUS), identity(domainChain(id)));
const countKey = (id: number): Uint8Array =>
  storageKey('Messenger', 'OutboxMessageCount', identity(concat(domainChain(id), u256(0n))));
const OUTGOING = storagePrefix('Transporter', 'OutgoingTransfers');

function fail(error: keyof typeof ERRORS): never {
  throw moduleError(TRANSPORTER, ERRORS[error], error);
}

function amountAt(context: BlockContext, key: Uint8Array): bigint {
  return readValue(context.storage, key, (reader) => reader.u128()) ?? 0n;
}

/** `transfer`: takes the amount (smallest unit) from the sender and sends it on its way. */
export function sendToDomain(
  context: BlockContext,
  from: Uint8Array,
  domain: number,
  to: Uint8Array,
  value: bigint,
): void {
  if (value < MINIMUM_TRANSFER) fail('MinimumTransferAmount');
  if (!withdrawKeepAlive(context, from, value)) fail('LowBalance');
  rescinded(context, value);
  const nonce = context.read(countKey(domain), (reader) => reader.u32()) ?? 0;
  context.write(countKey(domain), (writer) => writer.u32(nonce + 1));
  const message = concat(u256(0n), u256(BigInt(nonce)));
  const location = (chain: Uint8Array, account: Uint8Array) => concat(chain, new Uint8Array([0]), account);
  const transfer = concat(
    littleEndian(value, 16),
    location(CONSENSUS, from),
    location(domainChain(domain), to),
  );
  context.storage.set(
    storageKey('Transporter', 'OutgoingTransfers', identity(domainChain(domain)), identity(message)),
    transfer,
  );
  const unconfirmed = amountAt(context, unconfirmedKey(domain)) + value;
  context.write(unconfirmedKey(domain), (writer) => writer.u128(unconfirmed));
  context.depositEvent(TRANSPORTER, 0, domainChain(domain), message, littleEndian(value, 16));
}

/** Transfers that arrived on a domain and fees that were paid there, once the receipt is confirmed. */
export function settleDomain(context: BlockContext, domain: number, arrived: bigint, fees: bigint): void {
  if (arrived === 0n && fees === 0n) return;
  const unconfirmed = amountAt(context, unconfirmedKey(domain)) - arrived;
  context.write(unconfirmedKey(domain), (writer) => writer.u128(unconfirmed));
  const balance = amountAt(context, balanceKey(domain)) + arrived - fees;
  context.write(balanceKey(domain), (writer) => writer.u128(balance));
}

export interface IncomingTransfer {
  /** 32 bytes. */
  to: Uint8Array;
  /** Smallest unit. */
  value: bigint;
}

/** Transfers to a domain among what a consensus block changed, in the order of their messages. */
export function transfersTo(domain: number, changes: readonly StorageChange[]): IncomingTransfer[] {
  const prefix = new ScaleWriter().raw(OUTGOING).raw(domainChain(domain)).bytes();
  return changes.flatMap(({ key, value }) => {
    if (value === null || !prefix.every((byte, index) => key[index] === byte)) return [];
    return [
      decodeAll(value, 'transfer', (reader) => {
        const amount = reader.u128();
        reader.raw(1 + 1 + 32 + domainChain(domain).length + 1);
        return { to: reader.raw(32), value: amount };
      }),
    ];
  });
}
