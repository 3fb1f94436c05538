/**
 * Programs beside a test, which never wait for the test runner: they say what they do in lines of JSON, and end with
 * their input, with SIGTERM, and with the test runner.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

type Said = Record<string, unknown>;

/** Addresses of a node of the chain and, where there is one, of a node of its Auto ID domain. */
export interface Nodes {
  endpoint: string;
  domain?: string;
  /** Checkpoint that profiles begin from, as text; left out: the first block. */
  checkpoint?: string;
}

/** Nodes of a farming cluster's network, and its NATS server's addresses. */
export interface ClusterNodes extends Nodes {
  /** For programs. */
  nats: string;
  /** For pages. */
  webSocket: string;
}

/** How long a program may take to put its things away. */
const END_MS = 30_000;

export class Program {
  private readonly lines: Said[] = [];
  private readonly listeners = new Set<() => void>();
  private readonly ended: Promise<number | null>;

  private constructor(private readonly child: ChildProcess) {
    this.ended = new Promise((done) => child.once('exit', done));
    createInterface({ input: child.stdout! }).on('line', (line) => {
      this.lines.push(JSON.parse(line) as Said);
      for (const listener of this.listeners) listener();
    });
  }

  /** Runs a script of this repository. */
  static start(script: string, ...args: string[]): Program {
    const command = ['--import', 'tsx', script, ...args];
    return new Program(spawn(process.execPath, command, { stdio: ['pipe', 'pipe', 'inherit'] }));
  }

  /** Writes a line to the program; resolves with the next that it says. */
  ask(line: string): Promise<Said> {
    const from = this.lines.length;
    this.child.stdin!.write(`${line}\n`);
    return this.said((_, index) => index >= from);
  }

  /** The first line that fits, said already or later. Rejects when the program ends before. */
  said<T = Said>(fits: (line: Said, index: number) => boolean): Promise<T> {
    return new Promise((done, failed) => {
      const look = (): void => {
        const line = this.lines.find(fits);
        if (line === undefined) return;
        this.listeners.delete(look);
        done(line as T);
      };
      this.listeners.add(look);
      void this.ended.then((code) => failed(new Error(`the program ended with ${code}`)));
      look();
    });
  }

  /** Ends it, if it runs, and waits until it has ended. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
    const late = setTimeout(() => this.child.kill('SIGKILL'), END_MS);
    await this.ended;
    clearTimeout(late);
  }
}

/** A network whose time is so many minutes late, to be made up for by hurrying. */
export const pacedNetwork = (minutesLate: number) => network<Nodes>('paced-network', String(minutesLate));
/**
 * A network with the prepared history. Lines said to it name the pieces that it keeps to itself: `all`, `source` for
 * every source piece, `none`; `filled` is answered once what is stored next closes a segment.
 */
export const historyNetwork = () => network<Nodes>('history-network');
/** A network and a NATS server for a cluster. */
export const clusterNetwork = () => network<ClusterNodes>('cluster-network');
/** The same with a controller, and a farmer of two sectors that waits for a plotter. */
export const cluster = () => network<ClusterNodes>('cluster');

/** Runs a local network beside this file. Rejects when it ends before it gave its addresses. */
async function network<T extends Nodes>(name: string, ...args: string[]): Promise<Program & T> {
  const program = Program.start(`e2e/support/${name}.ts`, ...args);
  return Object.assign(program, await program.said<T>(({ endpoint }) => endpoint !== undefined));
}
