/**
 * Identities as people use them: three profiles of one browser, an issuer, a holder and a verifier, each with a
 * wallet of its own, on a local network with a registry; an agent and its limits; a signed photo and its tampered
 * copy; a backup in a fresh profile.
 */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { expect, test, type Browser, type Locator, type Page } from '@playwright/test';
import { beside, besideApp } from './support/beside.ts';
import {
  card,
  changed,
  makeWallet,
  PASSWORD,
  profile as profileOf,
  saved,
  makeIdentity,
  NOWHERE,
} from './support/profile.ts';
import { pacedNetwork, type Nodes } from './support/programs.ts';

/** Less than the five minutes by which certificates are backdated: the registry goes by its own time. */
const MINUTES_LATE = 3;
const PROOF_MS = 180_000;
/** Wait for what is tried again when it does not come. */
const ONCE_MS = 3_000;
/** What is said of certificates that hold, whether a registry knows them or not. */
const SOUND = /sound, not (registered|looked up yet)|waits for proof|registered and sound/;
const app = besideApp();
const network = beside(() => pacedNetwork(MINUTES_LATE));

/** A fresh profile whose first-run choices are made, and which has verified the head where there is one. */
async function profile(browser: Browser, nodes: Nodes = NOWHERE): Promise<Page> {
  const page = await profileOf(browser, app().url, nodes);
  if (nodes !== NOWHERE)
    await expect(page.locator('.main').getByText('Head verified')).toBeVisible({ timeout: PROOF_MS });
  return page;
}

async function openPart(page: Page, title: string): Promise<void> {
  await page.goto(`${app().url}/#/identity`);
  await page.getByRole('tab', { name: title }).click();
}

const mine = (page: Page, name: string): Locator =>
  page.getByTestId('identities').locator('> li', { hasText: name });

/** Gives the wallet's first account tokens on the registry's network. */
async function fund(page: Page): Promise<void> {
  await page.goto(`${app().url}/#/wallet`);
  const address = await page.getByTestId('accounts').locator('.mono').first().textContent();
  await network().ask(address!);
}

/** Adds an account to the wallet, which then is the only one with tokens on the registry's network. */
async function fundAnother(page: Page, name: string): Promise<void> {
  await page.goto(`${app().url}/#/wallet`);
  const add = card(page, 'Add an account');
  await add.getByLabel('Name').fill(name);
  await add.getByRole('button', { name: 'Add' }).click();
  const account = page.getByTestId('accounts').locator('> *', { hasText: name });
  await network().ask((await account.locator('.mono').first().textContent())!);
}

/** Does what a button of an identity says, having seen what is signed and what it costs. */
async function signAndSend(one: Locator, button: string, call: string, payer?: string): Promise<void> {
  const deed = one.getByRole('group', { name: /“.*”/ });
  await expect(async () => {
    if (await deed.isHidden()) await one.getByRole('button', { name: button }).click();
    await expect(deed).toContainText(call, { timeout: ONCE_MS });
    await expect(deed).toContainText('Costs', { timeout: ONCE_MS });
    if (payer !== undefined)
      await deed.getByLabel('Paid by').selectOption({ label: payer }, { timeout: ONCE_MS });
    await expect(deed.getByRole('button', { name: 'Sign and send' })).toBeVisible({ timeout: ONCE_MS });
  }).toPass({ timeout: PROOF_MS });
  await deed.getByRole('button', { name: 'Sign and send' }).click();
  await expect(one.getByRole('status').filter({ hasText: 'done in block' })).toBeVisible({
    timeout: PROOF_MS,
  });
}

const file = (name: string, buffer: Buffer, mimeType = 'application/octet-stream') => ({
  name,
  mimeType,
  buffer,
});

interface Parties {
  issuer: Page;
  holder: Page;
  verifier: Page;
}

