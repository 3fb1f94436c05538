import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sha256 } from '@noble/hashes/sha2.js';
import {
  auditDamage,
  checkInvocation,
  checkRevocations,
  countTotals,
  invoke,
  nextAuditEntry,
  signRevocations,
  type AuditEntry,
} from './agent.ts';
import { encodeAgentFile, type AgentFile } from './agent-file.ts';
import {
  checkCapability,
  signCapability,
  tokenName,
  type Capability,
  type CapabilityRequest,
} from './capability.ts';
import { decodeCertificate } from './certificate.ts';
import { keyIdOf } from './did.ts';
import { issueCertificate, LEAF_USAGES } from './issue.ts';
import { decodeJws, signJws } from './jws.ts';
import { ed25519Key, jwkOf, type Jwk } from './keys.ts';
import { attestCoIssuance, attestSuccession, checkSuccession, countCoIssuers } from './statements.ts';
import { openStatusList, signStatusList, StatusList } from './status-list.ts';
import { utf8 } from '../protocol/bytes.ts';
import { toBase64Url } from '../wallet/json.ts';

const NOW = 1_800_000_000;
const [A, B, C] = ['did:autoid:off:a', 'did:autoid:off:b', 'did:autoid:off:c'];
const keys = new Map([A, B, C].map((did, index) => [did, ed25519Key(new Uint8Array(32).fill(index + 1))]));
const keyOf = (did: string): Jwk | null => {
  const key = keys.get(did);
  return key === undefined ? null : jwkOf(key.publicKeyInfo);
};
const how = {
  now: NOW,
  issuerKey: (iss: string, { kid }: { kid?: string | undefined }) =>
    kid === keyIdOf(iss) ? keyOf(iss) : null,
};

