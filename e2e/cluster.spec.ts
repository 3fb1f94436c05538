/** A tab in a farming cluster over a real NATS server: it plots a native-protocol farmer's sectors and shows them. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { expect, test } from '@playwright/test';
import { INSTALL_NATS, isNatsInstalled } from '../devnet/nats-server.ts';
import { serveApp, type AppServer } from '../scripts/app-server.ts';
import { ensureBuilt } from '../scripts/build-app.ts';
import { closeProfiles, profile } from './support/profile.ts';

test.skip(!isNatsInstalled(), INSTALL_NATS);

interface Said {
  endpoint?: string;
  nats?: string;
  plotted?: number;
}

let app: AppServer;
let cluster: ChildProcess;
let started: Promise<{ endpoint: string; nats: string }>;
let plotted: Promise<number>;

test.beforeAll(async () => {
  test.setTimeout(4 * 60_000);
  app = await serveApp(await ensureBuilt(() => undefined), 0);
  cluster = spawn('node', ['--import', 'tsx', 'e2e/support/cluster.ts'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: cluster.stdout! });
  const said = <T>(pick: (line: Said) => T | null): Promise<T> =>
    new Promise((done, failed) => {
      lines.on('line', (line) => {
        const picked = pick(JSON.parse(line) as Said);
        if (picked !== null) done(picked);
      });
      cluster.once('exit', (code) => failed(new Error(`the cluster ended with ${code}`)));
    });
  started = said(({ endpoint, nats }) =>
    endpoint === undefined || nats === undefined ? null : { endpoint, nats },
  );
  plotted = said((line) => line.plotted ?? null);
  plotted.catch(() => undefined);
  await started;
});

test.afterEach(closeProfiles);
test.afterAll(async () => {
  cluster.stdin?.end();
  await app.close();
});

test('it joins with credentials, plots for a farmer and shows the farm', async ({ browser }) => {
  test.setTimeout(5 * 60_000);
  const { endpoint, nats } = await started;
  const page = await profile(browser, app.url, { endpoint });
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
  expect(await plotted).toBe(2);
  await expect(page.getByText('2 delivered so far')).toBeVisible({ timeout: 30_000 });
  await expect(page.getByText(/of 2 sectors plotted/)).toBeVisible({ timeout: 30_000 });
  await page.getByRole('link', { name: 'Settings', exact: true }).click();
  expect(await page.content()).not.toContain('long-42-barley');
});
