import { onAbort } from '../../async/on-abort.ts';
import { CHECKPOINTS_IN_SLOT } from '../../protocol/constants.ts';
import { JobPriority, JOBS_ON_PIECES } from '../jobs.ts';
import type {
  ComputePool,
  JobInput,
  JobName,
  JobOnPieces,
  JobOptions,
  JobOutput,
  PoolStatus,
} from '../jobs.ts';
import { ComputeError, unpackError } from './errors.ts';
import type { FromWorker, SpawnWorker, WorkerPort } from './messages.ts';
import { COMPOSITE_JOBS } from './composite.ts';

/** Jobs of seconds: when nobody waits for their result any more, their worker is replaced, not waited for. */
const LONG_JOBS: ReadonlySet<string> = new Set<JobName>([
  'record.encode',
  'record.unmask',
  'record.decode',
  'piece.reconstruct',
  'pot.prove',
  'runtime.describe',
]);

/** Walks longer than this end with their worker, when nobody waits for them any more. */
const LONG_WALK_ITERATIONS = 20_000_000;

interface QueuedJob {
  id: number;
  name: string;
  input: unknown;
  options: JobOptions;
  attempts: number;
  /** How often it was stopped for a proof and begun again. */
  yielded: number;
  resolve(output: never): void;
  reject(error: unknown): void;
  /** Ends the wait for its signal. */
  unlisten(): void;
}

/** A job gives way to proofs so often, then it is finished. */
const MOST_YIELDS = 2;

/** Proofs and audits have a lane each, so that an audit of milliseconds does not wait for a proof either. */
type Lane = 'all' | 'prove' | 'audit';

interface Member {
  port: WorkerPort;
  running: QueuedJob | null;
  /** Ends the worker of a job that runs for too long. */
  limit: ReturnType<typeof setTimeout> | undefined;
  /** What it takes: everything, or only what must never wait for an encoding to end. */
  lane: Lane;
  /** Ends after its running job. */
  retiring: boolean;
}

/**
 * Runs jobs on workers, highest priority first and first come first served within a priority. Besides the
 * `workers` asked for there are two more, started on first need: one takes proofs only, one audits only. While
 * they work, the others take as many jobs fewer, so that the cores the person allowed are not exceeded for long. A
 * proof has a deadline: long plotting jobs that it would share the cores with are stopped and begun again after it.
 */
export class WorkerPool implements ComputePool {
  private readonly members: Member[] = [];
  private queue: QueuedJob[] = [];
  private nextId = 1;
  /** Proofs under way. */
  private proofs = 0;
  private closed = false;

  /** `module`: the compiled WebAssembly, shared by all workers; null lets each load it. */
  constructor(
    private readonly spawn: SpawnWorker,
    private size: number,
    private readonly module: WebAssembly.Module | null,
  ) {
    if (!Number.isInteger(size) || size < 1) throw new RangeError(`a pool of ${size} workers`);
  }

  run<J extends JobName>(job: J, input: JobInput<J>, options: JobOptions): Promise<JobOutput<J>> {
    const composite = COMPOSITE_JOBS[job];
    if (composite !== undefined) {
      const output = composite(this, input, options);
      if (options.priority === JobPriority.prove) this.whileProving(output);
      return output;
    }
    return this.enqueue(job, input, options);
  }

  resize(workers: number): void {
    if (!Number.isInteger(workers) || workers < 1) throw new RangeError(`a pool of ${workers} workers`);
    this.size = workers;
    let surplus = this.regular().length - workers;
    for (const member of this.regular()) {
      if (surplus <= 0) break;
      surplus -= 1;
      if (member.running === null) this.dismiss(member);
      else member.retiring = true;
    }
    this.schedule();
  }

  status(): PoolStatus {
    const busy = this.members.filter(({ running }) => running !== null).length;
    return { workers: this.size, busy, queued: this.queue.length };
  }

