import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Web } from '../network/web.ts';
import { utf8 } from '../protocol/bytes.ts';
import { chainOf, toX5c } from './chain.ts';
import { formatDid } from './did.ts';
import { autoIdOf } from './identifier.ts';
import { AUTHORITY_USAGES, issueCertificate, keySuffix } from './issue.ts';
import { signJws } from './jws.ts';
import { ecKey } from './keys.ts';
import type { IdentityService } from './service.ts';
import { person, personOnTheWeb } from './testing/person.ts';
import type { Servers } from './testing/servers.ts';
import { ISSUER, issuerKey, residence, TYPE, webIssuer, type IssuerQuirks } from './testing/web-issuer.ts';

const HERE = 'https://app.example/';

let servers: Servers;
let ada: IdentityService;
let did: string;
let now: number;

beforeEach(async () => {
  now = Date.now();
  ({ servers, ada, did } = await personOnTheWeb(() => now));
});

/** What the app finds in its address when the person is back. */
function returned(address: string) {
  const { searchParams } = new URL(address);
  return {
    state: searchParams.get('state')!,
    code: searchParams.get('code'),
    issuer: searchParams.get('iss'),
    error: searchParams.get('error'),
  };
}

async function begun(quirks: IssuerQuirks) {
  const issuer = await webIssuer(servers, quirks);
  expect(await ada.readOffer({ link: issuer.link })).toMatchObject({ login: true, code: null });
  const { address } = await ada.startLogin({ link: issuer.link, did, returnTo: HERE });
  return { ...issuer, address };
}

describe('an issuer that wants a log-in', () => {
  it.each<[string, NonNullable<IssuerQuirks['login']>]>([
    ['by the address', {}],
    ['by a request that is pushed', { pushed: true }],
    ['by scope', { scope: 'resident' }],
  ])('gives a credential: %s', async (_, login) => {
    const { address, logIn } = await begun({ login });
    const asked = new URL(address);
    expect(asked.origin + asked.pathname).toBe(`${ISSUER}/authorize`);
    const inAddress = [...asked.searchParams.keys()];
    expect(inAddress.length).toBe(login.pushed === true ? 2 : 8);
    expect(asked.searchParams.get('scope')).toBe(login.scope ?? null);
    const [credential] = await ada.finishLogin(returned(logIn(address)));
    expect(credential).toMatchObject({ issuer: ISSUER, type: TYPE, holder: did });
    expect(await ada.credentials()).toHaveLength(1);
    // Nothing that the person's browser carried opens anything by itself.
    const carried = address + logIn(address);
    const verifier = new URLSearchParams(
      servers.asked.find(({ body }) => body?.includes('code_verifier'))!.body,
    ).get('code_verifier')!;
    expect(carried).not.toContain(verifier);
    const pushed = servers.asked.find(({ url }) => url.endsWith('/par'))?.body;
    const sent = pushed === undefined ? asked.searchParams : new URLSearchParams(pushed);
    expect(sent.get('code_challenge')).toBe(createHash('sha256').update(verifier).digest('base64url'));
  });

  it.each<[string, Record<string, unknown>]>([
    [
      'for apps that are attested, or not',
      { token_endpoint_auth_methods_supported: ['attest_jwt_client_auth', 'none'] },
    ],
    ['that lists no ways of apps to prove who they are', { token_endpoint_auth_methods_supported: [] }],
    ['that does not say how it is protected', { code_challenge_methods_supported: undefined }],
    ['with a page of several protections', { code_challenge_methods_supported: ['plain', 'S256'] }],
  ])('is logged in at: %s', async (_, server) => {
    const { address, logIn } = await begun({ login: { server } });
    expect(await ada.finishLogin(returned(logIn(address)))).toHaveLength(1);
  });

  it('is finished once, and in time', async () => {
    const { address, logIn } = await begun({ login: {} });
    const back = returned(logIn(address));
    await expect(ada.finishLogin({ ...back, state: 'another' })).rejects.toThrow('login-unknown');
    await ada.finishLogin(back);
    await expect(ada.finishLogin(back)).rejects.toThrow('login-unknown');
    const late = await begun({ login: {} });
    now += 3_601_000;
    await expect(ada.finishLogin(returned(late.logIn(late.address)))).rejects.toThrow('login-late');
    expect(await ada.credentials()).toHaveLength(1);
  });

  it.each([
    ['whose answer comes from another server', { issuer: 'https://evil.example' }, 'login-issuer'],
    ['whose answer names no server', { issuer: null }, 'login-issuer'],
    ['who says no', { code: null, error: 'access_denied' }, 'login-refused'],
  ])('is refused: %s', async (_, change, reason) => {
    const { address, logIn } = await begun({ login: {} });
    servers.asked.length = 0;
    await expect(ada.finishLogin({ ...returned(logIn(address)), ...change })).rejects.toThrow(reason);
    expect(servers.asked).toEqual([]);
    expect(await ada.credentials()).toEqual([]);
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['without a page', { authorization_endpoint: undefined }, 'login-server'],
    [
      'with an open page',
      { authorization_endpoint: 'http://issuer.example/authorize' },
      'http://issuer.example is not encrypted',
    ],
    ['without protection', { code_challenge_methods_supported: ['plain'] }, 'login-pkce'],
    ['of somebody else', { issuer: 'https://evil.example' }, 'offer-server'],
    [
      'for attested apps only',
      { token_endpoint_auth_methods_supported: ['attest_jwt_client_auth'] },
      'login-client',
    ],
    ['that contradicts itself', { require_pushed_authorization_requests: true }, 'login-server'],
  ])('is not logged in at: %s', async (_, server, reason) => {
    const { link } = await webIssuer(servers, { login: { server } });
    await ada.readOffer({ link });
    await expect(ada.startLogin({ link, did, returnTo: HERE })).rejects.toThrow(reason);
  });
});

