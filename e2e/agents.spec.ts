/**
 * A permission between three wallets: one gives it, another uses it within its limits, a third judges, until it is taken
 * back; and who has an identity proves it to whoever asks.
 */
import { expect, test, type Page } from '@playwright/test';
import { besideApp } from './support/beside.ts';
import {
  card,
  changed,
  identityPart,
  makeIdentity,
  makeWallet,
  NOWHERE,
  profile,
  saved,
} from './support/profile.ts';

const app = besideApp();

/** The certificates of an identity of the wallet. */
async function certificates(page: Page, name: string): Promise<Buffer> {
  const one = page.getByTestId('identities').locator('> li', { hasText: name });
  await one.locator('summary').first().click();
  return saved(page, () => one.getByRole('button', { name: 'Save as a file for others' }).click());
}

async function know(page: Page, name: string, buffer: Buffer): Promise<void> {
  await identityPart(page, 'people');
  const add = card(page, 'Add an identity from a file');
  const file = { name: 'identity.pem', mimeType: 'text/plain', buffer };
  await add.getByLabel('File').first().setInputFiles(file);
  await add.getByRole('button', { name: 'Add' }).click();
  await expect(card(page, 'People and organisations you know').getByText(name).first()).toBeVisible();
}

test('a permission is given, used within its limits, and refused everywhere once it is taken back', async ({
  browser,
}) => {
  const [alice, bob, shop] = [
    await profile(browser, app().url, NOWHERE),
    await profile(browser, app().url, NOWHERE),
    await profile(browser, app().url, NOWHERE),
  ];
  for (const page of [alice, bob, shop]) {
    page.on('dialog', (dialog) => void dialog.accept());
    await makeWallet(page);
  }
  await makeIdentity(alice, 'Alice');
  await makeIdentity(bob, 'Bob');
  await know(alice, 'Bob', await certificates(bob, 'Bob'));
  await know(shop, 'Alice', await certificates(alice, 'Alice'));
  for (const page of [alice, bob, shop]) await identityPart(page, 'agents');

  const give = card(alice, 'Give somebody a permission');
  await give.getByLabel('At most, each time').fill('10');
  const permission = await changed(give.getByLabel('Give them this permission'), () =>
    give.getByRole('button', { name: 'Sign it' }).click(),
  );
  const keep = card(bob, 'Take in');
  await keep.getByLabel('A permission that somebody gave you').fill(permission);
  await keep.getByLabel('Call it').fill('Shopping for Alice');
  await keep.getByRole('button', { name: 'Keep the permission' }).click();
  const held = bob.getByTestId('delegations').locator('> li', { hasText: 'Shopping for Alice' });
  await held.locator('summary').click();

  const judge = card(shop, 'Judge what an agent asks');
  const ask = async (amount: string) => {
    const question = await changed(judge.getByLabel('The question'), () =>
      judge.getByRole('button', { name: 'New question' }).click(),
    );
    await held.getByLabel('Their question').fill(question);
    await held.getByLabel('How much').fill(amount);
    const request = await changed(held.getByLabel('Give them this request'), () =>
      held.getByRole('button', { name: 'Sign the request' }).click(),
    );
    await judge.getByLabel('On whose authority').selectOption({ index: 0 });
    await judge.getByLabel('The agent’s request').fill(request);
    await judge.getByRole('button', { name: 'Judge' }).click();
  };
  await ask('10');
  await expect(judge.getByRole('status')).toContainText('The agent may do this.');
  await ask('10.5');
  await expect(judge.getByRole('status')).toContainText('The agent is not allowed to do this.');

  const given = alice.getByTestId('delegations').locator('> li', { hasText: 'Bob' });
  await given.locator('summary').click();
  await given.getByRole('button', { name: 'Take it back' }).click();
  await expect(given.getByText('taken back', { exact: true })).toBeVisible();
  // Whoever did not hand the list over at once can do it later.
  await identityPart(alice, 'people');
  await identityPart(alice, 'agents');
  await given.locator('summary').click();
  await given.getByRole('button', { name: 'Sign the list that tells others' }).click();
  const list = await given.getByLabel('Tell others that it no longer holds').inputValue();
  const take = card(shop, 'Take in');
  await take.getByLabel('A list of permissions that somebody took back').fill(list);
  await take.getByRole('button', { name: 'Keep the list' }).click();
  await expect(take.getByRole('status')).toContainText('1 permission taken back');
  await ask('10');
  await expect(judge.getByRole('status')).toContainText('was revoked');
});

test('who has an identity proves it to whoever asks, once', async ({ browser }) => {
  const [ada, door] = [
    await profile(browser, app().url, NOWHERE),
    await profile(browser, app().url, NOWHERE),
  ];
  ada.on('dialog', (dialog) => void dialog.accept());
  for (const page of [ada, door]) await makeWallet(page);
  await makeIdentity(ada, 'Ada');
  await identityPart(door, 'people');
  const [asks, proves] = [card(door, 'Is it really them?'), card(ada, 'Is it really them?')];
  await asks.getByLabel('Who asks').fill('The door');
  const ask = () =>
    changed(asks.getByLabel('Give them this question'), () =>
      asks.getByRole('button', { name: 'Make a question' }).click(),
    );
  await proves.getByText('Prove that you are one of yours').click();
  await proves.getByLabel('Their question').fill(await ask());
  const proof = await changed(proves.getByLabel('Give them this proof'), () =>
    proves.getByRole('button', { name: 'Prove it' }).click(),
  );
  const check = async () => {
    await asks.getByLabel('Their answer').fill(proof);
    await asks.getByRole('button', { name: 'Check the answer' }).click();
  };
  await check();
  await expect(door.getByTestId('proved')).toContainText('somebody you do not know');
  await expect(door.getByTestId('proved')).toContainText('did:autoid:off:');
  await ask();
  await check();
  await expect(asks.getByRole('alert')).toBeVisible();
  await expect(door.getByTestId('proved')).toHaveCount(0);
});
