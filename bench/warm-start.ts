/** The start of a page that was there before: from its address to a verified head, which is newer than the one it kept. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type BrowserContext, type Page } from '@playwright/test';
import { startNetwork } from '../e2e/support/network.ts';
import { median, RUNS } from './statistics.ts';

/** Blocks that are made while the page is closed. */
const MISSED = 3;
/** Milliseconds after which what was verified is surely stored. */
const STORED_MS = 6_000;

async function headVerified(page: Page): Promise<void> {
  await page.locator('.main').getByText('Head verified').first().waitFor({ timeout: 120_000 });
}

async function beginToVerify(context: BrowserContext, address: string): Promise<void> {
  const page = await context.newPage();
  await page.goto(address);
  await page.getByRole('button', { name: 'Get started' }).click();
  await page.getByText('reachable').waitFor();
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByText('Only verify').click();
  await page.getByRole('button', { name: 'Start verifying' }).click();
  await headVerified(page);
  await page.waitForTimeout(STORED_MS);
  await page.close();
}

/** Seconds from navigation to the verified head, in Chromium, beside a network of this program's own. */
export async function warmStartSeconds(): Promise<number> {
  const network = await startNetwork();
  const profile = mkdtempSync(join(tmpdir(), 'allotment-profile-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu'],
  });
  try {
    await beginToVerify(context, network.address);
    const seconds: number[] = [];
    for (let run = 0; run <= RUNS; run += 1) {
      const best = await network.grow(MISSED);
      const page = await context.newPage();
      const started = performance.now();
      await page.goto(network.address);
      await headVerified(page);
      const took = (performance.now() - started) / 1_000;
      await page.getByRole('link', { name: 'Chain', exact: true }).click();
      await page.getByText(`#${best}`, { exact: true }).first().waitFor();
      // The first run warms the browser itself.
      if (run > 0) seconds.push(took);
      await page.waitForTimeout(STORED_MS);
      await page.close();
    }
    return median(seconds);
  } finally {
    await context.close();
    await network.stop();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
