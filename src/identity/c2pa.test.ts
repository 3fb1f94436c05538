import { readFile } from 'node:fs/promises';
import { deflateSync } from 'node:zlib';
import initReader, { WasmReader } from '@contentauth/c2pa-wasm';
import { sha256 } from '@noble/hashes/sha2.js';
import { MP3 } from '@trustnxt/c2pa-ts/asset';
import { CoseAlgorithmIdentifier, type Signer } from '@trustnxt/c2pa-ts/cose';
import { DataHashAssertion, ManifestStore } from '@trustnxt/c2pa-ts/manifest';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Web } from '../network/web.ts';
import { concat, toHex, utf8 } from '../protocol/bytes.ts';
import { signMedia, type MediaDraft } from './c2pa.ts';
import { chainOf } from './chain.ts';
import { formatDid } from './did.ts';
import { autoIdOf } from './identifier.ts';
import { AUTHORITY_USAGES, issueCertificate, LEAF_USAGES, SIGNING_PURPOSES } from './issue.ts';
import { ecKey, ed25519Key, rsaKey, type SigningKey } from './keys.ts';
import type { IdentityService } from './service.ts';
import { person } from './testing/person.ts';

const offline: Web = () => Promise.reject(new Error('nothing of this is on the web'));
const newcomer = () => person(offline);

beforeAll(async () => {
  const compiled = await readFile(new URL(import.meta.resolve('@contentauth/c2pa-wasm/c2pa.wasm')));
  await initReader({ module_or_path: compiled });
});

/** What the other implementation makes of a photo: its verdict, what failed, and the assertions by their labels. */
async function readByOther(content: Uint8Array, type = 'image/png') {
  const reader = await WasmReader.fromBytes(type, content);
  const { validation_state, validation_results, manifests, active_manifest } = JSON.parse(reader.json()) as {
    validation_state: string;
    validation_results: { activeManifest: { failure: { code: string }[] } };
    manifests: Record<string, { assertions: { label: string; data: Record<string, unknown> }[] }>;
    active_manifest: string;
  };
  reader.free();
  const { assertions } = manifests[active_manifest]!;
  return {
    state: validation_state,
    failed: validation_results.activeManifest.failure.map(({ code }) => code),
    said: Object.fromEntries(assertions.map(({ label, data }) => [label, data])),
  };
}

function crc(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  }
  return (value ^ 0xffffffff) >>> 0;
}

function chunk(type: string, content: Uint8Array): Uint8Array {
  const word = (value: number) => Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
  const named = concat(utf8(type), content);
  return concat(word(content.length), named, word(crc(named)));
}

/** The boxes of a HEIC picture, without one in them. */
function heic(): Uint8Array {
  const box = (type: string, ...content: Uint8Array[]): Uint8Array => {
    const inside = concat(...content);
    return concat(
      Uint8Array.of(0, 0, (inside.length + 8) >> 8, (inside.length + 8) & 0xff),
      utf8(type),
      inside,
    );
  };
  const handler = box('hdlr', new Uint8Array(8), utf8('pict'), new Uint8Array(13));
  return concat(
    box('ftyp', utf8('heic'), new Uint8Array(4), utf8('mif1heic')),
    box('meta', new Uint8Array(4), handler),
    box('mdat', new Uint8Array(300).fill(7)),
  );
}

/** A picture of 16 by 16 pixels. */
function picture(): Uint8Array {
  const side = 16;
  const header = Uint8Array.of(0, 0, 0, side, 0, 0, 0, side, 8, 2, 0, 0, 0);
  const rows = Uint8Array.from({ length: side * (1 + 3 * side) }, (_, at) =>
    at % (1 + 3 * side) === 0 ? 0 : at,
  );
  const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
  return concat(
    signature,
    chunk('IHDR', header),
    chunk('IDAT', new Uint8Array(deflateSync(rows))),
    chunk('IEND', new Uint8Array()),
  );
}

describe.each(['ed25519', 'p256'] as const)('a photo signed inside by a key of kind %s', (kind) => {
  let ada: IdentityService;
  let did: string;
  let signed: Uint8Array;

  beforeAll(async () => {
    ada = await newcomer();
    ({ did } = await ada.createIdentity({ name: 'Ada', key: kind }));
    signed = await ada.signMedia({ did, content: picture(), origin: 'human', tool: 'Box camera' });
  });

  it('holds for everybody, and names its signer', async () => {
    const stranger = await newcomer();
    expect(await stranger.verifyMedia({ content: signed })).toMatchObject({
      did,
      origin: 'human',
      tool: 'Box camera',
      actions: ['c2pa.created'],
      ingredients: 0,
      verdict: { certificates: 'ok' },
    });
  });

  it('does not hold when a pixel, or any byte of the picture, is changed', async () => {
    const start = signed.length - 40;
    for (const at of [start, start + 8]) {
      const changed = signed.slice();
      changed[at]! ^= 1;
      await expect(ada.verifyMedia({ content: changed })).rejects.toThrow(/^media-|changed|damaged/);
    }
  });

  it('does not hold when any byte of the manifest is changed', async () => {
    const beginning = Buffer.from(signed).indexOf('caBX') + 4;
    const end = Buffer.from(signed).indexOf('IDAT') - 8;
    for (let at = beginning; at < end; at += Math.ceil((end - beginning) / 40)) {
      const changed = signed.slice();
      changed[at]! ^= 1;
      const outcome = await ada.verifyMedia({ content: changed }).then(
        // Padding that no hash covers may change; what is said may not.
        (view) => ({ did: view.did, origin: view.origin, tool: view.tool }),
        () => null,
      );
      expect([null, { did, origin: 'human', tool: 'Box camera' }]).toContainEqual(outcome);
    }
  });

  it('is not signed over another signature', async () => {
    await expect(ada.signMedia({ did, content: signed, origin: 'ai' })).rejects.toThrow('media-signed');
  });
});

