/**
 * Checks a sector that somebody else encoded, while it arrives: only what passes becomes a file. Its structure, its
 * checksums and the place of every record in the verified history are checked in full, the encoding of some records by
 * `farm/encoding-check.ts`.
 */
import { JobPriority } from '../crypto/jobs.ts';
import type { PlottedSector } from '../protocol/cluster/values.ts';
import { equal } from '../protocol/bytes.ts';
import { CHUNK_BYTES, PIECES_IN_SEGMENT, POINT_BYTES, RECORD_CHUNKS } from '../protocol/constants.ts';
import { ContentsMap } from '../protocol/contents-map.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { hashToScalar } from '../protocol/hash.ts';
import { RECORD_METADATA_BYTES, sectorLayout } from '../protocol/sector.ts';
import { positionOfPiece } from '../protocol/segment.ts';
import type { PieceOffset } from '../protocol/types.ts';
import { createBlake3 } from '../crypto/blake3.ts';
import type { SectorPlan } from '../farm/plan.ts';
import {
  defaultSample,
  drawOffsets,
  wrongEncoding,
  type EncodingCheckContext,
} from '../farm/encoding-check.ts';
import { commitmentFor } from '../farm/source.ts';
import { ClusterError } from './errors.ts';

export interface SectorCheckContext extends EncodingCheckContext {
  /** Records to encode again; `defaultSample` when left out. */
  sample?: number;
}

/** Throws ClusterError `wrong-sector` unless what a plotter says of a sector is what was ordered. */
export function requirePlanned(plotted: PlottedSector, plan: SectorPlan): void {
  const { metadata } = plotted;
  const asPlanned =
    equal(plotted.sectorId, plan.sectorId) &&
    plotted.sectorIndex === plan.sectorIndex &&
    metadata.sectorIndex === plan.sectorIndex &&
    metadata.historySize === plan.historySize &&
    metadata.piecesInSector === plan.pieces.length &&
    plotted.pieceIndexes.length === plan.pieces.length &&
    plotted.pieceIndexes.every((index, offset) => index === plan.pieces[offset]!.index);
  if (!asPlanned) throw wrong('it is another sector than the one ordered');
}

interface SampledRecord {
  offset: PieceOffset;
  /** Where its chunks lie, in chunks from the first on, ascending. */
  locations: Uint32Array;
  chunks: Uint8Array;
  next: number;
}

/**
 * Passes a sector's bytes on, part by part, and throws before the end when anything about it is wrong. Holds a
 * sampled record's chunks (1 MiB) and the records' metadata in memory, besides the part that arrives.
 *
 * @throws ClusterError `wrong-sector`; the signal's reason.
 */
export async function* checkedSector(
  chunks: AsyncIterable<Uint8Array>,
  plotted: PlottedSector,
  plan: SectorPlan,
  context: SectorCheckContext,
): AsyncGenerator<Uint8Array, void, void> {
  const layout = sectorLayout(plan.pieces.length);
  const total = layout.checksum + 32;
  const hasher = await createBlake3();
  const head = new Uint8Array(layout.recordChunks);
  const tail = new Uint8Array(total - layout.recordMetadata);
  let sampled: SampledRecord[] = [];
  let map: ContentsMap | null = null;
  let position = 0;
  for await (const part of chunks) {
    context.signal.throwIfAborted();
    const end = position + part.length;
    if (end > total) throw wrong(`it has more than ${total} bytes`);
    copyOverlap(part, position, head, 0);
    copyOverlap(part, position, tail, layout.recordMetadata);
    if (position < layout.checksum) hasher.update(part.subarray(0, layout.checksum - position));
    if (map === null && end >= head.length) {
      map = decodeMap(head, plotted);
      sampled = drawSample(map, context.sample ?? defaultSample(plan.pieces.length));
      // What has passed of the chunks is within this part.
    }
    if (map !== null) for (const record of sampled) collect(record, part, position - layout.recordChunks);
    position = end;
    yield part;
  }
  if (map === null || position !== total) throw wrong(`it has ${position} bytes, ${total} expected`);
  const contents = map;
  if (!equal(hasher.digest().subarray(0, 32), tail.subarray(-32))) throw wrong('its checksum differs');
  const metadata = plan.pieces.map((_, offset) =>
    tail.subarray(offset * RECORD_METADATA_BYTES, (offset + 1) * RECORD_METADATA_BYTES),
  );
  await checkRecords(plan, metadata, context);
  const records = sampled.map(({ offset, chunks }) => ({
    offset,
    chunks,
    bitfield: contents.bitfields[offset]!,
    metadata: metadata[offset]!,
  }));
  const why = await wrongEncoding(plan, records, context);
  if (why !== null) throw wrong(why);
}

function decodeMap(head: Uint8Array, { metadata }: PlottedSector): ContentsMap {
  let map: ContentsMap;
  try {
    map = ContentsMap.decode(head, metadata.piecesInSector);
  } catch (error) {
    if (error instanceof ProtocolError) throw wrong(error.message, error);
    throw error;
  }
  const sizes = map.sBucketSizes();
  if (!sizes.every((size, sBucket) => size === metadata.sBucketSizes[sBucket]))
    throw wrong('its s-bucket sizes do not follow from its contents map');
  return map;
}

/** Copies what `part`, at `position` of a whole, shares with `target`, at `start` of it. */
function copyOverlap(part: Uint8Array, position: number, target: Uint8Array, start: number): void {
  const from = Math.max(position, start);
  const to = Math.min(position + part.length, start + target.length);
  if (from < to) target.set(part.subarray(from - position, to - position), from - start);
}

function drawSample(map: ContentsMap, count: number): SampledRecord[] {
  return drawOffsets([...map.bitfields.keys()], count).map((offset) => ({
    offset,
    locations: map.chunkLocations(offset),
    chunks: new Uint8Array(RECORD_CHUNKS * CHUNK_BYTES),
    next: 0,
  }));
}

/** Takes a record's chunks out of a part that begins at `position`, in bytes from the first chunk on. */
function collect(record: SampledRecord, part: Uint8Array, position: number): void {
  const end = position + part.length;
  while (record.next < RECORD_CHUNKS) {
    const at = record.locations[record.next]! * CHUNK_BYTES;
    const target = record.chunks.subarray(record.next * CHUNK_BYTES, (record.next + 1) * CHUNK_BYTES);
    copyOverlap(part, position, target, at);
    // The rest of it comes with the next part.
    if (at + CHUNK_BYTES > end) return;
    record.next += 1;
  }
}

/** Every record's commitment must be the one that the history has at the piece's place. */
async function checkRecords(
  plan: SectorPlan,
  metadata: readonly Uint8Array[],
  { pool, history, signal }: SectorCheckContext,
): Promise<void> {
  const openings = plan.pieces.map(({ index }, offset) => ({
    commitment: commitmentFor(index, history),
    domain: PIECES_IN_SEGMENT,
    index: positionOfPiece(index),
    value: hashToScalar(metadata[offset]!.subarray(0, POINT_BYTES)),
    witness: metadata[offset]!.slice(POINT_BYTES, 2 * POINT_BYTES),
  }));
  const { bad } = await pool.run('kzg.verify', { openings }, { priority: JobPriority.plot, signal });
  if (bad.length > 0) throw wrong(`the record at offset ${bad[0]} is not part of the history`);
}

function wrong(why: string, cause?: unknown): ClusterError {
  return new ClusterError(
    'wrong-sector',
    why,
    `A plotter of the cluster delivered a wrong sector: ${why}. Nothing of it was kept.`,
    cause,
  );
}
