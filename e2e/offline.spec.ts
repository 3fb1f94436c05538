/** The network is gone altogether, the app's own server with it: what was opened once opens again, and goes on after. */
import { expect, test, type Page } from '@playwright/test';
import { TestNetwork } from '../devnet/testing/test-network.ts';
import { serveApp, type AppServer } from '../scripts/app-server.ts';
import { ensureBuilt } from '../scripts/build-app.ts';
import { onlyVerify } from './support/network.ts';

/** Screens by their addresses, with their headings. */
const SCREENS = {
  home: 'Overview',
  farm: 'Farm',
  cluster: 'Cluster',
  chain: 'Chain',
  objects: 'Objects',
  wallet: 'Wallet',
  identity: 'Identity',
  settings: 'Settings',
  browser: 'This browser',
};
const BLOCKS = 3;
const MINUTE = 60_000;

let network: TestNetwork;
let app: AppServer;

const serve = async (port: number) => serveApp(await ensureBuilt(() => undefined), port, endpoint());
const endpoint = () => `ws://127.0.0.1:${network.network.port}`;
const headVerified = (page: Page) => page.getByRole('main').getByText('Head verified');

test.beforeAll(async () => {
  network = await TestNetwork.start();
  await network.reach(BLOCKS);
  app = await serve(0);
});
test.afterAll(async () => {
  await app?.close();
  await network?.remove();
});

async function goTo(page: Page, screen: string): Promise<void> {
  await page.evaluate((to) => {
    window.location.hash = `#/${to}`;
  }, screen);
}

/** Opens every screen; each comes, and the overview says how old it is what this tab knows. */
async function lookAround(page: Page, leastSeconds: number): Promise<void> {
  for (const [screen, heading] of Object.entries(SCREENS)) {
    await goTo(page, screen);
    await expect(page.getByRole('heading', { name: heading, exact: true, level: 1 })).toBeVisible();
  }
  await goTo(page, 'home');
  await expect(page.getByText('The connection is tried again by itself.')).toBeVisible({ timeout: MINUTE });
  const known = page.getByText(/^final up to #\d+ · received /);
  await expect(known).toBeVisible();
  const [, amount, unit] = /received (\d+) (s|min)/.exec((await known.textContent())!)!;
  expect(Number(amount) * (unit === 's' ? 1 : 60)).toBeGreaterThanOrEqual(leastSeconds);
}

test('every screen opens without a network, says how old it is what it knows, and goes on by itself', async ({
  context,
}) => {
  const { url } = app;
  const [rpcPort, port] = [network.network.port, Number(new URL(url).port)];
  const errors: string[] = [];
  context.on('weberror', (error) => errors.push(error.error().message));
  const first = await context.newPage();
  await onlyVerify(first, url);
  await first.evaluate(async () => {
    await navigator.serviceWorker.ready;
  });
  await goTo(first, 'chain');
  await expect(headVerified(first)).toBeVisible({ timeout: MINUTE });
  const since = Date.now();
  const gone = () => Math.floor((Date.now() - since) / 1_000);

  await Promise.all([app.close(), network.stop(), context.setOffline(true)]);
  await expect(headVerified(first)).toHaveCount(0, { timeout: MINUTE });
  await first.reload();
  await lookAround(first, gone() - 1);
  // What proving needs, and no start before had a reason to fetch.
  expect(await first.evaluate(async () => (await fetch('/srs-g1.bin')).ok)).toBe(true);
  await first.close();

  const second = await context.newPage();
  await second.goto(`${url}/?state=of-an-answer&error=from-elsewhere`);
  await expect(second.getByRole('heading', { name: 'Identity', exact: true })).toBeVisible();
  await lookAround(second, gone() - 1);

  await network.restart({ rpcPort });
  app = await serve(port);
  await context.setOffline(false);
  await goTo(second, 'chain');
  await expect(headVerified(second)).toBeVisible({ timeout: MINUTE });
  const { number } = await network.reach(BLOCKS + 1);
  await expect(second.getByRole('main').getByText(`#${number}`, { exact: true }).first()).toBeVisible();
  expect(errors).toEqual([]);
});

test('a first run waits for a node that is only being started', async ({ page }) => {
  const node = endpoint();
  const rpcPort = network.network.port;
  await network.stop();
  await page.goto(app.url);
  await page.getByRole('button', { name: 'Get started' }).click();
  await expect(page.getByText(`No node answers at ${node}.`)).toBeVisible();
  await network.restart({ rpcPort });
  await expect(page.getByText('reachable')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Continue' })).toBeEnabled();
});
