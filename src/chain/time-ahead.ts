/**
 * Proofs of time as peers gossip them, ahead of the blocks that will carry them. Each is verified when it follows
 * from what the verified head proves, so that the work is done by the time its block comes.
 */
import { JobPriority } from '../crypto/jobs.ts';
import type { PotShare } from '../crypto/pot-budget.ts';
import type { PotVerifier } from '../crypto/pot-verifier.ts';
import { ProtocolError } from '../protocol/errors.ts';
import type { PotProof } from '../protocol/pot-proof.ts';
import { nextPotInput, samePotInput, slotOutput, type PotInput } from '../protocol/pot.ts';
import type { SlotNumber } from '../protocol/types.ts';
import type { BlockContext } from './block.ts';
import type { Peer } from './peer.ts';

/** Slots whose proofs wait for those before them. */
const MAX_AHEAD = 64n;
/** Proofs kept of one slot, each of another peer. */
const MAX_OF_SLOT = 4;

export interface TimeAheadOptions {
  pot: PotVerifier;
  /** How much of a slot is verified. */
  share: () => PotShare;
  /** The verified head, or null before there is one. */
  head: () => BlockContext | null;
  changed: () => void;
  lied: (peer: Peer, error: ProtocolError) => void;
  signal: AbortSignal;
}

interface Claim {
  peer: Peer;
  proof: PotProof;
}

export class TimeAhead {
  private readonly waiting = new Map<SlotNumber, Claim[]>();
  /** Proofs that held, of slots that no block has proven yet. */
  private readonly held = new Map<SlotNumber, PotProof>();
  private followed: BlockContext | null = null;
  private next: PotInput | null = null;
  private verifying = false;

  constructor(private readonly options: TimeAheadOptions) {}

  /** The newest slot that was verified before a block proved it; null: none beyond the head's. */
  slot(): SlotNumber | null {
    this.follow();
    const newest = (this.next?.slot ?? 0n) - 1n;
    return this.held.has(newest) ? newest : null;
  }

  /** A peer gossiped a proof. What does not follow from the head, or not yet, is no lie: forks do that. */
  heard(peer: Peer, proof: PotProof): void {
    this.follow();
    const { next } = this;
    if (next === null || proof.slot < next.slot || proof.slot >= next.slot + MAX_AHEAD) return;
    const claims = this.waiting.get(proof.slot) ?? [];
    if (claims.length >= MAX_OF_SLOT || claims.some((claim) => claim.peer === peer)) return;
    this.waiting.set(proof.slot, [...claims, { peer, proof }]);
    void this.verify();
  }

  /** Looks at the head anew: what follows from it may wait here already. */
  headChanged(): void {
    this.follow();
    void this.verify();
  }

  private follow(): void {
    const context = this.options.head();
    if (context === this.followed) return;
    this.followed = context;
    this.next = context && inputAfter(context);
    if (this.next === null) {
      this.waiting.clear();
      this.held.clear();
      return;
    }
    const { slot } = this.next;
    for (const waits of this.waiting.keys())
      if (waits < slot || waits >= slot + MAX_AHEAD) this.waiting.delete(waits);
    for (const holds of this.held.keys()) if (holds < slot) this.held.delete(holds);
    for (
      let proof = this.held.get(slot);
      proof !== undefined && samePotInput(proof, this.next);
      proof = this.held.get(this.next.slot)
    )
      this.advance(proof);
  }

  private advance({ slot, iterations, checkpoints }: PotProof): void {
    this.next = nextPotInput(slot, iterations, slotOutput(checkpoints), this.followed?.change ?? null);
  }

  private async verify(): Promise<void> {
    if (this.verifying) return;
    this.verifying = true;
    try {
      for (let claim = this.takeNext(); claim !== null; claim = this.takeNext()) await this.judge(claim);
    } finally {
      this.verifying = false;
    }
  }

  /** The first claim about the next slot that begins where the head says. */
  private takeNext(): Claim | null {
    const { next } = this;
    if (next === null || this.options.signal.aborted) return null;
    const claims = this.waiting.get(next.slot) ?? [];
    const claim = claims.find(({ proof }) => samePotInput(proof, next));
    if (claim === undefined) return null;
    this.waiting.set(
      next.slot,
      claims.filter((one) => one !== claim),
    );
    return claim;
  }

  private async judge({ peer, proof }: Claim): Promise<void> {
    const { pot, share, signal, lied, changed } = this.options;
    try {
      await pot.verify([proof], { priority: JobPriority.verifyHead, share: share(), signal });
    } catch (error) {
      if (error instanceof ProtocolError) lied(peer, error);
      return;
    }
    this.follow();
    // The head may have moved on meanwhile, and with it what comes next.
    if (this.next === null || !samePotInput(this.next, proof)) return;
    this.waiting.delete(proof.slot);
    this.held.set(proof.slot, proof);
    this.advance(proof);
    changed();
  }
}

function inputAfter({ provenSlot, provenOutput, childSlotIterations, change }: BlockContext): PotInput {
  return nextPotInput(provenSlot, childSlotIterations, provenOutput, change);
}
