/** Proofs of time on WebGPU: the shader in Chromium itself, on an adapter that the cores play. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { chromium, expect, test, type Browser, type Page } from '@playwright/test';
import { build } from 'vite';
import type { GpuPage } from './support/gpu-page.ts';

declare const gpuPage: GpuPage;

let server: Server;
let browser: Browser;
let page: Page;

test.beforeAll(async () => {
  const built = await build({
    configFile: false,
    publicDir: false,
    logLevel: 'warn',
    build: {
      write: false,
      target: 'es2022',
      lib: { entry: join(import.meta.dirname, 'support/gpu-page.ts'), formats: ['es'], fileName: 'page' },
    },
  });
  const [bundle] = Array.isArray(built) ? built : [built];
  const output = bundle !== undefined && 'output' in bundle ? bundle.output : [];
  const script = output.find((part) => part.type === 'chunk' && part.isEntry);
  server = createServer(({ url }, answer) => {
    const isScript = url === '/page.js';
    answer.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
    answer.end(
      isScript && script?.type === 'chunk' ? script.code : '<script type="module" src="/page.js"></script>',
    );
  }).listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  browser = await chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--enable-unsafe-webgpu',
      '--use-webgpu-adapter=swiftshader',
      '--enable-features=Vulkan',
      '--use-angle=swiftshader',
    ],
  });
  page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  await page.waitForFunction(() => 'gpuPage' in globalThis);
});

test.afterAll(async () => {
  await browser.close();
  server.close();
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
