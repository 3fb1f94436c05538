/** The objects that a fresh local network comes with, got as a person gets them: over its peer, checked by its chain. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { getObject, type GotObject } from '../src/cli/get.ts';
import type { ObjectDesk } from '../src/node/objects.ts';
import { AllotmentNode } from '../src/node/node.ts';
import { createNodePlatform } from '../src/node/node-platform.ts';
import { networkChoices } from '../src/node/networks.ts';
import { parseObjectLink } from '../src/objects/link.ts';
import type { PrepareEntry } from '../src/objects/prepare.ts';
import { concat } from '../src/protocol/bytes.ts';
import { cidOfHash } from '../src/protocol/cid.ts';
import { segmentOfPiece } from '../src/protocol/segment.ts';
import { DEFAULT_NODE_OPTIONS, DEFAULT_PARAMS } from './config.ts';
import { LocalNetwork } from './network.ts';
import { SAMPLE_PASSWORD, sampleSources } from './samples.ts';

const MINUTES = 60_000;
const folder = mkdtempSync(join(tmpdir(), 'allotment-samples-'));
const { signal } = new AbortController();
let network: LocalNetwork;
let node: AllotmentNode;
let desk: ObjectDesk;

beforeAll(async () => {
  network = await LocalNetwork.start(DEFAULT_PARAMS, {
    ...DEFAULT_NODE_OPTIONS,
    dataDir: join(folder, 'network'),
    rpcPort: 0,
    ownSectors: 0,
    dsn: { tcpPort: 0, webSocketPort: 0 },
    prepared: true,
    // No more time passes: the history is all that is needed.
    pace: (stop) => new Promise((resolve) => stop.addEventListener('abort', () => resolve(), { once: true })),
    log: () => undefined,
  });
  node = await AllotmentNode.create(await createNodePlatform(join(folder, 'node')));
  const { description: _, ...local } = networkChoices.find(({ id }) => id === 'local')!;
  const followed = new Promise<void>((resolve) =>
    node.onChange(() => node.snapshot().chain?.phase === 'following' && resolve()),
  );
  await node.start({
    network: { ...local, endpoints: [`ws://127.0.0.1:${network.port}`] },
    farm: null,
    cores: 2,
    potBudget: { mode: 'sampled', checkpointsPerSlot: 1 },
  });
  await followed;
  desk = await node.openObjects();
}, 5 * MINUTES);

afterAll(async () => {
  await node?.stop();
  await network?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** The files that an entry should become, by their path in a zip file. */
async function filesOf(entry: PrepareEntry): Promise<[string, Uint8Array][]> {
  if (entry.kind === 'file') return [[entry.name, await bytesOf(entry)]];
  const inside = await Promise.all(
    entry.entries.map(async (one) =>
      (await filesOf(one)).map(([path, bytes]): [string, Uint8Array] => [
        one.kind === 'folder' ? `${one.name}/${path}` : path,
        bytes,
      ]),
    ),
  );
  return inside.flat();
}

async function bytesOf(entry: PrepareEntry & { kind: 'file' }): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of entry.bytes()) parts.push(part);
  return concat(...parts);
}

function get(cid: string, password?: string): Promise<GotObject> {
  const ask = () => Promise.resolve(null);
  return getObject(desk, cid, { output: join(folder, `${cid}-${password}`), password, ask, signal });
}

describe('the samples of a fresh local network', () => {
  it('are all there, each got and equal to what was stored', { timeout: 5 * MINUTES }, async () => {
    const sources = sampleSources();
    expect(network.samples.map(({ name }) => name)).toEqual(sources.map(({ entry }) => entry.name));
    for (const [index, { entry, options }] of sources.entries()) {
      const got = await get(network.samples[index]!.cid, options.password);
      const content = new Uint8Array(readFileSync(got.file));
      const files = entry.kind === 'folder' ? unzipSync(content) : { [entry.name]: content };
      for (const [path, bytes] of await filesOf(entry))
        expect([path, Buffer.compare(files[path]!, bytes)]).toEqual([path, 0]);
    }
  });

  it('lie where they are said to: across borders of pieces and of segments', async () => {
    const place = (name: string) => network.samples.find((sample) => sample.name === name)!;
    const { pieces: video } = await desk.service
      .open(place('sunrise.webm').cid, signal)
      .then((object) => piecesOf(object.hash));
    expect(video.size).toBeGreaterThan(1);
    const { segments } = await desk.service
      .open(place('tune.wav').cid, signal)
      .then((object) => piecesOf(object.hash));
    expect([...segments].sort()).toEqual([1n, 2n]);
  });

  it('come with the headers of their segments, verified', async () => {
    await expect
      .poll(() => desk.network.view().history, { timeout: MINUTES })
      .toEqual({ headers: network.segments.headers().length, segments: network.segments.headers().length });
  });

  it(
    'are found without anybody’s word once all of history was looked through',
    { timeout: 10 * MINUTES },
    async () => {
      const nobodys = cidOfHash(new Uint8Array(32).fill(1));
      expect(await desk.searchFor(nobodys, signal)).toBe(false);
      const all = Number(network.segments.headers().length) * 128;
      expect(desk.searchView()).toMatchObject({
        state: 'absent',
        pieces: all,
        totalPieces: all,
        missingPieces: 0,
      });
      for (const { cid } of network.samples) {
        expect(await desk.searchFor(cid, signal)).toBe(true);
        expect(desk.searchView()).toMatchObject({ state: 'found', knownPieces: all });
      }
    },
  );

  it('need their password, and links without a place are enough', async () => {
    const secret = network.samples.find(({ name }) => name === 'secret.txt')!;
    await expect(get(secret.cid, 'wrong')).rejects.toMatchObject({ code: 'wrong-password' });
    const view = await desk.open({ link: secret.cid, password: SAMPLE_PASSWORD });
    expect(view).toMatchObject({ encrypted: true, locked: false, name: 'secret.txt' });
    expect(parseObjectLink(view.path).hints).toHaveLength(1);
  });
});

/** Pieces and segments of an object's parts, as the network remembers them. */
async function piecesOf(hash: Uint8Array): Promise<{ pieces: Set<bigint>; segments: Set<bigint> }> {
  const pieces = new Set<bigint>();
  const object = await desk.service.open({ cid: cidOfHash(hash), hints: [] }, signal);
  for await (const part of desk.service.nodesOf(object, signal))
    pieces.add(network.segments.place(part)!.pieceIndex);
  return { pieces, segments: new Set([...pieces].map(segmentOfPiece)) };
}
