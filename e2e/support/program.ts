/** Programs beside a test that say what they do in lines of JSON. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

type Said = Record<string, unknown>;

export class Program {
  private readonly lines: Said[] = [];
  private readonly listeners = new Set<() => void>();

  private constructor(private readonly child: ChildProcess) {
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

  /** The first line that fits, said already or later. Rejects when the program ends before. */
  said<T = Said>(fits: (line: Said) => boolean): Promise<T> {
    return new Promise((done, failed) => {
      const look = (): void => {
        const line = this.lines.find(fits);
        if (line === undefined) return;
        this.listeners.delete(look);
        done(line as T);
      };
      this.listeners.add(look);
      this.child.once('exit', (code) => failed(new Error(`the program ended with ${code}`)));
      look();
    });
  }

  /** Ends it, if it runs, and waits until it has ended. */
  end(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return Promise.resolve();
    const ended = new Promise<void>((done) => this.child.once('exit', () => done()));
    this.child.kill(signal);
    return ended;
  }
}
