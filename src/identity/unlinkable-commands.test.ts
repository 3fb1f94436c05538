import { describe, expect, it } from 'vitest';
import { utf8 } from '../protocol/bytes.ts';
import { Registry } from './registry.ts';
import { testPerson, testRegistry, testWallet } from './testing/person.ts';

const PERSON = 'urn:autonomys:vc:person:1';
const WEEK = 7 * 86_400_000;
const SHOP = 'https://shop.example';

/** An issuer, a holder and a verifier, and a credential that the holder took. */
async function people(registry: Registry | null = null) {
  const time = { now: Date.UTC(2030, 0, 1) };
  const clock = () => time.now;
  const access = registry === null ? null : testRegistry(registry, clock);
  const phrase = await (await testWallet()).newPhrase(12);
  const [town, ada, shop] = [
    await testPerson(clock, access),
    await testPerson(clock, access, await testWallet(phrase)),
    await testPerson(clock, access),
  ];
  const { did } = await town.createIdentity({ name: 'Town' });
  const { request } = await ada.requestUnlinkable();
  const claims = { given_name: 'Ada', age_over_18: true, score: 7300 };
  const issued = await town.issueUnlinkable({ issuer: did, request, type: PERSON, claims });
  const kept = await ada.acceptCredential({ text: issued.package });
  return { time, clock, phrase, town, ada, shop, did, request, claims, issued, kept };
}

type People = Awaited<ReturnType<typeof people>>;

async function ask({ shop }: People, more: object = {}) {
  return shop.newRequest({
    audience: SHOP,
    credentials: [{ type: PERSON, claims: [['age_over_18']], showing: 'unlinkable', ...more }],
  });
}

async function answer({ ada }: People, request: string) {
  const { queries } = await ada.matchRequest({ request });
  const answers = queries.map(({ id, matches }) => {
    const { credential, disclosed } = matches[0]!;
    return { query: id, credential: credential.id, paths: disclosed };
  });
  return ada.present({ request, answers });
}

