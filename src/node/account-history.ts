/**
 * What happened to accounts, block by block, without believing anybody: an account's entry in the state is compared
 * between verified blocks by proof, halving until the blocks that changed it are found; of those, the events are
 * read by proof. Nothing between two equal entries is looked at: a payment out raises the nonce, one in the balance.
 */
import { concerns, eventsQuery, type ChainEvent } from '../chain/state/events.ts';
import { timestampQuery } from '../chain/state/consensus.ts';
import { all, combine, type Query } from '../chain/state/reader.ts';
import { NoProof } from '../chain/no-proof.ts';
import type { BlockReader, ChainBlock } from '../chain/verified-blocks.ts';
import { equal, toHex, utf8 } from '../protocol/bytes.ts';
import { sentenceOf } from '../protocol/errors.ts';
import type { RuntimeMetadata } from '../protocol/metadata.ts';
import { decodeAddress, encodeAddress } from '../protocol/ss58.ts';
import type { NodeStore } from '../storage/store.ts';
import { NodeError } from './errors.ts';

export type HistoryKind =
  | 'received'
  | 'sent'
  | 'block-reward'
  | 'vote-reward'
  | 'fees-earned'
  | 'fee'
  /** Stake put on hold, or free again. */
  | 'staked'
  | 'unstaked'
  /** Moved to or from an operator's reserve for block space. */
  | 'reserve'
  | 'other';

/** Something that happened to an account in a verified block. */
export interface AccountEvent {
  block: number;
  /** Of the block, hex. */
  hash: string;
  /** Milliseconds since the epoch, as the block's author set them. */
  at: number;
  /** Index of the extrinsic that caused it; null for what the block itself did. */
  extrinsic: number | null;
  kind: HistoryKind;
  /** Smallest unit, what the account gained or, negative, gave; null where the event tells none. */
  amount: string | null;
  /** SS58 address of the other side of a payment. */
  other: string | null;
  /** The runtime's name. */
  event: string;
}

export interface AccountHistoryView {
  /** Newest first; those of blocks that another branch may still replace have a number above `final`. */
  entries: AccountEvent[];
  /** All blocks from the first to the last were looked at; null before any was. */
  looked: { from: number; to: number } | null;
  final: number;
  /** Blocks in between that could not be looked at, because no node keeps their states any more. */
  gaps: { from: number; to: number }[];
  looking: boolean;
  /** Why it cannot look further now, as a sentence. */
  trouble: string | null;
}

interface Stored {
  entries: AccountEvent[];
  from: number;
  /** The newest final block that was looked at, and the account's entry in its state, hex or null. */
  through: { number: number; account: string | null };
  gaps: { from: number; to: number }[];
}

/** Blocks looked at by default, and at a time: a few less than the 256 whose states a node keeps unless told otherwise. */
const STEP = 240;
/** Entries kept for an account. */
const MAX_ENTRIES = 1_000;
const MAX_ACCOUNTS = 64;
/** Blocks whose reads are remembered. */
const MAX_CACHED = 2_048;

const field = (event: ChainEvent, name: string): bigint => {
  const value = event.fields[name];
  return typeof value === 'bigint' ? value : 0n;
};
const isIt = (event: ChainEvent, name: string, account: Uint8Array): boolean => {
  const value = event.fields[name];
  return value instanceof Uint8Array && equal(value, account);
};
const addressIn = (event: ChainEvent, name: string): string | null => {
  const value = event.fields[name];
  return value instanceof Uint8Array && value.length === 32 ? encodeAddress(value) : null;
};

/** What the accounts of operators' storage funds begin with. */
const RESERVE = utf8('modldomains_');
const isReserve = (value: unknown): boolean =>
  value instanceof Uint8Array && equal(value.subarray(0, RESERVE.length), RESERVE);

/** Pallets whose events only say how another event came about. */
const MECHANICS = new Set(['Balances', 'System', 'Subspace', 'TransactionFees']);

