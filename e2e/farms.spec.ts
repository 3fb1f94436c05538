/**
 * Several farms in one tab. The picker's dialog is the browser's own; here it answers at once with folders of the
 * browser's private file system, whose handles are of the same kind.
 */
import { expect, test, type Page } from '@playwright/test';
import { beside } from './support/beside.ts';
import { firstRun, startNetwork } from './support/network.ts';
import { card } from './support/profile.ts';

const network = beside(startNetwork);

/** The next folder that the person will pick. */
async function willPick(page: Page, name: string): Promise<void> {
  await page.evaluate((folder) => {
    window.showDirectoryPicker = async () =>
      (await navigator.storage.getDirectory()).getDirectoryHandle(folder, { create: true });
  }, name);
}

test('folders are farmed beside the browser’s storage, exported, and imported again', async ({ page }) => {
  await page.addInitScript(() => {
    const channels: RTCDataChannel[] = [];
    Object.assign(window, { channels });
    const create = RTCPeerConnection.prototype.createDataChannel;
    RTCPeerConnection.prototype.createDataChannel = function (...args) {
      const channel = create.apply(this, args);
      channels.push(channel);
      return channel;
    };
    window.showDirectoryPicker ??= () => Promise.reject(new DOMException('', 'AbortError'));
  });
  page.on('dialog', (dialog) => void dialog.accept());
  await firstRun(page, network().address, 2);
  const first = card(page, 'Browser storage');
  await expect(first.locator('.sector')).toHaveCount(2, { timeout: 120_000 });

  await test.step('the browser has reasons not to freeze the tab', async () => {
    await expect
      .poll(() =>
        page.evaluate(async () => {
          const { held = [], pending = [] } = await navigator.locks.query();
          const awake = ({ name }: LockInfo) => name === 'allotment-awake';
          const channels = (window as { channels?: RTCDataChannel[] }).channels ?? [];
          const open = channels.filter(({ readyState }) => readyState === 'open');
          return { held: held.filter(awake).length, wanted: pending.filter(awake).length, open: open.length };
        }),
      )
      .toEqual({ held: 1, wanted: 1, open: 1 });
  });

  await test.step('a folder becomes a farm with a key of its own', async () => {
    await page.getByRole('button', { name: 'Add a farm' }).click();
    await willPick(page, 'Drive');
    await page.getByRole('button', { name: 'Add a folder' }).click();
    await expect(page.getByText('The folder “Drive” is empty.')).toBeVisible();
    await page.getByLabel(/^Space/).fill('1');
    await page.getByText('How this is reckoned').click();
    await expect(page.getByText(/The solution range of the newest block/)).toBeVisible();
    await page.getByRole('button', { name: 'Start this farm' }).click();
    const drive = card(page, 'Folder “Drive”');
    await expect(drive.locator('.sector')).toHaveCount(1);
    await expect(page.getByText('Key of Drive')).toBeVisible();
    // The first farm's sectors come before it.
    await expect(drive.locator('.sector[data-state="plotted"]')).toHaveCount(1, { timeout: 240_000 });
  });

  await test.step('the same folder is not farmed twice', async () => {
    await page.getByRole('button', { name: 'Add a farm' }).click();
    await willPick(page, 'Drive');
    await page.getByRole('button', { name: 'Add a folder' }).click();
    await page.getByRole('button', { name: 'Farm it here' }).click();
    await expect(page.getByText('There is a farm in that folder already.')).toBeVisible();
    await page.getByRole('button', { name: 'Close' }).click();
  });

  const drive = card(page, 'Folder “Drive”');
  await test.step('it is written as files of the native farmer', async () => {
    await drive.getByRole('button', { name: 'Manage' }).click();
    await willPick(page, 'Native');
    await drive.getByRole('button', { name: 'Export for the native farmer' }).click();
    await expect(drive.getByText('1 sector was verified and written.')).toBeVisible({ timeout: 60_000 });
    const names = await page.evaluate(async () => {
      const root = await navigator.storage.getDirectory();
      const found: string[] = [];
      for await (const name of (await root.getDirectoryHandle('Native')).keys()) found.push(name);
      return found.sort();
    });
    expect(names).toEqual(['identity.bin', 'metadata.bin', 'plot.bin', 'single_disk_farm.json']);
  });

  await test.step('which are refused as a farm, and imported once the first is removed', async () => {
    await drive.getByRole('button', { name: 'Remove this farm' }).click();
    await expect(drive).toHaveCount(0);
    await page.getByRole('button', { name: 'Add a farm' }).click();
    await willPick(page, 'Native');
    await page.getByRole('button', { name: 'Add a folder' }).click();
    await expect(page.getByText('lies a farm of the native farmer. Choose')).toBeVisible();
    await page.getByRole('button', { name: 'Import from the native farmer' }).click();
    await expect(page.getByText('Its sectors and its key can be copied')).toBeVisible();
    await willPick(page, 'Copy');
    await page.getByRole('button', { name: 'Copy into a folder' }).click();
    const copy = card(page, 'Folder “Copy”');
    await expect(copy.getByText('1 sector was verified and copied.')).toBeVisible({ timeout: 60_000 });
    await expect(copy.locator('.sector[data-state="plotted"]')).toHaveCount(1);
  });

  await test.step('farms, sizes and pauses are there again after a reload', async () => {
    const copy = card(page, 'Folder “Copy”');
    await copy.getByRole('button', { name: 'Manage' }).click();
    await copy.getByLabel(/^Space/).fill('2');
    await copy.getByRole('button', { name: 'Make it larger' }).click();
    await expect(copy.locator('.sector')).toHaveCount(2);
    await copy.getByTitle(/^Pause plotting/).click();
    await expect(copy.getByText('Farm paused')).toBeVisible();
    await page.reload();
    await expect(copy.locator('.sector')).toHaveCount(2, { timeout: 60_000 });
    await expect(copy.getByText('Farm paused')).toBeVisible();
    await expect(first.locator('.sector')).toHaveCount(2);
  });
});
