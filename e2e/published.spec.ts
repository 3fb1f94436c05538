/**
 * The page as others open it: published under a name, out in the network as the browser sees it. Browsers then ask before
 * it may reach programs on the machine of the person, and keep it from them where the answer is no.
 */
import { chromium, expect, test, type BrowserContext, type Page } from '@playwright/test';
import { TestNetwork } from '../devnet/testing/test-network.ts';
import { beside } from './support/beside.ts';
import { publish } from './support/published.ts';

const HOST = 'allotment.test';
const published = beside(() => publish(HOST));
const bare = beside(() => publish(HOST, true));

/** A browser to which the page is a public one, and, since it comes without encryption here, one as good as encrypted. */
async function visit(
  allowed: boolean,
  { origin, port } = published(),
): Promise<{ context: BrowserContext; page: Page }> {
  const context = await chromium.launchPersistentContext('', {
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      `--host-resolver-rules=MAP ${HOST} 127.0.0.1`,
      `--ip-address-space-overrides=127.0.0.1:${port}=public`,
      `--unsafely-treat-insecure-origin-as-secure=${origin}`,
    ],
  });
  if (allowed) await context.grantPermissions(['local-network-access'], { origin });
  const page = await context.newPage();
  await page.goto(origin);
  return { context, page };
}

async function chooseOwnNode(page: Page, address: string): Promise<void> {
  await page.getByRole('button', { name: 'Get started' }).click();
  await page.getByRole('radio', { name: /My own node/ }).check();
  await page.getByLabel('Node to talk to').fill(address);
}

test('a page that the browser keeps from this machine says so, and asks for nothing before it is needed', async () => {
  const { context, page } = await visit(false);
  try {
    await expect(page.getByRole('button', { name: 'Get started' })).toBeVisible();
    expect(await page.evaluate(() => globalThis.crossOriginIsolated)).toBe(true);
    const state = () =>
      page.evaluate(
        async () => (await navigator.permissions.query({ name: 'loopback-network' as PermissionName })).state,
      );
    // Without a screen the browser takes every question as refused: it has not asked yet.
    expect(await state()).toBe('prompt');
    await page.getByRole('button', { name: 'Get started' }).click();
    await expect(page.getByRole('radio', { name: /Mainnet/ })).toBeChecked();
    await page.getByRole('button', { name: 'Back' }).click();
    await chooseOwnNode(page, 'ws://127.0.0.1:9');
    await expect(page.getByText('does not let this page reach programs on this machine')).toBeVisible();
    await expect(page.getByText('Allow it in the settings of this site')).toBeVisible();
    expect(await state()).toBe('denied');
    await page.getByRole('button', { name: 'Back' }).click();
    await page.getByText('What this browser can do').click();
    await expect(page.getByText('keeps this page from your own node')).toBeVisible();
  } finally {
    await context.close();
  }
});

test('a page that is allowed to follows a node on this machine, and is told where the node refuses it', async () => {
  const refusing = await TestNetwork.start();
  const willing = await TestNetwork.start({ rpcOrigins: [published().origin] });
  const { context, page } = await visit(true);
  try {
    await willing.reach(2);
    await chooseOwnNode(page, `ws://127.0.0.1:${refusing.network.port}`);
    await expect(page.getByText(`does it let pages of ${published().origin} in (--rpc-cors)?`)).toBeVisible();
    await page.getByLabel('Node to talk to').fill(`ws://127.0.0.1:${willing.network.port}`);
    await expect(page.getByText('reachable')).toBeVisible();
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByText('Only verify').click();
    await page.getByRole('button', { name: 'Start verifying' }).click();
    await expect(page.locator('.main').getByText('Head verified').first()).toBeVisible({ timeout: 120_000 });
    // The next visit needs no server for the page itself.
    await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
    await context.setOffline(true);
    await page.reload();
    await expect(page.getByRole('link', { name: 'Chain', exact: true })).toBeVisible();
  } finally {
    await context.close();
    await willing.remove();
    await refusing.remove();
  }
});

test('where the host sends no headers the page protects itself, and is isolated from the second visit on', async () => {
  const { context, page } = await visit(false, bare());
  try {
    const inlineRuns = () =>
      page.evaluate(() => {
        const script = document.createElement('script');
        script.textContent = 'document.title = "ran"';
        document.head.append(script);
        return document.title === 'ran';
      });
    await expect(page.getByRole('button', { name: 'Get started' })).toBeVisible();
    expect(await page.evaluate(() => globalThis.crossOriginIsolated)).toBe(false);
    expect(await inlineRuns()).toBe(false);
    await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
    await page.reload();
    await expect(page.getByRole('button', { name: 'Get started' })).toBeVisible();
    expect(await page.evaluate(() => globalThis.crossOriginIsolated)).toBe(true);
    expect(await inlineRuns()).toBe(false);
  } finally {
    await context.close();
  }
});
