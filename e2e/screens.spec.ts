/** Every screen, on a phone and on a desktop, by day and by night: what it owes to everybody. */
import { expect, test, type Locator, type Page } from '@playwright/test';
import { TestNetwork } from '../devnet/testing/test-network.ts';
import { violations } from './support/accessibility.ts';
import { besideApp } from './support/beside.ts';
import { KEPT_LIST, largeAnswers, largeSnapshot } from './support/large-data.ts';
import { leadingTab } from './support/leading-tab.ts';
import { card, closeProfiles, makeIdentity, makeWallet, NOWHERE, profile } from './support/profile.ts';

const MINUTE = 60_000;
const PHONE = { width: 390, height: 844 };
const DESKTOP = { width: 1280, height: 900 };
/** The narrowest phone, and a desktop at four times its size (WCAG 1.4.10). */
const NARROW = { width: 320, height: 640 };

const app = besideApp();

/** Looks at what is shown in every way that people look at it. */
async function look(page: Page, name: string): Promise<void> {
  for (const [viewport, colorScheme] of [
    [PHONE, 'light'],
    [DESKTOP, 'dark'],
    [NARROW, 'light'],
  ] as const) {
    await page.setViewportSize(viewport);
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const found = await violations(page);
    expect.soft(found, `${name}, ${colorScheme}, ${viewport.width} px`).toEqual([]);
  }
}

/** Opens a screen by its address and looks at it once its heading stands there. */
async function show(page: Page, address: string, sign: string): Promise<void> {
  await page.evaluate((to) => {
    window.location.hash = `#/${to}`;
  }, address);
  await expect(page.getByRole('heading', { name: sign, exact: true })).toBeVisible({ timeout: MINUTE });
  await page.evaluate(() => {
    for (const details of document.querySelectorAll('details')) details.open = true;
  });
  await look(page, address);
}

/** What the storage network's forms say of a gateway and a peer that are not there. */
async function refused(page: Page): Promise<void> {
  const network = card(page, 'Storage network');
  await network.getByLabel('Its address').fill('http://127.0.0.1:9');
  await network.getByRole('button', { name: 'Use it' }).click();
  await network.getByLabel('Another peer').fill('/ip4/127.0.0.1');
  await network.getByRole('button', { name: 'Connect', exact: true }).click();
  await expect(network.getByRole('alert')).toHaveCount(2, { timeout: MINUTE });
  await look(page, 'objects: refused');
}

/** What the settings say of addresses and codes that cannot be right; the node goes on with those it has. */
async function refusedNodes(page: Page): Promise<void> {
  const nodes = card(page, 'Nodes');
  await nodes.getByLabel('Addresses').fill('example.org');
  await nodes.getByRole('button', { name: 'Use these' }).click();
  await expect(nodes.getByRole('alert')).toHaveText(/“example\.org” is no address of a node/);
  const balance = card(page, 'Balance, proven');
  await balance.getByLabel('Account').fill('suNobody');
  await balance.getByRole('button', { name: 'Show balance' }).click();
  await expect(balance.getByRole('alert')).toHaveText(/^This is no address of an account/);
  const helper = card(page, 'Helper');
  await helper.getByLabel('Pairing code').fill('abc');
  await helper.getByRole('button', { name: 'Pair' }).click();
  await expect(helper.getByRole('alert')).toBeVisible();
  await look(page, 'settings: refused');
}

/** What is rarely needed is folded on a phone, and a link to it opens it and leads there. */
async function foldedSettings(page: Page): Promise<void> {
  await page.setViewportSize(PHONE);
  await page.evaluate(() => {
    window.location.hash = '#/settings';
  });
  await expect(page.getByLabel('Addresses, one a line')).toBeVisible();
  const code = card(page, 'Helper').getByLabel('Pairing code');
  await expect(code).toBeHidden();
  await page.evaluate(() => {
    window.location.hash = '#/settings/helper';
  });
  await expect(code).toBeInViewport();
  await expect(page.getByRole('heading', { name: 'Helper', exact: true })).toBeFocused();
  await card(page, 'Helper').locator('summary').first().press('Enter');
  await expect(code).toBeHidden();
}

/** A first farm, and what the overview says happens from then on, until it is told not to. */
async function begunToFarm(page: Page): Promise<void> {
  await show(page, 'farm', 'Add a farm');
  await page.getByRole('button', { name: 'Use browser storage' }).click();
  await page.getByRole('button', { name: 'Start this farm' }).click();
  await show(page, 'farm', 'Rewards');
  await show(page, 'home', 'What happens now');
  await expect(page.locator('.journey li')).toHaveCount(3);
  await page.getByRole('button', { name: 'Hide this' }).click();
  await expect(page.getByRole('heading', { name: 'What happens now' })).toHaveCount(0);
  await page.reload();
  await expect(page.getByRole('heading', { name: 'Plots' })).toBeVisible({ timeout: MINUTE });
  await expect(page.getByRole('heading', { name: 'What happens now' })).toHaveCount(0);
}

test('the first run', async ({ page }) => {
  await page.goto(app().url);
  await page.getByText('What this browser can do').click();
  await look(page, 'about');
  await page.getByRole('button', { name: 'Get started' }).click();
  await page.getByText('Where to begin').first().click();
  await page.getByRole('radio', { name: /From a checkpoint/ }).check();
  await look(page, 'network');
});

