/** A credential whose showings cannot be linked: asked for, issued, shown twice, checked, in three profiles. */
import { expect, test, type Page } from '@playwright/test';
import { identityKilobytes } from '../scripts/chunk-size.ts';
import { besideApp } from './support/beside.ts';
import {
  NOWHERE,
  card,
  changed,
  identityPart,
  makeIdentity,
  makeWallet,
  profile,
} from './support/profile.ts';

const app = besideApp();

/** Shows what is asked for, and only the age of it. */
async function answer(holder: Page, request: string): Promise<string> {
  const show = card(holder, 'Show something to somebody');
  await show.getByLabel('Their request').fill(request);
  await show.getByRole('button', { name: 'See what is asked' }).click();
  await expect(show.getByText('They will see: age_over_18: true')).toBeVisible();
  await expect(show.getByText('They will not see: given_name')).toBeVisible();
  await expect(show.getByText('cannot be linked', { exact: true })).toBeVisible();
  await show.getByRole('button', { name: 'Show exactly this' }).click();
  return show.getByLabel('Give them this answer').inputValue();
}

/** Connects two wallets on their credentials screens by the codes that they show each other. */
async function meet(first: Page, second: Page): Promise<void> {
  const [one, other] = [card(first, 'Meet somebody'), card(second, 'Meet somebody')];
  await one.getByRole('button', { name: 'Begin' }).click();
  const offer = await one.getByLabel('Show them this').inputValue();
  await other.getByLabel('Or join').fill(offer);
  await other.getByRole('button', { name: 'Join' }).click();
  await one.getByLabel('What they show in return').fill(await other.getByLabel('in return').inputValue());
  await one.getByRole('button', { name: 'Connect' }).click();
  for (const end of [one, other]) await expect(end.getByText('connected', { exact: true })).toBeVisible();
  expect(await one.getByTestId('meeting-digits').textContent()).toBe(
    await other.getByTestId('meeting-digits').textContent(),
  );
}

test('two wallets meet without a server: credential, question and answer go over', async ({ browser }) => {
  const [town, ada] = [
    await profile(browser, app().url, NOWHERE),
    await profile(browser, app().url, NOWHERE),
  ];
  for (const page of [town, ada]) {
    await makeWallet(page);
    await identityPart(page, 'credentials');
  }
  await makeIdentity(town, 'Town hall');
  await identityPart(town, 'credentials');
  await meet(town, ada);

  await ada.getByText('Ask for one that cannot be linked').click();
  await card(ada, 'Receive').getByRole('button', { name: 'Make a request' }).click();
  await card(ada, 'Receive').getByRole('button', { name: 'Send it over' }).click();
  const issue = card(town, 'Certify something of somebody');
  await expect(issue.getByLabel('Their request')).toHaveValue(/unlinkable-request/);
  await issue.getByLabel('Claims').fill('given_name = Ada\nbirth_date = 1990-05-01');
  await issue.getByRole('button', { name: 'Issue' }).click();
  await issue.getByRole('button', { name: 'Send it over' }).click();
  await expect(ada.getByLabel('Credential').first()).toHaveValue(/credential/);
  await ada.getByRole('button', { name: 'Check and keep' }).click();
  await expect(ada.getByTestId('credentials').locator('> li')).toContainText('cannot be linked');

  const ask = card(town, 'Ask somebody to show something');
  await ask.getByLabel('Who asks').fill('The town');
  await ask.getByLabel('To be proved').selectOption('age-least');
  await ask.getByLabel('Years').fill('18');
  await ask.getByLabel('Know them again').check();
  await ask.getByRole('button', { name: 'Make a request' }).click();
  await ask.getByRole('button', { name: 'Send it over' }).click();
  const show = card(ada, 'Show something to somebody');
  await expect(show.getByText(/born on or before \d{4}-\d\d-\d\d, without telling more/)).toBeVisible();
  await expect(show.getByText(/They will not see: .*birth_date/)).toBeVisible();
  await expect(show.getByText('They will know you when you come back')).toBeVisible();
  await show.getByRole('button', { name: 'Show exactly this' }).click();
  await show.getByRole('button', { name: 'Send it over' }).click();
  await expect(ask.getByLabel('Their answer')).toHaveValue(/vp_token/);
  await ask.getByRole('button', { name: 'Check the answer' }).click();
  await expect(town.getByTestId('checked')).toContainText('every check passed');
  await expect(town.getByTestId('checked')).toContainText('born on or before');
  await expect(town.getByTestId('checked')).not.toContainText('1990');
  await expect(town.getByTestId('checked')).toContainText('Known to you as');
  // Longer than a code holds: shown as several in turn.
  await show.getByRole('button', { name: 'Show as a code' }).click();
  await expect(show.getByText(/\d+ codes in turn/)).toBeVisible();

  await card(town, 'Meet somebody').getByRole('button', { name: 'Leave' }).click();
  await expect(card(ada, 'Meet somebody').getByRole('alert')).toContainText('has left');
});

