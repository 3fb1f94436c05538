/** A tab in a farming cluster over a real NATS server: it plots a native-protocol farmer's sectors and shows them. */
import { expect, test } from '@playwright/test';
import { INSTALL_NATS, isNatsInstalled } from '../devnet/nats-server.ts';
import { serveApp, type AppServer } from '../scripts/app-server.ts';
import { ensureBuilt } from '../scripts/build-app.ts';
import { closeProfiles, profile } from './support/profile.ts';
import { Program } from './support/program.ts';

test.skip(!isNatsInstalled(), INSTALL_NATS);

let app: AppServer;
let cluster: Program;
let addresses: { endpoint: string; nats: string };

test.beforeAll(async () => {
  test.setTimeout(4 * 60_000);
  app = await serveApp(await ensureBuilt(() => undefined), 0);
  cluster = Program.start('e2e/support/cluster.ts');
  addresses = await cluster.said(({ endpoint }) => endpoint !== undefined);
});

test.afterEach(closeProfiles);
test.afterAll(async () => {
  await cluster.end();
  await app.close();
});

test('it joins with credentials, plots for a farmer and shows the farm', async ({ browser }) => {
  test.setTimeout(5 * 60_000);
  const { nats } = addresses;
  const page = await profile(browser, app.url, addresses);
  await page.getByRole('link', { name: 'Farm', exact: true }).click();
  await page.getByRole('link', { name: 'Cluster' }).click();
  await page.getByLabel('NATS server').fill(nats);
  await page.getByRole('button', { name: 'Join' }).click();
  await expect(page.getByText('does not accept these credentials')).toBeVisible({ timeout: 30_000 });
  await page.getByLabel('Credentials').selectOption('password');
  await page.getByLabel('User', { exact: true }).fill('ann');
  await page.getByLabel('Password', { exact: true }).fill('long-42-barley');
  await page.getByRole('button', { name: 'Join' }).click();
  await expect(page.getByText('joined', { exact: true })).toBeVisible({ timeout: 30_000 });
  await cluster.said(({ plotted }) => plotted === 2);
  await expect(page.getByText('2 delivered so far')).toBeVisible({ timeout: 30_000 });
  await expect(page.getByText(/of 2 sectors plotted/)).toBeVisible({ timeout: 30_000 });
  await page.getByRole('link', { name: 'Settings', exact: true }).click();
  expect(await page.content()).not.toContain('long-42-barley');
});
