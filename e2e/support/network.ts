/** The local network with the app beside it, as `npm start` runs them. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, type Page } from '@playwright/test';

export interface StartedNetwork {
  /** Address of the app. */
  address: string;
  stop(): void;
}

/** Starts a network of its own on free ports, with an empty chain. */
export async function startNetwork(...options: string[]): Promise<StartedNetwork> {
  const data = mkdtempSync(join(tmpdir(), 'allotment-e2e-'));
  const places = ['--data', data, '--app-port', '0', '--port', '0', '--dsn-port', '0'];
  const started = spawn('npm', ['start', '--silent', '--', '--no-open', ...places, ...options], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  const stop = (): void => {
    if (started.pid !== undefined) process.kill(-started.pid, 'SIGTERM');
    rmSync(data, { recursive: true, force: true, maxRetries: 5, retryDelay: 500 });
  };
  const address = await new Promise<string>((done, failed) => {
    let output = '';
    started.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      const ready = /Open (http:\/\/\S+)/.exec(output);
      if (ready !== null) done(ready[1] as string);
    });
    started.on('exit', (code) => failed(new Error(`npm start ended with ${code}:\n${output}`)));
  });
  return { address, stop };
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