describe('media that cannot be signed or checked', () => {
  it.each([
    ['another kind of file', utf8('hello'), 'media-format'],
    ['an unsigned photo', picture(), 'media-unsigned'],
    ['a photo cut short', picture().subarray(0, 40), 'media-'],
    ['nothing', new Uint8Array(), 'media-format'],
    ['a song without a signature', song(), 'media-unsigned'],
  ])('%s', async (_, content, reason) => {
    const ada = await newcomer();
    await expect(ada.verifyMedia({ content })).rejects.toThrow(reason);
  });
});

/** The first frame of an MP3 file. */
function song(): Uint8Array {
  return concat(Uint8Array.of(0xff, 0xfb, 0x90, 0), new Uint8Array(413));
}

it('a song is not signed inside, for its title would be left out', async () => {
  const ada = await newcomer();
  const { did } = await ada.createIdentity({ name: 'Ada' });
  await expect(ada.signMedia({ did, content: song(), origin: 'human' })).rejects.toThrow('media-format');
});

it('a signature that leaves more out than itself does not count', async () => {
  const key = ed25519Key(new Uint8Array(32).fill(3));
  const now = Math.floor(Date.now() / 1000) * 1000;
  const name = { commonName: 'Maker', publicKeyInfo: key.publicKeyInfo };
  const period = { notBefore: now - 60_000, notAfter: now + 3_600_000, did: 'did:autoid:off:x' };
  const common = { ...name, ...period };
  const root = await issueCertificate(key, {
    ...common,
    issuer: null,
    authority: { pathLength: 0 },
    usages: AUTHORITY_USAGES,
  });
  const [{ tbs }] = chainOf([root]);
  const leaf = await issueCertificate(key, {
    ...common,
    commonName: 'Maker (media)',
    issuer: { name: tbs.subject, publicKeyInfo: tbs.publicKeyInfo },
    authority: null,
    usages: LEAF_USAGES,
    extendedUsages: SIGNING_PURPOSES,
  });
  const [certificate, issuer] = [leaf, root].map((der) => ({ rawData: der.slice().buffer }) as never);
  const signer: Signer = {
    algorithm: CoseAlgorithmIdentifier.Ed25519,
    certificate: certificate!,
    chainCertificates: [issuer!],
    sign: (data) => key.sign(data),
  };
  // A title of 1 000 bytes, which the library's own binding leaves out.
  const size = (bytes: number) => [0, 0, bytes >> 7, bytes & 0x7f];
  const title = concat(utf8('TIT2'), Uint8Array.from([...size(1000), 0, 0]), new Uint8Array(1000).fill(65));
  const tag = concat(utf8('ID3'), Uint8Array.from([4, 0, 0, ...size(title.length)]), title);
  const asset = new MP3(concat(tag, song()));
  const store = new ManifestStore();
  const manifest = store.createManifest({
    assetFormat: 'audio/mpeg',
    instanceID: 'xmp:iid:1',
    defaultHashAlgorithm: 'SHA-256',
    signer,
  });
  const binding = DataHashAssertion.create('SHA-256');
  manifest.addAssertion(binding);
  await asset.ensureManifestSpace(store.measureSize());
  await binding.updateWithAsset(asset);
  await manifest.sign(signer);
  await asset.writeManifestJUMBF(store.getBytes());
  const ada = await newcomer();
  const content = new Uint8Array(await asset.getDataRange());
  await expect(ada.verifyMedia({ content })).rejects.toThrow('media-exclusions');
});