describe('an issuer that decides later', () => {
  it('is asked again, with leave that is renewed', async () => {
    const { link, told } = await webIssuer(servers, { later: 2 });
    await ada.readOffer({ link });
    expect(await ada.acceptOffer({ link, did, code: null })).toEqual([]);
    const [promise] = await ada.promises();
    const seconds = Math.floor(now / 1000);
    expect(promise).toMatchObject({ issuer: ISSUER, type: TYPE, name: 'Resident', askAt: seconds + 60 });
    expect(await ada.askAgain(promise!)).toEqual([]);
    expect(await ada.promises()).toHaveLength(1);
    expect(told).toEqual([]);
    expect(await ada.askAgain(promise!)).toMatchObject([{ type: TYPE, holder: did }]);
    expect(await ada.promises()).toEqual([]);
    expect(told).toEqual([{ notification_id: 'given-1', event: 'credential_accepted' }]);
    await expect(ada.askAgain(promise!)).rejects.toThrow('unknown-promise');
    await expect(ada.forgetPromise({ id: `person-${did}` })).rejects.toThrow('unknown-promise');
  });

  it('is asked with the leave that was renewed, though it was away then', async () => {
    const { link } = await webIssuer(servers, { later: 1 });
    let isAway = false;
    let renewals = 0;
    const web: Web = async (request) => {
      if (request.body?.includes('grant_type=refresh_token') === true) renewals += 1;
      if (isAway && request.headers?.['authorization'] === 'Bearer token-2') throw new Error('away');
      return servers.web(request);
    };
    const holder = await person(web, () => now);
    const { did: own } = await holder.createIdentity({ name: 'Ada', key: 'p256' });
    await holder.readOffer({ link });
    await holder.acceptOffer({ link, did: own, code: null });
    const [promise] = await holder.promises();
    isAway = true;
    await expect(holder.askAgain(promise!)).rejects.toThrow('away');
    isAway = false;
    expect(await holder.askAgain(promise!)).toMatchObject([{ type: TYPE, holder: own }]);
    expect(renewals).toBe(1);
  });

  it.each([
    ['at once', 0],
    ['later', 1],
  ])(
    'and gives a credential %s while its keys are not to be had gives it once: it is kept',
    async (_, later) => {
      const { link, told } = await webIssuer(servers, { later });
      let isAway = false;
      let given = 0;
      const web: Web = async (request) => {
        if (isAway && request.url.includes('jwt-vc-issuer')) throw new Error('away');
        const answer = await servers.web(request);
        if (/"credentials":/.test(answer.text) && (given += 1) > 1) throw new Error('given before');
        return answer;
      };
      const holder = await person(web, () => now);
      const { did: own } = await holder.createIdentity({ name: 'Ada', key: 'p256' });
      await holder.readOffer({ link });
      isAway = true;
      const accepted = holder
        .acceptOffer({ link, did: own, code: null })
        .catch(({ message }: Error) => message);
      expect(await accepted).toEqual(later === 0 ? 'away' : []);
      const [promise] = await holder.promises();
      expect(promise).toMatchObject({ issuer: ISSUER, name: 'Resident', given: later === 0 });
      for (let times = 0; times < 2; times += 1) {
        await expect(holder.askAgain(promise!)).rejects.toThrow('away');
        expect(await holder.promises()).toMatchObject([{ id: promise!.id, given: true }]);
      }
      expect([await holder.credentials(), told]).toEqual([[], []]);
      isAway = false;
      expect(await holder.askAgain(promise!)).toMatchObject([{ type: TYPE, holder: own }]);
      expect([await holder.promises(), given]).toEqual([[], 1]);
      expect(told).toEqual([{ notification_id: 'given-1', event: 'credential_accepted' }]);
    },
  );

  it('and gives what turns out to be no good gives nothing that is kept', async () => {
    const wrong = ecKey('p256', new Uint8Array(32).fill(6));
    const { link, told } = await webIssuer(servers, {
      later: 1,
      credential: (holder) => residence(holder, ISSUER, wrong),
    });
    await ada.readOffer({ link });
    await ada.acceptOffer({ link, did, code: null });
    await expect(ada.askAgain((await ada.promises())[0]!)).rejects.toThrow('signature');
    expect([await ada.promises(), await ada.credentials()]).toEqual([[], []]);
    expect(told).toEqual([{ notification_id: 'given-1', event: 'credential_failure' }]);
  });

  it('may be waited for no longer', async () => {
    const { link } = await webIssuer(servers, { later: 9 });
    await ada.readOffer({ link });
    await ada.acceptOffer({ link, did, code: null });
    await ada.forgetPromise((await ada.promises())[0]!);
    expect(await ada.promises()).toEqual([]);
  });

  it('hears that its credential was no good', async () => {
    const wrong = ecKey('p256', new Uint8Array(32).fill(6));
    const { link, told } = await webIssuer(servers, {
      credential: (holder) => residence(holder, ISSUER, wrong),
    });
    await ada.readOffer({ link });
    await expect(ada.acceptOffer({ link, did, code: null })).rejects.toThrow('signature');
    expect(told).toEqual([{ notification_id: 'given-1', event: 'credential_failure' }]);
  });

  it('whose first of two credentials is no good has the second one kept', async () => {
    const keys = [ecKey('p256', new Uint8Array(32).fill(6)), issuerKey];
    const { link, told } = await webIssuer(servers, {
      credential: (holder) => residence(holder, ISSUER, keys.shift()!),
    });
    const offered = new URLSearchParams(link.slice(link.indexOf('?'))).get('credential_offer')!;
    const twice = offered.replace('["person"]', '["person","person"]');
    await ada.readOffer({ link: twice });
    await expect(ada.acceptOffer({ link: twice, did, code: null })).rejects.toThrow('signature');
    expect(await ada.credentials()).toHaveLength(1);
    expect(told.map(({ event }) => event)).toEqual(['credential_failure', 'credential_accepted']);
  });
});

