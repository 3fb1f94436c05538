/** A passport that a phone read: its files are checked in the tab, refused when changed, kept as credential and evidence. */
import { expect, test } from '@playwright/test';
import type { PassportFile } from '../src/identity/passport/files.ts';
import {
  foundState,
  makeMasterList,
  makeMrz,
  makePassport,
  YEAR_MS,
} from '../src/identity/testing/passport.ts';
import { violations } from './support/accessibility.ts';
import { besideApp } from './support/beside.ts';
import { card, identityPart, makeIdentity, makeWallet, NOWHERE, profile } from './support/profile.ts';

const app = besideApp();
/** Whole seconds, as certificates have them. */
const now = Math.floor(Date.now() / 1000) * 1000;

const chosen = ({ name, content }: PassportFile) => ({
  name,
  mimeType: 'application/octet-stream',
  buffer: Buffer.from(content),
});

test('a passport is checked, refused when changed, kept, and counts for the score', async ({ browser }) => {
  const utopia = await foundState(now);
  const expiry = new Date(now + 5 * YEAR_MS).toISOString().slice(2, 10).replaceAll('-', '');
  const { files, dg1, sod } = await makePassport(utopia, { mrz: makeMrz('TD3', { expiry }) });
  const list = await makeMasterList([utopia.authority], now);

  const page = await profile(browser, app().url, NOWHERE);
  await makeWallet(page);
  await makeIdentity(page, 'Ada');
  const asked: string[] = [];
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== new URL(app().url).origin || request.method() !== 'GET')
      asked.push(request.url());
  });
  await identityPart(page, 'score');
  const passport = card(page, 'A passport as evidence');
  await passport.getByRole('button', { name: 'Choose the files' }).click();
  const check = async (given: readonly PassportFile[]) => {
    await passport.getByLabel('Files of the passport').setInputFiles(given.map(chosen));
    await passport.getByRole('button', { name: 'Check it' }).click();
  };
  const found = passport.getByTestId('passport');

  const forged = { ...dg1, content: dg1.content.with(12, 0x5a) };
  await check([forged, sod]);
  await expect(passport.getByRole('alert')).toContainText('Data group 1 was changed');
  await check(files);
  await expect(found).toContainText('who signed them is not known');
  await expect(passport.getByRole('button', { name: 'Keep it' })).toHaveCount(0);

  await passport.getByLabel('Certificates of countries').setInputFiles(chosen(list));
  await check(files);
  await expect(found).toContainText('signed by Utopia, unchanged');
  await expect(found).toContainText('ANNA MARIA ERIKSSON');
  await found.getByText('What this does not prove').click();
  await expect(found).toContainText('nobody compared a face');
  await found.getByText('Technical details').click();
  await expect(found).toContainText('ECDSA, P-256, SHA-256');
  await expect(found).toContainText('CSCA Utopia');
  for (const [width, colorScheme] of [
    [390, 'light'],
    [1280, 'dark'],
    [320, 'light'],
  ] as const) {
    await page.setViewportSize({ width, height: 800 });
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    expect.soft(await violations(page), `${colorScheme}, ${width} px`).toEqual([]);
  }

  await passport.getByLabel('With a credential for').selectOption({ label: 'Ada' });
  await passport.getByRole('button', { name: 'Keep it' }).click();
  await expect(passport.getByRole('status')).toContainText('It counts for your score now');
  const evidence = page.getByTestId('evidence').locator('> li');
  await expect(evidence).toHaveCount(1);
  await expect(evidence).toContainText('counts 27.0 % of at most 90.0 %');
  await expect(evidence).toContainText('could be a copy');
  expect(asked.filter((url) => !url.startsWith('ws:'))).toEqual([]);
  expect(page.url()).not.toMatch(/ERIKSSON|L898902C3/);

  await identityPart(page, 'credentials');
  const credential = page.getByTestId('credentials').locator('> li');
  await credential.locator('summary').click();
  await expect(credential).toContainText('by yourself');
  await expect(credential).toContainText('L898902C3');
  await expect(credential).toContainText('Provable without telling');
});
