/** Verifies proofs of time on the compute pool, as much of them as the person's budget allows. */
import { toHex } from '../protocol/bytes.ts';
import { CHECKPOINTS_BYTES, CHECKPOINTS_IN_SLOT } from '../protocol/constants.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { requireIterations } from '../protocol/pot.ts';
import type { SlotNumber } from '../protocol/types.ts';
import type { ComputePool, JobOptions } from './jobs.ts';
import { randomBelow } from './random.ts';

/** How much of each slot is verified: every checkpoint, or so many of its eight, drawn at random. */
export type PotBudget = { mode: 'full' } | { mode: 'sampled'; checkpointsPerSlot: number };

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
  /** For each claim the first wrong checkpoint, or null. Rejects when the helper is gone. */
  verify(slots: readonly PotSlot[], signal?: AbortSignal): Promise<(number | null)[]>;
}

export interface PotVerdict {
  mode: PotMode;
  /** Slots that hold, those known from before included. */
  slots: number;
  /** Iterations walked for this call: none for slots known from before. */
  iterations: number;
}

export interface PotStats {
  slotsVerified: number;
  /** Of all workers together while they were at work, lately. 0 until something was verified. */
  iterationsPerSecond: number;
  /** Chance that a history with a tenth of its slots forged would have passed so far. */
  soundness: number;
  /** How slots are walked: `webcrypto`, `wasm` or the helper's name; empty until something was verified. */
  walker: string;
  mode: PotMode;
}

export interface PotVerifyOptions extends Partial<Pick<JobOptions, 'signal'>> {
  priority: JobOptions['priority'];
  /** More than the budget says, for the head of the chain. */
  mode?: 'full';
}

/** Share of forged slots that `PotStats.soundness` reckons with. */
const FORGED_SHARE = 0.1;
/** Slots remembered as verified. */
const REMEMBERED = 16_384;
/** Iterations of a checkpoint beyond which each checkpoint is a job of its own. */
const LONG_CHECKPOINT = 2_000_000;
/** Busy time after which older work counts half in the rate. */
const RATE_WINDOW_MS = 10_000;

const ALL: readonly number[] = Array.from({ length: CHECKPOINTS_IN_SLOT }, (_, index) => index);

/**
 * Verifies slots, each on its own: that their seeds follow from one another is the chain's to check. A slot that
 * held once is not walked again.
 */
export class PotVerifier {
  private readonly known = new Map<string, true>();
  private readonly rate = new Rate();
  private helper: PotHelper | null = null;
  private slotsVerified = 0;
  private walker = '';
  /** Logarithm of the chance that forged slots, a tenth of all, passed so far. */
  private logSoundness = 0;

  constructor(
    private readonly pool: ComputePool,
    private budget: PotBudget,
  ) {
    this.setBudget(budget);
  }

  /** Changes how much is verified from now on. Throws RangeError unless 1 to 8 checkpoints are asked for. */
  setBudget(budget: PotBudget): void {
    if (budget.mode === 'sampled' && !ALL.includes(budget.checkpointsPerSlot - 1)) {
      throw new RangeError(`${budget.checkpointsPerSlot} checkpoints of a slot's ${CHECKPOINTS_IN_SLOT}`);
    }
    this.budget = budget;
  }

  /** Lets a helper verify, spot-checked; null: the pool does it. A helper that fails or lies is dropped. */
  useHelper(helper: PotHelper | null): void {
    this.helper = helper;
  }

  /** The helper in use, or null: none was given, or it was dropped. */
  currentHelper(): PotHelper | null {
    return this.helper;
  }

