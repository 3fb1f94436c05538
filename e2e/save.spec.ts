/** Saving an object is interrupted by a reload of the tab, and goes on where it stopped. */
import { readFileSync } from 'node:fs';
import { expect, test, type Page } from '@playwright/test';
import { beside, besideApp } from './support/beside.ts';
import { download, objectsScreen, openSample, stallSaves } from './support/objects.ts';
import { profile } from './support/profile.ts';
import { historyNetwork } from './support/programs.ts';

const MINUTE = 60_000;
const NAME = 'sunrise.webm';
const BLOCKS = 3;
const app = besideApp();
const network = beside(historyNetwork);

/** The dialog's answer: a file of that name, which lies where a test can read it. */
function answerPicker(): void {
  window.showSaveFilePicker = async ({ suggestedName }) => {
    const root = await navigator.storage.getDirectory();
    return root.getFileHandle(`picked-${suggestedName}`, { create: true });
  };
}

/** Content of the file that was picked. */
async function picked(page: Page): Promise<Buffer> {
  const bytes = await page.evaluate(async (name) => {
    const root = await navigator.storage.getDirectory();
    const file = await (await root.getFileHandle(name)).getFile();
    return [...new Uint8Array(await file.arrayBuffer())];
  }, `picked-${NAME}`);
  return Buffer.from(bytes);
}

test('a save goes on after the tab was reloaded', async ({ browser }) => {
  const page = await profile(browser, app().url, network());
  await page.addInitScript(answerPicker);
  await page.evaluate(answerPicker);
  await objectsScreen(page);
  const original = readFileSync(`devnet/data/samples/${NAME}`);

  await test.step('it stops in the midst', async () => {
    const opened = await openSample(page, NAME);
    await stallSaves(page, BLOCKS);
    const button = opened.getByRole('button', { name: 'Save', exact: true });
    await button.click();
    const save = opened.getByTestId('save');
    await expect(save).toHaveAttribute('data-state', 'running', { timeout: MINUTE });
    await expect(button).toBeDisabled();
    await expect(save.getByText(/1\.\d\d MiB of 1\.42 MiB/)).toBeVisible({ timeout: MINUTE });
    expect(await picked(page)).toHaveLength(0);
  });

  await page.reload();
  const save = page.getByTestId('save');
  await test.step('it is offered to go on, with what is here', async () => {
    await expect(save).toHaveAttribute('data-state', 'paused', { timeout: MINUTE });
    await expect(save).toContainText('768 KiB of 1.42 MiB');
    await save.getByRole('button', { name: 'Continue' }).click();
  });
  await test.step('it goes on there, and the file is whole', async () => {
    await expect(save).toHaveAttribute('data-state', 'done', { timeout: MINUTE });
    expect((await picked(page)).equals(original)).toBe(true);
    await save.getByRole('button', { name: 'Clear' }).click();
    await expect(save).toHaveCount(0);
  });
  await test.step('without a dialog for files it becomes a download', async () => {
    const opened = await openSample(page, NAME);
    expect((await download(page, opened)).equals(original)).toBe(true);
    await expect(opened.getByText('Handed to the browser’s downloads')).toBeVisible();
  });
});
