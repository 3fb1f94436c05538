/**
 * Pieces and objects over the storage network on loopback. Transports of tabs are measured where they exist: in
 * tabs.
 */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { availableParallelism } from 'node:os';
import { WebSocket, WebSocketServer } from 'ws';
import type { ComputePool } from '../src/crypto/jobs.ts';
import { commitRecord, commitSegment, type SegmentCommitments } from '../src/crypto/kzg.ts';
import { createNodePool } from '../src/crypto/pool/node.ts';
import { loadSrs } from '../src/crypto/srs.ts';
import { loadWasm } from '../src/crypto/wasm.ts';
import { DsnPeer } from '../src/dsn/peer.ts';
import { nodePlatform } from '../src/dsn/platform-node.ts';
import { peerCaches } from '../src/dsn/search.ts';
import { PieceSupply } from '../src/dsn/supply.ts';
import { ObjectService } from '../src/objects/service.ts';
import { concat } from '../src/protocol/bytes.ts';
import { cidOfHash } from '../src/protocol/cid.ts';
import { PIECE_BYTES, POINT_BYTES, RAW_RECORD_BYTES } from '../src/protocol/constants.ts';
import { FileBuilder, PLAIN_UPLOAD } from '../src/protocol/dag-builder.ts';
import { pieceByIndex } from '../src/protocol/dsn.ts';
import { recordFromRaw } from '../src/protocol/record.ts';
import { ScaleWriter } from '../src/protocol/scale.ts';
import { positionOfPiece } from '../src/protocol/segment.ts';
import type { GlobalObject, PieceIndex } from '../src/protocol/types.ts';
import { medianWall, RUNS } from './measure.ts';
import type { Benchmark, BenchmarkResult } from './types.ts';

const GENESIS = new Uint8Array(32).fill(1);
const FILE_BYTES = 16 * 2 ** 20;
const PIECES_EACH = 16;
const AT_ONCE = 4;
const MEGA = 1e6;

/** A file in the first records of a segment whose other records are empty. */
interface StoredFile {
  commitments: SegmentCommitments;
  pieces: Map<PieceIndex, Uint8Array>;
  head: GlobalObject;
  cid: string;
}

async function storeFile(): Promise<StoredFile> {
  await loadWasm();
  await loadSrs();
  const builder = new FileBuilder({ name: 'bench.bin', uploadOptions: PLAIN_UPLOAD });
  const content = Uint8Array.from({ length: FILE_BYTES }, (_, index) => (index * 2654435761) >>> 13);
  const nodes = [...builder.push(content), ...builder.finish()];
  const parts: Uint8Array[] = [new Uint8Array(1000)];
  let at = 1000;
  let headOffset = 0;
  for (const { bytes } of nodes) {
    const remark = new ScaleWriter(bytes.length + 4).byteVector(bytes).bytes();
    headOffset = at;
    parts.push(remark, new Uint8Array(100));
    at += remark.length + 100;
  }
  const count = Math.ceil(at / RAW_RECORD_BYTES);
  const raw = concat(...parts, new Uint8Array(count * RAW_RECORD_BYTES - at));
  const records = Array.from({ length: count }, (_, number) =>
    recordFromRaw(raw.subarray(number * RAW_RECORD_BYTES, (number + 1) * RAW_RECORD_BYTES)),
  );
  // An empty record's polynomial is zero and its commitment the point at infinity.
  const sources = new Uint8Array(128 * POINT_BYTES);
  for (let number = 0; number < 128; number += 1) sources[number * POINT_BYTES] = 0xc0;
  records.forEach((record, number) => sources.set(commitRecord(record), number * POINT_BYTES));
  const commitments = commitSegment(sources);
  const point = (points: Uint8Array, position: number) =>
    points.subarray(position * POINT_BYTES, (position + 1) * POINT_BYTES);
  const pieces = new Map(
    records.map((record, number): [PieceIndex, Uint8Array] => [
      BigInt(2 * number),
      concat(
        record,
        point(commitments.recordCommitments, 2 * number),
        point(commitments.recordWitnesses, 2 * number),
      ),
    ]),
  );
  const head = {
    hash: nodes.at(-1)!.hash,
    pieceIndex: 2n * BigInt(Math.floor(headOffset / RAW_RECORD_BYTES)),
    offset: headOffset % RAW_RECORD_BYTES,
  };
  return { commitments, pieces, head, cid: cidOfHash(head.hash) };
}

/** Two peers over WebSocket, one of which has the pieces. */
async function twoPeers(pieces: (index: PieceIndex) => Uint8Array | null) {
  const give = (index: PieceIndex) => Promise.resolve(pieces(index));
  const giver = await DsnPeer.start({
    ...nodePlatform(['/ip4/127.0.0.1/tcp/0/ws']),
    genesisHash: GENESIS,
    kademliaServer: true,
    server: {
      hasCached: (index) => pieces(index) !== null,
      cachedPiece: give,
      piece: give,
      segmentHeaders: () => Promise.resolve(null),
    },
  });
  const asker = await DsnPeer.start({ ...nodePlatform(), genesisHash: GENESIS });
  return { giver, asker, stop: () => Promise.all([giver.stop(), asker.stop()]) };
}

