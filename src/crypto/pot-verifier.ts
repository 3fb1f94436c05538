/** Verifies proofs of time on the compute pool, as much of them as the person's budget allows. */
import { CHECKPOINTS_IN_SLOT } from '../protocol/constants.ts';
import { JobPriority, type ComputePool } from './jobs.ts';
import { checkpointsOf, passChance, requireBudget, type PotBudget, type PotShare } from './pot-budget.ts';
import { verifyByHelper, type PotAccelerator, type PotHelper } from './pot-helper.ts';
import { keyOf, requireWellFormed, type PotSlot } from './pot-slot.ts';
import { PotWalks, type WalkOptions } from './pot-walks.ts';
import { Rate } from './rate.ts';

/** What was checked: all of it, a random part, or all of it by the person's own helper. */
export type PotMode = 'full' | 'sampled' | 'helper';

/** Slots that hold, and what that took. */
export interface PotVerdict {
  mode: PotMode;
  /** Slots that hold, those known from before included. */
  slots: number;
  /** Iterations walked for this call: none for slots known from before. */
  iterations: number;
}

/** What was verified so far, and how fast. */
export interface PotStats {
  slotsVerified: number;
  /** Those of them of which only a sample was verified. */
  slotsSampled: number;
  /** Of all workers together while they were at work, lately. 0 until something was verified. */
  iterationsPerSecond: number;
  /** Chance that a history with a tenth of its slots forged would have passed so far. */
  soundness: number;
  /** How slots are walked: `webcrypto`, `wasm` or the helper's name; empty until something was verified. */
  walker: string;
  mode: PotMode;
}

/** How slots are verified. */
export interface PotVerifyOptions extends WalkOptions {
  /** Instead of the budget's share, for the head of the chain. */
  share?: PotShare;
}

/** Share of forged slots that `PotStats.soundness` reckons with. */
export const FORGED_SHARE = 0.1;
/** Slots remembered as verified. */
const REMEMBERED = 16_384;
/**
 * Verifies slots, each on its own: that their seeds follow from one another is the chain's to check. A slot that
 * held once is not walked again.
 */
export class PotVerifier {
  private readonly known = new Map<string, PotMode>();
  private readonly rate = new Rate();
  private helperRate = new Rate();
  private acceleratorRate = new Rate();
  /** That of whoever verified last. */
  private latestRate = this.rate;
  private readonly walks: PotWalks;
  private budget: PotBudget = { mode: 'full' };
  private helper: PotHelper | null = null;
  private accelerator: PotAccelerator | null = null;
  private slotsVerified = 0;
  private slotsSampled = 0;
  private walker = '';
  private soundness = 1;

  constructor(pool: ComputePool, budget: PotBudget) {
    this.walks = new PotWalks(pool);
    this.setBudget(budget);
  }

  /** Changes how much is verified from now on. Throws RangeError for a share or cores that cannot be. */
  setBudget(budget: PotBudget): void {
    requireBudget(budget);
    this.budget = budget;
    this.walks.setCores(budget.cores);
  }

  /** Lets a helper verify, spot-checked; null: the pool does it. A helper that fails or lies is dropped. */
  useHelper(helper: PotHelper | null): void {
    this.helper = helper;
    this.helperRate = new Rate();
    this.latestRate = helper === null ? this.rate : this.helperRate;
  }

  /** Lets a faster part of this machine verify what is caught up with, where it pays; null: the pool does it. */
  useAccelerator(accelerator: PotAccelerator | null): void {
    this.accelerator = accelerator;
    this.acceleratorRate = new Rate();
  }

  /** Iterations a second that the head is verified with; 0 until something was. */
  headRate(): number {
    return (this.helper === null ? this.rate : this.helperRate).perSecond();
  }

  /** The helper in use, or null: none was given, or it was dropped. */
  currentHelper(): PotHelper | null {
    return this.helper;
  }

  /** What was verified so far, and how fast. */
  stats(): PotStats {
    return {
      slotsVerified: this.slotsVerified,
      slotsSampled: this.slotsSampled,
      iterationsPerSecond: this.latestRate.perSecond(),
      soundness: this.soundness,
      walker: this.helper?.name ?? this.walker,
      mode: this.helper === null ? this.budget.mode : 'helper',
    };
  }

