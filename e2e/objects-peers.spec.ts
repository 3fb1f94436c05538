/**
 * What one tab stores, others get out of history when it is gone: from the network, from another tab by WebRTC when
 * the network gives nothing, and rebuilt when half of the pieces are nowhere.
 */
import { expect, test, type Page } from '@playwright/test';
import { serveApp, type AppServer } from '../scripts/app-server.ts';
import { ensureBuilt } from '../scripts/build-app.ts';
import { keepObject, objectsScreen, openObject } from './support/objects.ts';
import { addAlice, card, closeProfiles, makeWallet, profile, saved } from './support/profile.ts';
import { historyNetwork, type RunningNetwork } from './support/programs.ts';

const NAME = 'letter.txt';
const CONTENT = 'A letter to whoever reads this.\n'.repeat(4_000);
const MINUTE = 60_000;
let app: AppServer;
let network: RunningNetwork;
let cid: string;
let reader: Page;

test.describe.configure({ mode: 'serial' });

test.beforeAll(async () => {
  test.setTimeout(5 * MINUTE);
  app = await serveApp(await ensureBuilt(() => undefined), 0);
  network = await historyNetwork();
});
test.afterAll(async () => {
  await closeProfiles();
  await network.stop();
  await app.close();
});

test('a tab stores a text, and it becomes history', async ({ browser }) => {
  test.setTimeout(10 * MINUTE);
  const page = await profile(browser, app.url, network);
  await makeWallet(page);
  await addAlice(page);
  await objectsScreen(page);
  const upload = card(page, 'Store something');
  await upload.getByLabel('Files').setInputFiles({
    name: NAME,
    mimeType: 'text/plain',
    buffer: Buffer.from(CONTENT),
  });
  await upload.getByText('Compress', { exact: true }).click();
  await upload.getByLabel('Paid and signed by').selectOption({ label: 'Alice' });
  await upload.getByRole('button', { name: 'Show the price' }).click();
  await expect(upload.getByTestId('price')).toContainText('tAI3', { timeout: MINUTE });
  cid = (await upload.locator('dd.mono').textContent())!;
  await upload.getByRole('button', { name: 'Sign and store' }).click();
  const item = page.getByTestId('upload');
  await expect(item).toHaveAttribute('data-step', 'included', { timeout: 3 * MINUTE });
  await expect(item).toHaveAttribute('data-step', 'deep', { timeout: 5 * MINUTE });
  await expect(item).toHaveAttribute('data-step', 'checked', { timeout: 5 * MINUTE });
  await page.context().close();
});

test('another tab gets it out of history', async ({ browser }) => {
  test.setTimeout(5 * MINUTE);
  reader = await profile(browser, app.url, network);
  await objectsScreen(reader);
  const opened = await openObject(reader, cid, NAME);
  const file = await saved(reader, () => opened.getByRole('link', { name: 'Save', exact: true }).click());
  expect(file.toString()).toBe(CONTENT);
});

test('a tab gets it from another tab when the network gives nothing', async ({ browser }) => {
  test.setTimeout(5 * MINUTE);
  // Tabs can be met once the relay has given them an address.
  const own = card(reader, 'Storage network');
  await own.getByText('This tab as a peer').click();
  await expect(own.getByText('/p2p-circuit/webrtc/')).toBeVisible({ timeout: MINUTE });
  network.say('all');
  const page = await profile(browser, app.url, network);
  await objectsScreen(page);
  const opened = await openObject(page, cid, NAME);
  expect(new Set(await keepObject(page, opened))).toEqual(new Set(['tab']));
  const tab = page.getByTestId('connection').and(page.locator('[data-kind=tab]'));
  await expect(tab).toContainText('WebRTC');
  await expect(reader.getByTestId('served')).toContainText(/[1-9] pieces? /);
  await page.context().close();
  await reader.context().close();
});

test('a tab rebuilds it when half of the pieces are nowhere', async ({ browser }) => {
  test.setTimeout(6 * MINUTE);
  network.say('source');
  const page = await profile(browser, app.url, network);
  await objectsScreen(page);
  const opened = await openObject(page, cid, NAME);
  expect(new Set(await keepObject(page, opened))).toEqual(new Set(['reconstruction']));
  const file = await saved(page, () => opened.getByRole('link', { name: 'Save', exact: true }).click());
  expect(file.toString()).toBe(CONTENT);
  await page.context().close();
});
