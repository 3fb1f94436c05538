/**
 * Storing: a folder under a password, a copy of the wallet and a payment of one account, sent one right after the other, all end; and when
 * the tab that sent them is gone, another gets the folder out of history, and the wallet back.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, type Locator, type Page } from '@playwright/test';
import { unzipSync } from 'fflate';
import { beside, besideApp } from './support/beside.ts';
import { download, objectsScreen, openObject } from './support/objects.ts';
import {
  account,
  addAlice,
  card,
  closeProfiles,
  DEVELOPMENT_PHRASE,
  makeWallet,
  openWallet,
  PASSWORD,
  profile,
} from './support/profile.ts';
import { historyNetwork } from './support/programs.ts';

const FOLDER = 'letters';
const NAME = 'letter.txt';
const SECRET = 'only for those who know';
const CONTENT = 'A letter to whoever reads this.\n'.repeat(4_000);
const MINUTE = 60_000;
const app = besideApp();
const network = beside(historyNetwork);

async function walletPart(page: Page, name: string): Promise<void> {
  await openWallet(page);
  await page.getByRole('tab', { name, exact: true }).click();
}

/** The words of the wallet, as its screen shows them. */
async function wordsOf(page: Page): Promise<string> {
  await walletPart(page, 'Safety');
  const words = card(page, 'Recovery phrase');
  await words.getByLabel('Password').first().fill(PASSWORD);
  await words.getByRole('button', { name: 'Show the words' }).click();
  await expect(words.locator('ol li')).toHaveCount(12);
  return (await words.locator('ol li').allTextContents()).join(' ');
}

/** Sends a folder of two letters to be stored under a password; returns its identifier. */
async function storeFolder(page: Page): Promise<string> {
  await objectsScreen(page);
  const upload = card(page, 'Store something');
  const folder = test.info().outputPath(FOLDER);
  mkdirSync(join(folder, 'old'), { recursive: true });
  for (const name of [NAME, 'old/other.txt']) writeFileSync(join(folder, name), CONTENT);
  await upload.getByLabel('Choose a folder').setInputFiles(folder);
  await upload.getByText('Compress', { exact: true }).click();
  await upload.getByText('Encrypt with a password').click();
  await upload.getByLabel('Password for this upload').fill(SECRET);
  await upload.getByLabel('Paid and signed by').selectOption({ label: 'Alice' });
  await upload.getByRole('button', { name: 'Show the price' }).click();
  await expect(upload.getByTestId('price')).toContainText('tAI3', { timeout: MINUTE });
  const cid = (await upload.locator('dd.mono').textContent())!;
  await upload.getByRole('button', { name: 'Sign and store' }).click();
  await expect(page.getByRole('heading', { name: 'Stored from here' })).toBeFocused({ timeout: MINUTE });
  return cid;
}

/** Opens what lies in the folder: its password is asked for once. */
async function readFolder(page: Page, folder: Locator): Promise<void> {
  const letter = card(page, NAME);
  await folder.getByRole('button', { name: NAME }).click();
  await letter.getByLabel('Password').fill('a guess');
  await letter.getByRole('button', { name: 'Unlock' }).click();
  await expect(letter.getByRole('alert')).toHaveText('The password does not open this file.');
  await letter.getByLabel('Password').fill(SECRET);
  await letter.getByRole('button', { name: 'Unlock' }).click();
  await expect(letter.locator('pre')).toContainText('A letter to whoever reads this.', { timeout: MINUTE });
  expect((await download(page, letter)).toString()).toBe(CONTENT);
  await letter.getByRole('button', { name: `Back to ${FOLDER}` }).click();
  await folder.getByRole('button', { name: 'other.txt' }).click();
  const other = card(page, 'other.txt');
  await expect(other.locator('pre')).toContainText('A letter to whoever reads this.', { timeout: MINUTE });
  await other.getByRole('button', { name: `Back to ${FOLDER}` }).click();
  const zip = unzipSync(new Uint8Array(await download(page, folder)));
  const texts = Object.entries(zip).map(([name, content]) => [name, Buffer.from(content).toString()]);
  expect(Object.fromEntries(texts)).toEqual({ [NAME]: CONTENT, 'old/': '', 'old/other.txt': CONTENT });
}

/** Sends a copy of the wallet to be stored; returns its identifier. */
async function storeCopy(page: Page): Promise<string> {
  await walletPart(page, 'Safety');
  const copy = card(page, 'Keep a copy on the network');
  await copy.getByLabel('Paid and signed by').selectOption({ label: 'Alice' });
  await copy.getByRole('button', { name: 'Show the price of a copy' }).click();
  await expect(copy.getByTestId('price')).toContainText('tAI3', { timeout: MINUTE });
  await copy.getByRole('button', { name: 'Sign and store' }).click();
  const identifier = copy.getByLabel('Its identifier');
  await expect(identifier).toBeVisible({ timeout: MINUTE });
  return identifier.inputValue();
}

/** Pays two tokens from Alice's account to the other one. */
async function payTwoTokens(page: Page): Promise<void> {
  await walletPart(page, 'Send');
  const send = card(page, 'Send');
  await send.getByLabel('From').selectOption({ label: 'Alice' });
  await send.getByLabel('Somebody you know').selectOption({ label: 'Main account (yours)' });
  await send.getByLabel('Amount in tAI3').fill('2');
  await send.getByRole('button', { name: 'Look at it before signing' }).click();
  await page.getByRole('button', { name: 'Sign and send' }).click();
  await expect(page.getByTestId('payment')).toContainText(/in block \d/, { timeout: 5 * MINUTE });
}

test('what one tab stores and pays at once all ends, and another gets it when the first is gone', async ({
  browser,
}) => {
  test.setTimeout(20 * MINUTE);
  const page = await profile(browser, app().url, network());
  await makeWallet(page);
  await addAlice(page);
  const phrase = await wordsOf(page);
  await network().ask('filled');
  const letters = await storeFolder(page);
  const copy = await storeCopy(page);
  await payTwoTokens(page);
  await objectsScreen(page);
  const uploads = page.getByTestId('upload');
  await expect(uploads).toHaveCount(2);
  // The page looks now and then, and may find it further than the next step.
  for (const one of await uploads.all()) {
    await expect(one).toHaveAttribute('data-step', /included|deep|archived|checked/, { timeout: 3 * MINUTE });
    await expect(one).toHaveAttribute('data-step', /deep|archived|checked/, { timeout: 8 * MINUTE });
  }
  for (const one of await uploads.all())
    await expect(one).toHaveAttribute('data-step', 'checked', { timeout: 10 * MINUTE });
  await closeProfiles();

  const reader = await profile(browser, app().url, network());
  await objectsScreen(reader);
  await readFolder(reader, await openObject(reader, letters, FOLDER));

  await openWallet(reader);
  await reader.getByRole('button', { name: 'I kept a copy on the network' }).click();
  const restore = card(reader, 'From a copy on the network');
  await restore.getByLabel('Identifier of the copy').fill(copy);
  await restore.getByLabel('Password').first().fill('another password');
  await restore.getByLabel('The same password again').fill('another password');
  await restore.getByLabel('Recovery phrase').fill(DEVELOPMENT_PHRASE);
  await restore.getByRole('button', { name: 'Fetch and restore' }).click();
  await expect(restore.getByRole('alert')).toContainText('do not open this copy', { timeout: MINUTE });
  await restore.getByLabel('Recovery phrase').fill(phrase);
  await restore.getByRole('button', { name: 'Fetch and restore' }).click();
  await expect(account(reader, 'Alice')).toBeVisible({ timeout: MINUTE });
});
