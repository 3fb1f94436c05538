/**
 * Objects where they are hard to get: from another tab by WebRTC when the network gives nothing, and rebuilt when half
 * of the pieces are nowhere.
 */
import { readFileSync } from 'node:fs';
import { expect, test } from '@playwright/test';
import { beside, besideApp } from './support/beside.ts';
import { download, keepObject, objectsScreen, openSample } from './support/objects.ts';
import { card, profile } from './support/profile.ts';
import { historyNetwork } from './support/programs.ts';

const SAMPLE = 'sunrise.jpg';
const MINUTE = 60_000;
const app = besideApp();
const network = beside(historyNetwork);

test.beforeEach(() => network().ask('none'));

test('a tab gets an object from another tab when the network gives nothing', async ({ browser }) => {
  const giver = await profile(browser, app().url, network());
  await objectsScreen(giver);
  await keepObject(giver, await openSample(giver, SAMPLE));
  // Tabs can be met once a relay has given them an address.
  const own = card(giver, 'Storage network');
  await own.getByText('This tab as a peer').click();
  await expect(own.getByText('/p2p-circuit/webrtc/').first()).toBeVisible({ timeout: MINUTE });

  await network().ask('all');
  const taker = await profile(browser, app().url, network());
  await objectsScreen(taker);
  expect(new Set(await keepObject(taker, await openSample(taker, SAMPLE)))).toEqual(new Set(['tab']));
  const tab = taker.getByTestId('connection').and(taker.locator('[data-kind=tab]'));
  await expect(tab.filter({ hasText: 'WebRTC' })).toContainText(/[1-9]\d* taken/);
  await expect(giver.getByTestId('served')).toContainText(/[1-9]\d* pieces?/);
});

test('a tab rebuilds an object when half of the pieces are nowhere', async ({ browser }) => {
  await network().ask('source');
  const page = await profile(browser, app().url, network());
  await objectsScreen(page);
  await page.getByRole('link', { name: SAMPLE, exact: true }).first().click();
  await expect(page.getByText('It is rebuilt from others of its segment')).toBeVisible({
    timeout: 3 * MINUTE,
  });
  const opened = card(page, SAMPLE);
  await expect(opened).toBeVisible({ timeout: 5 * MINUTE });
  const file = await download(page, opened);
  expect(file.equals(readFileSync(`devnet/data/samples/${SAMPLE}`))).toBe(true);
});