  stats(): PotStats {
    return {
      slotsVerified: this.slotsVerified,
      iterationsPerSecond: this.rate.perSecond(),
      soundness: Math.exp(this.logSoundness),
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
    const unknown = slots.filter((slot) => !this.known.has(keyOf(slot)));
    const { mode, iterations } =
      (await this.byHelper(unknown, options)) ?? (await this.byPool(unknown, options));
    for (const slot of unknown) this.remember(keyOf(slot));
    this.slotsVerified += unknown.length;
    return { mode, slots: slots.length, iterations };
  }

  private async byPool(slots: readonly PotSlot[], options: PotVerifyOptions) {
    const mode = options.mode ?? this.budget.mode;
    const perSlot =
      mode === 'sampled' && this.budget.mode === 'sampled'
        ? this.budget.checkpointsPerSlot
        : CHECKPOINTS_IN_SLOT;
    const parts = slots.flatMap((slot) =>
      grouped(drawn(perSlot), this.groupsFor(slot, slots.length)).map((only) => ({ slot, only })),
    );
    const iterations = await this.walk(parts, options);
    this.reckon(slots.length, perSlot);
    return { mode, iterations };
  }

  /** Null: no helper, or none any more. */
  private async byHelper(slots: readonly PotSlot[], options: PotVerifyOptions) {
    const { helper } = this;
    if (helper === null || slots.length === 0) return null;
    let wrong: (number | null)[];
    const end = this.rate.begin();
    try {
      wrong = await helper.verify(slots, options.signal);
    } catch {
      options.signal?.throwIfAborted();
      this.drop(helper);
      return null;
    } finally {
      end();
    }
    // One checkpoint is walked here too: a random one, or the one that the helper refuses.
    const refused = wrong.findIndex((index) => index !== null);
    const at = refused < 0 ? randomBelow(slots.length) : refused;
    const only = [wrong[at] ?? randomBelow(CHECKPOINTS_IN_SLOT)];
    const held = await this.holds({ slot: slots[at]!, only }, options);
    if (wrong.length !== slots.length || held !== refused < 0) {
      this.drop(helper);
      return null;
    }
    if (refused >= 0) throw wrongCheckpoint(slots[at]!, only[0]!);
    const iterations = slots.reduce((sum, slot) => sum + slot.iterations, 0);
    this.rate.add(iterations);
    this.reckon(slots.length, CHECKPOINTS_IN_SLOT);
    return { mode: 'helper' as const, iterations };
  }

  private async holds(part: Part, options: PotVerifyOptions): Promise<boolean> {
    try {
      await this.walk([part], options);
      return true;
    } catch (error) {
      if (error instanceof ProtocolError) return false;
      throw error;
    }
  }

  private drop(helper: PotHelper): void {
    if (this.helper === helper) this.helper = null;
  }

  /** Into how many jobs a slot is cut: enough to keep every worker busy, and none too long to be cancelled. */
  private groupsFor(slot: PotSlot, slots: number): number {
    if (slot.iterations / CHECKPOINTS_IN_SLOT > LONG_CHECKPOINT) return CHECKPOINTS_IN_SLOT;
    return Math.ceil(this.pool.status().workers / slots);
  }

  private async walk(parts: readonly Part[], { priority, signal }: PotVerifyOptions): Promise<number> {
    const failure = new AbortController();
    const both = signal ? AbortSignal.any([signal, failure.signal]) : failure.signal;
    const end = this.rate.begin();
    let walked = 0;
    const work = async ({ slot, only }: Part): Promise<void> => {
      const { seed, iterations, checkpoints } = slot;
      const input = { seed, iterations, checkpoints, only };
      // A signal of its own for each job: Node.js warns of many listeners on one.
      const options = { priority, signal: AbortSignal.any([both]) };
      const { firstWrong, walker } = await this.pool.run('pot.verify', input, options);
      if (firstWrong !== null) throw wrongCheckpoint(slot, firstWrong);
      const own = (iterations / CHECKPOINTS_IN_SLOT) * only.length;
      walked += own;
      this.rate.add(own);
      this.walker = walker;
    };
    try {
      await Promise.all(parts.map(work));
      return walked;
    } catch (error) {
      failure.abort(error);
      throw error;
    } finally {
      end();
    }
  }

  /** A forged slot has at least one wrong checkpoint, and is found if that one is among those drawn. */
  private reckon(slots: number, perSlot: number): void {
    const missed = 1 - perSlot / CHECKPOINTS_IN_SLOT;
    if (slots > 0) this.logSoundness += FORGED_SHARE * slots * Math.log(missed);
  }

  private remember(key: string): void {
    this.known.set(key, true);
    if (this.known.size <= REMEMBERED) return;
    const [oldest] = this.known.keys();
    this.known.delete(oldest as string);
  }
}

/** Some checkpoints of a slot. */
interface Part {
  slot: PotSlot;
  only: number[];
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

/** Iterations a second of busy time, where overlapping work counts once; older work fades. */
class Rate {
  private iterations = 0;
  private busyMs = 0;
  private running = 0;
  private since = 0;

  /** Returns what ends the work begun. */
  begin(): () => void {
    this.settle();
    this.running += 1;
    return () => {
      this.settle();
      this.running -= 1;
    };
  }

  add(iterations: number): void {
    this.settle();
    this.iterations += iterations;
    if (this.busyMs < RATE_WINDOW_MS) return;
    this.iterations /= 2;
    this.busyMs /= 2;
  }

  perSecond(): number {
    return this.busyMs === 0 ? 0 : (1000 * this.iterations) / this.busyMs;
  }

  private settle(): void {
    const now = performance.now();
    if (this.running > 0) this.busyMs += now - this.since;
    this.since = now;
  }
}
