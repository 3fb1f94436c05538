/**
 * A farm in a folder of the real disk, chosen in the browser's real directory dialog. It runs where there is a display
 * server; the other tests of folders answer in the dialog's place.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, type Page } from '@playwright/test';
import { Display, displayMissing } from './support/display.ts';
import { beside } from './support/beside.ts';
import { onlyVerify, startNetwork } from './support/network.ts';
import { card as cardOf } from './support/profile.ts';

const missing = displayMissing();
test.skip(missing !== null, `no display server here: ${missing}`);

let disk: string;
let drive: string;
const network = beside(startNetwork);
let display: Display;

test.beforeAll(async () => {
  disk = mkdtempSync(join(tmpdir(), 'allotment-disk-'));
  drive = join(disk, 'Drive');
  mkdirSync(drive);
  display = await Display.start();
});
test.afterAll(async () => {
  await display?.stop();
  rmSync(disk, { recursive: true, force: true });
});

const card = (page: Page) => cardOf(page, 'Folder “Drive”');

test('a folder of the disk is farmed, asked for again after a restart, and waited for while it is away', async () => {
  let page = await display.open();
  await onlyVerify(page, network().address);

  await test.step('it is not taken when the browser is told not to allow it', async () => {
    await display.pickAndRefuse(drive, () => page.getByRole('button', { name: 'Add a folder' }).click());
    await expect(page.getByText('the browser was told not to allow it')).toBeVisible();
    await expect(card(page)).toHaveCount(0);
    expect(readdirSync(drive)).toEqual([]);
  });

  await test.step('it is picked in the dialog and plotted', async () => {
    await display.pick(drive, () => page.getByRole('button', { name: 'Add a folder' }).click());
    await expect(page.getByText('The folder “Drive” is empty.')).toBeVisible();
    await page.getByLabel(/^Space/).fill('1');
    await page.getByRole('button', { name: 'Start this farm' }).click();
    await expect(card(page).locator('.sector[data-state="plotted"]')).toHaveCount(1, { timeout: 240_000 });
    expect(readdirSync(drive).sort()).toEqual(['farm.json', 'farm.lease', 'identity.bin', 'sector-0.bin']);
  });
  const plotted = statSync(join(drive, 'sector-0.bin')).mtimeMs;

  await test.step('after a restart it needs access, which is not given by itself', async () => {
    await display.close();
    page = await display.open();
    await page.goto(`${network().address}/#/farm`);
    await expect(card(page).getByText('Needs access')).toBeVisible({ timeout: 60_000 });
    await expect(card(page).locator('.sector')).toHaveCount(0);
  });

  await test.step('refused, it still needs access, says how it may be given, and is never called missing', async () => {
    const ask = () => card(page).getByRole('button', { name: 'Allow access' }).click();
    const needsAccess = async (): Promise<void> => {
      await expect(card(page).getByText('The browser was told not to allow it.')).toBeVisible();
      await expect(card(page).getByText('Needs access')).toBeVisible();
      await expect(card(page).getByRole('button', { name: 'Allow access' })).toBeVisible();
      await expect(card(page).getByText(/missing|lost|reached|damaged/)).toHaveCount(0);
    };
    await display.refuse(ask);
    await needsAccess();
    await display.refuse(ask);
    await needsAccess();
    expect(statSync(join(drive, 'sector-0.bin')).mtimeMs).toBe(plotted);
    await display.close();
    page = await display.open();
    await page.goto(`${network().address}/#/farm`);
    await expect(card(page).getByText('Needs access')).toBeVisible({ timeout: 60_000 });
  });

  await test.step('once it is given, the sector is there as it was', async () => {
    await display.allow(() => card(page).getByRole('button', { name: 'Allow access' }).click());
    await expect(card(page).locator('.sector[data-state="plotted"]')).toHaveCount(1);
    expect(statSync(join(drive, 'sector-0.bin')).mtimeMs).toBe(plotted);
  });

  await test.step('a drive that is pulled is said to be away, and farmed again once it is back', async () => {
    renameSync(drive, `${drive} away`);
    await card(page).getByRole('button', { name: 'Manage' }).click();
    await card(page).getByRole('button', { name: 'Check every sector' }).click();
    await expect(card(page).getByText('cannot be reached. Connect it again.').first()).toBeVisible();
    expect(existsSync(drive), 'nothing is made in place of what is away').toBe(false);
    renameSync(`${drive} away`, drive);
    await card(page).getByRole('button', { name: 'Check every sector' }).click();
    await expect(card(page).getByText('The sector is whole.')).toBeVisible();
    await expect(card(page).locator('.sector[data-state="plotted"]')).toHaveCount(1);
    expect(statSync(join(drive, 'sector-0.bin')).mtimeMs).toBe(plotted);
  });

  await test.step('access that is withdrawn while nothing is plotted is asked for, and the farm goes on', async () => {
    await withdrawAccess(page, network().address);
    await expect(card(page).getByText('Needs access')).toBeVisible({ timeout: 60_000 });
    await expect(card(page).locator('.sector[data-state="plotted"]')).toHaveCount(1);
    await display.allow(() => card(page).getByRole('button', { name: 'Allow access' }).click());
    await expect(card(page).getByText('Needs access')).toHaveCount(0);
    await expect(card(page).getByRole('button', { name: 'Allow access' })).toHaveCount(0);
    expect(statSync(join(drive, 'sector-0.bin')).mtimeMs).toBe(plotted);
  });
});

/** Takes back every folder that the page was given, as the browser's settings do. */
async function withdrawAccess(page: Page, address: string): Promise<void> {
  const settings = await page.context().newPage();
  await settings.goto('chrome://settings/content/siteDetails?site=' + encodeURIComponent(address));
  await settings.evaluate((origin) => {
    const browser = (window as unknown as { chrome: { send(name: string, args: unknown[]): void } }).chrome;
    browser.send('revokeFileSystemGrants', [origin]);
  }, `${address}/`);
  await settings.close();
  await page.bringToFront();
}
