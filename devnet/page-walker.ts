/**
 * Takes the local network's time from a page: the page walks ahead by what it verified of the chain, the network uses
 * a proof that fits its next slot, and walks by itself what does not come in time.
 */
import { headShare } from '../src/crypto/pot-budget.ts';
import { PotVerifier } from '../src/crypto/pot-verifier.ts';
import { JobPriority, type ComputePool } from '../src/crypto/jobs.ts';
import { toHex } from '../src/protocol/bytes.ts';
import { ProtocolError } from '../src/protocol/errors.ts';
import type { PotProof } from '../src/protocol/pot-proof.ts';
import type { WalkSlot } from './timekeeper.ts';

/** Proofs kept that came before their slot. */
const KEPT_PROOFS = 16;
/** Slots in a row that a page may miss: after an injection of entropy it has to verify the block first. */
const MISSES_ALLOWED = 10;

export interface PageWalkerOptions {
  /** Walks while no page does. */
  own: WalkSlot;
  /** Verifies what a page walked, as much of it as can be done in time. */
  pool: ComputePool;
  slotDurationMs: number;
  /** Milliseconds that a slot waits for the page's proof. */
  patienceMs: number;
  log(line: string): void;
}

/** The page that keeps time; `end` tells it why it does no more. */
interface Page {
  end(reason: string): void;
}

export class PageWalker {
  private page: Page | null = null;
  private proofs = new Map<string, PotProof>();
  private awaited: { key: string; came: (proof: PotProof | null) => void } | null = null;
  private misses = 0;
  private readonly verifier: PotVerifier;

  constructor(private readonly options: PageWalkerOptions) {
    this.verifier = new PotVerifier(options.pool, { mode: 'full' });
  }

  readonly walk: WalkSlot = async (seed, iterations) => {
    const proof = await this.next(seed, iterations);
    return proof !== null && (await this.holds(proof))
      ? proof.checkpoints
      : this.options.own(seed, iterations);
  };

  /** Lets a page keep time; returns what ends that, or null: another page does. */
  take(page: Page): (() => void) | null {
    if (this.page !== null) return null;
    this.page = page;
    this.misses = 0;
    this.options.log('A page keeps time.');
    return () => {
      if (this.page === page) this.lose('it left');
    };
  }

  submit(proof: PotProof): void {
    if (this.page === null) return;
    const key = keyOf(proof.seed, proof.iterations);
    if (this.awaited?.key === key) return this.awaited.came(proof);
    this.proofs.set(key, proof);
    const [oldest] = this.proofs.keys();
    if (this.proofs.size > KEPT_PROOFS) this.proofs.delete(oldest as string);
  }

  /** What the page walked from this seed; null when it does not come in time. */
  private async next(seed: Uint8Array, iterations: number): Promise<PotProof | null> {
    if (this.page === null) return null;
    const key = keyOf(seed, iterations);
    let proof = this.proofs.get(key) ?? null;
    proof ??= await new Promise<PotProof | null>((resolve) => {
      const timer = setTimeout(() => came(null), this.options.patienceMs);
      const came = (found: PotProof | null): void => {
        clearTimeout(timer);
        this.awaited = null;
        resolve(found);
      };
      this.awaited = { key, came };
    });
    this.misses = proof === null ? this.misses + 1 : 0;
    if (this.misses >= MISSES_ALLOWED) this.lose('its proofs come too late');
    return proof;
  }

  private async holds(proof: PotProof): Promise<boolean> {
    const due = (1_000 * proof.iterations) / this.options.slotDurationMs;
    const share = headShare({ mode: 'full' }, this.verifier.headRate(), due);
    try {
      await this.verifier.verify([proof], { priority: JobPriority.verifyHead, share });
      return true;
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.lose(`its proof of slot ${proof.slot} is wrong`);
      return false;
    }
  }

  private lose(reason: string): void {
    const { page, awaited } = this;
    if (page === null) return;
    this.page = null;
    this.proofs.clear();
    awaited?.came(null);
    this.options.log(`The page keeps time no more: ${reason}. The network walks by itself.`);
    page.end(reason);
  }
}

function keyOf(seed: Uint8Array, iterations: number): string {
  return `${iterations}:${toHex(seed)}`;
}
