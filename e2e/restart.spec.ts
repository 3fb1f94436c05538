/**
 * The page begins anew while it farms, because the person reloads it or lets a newer version take over: no sector is
 * lost or held for damaged, encoded pieces are kept, and what a slot won reaches the node.
 */
import { appendFileSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, type Page } from '@playwright/test';
import { TestNetwork } from '../devnet/testing/test-network.ts';
import { serveApp } from '../scripts/app-server.ts';
import { ensureBuilt } from '../scripts/build-app.ts';
import { equal } from '../src/protocol/bytes.ts';
import { beside } from './support/beside.ts';
import { firstRun } from './support/network.ts';

/** Slots stay open for two of these: long enough to prove on a busy machine. */
const SLOT_MS = 30_000;
const SECTORS = 4;

const network = beside(async () => {
  const started = await TestNetwork.start({ farmingTimeoutMs: 2 * SLOT_MS });
  await started.reach(2);
  const folder = mkdtempSync(join(tmpdir(), 'allotment-restart-'));
  cpSync(await ensureBuilt(() => undefined), folder, { recursive: true });
  const app = await serveApp(folder, 0, `ws://127.0.0.1:${started.network.port}`);
  return {
    address: app.url,
    /** Makes another version of the app than the one that the page runs. */
    renew: () => appendFileSync(join(folder, 'service-worker.js'), '\n// a newer version\n'),
    letRun: () => started.letRun(SLOT_MS),
    /** Solutions of the page that the node took so far. */
    taken: countTaken(started),
    stop: async () => {
      await app.close();
      await started.remove();
      rmSync(folder, { recursive: true, force: true });
    },
  };
});

function countTaken({ network: { hub }, farmer }: TestNetwork): () => number {
  let count = 0;
  const submit = hub.submit.bind(hub);
  hub.submit = (slot, solution) => {
    const taken = submit(slot, solution);
    if (taken && !equal(solution.publicKey, farmer.identity.publicKey)) count += 1;
    return taken;
  };
  return () => count;
}

const sectors = (page: Page, state: string) => page.locator(`.sector[data-state="${state}"]`);

/** Sector and encoded pieces of the line that tells what is plotted, once it names this stage and so many pieces. */
async function plotting(
  page: Page,
  stage: string,
  least: number,
): Promise<{ sector: number; pieces: number }> {
  const found = await page.waitForFunction(
    ([wanted, atLeast]) => {
      for (const { textContent } of document.querySelectorAll('p')) {
        const match = /^Sector (\d+) · ([\w ]+) · .*?(\d+) of \d+ pieces/.exec(textContent ?? '');
        if (match === null) continue;
        const pieces = Number(match[3]);
        if ((wanted === 'any' || match[2] === wanted) && pieces >= atLeast)
          return { sector: Number(match[1]), pieces };
      }
      return null;
    },
    [stage, least] as const,
    { polling: 'raf', timeout: 120_000 },
  );
  return (await found.jsonValue())!;
}

test('a newer version waits for what a slot won, and goes on with the sector under way', async ({ page }) => {
  await firstRun(page, network().address, 20);
  await expect(sectors(page, 'plotted').first()).toBeVisible({ timeout: 120_000 });
  await page.evaluate(async () => {
    (window as { old?: boolean }).old = true;
    await navigator.serviceWorker.ready;
  });
  network().renew();
  await page.evaluate(async () => (await navigator.serviceWorker.ready).update().then(() => undefined));
  const restart = page.getByRole('button', { name: 'Restart when safe' });
  await expect(page.getByText('A new version of Allotment is there.')).toBeVisible();
  const isOld = (): Promise<boolean> => page.evaluate(() => (window as { old?: boolean }).old === true);

  const before = network().taken();
  network().letRun();
  await expect(page.getByText('proving', { exact: true }).first()).toBeVisible({ timeout: 120_000 });
  await restart.click();
  await expect(page.getByText('A winning slot is being proven.')).toBeVisible();
  expect(await isOld()).toBe(true);
  await page.waitForFunction(() => (window as { old?: boolean }).old === undefined, null, {
    timeout: 90_000,
  });
  expect(network().taken()).toBeGreaterThan(before);

  await expect(restart).toHaveCount(0);
  const finished = await sectors(page, 'plotted').count();
  await expect(page.locator('.sector')).toHaveCount(20, { timeout: 60_000 });
  await expect(sectors(page, 'broken')).toHaveCount(0);
  await expect.poll(() => sectors(page, 'plotted').count(), { timeout: 240_000 }).toBeGreaterThan(finished);
});

test('a page that is reloaded while it fetches, encodes and writes goes on where it was', async ({
  page,
}) => {
  const troubles: string[] = [];
  await page.exposeFunction('trouble', (text: string) => troubles.push(text));
  await page.addInitScript(() => {
    new MutationObserver(() => {
      for (const banner of document.querySelectorAll('.banner:not(.info)'))
        (window as unknown as { trouble: (text: string) => void }).trouble(banner.textContent ?? '');
    }).observe(document, { subtree: true, childList: true });
  });
  await firstRun(page, network().address, SECTORS);
  for (const [stage, pieces] of [
    ['fetching pieces', 0],
    ['encoding', 1],
    ['writing', 4],
    ['encoding', 2],
  ] as const) {
    await test.step(`${stage}, ${pieces} pieces encoded`, async () => {
      const before = await plotting(page, stage, pieces);
      const finished = await sectors(page, 'plotted').count();
      await page.reload();
      await expect(page.locator('.sector')).toHaveCount(SECTORS, { timeout: 60_000 });
      const after = await plotting(page, 'any', 0);
      // It may have been finished in the moment of the reload.
      if (after.sector === before.sector) expect(after.pieces).toBeGreaterThanOrEqual(before.pieces);
      else expect(await sectors(page, 'plotted').count()).toBeGreaterThan(finished);
      expect(await sectors(page, 'plotted').count()).toBeGreaterThanOrEqual(finished);
      await expect(sectors(page, 'broken')).toHaveCount(0);
    });
  }
  await expect(sectors(page, 'plotted')).toHaveCount(SECTORS, { timeout: 240_000 });
  await page.getByRole('button', { name: 'Manage' }).click();
  await page.getByRole('button', { name: 'Check every sector' }).click();
  await expect(page.getByText(`All ${SECTORS} sectors are whole.`)).toBeVisible({ timeout: 60_000 });
  // The network makes no slots here, which is said after a minute.
  expect(troubles.filter((text) => !text.startsWith('No slots are announced'))).toEqual([]);
});
