/**
 * The wallet against a local network: funds come in and are sent on, and every figure is proven; bad orders are
 * refused; an extension signs; password, lock and passkey; a backup on another device.
 */
import { expect, test, type Page } from '@playwright/test';
import { beside, besideApp } from './support/beside.ts';
import { addExtension, EXTENSION } from './support/extension.ts';
import {
  account,
  addAlice,
  card,
  DEVELOPMENT_PHRASE,
  makeWallet,
  openWallet,
  PASSWORD,
  profile,
  saved,
} from './support/profile.ts';
import { pacedNetwork } from './support/programs.ts';

const BLOCK_TIMEOUT = 90_000;
const app = besideApp();
const network = beside(() => pacedNetwork(60));

const part = (page: Page, title: string): Promise<void> =>
  page.getByRole('tablist', { name: 'Parts of the wallet' }).getByRole('tab', { name: title }).click();
test('funds come in, are sent on, and are proven; bad orders are refused', async ({ browser }) => {
  const page = await profile(browser, app().url, network());
  await makeWallet(page);
  await addAlice(page);
  await expect(account(page, 'Alice')).toContainText(/(999|1,000),\d{3}.* tAI3\s*verified/, {
    timeout: BLOCK_TIMEOUT,
  });
  const main = account(page, 'Main account');
  const own = (await main.locator('.mono').first().textContent())!;
  await main.getByRole('button', { name: 'Receive' }).click();
  const code = main.getByRole('img', { name: 'Address of Main account' });
  await expect(code).toBeVisible();
  const picture = await code.screenshot();

  await account(page, 'Alice').getByRole('button', { name: 'Send', exact: true }).click();
  const send = card(page, 'Send');
  const order = async (to: string, amount: string) => {
    await send.getByLabel('To', { exact: true }).fill(to);
    await send.getByLabel(/^Amount/).fill(amount);
    await send.getByRole('button', { name: 'Look at it before signing' }).click();
  };
  await order(`${own.slice(0, -1)}${own.endsWith('1') ? '2' : '1'}`, '1');
  await expect(send.getByRole('alert')).toContainText('not an address of the network');
  await order(own, '2000000');
  await expect(send.getByRole('alert')).toContainText('something has to stay in it');
  await order(own, 'a lot');
  await expect(send.getByRole('alert')).toContainText('Write the amount in digits');
  await send.getByRole('button', { name: 'Scan a code' }).click();
  await send
    .getByLabel('A picture of the code')
    .setInputFiles({ name: 'code.png', mimeType: 'image/png', buffer: picture });
  await expect(send.getByLabel('To', { exact: true })).toHaveValue(own);
  await order(`substrate:${own}:0x00:Main`, '12.5');
  const plan = page.getByTestId('plan');
  await expect(plan).toContainText('Send 12.5 tAI3');
  await expect(plan).toContainText('Main account');
  await expect(plan).toContainText('has never held anything');
  await plan.getByText('Technical details').click();
  await expect(plan).toContainText('Balances.transfer_keep_alive');
  await page.getByRole('button', { name: 'Sign and send' }).click();
  await expect(page.getByTestId('payment')).toContainText(/in block \d/, { timeout: BLOCK_TIMEOUT });

  await page.reload();
  await card(page, 'Your wallet is locked').getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Unlock', exact: true }).click();
  await expect(main).toContainText('12.5 tAI3', { timeout: BLOCK_TIMEOUT });
  await expect(main.getByText('verified')).toBeVisible();
  await part(page, 'Activity');
  await expect(page.getByTestId('payment')).toContainText(/done, in block/, { timeout: BLOCK_TIMEOUT });
  await card(page, 'What happened to an account')
    .getByLabel('Account')
    .selectOption({ label: 'Main account' });
  const history = page.getByTestId('history').locator('li');
  await expect(history).toHaveCount(1, { timeout: BLOCK_TIMEOUT });
  await expect(history.first()).toContainText('Received from Alice');
  await expect(history.first()).toContainText('+ 12.5 tAI3');
});

test('an extension signs instead of the wallet', async ({ browser }) => {
  const page = await profile(browser, app().url, network());
  const disconnect = await addExtension(page, network().endpoint);
  await page.reload();
  await makeWallet(page);
  const own = (await account(page, 'Main account').locator('.mono').first().textContent())!;
  await part(page, 'Send');
  const wallets = card(page, 'Wallets in this browser');
  await wallets.getByRole('button', { name: 'Connect' }).click();
  await expect(wallets).toContainText('Bob');
  const send = card(page, 'Send');
  await send.getByLabel('From').selectOption({ label: `Bob (${EXTENSION})` });
  await send.getByLabel('To', { exact: true }).fill(own);
  await send.getByLabel(/^Amount/).fill('3');
  await send.getByRole('button', { name: 'Look at it before signing' }).click();
  await expect(page.getByTestId('plan')).toContainText('Send 3 tAI3');
  await page.evaluate(() => Object.assign(window, { refuseToSign: true }));
  await page.getByRole('button', { name: 'Sign and send' }).click();
  await expect(page.getByRole('alert')).toContainText('Nothing was sent');
  await page.evaluate(() => Object.assign(window, { refuseToSign: false }));
  await page.getByRole('button', { name: 'Sign and send' }).click();
  await expect(page.getByTestId('payment')).toContainText(/in block \d/, { timeout: BLOCK_TIMEOUT });
  await part(page, 'Accounts');
  await expect(account(page, 'Main account')).toContainText('3 tAI3', { timeout: BLOCK_TIMEOUT });
  await disconnect();
});

