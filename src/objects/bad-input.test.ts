/**
 * Bad input, each kind of it, all the way up to what the person is told: never an unverified byte, and an error that
 * says which part, which piece and which peer. Where else each kind is tested:
 *
 *  wrong prefix of an identifier, unknown codec   here; protocol/dag.test.ts: identifiers
 *  cycles, too deep, too wide, sizes that lie     here (cycles, width, repeated parts); object.test.ts: trees that lie
 *  wrong hash, a wrong place                      nodes.test.ts: three different failures; here;
 *                                                 protocol/object-retrieval.test.ts: a mapping that points anywhere
 *  encrypted frames cut off or reordered, a wrong password   object.test.ts: encrypted files; here (reordered)
 *  missing and invalid pieces                     here; dsn/supply.test.ts
 *  peers that stall, close, ban, flood, give another piece   here; dsn/hostile.test.ts
 *  a gateway that lies                            here: a gateway is a peer
 */
import type { Stream } from '@libp2p/interface';
import { base32nopad } from '@scure/base';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadBlake3 } from '../crypto/blake3.ts';
import type { ComputePool, JobInput, JobName, JobOutput } from '../crypto/jobs.ts';
import { concat, equal, utf8 } from '../protocol/bytes.ts';
import { cidBytesOfHash, cidOfHash } from '../protocol/cid.ts';
import { encodeWith } from '../protocol/codec.ts';
import { PIECE_BYTES, RAW_RECORD_BYTES } from '../protocol/constants.ts';
import { encodeNode, hashOfNode, type DagNode } from '../protocol/dag.ts';
import { FileBuilder, type StoredNode } from '../protocol/dag-builder.ts';
import { cachedPieceByIndex, encodeVarint, frame, pieceByIndex } from '../protocol/dsn.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { recordFromRaw } from '../protocol/record.ts';
import { ScaleWriter } from '../protocol/scale.ts';
import type { DsnPeer } from '../dsn/peer.ts';
import { peerCaches, peerPlots } from '../dsn/search.ts';
import { REFUSING_SERVER } from '../dsn/server.ts';
import { PieceSupply } from '../dsn/supply.ts';
import { addressesOf, join, plainPeer } from '../dsn/test-support.ts';
import { ObjectError } from './errors.ts';
import { listFolder, openHash } from './object.ts';
import { prepareFile } from './prepare.ts';
import { ObjectService } from './service.ts';
import { allNodes, folderEntries, keyOf, storedBytes, type NodeSource } from './tree.ts';

const { signal } = new AbortController();
const PIECE = 40n;
const OFFSET = 300;

/** A one-node file in a piece of history. */
const builder = new FileBuilder({ name: 'a.txt', uploadOptions: null });
const nodes: StoredNode[] = [...builder.push(utf8('the truth')), ...builder.finish()];
const { hash, bytes } = nodes.at(-1)!;
const cid = cidOfHash(hash);
const link = { cid, hints: [{ pieceIndex: PIECE, offset: OFFSET }] };

function pieceWith(content: Uint8Array): Uint8Array {
  const raw = new Uint8Array(RAW_RECORD_BYTES);
  raw.set(new ScaleWriter().byteVector(content).bytes(), OFFSET);
  const piece = new Uint8Array(PIECE_BYTES);
  piece.set(recordFromRaw(raw));
  return piece;
}

const truth = pieceWith(bytes);
const lie = pieceWith(utf8('something else'));

/** Takes the one piece for right, and no other. */
const pool: ComputePool = {
  run: <J extends JobName>(_: J, input: JobInput<J>): Promise<JobOutput<J>> => {
    const { pieces } = input as JobInput<'piece.verify'>;
    const bad = pieces.flatMap((piece, at) => (equal(piece, truth) ? [] : [at]));
    return Promise.resolve({ bad } as unknown as JobOutput<J>);
  },
  resize: () => undefined,
  status: () => ({ workers: 1, busy: 0, queued: 0 }),
  close: () => Promise.resolve(),
};

