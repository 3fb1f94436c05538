/**
 * Credentials of another system, the W3C's kind: checked from a file, taken in, handed on, refused when changed; shown in
 * part.
 */
import { readFile } from 'node:fs/promises';
import { expect, test } from '@playwright/test';
import { bbsIssuer } from '../src/identity/testing/bbs-issuer.ts';
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

test('of one with a bbs-2023 proof only what is asked is shown, and checked', async ({ browser }) => {
  const issuer = await bbsIssuer(new Uint8Array(32).fill(5));
  const midnight = (days: number) => `${day(days).slice(0, 10)}T00:00:00Z`;
  const base = await issuer.issue({ validFrom: midnight(-2), validUntil: midnight(300) });
  const page = await profile(browser, app().url, NOWHERE);
  const asked: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  await makeWallet(page);
  await identityPart(page, 'credentials');
  const receive = card(page, 'Receive');
  await receive.getByLabel('Credential').fill(base);
  await receive.getByRole('button', { name: 'Check and keep' }).click();
  await expect(receive.getByTestId('kept')).toContainText('AlumniCredential');

  const ask = card(page, 'Ask somebody to show something');
  await ask.getByLabel('Who asks').fill('Bar');
  await ask.getByLabel('Kind of credential').fill('AlumniCredential');
  await ask.getByLabel('Claims').fill('degree.year');
  await ask.getByLabel('Take a showing that').selectOption('foreign');
  await ask.getByRole('button', { name: 'Make a request' }).click();
  const request = await ask.getByLabel('Give them this request').inputValue();
  const show = card(page, 'Show something to somebody');
  await show.getByLabel('Their request').fill(request);
  await show.getByRole('button', { name: 'See what is asked' }).click();
  await expect(show.getByText('They will see: degree › year: 2028')).toBeVisible();
  await expect(show.getByText('They will not see: alumniOf, degree › subject')).toBeVisible();
  await expect(show.getByText('cannot be linked', { exact: true })).toBeVisible();
  await show.getByRole('button', { name: 'Show exactly this' }).click();
  const answer = await show.getByLabel('Give them this answer').inputValue();
  expect(answer).not.toContain('Physics');
  await ask.getByLabel('Their answer').fill(answer.replace('2028', '2029'));
  await ask.getByRole('button', { name: 'Check the answer' }).click();
  await expect(ask.getByRole('alert')).toContainText('This was changed');
  await ask.getByLabel('Their answer').fill(answer);
  await ask.getByRole('button', { name: 'Check the answer' }).click();
  await expect(ask.getByTestId('checked')).toContainText('2028');
  await expect(ask.getByTestId('checked')).toContainText('may be somebody else’s');
  const own = new URL(app().url).host;
  expect(asked.filter((url) => url.startsWith('http') && new URL(url).host !== own)).toEqual([]);
});