  /**
   * Verifies slots side by side. Which checkpoints are sampled is drawn now, after the data arrived.
   *
   * @throws ProtocolError, rule `pot-checkpoints` with values `slot` and `checkpoint` (0..7) for the first one
   * found wrong, rule `pot-iterations` for a number of iterations that is not allowed; the signal's reason.
   */
  async verify(slots: readonly PotSlot[], options: PotVerifyOptions): Promise<PotVerdict> {
    options.signal?.throwIfAborted();
    slots.forEach(requireWellFormed);
    const share = options.share ?? this.budget;
    // What was only sampled does not count where all is asked for.
    const found = slots.map((slot) => this.known.get(keyOf(slot)));
    const isKnown = (mode: PotMode | undefined): boolean =>
      mode !== undefined && (mode !== 'sampled' || share.mode === 'sampled');
    const unknown = slots.filter((_, index) => !isKnown(found[index]));
    const { mode, checkpoints, iterations } =
      (await this.byHelper(unknown, options)) ??
      (await this.byAccelerator(unknown, options)) ??
      (await this.byPool(unknown, options));
    for (const slot of unknown) this.remember(keyOf(slot), mode);
    const before = found.filter((known) => known !== undefined && !isKnown(known)).length;
    const first = unknown.length - before;
    this.slotsVerified += first;
    this.slotsSampled += mode === 'sampled' ? first : -before;
    this.soundness *= passChance(checkpoints, first, FORGED_SHARE);
    const modes = unknown.length > 0 ? [mode] : [];
    for (const known of found) if (known !== undefined && isKnown(known)) modes.push(known);
    return { mode: weakest(modes) ?? mode, slots: slots.length, iterations };
  }

  private async byPool(slots: readonly PotSlot[], options: PotVerifyOptions): Promise<Outcome> {
    const share = options.share ?? this.budget;
    const checkpoints = checkpointsOf(share);
    const parts = await this.walks.sample(slots, checkpoints);
    const end = this.rate.begin();
    if (slots.length > 0) this.latestRate = this.rate;
    try {
      const iterations = await this.walks.walk(parts, options, (walked, walker) => {
        this.rate.add(walked);
        this.walker = walker;
      });
      return { mode: share.mode, checkpoints, iterations };
    } finally {
      end();
    }
  }

  /** Null: no helper, or none any more, or slots that it does not take. */
  private async byHelper(slots: readonly PotSlot[], options: PotVerifyOptions): Promise<Outcome | null> {
    const { helper, helperRate } = this;
    if (helper === null) return null;
    const drop = (): void => {
      if (this.helper === helper) this.useHelper(null);
    };
    const iterations = await this.assisted(helper, helperRate, slots, options, drop);
    return iterations === null ? null : { mode: 'helper', checkpoints: CHECKPOINTS_IN_SLOT, iterations };
  }

  /** Null: there is none, it does not pay for this share or one batch, or it failed. Every checkpoint is walked. */
  private async byAccelerator(slots: readonly PotSlot[], options: PotVerifyOptions): Promise<Outcome | null> {
    const { accelerator, acceleratorRate } = this;
    if (accelerator === null || options.priority < JobPriority.catchUp) return null;
    const saved = checkpointsOf(options.share ?? this.budget) / CHECKPOINTS_IN_SLOT;
    if (accelerator.gain * saved <= 1) return null;
    const drop = (): void => {
      if (this.accelerator === accelerator) this.useAccelerator(null);
    };
    const iterations = await this.assisted(accelerator.verifier, acceleratorRate, slots, options, drop);
    if (iterations === null) return null;
    this.walker = accelerator.verifier.name;
    return { mode: 'full', checkpoints: CHECKPOINTS_IN_SLOT, iterations };
  }

  private async assisted(
    helper: PotHelper,
    rate: Rate,
    slots: readonly PotSlot[],
    options: PotVerifyOptions,
    drop: () => void,
  ): Promise<number | null> {
    const iterations = await verifyByHelper(helper, slots, this.walks, options, rate, drop);
    if (iterations !== null) this.latestRate = rate;
    return iterations;
  }

  private remember(key: string, mode: PotMode): void {
    this.known.set(key, mode);
    if (this.known.size <= REMEMBERED) return;
    const [oldest] = this.known.keys();
    this.known.delete(oldest as string);
  }
}

/** How slots were found to hold. */
interface Outcome {
  mode: PotMode;
  /** Of each slot, 1 to 8. */
  checkpoints: number;
  iterations: number;
}

/** How all of them were checked at least. */
function weakest(modes: readonly PotMode[]): PotMode | undefined {
  return (['sampled', 'helper', 'full'] as const).find((mode) => modes.includes(mode));
}