describe('what the other implementation of C2PA reads', () => {
  const about: MediaDraft['about'] = {
    time: 1_800_000_000,
    origin: 'ai',
    tool: 'Painter',
    sources: [],
    licence: 'CC0',
  };
  const UNKNOWN_SIGNER = ['signingCredential.untrusted'];

  async function rooted(key: SigningKey, name = 'Root') {
    const now = Math.floor(Date.now() / 1000) * 1000;
    const did = formatDid({ network: 'off', id: autoIdOf(utf8(name), null) });
    const period = { notBefore: now - 60_000, notAfter: now + 3_600_000 };
    const root = await issueCertificate(key, {
      ...period,
      commonName: name,
      publicKeyInfo: key.publicKeyInfo,
      issuer: null,
      did,
      authority: { pathLength: 1 },
      usages: AUTHORITY_USAGES,
    });
    return { did, root, now, period };
  }

  async function rsa(): Promise<SigningKey> {
    const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
    const { privateKey } = await crypto.subtle.generateKey(
      { ...algorithm, modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1) },
      true,
      ['sign', 'verify'],
    );
    return rsaKey(new Uint8Array(await crypto.subtle.exportKey('pkcs8', privateKey)));
  }

  it.each<[string, () => SigningKey | Promise<SigningKey>]>([
    ['Ed25519', () => ed25519Key(new Uint8Array(32).fill(3))],
    ['P-256', () => ecKey('p256', new Uint8Array(32).fill(3))],
    ['P-384', () => ecKey('p384', new Uint8Array(48).fill(3))],
    ['RSA', rsa],
  ])('is a valid signature of an %s key, with the statement', async (_, make) => {
    const key = await make();
    const { did, root, now } = await rooted(key);
    const original = picture();
    const signed = await signMedia(original, { chain: chainOf([root]), did, key, about, now });
    const other = await readByOther(signed);
    expect(other).toMatchObject({ state: 'Valid', failed: UNKNOWN_SIGNER });
    expect(other.said['org.autonomys.provenance']).toMatchObject({
      1: 1,
      2: Buffer.from(sha256(original)).toString('base64'),
      3: original.length,
      6: did,
      7: 'ai',
      12: 'CC0',
    });
    const ada = await newcomer();
    expect(await ada.verifyMedia({ content: signed })).toMatchObject({
      did,
      statement: { did, time: about.time, tool: 'Painter', licence: 'CC0', mediaType: 'image/png' },
    });
    signed[signed.length - 20]! ^= 1;
    expect(await readByOther(signed)).toMatchObject({ state: 'Invalid' });
  });

  it.each<[string, string, () => Promise<Uint8Array>]>([
    ['JPEG', 'image/jpeg', () => readFile('devnet/data/samples/sunrise.jpg')],
    ['HEIC', 'image/heic', () => Promise.resolve(heic())],
  ])('is a valid signature inside %s', async (_, type, read) => {
    const ada = await newcomer();
    const { did } = await ada.createIdentity({ name: 'Ada' });
    const content = new Uint8Array(await read());
    const signed = await ada.signMedia({ did, content, origin: 'human' });
    expect(await readByOther(signed, type)).toMatchObject({ state: 'Valid', failed: UNKNOWN_SIGNER });
    expect(await ada.verifyMedia({ content: signed })).toMatchObject({ did, statement: { mediaType: type } });
    signed[signed.length - 20]! ^= 1;
    await expect(ada.verifyMedia({ content: signed })).rejects.toThrow('media-');
  });

  it('is an agent, by the certificate that it has', async () => {
    const ada = await newcomer();
    const owner = await ada.createIdentity({ name: 'Ada' });
    const agent = await ada.createAgent({
      owner: owner.did,
      name: 'Camera',
      purpose: 'Takes pictures',
      capabilities: [{ res: 'auto:sign:content', act: ['sign'] }],
      days: 7,
    });
    const source = toHex(sha256(utf8('negative')));
    const signed = await ada.signMedia({
      did: agent.to,
      content: picture(),
      origin: 'human',
      sources: [source],
      capability: 'token-1',
    });
    expect(await readByOther(signed)).toMatchObject({ state: 'Valid', failed: UNKNOWN_SIGNER });
    const stranger = await newcomer();
    expect(await stranger.verifyMedia({ content: signed })).toMatchObject({
      did: agent.to,
      verdict: { certificates: 'ok' },
      statement: { capability: 'token-1', sources: [source] },
    });
  });

  it('is never a certificate that was not made for signing', async () => {
    const key = ed25519Key(new Uint8Array(32).fill(3));
    const { did, root, now, period } = await rooted(key);
    const [parent] = chainOf([root]);
    const leaf = await issueCertificate(key, {
      ...period,
      commonName: 'Leaf',
      publicKeyInfo: ed25519Key(new Uint8Array(32).fill(4)).publicKeyInfo,
      issuer: { name: parent.tbs.subject, publicKeyInfo: parent.tbs.publicKeyInfo },
      did,
      authority: null,
      usages: LEAF_USAGES,
    });
    const draft = { chain: chainOf([root, leaf]), did, key, about, now };
    await expect(signMedia(picture(), draft)).rejects.toThrow('media-signer');
  });

  it('is no statement of somebody else, or of another file', async () => {
    const key = ed25519Key(new Uint8Array(32).fill(3));
    const { did, root, now } = await rooted(key);
    const other = formatDid({ network: 'off', id: new Uint8Array(32).fill(9) });
    const ada = await newcomer();
    for (const change of [{ did: other }, { contentLength: 1 }, { contentHash: new Uint8Array(32) }]) {
      const lie = { chain: chainOf([root]), did, key, about: { ...about, ...change }, now };
      const content = await signMedia(picture(), lie);
      expect(await readByOther(content)).toMatchObject({ state: 'Valid' });
      await expect(ada.verifyMedia({ content })).rejects.toThrow('media-statement');
    }
  });
});
