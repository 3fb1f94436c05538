/**
 * A farming cluster of two profiles of the browser and two programs, over a real NATS server: one profile farms, the
 * other plots, a program speaks for the node, another plots and is killed in the middle of a sector. A minute of it is
 * the silence after which the protocol counts a plotter as gone.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, type Page } from '@playwright/test';
import { INSTALL_NATS, isNatsInstalled } from '../devnet/nats-server.ts';
import { beside, besideApp } from './support/beside.ts';
import { profile } from './support/profile.ts';
import { clusterNetwork, Program } from './support/programs.ts';

test.skip(!isNatsInstalled(), INSTALL_NATS);

const app = besideApp();
const network = beside(clusterNetwork);
const programs: Program[] = [];
let folder: string;

function member(role: string, ...options: string[]): Program {
  const common = ['--nats', network().nats, '--data', join(folder, role), '--cores', '1'];
  const started = Program.start('src/cli/main.ts', 'cluster', role, ...common, ...options);
  programs.push(started);
  return started;
}

test.beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'allotment-e2e-cluster-'));
});
test.afterAll(async () => {
  for (const program of programs) await program.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Joins the cluster with the roles that are wanted. */
async function joinCluster(page: Page, roles: { plotter: boolean; farmer: boolean }): Promise<void> {
  await page.getByRole('link', { name: 'Farm', exact: true }).click();
  await page.getByRole('link', { name: 'Cluster' }).click();
  await page.getByLabel('NATS server').fill(network().webSocket);
  await page.getByLabel('Plot for the others').setChecked(roles.plotter);
  await page.getByLabel('Farm with them').setChecked(roles.farmer);
  await page.getByRole('button', { name: 'Join' }).click();
  await expect(page.getByText('joined', { exact: true })).toBeVisible({ timeout: 60_000 });
}

test('two profiles and two programs plot, farm and win; a killed plotter’s sector is finished elsewhere', async ({
  browser,
}) => {
  test.setTimeout(12 * 60_000);
  const controller = member('controller', '--endpoint', network().endpoint);
  const plotter = member('plotter');
  await controller.said(({ event }) => event === 'ready');
  await plotter.said(({ event }) => event === 'ready');

  const farmer = await profile(browser, app().url, network());
  await test.step('a tab farms with the cluster', async () => {
    await joinCluster(farmer, { plotter: false, farmer: true });
    await farmer.getByRole('link', { name: 'Back to the farm' }).click();
    await farmer.getByRole('button', { name: 'Use browser storage' }).click();
    await farmer.getByLabel(/^Space/).fill('1');
    await farmer.getByRole('button', { name: 'Start this farm' }).click();
  });
  await test.step('the program that plots its sector is killed in the middle of it', async () => {
    await plotter.said(({ event, pieces }) => event === 'plotting' && Number(pieces) > 0);
    await plotter.stop('SIGKILL');
  });

  const other = await profile(browser, app().url, network());
  await test.step('the other tab finishes the sector', async () => {
    await joinCluster(other, { plotter: true, farmer: false });
    await expect(other.getByText('1 delivered so far')).toBeVisible({ timeout: 5 * 60_000 });
    await expect(farmer.locator('.sector[data-state="plotted"]')).toHaveCount(1, { timeout: 60_000 });
  });
  await test.step('every member sees the farm', async () => {
    await expect(other.getByText(/1 of 1 sector plotted/)).toBeVisible({ timeout: 60_000 });
    await expect(other.getByText(/slot \d+/)).toBeVisible();
  });
  await test.step('the farm wins by way of the controller', async () => {
    const won = farmer.getByText(/^won a (block|vote)$/).first();
    await expect(won).toBeVisible({ timeout: 5 * 60_000 });
    await expect(other.getByText(/[1-9]\d* solutions/)).toBeVisible();
  });
});
