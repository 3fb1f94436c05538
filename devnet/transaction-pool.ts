/** Transactions that wait for a block. */
import { toHex } from '../src/protocol/bytes.ts';
import { extrinsicHash } from '../src/protocol/extrinsic.ts';
import type { Block, Chain } from './chain.ts';
import { InvalidTransaction } from './runtime/context.ts';

/** What becomes of a transaction, as `author_submitAndWatchExtrinsic` tells it. */
export type TransactionStatus =
  | { kind: 'future' | 'ready' | 'invalid' | 'dropped' }
  | { kind: 'inBlock' | 'retracted' | 'finalized'; block: Block; index: number }
  | { kind: 'usurped'; by: string };

export type StatusListener = (status: TransactionStatus) => void;

/** A transaction that is refused, with the code and text of Substrate's author errors. */
export class PoolError extends Error {
  constructor(
    readonly code: number,
    message: string,
    readonly data: string,
  ) {
    super(message);
    this.name = 'PoolError';
  }
}

interface Pooled {
  /** Hex. */
  hash: string;
  bytes: Uint8Array;
  /** Hex of the signer, null for a vote. */
  sender: string | null;
  nonce: bigint;
  watchers: StatusListener[];
  included: { block: Block; index: number } | null;
}

const MAX_TRANSACTIONS = 8192;
const MAX_BYTES = 20 * 2 ** 20;

export class TransactionPool {
  private readonly pooled = new Map<string, Pooled>();
  private readonly added = new Set<() => void>();

  constructor(private readonly chain: Chain) {
    chain.on('best', (block, retracted) => this.onBest(block, retracted));
    chain.on('finalized', (block) => this.onFinalized(block));
  }

  /** Calls `listener` when a transaction was added; returns what stops that. */
  onAdded(listener: () => void): () => void {
    this.added.add(listener);
    return () => this.added.delete(listener);
  }

  /** Transactions that wait, in the order in which they came. */
  pending(): Uint8Array[] {
    return [...this.pooled.values()].flatMap(({ bytes, included }) => (included === null ? [bytes] : []));
  }

  /**
   * Validates a transaction on top of the best block and keeps it. Returns its hash in hex.
   *
   * @throws PoolError.
   */
  submit(bytes: Uint8Array, watcher?: StatusListener): string {
    const hash = toHex(extrinsicHash(bytes));
    if (this.pooled.has(hash))
      throw new PoolError(1013, 'Transaction Already Imported', 'Transaction is already in the pool');
    const waiting = this.pending();
    const size = waiting.reduce((sum, other) => sum + other.length, bytes.length);
    if (waiting.length >= MAX_TRANSACTIONS || size > MAX_BYTES)
      throw new PoolError(1016, 'Immediately Dropped', 'The transaction pool is full');
    const { sender, nonce, ready } = this.validate(bytes);
    if (sender !== null) this.usurp(sender, nonce, hash);
    const pooled = { hash, bytes, sender, nonce, watchers: watcher ? [watcher] : [], included: null };
    this.pooled.set(hash, pooled);
    tell(pooled, { kind: ready ? 'ready' : 'future' });
    for (const listener of this.added) listener();
    return hash;
  }

  private validate(bytes: Uint8Array): { sender: string | null; nonce: bigint; ready: boolean } {
    try {
      const { parsed, nonce } = this.chain.poolExecution(this.chain.best).validate(bytes);
      const { extrinsic } = parsed;
      if (nonce === null || extrinsic.kind !== 'signed') return { sender: null, nonce: 0n, ready: true };
      return {
        sender: toHex(extrinsic.signer),
        nonce: nonce.own,
        ready: nonce.own === BigInt(nonce.expected),
      };
    } catch (error) {
      if (error instanceof InvalidTransaction)
        throw new PoolError(1010, 'Invalid Transaction', error.message);
      throw error;
    }
  }

  /** A transaction of the same sender and nonce replaces the one before. */
  private usurp(sender: string, nonce: bigint, by: string): void {
    for (const other of this.pooled.values()) {
      if (other.sender !== sender || other.nonce !== nonce || other.included !== null) continue;
      this.pooled.delete(other.hash);
      tell(other, { kind: 'usurped', by });
    }
  }

  /** Transactions for a block on top of `parent`: votes first, then every sender's in the order of nonces. */
  ready(): Uint8Array[] {
    const waiting = [...this.pooled.values()].filter(({ included }) => included === null);
    const votes = waiting.filter(({ sender }) => sender === null);
    const signed = waiting.filter(({ sender }) => sender !== null);
    const inOrder = signed.toSorted((a, b) => (a.sender !== b.sender ? 0 : a.nonce < b.nonce ? -1 : 1));
    return [...votes, ...inOrder].map(({ bytes }) => bytes);
  }

  /** Nonce that an account's next transaction should have, those waiting counted. */
  nextNonce(sender: string, stored: number): bigint {
    let nonce = BigInt(stored);
    const own = new Set<bigint>();
    for (const pooled of this.pooled.values())
      if (pooled.sender === sender && pooled.included === null) own.add(pooled.nonce);
    while (own.has(nonce)) nonce += 1n;
    return nonce;
  }

  /** Forgets a transaction that turned out to be invalid while a block was built. */
  reject(bytes: Uint8Array): void {
    const hash = toHex(extrinsicHash(bytes));
    const pooled = this.pooled.get(hash);
    if (pooled === undefined) return;
    this.pooled.delete(hash);
    tell(pooled, { kind: 'invalid' });
  }

  private onBest(best: Block, retracted: Block[]): void {
    for (const block of retracted) {
      for (const pooled of this.pooled.values()) {
        if (pooled.included?.block.hash !== block.hash) continue;
        tell(pooled, { kind: 'retracted', ...pooled.included });
        pooled.included = null;
      }
    }
    const enacted: Block[] = [];
    for (
      let at = best;
      at.number > 0 && enacted.length <= retracted.length;
      at = this.chain.block(at.parent)!
    )
      enacted.push(at);
    for (const block of enacted.reverse()) this.noteIncluded(block);
    this.revalidate();
  }

  private noteIncluded(block: Block): void {
    if (this.pooled.size === 0) return;
    const { extrinsics } = this.chain.signedBlock(block.hash)!;
    for (const [index, bytes] of extrinsics.entries()) {
      const pooled = this.pooled.get(toHex(extrinsicHash(bytes)));
      if (pooled === undefined || pooled.included !== null) continue;
      pooled.included = { block, index };
      tell(pooled, { kind: 'inBlock', block, index });
    }
  }

  private revalidate(): void {
    const waiting = [...this.pooled.values()].filter(({ included }) => included === null);
    if (waiting.length === 0) return;
    const execution = this.chain.poolExecution(this.chain.best);
    for (const pooled of waiting) {
      try {
        execution.validate(pooled.bytes);
      } catch (error) {
        if (!(error instanceof InvalidTransaction)) throw error;
        this.reject(pooled.bytes);
      }
    }
  }

  private onFinalized(block: Block): void {
    for (const pooled of this.pooled.values()) {
      if (pooled.included === null || pooled.included.block.number > block.number) continue;
      this.pooled.delete(pooled.hash);
      tell(pooled, { kind: 'finalized', ...pooled.included });
    }
  }
}

function tell(pooled: Pooled, status: TransactionStatus): void {
  for (const watcher of pooled.watchers) watcher(status);
}