describe('credentials that cannot be linked', () => {
  it('go from issuer to holder to verifier', async () => {
    const all = await people();
    expect(all.kept).toMatchObject({ type: PERSON, issuer: all.did, linkable: false, provable: ['score'] });
    expect(all.kept.issuerVerdict).toMatchObject({ certificates: 'ok' });
    const bound = { attribute: 'score' as const, kind: 'at-least' as const, value: 7000 };
    const request = await ask(all, { predicates: [bound] });
    const response = await answer(all, request);
    const [result] = await all.shop.verifyResponse({ request, response });
    expect(result).toMatchObject({
      type: PERSON,
      issuer: all.did,
      claims: [{ path: ['age_over_18'], text: 'true' }],
      proved: [bound],
      unlinkable: { pseudonym: null },
    });
    expect(response).not.toContain('7300');
    expect((await all.ada.shownLog())[0]).toMatchObject({ claims: [['age_over_18']], proved: [bound] });
    // The same answer again, to another question, is refused.
    const later = await ask(all, { predicates: [bound] });
    await expect(all.shop.verifyResponse({ request: later, response })).rejects.toThrow('showing-nonce');
    await expect(all.shop.verifyResponse({ request: await ask(all), response })).rejects.toThrow(
      'showing-nonce',
    );
    const false_ = await ask(all, { predicates: [{ ...bound, value: 7301 }] });
    await expect(answer(all, false_)).rejects.toThrow('predicate-false');
  });

  it('answer a question that takes either kind, rather than one that can be linked', async () => {
    const all = await people();
    const { ada, town, shop, did } = all;
    const { did: subject } = await ada.createIdentity({ name: 'Ada' });
    const { content: file } = await ada.exportIdentity({ did: subject, format: 'pem' });
    await town.importIdentity({ file });
    const linkable = await town.issueCredential({
      issuer: did,
      subject,
      type: PERSON,
      claims: { age_over_18: true },
    });
    await ada.acceptCredential({ text: linkable.package });
    const request = await ask(all, { showing: 'either' });
    const { queries } = await ada.matchRequest({ request });
    expect(queries.map(({ matches }) => matches.map(({ credential }) => credential.linkable))).toEqual([
      [false],
    ]);
    const response = await answer(all, request);
    expect((await shop.verifyResponse({ request, response }))[0]?.unlinkable).not.toBeNull();
    await ada.removeCredential({ id: all.kept.id });
    const rest = await ada.matchRequest({ request });
    expect(rest).toMatchObject({
      answerable: true,
      queries: [{ matches: [{ credential: { linkable: true } }] }],
    });
    const strict = await ask(all);
    expect(await ada.matchRequest({ request: strict })).toMatchObject({ answerable: false });
  });

  it('let those know a holder again who ask for it', async () => {
    const all = await people();
    const seen: (string | null | undefined)[] = [];
    for (const recognise of [true, true, false]) {
      const request = await ask(all, { recognise });
      const [result] = await all.shop.verifyResponse({ request, response: await answer(all, request) });
      seen.push(result?.unlinkable?.pseudonym);
    }
    expect(seen[0]).toMatch(/^[0-9a-f]{96}$/);
    expect(seen[1]).toBe(seen[0]);
    expect(seen[2]).toBeNull();
  });

  it('end by themselves and are renewed in their place', async () => {
    const { time, ada, town, kept, issued, ...rest } = await people();
    const all = { time, ada, town, kept, issued, ...rest };
    time.now += 5 * WEEK;
    const request = await ask(all);
    const response = await answer(all, request);
    await expect(all.shop.verifyResponse({ request, response })).rejects.toThrow('expired');
    const [record] = await town.issuedUnlinkable();
    expect(record).toMatchObject({ id: issued.id, type: PERSON });
    const renewed = await town.renewUnlinkable({ id: record!.id });
    expect(renewed.until).toBeGreaterThan(issued.until);
    const fresh = await ada.acceptCredential({ text: renewed.package });
    expect(fresh.id).toBe(kept.id);
    expect(await ada.credentials()).toHaveLength(1);
    expect(await all.shop.verifyResponse({ request, response: await answer(all, request) })).toHaveLength(1);
    await town.forgetUnlinkable({ id: record!.id });
    await expect(town.renewUnlinkable({ id: record!.id })).rejects.toThrow('unknown-credential');
  });

  it('are taken by nobody else, nor twice, nor from an issuer that tells holders apart', async () => {
    const { ada, shop, town, did, issued, request, clock, phrase, kept } = await people();
    await expect(shop.acceptCredential({ text: issued.package })).rejects.toThrow('unlinkable-request');
    await expect(ada.acceptCredential({ text: issued.package })).rejects.toThrow('credential-exists');
    await expect(shop.issueUnlinkable({ issuer: did, request, type: PERSON, claims: {} })).rejects.toThrow(
      'unknown-identity',
    );
    const odd = { issuer: did, type: PERSON, claims: { given_name: 'Ada' } };
    await expect(town.issueUnlinkable({ ...odd, request: '{}' })).rejects.toThrow('unlinkable-request');
    await expect(town.issueUnlinkable({ ...odd, request, weeks: 5 })).rejects.toThrow('validity');
    await expect(town.issueUnlinkable({ ...odd, request, claims: { score: 'high' } })).rejects.toThrow('jpt');
    // The same identity with another phrase behind it has another BBS key.
    const p12 = await town.exportIdentity({ did, format: 'p12', password: 'file password' });
    const twin = await testPerson(clock);
    await twin.importIdentity({ file: p12.content, password: 'file password' });
    const again = await ada.requestUnlinkable();
    const marked = await twin.issueUnlinkable({ ...odd, request: again.request });
    await expect(ada.acceptCredential({ text: marked.package })).rejects.toThrow('issuer-several-keys');
    // What is saved is of use in another wallet of the same phrase, and in no other.
    const saved = await ada.exportCredential({ id: kept.id });
    const elsewhere = await testPerson(clock, null, await testWallet(phrase));
    expect(await elsewhere.acceptCredential({ text: saved })).toMatchObject({ linkable: false });
    await expect(shop.acceptCredential({ text: saved })).rejects.toThrow('signature');
    const file = utf8(saved);
    expect(file.length).toBeLessThan(8000);
  });

  it('fall with their issuer', async () => {
    const all = await people(new Registry());
    await all.town.registerIdentity({ did: all.did });
    const request = await ask(all);
    const response = await answer(all, request);
    expect(await all.shop.verifyResponse({ request, response })).toHaveLength(1);
    await all.town.revokeIdentity({ did: all.did });
    await expect(all.shop.verifyResponse({ request, response })).rejects.toThrow('issuer-revoked');
    const again = await all.town.renewUnlinkable({ id: all.issued.id });
    await expect(all.ada.acceptCredential({ text: again.package })).rejects.toThrow('issuer-revoked');
  });
});
