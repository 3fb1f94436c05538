/** Credentials from an issuer on the web and for a verifier there, which an independent implementation speaks for. */
import { randomBytes } from 'node:crypto';
import { Openid4vpVerifier } from '@openid4vc/openid4vp';
import { expect, test, type Locator, type Page } from '@playwright/test';
import { callbacks, issuerKey, residence, statusToken, TYPE } from '../src/identity/testing/web-issuer.ts';
import { besideApp } from './support/beside.ts';
import { startOpenIdHost, type OpenIdHost } from './support/openid-host.ts';
import { qrPicture } from './support/picture.ts';
import { NOWHERE, card, identityPart, makeIdentity, makeWallet, profile } from './support/profile.ts';

const app = besideApp();
let host: OpenIdHost;

test.beforeEach(async () => {
  host = await startOpenIdHost();
});
test.afterEach(() => host?.stop());

/** A profile with a wallet and the identity Ada, on the credentials screen. */
async function ada(page: Page): Promise<Page> {
  await makeWallet(page);
  await makeIdentity(page, 'Ada');
  await identityPart(page, 'credentials');
  return page;
}

async function look(page: Page, link: string): Promise<Locator> {
  await page.getByLabel('Credential').first().fill(link);
  await page.getByRole('button', { name: 'Check and keep' }).click();
  return card(page, 'An offer');
}

/** What a verifier that is known by its address asks for. */
const asked = () => ({
  response_type: 'vp_token' as const,
  client_id: `redirect_uri:${host.origin}/answer`,
  response_uri: `${host.origin}/answer`,
  response_mode: 'direct_post' as const,
  nonce: randomBytes(16).toString('base64url'),
  state: 'state-1',
  client_metadata: { client_name: 'The bar', vp_formats_supported: {} },
  dcql_query: {
    credentials: [
      {
        id: 'who',
        format: 'dc+sd-jwt',
        meta: { vct_values: [TYPE] },
        claims: [{ path: ['town'] }],
      },
    ],
  },
});

const verifier = new Openid4vpVerifier({ callbacks });

async function linkOf(payload: ReturnType<typeof asked>): Promise<string> {
  const created = await verifier.createOpenId4vpAuthorizationRequest({
    authorizationRequestPayload: payload,
  } as never);
  return (created as unknown as { authorizationRequest: string }).authorizationRequest;
}

test('an offer is looked at, taken, and one claim of it shown to a verifier', async ({ browser }) => {
  const page = await ada(await profile(browser, app().url, NOWHERE));
  const { link, told } = await host.issuer({ txCode: '1234' });
  const offer = await look(page, link);
  await expect(offer).toContainText(`${new URL(host.origin).host} calls itself “Town hall” and offers:`);
  await expect(offer.getByTestId('offered')).toContainText('Resident');
  expect(host.servers.asked).toHaveLength(1);
  await offer.getByLabel('The issuer’s code').fill('9999');
  await offer.getByRole('button', { name: 'Accept and check' }).click();
  await expect(offer.getByRole('alert')).toContainText('The other side refused: The code is wrong.');
  await offer.getByLabel('The issuer’s code').fill('1234');
  await offer.getByRole('button', { name: 'Accept and check' }).click();
  await expect(page.getByTestId('credentials').locator('> li')).toHaveCount(1);
  await expect.poll(() => told).toEqual([{ notification_id: 'given-1', event: 'credential_accepted' }]);

  const payload = asked();
  let sent = new URLSearchParams();
  host.servers.on(payload.response_uri, ({ body }) => {
    sent = new URLSearchParams(body);
    return {};
  });
  const show = card(page, 'Show something to somebody');
  await show.getByLabel('Their request').fill(await linkOf(payload));
  host.servers.asked.length = 0;
  await show.getByRole('button', { name: 'See what is asked' }).click();
  await expect(show).toContainText('known by its address only');
  await expect(show).toContainText(`The answer goes to ${new URL(host.origin).host}`);
  await expect(show).toContainText('which calls itself “The bar”');
  await expect(show.getByText('They will see: town: London')).toBeVisible();
  await expect(show.getByText('They will not see: ages › over_18, given_name')).toBeVisible();
  expect(host.servers.asked).toEqual([]);
  await show.getByRole('button', { name: 'Show exactly this' }).click();
  await expect(show.getByRole('status')).toContainText(`Sent to ${new URL(host.origin).host}`);
  const parsed = await verifier.parseOpenid4vpAuthorizationResponse({
    authorizationRequestPayload: payload,
    authorizationResponse: { vp_token: JSON.parse(sent.get('vp_token')!) as unknown, state: 'state-1' },
    callbacks,
  } as never);
  const { presentations } = (parsed as unknown as { dcql: { presentations: Record<string, string[]> } }).dcql;
  const shown = presentations['who']![0]!.split('~').slice(1, -1);
  expect(shown.map((one) => JSON.parse(Buffer.from(one, 'base64url').toString()) as unknown)).toEqual([
    [expect.any(String), 'town', 'London'],
  ]);
  await expect(card(page, 'What you showed to whom')).toContainText(host.origin);
});

