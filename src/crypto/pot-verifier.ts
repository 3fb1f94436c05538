/** Verifies proofs of time on the compute pool, as much of them as the person's budget allows. */
import PQueue from 'p-queue';
import { onAbort } from '../async/on-abort.ts';
import { toHex } from '../protocol/bytes.ts';
import { CHECKPOINTS_BYTES, CHECKPOINTS_IN_SLOT } from '../protocol/constants.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { requireIterations } from '../protocol/pot.ts';
import type { SlotNumber } from '../protocol/types.ts';
import { JobPriority, type ComputePool, type JobOptions } from './jobs.ts';
import { checkpointsOf, passChance, requireBudget, type PotBudget, type PotShare } from './pot-budget.ts';
import { randomBelow } from './random.ts';
import { Rate } from './rate.ts';

/** What was checked: all of it, a random part, or all of it by the person's own helper. */
export type PotMode = 'full' | 'sampled' | 'helper';

/** A slot's claim of elapsed time. */
export interface PotSlot {
  slot: SlotNumber;
  /** 16 bytes. */
  seed: Uint8Array;
  /** Encryptions of the whole slot. */
  iterations: number;
  /** 128 bytes. */
  checkpoints: Uint8Array;
}

/** A program of the person's own that verifies faster than the pool. */
export interface PotHelper {
  /** What it is called in the app. */
  readonly name: string;
  /** Iterations of a slot that it takes at most; slots of more are left to the pool. */
  readonly maxIterations: number;
  /** For each claim the first wrong checkpoint, or null. Rejects when the helper is gone. */
  verify(slots: readonly PotSlot[], signal?: AbortSignal): Promise<(number | null)[]>;
  /** Told when one of its verdicts was found to be wrong: it is not asked again. */
  distrust(what: string): void;
}

/** A part of this machine that verifies many slots faster than the pool, but one not. */
export interface PotAccelerator {
  verifier: PotHelper;
  /** How many times as fast as the pool it is. */
  gain: number;
}

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
export interface PotVerifyOptions extends Partial<Pick<JobOptions, 'signal'>> {
  priority: JobOptions['priority'];
  /** Instead of the budget's share, for the head of the chain. */
  share?: PotShare;
}

/** Share of forged slots that `PotStats.soundness` reckons with. */
export const FORGED_SHARE = 0.1;
/** Slots remembered as verified. */
const REMEMBERED = 16_384;
/** Iterations of a checkpoint beyond which each may be a job of its own. */
const LONG_CHECKPOINT = 2_000_000;