/** What the person gets who knows these peers and nobody else. */
function serviceOf(peer: DsnPeer): ObjectService {
  const pieces = new PieceSupply({
    pool,
    commitments: { segmentCommitment: () => new Uint8Array(48) },
    cache: null,
    providers: [peerCaches(peer), peerPlots(peer)],
    reconstruct: false,
  });
  return new ObjectService({ pieces, locators: [] });
}

async function objectFailure(work: Promise<unknown>): Promise<ObjectError> {
  const error = await work.catch((reason: unknown) => reason);
  if (error instanceof ObjectError) return error;
  throw new Error(`no ObjectError but ${String(error)}`);
}

async function collect(parts: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const part of parts) all.push(part);
  return concat(...all);
}

/** Hands out nodes under whatever hash: no honest source does. */
class Nodes implements NodeSource {
  private readonly byHash = new Map<string, Uint8Array>();

  put(at: Uint8Array, node: Uint8Array): void {
    this.byHash.set(keyOf(at), node);
  }

  node(wanted: Uint8Array): Promise<Uint8Array> {
    const found = this.byHash.get(keyOf(wanted));
    return found === undefined ? Promise.reject(new Error('no node')) : Promise.resolve(found);
  }
}

async function sendAll(stream: Stream, content: Uint8Array): Promise<void> {
  for (let at = 0; at < content.length; at += 60_000)
    if (!stream.send(content.subarray(at, at + 60_000))) await stream.onDrain();
  await stream.close();
}

const answerOf = (piece: Uint8Array): Uint8Array =>
  frame(encodeWith(cachedPieceByIndex.response, { result: { kind: 'piece', piece }, cachedPieces: [] }));

beforeAll(loadBlake3);

describe('a peer, or a gateway, that', () => {
  it.each<[string, string, (stream: Stream) => void]>([
    ['stalls', 'timeout', () => undefined],
    [
      'stalls in the middle',
      'timeout',
      (stream) => void stream.send(concat(encodeVarint(PIECE_BYTES), new Uint8Array(5000))),
    ],
    ['closes without a word', 'refused', (stream) => void stream.close()],
    [
      'breaks off',
      'unreachable',
      (stream) => {
        stream.send(concat(encodeVarint(PIECE_BYTES), new Uint8Array(5000)));
        setTimeout(() => stream.abort(new Error('gone')), 50);
      },
    ],
    ['floods', 'malformed', (stream) => void stream.send(encodeVarint(2 ** 30))],
    [
      'sends what does not decode',
      'malformed',
      (stream) => void sendAll(stream, frame(utf8('no answer'))).catch(() => undefined),
    ],
    [
      'gives another piece',
      'sent a wrong piece',
      (stream) => void sendAll(stream, answerOf(lie)).catch(() => undefined),
    ],
  ])(
    '%s is named with the part and the piece',
    async (_, why, handler) => {
      const hostile = await plainPeer(true, {
        [cachedPieceByIndex.name]: handler,
        [pieceByIndex.name]: handler,
      });
      const tab = await join({ requestTimeoutMs: 1_500, stallMs: 500 }, []);
      await tab.connect(addressesOf(hostile));
      const error = await objectFailure(serviceOf(tab).open(link, signal));
      expect(error.code).toBe('pieces-missing');
      expect(error.values).toMatchObject({ cid, pieceIndex: PIECE, offset: OFFSET, giver: 'the link' });
      const asked = `asked in vain: ${hostile.peerId.toString()} (${why})`;
      expect(error.where).toBe(
        `part ${cid}; piece ${PIECE}, offset ${OFFSET}; as told by the link; ${asked}`,
      );
      // Whoever is honest is asked.
      const honest = await join({
        kademliaServer: true,
        server: { ...REFUSING_SERVER, cachedPiece: () => Promise.resolve(truth) },
      });
      await tab.connect(honest.addresses());
      const service = serviceOf(tab);
      const object = await service.open(link, signal);
      expect(equal(await collect(service.read(object, signal)), utf8('the truth'))).toBe(true);
    },
    30_000,
  );

  it('bans the tab costs one try, and others are asked', async () => {
    const other = await join({ kademliaServer: true, server: REFUSING_SERVER });
    const tab = await join({ requestTimeoutMs: 3_000 }, []);
    await tab.connect(other.addresses());
    other.book.ban(tab.id, 'it sent a wrong piece');
    await expect.poll(() => tab.connections()).toEqual([]);
    const error = await objectFailure(serviceOf(tab).open(link, signal));
    expect(error.code).toBe('pieces-missing');
    const honest = await join({
      kademliaServer: true,
      server: { ...REFUSING_SERVER, cachedPiece: () => Promise.resolve(truth) },
    });
    await tab.connect(honest.addresses());
    expect((await serviceOf(tab).open(link, signal)).name).toBe('a.txt');
  }, 30_000);
});

