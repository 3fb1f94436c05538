/** A tab that plots for a farming cluster with the person's native helper, and goes on without it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { helperIsBuilt, startHelper, type RunningHelper } from '../devnet/helper-program.ts';
import { INSTALL_NATS, isNatsInstalled } from '../devnet/nats-server.ts';
import { beside, besideApp } from './support/beside.ts';
import { pairHelper, profile } from './support/profile.ts';
import { clusterNetwork, Program } from './support/programs.ts';

test.skip(!isNatsInstalled(), INSTALL_NATS);
test.skip(!helperIsBuilt(), 'needs cargo build --release -p allotment-helper');

const SECTORS = 3;

const app = besideApp();
const network = beside(clusterNetwork);
const programs: Program[] = [];
let folder: string;
let helper: RunningHelper;

test.beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'allotment-e2e-cluster-helper-'));
  helper = await startHelper(['--code-file', join(folder, 'code')], 0);
});
test.afterAll(async () => {
  helper?.stop();
  for (const program of programs) await program.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function member(role: string, ...options: string[]): Promise<void> {
  const common = ['--nats', network().nats, '--data', join(folder, role), '--cores', '1'];
  const started = Program.start('src/cli/main.ts', 'cluster', role, ...common, ...options);
  programs.push(started);
  await started.said(({ event }) => event === 'ready');
}

test('a helper plots for the cluster, and the tab goes on without it', async ({ browser }) => {
  await member('controller', '--endpoint', network().endpoint);
  const page = await profile(browser, app().url, network());
  const menu = page.getByRole('navigation', { name: 'Main' });
  await test.step('it is paired in the settings', async () => {
    await pairHelper(page, helper);
  });
  await test.step('the tab joins as a plotter', async () => {
    await menu.getByRole('link', { name: 'Farm', exact: true }).click();
    await page.getByRole('link', { name: 'Cluster' }).click();
    await page.getByLabel('NATS server').fill(network().webSocket);
    await page.getByLabel('Plot for the others').setChecked(true);
    await page.getByLabel('Farm with them').setChecked(false);
    await page.getByRole('button', { name: 'Join' }).click();
    await expect(page.getByText('joined', { exact: true })).toBeVisible({ timeout: 60_000 });
    await expect(page.getByText('Your helper encodes.')).toBeVisible();
    await expect(page.getByText('Waiting for a sector to plot.')).toBeVisible({ timeout: 60_000 });
  });
  await member('farmer', '--sectors', String(SECTORS), '--plot-with', 'cluster');
  await test.step('the helper encodes, and is done without when it goes', async () => {
    await expect(page.getByText('encoded by your helper')).toBeVisible({ timeout: 120_000 });
    const pictures = process.env['PICTURES'];
    if (pictures) await page.screenshot({ path: `${pictures}/cluster-helper.png`, fullPage: true });
    helper.stop();
    await expect(page.getByText('Your helper is away; this tab encodes.')).toBeVisible({ timeout: 60_000 });
    await expect(page.getByText('encoded by this tab')).toBeVisible({ timeout: 120_000 });
    await expect(page.getByText(`${SECTORS} delivered so far`)).toBeVisible({ timeout: 240_000 });
  });
  await expect(page.getByText(`${SECTORS} of ${SECTORS}`, { exact: true })).toBeVisible({ timeout: 60_000 });
});