  async close(): Promise<void> {
    this.closed = true;
    const error = new ComputeError('pool-closed', 'the pool was closed');
    for (const member of this.members.slice()) {
      if (member.running !== null) this.settle(member.running, (job) => job.reject(error));
      this.dismiss(member);
    }
    for (const job of this.queue.splice(0)) this.settle(job, () => job.reject(error));
  }

  private enqueue<J extends JobName>(job: J, input: JobInput<J>, options: JobOptions): Promise<JobOutput<J>> {
    return new Promise<JobOutput<J>>((resolve, reject) => {
      const { signal } = options;
      if (this.closed) return reject(new ComputeError('pool-closed', `${job} after the pool was closed`));
      if (signal?.aborted === true) return reject(signal.reason);
      const queued: QueuedJob = {
        id: this.nextId++,
        name: job,
        input,
        options,
        attempts: 0,
        yielded: 0,
        resolve,
        reject,
        unlisten: onAbort(signal, () => this.abort(queued)),
      };
      this.insert(queued);
      this.schedule();
    });
  }

  /** Begins no long plotting jobs between the parts of a proof: they would be stopped by the next part. */
  private whileProving(proof: Promise<unknown>): void {
    this.proofs += 1;
    const over = (): void => {
      this.proofs -= 1;
      this.schedule();
    };
    proof.then(over, over);
  }

  private insert(job: QueuedJob): void {
    const at = this.queue.findIndex(({ options }) => options.priority > job.options.priority);
    this.queue.splice(at < 0 ? this.queue.length : at, 0, job);
  }

  private settle(job: QueuedJob, how: (job: QueuedJob) => void): void {
    job.unlisten();
    how(job);
  }

  private abort(job: QueuedJob): void {
    this.queue = this.queue.filter((other) => other !== job);
    this.settle(job, () => job.reject(job.options.signal?.reason));
    const member = this.members.find(({ running }) => running === job);
    if (member !== undefined && isLong(job)) {
      this.dismiss(member);
      this.schedule();
    }
  }

  private regular(): Member[] {
    return this.members.filter(({ lane, retiring }) => lane === 'all' && !retiring);
  }

  private schedule(): void {
    if (this.closed) return;
    for (let index = 0; index < this.queue.length;) {
      const job = this.queue[index]!;
      const member = this.memberFor(job);
      if (member === null) {
        index += 1;
        continue;
      }
      this.queue.splice(index, 1);
      this.start(member, job);
      if (job.options.priority === JobPriority.prove) this.makeRoom();
    }
  }

  /** Stops plotting jobs while more runs than there are cores; they are the next of their kind. */
  private makeRoom(): void {
    let surplus = this.members.filter(({ running }) => running !== null).length - this.size;
    for (const member of this.members.slice()) {
      const { running } = member;
      if (surplus <= 0) return;
      if (running === null || !mayYield(running)) continue;
      surplus -= 1;
      running.yielded += 1;
      running.attempts -= 1;
      this.dismiss(member);
      const { priority } = running.options;
      const at = this.queue.findIndex(({ options }) => options.priority >= priority);
      this.queue.splice(at < 0 ? this.queue.length : at, 0, running);
    }
  }

  private memberFor(job: QueuedJob): Member | null {
    const urgent = job.options.priority <= JobPriority.audit;
    const busy = this.members.filter(({ running }) => running !== null).length;
    if (this.proofs > 0 && mayYield(job)) return null;
    const lane = job.options.priority === JobPriority.prove ? 'prove' : 'audit';
    const own = urgent ? this.members.find((other) => other.lane === lane) : undefined;
    if (urgent || busy < this.size) {
      const idle = this.regular().find(({ running }) => running === null);
      if (idle !== undefined) return idle;
      // Sooner at work than one that is yet to start.
      if (own?.running === null) return own;
      if (this.regular().length < this.size) return this.add('all');
    }
    if (!urgent) return null;
    const member = own ?? this.add(lane);
    return member.running === null ? member : null;
  }

  private add(lane: Lane): Member {
    const member: Member = {
      port: this.spawn({
        message: (message) => this.receive(member, message),
        crash: (reason) => this.crashed(member, reason),
      }),
      running: null,
      limit: undefined,
      lane,
      retiring: false,
    };
    member.port.post({ kind: 'setup', module: this.module }, []);
    this.members.push(member);
    return member;
  }