describe('capabilities', () => {
  const cap: Capability[] = [{ res: 'auto:pay', act: ['spend'], lim: { total: '30' } }];
  const token = (iss: string, aud: string, parent: string | null, more: object = {}) =>
    signCapability(
      keys.get(iss)!,
      {
        iss,
        aud,
        sub: A,
        jti: `token-${iss}-${aud}`,
        nbf: NOW - 10,
        exp: NOW + 10,
        dep: parent === null ? 1 : 0,
        cap,
        ...more,
      },
      parent,
    );
  const check = (
    chain: string[],
    holder: string,
    request: CapabilityRequest = { res: 'auto:pay', act: 'spend' },
  ) => checkCapability({ chain, holder, rootAuthority: A, request, now: NOW, revokedDids: new Set(), keyOf });

  it('no changed character of a chain is accepted', async () => {
    const root = await token(A, B, null);
    const chain = [root, await token(B, C, root)];
    expect(check(chain, C)).toBe('ok');
    fc.assert(
      fc.property(fc.nat(1), fc.nat(root.length - 1), (which, at) => {
        const text = chain[which]!;
        const index = at % text.length;
        const changed = text.slice(0, index) + (text[index] === 'A' ? 'B' : 'A') + text.slice(index + 1);
        expect(check(chain.with(which, changed), C)).toMatch(/bad-signature|broken-chain/);
      }),
      { numRuns: 60 },
    );
    expect(check(chain.toReversed(), C)).toBe('broken-chain');
    expect(check(new Array<string>(17).fill(root), B)).toBe('broken-chain');
  });

  it('limits are not taken from the prototype, and signing refuses to widen', async () => {
    const root = await token(A, B, null);
    expect(check([root], B, { res: 'auto:pay', act: 'spend', use: { constructor: '1' } })).toBe(
      'not-covered',
    );
    expect(check([root], B, { res: 'auto:pay', act: 'spend', use: { total: '-1' } })).toBe('not-covered');
    await expect(token(B, C, root, { cap: [{ res: 'auto:pay', act: ['spend'] }] })).rejects.toThrow(
      'not-attenuated',
    );
    await expect(token(B, C, root, { exp: NOW + 11 })).rejects.toThrow('not-attenuated');
    await expect(token(B, C, root, { dep: 1 })).rejects.toThrow('not-attenuated');
  });

  /** A token of whatever content, signed all the same. */
  const signed = (
    iss: string,
    aud: string,
    parent: string | null,
    more: object = {},
    header: { typ?: string; kid?: string } = {},
  ) => {
    const prf = parent === null ? {} : { prf: toBase64Url(sha256(utf8(parent))) };
    const own = { iss, aud, sub: A, jti: `token-${iss}-${aud}`, dep: parent === null ? 1 : 0 };
    const payload = { v: 1, nbf: NOW - 10, exp: NOW + 10, cap, ...own, ...prf, ...more };
    return signJws(keys.get(iss)!, { typ: 'autocap+jwt', kid: keyIdOf(iss), ...header }, payload);
  };

  it.each<[string, string, object]>([
    ['ok', 'nothing changed', {}],
    ['not-attenuated', 'a longer time', { exp: NOW + 11 }],
    ['not-attenuated', 'an earlier begin', { nbf: NOW - 11 }],
    ['not-attenuated', 'as many links', { dep: 1 }],
    ['not-attenuated', 'another action', { cap: [{ ...cap[0]!, act: ['spend', 'read'] }] }],
    ['not-attenuated', 'another resource', { cap: [...cap, { ...cap[0]!, res: 'auto:other' }] }],
    ['not-attenuated', 'a higher limit', { cap: [{ ...cap[0]!, lim: { total: '31' } }] }],
    ['not-attenuated', 'no limit', { cap: [{ res: 'auto:pay', act: ['spend'] }] }],
    ['broken-chain', 'another subject', { sub: B }],
    ['broken-chain', 'another parent', { prf: 'A'.repeat(43) }],
    ['broken-chain', 'no parent', { prf: undefined }],
    ['broken-chain', 'another holder', { aud: B }],
    ['not-yet-valid', 'a begin ahead', { nbf: NOW + 1 }],
    ['ok', 'a begin now', { nbf: NOW }],
    ['expired', 'an end now', { exp: NOW }],
    ['ok', 'an end in a second', { exp: NOW + 1 }],
    ['bad-signature', 'a member too many', { more: 1 }],
  ])('a token that was passed on is judged “%s” with %s', async (verdict, _, more) => {
    const root = await signed(A, B, null);
    expect(check([root, await signed(B, C, root, more)], C)).toBe(verdict);
  });

  it('a chain begins with the principal, and each goes on where the one before ends', async () => {
    const root = await signed(A, B, null);
    const own = async (more: object, header = {}) => check([await signed(A, B, null, more, header)], B);
    expect(await own({})).toBe('ok');
    expect(await own({ sub: B })).toBe('broken-chain');
    expect(await own({ prf: 'A'.repeat(43) })).toBe('broken-chain');
    expect(await own({}, { typ: 'JWT' })).toBe('bad-signature');
    expect(await own({}, { kid: keyIdOf(B) })).toBe('bad-signature');
    expect(check([await signed(B, C, null)], C)).toBe('broken-chain');
    expect(check([root, await signed(C, C, root)], C)).toBe('broken-chain');
    expect(check([], B)).toBe('broken-chain');
    const closed = await signed(A, B, null, { dep: 0 });
    expect(check([closed, await signed(B, C, closed)], C)).toBe('not-attenuated');
    const chain: string[] = [];
    for (let link = 0; link < 17; link += 1) {
      const [from, to] = link % 2 === 0 ? [A, B] : [B, A];
      chain.push(await signed(from, to, chain.at(-1) ?? null, { dep: 16 - link, jti: `token-${link}-` }));
    }
    expect(check(chain.slice(0, 16), A)).toBe('ok');
    expect(check(chain, B)).toBe('broken-chain');
  });

  it('a chain is worth nothing once anybody in it, or a token of it, was revoked', async () => {
    const root = await signed(A, B, null);
    const chain = [root, await signed(B, C, root)];
    const after = (did?: string, token?: { iss: string; jti: string }) =>
      checkCapability({
        chain,
        holder: C,
        rootAuthority: A,
        request: { res: 'auto:pay', act: 'spend' },
        now: NOW,
        revokedDids: new Set(did === undefined ? [] : [did]),
        revokedTokens: new Set(token === undefined ? [] : [tokenName(token)]),
        keyOf,
      });
    expect(after('did:autoid:off:d', { iss: A, jti: 'token-x' })).toBe('ok');
    for (const did of [A, B, C]) expect(after(did)).toBe('revoked');
    const tokens = [
      { iss: A, jti: `token-${A}-${B}` },
      { iss: B, jti: `token-${B}-${C}` },
    ];
    for (const token of tokens) expect(after(undefined, token)).toBe('revoked');
    // Nobody takes back what somebody else gave.
    for (const { jti } of tokens) expect(after(undefined, { iss: C, jti })).toBe('ok');
  });

  it('a power covers what is below its resource, up to its limits', async () => {
    const powers: Capability[] = [{ res: 'auto:pay/*', act: ['spend'], lim: { total: '30' } }];
    const root = await signed(A, B, null, { cap: powers });
    const asked = (res: string, act = 'spend', use?: Record<string, string>) =>
      check([root], B, { res, act, ...(use === undefined ? {} : { use }) });
    expect(['auto:pay/a', 'auto:pay/a/b', 'auto:pay/*'].map((res) => asked(res))).toEqual(['ok', 'ok', 'ok']);
    const outside = ['auto:pay', 'auto:payx', 'auto:payx/a', 'xauto:pay/a', '*'];
    for (const res of [...outside, 'auto:pay/..', 'auto:pay/../a', 'auto:pay/a/../../b', 'auto:pay/./a'])
      expect(asked(res)).toBe('not-covered');
    expect(asked('auto:pay/a', 'read')).toBe('not-covered');
    expect(asked('auto:pay/a', 'spend', { total: '30' })).toBe('ok');
    for (const [name, amount] of [
      ['total', '31'],
      ['total', ''],
      ['total', '1.5'],
      ['total', '0x1'],
      ['other', '1'],
    ] as const)
      expect(asked('auto:pay/a', 'spend', { [name]: amount })).toBe('not-covered');
  });

  it('requests answer one question, now, and are the agent’s', async () => {
    const challenge = { audience: 'shop', nonce: 'n-1', now: NOW };
    const request = { res: 'auto:pay', act: 'spend' };
    const made = await invoke(keys.get(B)!, B, [await signed(A, B, null)], request, challenge);
    const read = (change: Partial<typeof challenge>, key = keyOf) =>
      checkInvocation(made, { ...challenge, ...change }, key);
    for (const now of [NOW, NOW + 300, NOW - 60]) expect(read({ now }).request).toEqual(request);
    for (const now of [NOW + 301, NOW - 61]) expect(() => read({ now })).toThrow('age');
    expect(() => read({ audience: 'other' })).toThrow('audience');
    expect(() => read({ nonce: 'other' })).toThrow('nonce');
    expect(() => read({}, () => null)).toThrow('issuer-key');
    expect(() => read({}, () => keyOf(A))).toThrow('signature');
    const revocations = await signRevocations(keys.get(B)!, B, [], NOW);
    expect(() => checkInvocation(revocations, challenge, keyOf)).toThrow('decode-invocation');
    const { payload } = decodeJws(made, 'x');
    const foreign = await signJws(keys.get(B)!, { typ: 'JWT', kid: keyIdOf(B) }, payload);
    expect(() => checkInvocation(foreign, challenge, keyOf)).toThrow('type');
    const list = decodeJws(revocations, 'x').payload;
    const renamed = await signJws(keys.get(B)!, { typ: 'JWT', kid: keyIdOf(B) }, list);
    expect(() => checkRevocations(renamed, keyOf)).toThrow('type');
    const swapped = await signJws(
      keys.get(B)!,
      { typ: decodeJws(revocations, 'x').header.typ!, kid: keyIdOf(A) },
      list,
    );
    expect(() => checkRevocations(swapped, keyOf)).toThrow('issuer-key');
  });

  it('an agent’s file is written so that it can be read', async () => {
    const chain = [toBase64Url(new Uint8Array(100))];
    const grants = [{ v: 1 as const, tokens: [await signed(A, B, null)], certificates: {} }];
    const write = (more: Partial<AgentFile>) =>
      encodeAgentFile(
        { did: B, name: 'Agent', pkcs8: new Uint8Array(64), grants, chain, ...more },
        'long enough',
      );
    expect(JSON.parse(new TextDecoder().decode(await write({})))).toMatchObject({
      v: 1,
      did: B,
      grants,
      chain,
    });
    const many = Array.from({ length: 65 }, () => grants[0]!);
    await expect(write({ grants: many })).rejects.toThrow('grants: <=64');
    await expect(write({ name: 'a'.repeat(65) })).rejects.toThrow('name: <=64');
    await expect(write({ chain: [] })).rejects.toThrow('chain: >=1');
  });

  it('nothing is counted where no total is limited, or none is used', async () => {
    const root = await signed(A, B, null);
    const free = await signed(B, C, root, { cap: [{ res: 'auto:pay', act: ['spend'] }] });
    const request = { res: 'auto:pay', act: 'spend' };
    const used = { some: { 'auto:pay': '1' } };
    expect(countTotals([root], request, used)).toBe(used);
    expect(countTotals([free], { ...request, use: { total: '5' } }, used)).toEqual(used);
    expect(countTotals([root], { res: 'auto:other', act: 'spend', use: { total: '5' } }, used)).toEqual(used);
    expect(() => countTotals([root], { ...request, use: { total: '31' } }, {})).toThrow('limit-exhausted');
  });

  it('a total counts though another power for the same has none, and not under an id of somebody else’s', async () => {
    const both: Capability[] = [{ res: 'auto:pay', act: ['spend'], lim: { each: '5' } }, cap[0]!];
    const root = await signed(A, B, null, { cap: both });
    const request = { res: 'auto:pay', act: 'spend', use: { total: '20' } };
    const used = countTotals([root], request, {});
    expect(() => countTotals([root], request, used)).toThrow('40 of 30');
    // The next in the chain calls its token as the principal called another one.
    const alike = await signed(B, C, root, { cap, jti: 'of-another' });
    const other = await signed(A, C, null, { cap, jti: 'of-another' });
    expect(() => countTotals([other], request, countTotals([root, alike], request, {}))).not.toThrow();
  });

  it('totals are shared by siblings through their parent', async () => {
    const root = await token(A, B, null);
    const own = (limit: string, jti: string) =>
      token(B, C, root, { cap: [{ ...cap[0]!, lim: { total: limit } }], jti });
    const [first, second] = [await own('20', 'sibling-1'), await own('20', 'sibling-2')];
    const spend = (total: string): CapabilityRequest => ({ res: 'auto:pay', act: 'spend', use: { total } });
    const after = countTotals([root, first], spend('20'), {});
    expect(() => countTotals([root, first], spend('1'), after)).toThrow('limit-exhausted');
    expect(() => countTotals([root, second], spend('11'), after)).toThrow('limit-exhausted');
    expect(countTotals([root, second], spend('10'), after)).toMatchObject({
      [tokenName({ iss: B, jti: 'sibling-2' })]: { 'auto:pay': '10' },
    });
  });

  it('lists of taken-back tokens are their issuer’s', async () => {
    const list = await signRevocations(keys.get(A)!, A, ['token-1'], NOW);
    expect(checkRevocations(list, keyOf)).toEqual({ issuer: A, tokenIds: ['token-1'] });
    const forged = await signRevocations(keys.get(B)!, A, ['token-1'], NOW);
    expect(() => checkRevocations(forged, keyOf)).toThrow('signature');
    expect(() => checkRevocations(list, () => null)).toThrow('issuer-key');
  });

  it('a log tells where it was changed', () => {
    const entries: AuditEntry[] = [];
    for (const outcome of ['ok', 'expired', 'ok'])
      entries.push(
        nextAuditEntry(entries.at(-1) ?? null, {
          at: NOW,
          agent: B,
          request: { res: 'x', act: 'y' },
          outcome,
        }),
      );
    expect(auditDamage(entries)).toBeNull();
    expect(auditDamage(entries.with(1, { ...entries[1]!, outcome: 'ok' }))).toBe(1);
    expect(auditDamage(entries.slice(1))).toBe(0);
    expect(auditDamage(entries.toSpliced(1, 1))).toBe(1);
  });
});

