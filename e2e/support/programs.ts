/** Local networks for tests of the page, each a program of its own so that it never waits for the test runner. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Addresses of a node of the chain and, where there is one, of a node of its Auto ID domain. */
export interface Nodes {
  endpoint: string;
  domain?: string;
  /** Checkpoint that profiles begin from, as text; left out: the first block. */
  checkpoint?: string;
}

export interface RunningNetwork extends Nodes {
  /** Writes a line to the program. */
  say(line: string): void;
  stop(): Promise<void>;
}

/** A network whose time is so many minutes late, to be made up for by hurrying. */
export const pacedNetwork = (minutesLate: number): Promise<RunningNetwork> =>
  run('paced-network', String(minutesLate));
/**
 * A network with the prepared history. Lines said to it name the pieces that it keeps to itself: `all`, `source` for
 * every source piece, `none`.
 */
export const historyNetwork = (): Promise<RunningNetwork> => run('history-network');

/** Runs a program beside this file until `stop`. Rejects when it ends before it gave its addresses. */
async function run(program: string, ...given: string[]): Promise<RunningNetwork> {
  const running = spawn(process.execPath, ['--import', 'tsx', `e2e/support/${program}.ts`, ...given], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exit = once(running, 'exit');
  const nodes = await Promise.race([
    once(running.stdout, 'data').then(([line]) => JSON.parse(String(line)) as Nodes),
    exit.then(([code]) => Promise.reject(new Error(`the local network ended with ${code}`))),
  ]);
  return {
    ...nodes,
    say: (line) => void running.stdin.write(`${line}\n`),
    stop: async () => {
      running.stdin.end();
      await exit;
    },
  };
}
