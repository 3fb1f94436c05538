import { beforeAll, describe, expect, it } from 'vitest';
import { equal, toHex } from '../protocol/bytes.ts';
import { toBase64Url } from '../wallet/json.ts';
import { actionPayload, type AutoIdCall } from './calls.ts';
import { decodeCertificate, type Certificate } from './certificate.ts';
import {
  bitString,
  boolean,
  contextTag,
  DerReader,
  explicit,
  octetString,
  oid,
  readDer,
  sequence,
  TAG,
} from './der.ts';
import { AUTHORITY_USAGES, issueCertificate, LEAF_USAGES, type CertificateDraft } from './issue.ts';
import { ed25519Key, publicKeyInfoOf, signatureAlgorithmOf, signDer } from './keys.ts';
import { Registry } from './registry.ts';
import { identifiersOf, judge, type VerdictCode } from './verdict.ts';

const NOW = Date.UTC(2030, 0, 1);
const DAY = 86_400_000;
const [rootKey, midKey, leafKey] = [1, 2, 3].map((fill) => ed25519Key(new Uint8Array(32).fill(fill)));

const everybodys = publicKeyInfoOf({ kty: 'OKP', crv: 'Ed25519', x: toBase64Url(new Uint8Array(32)) });

/** The key of these three that a certificate carries. */
function keyOf(publicKeyInfo: Uint8Array) {
  return [rootKey!, midKey!, leafKey!].find((key) => equal(key.publicKeyInfo, publicKeyInfo))!;
}

async function made(
  name: string,
  key: typeof rootKey,
  parent: Certificate | null,
  more: Partial<CertificateDraft> = {},
  signer = keyOf(parent?.tbs.publicKeyInfo ?? key!.publicKeyInfo),
): Promise<Certificate> {
  return decodeCertificate(
    await issueCertificate(signer, {
      commonName: name,
      publicKeyInfo: key!.publicKeyInfo,
      issuer: parent === null ? null : { name: parent.tbs.subject, publicKeyInfo: parent.tbs.publicKeyInfo },
      notBefore: NOW - DAY,
      notAfter: NOW + DAY,
      did: 'did:autoid:off:00',
      authority: { pathLength: 2 },
      usages: AUTHORITY_USAGES,
      ...more,
    }),
  );
}

/** A certificate under the root with further extensions, their DER. */
async function extended(...more: Uint8Array[]): Promise<Certificate> {
  const plain = await made('X', leafKey, root!);
  const { content } = readDer(plain.tbs.raw, 'tbs', (reader) => reader.next());
  const parts: Uint8Array[] = [];
  for (const reader = new DerReader(content, 'tbs'); !reader.ended;) parts.push(reader.next().raw);
  const list = readDer(
    parts.pop()!,
    'list',
    (reader) => reader.enter(contextTag(3)).expect(TAG.sequence).content,
  );
  const tbs = sequence(...parts, explicit(3, sequence(list, ...more)));
  const algorithm = signatureAlgorithmOf('ed25519');
  return decodeCertificate(sequence(tbs, algorithm, bitString(await signDer(rootKey!, tbs))));
}

/** Name constraints, which nothing here keeps to. */
const nameConstraints = (critical: boolean) =>
  sequence(oid('2.5.29.30'), ...(critical ? [boolean(true)] : []), octetString(sequence()));

let root: Certificate | undefined;
let mid: Certificate;
let leaf: Certificate;
let registry: Registry;

const registration = (chain: Certificate[]): AutoIdCall => {
  const { tbs, signatureAlgorithm, signature } = chain.at(-1)!;
  const request = { certificate: tbs.raw, signatureAlgorithm, signature };
  return { kind: 'register', issuer: identifiersOf(chain).at(-2) ?? null, request };
};

beforeAll(async () => {
  root = await made('Root', rootKey, null);
  mid = await made('Mid', midKey, root);
  leaf = await made('Leaf', leafKey, mid, { authority: null, usages: LEAF_USAGES });
  registry = new Registry();
  for (const chain of [[root], [root, mid], [root, mid, leaf]])
    if (!registry.dispatch(registration(chain), NOW).ok) throw new Error('not registered');
});

const verdict = (chain: Certificate[], state: Registry | null = registry, now = NOW, seen: string[] = []) =>
  judge({ chain, state, now, seenRevoked: new Set(seen) });
const copy = () => Registry.fromStorage(registry.storage());

