/** What tests of objects do on their screen. */
import { expect, type Locator, type Page } from '@playwright/test';
import { BLOCK_BYTES } from '../../src/objects/part-file.ts';
import { card, saved } from './profile.ts';

/** Shows the screen of objects, once the chain is verified. */
export async function objectsScreen(page: Page): Promise<void> {
  await page.evaluate(() => {
    window.location.hash = '#/objects';
  });
  await expect(page.getByText('Try one of these')).toBeVisible({ timeout: 4 * 60_000 });
}

/** Opens one of the objects that the screen offers. */
export async function openSample(page: Page, name: string): Promise<Locator> {
  await page.getByRole('link', { name, exact: true }).first().click();
  const opened = card(page, name);
  await expect(opened).toBeVisible({ timeout: 3 * 60_000 });
  return opened;
}

/** Opens an object by its identifier. */
export async function openObject(page: Page, cid: string, name: string): Promise<Locator> {
  await page.getByLabel('Identifier or link').fill(cid);
  await page.getByRole('button', { name: 'Open', exact: true }).click();
  const opened = card(page, name);
  await expect(opened).toBeVisible({ timeout: 3 * 60_000 });
  return opened;
}

/** Keeps all of an opened object in the browser; returns where its pieces came from. */
export async function keepObject(page: Page, opened: Locator): Promise<string[]> {
  await opened.getByRole('button', { name: 'Keep here' }).click();
  const transfer = page.getByTestId('transfer').first();
  await expect(transfer.getByText('complete, verified')).toBeVisible({ timeout: 3 * 60_000 });
  await transfer.getByText('Pieces', { exact: true }).click();
  const pieces = transfer.locator('.pieces li');
  await expect(pieces.first()).toBeVisible();
  return pieces.evaluateAll((items) => items.map((item) => item.getAttribute('data-from') ?? ''));
}

/** Saves an opened object as a browser without a dialogue for files does; returns the bytes of the download. */
export async function download(page: Page, opened: Locator): Promise<Buffer> {
  await page.evaluate(() => {
    window.showSaveFilePicker = undefined;
  });
  return saved(page, () => opened.getByRole('button', { name: /^Save( as zip)?$/ }).click());
}

/** From now on the node of this tab takes for ever over the block of a save after so many. */
export async function stallSaves(page: Page, blocks: number): Promise<void> {
  for (const worker of page.workers())
    await worker.evaluate(
      ([most, size]) => {
        const { digest } = SubtleCrypto.prototype;
        let left = most!;
        SubtleCrypto.prototype.digest = function (algorithm, data) {
          if (data.byteLength === size) left -= 1;
          return left < 0 ? new Promise(() => undefined) : digest.call(this, algorithm, data);
        };
      },
      [blocks, BLOCK_BYTES],
    );
}
