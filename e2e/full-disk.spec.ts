/** The space that the browser gives runs out while a sector is plotted, and comes back. */
import { expect, test } from '@playwright/test';
import { beside } from './support/beside.ts';
import { firstRun, startNetwork } from './support/network.ts';

const network = beside(startNetwork);

test('a farm on a full disk says so, keeps what it has, and goes on once there is room', async ({ page }) => {
  const browser = await page.context().newCDPSession(page);
  const allow = (quotaSize?: number) =>
    browser.send('Storage.overrideQuotaForOrigin', {
      origin: network().address,
      ...(quotaSize !== undefined && { quotaSize }),
    });
  await firstRun(page, network().address, 3);
  const plotted = page.locator('.sector[data-state="plotted"]');
  await expect(plotted.first()).toBeVisible({ timeout: 120_000 });
  await allow(1_000_000);
  await expect(page.getByText('is full. Free some space or make the farm smaller.').first()).toBeVisible({
    timeout: 120_000,
  });
  await expect(plotted.first()).toBeVisible();
  // It tries again by itself, too, and is not full any more once that has room.
  await page.getByRole('button', { name: 'Free space or make the farm smaller' }).click();
  await allow();
  await expect(plotted).toHaveCount(3, { timeout: 180_000 });
  await expect(page.getByText('is full. Free some space')).toHaveCount(0);
});
