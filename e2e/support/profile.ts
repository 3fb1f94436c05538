/** Profiles of the browser as a person has them after the first run. */
import { readFile } from 'node:fs/promises';
import { expect, type Browser, type BrowserContext, type Locator, type Page } from '@playwright/test';
import type { RunningHelper } from '../../devnet/helper-program.ts';
import type { Nodes } from './programs.ts';

export const PASSWORD = 'correct horse battery';
/** The phrase of the accounts that the genesis of every development chain endows. */
export const DEVELOPMENT_PHRASE = 'bottom drive obey lake curtain smoke basket hold race lonely fit walk';

/** Nodes of a network that nobody runs. */
export const NOWHERE: Nodes = { endpoint: 'ws://127.0.0.1:9', domain: 'ws://127.0.0.1:9' };

const opened: BrowserContext[] = [];

/** Closes the profiles of a test, so that their nodes take nothing from those of the next. */
export async function closeProfiles(): Promise<void> {
  await Promise.all(opened.splice(0).map((context) => context.close()));
}

/**
 * A fresh profile whose first-run choices are made: it follows these nodes and does not farm. `script` runs in the
 * page before the app does.
 */
export async function profile(
  browser: Browser,
  app: string,
  nodes: Nodes,
  script?: { path: string },
): Promise<Page> {
  const context = await browser.newContext({ permissions: ['clipboard-read', 'clipboard-write'] });
  opened.push(context);
  const page = await context.newPage();
  if (script !== undefined) await page.addInitScript(script);
  await follow(page, app, nodes);
  return page;
}

/** Makes the first-run choices of the profile that a page is of: it follows these nodes and does not farm. */
export async function follow(page: Page, app: string, nodes: Nodes): Promise<void> {
  page.on('pageerror', (error) => expect(error.message).toBe(''));
  await page.goto(app);
  await expect(page.getByRole('button', { name: 'Get started' })).toBeVisible({ timeout: 60_000 });
  await page.evaluate(
    async ([endpoint, domain, checkpoint]) => {
      const setup = {
        network: {
          id: 'local',
          name: 'Local network',
          endpoints: [endpoint],
          ...(domain === undefined ? {} : { domainEndpoints: [domain] }),
          genesisHash: null,
        },
        ...(checkpoint === undefined ? {} : { begin: { kind: 'checkpoint', text: checkpoint } }),
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
    },
    [nodes.endpoint, nodes.domain, nodes.checkpoint] as const,
  );
  await page.reload();
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
  await expect(page.getByTestId('accounts').locator('> li')).toHaveCount(1);
}

export async function openWallet(page: Page): Promise<void> {
  await page.evaluate(() => {
    window.location.hash = '#/wallet';
  });
}

/** Adds the development account that the network's genesis gave a million tokens, on the wallet's first screen. */
export async function addAlice(page: Page): Promise<void> {
  const add = card(page, 'Add an account');
  await add.getByRole('tab', { name: 'From another phrase' }).click();
  await add.getByLabel('Name').fill('Alice');
  await add.getByLabel('Recovery phrase').fill(DEVELOPMENT_PHRASE);
  await add.getByText('Derivation path').click();
  await add.getByLabel('Path').fill('//Alice');
  await add.getByRole('button', { name: 'Add', exact: true }).click();
  await expect(account(page, 'Alice')).toBeVisible();
}

/** The account of this name in the wallet. */
export const account = (page: Page, name: string): Locator =>
  page.getByTestId('accounts').locator('> li', { hasText: name });

/** The part of a screen under this heading. */
export const card = (page: Page, title: string): Locator =>
  page.locator('section.card', { has: page.getByRole('heading', { name: title, exact: true }) });

/** Pairs with a native helper in the settings; returns its card there. */
export async function pairHelper(page: Page, helper: RunningHelper): Promise<Locator> {
  await page
    .getByRole('navigation', { name: 'Main' })
    .getByRole('link', { name: 'Settings', exact: true })
    .click();
  const own = card(page, 'Helper');
  await own.getByText('Another port').click();
  await own.getByLabel('Port', { exact: true }).fill(new URL(helper.url).port);
  await own.getByLabel('Pairing code').fill(helper.code);
  await own.getByRole('button', { name: 'Pair' }).click();
  await expect(own.getByText('in use', { exact: true })).toBeVisible({ timeout: 60_000 });
  return own;
}

/** Opens the part of the identity screen that has this name in its address. */
export async function identityPart(page: Page, name: string): Promise<void> {
  await page.evaluate((to) => {
    window.location.hash = `#/identity/${to}`;
  }, name);
}

/** Makes an identity, on the screen of one's own. */
export async function makeIdentity(page: Page, name: string): Promise<void> {
  await identityPart(page, 'people');
  const form = card(page, 'Make an identity');
  await form.getByLabel('Name').first().fill(name);
  await form.getByRole('button', { name: 'Make it' }).click();
  await expect(page.getByTestId('identities').getByText(name, { exact: true })).toBeVisible();
}

/** What a field holds once `act` has changed it, or made it. */
export async function changed(field: Locator, act: () => Promise<void>): Promise<string> {
  const before = (await field.isVisible()) ? await field.inputValue() : '';
  await act();
  await expect(field).not.toHaveValue(before);
  return field.inputValue();
}

/** Bytes of the file that `act` saves. */
export async function saved(page: Page, act: () => Promise<void>): Promise<Buffer> {
  const download = page.waitForEvent('download');
  await act();
  return readFile(await (await download).path());
}