describe('an issuer that binds its leave to a key', () => {
  it.each<[string, IssuerQuirks]>([
    ['with a code', {}],
    ['after a log-in', { login: { pushed: true } }],
    ['and decides later', { later: 1 }],
  ])('gives a credential %s', async (_, quirks) => {
    const { link, logIn, told } = await webIssuer(servers, { ...quirks, bound: true });
    await ada.readOffer({ link });
    if (quirks.login) {
      const { address } = await ada.startLogin({ link, did, returnTo: HERE });
      await ada.finishLogin(returned(logIn(address)));
    } else await ada.acceptOffer({ link, did, code: null });
    if (quirks.later !== undefined) await ada.askAgain((await ada.promises())[0]!);
    expect(await ada.credentials()).toHaveLength(1);
    expect(told).toHaveLength(1);
    // No proof is sent twice, and none holds the identity's key.
    const proofs = servers.asked.flatMap(({ headers }) => headers?.['dpop'] ?? []);
    expect(proofs.length).toBeGreaterThanOrEqual(3);
    expect(new Set(proofs).size).toBe(proofs.length);
    expect(servers.asked.some(({ headers }) => headers?.['authorization']?.startsWith('Bearer'))).toBe(false);
  });
});

describe('an issuer that signs what it says of itself', () => {
  const hall = ecKey('p256', new Uint8Array(32).fill(8));

  async function certified() {
    const commonName = `Hall ${keySuffix(hall.publicKeyInfo)}`;
    const hallDid = formatDid({ network: 'off', id: autoIdOf(utf8(commonName), null) });
    const certificate = await issueCertificate(hall, {
      commonName,
      publicKeyInfo: hall.publicKeyInfo,
      issuer: null,
      notBefore: now - (now % 1000) - 3_600_000,
      notAfter: now - (now % 1000) + 3_600_000,
      did: hallDid,
      authority: { pathLength: 1 },
      usages: AUTHORITY_USAGES,
    });
    return { hallDid, commonName, x5c: toX5c(chainOf([certificate])) };
  }

  const claims = () => ({ sub: ISSUER, iat: Math.floor(now / 1000) });
  const typ = 'openidvci-issuer-metadata+jwt';

  it('is named by its Auto ID or its certificate', async () => {
    const { hallDid, commonName, x5c } = await certified();
    const kid = `${hallDid}#key-1`;
    const signed = (header: object) => (metadata: object) =>
      signJws(hall, { typ, x5c, ...header }, { ...metadata, ...claims() });
    const first = await webIssuer(servers, { signed: signed({ kid }) });
    expect(await ada.readOffer(first)).toMatchObject({ signer: { kind: 'identity', did: hallDid } });
    expect(await ada.acceptOffer({ link: first.link, did, code: null })).toHaveLength(1);
    const second = await webIssuer(servers, { signed: signed({}) });
    expect(await ada.readOffer(second)).toMatchObject({ signer: { kind: 'certificate', name: commonName } });
  });

  it.each<[string, { typ?: string; x5c?: undefined }, object, string]>([
    ['another type', { typ: 'JWT' }, {}, 'offer-type'],
    ['nobody', { x5c: undefined }, {}, 'offer-key'],
    ['another issuer', {}, { sub: 'https://evil.example' }, 'offer-issuer'],
    ['another time', {}, { exp: 1 }, 'offer-time'],
  ])('is refused: for %s', async (_, header, change, reason) => {
    const { x5c } = await certified();
    const { link } = await webIssuer(servers, {
      signed: (metadata) => signJws(hall, { typ, x5c, ...header }, { ...metadata, ...claims(), ...change }),
    });
    await expect(ada.readOffer({ link })).rejects.toThrow(reason);
  });

  it('is refused with another’s signature', async () => {
    const { x5c } = await certified();
    const { link } = await webIssuer(servers, {
      signed: (metadata) => signJws(issuerKey, { typ, x5c }, { ...metadata, ...claims() }),
    });
    await expect(ada.readOffer({ link })).rejects.toThrow('offer-signature');
  });
});
