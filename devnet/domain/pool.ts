/** Transactions of the domain that wait for a bundle. */
import { toHex } from '../../src/protocol/bytes.ts';
import { extrinsicHash } from '../../src/protocol/extrinsic.ts';
import type { Block } from '../chain.ts';
import { InvalidTransaction } from '../runtime/context.ts';
import { Storage } from '../runtime/storage.ts';
import { PoolError } from '../transaction-pool.ts';
import type { DomainChain } from './chain.ts';
import { parseSigned } from './calls.ts';
import { DomainExecution } from './runtime.ts';

const MAX_TRANSACTIONS = 1024;
const MAX_BUNDLE_BYTES = 2 ** 20;
const ZERO = new Uint8Array(32);

export class DomainPool {
  private readonly waiting = new Map<string, Uint8Array>();

  constructor(private readonly chain: DomainChain) {
    chain.on('best', () => this.prune());
  }

  /** Validates a transaction on the best block and keeps it. Returns its hash in hex. Throws PoolError. */
  submit(bytes: Uint8Array): string {
    const hash = toHex(extrinsicHash(bytes));
    if (this.waiting.has(hash))
      throw new PoolError(1013, 'Transaction Already Imported', 'Transaction is already in the pool');
    if (this.waiting.size >= MAX_TRANSACTIONS)
      throw new PoolError(1016, 'Immediately Dropped', 'The transaction pool is full');
    try {
      this.executionAfter(this.chain.best).validate(parseSigned(bytes), true);
    } catch (error) {
      if (error instanceof InvalidTransaction)
        throw new PoolError(1010, 'Invalid Transaction', error.message);
      throw error;
    }
    this.waiting.set(hash, bytes);
    return hash;
  }

  pending(): Uint8Array[] {
    return [...this.waiting.values()];
  }

  /** Transactions for a block after `parent`, each valid after those before it. */
  ready(parent: Block): Uint8Array[] {
    const execution = this.executionAfter(parent);
    const inOrder = this.pending()
      .map((bytes) => ({ bytes, nonce: parseSigned(bytes).extra.nonce }))
      .toSorted((a, b) => (a.nonce < b.nonce ? -1 : a.nonce > b.nonce ? 1 : 0));
    const taken: Uint8Array[] = [];
    let size = 0;
    for (const { bytes } of inOrder) {
      if (size + bytes.length > MAX_BUNDLE_BYTES) break;
      try {
        execution.storage.transaction(() => execution.apply(bytes));
        taken.push(bytes);
        size += bytes.length;
      } catch (error) {
        if (!(error instanceof InvalidTransaction)) throw error;
      }
    }
    return taken;
  }

  /** Nonce of an account's (32 bytes) next transaction, those waiting counted. */
  nextNonce(account: Uint8Array, stored: number): number {
    const own = new Set(
      this.pending()
        .map(parseSigned)
        .filter(({ signer }) => toHex(signer) === toHex(account))
        .map(({ extra }) => extra.nonce),
    );
    let nonce = BigInt(stored);
    while (own.has(nonce)) nonce += 1n;
    return Number(nonce);
  }

  /** Execution of a block after `parent`, as far as transactions that wait need it. */
  executionAfter(parent: Block): DomainExecution {
    const input = this.chain.inputAfter(parent, ZERO);
    const execution = new DomainExecution(new Storage(this.chain.stateOf(parent.hash)), input);
    execution.initialise();
    return execution;
  }

  private prune(): void {
    const execution = this.executionAfter(this.chain.best);
    for (const [hash, bytes] of this.waiting) {
      try {
        execution.validate(parseSigned(bytes), true);
      } catch (error) {
        if (!(error instanceof InvalidTransaction)) throw error;
        this.waiting.delete(hash);
      }
    }
  }
}
