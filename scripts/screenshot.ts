/**
 * Takes the picture of the README: farms in a fresh tab until it has won a few blocks.
 *
 *     npm start -- --no-open            and beside it
 *     node --import tsx scripts/screenshot.ts [http://localhost:4173]
 */
import { resolve } from 'node:path';
import { chromium } from '@playwright/test';

const BLOCKS = 3;
const PATIENCE_MS = 30 * 60_000;
const picture = resolve(import.meta.dirname, '../docs/screenshot.png');

const [url = 'http://localhost:4173'] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu'],
});
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, colorScheme: 'light' });
  page.setDefaultTimeout(PATIENCE_MS);
  await page.goto(url);
  for (const name of ['Get started', 'Continue', 'Start farming'])
    await page.getByRole('button', { name }).click();
  await page.getByRole('button', { name: 'Hide this' }).click();
  await page.waitForFunction(
    (wanted) => {
      const text = document.querySelector('main')?.innerText ?? '';
      return Number(/Blocks won\s+(\d+)/.exec(text)?.[1] ?? 0) >= wanted && text.includes('Head verified');
    },
    BLOCKS,
    { polling: 250 },
  );
  await page.screenshot({ path: picture });
  process.stdout.write(`${picture}\n`);
} finally {
  await browser.close();
}
