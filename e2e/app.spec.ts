/** The app as a program of the browser: what the browser can do, new versions, a worker that died. */
import { appendFileSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { serveApp, type AppServer } from '../scripts/app-server.ts';
import { ensureBuilt } from '../scripts/build-app.ts';
import { closeProfiles, NOWHERE, profile } from './support/profile.ts';

let folder: string;
let app: AppServer;

test.beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'allotment-app-'));
  cpSync(await ensureBuilt(() => undefined), folder, { recursive: true });
  app = await serveApp(folder, 0);
});
test.afterEach(closeProfiles);
test.afterAll(async () => {
  await app?.close();
  rmSync(folder, { recursive: true, force: true });
});

test('what the browser can do is said before anything is begun, and what follows where it cannot', async ({
  page,
}) => {
  const item = (name: string) => page.getByRole('listitem').filter({ hasText: name });
  await page.goto(app.url);
  await page.getByText('What this browser can do').click();
  await expect(item('Folders of your drives')).toContainText('yes');
  await expect(item('Fast arithmetic')).toContainText('yes');
  await expect(item('Isolated page')).toContainText('yes');
  await page.addInitScript(() => {
    delete (window as { showDirectoryPicker?: unknown }).showDirectoryPicker;
    delete (window as { RTCPeerConnection?: unknown }).RTCPeerConnection;
  });
  await page.reload();
  await page.getByText('What this browser can do').click();
  await expect(item('Folders of your drives')).toContainText('no');
  await expect(item('Folders of your drives')).toContainText('Chrome and Edge on a computer open folders');
  await expect(item('Not put to sleep')).toContainText('The browser may freeze the tab');
});

test('a new version is offered, and starts when the person says so', async ({ browser }) => {
  const page = await profile(browser, app.url, NOWHERE);
  await expect(page.getByRole('heading', { name: 'Overview' })).toBeVisible();
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready;
    (window as { old?: boolean }).old = true;
  });
  const restart = page.getByRole('button', { name: 'Restart when safe' });
  await expect(restart).toHaveCount(0);
  appendFileSync(join(folder, 'service-worker.js'), '\n// a newer version\n');
  await page.evaluate(async () => {
    await (await navigator.serviceWorker.ready).update();
  });
  await expect(page.getByText('A new version of Allotment is there.')).toBeVisible();
  expect(await page.evaluate(() => (window as { old?: boolean }).old)).toBe(true);
  await restart.click();
  await page.waitForFunction(() => (window as { old?: boolean }).old === undefined, null);
  await expect(page.getByRole('heading', { name: 'Overview' })).toBeVisible();
  await expect(restart).toHaveCount(0);
});

test('a version that cannot start is replaced by a newer one, too', async ({ page }) => {
  await page.goto(app.url);
  await expect(page.getByRole('button', { name: 'Get started' })).toBeVisible();
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready;
  });
  // What a later version has left in this browser, which this one cannot read.
  await page.goto(`${app.url}/icon.svg`);
  await page.evaluate(
    () =>
      new Promise<void>((done, failed) => {
        const opening = indexedDB.open('allotment', 1_000);
        opening.onerror = () => failed(opening.error);
        opening.onsuccess = () => {
          opening.result.close();
          done();
        };
      }),
  );
  await page.goto(app.url);
  await expect(page.getByRole('heading', { name: 'Allotment cannot start here' })).toBeVisible();
  appendFileSync(join(folder, 'service-worker.js'), '\n// a version that could read it\n');
  await page.getByRole('button', { name: 'Reload' }).click();
  const restart = page.getByRole('button', { name: 'Restart when safe' });
  await expect(restart).toBeVisible();
  await page.evaluate(() => {
    (window as { old?: boolean }).old = true;
  });
  await restart.click();
  await page.waitForFunction(() => (window as { old?: boolean }).old === undefined, null);
});

test('a node whose worker died is called dead, and begins anew', async ({ browser }) => {
  const page = await profile(browser, app.url, NOWHERE);
  await expect(page.getByRole('heading', { name: 'Overview' })).toBeVisible();
  const dead = page.getByText('no longer answers: what you see is old');
  await expect(dead).toHaveCount(0);
  const worker = page.workers().find((candidate) => candidate.url().includes('/node'));
  // After its answer has left.
  await worker!.evaluate(() => void setTimeout(() => self.close()));
  await expect(dead).toBeVisible({ timeout: 60_000 });
  await expect(page.getByRole('button', { name: 'Reload' })).toBeVisible();
  // It begins anew by itself, once.
  await expect(dead).toHaveCount(0, { timeout: 60_000 });
  await expect(page.getByRole('heading', { name: 'Overview' })).toBeVisible();
});
