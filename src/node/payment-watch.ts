/**
 * Follows signed transactions: hands them to every node until a verified block holds them. That one does is never
 * taken from a node: the account's nonce is read by proof at each new head, the block in which it passed the
 * transaction's is found by proofs, and the body must be the one that the header commits to.
 */
import { accountQuery } from '../chain/state/accounts.ts';
import { eventsQuery, outcomeOf } from '../chain/state/events.ts';
import { all } from '../chain/state/reader.ts';
import type { BlockReader, ChainBlock } from '../chain/verified-blocks.ts';
import { RpcError } from '../network/rpc-error.ts';
import { equal, fromHex, toHex } from '../protocol/bytes.ts';
import { sentenceOf } from '../protocol/errors.ts';
import type { RuntimeMetadata } from '../protocol/metadata.ts';
import { decodeAddress } from '../protocol/ss58.ts';
import { dispatchSentence, refusalOf, type NodeRefusal } from '../wallet/failures.ts';
import type { PaymentRecord, PaymentRecords, PaymentState } from './payment-records.ts';

/** A node that takes transactions. */
export interface PoolSource {
  readonly name: string;
  readonly node: { submitExtrinsic(extrinsic: Uint8Array): Promise<Uint8Array> };
}

export interface WatchContext {
  blocks: BlockReader;
  sources(): readonly PoolSource[];
  records: PaymentRecords;
  /** Called when a record has changed. */
  changed(record: PaymentRecord): void;
}

/** The pool has the transaction already. */
const ALREADY_IMPORTED = 1013;

type Failure = PaymentState & { kind: 'failed' };

const failed = ({ code, sentence }: Pick<Failure, 'code' | 'sentence'>): Failure => ({
  kind: 'failed',
  code,
  sentence,
});

/** The same by the state of a block. */
const failedBy = ({ number, hash }: ChainBlock, why: Omit<Failure, 'kind' | 'by'>): Failure => ({
  ...why,
  kind: 'failed',
  by: { number, hash: toHex(hash) },
});

const EXPIRED = {
  code: 'expired',
  sentence: 'No block took it in time. Nothing was sent; it can be tried anew.',
};
const NO_ACCOUNT = {
  code: 'no-account',
  sentence: 'The account was emptied and closed before this transaction ran.',
};
const USURPED = { code: 'usurped', sentence: 'Another transaction of the account took its place.' };

export class PaymentWatch {
  private looking: Promise<void> = Promise.resolve();
  private next: Promise<void> | null = null;
  private seen: string | null = null;

  constructor(private readonly context: WatchContext) {}

  /**
   * Looks at everything that is open. Resolves once a look has ended that began after the call, however many heads
   * come meanwhile. Never rejects.
   */
  look(): Promise<void> {
    this.next ??= this.looking.then(() => {
      this.next = null;
      this.looking = this.lookOnce();
      return this.looking;
    });
    return this.next;
  }

  /** Looks if the head is another one than at the last look. */
  onHead(): void {
    const head = this.context.blocks.head();
    if (head === null || toHex(head.hash) === this.seen) return;
    void this.look();
  }

  private async lookOnce(): Promise<void> {
    const { blocks, records } = this.context;
    const head = blocks.head();
    const metadata = blocks.metadata();
    if (head === null || metadata === null) return;
    this.seen = toHex(head.hash);
    // Oldest first: a node takes the transactions of an account in the order of their nonces.
    const open = records.open().reverse();
    if (open.length === 0) return;
    try {
      const accounts = open.map(({ account }) => accountQuery(metadata, decodeAddress(account).account));
      const states = await blocks.read(all(accounts), head);
      for (const [index, record] of open.entries()) {
        const { exists, nonce } = states[index]!;
        await this.follow(record, head, metadata, exists ? BigInt(nonce) : null);
      }
    } catch (error) {
      // Without proofs nothing is known; the next head brings the next try.
      for (const { id } of open) await this.note(id, { trouble: sentenceOf(error) });
    }
  }

  private async note(id: string, part: Partial<Pick<PaymentRecord, 'state' | 'trouble'>>): Promise<void> {
    // What could not be written is in memory, and is written with the next change; who waits for it is told now.
    const changed = await this.context.records.change(id, part).catch(() => true);
    if (changed) this.context.changed(this.context.records.get(id)!);
  }

  private async follow(
    record: PaymentRecord,
    head: ChainBlock,
    metadata: RuntimeMetadata,
    nonce: bigint | null,
  ): Promise<void> {
    try {
      const state = await this.stateOf(record, head, metadata, nonce);
      if (state === null) await this.submit(record);
      else await this.note(record.id, { state, trouble: null });
    } catch (error) {
      await this.note(record.id, { trouble: sentenceOf(error) });
    }
  }

