/** Profiles of the browser as a person has them after the first run. */
import { readFile } from 'node:fs/promises';
import { expect, type Browser, type Page } from '@playwright/test';

export const PASSWORD = 'correct horse battery';

/**
 * A fresh profile whose first-run choices are made: it follows the node at `endpoint` and does not farm. `script`
 * runs in the page before the app does.
 */
export async function profile(
  browser: Browser,
  app: string,
  endpoint: string,
  script?: { path: string },
): Promise<Page> {
  const context = await browser.newContext({ permissions: ['clipboard-read', 'clipboard-write'] });
  const page = await context.newPage();
  if (script !== undefined) await page.addInitScript(script);
  page.on('pageerror', (error) => expect(error.message).toBe(''));
  await page.goto(app);
  await expect(page.getByRole('button', { name: 'Get started' })).toBeVisible();
  await page.evaluate(async (node) => {
    const setup = {
      network: {
        id: 'custom',
        name: 'Test network',
        endpoints: [node],
        genesisHash: null,
        tokenSymbol: 'tAI3',
      },
      farm: null,
      cores: 1,
      potBudget: { mode: 'full' },
    };
    await new Promise<void>((done, failed) => {
      const opening = indexedDB.open('allotment');
      opening.onerror = () => failed(opening.error);
      opening.onsuccess = () => {
        const put = opening.result
          .transaction('settings', 'readwrite')
          .objectStore('settings')
          .put(setup, 'setup');
        put.onerror = () => failed(put.error);
        put.onsuccess = () => {
          opening.result.close();
          done();
        };
      };
    });
  }, endpoint);
  await page.reload();
  return page;
}

/** Makes a wallet with `PASSWORD`; the page shows its accounts then. */
export async function makeWallet(page: Page): Promise<void> {
  await openWallet(page);
  await page.getByRole('button', { name: 'Make a new wallet' }).click();
  const list = page.getByTestId('phrase').locator('li');
  await expect(list).toHaveCount(12);
  const words = await list.allTextContents();
  await page.getByRole('button', { name: 'I have written them down' }).click();
  for (const field of await page.getByLabel(/^Word \d+$/).all()) {
    const name = await field.evaluate((input: HTMLInputElement) => input.labels?.[0]?.textContent ?? '');
    await field.fill(words[Number(name.replace('Word ', '')) - 1]!);
  }
  await page.getByLabel('Password', { exact: false }).first().fill(PASSWORD);
  await page.getByLabel('The same password again').fill(PASSWORD);
  await page.getByRole('button', { name: 'Make the wallet' }).click();
  await expect(page.getByTestId('accounts').locator('> li')).toHaveCount(1, { timeout: 30_000 });
}

export async function openWallet(page: Page): Promise<void> {
  await page.evaluate(() => {
    window.location.hash = '#/wallet';
  });
}

/** Bytes of the file that `act` saves. */
export async function saved(page: Page, act: () => Promise<void>): Promise<Buffer> {
  const download = page.waitForEvent('download');
  await act();
  return readFile(await (await download).path());
}