describe('an identifier that', () => {
  const raw = cidBytesOfHash(hash);
  const textOf = (changed: Uint8Array) => `b${base32nopad.encode(changed).toLowerCase()}`;
  it.each([
    ['has the registered hash', raw.with(2, 0x1e)],
    ['has another codec', raw.with(1, 0x70)],
    ['has another version', raw.with(0, 2)],
    ['has another length of its hash', raw.with(3, 0x1f)],
  ])('%s is refused before anybody is asked', async (_, changed) => {
    const pieces = { pieces: () => Promise.reject(new Error('asked')) };
    const service = new ObjectService({ pieces, locators: [] });
    const error = await service.open(textOf(changed), signal).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ProtocolError);
    expect((error as ProtocolError).sentence).toMatch(/begins? with bafkr6i/);
  });
});

describe('a tree that', () => {
  const plain: DagNode = {
    type: 'folder',
    linkDepth: 0,
    size: 1n,
    name: 'f',
    data: null,
    uploadOptions: null,
    links: [],
  };

  it('goes round in a circle is refused', async () => {
    const source = new Nodes();
    const self = new Uint8Array(32).fill(7);
    const inner: DagNode = {
      ...plain,
      type: 'folderInlink',
      linkDepth: 1,
      size: null,
      name: null,
      links: [self],
    };
    source.put(self, encodeNode(inner));
    const head: DagNode = { ...plain, linkDepth: 2, links: [self] };
    const entries = folderEntries(source, hashOfNode(encodeNode(head)), head, signal);
    const error = await objectFailure(entries.next());
    expect([error.code, error.values['cid']]).toEqual(['malformed', cidOfHash(self)]);
    const round: DagNode = { ...plain, links: [self] };
    source.put(self, encodeNode(round));
    const walk = async () => {
      for await (const _ of allNodes(source, self, round, signal)) continue;
    };
    expect((await objectFailure(walk())).code).toBe('out-of-bounds');
  });

  it('is without end because parts repeat is walked once, and listed and read as far as somebody reads', async () => {
    const source = new Nodes();
    const asked: string[] = [];
    const counting: NodeSource = {
      node: (wanted, stop) => {
        asked.push(keyOf(wanted));
        stop.throwIfAborted();
        return source.node(wanted);
      },
    };
    const many = (node: DagNode, width: number): Uint8Array[] => {
      const encoded = encodeNode(node);
      source.put(hashOfNode(encoded), encoded);
      return Array.from({ length: width }, () => hashOfNode(encoded));
    };
    // 1600 folders, each of 1600 folders, and so on: 10^22 entries in eight nodes.
    let folder: DagNode = { ...plain, links: [hash] };
    source.put(hash, bytes);
    for (let level = 0; level < 7; level += 1) folder = { ...plain, links: many(folder, 1_600) };
    const seen: string[] = [];
    const top = hashOfNode(encodeNode(folder));
    for await (const one of allNodes(counting, top, folder, signal)) seen.push(keyOf(one));
    expect(new Set(seen).size).toBe(9);
    expect(seen).toHaveLength(9);
    expect(asked).toHaveLength(8);
    source.put(top, encodeNode(folder));
    const opened = await openHash(counting, top, signal);
    let listed = 0;
    for await (const _ of listFolder(counting, opened, signal, { deep: true })) {
      listed += 1;
      if (listed === 3_000) break;
    }
    expect(listed).toBe(3_000);

    // A file of 4 TB in four nodes.
    const leaf: DagNode = {
      ...plain,
      type: 'fileChunk',
      size: 1_000n,
      name: null,
      data: new Uint8Array(1_000),
    };
    let links = many(leaf, 1_600);
    let size = 1_600_000n;
    for (let depth = 1; depth < 3; depth += 1) {
      const inner: DagNode = {
        ...plain,
        type: 'fileInlink',
        linkDepth: depth,
        size: 1_600n,
        name: null,
        links,
      };
      links = many(inner, 1_600);
      size *= 1_600n;
    }
    const file: DagNode = { ...plain, type: 'file', linkDepth: 3, size, links };
    const fileHash = hashOfNode(encodeNode(file));
    for (const from of [0, Number(size) - 2_500]) {
      asked.length = 0;
      let read = 0;
      for await (const part of storedBytes(counting, fileHash, file, { from, to: from + 2_500 }, signal)) {
        read += part.length;
        if (read >= 2_500) break;
      }
      expect(read).toBeGreaterThanOrEqual(2_500);
      expect(asked.length).toBeLessThan(100);
    }
  });

  it('is wider than a node can be is refused', async () => {
    const wide: DagNode = {
      ...plain,
      type: 'file',
      linkDepth: 1,
      links: Array<Uint8Array>(1_700).fill(hash),
    };
    const read = storedBytes(new Nodes(), hash, wide, { from: 0, to: 1 }, signal);
    expect((await objectFailure(read.next())).code).toBe('out-of-bounds');
  });

  it('has a part that is none says which part, in which piece', async () => {
    const remark = utf8('an ordinary remark');
    const place = { hash: hashOfNode(remark), pieceIndex: PIECE, offset: OFFSET };
    const piece = pieceWith(remark);
    const service = new ObjectService({
      pieces: { pieces: (indices) => Promise.resolve(indices.map(() => piece)) },
      locators: [{ name: 'an index', locate: () => Promise.resolve([place]) }],
    });
    const error = await objectFailure(service.open(cidOfHash(place.hash), signal));
    expect(error.code).toBe('malformed');
    expect(error.where).toBe(`part ${cidOfHash(place.hash)}; piece ${PIECE}, offset ${OFFSET}`);
  });
});