/** What an event means to an account (32 bytes); none where it only says how another one came about. */
export function meaningOf(
  event: ChainEvent,
  account: Uint8Array,
): Pick<AccountEvent, 'kind' | 'amount' | 'other'>[] {
  const one = (kind: HistoryKind, amount: bigint, other: string | null = null) => [
    { kind, amount: String(amount), other },
  ];
  switch (`${event.pallet}.${event.name}`) {
    case 'Balances.Transfer': {
      const amount = field(event, 'amount');
      const side = (kind: 'sent' | 'received', by: bigint, name: string) =>
        isReserve(event.fields[name]) ? one('reserve', by) : one(kind, by, addressIn(event, name));
      return [
        ...(isIt(event, 'from', account) ? side('sent', -amount, 'to') : []),
        ...(isIt(event, 'to', account) ? side('received', amount, 'from') : []),
      ];
    }
    case 'Domains.OperatorNominated':
      return isIt(event, 'nominator_id', account) ? one('staked', -field(event, 'amount')) : [];
    case 'Domains.NominatedStakedUnlocked':
      return isIt(event, 'nominator_id', account) ? one('unstaked', field(event, 'unlocked_amount')) : [];
    case 'Domains.StorageFeeDeposited':
    case 'Domains.StorageFeeUnlocked':
      return [];
    case 'Rewards.BlockReward':
      return isIt(event, 'block_author', account) ? one('block-reward', field(event, 'reward')) : [];
    case 'Rewards.VoteReward':
      return isIt(event, 'voter', account) ? one('vote-reward', field(event, 'reward')) : [];
    case 'TransactionFees.BlockFees': {
      const sum = field(event, 'storage') + field(event, 'compute') + field(event, 'tips');
      return isIt(event, 'who', account) ? one('fees-earned', sum) : [];
    }
    case 'TransactionPayment.TransactionFeePaid':
      return isIt(event, 'who', account) && field(event, 'actual_fee') > 0n
        ? one('fee', -field(event, 'actual_fee'))
        : [];
    default: {
      if (MECHANICS.has(event.pallet) || !concerns(event, account)) return [];
      const { amount } = event.fields;
      return [{ kind: 'other', amount: typeof amount === 'bigint' ? String(amount) : null, other: null }];
    }
  }
}

/** Remembers what was read of blocks, which never changes. */
class Cache<T> {
  private readonly values = new Map<string, T>();

  async get(key: string, read: () => Promise<T>): Promise<T> {
    const known = this.values.get(key);
    if (known !== undefined) return known;
    const value = await read();
    this.set(key, value);
    return value;
  }

  has(key: string): boolean {
    return this.values.has(key);
  }

  set(key: string, value: T): void {
    this.values.set(key, value);
    if (this.values.size > MAX_CACHED) this.values.delete(this.values.keys().next().value as string);
  }
}

const entryName = (address: string, { hash }: ChainBlock): string => `${toHex(hash)} ${address}`;

interface BlockEvents {
  at: number;
  events: ChainEvent[];
}

/** The histories of the accounts that somebody asked for, kept up with the chain. */
export class AccountHistories {
  private readonly accounts = new Map<string, Stored | null>();
  private readonly recent = new Map<string, AccountEvent[]>();
  private readonly lookedTo = new Map<string, number>();
  private readonly troubles = new Map<string, string>();
  private readonly entries = new Cache<string | null>();
  private readonly events = new Cache<BlockEvents>();
  private looking: Promise<void> | null = null;
  private again = false;
  private seen: string | null = null;

  private constructor(
    private readonly blocks: BlockReader,
    private readonly store: NodeStore,
    private readonly genesis: string,
  ) {}