const ALL: readonly number[] = Array.from({ length: CHECKPOINTS_IN_SLOT }, (_, index) => index);

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
  private readonly walks = new PQueue();
  /** By how many checkpoints, whether they are walked side by side. */
  private readonly walkers = new Map<number, Promise<boolean>>();
  private budget: PotBudget = { mode: 'full' };
  private helper: PotHelper | null = null;
  private accelerator: PotAccelerator | null = null;
  private slotsVerified = 0;
  private slotsSampled = 0;
  private walker = '';
  private soundness = 1;

  constructor(
    private readonly pool: ComputePool,
    budget: PotBudget,
  ) {
    this.setBudget(budget);
  }

  /** Changes how much is verified from now on. Throws RangeError for a share or cores that cannot be. */
  setBudget(budget: PotBudget): void {
    requireBudget(budget);
    this.budget = budget;
    this.walks.concurrency = budget.cores ?? Number.POSITIVE_INFINITY;
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
    const long = slots.some(({ iterations }) => iterations / CHECKPOINTS_IN_SLOT > LONG_CHECKPOINT);
    const apart = long && !(await this.sideBySide(checkpoints));
    const groups = apart ? CHECKPOINTS_IN_SLOT : Math.ceil(this.pool.status().workers / slots.length);
    const parts = slots.flatMap((slot) =>
      grouped(drawn(checkpoints), groups).map((only) => ({ slot, only })),
    );
    const end = this.rate.begin();
    if (slots.length > 0) this.latestRate = this.rate;
    try {
      const iterations = await this.walk(parts, options, (walked) => this.rate.add(walked));
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

  /** Iterations that a helper verified and a spot check confirmed. Null: it took none, failed, or lied. */
  private async assisted(
    helper: PotHelper,
    rate: Rate,
    slots: readonly PotSlot[],
    options: PotVerifyOptions,
    drop: () => void,
  ): Promise<number | null> {
    if (slots.length === 0) return null;
    if (slots.some(({ iterations }) => iterations > helper.maxIterations)) return null;
    let verdicts: (number | null)[];
    const end = rate.begin();
    try {
      verdicts = await helper.verify(slots, options.signal);
    } catch {
      options.signal?.throwIfAborted();
      drop();
      return null;
    } finally {
      end();
    }
    const lied = await this.spotCheck(slots, verdicts, options);
    if (lied !== null) {
      drop();
      helper.distrust(lied.message);
      if (lied.wrong !== null) throw lied.wrong;
      return null;
    }
    const iterations = slots.reduce((sum, slot) => sum + slot.iterations, 0);
    rate.add(iterations);
    this.latestRate = rate;
    return iterations;
  }

  /**
   * Walks one checkpoint here too: one drawn at random, or the one that the helper refuses. Returns how the helper
   * lied, with the slot's own fault if it hid one; null: what was walked agrees. Throws what is wrong with a slot
   * that was rightly refused.
   */
  private async spotCheck(
    slots: readonly PotSlot[],
    verdicts: readonly (number | null)[],
    options: PotVerifyOptions,
  ): Promise<{ message: string; wrong: ProtocolError | null } | null> {
    if (verdicts.length !== slots.length || !verdicts.every((index) => index === null || ALL.includes(index)))
      return { message: 'its answer is no verdict on these slots', wrong: null };
    const refused = verdicts.findIndex((index) => index !== null);
    const slot = slots[refused < 0 ? randomBelow(slots.length) : refused] as PotSlot;
    const checkpoint = verdicts[refused] ?? randomBelow(CHECKPOINTS_IN_SLOT);
    const what = `checkpoint ${checkpoint} of slot ${slot.slot}`;
    try {
      await this.walk([{ slot, only: [checkpoint] }], options);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      if (refused >= 0) throw error;
      return { message: `it let ${what} pass, which is wrong`, wrong: error };
    }
    return refused < 0 ? null : { message: `it refused ${what}, which is right`, wrong: null };
  }

  /**
   * Whether the workers walk so many checkpoints of a slot side by side. Then a slot is cut into no more jobs than keep
   * every worker busy; walked one after the other, each long checkpoint is a job, which can be let go.
   */
  private sideBySide(checkpoints: number): Promise<boolean> {
    const known = this.walkers.get(checkpoints);
    if (known !== undefined) return known;
    const asked = this.pool
      .run('pot.walker', { checkpoints }, { priority: JobPriority.verifyHead })
      .then(({ walker }) => walker === 'wasm');
    this.walkers.set(checkpoints, asked);
    asked.catch(() => this.walkers.delete(checkpoints));
    return asked;
  }

  /** Iterations walked. Throws ProtocolError for the first part found wrong, and lets the others go. */
  private async walk(
    parts: readonly Part[],
    { priority, signal }: PotVerifyOptions,
    progress: (iterations: number) => void = () => undefined,
  ): Promise<number> {
    signal?.throwIfAborted();
    const stop = new AbortController();
    const leave = onAbort(signal, () => stop.abort(signal?.reason));
    let total = 0;
    const work = async ({ slot, only }: Part): Promise<void> => {
      const { seed, iterations, checkpoints } = slot;
      const input = { seed, iterations, checkpoints, only };
      const options = { priority, signal: stop.signal };
      const job = async () => this.pool.run('pot.verify', input, options);
      const { firstWrong, walker } = await this.walks.add(job, { priority: -priority });
      if (firstWrong !== null) throw wrongCheckpoint(slot, firstWrong);
      const walked = (iterations / CHECKPOINTS_IN_SLOT) * only.length;
      total += walked;
      progress(walked);
      this.walker = walker;
    };
    try {
      await Promise.all(parts.map(work));
      return total;
    } catch (error) {
      stop.abort(error);
      throw error;
    } finally {
      leave();
    }
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

/** Some checkpoints of a slot. */
interface Part {
  slot: PotSlot;
  only: number[];
}

/** How all of them were checked at least. */
function weakest(modes: readonly PotMode[]): PotMode | undefined {
  return (['sampled', 'helper', 'full'] as const).find((mode) => modes.includes(mode));
}

function requireWellFormed({ slot, seed, iterations, checkpoints }: PotSlot): void {
  requireIterations(iterations);
  if (checkpoints.length === CHECKPOINTS_BYTES && seed.length === CHECKPOINTS_BYTES / CHECKPOINTS_IN_SLOT) {
    return;
  }
  throw new ProtocolError({
    code: 'bad-checkpoints',
    rule: 'pot-checkpoints',
    message: `slot ${slot}: a seed of ${seed.length} and checkpoints of ${checkpoints.length} bytes`,
    values: { slot, seed: seed.length, checkpoints: checkpoints.length },
  });
}

function wrongCheckpoint({ slot }: PotSlot, checkpoint: number): ProtocolError {
  return new ProtocolError({
    code: 'wrong-checkpoint',
    rule: 'pot-checkpoints',
    message: `checkpoint ${checkpoint} of slot ${slot} does not follow from what is before it`,
    sentence: `The proof of time of slot ${slot} is wrong: the time it claims did not pass.`,
    values: { slot, checkpoint },
  });
}

function keyOf({ seed, iterations, checkpoints }: PotSlot): string {
  return `${iterations}:${toHex(seed)}:${toHex(checkpoints)}`;
}

/** `count` distinct checkpoints, ascending, by the platform's generator. */
function drawn(count: number): number[] {
  const left = [...ALL];
  while (left.length > count) left.splice(randomBelow(left.length), 1);
  return left;
}

/** Cuts a list into at most `count` runs of nearly equal length. */
function grouped(indices: number[], count: number): number[][] {
  const size = Math.ceil(indices.length / Math.min(count, indices.length));
  const groups: number[][] = [];
  for (let at = 0; at < indices.length; at += size) groups.push(indices.slice(at, at + size));
  return groups;
}
