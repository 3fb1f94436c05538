/**
 * Several payments of one account at once, a copy of the wallet among them: all of them end, and the copy brings the
 * wallet back in a browser that never had it.
 */
import { expect, test, type Page } from '@playwright/test';
import { beside, besideApp } from './support/beside.ts';
import { objectsScreen } from './support/objects.ts';
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

const NAME = 'letter.txt';
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

/** Stores a copy of the wallet; returns its identifier. */
async function storeCopy(page: Page): Promise<string> {
  await walletPart(page, 'Safety');
  const copy = card(page, 'Keep a copy on the network');
  await copy.getByLabel('Paid and signed by').selectOption({ label: 'Alice' });
  await copy.getByRole('button', { name: 'Show the price of a copy' }).click();
  await expect(copy.getByTestId('price')).toContainText('tAI3', { timeout: MINUTE });
  await copy.getByRole('button', { name: 'Sign and store' }).click();
  return copy.getByLabel('Its identifier').inputValue({ timeout: MINUTE });
}

/** Stores a file, and looks only whether it was sent. */
async function storeFile(page: Page): Promise<void> {
  const upload = card(page, 'Store something');
  const file = { name: NAME, mimeType: 'text/plain', buffer: Buffer.from('A letter.\n'.repeat(4_000)) };
  await upload.getByLabel('Files').setInputFiles(file);
  await upload.getByLabel('Paid and signed by').selectOption({ label: 'Alice' });
  await upload.getByRole('button', { name: 'Show the price' }).click();
  await expect(upload.getByTestId('price')).toContainText('tAI3', { timeout: MINUTE });
  await upload.getByRole('button', { name: 'Sign and store' }).click();
}

test('payments at once all end, and the copy among them brings the wallet back elsewhere', async ({
  browser,
}) => {
  test.setTimeout(20 * MINUTE);
  const page = await profile(browser, app().url, network());
  await makeWallet(page);
  await addAlice(page);
  const phrase = await wordsOf(page);
  await objectsScreen(page);
  await storeFile(page);
  const cid = await storeCopy(page);

  await walletPart(page, 'Accounts');
  await account(page, 'Alice').getByRole('button', { name: 'Send', exact: true }).click();
  const send = card(page, 'Send');
  await send.getByRole('combobox', { name: 'Somebody you know' }).selectOption({ index: 1 });
  await send.getByLabel('Amount in tAI3').fill('2');
  await send.getByRole('button', { name: 'Look at it before signing' }).click();
  await page.getByRole('button', { name: 'Sign and send' }).click();
  await expect(page.getByTestId('payment')).toContainText(/in block \d/, { timeout: 4 * MINUTE });

  await objectsScreen(page);
  const stored = page.getByTestId('upload');
  await expect(stored).toHaveCount(2);
  for (const one of await stored.all())
    await expect(one).toHaveAttribute('data-step', 'checked', { timeout: 8 * MINUTE });
  await closeProfiles();

  const elsewhere = await profile(browser, app().url, network());
  // The copy comes out of the verified chain.
  await objectsScreen(elsewhere);
  await openWallet(elsewhere);
  await elsewhere.getByRole('button', { name: 'I kept a copy on the network' }).click();
  const restore = card(elsewhere, 'From a copy on the network');
  await restore.getByLabel('Identifier of the copy').fill(cid);
  await restore.getByLabel('Password').first().fill('another password');
  await restore.getByLabel('The same password again').fill('another password');
  await restore.getByLabel('Recovery phrase').fill(DEVELOPMENT_PHRASE);
  await restore.getByRole('button', { name: 'Fetch and restore' }).click();
  await expect(restore.getByRole('alert')).toContainText('do not open this copy', { timeout: MINUTE });
  await restore.getByLabel('Recovery phrase').fill(phrase);
  await restore.getByRole('button', { name: 'Fetch and restore' }).click();
  await expect(account(elsewhere, 'Alice')).toBeVisible({ timeout: MINUTE });
});
