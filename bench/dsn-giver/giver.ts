/**
 * A peer in a process of its own that stores a file in the first records of a segment, the others empty, and gives its
 * pieces away over WebSocket. Its order comes as the first argument, in JSON.
 */
import { availableParallelism } from 'node:os';
import { commitSegment } from '../../src/crypto/kzg.ts';
import { JobPriority } from '../../src/crypto/jobs.ts';
import { createNodePool } from '../../src/crypto/pool/node.ts';
import { loadSrs } from '../../src/crypto/srs.ts';
import { loadWasm } from '../../src/crypto/wasm.ts';
import { DsnPeer } from '../../src/dsn/peer.ts';
import { nodePlatform } from '../../src/dsn/platform-node.ts';
import { compress } from '../../src/objects/compression.ts';
import { encrypt } from '../../src/objects/encryption.ts';
import { concat, toHex } from '../../src/protocol/bytes.ts';
import { cidOfHash } from '../../src/protocol/cid.ts';
import { POINT_BYTES, RAW_RECORD_BYTES, SOURCE_PIECES_IN_SEGMENT } from '../../src/protocol/constants.ts';
import { decodeNode } from '../../src/protocol/dag.ts';
import { FileBuilder, type StoredNode } from '../../src/protocol/dag-builder.ts';
import { recordFromRaw } from '../../src/protocol/record.ts';
import { ScaleWriter } from '../../src/protocol/scale.ts';
import type { PieceIndex } from '../../src/protocol/types.ts';
import type { GiverOrder, GiverReady } from './messages.ts';

const GENESIS = new Uint8Array(32).fill(1);
/** Bytes before the first remark, and between two: what transactions and blocks put there. */
const BEGIN = 1_000;
const BETWEEN = 100;

/** Bytes that compress to about half: every second one is random. */
function contentOf(bytes: number): Uint8Array {
  let state = 1;
  return Uint8Array.from({ length: bytes }, (_, index) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return index % 2 === 0 ? state >>> 24 : 0x61;
  });
}

async function* once(content: Uint8Array): AsyncGenerator<Uint8Array> {
  yield content;
}

async function nodesOf({ bytes, password }: GiverOrder): Promise<StoredNode[]> {
  const uploadOptions = {
    compression: password === null ? null : { algorithm: 'zlib' as const, level: 6, chunkSize: null },
    encryption: password === null ? null : { algorithm: 'aes-256-gcm' as const, chunkSize: null },
  };
  const content = once(contentOf(bytes));
  const stored = password === null ? content : encrypt(compress(content, 6), password);
  const builder = new FileBuilder({ name: 'bench.bin', uploadOptions });
  const nodes: StoredNode[] = [];
  for await (const part of stored) nodes.push(...builder.push(part));
  return [...nodes, ...builder.finish()];
}

/** Raw history with the nodes in remarks, and where the last of them and the content lie. */
function historyOf(nodes: readonly StoredNode[]) {
  const remarks: Uint8Array[] = [new Uint8Array(BEGIN)];
  const parts: GiverReady['parts'] = [];
  let at = BEGIN;
  let headAt = 0;
  for (const { bytes } of nodes) {
    const remark = new ScaleWriter(bytes.length + 4).byteVector(bytes).bytes();
    headAt = at;
    remarks.push(remark, new Uint8Array(BETWEEN));
    const { data } = decodeNode(bytes);
    const nodeAt = at + remark.length - bytes.length;
    if (data !== null) parts.push({ at: nodeAt + data.byteOffset - bytes.byteOffset, length: data.length });
    at += remark.length + BETWEEN;
  }
  const count = Math.ceil(at / RAW_RECORD_BYTES);
  const raw = concat(...remarks, new Uint8Array(count * RAW_RECORD_BYTES - at));
  const records = Array.from({ length: count }, (_, number) =>
    recordFromRaw(raw.subarray(number * RAW_RECORD_BYTES, (number + 1) * RAW_RECORD_BYTES)),
  );
  return { records, headAt, parts };
}

async function piecesOf(records: readonly Uint8Array[]) {
  const pool = createNodePool(availableParallelism());
  const commitments = new Map<Uint8Array, Promise<{ commitment: Uint8Array }>>();
  const commit = (record: Uint8Array): Promise<{ commitment: Uint8Array }> => {
    const known = commitments.get(record);
    const work = known ?? pool.run('record.commit', { record }, { priority: JobPriority.catchUp });
    commitments.set(record, work);
    return work;
  };
  const work = records.map(commit);
  // An empty record's polynomial is zero and its commitment the point at infinity.
  const sources = new Uint8Array(SOURCE_PIECES_IN_SEGMENT * POINT_BYTES);
  for (let number = 0; number < SOURCE_PIECES_IN_SEGMENT; number += 1) sources[number * POINT_BYTES] = 0xc0;
  for (const [number, done] of work.entries()) sources.set((await done).commitment, number * POINT_BYTES);
  await pool.close();
  const { recordCommitments, recordWitnesses, segmentCommitment } = commitSegment(sources);
  const point = (points: Uint8Array, position: number): Uint8Array =>
    points.subarray(position * POINT_BYTES, (position + 1) * POINT_BYTES);
  const pieces = records.map((record, number) =>
    concat(record, point(recordCommitments, 2 * number), point(recordWitnesses, 2 * number)),
  );
  return { pieces, segmentCommitment };
}

await loadWasm();
await loadSrs();
const order = JSON.parse(process.argv[2]!) as GiverOrder;
const nodes = await nodesOf(order);
const { records, headAt, parts } = historyOf(nodes);
const filled = Array.from({ length: SOURCE_PIECES_IN_SEGMENT }, () => records[0]!);
const { pieces, segmentCommitment } = await piecesOf(order.filled === true ? filled : records);
const has = (index: PieceIndex): Uint8Array | null =>
  (index % 2n === 0n && pieces[Number(index / 2n)]) || null;
const give = (index: PieceIndex): Promise<Uint8Array | null> => Promise.resolve(has(index));
const peer = await DsnPeer.start({
  ...nodePlatform(['/ip4/127.0.0.1/tcp/0/ws']),
  genesisHash: GENESIS,
  kademliaServer: true,
  server: {
    hasCached: (index) => has(index) !== null,
    cachedPiece: give,
    piece: give,
    segmentHeaders: () => Promise.resolve(null),
  },
});
const head = nodes.at(-1)!.hash;
const ready: GiverReady = {
  addresses: peer.addresses(),
  cid: cidOfHash(head),
  hash: toHex(head),
  pieceIndex: String(2 * Math.floor(headAt / RAW_RECORD_BYTES)),
  offset: headAt % RAW_RECORD_BYTES,
  segmentCommitment: toHex(segmentCommitment),
  pieces: pieces.length,
  parts,
};
process.on('disconnect', () => process.exit(0));
process.send!(ready);
