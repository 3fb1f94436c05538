/**
 * Fills the segment that an object waits in. On a public network others store enough for segments to close; here
 * nobody else does, and an object would wait for ever to be archived.
 */
import { decodeExtrinsic } from '../src/protocol/extrinsic.ts';
import { equal } from '../src/protocol/bytes.ts';
import { ScaleWriter } from '../src/protocol/scale.ts';
import { developmentAccounts, type DevelopmentAccount } from './accounts.ts';
import type { Block, Chain } from './chain.ts';
import type { Segments } from './segments.ts';
import { PoolError, type TransactionPool } from './transaction-pool.ts';
import { signTransaction } from './transactions.ts';

/** The longest remark that leaves room for a block's votes and smaller transactions. */
export const MAX_FILLER_BYTES = 3_850_000;
const SYSTEM = 0;
const UTILITY = 8;
/** Filled beyond the segment's end, so that its last bytes do not wait. */
const BEYOND = 1_000;

/** Call that stores bytes: `system.remark`. */
export function remarkCall(remark: Uint8Array): Uint8Array {
  return new ScaleWriter(remark.length + 8).u8(SYSTEM).u8(0).byteVector(remark).bytes();
}

/** Call that stores so many zeros, to which committing costs little. */
export function fillerCall(length: number): Uint8Array {
  return remarkCall(new Uint8Array(length));
}

/** Whether a transaction stores something and is not the filler's own (`filler`: its public key). */
export function storesObjects(bytes: Uint8Array, filler: Uint8Array): boolean {
  const extrinsic = decodeExtrinsic(bytes);
  const pallet = extrinsic.call[0];
  if (extrinsic.kind !== 'signed' || (pallet !== SYSTEM && pallet !== UTILITY)) return false;
  return !equal(extrinsic.signer, filler);
}

export class Filler {
  private readonly account: DevelopmentAccount = developmentAccounts().at(-1)!;
  /** The segment that has to close. */
  private target: bigint | null = null;
  private waiting = false;

  constructor(
    private readonly chain: Chain,
    private readonly pool: TransactionPool,
    private readonly segments: Segments,
  ) {}

  /** Fills from now on; returns what stops that. */
  start(): () => void {
    return this.chain.on('best', (block) => this.onBest(block));
  }

  private onBest(block: Block): void {
    const { segment, bytesLeft } = this.segments.openSegment();
    if (this.holdsObjects(block)) this.target = segment;
    if (this.target !== null && segment > this.target) this.target = null;
    if (this.target === null || this.waiting) return;
    const call = fillerCall(Math.min(MAX_FILLER_BYTES, bytesLeft + BEYOND));
    const transaction = signTransaction(this.chain, this.pool, this.account, call);
    this.waiting = true;
    try {
      this.pool.submit(transaction, ({ kind }) => {
        if (kind !== 'ready' && kind !== 'future') this.waiting = false;
      });
    } catch (error) {
      // A pool that is full, say, has room again after the next block.
      if (!(error instanceof PoolError)) throw error;
      this.waiting = false;
    }
  }

  /** Whether somebody else stored something in a block. */
  private holdsObjects(block: Block): boolean {
    const { extrinsics } = this.chain.signedBlock(block.hash)!;
    return extrinsics.some((bytes) => storesObjects(bytes, this.account.publicKey));
  }
}
