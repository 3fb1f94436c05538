/** A farm of 20 000 sectors on the screen: what an update costs the page, and how one sector is looked at. */
import { expect, test, type Page } from '@playwright/test';
import { beside } from './support/beside.ts';
import { onlyVerify, startNetwork } from './support/network.ts';

const SECTORS = 20_000;
/** Snapshots asked for, four a second. */
const UPDATES = 40;

const network = beside(startNetwork);

/** A farm of so many planned sectors in a folder: browsers do not tell how much room there is. */
async function addFarm(page: Page): Promise<void> {
  await page.addInitScript(() => {
    window.showDirectoryPicker = async () =>
      (await navigator.storage.getDirectory()).getDirectoryHandle('Drive', { create: true });
  });
  await onlyVerify(page, network().address);
  await page.getByRole('button', { name: 'Add a folder' }).click();
  await expect(page.getByText('The folder “Drive” is empty.')).toBeVisible({ timeout: 60_000 });
  const size = await page.getByText(/A sector takes/).innerText();
  const [, number, unit] = /takes ([\d.,]+) (MiB|MB)/.exec(size)!;
  const bytes = Number(number!.replace(',', '')) * (unit === 'MiB' ? 1024 ** 2 : 1e6);
  const typed = page.getByLabel('in MiB');
  await typed.fill(String((bytes * (SECTORS + 2)) / 1024 ** 2));
  await typed.blur();
  await page.getByRole('button', { name: 'Start this farm' }).click();
}

/** Milliseconds of the page's main thread an update of the snapshot. */
async function costOfUpdates(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  const taskSeconds = async (): Promise<number> => {
    const { metrics } = await session.send('Performance.getMetrics');
    return metrics.find(({ name }) => name === 'TaskDuration')!.value;
  };
  const before = await taskSeconds();
  await page.evaluate(async (updates) => {
    // What a tab says that was opened just now.
    const channel = new BroadcastChannel('allotment');
    for (let asked = 0; asked < updates; asked += 1) {
      channel.postMessage({ kind: 'hello' });
      await new Promise((done) => setTimeout(done, 250));
    }
    channel.close();
  }, UPDATES);
  return (1000 * ((await taskSeconds()) - before)) / UPDATES;
}

test('a farm of 20 000 sectors is drawn, looked at and kept up to date', async ({ page }) => {
  await addFarm(page);
  await expect(page.getByText(/Sectors: .*planned/)).toBeVisible({ timeout: 120_000 });
  const menu = page.getByRole('navigation', { name: 'Main' });
  const map = page.getByRole('slider', { name: /^Sectors: .*planned/ });

  for (const screen of ['Overview', 'Farm']) {
    await test.step(`${screen} is kept up to date at little cost`, async () => {
      await menu.getByRole('link', { name: screen, exact: true }).click();
      if (screen === 'Farm') await page.getByText('Sectors:').first().click();
      await expect(map).toBeVisible();
      const ms = await costOfUpdates(page);
      const elements = await page.evaluate(() => document.querySelectorAll('*').length);
      process.stdout.write(`${screen}: ${ms.toFixed(1)} ms an update, ${elements} elements\n`);
      expect(elements).toBeLessThan(1_500);
    });
  }

  await test.step('keys and pointer tell of one sector', async () => {
    const last = Number(await map.getAttribute('aria-valuemax'));
    expect(last).toBeGreaterThanOrEqual(SECTORS - 1);
    await map.focus();
    await page.keyboard.press('End');
    await expect(page.getByText(`Sector ${last}: planned`)).toBeVisible();
    await page.keyboard.press('ArrowLeft');
    await expect(map).toHaveAttribute('aria-valuetext', `Sector ${last - 1}: planned`);
    await map.hover({ position: { x: 1, y: 1 } });
    await expect(map).toHaveAttribute('aria-valuetext', /^Sector 0: /);
  });

  await test.step('it follows colours, width and pixels of the screen', async () => {
    const pixel = () =>
      map.evaluate((canvas: HTMLCanvasElement) => {
        const { data } = canvas.getContext('2d')!.getImageData(canvas.width - 8, 8, 1, 1);
        return [...data].join(' ');
      });
    const light = await pixel();
    await page.emulateMedia({ colorScheme: 'dark' });
    await expect.poll(pixel).not.toBe(light);
    if (process.env['PICTURES']) await page.screenshot({ path: `${process.env['PICTURES']}/many-dark.png` });
    await page.emulateMedia({ colorScheme: 'light' });
    await page.setViewportSize({ width: 390, height: 844 });
    await expect.poll(async () => (await map.boundingBox())!.width).toBeLessThan(390);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    if (process.env['PICTURES']) await page.screenshot({ path: `${process.env['PICTURES']}/many-phone.png` });
  });
});
