/** The real native helper as a person uses it to plot: paired, seen at work, killed, done without. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { helperIsBuilt, startHelper, type RunningHelper } from '../devnet/helper-program.ts';
import { beside } from './support/beside.ts';
import { firstRun, startNetwork } from './support/network.ts';
import { pairHelper } from './support/profile.ts';

let folder: string;
const network = beside(startNetwork);
let helper: RunningHelper;

test.skip(!helperIsBuilt(), 'needs cargo build --release -p allotment-helper');

test.beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'allotment-helper-'));
  helper = await startHelper(['--code-file', join(folder, 'code')], 0);
});
test.afterAll(() => {
  helper?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('a helper plots for the tab, and the tab goes on without it', async ({ page }) => {
  await firstRun(page, network().address, 4);
  const menu = page.getByRole('navigation', { name: 'Main' });
  const farm = page.locator('section.card', { hasText: 'Browser storage' }).first();
  await expect(farm.locator('.sector')).toHaveCount(4, { timeout: 120_000 });
  // What is left must be left until it is paired, however fast this tab plots.
  await farm.getByTitle(/^Pause plotting/).click();
  await expect(farm.getByText('Farm paused')).toBeVisible();
  await test.step('it is paired in the settings', async () => {
    const own = await pairHelper(page, helper);
    await expect(own.getByText(/pieces? at once, by/)).toBeVisible();
    await expect(own.getByLabel('Plot with it')).toBeChecked();
  });
  await menu.getByRole('link', { name: 'Farm', exact: true }).click();
  await test.step('the farm says that it plots', async () => {
    await farm.getByTitle(/^Resume plotting/).click();
    // Its pace stands there from the first record of a sector to the last, which may be a moment.
    await page.waitForFunction(() => /by your helper.* a minute/.test(document.body.innerText), null, {
      polling: 100,
      timeout: 4 * 60_000,
    });
    await expect(farm.locator('.sector[data-state="plotted"]').nth(1)).toBeVisible({ timeout: 180_000 });
  });
  await test.step('this tab ends the work when it is gone', async () => {
    helper.stop();
    await expect(farm.getByText('by this tab')).toBeVisible({ timeout: 120_000 });
    await expect(farm.locator('.sector[data-state="plotted"]')).toHaveCount(4, { timeout: 240_000 });
  });
});
