/**
 * The browser is killed, as a crash or a power cut would, at random instants of plotting: every finished sector is
 * whole afterwards, and plotting goes on. KILLS says how often (4), KILL_SEED repeats a run.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, expect, test, type Page } from '@playwright/test';
import { beside } from './support/beside.ts';
import { firstRun, startNetwork } from './support/network.ts';

const KILLS = Number(process.env['KILLS'] ?? 4);
const SEED = Number(process.env['KILL_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
/** A sector takes the local network's four pieces: some ten seconds on a busy machine. */
const LONGEST_LIFE_MS = 10_000;
/** More than the fastest machine plots in that time, so that there is always one to be killed at. */
const SECTORS = Math.min(200, 10 * (KILLS + 1));

const network = beside(startNetwork);
let running: ChildProcess | null = null;
let profile: string;

test.beforeAll(() => {
  profile = mkdtempSync(join(tmpdir(), 'allotment-killed-'));
});
test.afterAll(async () => {
  // A test that failed left its browser running.
  if (running !== null && running.exitCode === null && running.signalCode === null) await killed(running);
  rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 500 });
});

/** A browser of our own making, whose processes form a group that can be killed at once. */
async function startBrowser(): Promise<{ page: Page; kill: () => Promise<void> }> {
  const process_ = spawn(
    process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    [
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      '--window-size=1280,900',
      '--disable-background-networking',
      '--remote-debugging-port=0',
      `--user-data-dir=${profile}`,
      'about:blank',
    ],
    { detached: true, stdio: 'ignore' },
  );
  running = process_;
  const port = await debuggingPort(process_);
  const browser = await chromium.connectOverCDP(`http://127.0.0.1:${port}`);
  const context = browser.contexts()[0]!;
  const page = context.pages()[0] ?? (await context.newPage());
  return { page, kill: () => killed(process_) };
}

/** Chromium writes the port it chose into its profile. */
async function debuggingPort(browser: ChildProcess): Promise<number> {
  const file = join(profile, 'DevToolsActivePort');
  for (let waited = 0; waited < 60_000 && browser.exitCode === null; waited += 100) {
    try {
      const port = Number(readFileSync(file, 'utf8').split('\n')[0]);
      if (port > 0) return port;
    } catch {
      // Not written yet.
    }
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error('Chromium did not start');
}

function killed(browser: ChildProcess): Promise<void> {
  return new Promise((done) => {
    browser.once('exit', () => {
      rmSync(join(profile, 'DevToolsActivePort'), { force: true });
      done();
    });
    process.kill(-browser.pid!, 'SIGKILL');
  });
}

/** Numbers from 0 to 1 that a seed determines. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

test(`a browser killed ${KILLS} times loses no finished sector`, async () => {
  test.setTimeout(8 * 60_000 + KILLS * 120_000);
  const next = random(SEED);
  const states = (page: Page, state: string) => page.locator(`.sector[data-state="${state}"]`);
  let browser = await startBrowser();
  await firstRun(browser.page, network().address, SECTORS);
  let finished = 0;
  for (let kill = 1; kill <= KILLS; kill += 1) {
    const started = browser.page.locator('.sector:not([data-state="planned"])');
    await expect(started.first()).toBeVisible({ timeout: 5 * 60_000 });
    await browser.page.waitForTimeout(next() * LONGEST_LIFE_MS);
    finished = Math.max(finished, await states(browser.page, 'plotted').count());
    await browser.kill();
    browser = await startBrowser();
    await browser.page.goto(`${network().address}/#/farm`);
    await expect
      .poll(() => states(browser.page, 'plotted').count(), {
        timeout: 3 * 60_000,
        message: `${finished} sectors were finished before kill ${kill} (seed ${SEED})`,
      })
      .toBeGreaterThanOrEqual(finished);
    expect(await states(browser.page, 'broken').count(), `broken after kill ${kill} (seed ${SEED})`).toBe(0);
  }
  await expect
    .poll(() => states(browser.page, 'plotted').count(), { timeout: 5 * 60_000 })
    .toBeGreaterThan(finished);
  await browser.page.getByRole('button', { name: 'Manage' }).click();
  await browser.page.getByRole('button', { name: 'Check every sector' }).click();
  await expect(browser.page.getByText(/^(The sector is|All \d+ sectors are) whole\.$/)).toBeVisible({
    timeout: 60_000,
  });
  await browser.kill();
});
