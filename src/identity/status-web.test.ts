import { beforeEach, describe, expect, it } from 'vitest';
import { ecKey } from './keys.ts';
import type { IdentityService } from './service.ts';
import { person, personOnTheWeb } from './testing/person.ts';
import type { Servers } from './testing/servers.ts';
import {
  ISSUER,
  issuerKey,
  residence,
  statusToken,
  TYPE,
  webIssuer,
  type StatusQuirks,
} from './testing/web-issuer.ts';

const LIST = 'https://lists.example/1';
const INDEX = 21;
/** Values of the specification. */
const [VALID, INVALID, SUSPENDED, APPLICATION] = [0, 1, 2, 3];

let servers: Servers;
let now: number;
let ada: IdentityService;

/** Publishes a list in which one credential has a status, packed by the independent implementation. */
async function publish(status: number, quirks: StatusQuirks = {}) {
  const text = await statusToken(LIST, INDEX, status, { now, ...quirks });
  servers.on(LIST, () => ({ status: 200, type: 'application/statuslist+jwt', text }));
}

async function statusNow(person = ada) {
  const [{ status, statusSource } = { status: 'none', statusSource: null }] = await person.credentials();
  return { status, ...statusSource };
}

const check = async () => ada.checkStatus({ id: (await ada.credentials())[0]!.id });

beforeEach(async () => {
  now = Date.now();
  let did: string;
  ({ servers, ada, did } = await personOnTheWeb(() => now));
  const { link } = await webIssuer(servers, {
    credential: (holder) => residence(holder, ISSUER, issuerKey, 'key-a', { uri: LIST, idx: INDEX }),
  });
  await ada.readOffer({ link });
  await ada.acceptOffer({ link, did, code: null });
});

describe('a list of revocations at a web address', () => {
  it('is not fetched by itself', async () => {
    expect(await statusNow()).toEqual({ status: 'unknown', host: 'lists.example', asked: null });
    expect(servers.asked.map(({ url }) => url)).not.toContain(LIST);
  });

  it.each([1, 2, 4, 8] as const)('tells the status, at %i bits a credential', async (bits) => {
    await publish(VALID!, { bits });
    await check();
    expect(await statusNow()).toMatchObject({ status: 'valid', asked: Math.floor(now / 1000) });
    await publish(INVALID!, { bits });
    await check();
    expect(await statusNow()).toMatchObject({ status: 'revoked' });
    expect(servers.asked.at(-1)).toMatchObject({ method: 'GET', url: LIST });
    if (bits === 1) return;
    for (const [value, status] of [
      [SUSPENDED!, 'suspended'],
      [APPLICATION!, 'unknown'],
    ] as const) {
      await publish(value, { bits });
      await check();
      expect((await statusNow()).status).toBe(status);
    }
  });

  it.each<[string, Record<string, unknown>, number]>([
    ['what it says', { exp: 1000 }, 1000],
    ['its time to live', { ttl: 50 }, 50],
    ['a day', {}, 86_400],
  ])('is believed for %s', async (_, claims, seconds) => {
    const { exp } = claims as { exp?: number };
    await publish(VALID!, { claims: exp === undefined ? claims : { exp: Math.floor(now / 1000) + exp } });
    await check();
    now += (seconds - 1) * 1000;
    expect((await statusNow()).status).toBe('valid');
    now += 1000;
    expect((await statusNow()).status).toBe('unknown');
  });

  it.each<[string, StatusQuirks, string]>([
    ['signed by somebody else', { key: ecKey('p256', new Uint8Array(32).fill(6)) }, 'signature'],
    ['of another place', { claims: { sub: 'https://lists.example/2' } }, 'status-list'],
    ['of another issuer', { claims: { iss: 'https://evil.example' } }, 'status-list'],
    ['of another kind', { typ: 'JWT' }, 'type'],
    ['of another shape', { claims: { status_list: { bits: 3, lst: '' } } }, 'status_list.bits'],
    ['that is not packed', { claims: { status_list: { bits: 1, lst: 'AAAA' } } }, 'not deflated'],
  ])('is refused: %s', async (_, said, reason) => {
    await publish(VALID!, said);
    await expect(check()).rejects.toThrow(reason);
    expect(await statusNow()).toMatchObject({ status: 'unknown', asked: null });
  });

  it('is not replaced by an older one', async () => {
    await publish(INVALID!);
    await check();
    now -= 60_000;
    await publish(VALID!);
    now += 60_000;
    await expect(check()).rejects.toThrow('older');
    expect((await statusNow()).status).toBe('revoked');
  });
});

describe('who checks a credential of an issuer on the web', () => {
  it('asks its servers when told to, and learns of a revocation', async () => {
    const bar = await person(servers.web, () => now);
    const request = await bar.newRequest({
      audience: 'the bar',
      credentials: [{ type: TYPE, claims: [['town']] }],
    });
    const [query] = (await ada.matchRequest({ request })).queries;
    const [match] = query!.matches;
    const answers = [{ query: query!.id, credential: match!.credential.id, paths: match!.disclosed }];
    const response = await ada.present({ request, answers });
    servers.asked.length = 0;
    expect(await bar.issuersToAsk({ response })).toEqual({
      keys: ['issuer.example'],
      lists: ['lists.example'],
    });
    await expect(bar.verifyResponse({ request, response })).rejects.toThrow('issuer-key');
    expect(servers.asked).toEqual([]);
    await publish(VALID!, { claims: { ttl: 600 } });
    await bar.askIssuers({ response });
    expect(await bar.issuersToAsk({ response })).toEqual({ keys: [], lists: [] });
    const [result] = await bar.verifyResponse({ request, response });
    expect(result?.issuer).toBe(ISSUER);
    expect(result?.claims).toContainEqual({ path: ['town'], text: 'London' });
    now += 600_000;
    const fresh = await ada.present({ request, answers });
    await expect(bar.verifyResponse({ request, response: fresh })).rejects.toThrow('status-unknown');
    await publish(INVALID!);
    await bar.askIssuers({ response: fresh });
    await expect(bar.verifyResponse({ request, response: fresh })).rejects.toThrow('revoked');
  });

  it('reads what an issuer of one’s own put at its address', async () => {
    const hall = await person(servers.web, () => now);
    const { did } = await hall.createIdentity({ name: 'Hall', key: 'p256' });
    const statusAddress = 'https://hall.example/revoked';
    const issue = { issuer: did, type: TYPE, claims: { town: 'Paris' }, revocable: true, statusAddress };
    const made = await hall.issueCredential(issue);
    await ada.removeCredential({ id: (await ada.credentials())[0]!.id });
    await ada.acceptCredential({ text: made.package });
    expect(await hall.statusAddresses({ issuer: did })).toEqual([statusAddress]);
    const put = async () => {
      const text = await hall.statusList({ issuer: did, address: statusAddress });
      servers.on(statusAddress, () => ({ status: 200, type: '', text }));
    };
    await put();
    await check();
    expect((await statusNow()).status).toBe('valid');
    await hall.revokeCredential({ issuer: did, index: made.index! });
    await put();
    await check();
    expect((await statusNow()).status).toBe('revoked');
    await expect(hall.issueCredential({ ...issue, statusAddress: 'http://hall.example' })).rejects.toThrow(
      'not encrypted',
    );
  });
});
