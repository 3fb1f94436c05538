/** Proof-of-space tables on WebGPU: the shaders in Chromium itself, on an adapter that the cores play. */
import { readFile } from 'node:fs/promises';
import { expect, test, type Browser, type Page } from '@playwright/test';
import type { GpuTablesPage } from './support/gpu-tables-page.ts';
import { serveLibraryPage, type LibraryPage } from './support/library-page.ts';
import { launchWithWebGpu } from './support/webgpu-browser.ts';

declare const gpuTablesPage: GpuTablesPage;

interface RecordedTable {
  table: number;
  entries: number;
  bucket_order_blake3: string;
  position_order_blake3: string;
  metadata_blake3: string | null;
}

interface RecordedSeed {
  seed: string;
  presence_bitmap_file: string;
  all_proofs_blake3: string;
  tables?: RecordedTable[];
}

const VECTORS = new URL('../tests/vectors/', import.meta.url);

let served: LibraryPage;
let browser: Browser;
let page: Page;
let seeds: RecordedSeed[];

test.beforeAll(async () => {
  seeds = (JSON.parse(await readFile(new URL('pos.json', VECTORS), 'utf8')) as { seeds: RecordedSeed[] })
    .seeds;
  served = await serveLibraryPage('gpu-tables-page.ts');
  browser = await launchWithWebGpu();
  page = await browser.newPage();
  await page.goto(served.url);
  await page.waitForFunction(() => 'gpuTablesPage' in globalThis);
});

test.afterAll(async () => {
  await browser?.close();
  served?.close();
});

test('an adapter that the cores play is not used but by tests', async () => {
  expect(await page.evaluate(() => gpuTablesPage.has())).toBe(true);
  expect(await page.evaluate(() => gpuTablesPage.isUsed())).toBe(false);
});

test('every table of a recorded seed is the recorded one, and so are its proofs', async () => {
  const recorded = seeds.find(({ tables }) => tables !== undefined)!;
  const { seed } = recorded;
  for (const table of recorded.tables!.filter(({ metadata_blake3 }) => metadata_blake3 !== null)) {
    expect(
      await page.evaluate(([of, number]) => gpuTablesPage.table(of, number), [seed, table.table] as const),
    ).toEqual({
      entries: table.entries,
      bucketOrder: table.bucket_order_blake3,
      positionOrder: table.position_order_blake3,
      metadata: table.metadata_blake3,
    });
  }
  const presence = await readFile(new URL(recorded.presence_bitmap_file, VECTORS));
  expect(await page.evaluate((of) => gpuTablesPage.proofs(of), seed)).toEqual({
    presence: presence.toString('hex'),
    all: recorded.all_proofs_blake3,
  });
});

test('a pool measures it, and finds that it encodes as a worker does', async () => {
  const { state, adapter, gpuSeconds, workerSeconds, reason } = await page.evaluate(() =>
    gpuTablesPage.measured(),
  );
  const description = `${adapter}: a table in ${gpuSeconds?.toFixed(1)} s, a worker in ${workerSeconds?.toFixed(1)} s`;
  test.info().annotations.push({ type: 'speed', description });
  expect(reason).toBe(null);
  expect(state).toBe(gpuSeconds! < workerSeconds! ? 'used' : 'slower');
});

test('a table that nobody waits for ends, and so does one whose processor is lost', async () => {
  expect(await page.evaluate(() => gpuTablesPage.endings())).toEqual(['not needed', 'GpuError', 'GpuError']);
});
