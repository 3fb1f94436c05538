/**
 * The main job, as a person does it: `npm start`, the first-run flow, and nothing else. The tab verifies the
 * local network, plots its first sector, wins a block, and shows that block verified.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, type Page } from '@playwright/test';

let started: ChildProcess;
let address: string;
let data: string;

test.beforeAll(async () => {
  data = mkdtempSync(join(tmpdir(), 'allotment-e2e-'));
  started = spawn(
    'npm',
    ['start', '--silent', '--', '--no-open', '--data', data, '--app-port', '0', '--port', '0'],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    },
  );
  address = await new Promise<string>((done, failed) => {
    let output = '';
    started.stdout!.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      const ready = /Open (http:\/\/\S+)/.exec(output);
      if (ready !== null) done(ready[1] as string);
    });
    started.on('exit', (code) => failed(new Error(`npm start ended with ${code}:\n${output}`)));
  });
});

test.afterAll(async () => {
  if (started.exitCode === null && started.signalCode === null) {
    const ended = once(started, 'exit');
    process.kill(-started.pid!, 'SIGTERM');
    await ended;
  }
  rmSync(data, { recursive: true, force: true, maxRetries: 5, retryDelay: 500 });
});

test('a tab verifies, plots, farms and wins a block', async ({ page, context }) => {
  test.setTimeout(15 * 60_000);
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  await page.goto(address);
  await page.getByRole('button', { name: 'Get started' }).click();
  await expect(page.getByText('reachable')).toBeVisible();
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('button', { name: 'Start farming' }).click();

  await test.step('the head is verified', async () => {
    await expect(page.locator('.main').getByText('Head verified')).toBeVisible({ timeout: 5 * 60_000 });
  });
  await test.step('the first sector is plotted', async () => {
    await expect(page.locator('.sector[data-state="plotted"]').first()).toBeVisible({ timeout: 6 * 60_000 });
  });
  await test.step('a block of this tab is verified on the chain screen', async () => {
    await page.getByRole('link', { name: 'Chain', exact: true }).click();
    const won = page.locator('li[data-own="true"]');
    await expect(won.first()).toBeVisible({ timeout: 8 * 60_000 });
    // By its hash: the next one that this tab wins comes before it.
    const own = won.filter({ hasText: (await won.first().locator('summary code').textContent())! });
    await expect(own.getByText('verified', { exact: true })).toBeVisible();
    await own.locator('summary').click();
    await expect(own.getByText('proof-of-space')).toBeVisible();
  });
  await test.step('a balance is proven against the verified head', async () => {
    await page.getByRole('link', { name: 'Settings', exact: true }).click();
    await page.getByRole('button', { name: 'Show balance' }).click();
    await expect(page.getByText('At block')).toBeVisible();
  });
  await test.step('a reopened tab resumes from disk', async () => {
    await page.goto(`${address}/#/farm`);
    await page.reload();
    await expect(page.locator('.sector[data-state="plotted"]').first()).toBeVisible({ timeout: 60_000 });
  });
  await test.step('a second tab views, takes over, and hands back when it dies', async () => {
    const viewing = (tab: Page) => tab.getByText('Another tab of this browser runs the node');
    const second = await context.newPage();
    await second.goto(`${address}/#/farm`);
    await expect(viewing(second)).toBeVisible({ timeout: 60_000 });
    await second.getByRole('button', { name: 'Run it here' }).click();
    await expect(viewing(page)).toBeVisible({ timeout: 60_000 });
    await expect(viewing(second)).toBeHidden({ timeout: 60_000 });
    await second.close();
    await expect(viewing(page)).toBeHidden({ timeout: 60_000 });
    await expect(page.locator('.sector[data-state="plotted"]').first()).toBeVisible({ timeout: 60_000 });
  });
  expect(errors).toEqual([]);
});