/** Runs `work` for numbers 0..count − 1, a few at a time. */
async function together(count: number, work: (number: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      await work(next - 1);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** Seconds that the same bytes take over plain WebSockets, a message a piece. */
async function rawSeconds(): Promise<number> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  const piece = new Uint8Array(PIECE_BYTES);
  server.on('connection', (socket) => socket.on('message', () => socket.send(piece)));
  await once(server, 'listening');
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const sockets = await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      const socket = new WebSocket(url);
      await once(socket, 'open');
      return socket;
    }),
  );
  const seconds = await medianWall(() =>
    together(PIECES_EACH, async (number) => {
      const socket = sockets[number % AT_ONCE]!;
      socket.send('piece');
      await once(socket, 'message');
    }),
  );
  for (const socket of sockets) socket.close();
  server.close();
  return seconds;
}

async function pieceOverWebSocket(): Promise<BenchmarkResult> {
  const piece = new Uint8Array(PIECE_BYTES);
  const { giver, asker, stop } = await twoPeers(() => piece);
  await asker.connect(giver.addresses());
  const seconds = await medianWall(() =>
    together(PIECES_EACH, async (number) => {
      await asker.request(giver.id, pieceByIndex, { pieceIndex: BigInt(number), cachedPieces: [] });
    }),
  );
  await stop();
  const value = (PIECES_EACH * PIECE_BYTES) / MEGA / seconds;
  const raw = (PIECES_EACH * PIECE_BYTES) / MEGA / (await rawSeconds());
  return { value, runs: RUNS, peer: 'raw bytes, same transport', ratio: value / raw };
}

async function withStoredFile(
  measure: (
    file: StoredFile,
    peers: Awaited<ReturnType<typeof twoPeers>>,
    pool: ComputePool,
  ) => Promise<BenchmarkResult>,
): Promise<BenchmarkResult> {
  const file = await storeFile();
  const peers = await twoPeers((index) => file.pieces.get(index) ?? null);
  const pool = createNodePool(availableParallelism());
  try {
    return await measure(file, peers, pool);
  } finally {
    await peers.stop();
    await pool.close();
  }
}

/** A service that has to fetch and check everything again. */
function newService({ commitments }: StoredFile, asker: DsnPeer, pool: ComputePool): ObjectService {
  const supply = new PieceSupply({
    pool,
    commitments: { segmentCommitment: (segment) => (segment === 0n ? commitments.segmentCommitment : null) },
    cache: null,
    providers: [peerCaches(asker)],
    reconstruct: false,
  });
  return new ObjectService({ pieces: supply, locators: [] });
}

const { signal } = new AbortController();

function verifiedObject(): Promise<BenchmarkResult> {
  return withStoredFile(async (file, { giver, asker }, pool) => {
    await asker.connect(giver.addresses());
    const verified = await medianWall(async () => {
      const service = newService(file, asker, pool);
      const object = await service.open({ cid: file.cid, hints: [file.head] }, signal);
      let bytes = 0;
      for await (const part of service.read(object, signal)) bytes += part.length;
      if (bytes !== FILE_BYTES) throw new Error(`${bytes} bytes`);
    });
    const wanted = [...file.pieces.keys()];
    const unverified = await medianWall(() =>
      peerCaches(asker).find(
        wanted,
        (index, piece) => Promise.resolve(positionOfPiece(index) >= 0 && piece.length > 0),
        signal,
      ),
    );
    const value = FILE_BYTES / MEGA / verified;
    return { value, runs: RUNS, peer: 'its pieces unverified', ratio: unverified / verified };
  });
}

function firstByte(): Promise<BenchmarkResult> {
  return withStoredFile(async (file, { giver }, pool) => {
    const value = await medianWall(async () => {
      const asker = await DsnPeer.start({ ...nodePlatform(), genesisHash: GENESIS });
      await asker.connect(giver.addresses());
      const service = newService(file, asker, pool);
      const object = await service.open({ cid: file.cid, hints: [file.head] }, signal);
      await service.read(object, signal).next();
      await asker.stop();
    });
    return { value, runs: RUNS, peer: 'budget 2 s', ratio: 2 / value };
  });
}

export const benchmarks: Benchmark[] = [
  { group: 'dsn', name: 'dsn.piece.ws', unit: 'MB/s', better: 'higher', run: pieceOverWebSocket },
  { group: 'dsn', name: 'dsn.object', unit: 'MB/s', better: 'higher', goal: '≥ 0.8', run: verifiedObject },
  { group: 'dsn', name: 'dsn.first-byte', unit: 's', better: 'lower', goal: '≥ 1', run: firstByte },
];
