/** What identities say of each other: several stand behind one, and one follows another. */
import { expect, test } from '@playwright/test';
import { besideApp } from './support/beside.ts';
import { NOWHERE, card, makeIdentity, makeWallet, profile } from './support/profile.ts';

const app = besideApp();

test('two stand behind an identity until one withdraws; a new identity follows an old', async ({
  browser,
}) => {
  const page = await profile(browser, app().url, NOWHERE);
  page.on('dialog', (dialog) => void dialog.accept());
  await makeWallet(page);
  for (const name of ['School', 'Union']) await makeIdentity(page, name);
  const file = (name: string, text: string) => ({ name, mimeType: 'text/plain', buffer: Buffer.from(text) });
  const mine = (name: string) =>
    page.getByTestId('identities').locator('> li', { has: page.locator('summary', { hasText: name }) });

  const get = card(page, 'Get one from somebody');
  await get.getByLabel('Name you wish').fill('Grace');
  await get.getByRole('button', { name: 'Make a request' }).click();
  const request = await get.getByLabel('Give this to the issuer').inputValue();
  const vouch = card(page, 'Vouch for somebody');
  await vouch.getByLabel('Their request').setInputFiles(file('request.csr', request));
  await vouch.getByLabel('Vouch as').selectOption({ label: 'School' });
  await vouch.getByRole('button', { name: 'Issue' }).click();
  const chain = await vouch.getByLabel('Give this back').inputValue();
  await get.getByLabel('What the issuer gave back').setInputFiles(file('identity.pem', chain));
  await get.getByRole('button', { name: 'Take it in' }).click();
  await expect(mine('Grace')).toBeVisible();

  const statements = card(page, 'Several issuers, and successors');
  await statements.getByText('Stand behind an identity with others').click();
  await statements.getByLabel(/^As/).selectOption({ label: 'Union' });
  await statements.getByLabel(/^Behind/).selectOption({ index: 0 });
  await statements.getByRole('checkbox', { name: 'School' }).check();
  await statements.getByRole('button', { name: 'Sign', exact: true }).click();
  const statement = await statements.getByLabel('Give this to them').inputValue();
  await statements.getByLabel('A statement about an identity').fill(`${statement}x`);
  await statements.getByRole('button', { name: 'Check and keep' }).click();
  await expect(statements.getByRole('alert')).toBeVisible();
  await statements.getByLabel('A statement about an identity').fill(statement);
  await statements.getByRole('button', { name: 'Check and keep' }).click();
  await expect(statements.getByRole('status')).toContainText('Kept with');
  await mine('Grace').locator('summary').first().click();
  await expect(mine('Grace')).toContainText('2 of 2 issuers; they say that 2 are needed');
  await statements.getByRole('button', { name: 'No longer' }).click();
  await expect(mine('Grace')).not.toContainText('2 of 2');

  await statements.getByText('Replace an identity of yours by another').click();
  await statements.getByLabel('The old one').selectOption({ label: 'School' });
  await statements.getByLabel('Is followed by').selectOption({ label: 'Union' });
  await statements.getByRole('button', { name: 'Sign with both' }).click();
  await mine('School').locator('summary').first().click();
  await expect(mine('School')).toContainText('Union, as both say');
});