/** Issuer certifies something of the holder, who shows one claim of it to the verifier, who has not looked yet. */
async function exchange({ issuer, holder, verifier }: Parties): Promise<{
  issue: Locator;
  ask: Locator;
  /** Brings the issuer's list of revocations to the verifier. */
  takeList: () => Promise<void>;
}> {
  const exported = async (page: Page, name: string) => {
    const one = mine(page, name);
    if (await one.getByRole('button', { name: 'Save as a file for others' }).isHidden())
      await one.locator('summary').first().click();
    return saved(page, () => one.getByRole('button', { name: 'Save as a file for others' }).click());
  };
  const adaFile = await exported(holder, 'Ada');
  const townFile = await exported(issuer, 'Town hall');
  for (const [page, buffer, name] of [
    [issuer, adaFile, 'Ada'],
    [verifier, townFile, 'Town hall'],
  ] as const) {
    await openPart(page, 'Who I am');
    const add = card(page, 'Add an identity from a file');
    await add.getByLabel('File').first().setInputFiles(file('identity.pem', buffer));
    await expect(add.getByText(SOUND)).toBeVisible();
    await add.getByRole('button', { name: 'Add' }).click();
    await expect(card(page, 'People and organisations you know').getByText(name).first()).toBeVisible();
  }

  await openPart(issuer, 'Credentials');
  const issue = card(issuer, 'Certify something of somebody');
  await issue.getByLabel(/^Of/).selectOption({ index: 2 });
  await issue.getByRole('button', { name: 'Issue' }).click();
  const credential = await issue.getByLabel('Give this to them').inputValue();

  await openPart(holder, 'Credentials');
  await holder.getByLabel('Credential').first().fill(credential);
  await holder.getByRole('button', { name: 'Check and keep' }).click();
  await expect(holder.getByTestId('credentials').locator('li')).toHaveCount(1);

  await openPart(verifier, 'Credentials');
  const ask = card(verifier, 'Ask somebody to show something');
  await ask.getByLabel('Who asks').fill('The bar');
  await ask.getByLabel('Claims').fill('age_over_18');
  await ask.getByRole('button', { name: 'Make a request' }).click();
  const request = await ask.getByLabel('Give them this request').inputValue();

  const show = card(holder, 'Show something to somebody');
  await show.getByLabel('Their request').fill(request);
  await show.getByRole('button', { name: 'See what is asked' }).click();
  await expect(show.getByText('They will see: age_over_18: true')).toBeVisible();
  await expect(show.getByText('They will not see: given_name')).toBeVisible();
  await show.getByRole('button', { name: 'Show exactly this' }).click();
  const answer = await show.getByLabel('Give them this answer').inputValue();
  expect(answer).not.toContain('given_name');
  const takeList = async () => {
    const list = await issuer.getByLabel('Publish this').inputValue();
    await verifier.getByLabel('Credential').first().fill(list);
    await verifier.getByRole('button', { name: /list of revocations/ }).click();
    await expect(verifier.getByLabel('Credential').first()).toHaveValue('');
  };
  await issue.getByText('Your list of revocations, for').click();
  await issue.getByRole('button', { name: 'Sign the present list' }).click();
  await takeList();
  await ask.getByLabel('Their answer').fill(answer);
  return { issue, ask, takeList };
}

async function checkAnswer(verifier: Page, ask: Locator): Promise<void> {
  await ask.getByRole('button', { name: 'Check the answer' }).click();
  await expect(verifier.getByTestId('checked')).toContainText('every check passed');
  await expect(verifier.getByTestId('checked')).toContainText('age_over_18');
  await expect(verifier.getByTestId('checked')).not.toContainText('given_name');
}

test('issue, show one claim, verify, revoke, and see it refused', async ({ browser }) => {
  const parties = {
    issuer: await profile(browser),
    holder: await profile(browser),
    verifier: await profile(browser),
  };
  const { issuer, holder, verifier } = parties;
  for (const page of [issuer, holder, verifier]) await makeWallet(page);
  await makeIdentity(issuer, 'Town hall');
  await makeIdentity(holder, 'Ada');
  const { issue, ask, takeList } = await exchange(parties);
  await checkAnswer(verifier, ask);

  // Not only right after it was issued.
  await openPart(issuer, 'Who I am');
  await openPart(issuer, 'Credentials');
  issuer.on('dialog', (dialog) => void dialog.accept());
  await issue.getByText('Issued, to revoke: 1').click();
  await changed(issuer.getByLabel('Publish this'), () =>
    issue.getByTestId('issued').getByRole('button', { name: 'Revoke' }).click(),
  );
  await expect(issue.getByRole('status').filter({ hasText: 'Revoked: person of Ada' })).toBeVisible();
  await expect(issue.getByTestId('issued').getByText('revoked', { exact: true })).toBeVisible();
  await takeList();
  await ask.getByRole('button', { name: 'Check the answer' }).click();
  await expect(ask.getByRole('alert')).toContainText('revoked');
  await expect(verifier.getByTestId('checked')).toHaveCount(0);
});

