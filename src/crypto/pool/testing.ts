/** Stand-ins for the workers of a pool, for its tests. */
import type { FromWorker, SpawnWorker, ToWorker, WorkerEvents } from './messages.ts';

interface Job {
  id: number;
  name: string;
  input: unknown;
}

/** Workers that run nothing: the test says how each job ends. */
export class Workshop {
  readonly workers: {
    events: WorkerEvents;
    jobs: Job[];
    pieces: Uint8Array[];
    terminated: boolean;
    idle: boolean;
  }[] = [];

  readonly spawn: SpawnWorker = (events) => {
    const worker = { events, jobs: [] as Job[], pieces: [] as Uint8Array[], terminated: false, idle: true };
    this.workers.push(worker);
    return {
      post: (message: ToWorker) => {
        if (message.kind === 'piece') worker.pieces.push(structuredClone(message.piece));
        if (message.kind !== 'run') return;
        worker.jobs.push({ id: message.id, name: message.job, input: message.input });
        worker.idle = false;
      },
      terminate: () => {
        worker.terminated = true;
      },
    };
  };

  /** Names of the jobs given out so far, in order of their ids. */
  started(): string[] {
    const jobs = this.workers.flatMap((worker) => worker.jobs);
    return jobs.sort((a, b) => a.id - b.id).map(({ name }) => name);
  }

  /** A worker asks for a piece of its job. */
  ask(index: number, piece: number): void {
    const { events, jobs } = this.workers[index]!;
    events.message({ kind: 'ask', id: jobs.at(-1)!.id, index: piece });
  }

  end(index: number, how: Omit<FromWorker, 'id'> = { kind: 'done', output: {} } as never): void {
    const { events, jobs } = this.workers[index]!;
    this.workers[index]!.idle = true;
    events.message({ ...how, id: jobs.at(-1)!.id } as FromWorker);
  }
}
