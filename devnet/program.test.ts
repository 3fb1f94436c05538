import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

/** The five seconds that the network has, and what a busy machine needs to notice. */
const ENDS_WITHIN_MS = 20_000;
const PROGRAM = ['--import', 'tsx', 'devnet/main.ts'];
const FREE_PORTS = ['--port', '0', '--domain-port', '0', '--dsn-port', '0', '--node-port', '0'];

let folder: string;
let child: ChildProcess;
let printed: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'allotment-program-'));
});
afterEach(async () => {
  if (isRunning(networkPid())) process.kill(networkPid()!, 'SIGKILL');
  child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true, maxRetries: 3 });
});

/** The process that has the network's folder; null before. */
function networkPid(): number | null {
  const lock = join(folder, 'farm.lock');
  return existsSync(lock) ? Number(readFileSync(lock, 'utf8')) || null : null;
}

function isRunning(pid: number | null): boolean {
  try {
    return pid !== null && process.kill(pid, 0);
  } catch {
    return false;
  }
}

function start(command: string, args: string[]): void {
  printed = '';
  const all = [...args, '--data', folder, '--forks', '--empty', ...FREE_PORTS];
  child = spawn(command, all, { cwd: resolve(import.meta.dirname, '..'), stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [child.stdout!, child.stderr!])
    stream.on('data', (data: Buffer) => (printed += data.toString()));
}

/** Exit code after the signal, or the signal that ended it. */
async function endedBy(signal: NodeJS.Signals): Promise<number | string | null> {
  const ended = new Promise<number | string | null>((done) =>
    child.once('exit', (code, by) => done(code ?? by)),
  );
  child.kill(signal);
  const late = new Promise<string>((done) => setTimeout(() => done('runs on'), ENDS_WITHIN_MS));
  return Promise.race([ended, late]);
}

const isStarting = () => expect.poll(networkPid).not.toBeNull();
const isPlotting = () => expect.poll(() => printed).toContain('//Ferdie');

describe('the local network as a program', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)('ends at %s while it starts', async (signal) => {
    start(process.execPath, PROGRAM);
    await isStarting();
    expect(printed).not.toContain('Local network:');
    expect(await endedBy(signal)).toBe('SIGTERM');
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('ends at %s while it plots', async (signal) => {
    start(process.execPath, PROGRAM);
    await isPlotting();
    // Stopped in order, or cut short on a machine too busy for that.
    expect([0, 'SIGTERM']).toContain(await endedBy(signal));
    expect(printed).not.toContain('cannot run');
  });

  test('ends with npm, whose shell keeps the signal for itself', async () => {
    start('npm', ['run', '--silent', 'devnet', '--']);
    await isPlotting();
    const pid = networkPid();
    expect(isRunning(pid)).toBe(true);
    child.kill('SIGTERM');
    await expect.poll(() => isRunning(pid), { timeout: ENDS_WITHIN_MS }).toBe(false);
  });
});
