/** A credential of another system, the W3C's kind: checked from a file, taken in, handed on, refused when changed. */
import { readFile } from 'node:fs/promises';
import { expect, test } from '@playwright/test';
import { foreignCredential } from '../src/identity/testing/w3c-issuer.ts';
import { besideApp } from './support/beside.ts';
import { card, identityPart, makeWallet, NOWHERE, profile } from './support/profile.ts';

const app = besideApp();
const DAY = 86_400_000;
const day = (days: number) => new Date(Date.now() + days * DAY).toISOString();
const credential = foreignCredential(
  new Uint8Array(32).fill(7),
  { validFrom: day(-2), validUntil: day(300) },
  { created: day(-1) },
);

test('a W3C credential is checked, kept, and refused once it was changed', async ({ browser }) => {
  const page = await profile(browser, app().url, NOWHERE);
  await makeWallet(page);
  await identityPart(page, 'credentials');
  const check = card(page, 'Check one of another system');
  const file = (text: string) => ({
    name: 'a.json',
    mimeType: 'application/json',
    buffer: Buffer.from(text),
  });
  await check.getByLabel('Or its file').setInputFiles(file(credential.replace('School of', 'Scholl of')));
  await check.getByRole('button', { name: 'Check it' }).click();
  await expect(check.getByRole('alert')).toContainText('This was changed, or its issuer did not sign it.');
  await check.getByLabel('Or its file').setInputFiles(file(credential));
  await check.getByRole('button', { name: 'Check it' }).click();
  const checked = check.getByTestId('checked-foreign');
  await expect(checked).toContainText('every check passed');
  await expect(checked).toContainText('The School of Examples');
  await expect(checked).toContainText('nobody vouches for this issuer');

  const receive = card(page, 'Receive');
  await receive.getByLabel('Credential').fill(credential);
  await receive.getByRole('button', { name: 'Check and keep' }).click();
  await expect(receive.getByTestId('kept')).toContainText('AlumniCredential');
  const kept = page.getByTestId('credentials').locator('> li');
  await expect(kept).toHaveCount(1);
  await kept.locator('summary').click();
  await expect(kept).toContainText('another system’s');
  const download = page.waitForEvent('download');
  await kept.getByRole('button', { name: 'Save' }).click();
  expect(await readFile(await (await download).path(), 'utf8')).toBe(credential);
});