describe('status lists', () => {
  const URI = `${A}#status`;
  const open = async (token: string, now = NOW, uri = URI) =>
    openStatusList(token, { issuer: A, uri, now, fetched: NOW }, keyOf(A)!);

  it('say what was set, and nothing once they are out of date', async () => {
    const list = StatusList.empty();
    list.set(3, 'revoked');
    list.set(1000, 'suspended');
    const token = await signStatusList(keys.get(A)!, A, URI, list, NOW, 100);
    const status = await open(token);
    expect([0, 3, 1000, 1_000_000].map(status)).toEqual(['valid', 'revoked', 'suspended', 'unknown']);
    list.set(3, 'valid');
    expect(list.get(3)).toBe('valid');
    expect((await open(token, NOW + 100))(0)).toBe('unknown');
    await expect(open(token, NOW, 'elsewhere')).rejects.toThrow('status-list');
    const forged = await signStatusList(keys.get(B)!, A, URI, list, NOW, 100);
    await expect(open(forged)).rejects.toThrow('signature');
  });

  it('that unpack to more than they may are refused', async () => {
    const bomb = StatusList.of(new Uint8Array(300_000));
    await expect(open(await signStatusList(keys.get(A)!, A, URI, bomb, NOW, 100))).rejects.toThrow('unpacks');
    const most = 4 * 256 * 1024;
    for (const index of [-1, 0.5, most, Number.NaN])
      expect(() => StatusList.empty().set(index, 'revoked')).toThrow('status-list');
  });

  it('of a million credentials are read, however many of them are revoked', async () => {
    // Hardly compressible: any of the three statuses, at each place.
    let state = 1;
    const byte = () => {
      state = Math.imul(state, 1_664_525) + 1_013_904_223;
      return [6, 4, 2, 0].reduce((all, shift) => all | ((((state >>> (shift + 16)) & 0xff) % 3) << shift), 0);
    };
    const list = StatusList.of(Uint8Array.from({ length: 256 * 1024 }, byte));
    const places = [0, 1, 77_777, 4 * 256 * 1024 - 1];
    list.set(places[3]!, 'suspended');
    const status = await open(await signStatusList(keys.get(A)!, A, URI, list, NOW, 100));
    expect(places.map(status)).toEqual(places.map((index) => list.get(index)));
  });
});