describe('verdicts', () => {
  it('everything in order', () => {
    expect(verdict([root!, mid, leaf])).toEqual({ chain: 'ok', strict: 'ok', certificates: 'ok' });
    expect(verdict([root!, mid, leaf], null)).toEqual({
      chain: 'not-anchored',
      strict: 'not-anchored',
      certificates: 'ok',
    });
  });

  it('times, for each certificate of the chain', async () => {
    expect(verdict([root!, mid, leaf], registry, NOW + 2 * DAY)).toMatchObject({
      chain: 'expired',
      strict: 'expired',
    });
    expect(verdict([root!, mid, leaf], registry, NOW - 2 * DAY)).toMatchObject({ strict: 'not-yet-valid' });
    const chain = [root!, mid, leaf];
    const found = [-DAY - 1, -DAY, DAY, DAY + 1].map((ms) => verdict(chain, registry, NOW + ms));
    expect(found.map(({ strict }) => strict)).toEqual(['not-yet-valid', 'ok', 'ok', 'expired']);
    expect(found.map((each) => each.chain)).toEqual(['not-yet-valid', 'ok', 'ok', 'expired']);
    const short = await made('Short', midKey, root!, { notAfter: NOW - 1000 });
    expect(verdict([root!, short], null).certificates).toBe('expired');
  });

  it('other certificates under the same names are a mismatch', async () => {
    const other = await made('Leaf', leafKey, mid, { authority: null, usages: LEAF_USAGES });
    expect(verdict([root!, mid, other])).toMatchObject({
      chain: 'mismatch',
      strict: 'mismatch',
      certificates: 'ok',
    });
    const unknown = await made('Nobody', leafKey, mid, { authority: null, usages: LEAF_USAGES });
    expect(verdict([root!, mid, unknown]).strict).toBe('not-anchored');
  });

  it('a revocation in the middle counts for the strict verdict alone, a missing issuer as well', async () => {
    const revoked = copy();
    const [rootId, midId] = identifiersOf([root!, mid]);
    const signed = async (id: Uint8Array, action: 'revoke' | 'deactivate') => ({
      signatureAlgorithm: signatureAlgorithmOf('ed25519'),
      signature: await signDer(rootKey!, actionPayload(id, revoked.entry(rootId!)!.nonce, action)),
    });
    const act = async (id: Uint8Array, kind: 'revoke' | 'deactivate') =>
      revoked.dispatch({ kind, id, proof: await signed(id, kind) }, NOW);
    expect(await act(midId!, 'revoke')).toMatchObject({ ok: true });
    expect(verdict([root!, mid, leaf], revoked)).toMatchObject({ chain: 'ok', strict: 'revoked' });
    expect(await act(rootId!, 'deactivate')).toMatchObject({ ok: true });
    expect(verdict([root!, mid, leaf], revoked)).toMatchObject({ chain: 'ok', strict: 'issuer-gone' });
    expect(verdict([root!, mid, leaf], registry, NOW, [toHex(midId!)]).strict).toBe(
      'renewed-after-revocation',
    );
  });

  it.each<[VerdictCode, () => Promise<Certificate[]>]>([
    ['bad-signature', async () => [root!, await made('X', midKey, root!, {}, leafKey!)]],
    [
      'name-chaining',
      async () => [
        root!,
        await made('X', midKey, { ...root!, tbs: { ...root!.tbs, subject: mid.tbs.subject } }),
      ],
    ],
    [
      'not-an-authority',
      async () => {
        const weak = await made('Weak', midKey, root!, { authority: null });
        return [root!, weak, await made('X', leafKey, weak)];
      },
    ],
    [
      'path-length',
      async () => {
        const short = await made('Short', rootKey, null, { authority: { pathLength: 0 } });
        const between = await made('Between', midKey, short, {}, rootKey!);
        return [short, between, await made('X', leafKey, between)];
      },
    ],
    [
      'key-usage',
      async () => {
        const odd = await made('Odd', midKey, root!, { usages: LEAF_USAGES });
        return [root!, odd, await made('X', leafKey, odd)];
      },
    ],
    ['key-usage', async () => [root!, await made('X', leafKey, root!, { usages: ['keyCertSign'] })]],
    ['extensions', async () => [root!, await extended(nameConstraints(true))]],
    ['ok', async () => [root!, await extended(nameConstraints(false))]],
    ['extensions', async () => [root!, await extended(nameConstraints(false), nameConstraints(false))]],
    // A key of small order: everybody can sign under it.
    ['weak-algorithm', async () => [root!, await made('X', leafKey, root!, { publicKeyInfo: everybodys })]],
  ])('%s', async (code, chain) => {
    expect(verdict(await chain(), null).certificates).toBe(code);
  });

  it('a bound on the length of a path that is just met is no reason to refuse', async () => {
    for (const [pathLength, certificates] of [
      [1, 'ok'],
      [0, 'path-length'],
    ] as const) {
      const top = await made('Top', rootKey, null, { authority: { pathLength } });
      const between = await made('Between', midKey, top, { authority: { pathLength: 0 } });
      const end = await made('End', leafKey, between, { authority: null, usages: LEAF_USAGES });
      expect(verdict([top, between, end], null).certificates).toBe(certificates);
      expect(verdict([top, between], null).certificates).toBe('ok');
    }
  });

  it('no chain and too long a chain are not judged', () => {
    expect(() => verdict(new Array<Certificate>(8).fill(root!), null)).not.toThrow();
    expect(() => verdict([])).toThrow('chain of 0');
    expect(() => verdict(new Array<Certificate>(9).fill(root!))).toThrow('chain of 9');
  });
});