  private dismiss(member: Member): void {
    const at = this.members.indexOf(member);
    if (at >= 0) this.members.splice(at, 1);
    clearTimeout(member.limit);
    member.port.terminate();
  }

  private start(member: Member, job: QueuedJob): void {
    member.running = job;
    job.attempts += 1;
    const { id, name, options } = job;
    const { limitMs } = options;
    if (limitMs !== undefined) member.limit = setTimeout(() => this.overran(member, job), limitMs);
    const input = onPieces(job) ? { ...job.input, pieces: [] } : job.input;
    try {
      member.port.post({ kind: 'run', id, job: name, input }, options.transfer ?? []);
    } catch (error) {
      // Not cloneable: the caller's mistake, the worker is fine.
      release(member);
      this.settle(job, () => job.reject(error));
    }
  }

  private receive(member: Member, message: FromWorker): void {
    const job = member.running;
    if (job === null || job.id !== message.id || !this.members.includes(member)) return;
    if (message.kind === 'ask') {
      this.give(member, job, message.index);
      return;
    }
    if (message.kind === 'failed' && message.broken) {
      this.crashed(member, describe(message));
      return;
    }
    release(member);
    if (message.kind === 'done') this.settle(job, () => job.resolve(message.output as never));
    else this.settle(job, () => job.reject(unpackError(message.error)));
    if (member.retiring) this.dismiss(member);
    this.schedule();
  }

  private give(member: Member, job: QueuedJob, index: number): void {
    const piece = onPieces(job) ? job.input.pieces[index] : undefined;
    try {
      if (piece === undefined) throw new RangeError(`there is no piece ${index}`);
      member.port.post({ kind: 'piece', id: job.id, piece }, []);
    } catch (error) {
      // Whoever gave the job up may have handed the piece to somebody else.
      this.crashed(member, String(error));
    }
  }

  private overran(member: Member, job: QueuedJob): void {
    this.dismiss(member);
    const { name, options } = job;
    const error = new ComputeError('job-overran', `${name} ran for ${options.limitMs} ms`);
    this.settle(job, () => job.reject(error));
    this.schedule();
  }

  /** A job whose input was handed over cannot be repeated; any other gets a second worker. */
  private crashed(member: Member, reason: string): void {
    if (!this.members.includes(member)) return;
    const job = member.running;
    this.dismiss(member);
    if (job !== null && job.options.signal?.aborted !== true) {
      if (job.attempts < 2 && (job.options.transfer ?? []).length === 0) this.insert(job);
      else this.settle(job, () => job.reject(new ComputeError('worker-crashed', `${job.name}: ${reason}`)));
    }
    this.schedule();
  }
}

/** A worker has ended its job. */
function release(member: Member): void {
  clearTimeout(member.limit);
  member.running = null;
}

/** Whether a job may be stopped for a proof: plotting and what is less urgent, long, with its input at hand. */
function mayYield(job: QueuedJob): boolean {
  const { priority, transfer = [] } = job.options;
  return priority >= JobPriority.plot && transfer.length === 0 && job.yielded < MOST_YIELDS && isLong(job);
}

/** Whether the worker asks for what the job is on. */
function onPieces(job: QueuedJob): job is QueuedJob & { input: JobInput<JobOnPieces> } {
  return (JOBS_ON_PIECES as readonly string[]).includes(job.name);
}

function isLong({ name, input }: QueuedJob): boolean {
  if (name !== 'pot.verify') return LONG_JOBS.has(name);
  const { iterations, only } = input as JobInput<'pot.verify'>;
  const checkpoints = only?.length ?? CHECKPOINTS_IN_SLOT;
  return (iterations / CHECKPOINTS_IN_SLOT) * checkpoints > LONG_WALK_ITERATIONS;
}

function describe(message: FromWorker & { kind: 'failed' }): string {
  return message.error.kind === 'other' ? message.error.message : message.error.details.message;
}