test('on a network with a registry: register, verify by proof, revoke, and see it refused', async ({
  browser,
}) => {
  const parties = {
    issuer: await profile(browser, network()),
    holder: await profile(browser, network()),
    verifier: await profile(browser, network()),
  };
  const { issuer, holder, verifier } = parties;
  for (const page of [issuer, holder, verifier]) await makeWallet(page);
  await fundAnother(issuer, 'Treasury');
  await makeIdentity(issuer, 'Town hall');
  await makeIdentity(holder, 'Ada');
  const townHall = mine(issuer, 'Town hall');
  await townHall.locator('summary').first().click();
  await expect(townHall).toContainText('did:autoid:dev:');
  await signAndSend(townHall, 'Register on the network', 'AutoId.register_auto_id', 'Treasury');
  const { ask } = await exchange(parties);

  // The registration counts once a receipt that the consensus chain confirmed proves it.
  await expect(async () => {
    await checkAnswer(verifier, ask);
    await expect(verifier.getByTestId('checked')).toContainText('registered and sound', { timeout: ONCE_MS });
  }).toPass({ timeout: PROOF_MS });
  await openPart(issuer, 'Who I am');
  await townHall.locator('summary').first().click();
  await expect(townHall.getByTestId('as-of')).toContainText('Proven: block');

  const did = /did:autoid:dev:[0-9a-f]{64}/.exec((await townHall.textContent())!)![0];
  await openPart(holder, 'Who I am');
  const lookUp = card(holder, 'Look an identity up');
  await lookUp.getByLabel('Name').fill(did);
  // The holder's node may be a block behind.
  await expect(async () => {
    await lookUp.getByRole('button', { name: 'Look up' }).click();
    await expect(holder.getByTestId('looked-up')).toContainText('registered, proven', { timeout: ONCE_MS });
  }).toPass({ timeout: PROOF_MS });

  await signAndSend(townHall, 'Revoke', 'AutoId.revoke_certificate', 'Treasury');
  await ask.getByRole('button', { name: 'Check the answer' }).click();
  await expect(ask.getByRole('alert')).toContainText('revoked');
  await expect(verifier.getByTestId('checked')).toHaveCount(0);
});

test('a signed photo verifies and its tampered copy does not', async ({ browser }) => {
  const page = await profile(browser);
  await makeWallet(page);
  await makeIdentity(page, 'Ada');
  await openPart(page, 'Signed files');
  const photo = await readFile('public/icon-192.png');
  const sign = card(page, 'Sign a file');
  await sign
    .getByLabel('File')
    .first()
    .setInputFiles(file('photo.png', photo, 'image/png'));
  const flipped = (content: Buffer) => {
    const copy = Buffer.from(content);
    copy[copy.length - 40]! ^= 1;
    return copy;
  };
  const check = card(page, 'Check a file');
  const checked = async (content: Buffer) => {
    await check
      .getByLabel('File')
      .first()
      .setInputFiles(file('photo.png', content, 'image/png'));
    await check.getByRole('button', { name: 'Check' }).click();
  };

  const inside = await saved(page, () => sign.getByRole('button', { name: 'Sign' }).click());
  await checked(inside);
  await expect(page.getByTestId('media')).toContainText('not a byte was changed');
  await expect(page.getByTestId('media')).toContainText('Ada');
  await checked(flipped(inside));
  await expect(check.getByRole('alert')).toContainText('changed after it was signed');
  await checked(photo);
  await expect(check.getByRole('alert')).toContainText('no signature inside');

  await sign.getByLabel('Put the signature inside the file').uncheck();
  const statement = await saved(page, () => sign.getByRole('button', { name: 'Sign' }).click());
  await check.getByLabel('Its statement').setInputFiles(file('photo.png.provenance', statement));
  await checked(photo);
  await expect(page.getByTestId('provenance')).toContainText('not a byte was changed');
  await checked(flipped(photo));
  await expect(check.getByRole('alert')).toContainText('it was changed');
});