describe('encrypted frames in another order', () => {
  it('have another identifier, and are never read under the first', async () => {
    const first = new Nodes();
    let right = hash;
    const content = Uint8Array.from({ length: 2_200_000 }, (_, at) => (at * 7 + (at >> 8)) % 251);
    const parts = (async function* () {
      yield content;
    })();
    for await (const node of prepareFile(parts, 'a.bin', { password: 'p' })) {
      first.put(node.hash, node.bytes);
      right = node.hash;
    }
    const object = await openHash(first, right, signal);
    const cipher = await collect(storedBytes(first, right, object.head, { from: 0, to: Infinity }, signal));
    const frameBytes = 1_048_608;
    const swapped = concat(
      cipher.subarray(0, 32),
      cipher.subarray(32 + frameBytes, 32 + 2 * frameBytes),
      cipher.subarray(32, 32 + frameBytes),
      cipher.subarray(32 + 2 * frameBytes),
    );
    expect(swapped.length).toBe(cipher.length);
    const again = new FileBuilder({ name: object.name, uploadOptions: object.head.uploadOptions });
    const reordered = [...again.push(swapped), ...again.finish()];
    const other = reordered.at(-1)!;
    expect(equal(other.hash, right)).toBe(false);
    // Whoever gives its parts for those of the first is found out by their hashes.
    const [leaf] = reordered;
    const place = { hash: object.head.links[0]!, pieceIndex: PIECE, offset: OFFSET };
    const service = new ObjectService({
      pieces: { pieces: (indices) => Promise.resolve(indices.map(() => pieceWith(leaf!.bytes))) },
      locators: [{ name: 'a liar', locate: () => Promise.resolve([place]) }],
    });
    const error = await objectFailure(service.open(cidOfHash(place.hash), signal));
    expect([error.code, error.values['giver']]).toEqual(['hints-wrong', 'a liar']);
  });
});