test('whether a credential still holds is asked when the person says so', async ({ browser }) => {
  const page = await ada(await profile(browser, app().url, NOWHERE));
  const list = `${host.origin}/revoked`;
  const issuer = `${host.origin}/tenant`;
  const { link } = await host.issuer({
    credential: (holder) => residence(holder, issuer, issuerKey, 'key-a', { uri: list, idx: 7 }),
  });
  const offer = await look(page, link);
  await offer.getByRole('button', { name: 'Accept and check' }).click();
  const credential = page.getByTestId('credentials').locator('> li');
  await expect(credential).toContainText('revocation not known');
  await credential.locator('summary').click();
  await expect(credential).toContainText('learns that somebody at your network address looks');
  for (const [value, word] of [
    [0, 'valid'],
    [1, 'revoked'],
  ] as const) {
    const text = await statusToken(list, 7, value);
    host.servers.on(list, () => ({ status: 200, type: 'application/statuslist+jwt', text }));
    await credential.getByRole('button', { name: /^Ask / }).click();
    await expect(credential.locator('summary')).toContainText(word);
  }
});

test('a log-in leads to the issuer and back; what it decides later is asked for', async ({ browser }) => {
  const page = await ada(await profile(browser, app().url, NOWHERE));
  const { link } = await host.issuer({ login: { pushed: true }, later: 2 });
  // The issuer shows a code with the address of its offer.
  const address = `${host.origin}/offer/1`;
  host.servers.on(address, () => new URL(link).searchParams.get('credential_offer')!);
  const code = `openid-credential-offer://?credential_offer_uri=${encodeURIComponent(address)}`;
  const receive = card(page, 'Receive');
  await receive.getByRole('button', { name: 'Scan a code' }).click();
  await receive.getByLabel('A picture of the code').setInputFiles(qrPicture(code));
  const offer = card(page, 'An offer');
  await offer.getByRole('button', { name: 'Accept and log in' }).click();
  await expect(offer.getByRole('status')).toContainText(`Log in on ${new URL(host.origin).host}`);
  const opening = page.context().waitForEvent('page');
  await offer.getByRole('link', { name: /^Go to/ }).click();
  const beside = await opening;
  await expect(beside).toHaveURL(/client_id=/);
  expect([...new URL(beside.url()).searchParams.keys()].sort()).toEqual(['client_id', 'request_uri']);
  await beside.getByRole('link', { name: 'Log in' }).click();
  await expect(card(beside, 'Back from the issuer')).toContainText('has not decided yet');
  // The code is gone from the address, and used.
  await expect(beside).toHaveURL(`${app().url}/#/identity/credentials`);
  const promised = beside.getByTestId('promises').locator('> li');
  await promised.getByRole('button', { name: 'Ask it all the same' }).click();
  await expect(promised).toContainText('has not decided yet');
  await promised.getByRole('button', { name: 'Ask it all the same' }).click();
  await expect(beside.getByTestId('credentials').locator('> li')).toHaveCount(1);
  await expect(promised).toHaveCount(0);
});

test('hostile links are refused in words, and nothing is sent', async ({ browser }) => {
  const page = await ada(await profile(browser, app().url, NOWHERE));
  const receive = card(page, 'Receive');
  const { link } = await host.issuer({ metadata: { credential_issuer: 'https://evil.example' } });
  await look(page, link);
  await expect(receive.getByRole('alert')).toHaveText('The issuer’s own description names somebody else.');
  await look(page, 'openid-credential-offer://?credential_offer_uri=http%3A%2F%2Fevil.example%2Foffer');
  await expect(receive.getByRole('alert')).toHaveText('Only encrypted addresses (https) are spoken to.');

  const show = card(page, 'Show something to somebody');
  const ask = async (text: string) => {
    await show.getByLabel('Their request').fill(text);
    await show.getByRole('button', { name: 'See what is asked' }).click();
  };
  host.servers.asked.length = 0;
  await ask(await linkOf({ ...asked(), client_id: 'redirect_uri:https://bar.example/answer' }));
  await expect(show.getByRole('alert')).toHaveText('The request contradicts the link that led to it.');
  await ask((await linkOf(asked())).replace('redirect_uri', 'x509_hash'));
  await expect(show.getByRole('alert')).toHaveText('Whoever asks did not sign the request.');
  expect(host.servers.asked).toEqual([]);

  // A site that opens the app with a code that nobody asked for gets nothing.
  await page.goto(`${app().url}/?code=stolen&state=made-up#/identity`);
  await page.getByLabel('Password', { exact: true }).fill('correct horse battery');
  await page.getByRole('button', { name: 'Unlock' }).click();
  await expect(card(page, 'Back from the issuer').getByRole('alert')).toContainText(
    'did not begin that log-in',
  );
  await expect(page).toHaveURL(`${app().url}/#/identity/credentials`);
  expect(host.servers.asked).toEqual([]);
});