test('a backup opens in a fresh profile, and a wrong password changes nothing', async ({ browser }) => {
  const page = await profile(browser);
  await makeWallet(page);
  await makeIdentity(page, 'Ada');
  await page.goto(`${app().url}/#/wallet`);
  const address = await page.getByTestId('accounts').locator('.mono').first().textContent();
  await page.getByRole('tab', { name: 'Safety' }).click();
  const backup = await saved(page, () => page.getByRole('button', { name: 'Save a backup' }).click());
  // With what follows the name as it would stand there: its letters alone turn up in ciphertext now and then.
  expect(backup.toString()).not.toMatch(/"Ada[~"]/);

  const fresh = await profile(browser);
  await fresh.goto(`${app().url}/#/wallet`);
  await fresh.getByRole('button', { name: 'I have a backup file' }).click();
  await fresh.getByLabel('Backup file').setInputFiles(file('wallet.json', backup, 'application/json'));
  await fresh.getByLabel('Password of the backup').fill('not the password');
  await fresh.getByRole('button', { name: 'Restore' }).click();
  await expect(fresh.getByRole('alert')).toContainText('not the password');
  await fresh.getByLabel('Password of the backup').fill(PASSWORD);
  await fresh.getByRole('button', { name: 'Restore' }).click();
  await expect(fresh.getByTestId('accounts').locator('.mono').first()).toHaveText(address!);
  await openPart(fresh, 'Who I am');
  await expect(fresh.getByTestId('identities').getByText('Ada', { exact: true })).toBeVisible();
  await fresh.goto(`${app().url}/#/wallet`);
  await fresh.getByRole('button', { name: 'Lock now' }).click();
  const unlock = fresh.getByRole('button', { name: 'Unlock' });
  await expect(unlock).toBeVisible();
  await fresh.getByLabel('Password', { exact: true }).fill('not the password');
  await unlock.click();
  await expect(fresh.getByRole('alert')).toContainText('not the password');
});

test('an agent acts within its limit and is refused beyond it', async ({ browser }) => {
  const page = await profile(browser, network());
  await makeWallet(page);
  await fund(page);
  await makeIdentity(page, 'Alice');
  await openPart(page, 'Agents');
  const make = card(page, 'Make an agent');
  await make.getByLabel('Name of the agent').fill('Shopper');
  await make.getByLabel('What it is for').fill('Buys bread');
  await make.getByLabel('At most, each time').fill('10');
  await make.getByRole('button', { name: 'Make it' }).click();
  const agent = page.getByTestId('delegations').locator('> li');
  await agent.locator('summary').click();
  await expect(agent).toContainText('each time at most 10 tAI3');
  await agent.getByLabel('Password for the agent’s file').fill('agent password');
  const agentFile = await saved(page, () =>
    agent.getByRole('button', { name: 'Save the agent’s file' }).click(),
  );
  const path = test.info().outputPath('agent.json');
  await writeFile(path, agentFile);

  // Its authority is looked up in the registry, by proof.
  await openPart(page, 'Who I am');
  for (const name of ['Alice', 'Shopper']) {
    await mine(page, name).locator('summary').first().click();
    await signAndSend(mine(page, name), 'Register on the network', 'AutoId.register_auto_id');
  }
  await expect(mine(page, 'Shopper')).toContainText('registered and sound', { timeout: PROOF_MS });
  await openPart(page, 'Agents');

  const judge = card(page, 'Judge what an agent asks');
  const newQuestion = () =>
    changed(judge.getByLabel('The question'), () =>
      judge.getByRole('button', { name: 'New question' }).click(),
    );
  for (const [amount, verdict] of [
    [10n ** 19n, 'The agent may do this.'],
    [10n ** 19n + 1n, 'not-covered'],
  ] as const) {
    const question = JSON.parse(await newQuestion()) as Record<string, string>;
    const used = await allotment(
      ['agent', 'use', path, '--audience', question['audience']!, '--nonce', question['nonce']!],
      ['--resource', 'auto:pay', '--action', 'spend', '--amount', `per_tx=${amount}`],
    );
    if (verdict === 'not-covered') {
      // The command line refuses by itself what the permission does not cover.
      expect(used).toEqual({ code: 1, output: '' });
      continue;
    }
    await judge.getByLabel('The agent’s request').fill(used.output);
    await judge.getByRole('button', { name: 'Judge' }).click();
    await expect(judge.getByRole('status')).toContainText(verdict);
    await expect(judge.getByRole('status')).toContainText('Proven: block');
    await expect(page.getByTestId('audit').locator('li')).toHaveCount(1);
    // The same request again answers an old question.
    await newQuestion();
    await judge.getByRole('button', { name: 'Judge' }).click();
    await expect(judge.getByRole('alert')).toContainText('replay');
  }
});

function allotment(...args: string[][]): Promise<{ code: number; output: string }> {
  const env = { ...process.env, ALLOTMENT_AGENT_PASSWORD: 'agent password' };
  return new Promise((done) => {
    execFile(
      process.execPath,
      ['--import', 'tsx', 'src/cli/main.ts', ...args.flat()],
      { env },
      (error, output) => done({ code: error === null ? 0 : Number(error.code), output }),
    );
  });
}
