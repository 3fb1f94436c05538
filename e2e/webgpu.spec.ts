/** Proofs of time on WebGPU: the shader in Chromium itself, on an adapter that the cores play. */
import { expect, test, type Browser, type Page } from '@playwright/test';
import type { GpuPage } from './support/gpu-page.ts';
import { serveLibraryPage, type LibraryPage } from './support/library-page.ts';
import { launchWithWebGpu } from './support/webgpu-browser.ts';

declare const gpuPage: GpuPage;

let served: LibraryPage;
let browser: Browser;
let page: Page;

test.beforeAll(async () => {
  served = await serveLibraryPage('gpu-page.ts');
  browser = await launchWithWebGpu();
  page = await browser.newPage();
  await page.goto(served.url);
  await page.waitForFunction(() => 'gpuPage' in globalThis);
});

test.afterAll(async () => {
  await browser?.close();
  served?.close();
});

test('slots of different lengths hold, and the first wrong checkpoint of each is named', async () => {
  const lengths = [16, 160, 16_000, 32, 160_000, 160, 48, 16];
  const verdicts = (flipped: [number, number][]) =>
    page.evaluate(([all, wrong]) => gpuPage.verdicts(all, wrong), [lengths, flipped] as const);
  expect(await verdicts([])).toEqual(lengths.map(() => null));
  expect(
    await verdicts([
      [1, 0],
      [2, 7],
      [4, 3],
      [4, 5],
      [7, 2],
    ]),
  ).toEqual([null, 0, 7, null, 3, null, null, 2]);
});

test('a batch that nobody waits for ends, and so does one whose processor is given back', async () => {
  expect(await page.evaluate(() => gpuPage.endings())).toEqual(['not needed', '', 'GpuError', 'GpuError']);
});

test('its speed is measured', async () => {
  const { adapter, iterationsPerSecond } = await page.evaluate(() => gpuPage.speed());
  test.info().annotations.push({
    type: 'speed',
    description: `${adapter}: ${(iterationsPerSecond / 1e6).toFixed(1)} M iterations/s`,
  });
  expect(iterationsPerSecond).toBeGreaterThan(0);
});