  /** Goes on with the accounts of earlier runs. `genesis`: the network's, hex. Throws StorageError. */
  static async open(blocks: BlockReader, store: NodeStore, genesis: string): Promise<AccountHistories> {
    const histories = new AccountHistories(blocks, store, genesis);
    for (const address of (await store.setting<string[]>(histories.listName)) ?? [])
      histories.accounts.set(address, await store.setting<Stored>(histories.nameOf(address)));
    return histories;
  }

  private get listName(): string {
    return `history-accounts-${this.genesis}`;
  }

  private nameOf(address: string): string {
    return `history-${this.genesis}-${address}`;
  }

  /** What is known of an account (SS58), which is followed from now on. Throws DecodeError. */
  async history(input: { account: string }): Promise<AccountHistoryView> {
    const address = encodeAddress(decodeAddress(input.account.trim()).account);
    if (!this.accounts.has(address)) {
      if (this.accounts.size >= MAX_ACCOUNTS)
        throw new NodeError('too-many', 'Too many accounts are followed already.');
      this.accounts.set(address, null);
      await this.store.putSetting(this.listName, [...this.accounts.keys()]);
      void this.look();
    }
    return this.viewOf(address);
  }

  /** Looks at blocks before those that were looked at. Rejects where nobody can prove them. */
  async lookBack(input: { account: string }): Promise<AccountHistoryView> {
    const address = encodeAddress(decodeAddress(input.account.trim()).account);
    await this.look();
    const stored = this.accounts.get(address) ?? null;
    if (stored === null || stored.from <= 1) return this.viewOf(address);
    const first = await this.blocks.block(stored.from - 1);
    const low = await this.blocks.block(Math.max(0, stored.from - 1 - STEP));
    const entries = await this.between(address, low, first);
    await this.keep(address, { ...stored, entries: [...stored.entries, ...entries], from: low.number + 1 });
    return this.viewOf(address);
  }

  private viewOf(address: string): AccountHistoryView {
    const stored = this.accounts.get(address) ?? null;
    const to = this.lookedTo.get(address) ?? stored?.through.number ?? null;
    return {
      entries: [...(this.recent.get(address) ?? []), ...(stored?.entries ?? [])],
      looked: stored === null || to === null ? null : { from: stored.from, to },
      final: this.blocks.finalNumber(),
      gaps: stored?.gaps ?? [],
      looking: this.looking !== null,
      trouble: this.troubles.get(address) ?? null,
    };
  }

  /** Looks if the head is another one than at the last look. */
  onHead(): void {
    const head = this.blocks.head();
    if (head !== null && toHex(head.hash) !== this.seen) void this.look();
  }

  private look(): Promise<void> {
    this.again = true;
    this.looking ??= this.run().finally(() => {
      this.looking = null;
    });
    return this.looking;
  }

  private async run(): Promise<void> {
    while (this.again) {
      this.again = false;
      const head = this.blocks.head();
      if (head === null || head.number === 0 || this.blocks.metadata() === null) return;
      this.seen = toHex(head.hash);
      await this.readAll(head).catch(() => undefined);
      for (const address of this.accounts.keys()) {
        try {
          await this.follow(address, head);
          this.troubles.delete(address);
        } catch (error) {
          this.troubles.set(address, sentenceOf(error));
        }
      }
    }
  }

  private async follow(address: string, head: ChainBlock): Promise<void> {
    const finalNumber = Math.min(this.blocks.finalNumber(), head.number);
    let stored = this.accounts.get(address) ?? null;
    if (stored === null) {
      // More is asked for when the person wants it.
      const low = await this.blocks.block(Math.max(0, Math.min(finalNumber, head.number - STEP)));
      const through = { number: low.number, account: await this.entryOf(address, low) };
      stored = { entries: [], from: low.number + 1, through, gaps: [] };
    }
    const { block: through, skipped } = await this.resume(address, stored, head);
    if (skipped !== null) stored = { ...stored, gaps: [...stored.gaps, skipped] };
    const final = await this.blocks.block(finalNumber);
    if (final.number > through.number) {
      const entries = await this.between(address, through, final);
      stored = {
        ...stored,
        entries: [...entries, ...stored.entries].slice(0, MAX_ENTRIES),
        through: { number: final.number, account: await this.entryOf(address, final) },
      };
    }
    await this.keep(address, stored);
    const low = await this.blocks.block(stored.through.number);
    this.recent.set(address, await this.between(address, low, head));
    this.lookedTo.set(address, head.number);
  }

