/** The page: what it loads, how fast it starts, what it holds while it plots. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { chromium, type Browser } from '@playwright/test';
import { serveApp } from '../scripts/app-server.ts';
import { ensureBuilt } from '../scripts/build-app.ts';
import { median, RUNS } from './statistics.ts';
import type { Benchmark } from './types.ts';

const SHELL_GOAL_KB = 150;
const START_GOAL_S = 2;
const MEMORY_GOAL_MIB = 1024;

const quiet = (): void => undefined;

function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu'],
  });
}

/** Gzipped kilobytes of what the page needs before its first screen: document, entry script and style. */
async function shellKilobytes(): Promise<number> {
  const folder = await ensureBuilt(quiet);
  const html = readFileSync(join(folder, 'index.html'), 'utf8');
  const linked = [...html.matchAll(/(?:src|href)="\/(assets\/[^"]+\.(?:js|css))"/g)].map(([, path]) => path!);
  const files = ['index.html', ...linked];
  const sizes = files.map((path) => gzipSync(readFileSync(join(folder, path))).length);
  return sizes.reduce((sum, size) => sum + size, 0) / 1000;
}

/** Seconds from navigation to the first button, with an empty cache. */
async function startSeconds(): Promise<number> {
  const app = await serveApp(await ensureBuilt(quiet), 0);
  const browser = await launch();
  try {
    const seconds: number[] = [];
    for (let run = 0; run <= RUNS; run += 1) {
      const page = await (await browser.newContext()).newPage();
      const started = performance.now();
      await page.goto(app.url);
      await page.getByRole('button', { name: 'Get started' }).waitFor();
      // The first run warms the browser itself.
      if (run > 0) seconds.push((performance.now() - started) / 1000);
      await page.context().close();
    }
    return median(seconds);
  } finally {
    await browser.close();
    await app.close();
  }
}

/** Resident MiB, shared pages counted by share, of the renderer processes below `root`. */
function rendererMebibytes(root: number): number {
  let kibibytes = 0;
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8');
      if (!command.includes('--type=renderer') || !descends(Number(name), root)) continue;
      const rollup = readFileSync(`/proc/${name}/smaps_rollup`, 'utf8');
      kibibytes += Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0);
    } catch {
      // The process ended meanwhile.
    }
  }
  return kibibytes / 1024;
}

function descends(pid: number, root: number): boolean {
  for (let at = pid; at > 1;) {
    if (at === root) return true;
    at = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${at}/status`, 'utf8'))?.[1] ?? 0);
  }
  return false;
}

function startNetwork(data: string): { child: ChildProcess; url: Promise<string> } {
  const args = ['start', '--silent', '--', '--no-open', '--data', data, '--app-port', '0', '--port', '0'];
  const child = spawn('npm', args, { stdio: ['ignore', 'pipe', 'ignore'], detached: true });
  const url = new Promise<string>((done, failed) => {
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      const ready = /Open (http:\/\/\S+)/.exec(output);
      if (ready !== null) done(ready[1]!);
    });
    child.on('exit', (code) => failed(new Error(`npm start ended with ${code}`)));
  });
  return { child, url };
}

/** The most that the tab's renderer held from the first click until two sectors were plotted, sampled each second. */
async function plottingMebibytes(): Promise<number> {
  const data = mkdtempSync(join(tmpdir(), 'allotment-bench-'));
  const { child, url } = startNetwork(data);
  const browser = await launch();
  try {
    const page = await browser.newPage();
    await page.goto(await url);
    await page.getByRole('button', { name: 'Get started' }).click();
    await page.getByText('reachable').waitFor();
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('button', { name: 'Start farming' }).click();
    let most = 0;
    const plotted = page.locator('.sector[data-state="plotted"]');
    for (let second = 0; second < 600 && (await plotted.count()) < 2; second += 1) {
      most = Math.max(most, rendererMebibytes(process.pid));
      await page.waitForTimeout(1000);
    }
    return most;
  } finally {
    await browser.close();
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
    rmSync(data, { recursive: true, force: true, maxRetries: 10, retryDelay: 500 });
  }
}

export const benchmarks: Benchmark[] = [
  {
    group: 'app',
    name: 'app.shell',
    unit: 'kB',
    better: 'lower',
    where: 'chromium',
    goal: '≥ 1',
    async run() {
      const value = await shellKilobytes();
      const peer = `${SHELL_GOAL_KB} kB`;
      return { value, peer, ratio: SHELL_GOAL_KB / value, runs: 1 };
    },
  },
  {
    group: 'app',
    name: 'app.start',
    unit: 's',
    better: 'lower',
    where: 'chromium',
    goal: '≥ 1',
    async run() {
      const value = await startSeconds();
      return { value, peer: `${START_GOAL_S} s`, ratio: START_GOAL_S / value, runs: RUNS };
    },
  },
  {
    group: 'app',
    name: 'app.memory.plotting',
    unit: 'MiB',
    better: 'lower',
    where: 'chromium',
    goal: '≥ 1',
    async run() {
      const value = await plottingMebibytes();
      const peer = `${MEMORY_GOAL_MIB} MiB`;
      return { value, peer, ratio: MEMORY_GOAL_MIB / value, runs: 1 };
    },
  },
];
