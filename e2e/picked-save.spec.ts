/**
 * An object is saved into a file of the real disk, chosen in the browser's real dialog, by a browser that is killed in
 * the midst. It runs where there is a display server; the other tests of saves answer in the dialog's place.
 */
import { readdirSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, type Locator, type Page } from '@playwright/test';
import { BLOCK_BYTES } from '../src/objects/part-file.ts';
import { beside, besideApp } from './support/beside.ts';
import { Display, displayMissing } from './support/display.ts';
import { objectsScreen, openSample, stallSaves } from './support/objects.ts';
import { follow } from './support/profile.ts';
import { historyNetwork } from './support/programs.ts';

const missing = displayMissing();
test.skip(missing !== null, `no display server here: ${missing}`);

const MINUTE = 60_000;
const NAME = 'sunrise.webm';
const BLOCKS = 3;
const app = besideApp();
const network = beside(historyNetwork);
let display: Display;

test.beforeAll(async () => {
  display = await Display.start();
});
test.afterAll(() => display?.stop());

const original = readFileSync(`devnet/data/samples/${NAME}`);
const press = (save: Locator, name: string) => () => save.getByRole('button', { name, exact: true }).click();

test('a save into a picked file outlives a kill, a refusal, and whatever happens to the file', async () => {
  const path = join(display.home, 'film.webm');
  let page = await display.open();
  const found = (at: Page) => at.getByTestId('save');
  await follow(page, app().url, network());
  await objectsScreen(page);

  await test.step('the browser is killed in the midst; nothing stands under the file’s name', async () => {
    const opened = await openSample(page, NAME);
    await stallSaves(page, BLOCKS);
    await display.saveTo('film.webm', press(opened, 'Save'));
    await expect(found(page)).toContainText(/1\.\d\d MiB of 1\.42 MiB/, { timeout: MINUTE });
    expect(statSync(path).size).toBe(0);
    await display.kill();
  });

  await test.step('it is offered to go on; while the browser is told not to allow it, it waits', async () => {
    page = await display.open();
    await page.goto(`${app().url}/#/objects`);
    await expect(found(page)).toHaveAttribute('data-state', 'paused', { timeout: 2 * MINUTE });
    await expect(found(page)).toContainText(`${(BLOCKS * BLOCK_BYTES) / 2 ** 10} KiB of 1.42 MiB`);
    await expect(found(page)).toContainText('film.webm');
    await display.refuse(press(found(page), 'Continue'));
    await expect(found(page)).toHaveAttribute('data-state', 'ready', { timeout: MINUTE });
    await expect(found(page)).toContainText('The browser does not let this page write “film.webm” yet');
    expect(statSync(path).size).toBe(0);
  });

  await test.step('what somebody else put there meanwhile is not written over', async () => {
    writeFileSync(path, 'a letter');
    await display.allow(press(found(page), 'Continue'));
    await expect(found(page)).toContainText('It stays as it is', { timeout: MINUTE });
    expect(readFileSync(path, 'utf8')).toBe('a letter');
  });

  await test.step('a file that is gone is said to be gone', async () => {
    unlinkSync(path);
    await press(found(page), 'Continue')();
    await expect(found(page)).toContainText('not there any more', { timeout: MINUTE });
  });

  await test.step('saved to another place it is whole, and nothing else lies there', async () => {
    await display.saveTo('other.webm', press(found(page), 'Save elsewhere'));
    await expect(found(page)).toHaveAttribute('data-state', 'done', { timeout: MINUTE });
    expect(readFileSync(join(display.home, 'other.webm')).equals(original)).toBe(true);
    expect(readdirSync(display.home).filter((name) => name.includes('webm'))).toEqual(['other.webm']);
  });
});
