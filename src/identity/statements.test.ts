import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  auditDamage,
  checkRevocations,
  countTotals,
  nextAuditEntry,
  signRevocations,
  type AuditEntry,
} from './agent.ts';
import { checkCapability, signCapability, type Capability, type CapabilityRequest } from './capability.ts';
import { decodeCertificate } from './certificate.ts';
import { keyIdOf } from './did.ts';
import { issueCertificate, LEAF_USAGES } from './issue.ts';
import { ed25519Key, jwkOf, type Jwk } from './keys.ts';
import {
  decodeStatement,
  describeContent,
  encodeProvenance,
  encodeStatement,
  protectedHeader,
  signProvenance,
  verifyProvenance,
} from './provenance.ts';
import { attestCoIssuance, attestSuccession, checkSuccession, countCoIssuers } from './statements.ts';
import { openStatusList, signStatusList, StatusList } from './status-list.ts';
import { encode } from 'cborg';
import { concat, utf8 } from '../protocol/bytes.ts';

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
      'sibling-2': { 'auto:pay': '10' },
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
    expect(() => StatusList.empty().set(-1, 'revoked')).toThrow('status-list');
  });
});

describe('provenance', () => {
  const content = utf8('a photo');
  const about = { mediaType: 'image/png', time: NOW, did: A, origin: 'human' as const, sources: [] };
  const statement = describeContent(content, { ...about, tool: 'camera' });

  it('no changed byte is accepted', async () => {
    const signed = await signProvenance(keys.get(A)!, statement);
    expect(verifyProvenance(signed, content, keyOf)).toEqual(statement);
    fc.assert(
      fc.property(fc.nat(signed.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
        const changed = signed.slice();
        changed[at]! ^= mask;
        expect(() => verifyProvenance(changed, content, keyOf)).toThrow(
          /provenance|signature|issuer-key|content/,
        );
      }),
      { numRuns: 150 },
    );
    expect(() => verifyProvenance(concat(signed, new Uint8Array(1)), content, keyOf)).toThrow('provenance');
    expect(() => verifyProvenance(signed, content, () => null)).toThrow('issuer-key');
  });

  it('unknown members, other versions, headers and encodings are refused', () => {
    const header = protectedHeader('EdDSA', A);
    const whole = (payload: Uint8Array, open = header) => encodeStatement(open, payload, new Uint8Array(64));
    const payload = encodeProvenance(statement);
    expect(decodeStatement(whole(payload)).statement).toEqual(statement);
    const members = (change: (map: Map<unknown, unknown>) => void) => {
      const map = new Map<unknown, unknown>([
        [1, 1],
        [2, statement.contentHash],
        [3, 7],
        [4, 'x'],
        [5, NOW],
        [6, A],
        [7, 'human'],
        [8, []],
      ]);
      change(map);
      return encode(map);
    };
    expect(decodeStatement(whole(members(() => undefined))).statement.contentLength).toBe(7);
    const bad = [
      members((map) => map.set(13, 'x')),
      members((map) => map.set('a', 'x')),
      members((map) => map.set(1, 2)),
      members((map) => map.delete(2)),
      members((map) => map.set(3, -1)),
      members((map) => map.set(7, 'robot')),
      members((map) => map.set(8, [new Uint8Array(31)])),
      members((map) => map.set(9, 1)),
      new Uint8Array([0xbf, 0x01, 0x01, 0xff]),
      new Uint8Array([0xa1, 0x18, 0x01, 0x01]),
    ];
    for (const one of bad) expect(() => decodeStatement(whole(one))).toThrow('provenance');
    expect(() => decodeStatement(whole(payload, protectedHeader('EdDSA', B)))).toThrow('protected header');
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
