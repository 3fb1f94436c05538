/** Transactions that were signed here, kept until they are forgotten, so that a reload loses none. */
import type { AccountState } from '../chain/state/accounts.ts';
import type { NodeStore } from '../storage/store.ts';
import { Refusal } from '../wallet/errors.ts';
import type { CallView } from '../wallet/wording.ts';

/** What became of a transaction. */
export type PaymentState =
  /** Not known to be with any node. */
  | { kind: 'sending' }
  /** A node says that it waits there. */
  | { kind: 'waiting'; source: string }
  /** Proven: the verified block holds it. */
  | {
      kind: 'included';
      block: number;
      /** Hex. */
      hash: string;
      /** Index among the block's extrinsics. */
      index: number;
      /** Blocks on top of it. */
      depth: number;
      /** Whether it is so deep that it cannot be undone. */
      final: boolean;
      success: boolean;
      /** Why its call failed, as a sentence. */
      failure: string | null;
      /** What was paid, smallest unit, tip included; null for nothing. */
      fee: string | null;
    }
  /**
   * It is in no block. `refused`: all nodes refused it, so that it is not handed out again; a block can hold it all the
   * same. `by`: the block whose state leaves no place for it, until that cannot be undone any more.
   */
  | { kind: 'failed'; code: string; sentence: string; refused?: true; by?: BlockName };

interface BlockName {
  number: number;
  /** Hex. */
  hash: string;
}

export interface PaymentRecord {
  /** Hash of the extrinsic, hex. */
  id: string;
  /** The signed extrinsic, hex. */
  bytes: string;
  /** SS58. */
  account: string;
  call: CallView;
  nonce: string;
  /** When it was signed, milliseconds since the epoch. */
  at: number;
  /** A block in which it cannot be yet; later ones can hold it. */
  after: number;
  /** The last block that can hold it; null: for ever. */
  lastBlock: number | null;
  /** Fee that was expected, smallest unit. */
  expectedFee: string;
  state: PaymentState;
  /** What keeps it from going on, as a sentence. */
  trouble: string | null;
}

/** Finished transactions kept. */
const MAX_RECORDS = 200;

/** Whether a transaction failed or is final. */
function isOver({ state }: PaymentRecord): boolean {
  return state.kind === 'failed' || (state.kind === 'included' && state.final);
}

/** Whether nothing more can happen to it: nodes are not the last word, and a block may still be left with its state. */
function isSettled(record: PaymentRecord): boolean {
  const { state } = record;
  if (state.kind === 'failed') return state.refused === undefined && state.by === undefined;
  return isOver(record);
}

/** The transactions of one network. */
export class PaymentRecords {
  private constructor(
    private readonly store: NodeStore,
    private readonly name: string,
    private records: PaymentRecord[],
  ) {}

  /** `genesis`: the network's, in hex. Throws StorageError. */
  static async open(store: NodeStore, genesis: string): Promise<PaymentRecords> {
    const name = `payments-${genesis}`;
    return new PaymentRecords(store, name, (await store.setting<PaymentRecord[]>(name)) ?? []);
  }

  /** Newest first. */
  all(): readonly PaymentRecord[] {
    return this.records;
  }

  get(id: string): PaymentRecord | null {
    return this.records.find((record) => record.id === id) ?? null;
  }

  /** Those that something can still happen to. */
  open(): PaymentRecord[] {
    return this.records.filter((record) => !isSettled(record));
  }

  /** Those that hold their nonce. */
  private underWay(): PaymentRecord[] {
    return this.records.filter((record) => !isOver(record));
  }

  /** How many of an account's transactions wait in a row from its present nonce on. */
  ahead(address: string, { exists, nonce }: AccountState): number {
    if (!exists) return 0;
    const used = new Set(
      this.underWay()
        .filter(({ account }) => account === address)
        .map((record) => record.nonce),
    );
    let count = 0;
    while (used.has(String(nonce + count))) count += 1;
    return count;
  }

  /**
   * Throws Refusal `overtaken` when a transaction of the account that is under way has this nonce: of two, one would wait
   * until it ends.
   */
  requireFree({ account, nonce }: Pick<PaymentRecord, 'account' | 'nonce'>): void {
    const overtaken = this.underWay().some((record) => record.account === account && record.nonce === nonce);
    if (!overtaken) return;
    throw new Refusal(
      'overtaken',
      `nonce ${nonce} is used`,
      'Another transaction of this account was sent meanwhile. Look at this one once more.',
    );
  }

  /** Adds a transaction. */
  add(record: PaymentRecord): Promise<void> {
    const others = this.records.filter(({ id }) => id !== record.id);
    let kept = 0;
    this.records = [record, ...others].filter((one) => !isSettled(one) || ++kept <= MAX_RECORDS);
    return this.save();
  }

  /** Notes what became of a transaction; nothing is written where nothing changed. */
  async change(id: string, part: Partial<Pick<PaymentRecord, 'state' | 'trouble'>>): Promise<boolean> {
    const before = this.get(id);
    if (before === null) return false;
    const after = { ...before, ...part };
    if (JSON.stringify(after) === JSON.stringify(before)) return false;
    this.records = this.records.map((record) => (record.id === id ? after : record));
    await this.save();
    return true;
  }

  /** Takes a transaction off the list that failed or is final. */
  async remove(id: string): Promise<void> {
    this.records = this.records.filter((record) => record.id !== id || !isOver(record));
    await this.save();
  }

  private save(): Promise<void> {
    return this.store.putSetting(this.name, this.records);
  }
}
