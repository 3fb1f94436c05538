/** The first-run flow against the built app alone: what a person sees before anything answers. */
import { expect, test } from '@playwright/test';
import { besideApp } from './support/beside.ts';

const app = besideApp();

test('a node that does not answer is named, with what to do', async ({ page }) => {
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && message.text().includes('Content Security Policy'))
      errors.push(message.text());
  });
  await page.goto(app().url);
  await page.getByRole('button', { name: 'Get started' }).click();
  const endpoint = page.getByLabel('Node to talk to');
  await endpoint.fill('ws://127.0.0.1:9');
  await expect(page.getByText('No node answers at ws://127.0.0.1:9')).toBeVisible();
  await expect(page.getByText('It is asked again every few seconds.')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Continue' })).toBeDisabled();
  await endpoint.fill('https://example.org');
  await expect(page.getByText('begins with ws:// or wss://')).toBeVisible();
  await expect(page.getByText('It is asked again every few seconds.')).toHaveCount(0);
  expect(await page.evaluate(() => globalThis.crossOriginIsolated)).toBe(true);
  expect(errors).toEqual([]);
});

test('the flow can be walked with the keyboard alone', async ({ page }) => {
  await page.goto(app().url);
  await expect(page.getByRole('button', { name: 'Get started' })).toBeVisible();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: 'Which network?' })).toBeVisible();
  await page.keyboard.press('Tab');
  await page.keyboard.press('ArrowDown');
  await expect(page.getByRole('radio', { name: /Mainnet/ })).toBeChecked();
});

test('a checkpoint that cannot be right is refused in a sentence', async ({ page }) => {
  await page.goto(app().url);
  await page.getByRole('button', { name: 'Get started' }).click();
  await page.getByRole('radio', { name: /Mainnet/ }).check();
  await page.getByText('Where to begin').first().click();
  await page.getByRole('radio', { name: /From a checkpoint/ }).check();
  const field = page.getByRole('textbox', { name: /^Checkpoint/ });
  await field.fill('allotment-checkpoint:nonsense');
  await expect(page.getByText('neither a checkpoint nor the hash of a block')).toBeVisible();
  await field.fill(`allotment-checkpoint:${'ab'.repeat(32)}:7:${'cd'.repeat(32)}`);
  await expect(page.getByText('This checkpoint belongs to another network.')).toBeVisible();
  await field.fill('cd'.repeat(32));
  await expect(page.getByText('A block’s hash, without its number.')).toBeVisible();
  await page.getByRole('button', { name: 'Scan its QR code' }).click();
  await expect(page.getByLabel('A picture of the code')).toBeVisible();
});