test('the screens of identities stay small', () => {
  const kilobytes = identityKilobytes('dist');
  expect(kilobytes).toBeGreaterThan(20);
  expect(kilobytes).toBeLessThan(150);
});

test('a credential that cannot be linked is asked for, issued, shown and checked', async ({ browser }) => {
  const [issuer, holder, verifier] = [
    await profile(browser, app().url, NOWHERE),
    await profile(browser, app().url, NOWHERE),
    await profile(browser, app().url, NOWHERE),
  ];
  for (const page of [issuer, holder, verifier]) await makeWallet(page);
  await makeIdentity(issuer, 'Town hall');

  await identityPart(holder, 'credentials');
  await holder.getByText('Ask for one that cannot be linked').click();
  await card(holder, 'Receive').getByRole('button', { name: 'Make a request' }).click();
  const wanted = await holder.getByLabel('Give this to the issuer').inputValue();

  await identityPart(issuer, 'credentials');
  const issue = card(issuer, 'Certify something of somebody');
  await issue.getByLabel('Several showings').selectOption('unlinkable');
  await issue.getByLabel('Their request').fill(wanted);
  await issue.getByRole('button', { name: 'Issue' }).click();
  const credential = await issue.getByLabel('Give this to them').inputValue();
  await expect(issue.getByText('To renew: 1')).toBeVisible();

  await holder.getByLabel('Credential').first().fill(credential);
  await holder.getByRole('button', { name: 'Check and keep' }).click();
  await expect(holder.getByTestId('credentials').locator('> li')).toContainText('cannot be linked');

  await identityPart(verifier, 'credentials');
  const ask = card(verifier, 'Ask somebody to show something');
  await ask.getByLabel('Who asks').fill('The bar');
  await ask.getByLabel('Claims').fill('age_over_18');
  const answers: string[] = [];
  for (let visit = 0; visit < 2; visit += 1) {
    const request = await changed(ask.getByLabel('Give them this request'), () =>
      ask.getByRole('button', { name: 'Make a request' }).click(),
    );
    const given = await answer(holder, request);
    answers.push(given);
    await ask.getByLabel('Their answer').fill(given);
    await ask.getByRole('button', { name: 'Check the answer' }).click();
    const checked = verifier.getByTestId('checked');
    await expect(checked).toContainText('every check passed');
    await expect(checked).toContainText('cannot be linked');
    await expect(checked).toContainText('age_over_18');
    await expect(checked).not.toContainText('given_name');
  }
  expect(answers[0]).not.toBe(answers[1]);
  // An answer to the first question answers no other.
  await ask.getByLabel('Their answer').fill(answers[0]!);
  await ask.getByRole('button', { name: 'Check the answer' }).click();
  await expect(ask.getByRole('alert')).toContainText('not made for the question');
  // Nor does a stranger's wallet take the credential.
  await verifier.getByLabel('Credential').first().fill(credential);
  await verifier.getByRole('button', { name: 'Check and keep' }).click();
  await expect(card(verifier, 'Receive').getByRole('alert')).toContainText('request of this wallet');
});