test('the chain, the farm and the settings', async ({ browser }) => {
  const network = await TestNetwork.start();
  try {
    await network.reach(3);
    const page = await profile(browser, app().url, { endpoint: `ws://127.0.0.1:${network.network.port}` });
    await expect(page.locator('main').getByText('Head verified')).toBeVisible({ timeout: 2 * MINUTE });
    await show(page, 'home', 'Overview');
    await show(page, 'chain', 'Newest blocks');
    await show(page, 'farm', 'Add a farm');
    await show(page, 'cluster', 'Join a cluster');
    await show(page, 'objects', 'Storage network');
    await refused(page);
    await foldedSettings(page);
    await show(page, 'settings', 'Start over');
    await refusedNodes(page);
    await show(page, 'browser', 'As an app');
    await begunToFarm(page);
  } finally {
    await closeProfiles();
    await network.remove();
  }
});

test('the wallet and identities, while no node answers', async ({ browser }) => {
  const page = await profile(browser, app().url, NOWHERE);
  await show(page, 'home', 'Overview');
  await show(page, 'wallet', 'A wallet of your own');
  await makeWallet(page);
  await page.getByRole('tab', { name: 'Accounts', exact: true }).press('ArrowRight');
  await expect(page.getByRole('tab', { name: 'Send', exact: true, selected: true })).toBeFocused();
  for (const part of ['Accounts', 'Send', 'Activity', 'Staking', 'People', 'Safety']) {
    await page.getByRole('tab', { name: part, exact: true }).click();
    await look(page, `wallet: ${part}`);
  }
  await makeIdentity(page, 'Ada');
  await show(page, 'identity/people', 'Your identities');
  await show(page, 'identity/credentials', 'Certify something of somebody');
  await show(page, 'identity/agents', 'Make an agent');
  await show(page, 'identity/content', 'Sign a file');
  await show(page, 'identity/score', 'How surely you are one person');
});

test('hundreds of everything, under the oddest names', async ({ context, page }) => {
  const now = Date.now();
  await leadingTab(context, app().url, largeSnapshot(now), largeAnswers(now));
  page.on('pageerror', (error) => expect(error.message).toBe(''));
  await page.goto(app().url);
  await expect(page.getByRole('heading', { name: 'Overview' })).toBeVisible({ timeout: MINUTE });
  await look(page, 'home');
  await show(page, 'farm', 'Rewards');
  await expect(page.getByRole('button', { name: 'Manage' })).toHaveCount(12);
  await page.getByLabel('Search the farms').fill('النسخ');
  await expect(page.getByRole('button', { name: 'Manage' })).toHaveCount(5);
  await show(page, 'chain', 'Newest blocks');
  await show(page, 'cluster', 'Services');
  await show(page, `objects/bafkr6i${'a'.repeat(52)}`, 'Storage network');
  await expect(page.getByRole('list', { name: 'Files in this folder' }).locator('li')).toHaveCount(100);
  await expect(page.getByText('Show the other 400')).toBeVisible();
  await show(page, 'wallet', 'Accounts');
  for (const part of ['Send', 'Activity', 'People']) {
    await page.getByRole('tab', { name: part, exact: true }).click();
    await look(page, `wallet: ${part}`);
  }
  await show(page, 'identity/people', 'Your identities');
  await page.evaluate(([key, list]) => localStorage.setItem(key, list), KEPT_LIST);
  await show(page, 'identity/credentials', 'What others certified of you');
  // Whoever left the page while a list was on its way into history finds it there.
  await expect(page.getByRole('button', { name: 'Announce it', exact: true })).toBeVisible();
  await show(page, 'settings', 'Start over');
  expect(await page.evaluate(() => document.querySelectorAll('*').length)).toBeLessThan(2_000);
});

test('a browser that turned WebAssembly off is told so', async ({ browser }) => {
  const context = await browser.newContext({ serviceWorkers: 'block' });
  await context.route(/\/assets\/node-(?!client)[^/]*\.js$/, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: `delete globalThis.WebAssembly;${await response.text()}` });
  });
  const page = await context.newPage();
  await page.goto(app().url);
  await expect(page.getByRole('alert')).toContainText('WebAssembly is turned off', { timeout: MINUTE });
  await look(page, 'not started');
  await context.close();
});

test('what is chosen is told from the rest in a person’s own colours, too', async ({ browser }) => {
  const page = await profile(browser, app().url, NOWHERE);
  await page.emulateMedia({ forcedColors: 'active' });
  await makeWallet(page);
  const background = (one: Locator) => one.evaluate((element) => getComputedStyle(element).backgroundColor);
  const nav = page.getByRole('navigation', { name: 'Main' });
  const tabs = page.getByRole('tablist').first();
  expect(await background(nav.locator('[aria-current="page"]'))).not.toBe(
    await background(nav.locator('a:not([aria-current])').first()),
  );
  expect(await background(tabs.getByRole('tab', { selected: true }))).not.toBe(
    await background(tabs.getByRole('tab', { selected: false }).first()),
  );
});
