/** The app beside a network that makes its blocks at the test's word: what a loaded machine proves too late, it has. */
import { expect, type Page } from '@playwright/test';
import { TestNetwork } from '../../devnet/testing/test-network.ts';
import { serveApp } from '../../scripts/app-server.ts';
import { ensureBuilt } from '../../scripts/build-app.ts';

/** A first block brings the commitment of the first segment, without which there is nothing to plot. */
const BLOCKS = 2;

export interface StartedNetwork {
  /** Address of the app. */
  address: string;
  /** Lets so many blocks more be made; returns the number of the best one. */
  grow(blocks: number): Promise<number>;
  stop(): Promise<void>;
}

/** Starts a network of its own on free ports, with a chain of a few blocks. */
export async function startNetwork(): Promise<StartedNetwork> {
  const network = await TestNetwork.start();
  await network.reach(BLOCKS);
  const app = await serveApp(await ensureBuilt(() => undefined), 0, `ws://127.0.0.1:${network.network.port}`);
  return {
    address: app.url,
    grow: async (blocks) => (await network.reach(network.network.chain.best.number + blocks)).header.number,
    stop: async () => {
      await app.close();
      await network.remove();
    },
  };
}

/** The first run, up to the farm's screen, without a farm. */
export async function onlyVerify(page: Page, address: string): Promise<void> {
  await page.goto(address);
  await page.getByRole('button', { name: 'Get started' }).click();
  await expect(page.getByText('reachable')).toBeVisible({ timeout: 60_000 });
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByText('Only verify').click();
  await page.getByRole('button', { name: 'Start verifying' }).click();
  await page.getByRole('link', { name: 'Farm', exact: true }).click();
}

/** The first run, up to a farm of so many sectors. */
export async function firstRun(page: Page, address: string, sectors: number): Promise<void> {
  await page.goto(address);
  await page.getByRole('button', { name: 'Get started' }).click();
  await expect(page.getByText('reachable')).toBeVisible({ timeout: 60_000 });
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByLabel(/^Space/).fill(String(sectors));
  await expect(page.getByText(`(${sectors} sectors)`)).toBeVisible();
  await page.getByRole('button', { name: 'Start farming' }).click();
  await page.getByRole('link', { name: 'Farm', exact: true }).click();
}
