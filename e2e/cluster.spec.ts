/** A tab in a farming cluster over a real NATS server: it plots a native-protocol farmer's sectors and shows them. */
import { expect, test } from '@playwright/test';
import { INSTALL_NATS, isNatsInstalled } from '../devnet/nats-server.ts';
import { beside, besideApp } from './support/beside.ts';
import { profile } from './support/profile.ts';
import { cluster } from './support/programs.ts';

test.skip(!isNatsInstalled(), INSTALL_NATS);

const app = besideApp();
const running = beside(cluster);

test('it joins with credentials, plots for a farmer and shows the farm', async ({ browser }) => {
  const page = await profile(browser, app().url, running());
  await page.getByRole('link', { name: 'Farm', exact: true }).click();
  await page.getByRole('link', { name: 'Cluster' }).click();
  await page.getByLabel('NATS server').fill(running().webSocket);
  await page.getByRole('button', { name: 'Join' }).click();
  await expect(page.getByText('does not accept these credentials')).toBeVisible();
  await page.getByLabel('Credentials').selectOption('password');
  await page.getByLabel('User', { exact: true }).fill('ann');
  await page.getByLabel('Password', { exact: true }).fill('long-42-barley');
  await page.getByRole('button', { name: 'Join' }).click();
  await expect(page.getByText('joined', { exact: true })).toBeVisible();
  await running().said(({ plotted }) => plotted === 2);
  await expect(page.getByText('2 delivered so far')).toBeVisible();
  await expect(page.getByText(/of 2 sectors plotted/)).toBeVisible();
  await page.getByRole('link', { name: 'Settings', exact: true }).click();
  expect(await page.content()).not.toContain('long-42-barley');
});
