/** Pages of benchmarks in Chromium, and the CPU time of their workers. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Page } from '@playwright/test';
import { build } from 'vite';
import { serveApp } from '../scripts/app-server.ts';
import { threadsCpuSeconds } from './measure.ts';

/** What Chromium needs on Linux, beside a driver for Vulkan, to compute on a card without a screen. */
export const OWN_CARD: readonly string[] = [
  '--enable-unsafe-webgpu',
  '--ignore-gpu-blocklist',
  ...(process.platform === 'linux'
    ? ['--enable-features=Vulkan', '--use-angle=vulkan', '--disable-vulkan-surface']
    : []),
];

/** What is measured once and compared with several times. */
export function once<T>(work: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return () => (result ??= work());
}

/**
 * Builds the page in a folder beside this file and opens it in Chromium. Ready when the page has put `global` up; the
 * browser is left open: the program ends it.
 *
 * @param files Folders that are served with it, by the name they are served under.
 * @param args What Chromium is started with besides.
 */
export async function openBenchPage(
  name: string,
  global: string,
  files: Record<string, string> = {},
  args: readonly string[] = ['--disable-gpu'],
): Promise<Page> {
  const folder = mkdtempSync(join(tmpdir(), `allotment-${name}-`));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  await build({
    root: join(import.meta.dirname, name),
    configFile: false,
    logLevel: 'warn',
    worker: { format: 'es' },
    publicDir: join(import.meta.dirname, '../public'),
    build: { outDir: folder, emptyOutDir: true, target: 'es2022' },
  });
  for (const [served, from] of Object.entries(files)) cpSync(from, join(folder, served), { recursive: true });
  const app = await serveApp(folder, 0);
  // A profile of its own, because what is not kept on disk is kept in memory.
  const profile = mkdtempSync(join(tmpdir(), 'allotment-profile-'));
  process.once('exit', () => rmSync(profile, { recursive: true, force: true, maxRetries: 5 }));
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: ['--no-sandbox', ...args],
  });
  const page = await browser.newPage();
  await page.goto(app.url);
  await page.waitForFunction((wanted) => wanted in globalThis, global);
  return page;
}

/** The process whose threads are this program's workers in the browser, on Linux; a browser without any does not count. */
export function rendererWithWorkers(): number | null {
  try {
    const candidates = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    const found = candidates.find((id) => descendsFromHere(id) && workerSeconds(Number(id)) > 0);
    return found === undefined ? null : Number(found);
  } catch {
    return null;
  }
}

function descendsFromHere(id: string): boolean {
  try {
    for (let at = Number(id); at > 1;) {
      if (at === process.pid) return true;
      at = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${at}/status`, 'utf8'))?.[1] ?? 0);
    }
  } catch {
    // It ended meanwhile.
  }
  return false;
}

/** Seconds of CPU time of a renderer's workers. */
export function workerSeconds(renderer: number): number {
  return threadsCpuSeconds(renderer, 'DedicatedWorker') ?? 0;
}
