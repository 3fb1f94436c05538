/** The native helper as a program of this machine: where it is built, starting it, its pairing code. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { HELPER_PORT } from '../src/network/helper-link.ts';

/** Where `cargo build` puts it. */
export const HELPER_PROGRAM = join(
  import.meta.dirname,
  '../wasm/target/release',
  process.platform === 'win32' ? 'allotment-helper.exe' : 'allotment-helper',
);
const BUILD = 'cargo build --release --manifest-path wasm/Cargo.toml -p allotment-helper';

/** Where a helper answers, and what pairs with it. */
export interface HelperAddress {
  /** `ws://127.0.0.1:PORT` */
  url: string;
  code: string;
}

export interface RunningHelper extends HelperAddress {
  /** Of its process. */
  pid: number;
  /** Ends the program. */
  stop(): void;
}

export function helperIsBuilt(): boolean {
  return existsSync(HELPER_PROGRAM);
}

/** Throws Error, with what to do, where the helper is not built. */
export function requireHelperProgram(): void {
  if (!helperIsBuilt()) throw new Error(`the helper is not built; build it with: ${BUILD}`);
}

/**
 * Starts the helper, on a port where pages look for it unless that is taken. It ends with this process.
 *
 * @param more Further arguments of the program.
 * @throws Error with the program's own words.
 */
export async function startHelper(more: readonly string[] = [], port = HELPER_PORT): Promise<RunningHelper> {
  requireHelperProgram();
  try {
    return await startAt(port, more);
  } catch {
    return startAt(0, more);
  }
}

async function startAt(port: number, more: readonly string[]): Promise<RunningHelper> {
  // Of its own group: an interrupt from the keyboard stops the network first.
  const options = { detached: true, windowsHide: true } as const;
  const child = spawn(HELPER_PROGRAM, ['--until-stdin-ends', '--port', String(port), ...more], options);
  child.unref();
  const { url, code } = await greeting(child);
  return {
    url,
    code,
    pid: child.pid!,
    stop: () => {
      child.stdin.end();
      child.kill();
    },
  };
}

/** What the program prints when it listens. */
function greeting(child: ChildProcess): Promise<HelperAddress> {
  return new Promise((resolve, reject) => {
    let url: string | undefined;
    let complaint = '';
    child.stderr?.on('data', (chunk: Buffer) => (complaint = chunk.toString().trim()));
    child.on('error', reject);
    child.on('exit', (status) => reject(new Error(complaint || `it ended with ${status}`)));
    createInterface(child.stdout!).on('line', (line) => {
      url ??= /ws:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0];
      const code = /^Pairing code: (\S+)$/.exec(line)?.[1];
      if (url !== undefined && code !== undefined) resolve({ url, code });
    });
  });
}