describe('what identities say of each other', () => {
  it('co-issuers are counted only where they agree', async () => {
    const key = ed25519Key(new Uint8Array(32).fill(8));
    const der = await issueCertificate(keys.get(A)!, {
      commonName: 'Joint',
      publicKeyInfo: key.publicKeyInfo,
      issuer: null,
      notBefore: NOW * 1000,
      notAfter: NOW * 1000 + 1000,
      did: 'did:autoid:off:joint',
      authority: null,
      usages: LEAF_USAGES,
    });
    const { tbs } = decodeCertificate(der);
    const subject = { did: 'did:autoid:off:joint', tbs, issuer: A };
    const attest = (did: string, group = [A, B, C], threshold = 2) =>
      attestCoIssuance(keys.get(did)!, did, subject, group, threshold, NOW);
    const [byB, byC] = [await attest(B), await attest(C)];
    expect(countCoIssuers(subject, [], how)).toEqual({ kind: 'none' });
    expect(countCoIssuers(subject, [byB, byC, byB], how)).toEqual({
      kind: 'counted',
      signed: 3,
      threshold: 2,
      of: 3,
    });
    expect(countCoIssuers({ ...subject, did: 'other' }, [byB], how)).toEqual({ kind: 'none' });
    // A stranger's statement about the group makes nothing void.
    const byStranger = await attest(C, [A, B]);
    expect(countCoIssuers(subject, [byStranger], how)).toEqual({ kind: 'none' });
    expect(countCoIssuers(subject, [byStranger, byB], how)).toMatchObject({ kind: 'counted', signed: 2 });
    for (const other of [await attest(C, [A, C]), await attest(C, [A, B, C], 3)])
      expect(countCoIssuers(subject, [byB, other], how)).toMatchObject({ kind: 'void' });
    expect(countCoIssuers(subject, [await attest(B, [B, C])], how)).toMatchObject({ kind: 'void' });
    expect(countCoIssuers(subject, [await attest(B, [A, B], 3)], how)).toMatchObject({ kind: 'void' });
  });

  it('a succession needs both signatures', async () => {
    const byOld = await attestSuccession(keys.get(A)!, A, A, B, NOW);
    const byNew = await attestSuccession(keys.get(B)!, B, A, B, NOW);
    expect(checkSuccession(byOld, byNew, how)).toEqual({ predecessor: A, successor: B });
    expect(checkSuccession(byOld, byOld, how)).toBeNull();
    expect(checkSuccession(byOld, await attestSuccession(keys.get(C)!, C, A, B, NOW), how)).toBeNull();
    expect(checkSuccession(byOld, await attestSuccession(keys.get(B)!, B, A, C, NOW), how)).toBeNull();
  });
});
