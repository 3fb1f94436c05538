/** Proof-of-space tables on the graphics processor, beside WebAssembly's in the same page. */
import { chromium, type Browser, type Page } from '@playwright/test';
import type { GpuTablesPage } from '../e2e/support/gpu-tables-page.ts';
import { serveLibraryPage } from '../e2e/support/library-page.ts';
import { launchWithWebGpu } from '../e2e/support/webgpu-browser.ts';
import { toHex } from '../src/protocol/bytes.ts';
import { OWN_CARD } from './browser-page.ts';
import { median } from './statistics.ts';
import type { Benchmark, BenchmarkResult } from './types.ts';

declare const gpuTablesPage: GpuTablesPage;

/** Three are enough for a table of half a minute, which is what one takes where the cores play the processor. */
const RUNS = 3;

/** Null where the browser has no adapter, or, unless `emulated` will do, none but one that the cores play. */
async function openPage(browser: Browser, url: string, emulated: boolean): Promise<Page | null> {
  const page = await browser.newPage();
  await page.goto(url);
  await page.waitForFunction(() => 'gpuTablesPage' in globalThis);
  const found = await page.evaluate((any) => (any ? gpuTablesPage.has() : gpuTablesPage.isUsed()), emulated);
  return found ? page : null;
}

/** The machine's own graphics processor, or one that the cores play. */
async function measure(): Promise<BenchmarkResult> {
  const served = await serveLibraryPage('gpu-tables-page.ts');
  const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
  const own = await chromium.launch({ executablePath, args: ['--no-sandbox', ...OWN_CARD] });
  const browsers = [own];
  try {
    let page = await openPage(own, served.url, false);
    if (page === null) {
      const emulated = await launchWithWebGpu();
      browsers.push(emulated);
      page = await openPage(emulated, served.url, true);
    }
    if (page === null) throw new Error('this browser has no WebGPU');
    const times = { gpu: [] as number[], wasm: [] as number[] };
    let adapter = '';
    // The first run prepares shaders and memory.
    for (let run = 0; run <= RUNS; run += 1) {
      const seed = toHex(new Uint8Array(32).fill(run));
      const there = await page.evaluate((of) => gpuTablesPage.masks(of), seed);
      const here = await page.evaluate((of) => gpuTablesPage.wasmSeconds(of), seed);
      adapter = there.adapter;
      if (run === 0) continue;
      times.gpu.push(there.seconds);
      times.wasm.push(here);
    }
    const value = median(times.gpu);
    const peer = `WebAssembly on one core, same run; ${adapter}`;
    return { value, peer, ratio: median(times.wasm) / value, runs: RUNS };
  } finally {
    for (const browser of browsers) await browser.close();
    served.close();
  }
}

export const benchmarks: Benchmark[] = [
  {
    group: 'space',
    name: 'space.table.gpu',
    unit: 's',
    better: 'lower',
    where: 'chromium',
    goal: 'report; used where ≥ 1',
    run: measure,
  },
];