test('password, lock, passkey, and a backup on another device', async ({ browser }) => {
  // Browsers tie passkeys to a name, and refuse an address of digits.
  const page = await profile(browser, app().url.replace('127.0.0.1', 'localhost'), network());
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('WebAuthn.enable');
  await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      ctap2Version: 'ctap2_1',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      hasPrf: true,
      automaticPresenceSimulation: true,
    },
  });
  await makeWallet(page);
  const address = (await account(page, 'Main account').locator('.mono').first().textContent())!;
  await part(page, 'Safety');
  const old = await saved(page, () => page.getByRole('button', { name: 'Save a backup' }).click());
  await page.getByText('Change the password, add a passkey').click();
  await page.getByLabel('Present password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Add a passkey' }).click();
  await expect(page.getByText('Passkey of')).toBeVisible();
  await page.getByLabel('Present password').fill('not the password');
  await page.getByLabel('New password').fill('battery horse correct');
  await page.getByLabel('The same again').fill('battery horse correct');
  await page.getByRole('button', { name: 'Change the password' }).click();
  await expect(page.getByRole('alert')).toContainText('not the password');
  await page.getByLabel('Present password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Change the password' }).click();
  await expect(page.getByText('The password was changed')).toBeVisible();

  const lock = async () => {
    await part(page, 'Accounts');
    await page.getByRole('button', { name: 'Lock now' }).click();
  };
  await lock();
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Unlock', exact: true }).click();
  await expect(page.getByRole('alert')).toContainText('not the password');
  await page.getByRole('button', { name: 'Unlock with a passkey' }).click();
  await expect(account(page, 'Main account')).toContainText(address);

  await test.step('a failed restore overwrites nothing', async () => {
    await part(page, 'Safety');
    await page.getByRole('button', { name: 'Restore another one' }).click();
    const restore = card(page, 'From a backup file');
    await restore
      .getByLabel('Backup file')
      .setInputFiles({ name: 'cut.json', mimeType: 'application/json', buffer: old.subarray(0, -40) });
    await restore.getByLabel('Password of the backup').fill(PASSWORD);
    await restore.getByLabel(/Replace the wallet/).check();
    await restore.getByRole('button', { name: 'Restore' }).click();
    await expect(restore.getByRole('alert')).toBeVisible();
    await restore.getByRole('button', { name: 'Back', exact: true }).click();
    await lock();
    await page.getByLabel('Password', { exact: true }).fill('battery horse correct');
    await page.getByRole('button', { name: 'Unlock', exact: true }).click();
    await expect(account(page, 'Main account')).toContainText(address);
  });
  await test.step('who forgot the password makes the wallet again from a phrase', async () => {
    await lock();
    await page.getByText('I forgot the password').click();
    await page.getByRole('button', { name: 'I have a recovery phrase' }).click();
    await page.getByLabel('Recovery phrase').fill(DEVELOPMENT_PHRASE);
    await page.getByLabel('Password').first().fill(PASSWORD);
    await page.getByLabel('The same password again').fill(PASSWORD);
    await page.getByLabel(/^Replace the wallet/).check();
    await page.getByRole('button', { name: 'Make the wallet' }).click();
    await expect(account(page, 'Main account')).toBeVisible();
    await expect(account(page, 'Main account')).not.toContainText(address);
  });
  await test.step('another device opens the old backup with the old password', async () => {
    const other = await profile(browser, app().url, network());
    await openWallet(other);
    await other.getByRole('button', { name: 'I have a backup file' }).click();
    await other
      .getByLabel('Backup file')
      .setInputFiles({ name: 'wallet.json', mimeType: 'application/json', buffer: old });
    await other.getByLabel('Password of the backup').fill(PASSWORD);
    await other.getByRole('button', { name: 'Restore' }).click();
    await expect(account(other, 'Main account')).toContainText(address);
  });
});

test('stake goes to an operator, comes back and is unlocked', async ({ browser }) => {
  const page = await profile(browser, app().url, network());
  await makeWallet(page);
  await addAlice(page);
  await part(page, 'Staking');
  await page.getByLabel('Account').selectOption({ label: 'Alice' });
  await expect(page.getByTestId('domains')).toContainText('auto-id', { timeout: BLOCK_TIMEOUT });
  const operator = page.getByTestId('operators').locator('> li').first();
  await expect(operator).toContainText('takes stakes');
  const sign = async (title: string) => {
    await expect(page.getByTestId('plan')).toContainText(title);
    await page.getByRole('button', { name: 'Sign and send' }).click();
    await expect(page.getByTestId('payment')).toContainText(/in block \d/, { timeout: BLOCK_TIMEOUT });
    await page.getByRole('button', { name: 'Something else' }).click();
  };
  await operator.getByText('Stake with it').click();
  await operator.getByLabel(/^Amount/).fill('50');
  await operator.getByRole('button', { name: 'Look at it before signing' }).click();
  await sign('Stake 50 tAI3 with operator 0');
  const mine = page.getByTestId('stakes').locator('> li').first();
  await expect(mine).toContainText('10 tAI3', { timeout: BLOCK_TIMEOUT });
  await expect(mine.getByRole('button', { name: 'Take back' })).toBeVisible({ timeout: BLOCK_TIMEOUT });
  await expect(mine).toContainText('40 tAI3');
  await mine.getByRole('button', { name: 'Take back' }).click();
  await sign('Begin to take stake back from operator 0');
  await expect(mine).toContainText('on the way back', { timeout: BLOCK_TIMEOUT });
  await mine.getByRole('button', { name: 'Unlock' }).click({ timeout: 2 * BLOCK_TIMEOUT });
  await sign('Unlock what was taken back from operator 0');
  await expect(card(page, 'Staked by this account')).toContainText('Nothing is staked', {
    timeout: BLOCK_TIMEOUT,
  });
});
