/** Walks checkpoints on the compute pool. */
import PQueue from 'p-queue';
import { abortWith } from '../async/on-abort.ts';
import { CHECKPOINTS_IN_SLOT } from '../protocol/constants.ts';
import { JobPriority, type ComputePool, type JobOptions } from './jobs.ts';
import { wrongCheckpoint, type PotSlot } from './pot-slot.ts';
import { randomBelow } from './random.ts';

/** Iterations of a checkpoint beyond which each may be a job of its own. */
const LONG_CHECKPOINT = 2_000_000;

const ALL: readonly number[] = Array.from({ length: CHECKPOINTS_IN_SLOT }, (_, index) => index);

/** Some checkpoints of a slot. */
export interface Part {
  slot: PotSlot;
  only: number[];
}

export interface WalkOptions extends Partial<Pick<JobOptions, 'signal'>> {
  priority: JobOptions['priority'];
}

/** The walks of one verifier, the most urgent first. */
export class PotWalks {
  private readonly queue = new PQueue();
  /** By how many checkpoints, whether they are walked side by side. */
  private readonly walkers = new Map<number, Promise<boolean>>();

  constructor(private readonly pool: ComputePool) {}

  /** Walks on so many workers at once; left out: on all of them. */
  setCores(cores: number | undefined): void {
    this.queue.concurrency = cores ?? Number.POSITIVE_INFINITY;
  }

  /**
   * `checkpoints` (1 to 8) of each slot, drawn at random, in as many parts as keep every worker busy; long ones each in
   * a part of its own, where workers do not walk them side by side.
   */
  async sample(slots: readonly PotSlot[], checkpoints: number): Promise<Part[]> {
    const long = slots.some(({ iterations }) => iterations / CHECKPOINTS_IN_SLOT > LONG_CHECKPOINT);
    const apart = long && !(await this.sideBySide(checkpoints));
    const groups = apart ? CHECKPOINTS_IN_SLOT : Math.ceil(this.pool.status().workers / slots.length);
    return slots.flatMap((slot) => grouped(drawn(checkpoints), groups).map((only) => ({ slot, only })));
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

  /**
   * Walks parts, and returns how many iterations that were.
   *
   * @param progress Told of each part that holds: its iterations, and how they were walked, `webcrypto` or `wasm`.
   * @throws ProtocolError, rule `pot-checkpoints`, for the first part found wrong, and lets the others go; what the pool
   * rejects with; the signal's reason.
   */
  async walk(
    parts: readonly Part[],
    { priority, signal }: WalkOptions,
    progress: (iterations: number, walker: string) => void = () => undefined,
  ): Promise<number> {
    signal?.throwIfAborted();
    const stop = new AbortController();
    const leave = abortWith(signal, stop);
    let total = 0;
    const work = async ({ slot, only }: Part): Promise<void> => {
      const { seed, iterations, checkpoints } = slot;
      const input = { seed, iterations, checkpoints, only };
      const job = async () => this.pool.run('pot.verify', input, { priority, signal: stop.signal });
      const { firstWrong, walker } = await this.queue.add(job, { priority: -priority });
      if (firstWrong !== null) throw wrongCheckpoint(slot, firstWrong);
      const walked = (iterations / CHECKPOINTS_IN_SLOT) * only.length;
      total += walked;
      progress(walked, walker);
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