  /** Where to go on: where it stopped, or later where no node keeps the states in between. */
  private async resume(
    address: string,
    { through }: Stored,
    head: ChainBlock,
  ): Promise<{ block: ChainBlock; skipped: { from: number; to: number } | null }> {
    try {
      const block = await this.blocks.block(through.number);
      await this.entryOf(address, block);
      return { block, skipped: null };
    } catch (error) {
      const forgotten = !(error instanceof NoProof) || error.refused;
      if (!forgotten || head.number - through.number <= STEP) throw error;
      const block = await this.blocks.block(head.number - STEP);
      return { block, skipped: { from: through.number + 1, to: block.number } };
    }
  }

  private async keep(address: string, stored: Stored): Promise<void> {
    const changed = JSON.stringify(stored) !== JSON.stringify(this.accounts.get(address));
    this.accounts.set(address, stored);
    if (changed) await this.store.putSetting(this.nameOf(address), stored);
  }

  private metadata(): RuntimeMetadata {
    const metadata = this.blocks.metadata();
    if (metadata === null) throw new NodeError('too-early', 'No node has described the network’s rules yet.');
    return metadata;
  }

  private entryQuery(address: string): Query<string | null> {
    const { account } = decodeAddress(address);
    return {
      keys: [this.metadata().storage('System', 'Account').key(account)],
      decode: ([bytes]) => (bytes == null ? null : toHex(bytes)),
    };
  }

  /** The account's entry in the state after a block, hex; null for none. */
  private entryOf(address: string, block: ChainBlock): Promise<string | null> {
    return this.entries.get(entryName(address, block), () =>
      this.blocks.read(this.entryQuery(address), block),
    );
  }

  /** Reads the entries of all accounts in one proof, so that those where nothing happened cost no more. */
  private async readAll(block: ChainBlock): Promise<void> {
    const unknown = [...this.accounts.keys()].filter(
      (address) => !this.entries.has(entryName(address, block)),
    );
    if (unknown.length < 2) return;
    const found = await this.blocks.read(all(unknown.map((address) => this.entryQuery(address))), block);
    for (const [index, address] of unknown.entries())
      this.entries.set(entryName(address, block), found[index] ?? null);
  }

  /** What happened after `low` up to `high`, newest first. */
  private async between(address: string, low: ChainBlock, high: ChainBlock): Promise<AccountEvent[]> {
    if (high.number <= low.number) return [];
    if ((await this.entryOf(address, low)) === (await this.entryOf(address, high))) return [];
    if (high.number === low.number + 1) return this.inBlock(address, high);
    const middle = await this.blocks.block((low.number + high.number) >> 1);
    return [...(await this.between(address, middle, high)), ...(await this.between(address, low, middle))];
  }

  private async inBlock(address: string, block: ChainBlock): Promise<AccountEvent[]> {
    const hash = toHex(block.hash);
    const { at, events } = await this.events.get(hash, async () => {
      const metadata = await this.blocks.metadataOf(block);
      const query = combine({ events: eventsQuery(metadata), now: timestampQuery(metadata) });
      const seen = await this.blocks.read(query, block);
      return { at: Number(seen.now), events: seen.events };
    });
    const { account } = decodeAddress(address);
    return events
      .flatMap((event) =>
        meaningOf(event, account).map((meaning) => ({
          block: block.number,
          hash,
          at,
          extrinsic: event.extrinsic,
          ...meaning,
          event: `${event.pallet}.${event.name}`,
        })),
      )
      .reverse();
  }
}