  /** What the chain says of a transaction; null while it says nothing and nodes may be asked to take it. */
  private async stateOf(
    record: PaymentRecord,
    head: ChainBlock,
    metadata: RuntimeMetadata,
    nonce: bigint | null,
  ): Promise<PaymentState | null> {
    const { blocks } = this.context;
    const { state } = record;
    if (state.kind === 'included' && (await this.isOnChain(state.block, state.hash, head)))
      return { ...state, depth: head.number - state.block, final: state.block <= blocks.finalNumber() };
    if (state.kind === 'failed' && state.by !== undefined) {
      const { number, hash } = state.by;
      if (await this.isOnChain(number, hash, head))
        return number <= blocks.finalNumber() ? failed(state) : state;
    }
    // An account that was emptied is removed: the transaction that did it passed its nonce too.
    const passed = nonce === null || nonce > BigInt(record.nonce);
    const refusal = state.kind === 'failed' && state.refused === true ? state : null;
    if (!passed) {
      const over = record.lastBlock !== null && head.number > record.lastBlock;
      if (over) return failedBy(head, refusal ?? EXPIRED);
      return refusal && { ...failed(refusal), refused: true };
    }
    const found = await this.locate(record, head, metadata, nonce !== null);
    if (found !== null) return found;
    // Blocks are named by their numbers: those of another branch say nothing of this one.
    if (!(await this.isOnChain(head.number, toHex(head.hash), head))) return state;
    return failedBy(head, refusal ?? (nonce === null ? NO_ACCOUNT : USURPED));
  }

  /** Whether a block belongs to the best chain. */
  private async isOnChain(number: number, hash: string, head: ChainBlock): Promise<boolean> {
    if (number > head.number) return false;
    return toHex((await this.context.blocks.block(number)).hash) === hash;
  }

  /** The block in which the account's nonce passed the transaction's, if it holds the transaction. */
  private async locate(
    record: PaymentRecord,
    head: ChainBlock,
    metadata: RuntimeMetadata,
    existsNow: boolean,
  ): Promise<PaymentState | null> {
    const { blocks } = this.context;
    const query = accountQuery(metadata, decodeAddress(record.account).account);
    const last = Math.min(head.number, record.lastBlock ?? head.number);
    let [low, high] = [record.after, last];
    let unsure = false;
    while (low + 1 < high) {
      const middle = (low + high) >> 1;
      const { exists, nonce } = await blocks.read(query, await blocks.block(middle));
      // Where there is no account it was not made yet, or it was emptied and removed since.
      unsure ||= !exists;
      if (exists ? BigInt(nonce) > BigInt(record.nonce) : !existsNow) high = middle;
      else low = middle;
    }
    const found = await this.included(record, high, head);
    if (found !== null || !unsure) return found;
    for (let number = record.after + 1; number <= last; number += 1) {
      const one = await this.included(record, number, head);
      if (one !== null) return one;
    }
    return null;
  }

  /** What became of a transaction in a block, by number; null if that does not hold it. */
  private async included(
    record: PaymentRecord,
    number: number,
    head: ChainBlock,
  ): Promise<PaymentState | null> {
    const { blocks } = this.context;
    const block = await blocks.block(number);
    const bytes = fromHex(record.bytes);
    const index = (await blocks.body(block)).findIndex((extrinsic) => equal(extrinsic, bytes));
    if (index < 0) return null;
    const events = eventsQuery(await blocks.metadataOf(block));
    const outcome = outcomeOf(await blocks.read(events, block), index);
    return {
      kind: 'included',
      block: block.number,
      hash: toHex(block.hash),
      index,
      depth: head.number - block.number,
      final: block.number <= blocks.finalNumber(),
      success: outcome?.success === true,
      failure: outcome?.failure == null ? null : dispatchSentence(outcome.failure),
      fee: outcome?.fee == null ? null : String(outcome.fee),
    };
  }

  /** Hands a transaction to every node. It counts as refused when all of them refuse it for good. */
  private async submit(record: PaymentRecord): Promise<void> {
    const sources = this.context.sources();
    if (sources.length === 0) {
      const trouble = 'No node is connected. It is sent as soon as one is.';
      return this.note(record.id, { state: { kind: 'sending' }, trouble });
    }
    // All at once: a node that does not answer keeps nobody waiting but for itself.
    const answers = await Promise.all(sources.map(({ node }) => refusalBy(node, fromHex(record.bytes))));
    const taker = sources.find((_, index) => answers[index] === null);
    if (taker !== undefined)
      return this.note(record.id, { state: { kind: 'waiting', source: taker.name }, trouble: null });
    const refusals = answers.filter((answer) => answer !== null);
    const [first] = refusals;
    // No node is believed: the chain is watched on. What is signed next has the same nonce: only one of the two can run.
    if (first !== undefined && refusals.every(({ passing }) => !passing))
      return this.note(record.id, { state: { ...failed(first), refused: true }, trouble: null });
    return this.note(record.id, { trouble: first?.sentence ?? null });
  }
}

/** Hands a transaction to a node; why that does not take it, null if it does. */
async function refusalBy(node: PoolSource['node'], bytes: Uint8Array): Promise<NodeRefusal | null> {
  try {
    await node.submitExtrinsic(bytes);
    return null;
  } catch (error) {
    if (!(error instanceof RpcError) || typeof error.code !== 'number')
      return { passing: true, code: 'source', sentence: sentenceOf(error) };
    if (error.code === ALREADY_IMPORTED) return null;
    const data = typeof error.data === 'string' ? error.data : '';
    return refusalOf(`${error.message} ${data}`);
  }
}
