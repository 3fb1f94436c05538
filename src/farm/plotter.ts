/** Plots one sector: pieces in, verified, encoded, assembled, written in one go. */
import { abortWith } from '../async/on-abort.ts';
import { JobPriority } from '../crypto/jobs.ts';
import type { ComputePool } from '../crypto/jobs.ts';
import { pause } from '../async/pause.ts';
import { PIECE_BYTES } from '../protocol/constants.ts';
import { positionOfPiece } from '../protocol/segment.ts';
import { ContentsMap } from '../protocol/contents-map.ts';
import { encodeSectorMetadata, type SectorMetadata } from '../protocol/sector-metadata.ts';
import type { PieceIndex, PieceOffset } from '../protocol/types.ts';
import type { FarmDirectory } from '../storage/directory.ts';
import { checkUnchecked } from './encoding-check.ts';
import { FarmError } from './errors.ts';
import { PartialSector, type EncodedRow } from './partial-sector.ts';
import type { SectorPlan } from './plan.ts';
import { PIECES_AT_ONCE } from './plot-memory.ts';
import { assembleSector, type ReadRecordChunks } from './sector-assembly.ts';
import { sectorFileName } from './sector-file.ts';
import type { PlotStage, PlottedBy } from './snapshot.ts';
import { commitmentFor, type PieceSource, type VerifiedHistory } from './source.ts';

const FETCHES_AT_ONCE = 8;
/** A piece is asked for so many times before the sector is given up for now. */
const ATTEMPTS = 4;
const RETRY_DELAY_MS = 1_000;

export interface PlotProgress {
  stage: PlotStage;
  by: PlottedBy;
  /** Records encoded. */
  piecesDone: number;
  piecesTotal: number;
  /** Bytes downloaded so far. */
  bytesDownloaded: number;
}

/** What encoding a sector takes. */
export interface EncodeContext {
  pool: ComputePool;
  pieces: PieceSource;
  history: VerifiedHistory;
  directory: FarmDirectory;
  /** Encodings under way at once. */
  concurrency: number;
  signal: AbortSignal;
  progress(progress: PlotProgress): void;
  /** A piece that did not match its segment's commitment, and who sent it. */
  badPiece(source: string, index: PieceIndex): void;
  /** Pieces in memory at once, twice over; the more, the cheaper each is to verify. */
  piecesAtOnce?: number;
  /** Whether the encoded records stay in the folder when all is done, until another sector is begun there. */
  keep?: boolean;
  /** Records that a native helper has at once, at most; as many as it likes when left out. */
  lentAtOnce?: number;
  /** Records of another program that are encoded again to check it; `defaultSample` when left out. */
  sample?: number;
}

export interface PlotContext extends EncodeContext {
  /** Called when the new file is complete, just before it replaces an older one: close that one now. */
  beforeReplace(): Promise<void>;
}

/** Whoever plots a farm's sectors: this machine, or others on its behalf. Keeps the promises of `plotSector`. */
export type SectorPlotter = (plan: SectorPlan, context: PlotContext) => Promise<void>;

/**
 * Plots the planned sector into `sector-<index>.bin`. Until the end the older file of the sector, if any, stays in
 * place. A plot that fails or is stopped leaves its encoded records behind, and another one with the same plan
 * goes on with them.
 *
 * @throws FarmError `piece-unavailable` or `piece-invalid`, StorageError, or the signal's reason.
 */
export function plotSector(plan: SectorPlan, context: PlotContext): Promise<void> {
  return encodeSector(plan, context, (sector) => writeSector(plan, sector, context));
}

/** Writes an encoded sector to its file, which then replaces an older one. */
export function writeSector(plan: SectorPlan, sector: EncodedSector, context: PlotContext): Promise<void> {
  return context.directory.write(sectorFileName(plan.sectorIndex), fileParts(sector), async () => {
    context.signal.throwIfAborted();
    await context.beforeReplace();
  });
}

async function* fileParts({ metadata, parts }: EncodedSector): AsyncGenerator<Uint8Array> {
  yield* parts;
  yield encodeSectorMetadata(metadata);
}

/** A sector whose records are all encoded. */
export interface EncodedSector {
  metadata: SectorMetadata;
  /** Its bytes, part by part; to be read once. */
  parts: AsyncIterable<Uint8Array>;
}

/** Whoever encodes sectors on this machine. Keeps the promises of `encodeSector`. */
export type SectorEncoder = typeof encodeSector;

/**
 * Encodes the planned sector and hands it to `use`. What is encoded is kept in the folder until `use` is done with
 * it; when anything fails, another call with the same plan goes on with it. Records that another program encoded, in
 * this run or an earlier one, are checked before.
 *
 * @throws as `plotSector`; FarmError `wrong-encoding`, with which all records are dropped; what `use` throws.
 */
export async function encodeSector<T>(
  plan: SectorPlan,
  context: EncodeContext,
  use: (sector: EncodedSector) => Promise<T>,
): Promise<T> {
  const partial = await PartialSector.open(context.directory, plan);
  let outcome: T;
  try {
    const records = await encodeRecords(plan, context, partial);
    await checkUnchecked(plan, partial, context);
    const map = new ContentsMap(records.map(({ bitfield }) => bitfield));
    const metadata: SectorMetadata = {
      sectorIndex: plan.sectorIndex,
      piecesInSector: plan.pieces.length,
      sBucketSizes: map.sBucketSizes(),
      historySize: plan.historySize,
    };
    outcome = await use({ metadata, parts: sectorParts(map, records, context.signal, partial) });
  } catch (error) {
    const wrong = error instanceof FarmError && error.code === 'wrong-encoding';
    await (wrong ? partial.discard() : partial.close());
    throw error;
  }
  await (context.keep === true ? partial.close() : partial.discard());
  return outcome;
}

async function* sectorParts(
  map: ContentsMap,
  records: EncodedRow[],
  signal: AbortSignal,
  partial: PartialSector,
): AsyncGenerator<Uint8Array> {
  const recordMetadata = records.map((record) => record.metadata);
  const read: ReadRecordChunks = (offset, from, into) => partial.readChunks(offset, from, into);
  for await (const part of assembleSector(map, recordMetadata, read)) {
    signal.throwIfAborted();
    yield part;
  }
}

/** Encodes the records that are still missing; returns all of them. */
async function encodeRecords(
  plan: SectorPlan,
  context: EncodeContext,
  partial: PartialSector,
): Promise<EncodedRow[]> {
  const total = plan.pieces.length;
  const missing = [...partial.rows.keys()].filter((offset) => partial.rows[offset] === undefined);
  const running = new Set<Promise<void>>();
  const state: PlotProgress = {
    stage: 'downloading',
    by: 'tab',
    piecesDone: total - missing.length,
    piecesTotal: total,
    bytesDownloaded: 0,
  };
  // One failure ends the sector for now: the other encodings and downloads are not worth finishing.
  const failure = new AbortController();
  const leave = abortWith(context.signal, failure);
  const { signal } = failure;
  const report = (stage: PlotStage): void => {
    const by = context.pool.status().helper === true ? 'helper' : 'tab';
    if (!signal.aborted) context.progress({ ...state, stage, by });
  };
  const downloaded = (): void => {
    state.bytesDownloaded += PIECE_BYTES;
    report(running.size === 0 ? 'downloading' : 'encoding');
  };

  const encode = async (offset: number, piece: Uint8Array): Promise<void> => {
    const { evaluationSeed } = plan.pieces[offset]!;
    const input = { evaluationSeed, piece };
    report('encoding');
    const record = await context.pool.run('record.encode', input, { priority: JobPriority.plot, signal });
    await partial.add(offset, record);
    state.piecesDone += 1;
    report(state.piecesDone === total ? 'writing' : 'encoding');
  };

  const fetch = (offsets: PieceOffset[]): Promise<Uint8Array[]> => {
    const indices = offsets.map((offset) => plan.pieces[offset]!.index);
    return fetchVerified(indices, context, signal, downloaded);
  };

  try {
    const size = context.piecesAtOnce ?? PIECES_AT_ONCE;
    const batches = Array.from({ length: Math.ceil(missing.length / size) }, (_, batch) =>
      missing.slice(batch * size, (batch + 1) * size),
    );
    report(batches.length === 0 ? 'writing' : 'downloading');
    let ahead = batches[0] && fetch(batches[0]);
    for (const [number, offsets] of batches.entries()) {
      const pieces = await ahead!;
      const following = batches[number + 1];
      // The next batch is fetched and verified while this one is encoded.
      ahead = following && fetch(following);
      ahead?.catch(() => undefined);
      for (const [position, piece] of pieces.entries()) {
        while (running.size >= context.concurrency) await Promise.race(running);
        const task = encode(offsets[position]!, piece).finally(() => running.delete(task));
        task.catch((error: unknown) => failure.abort(error));
        running.add(task);
        signal.throwIfAborted();
      }
    }
    await Promise.all(running);
    return partial.rows as EncodedRow[];
  } catch (error) {
    failure.abort(error);
    await Promise.allSettled(running);
    context.signal.throwIfAborted();
    throw signal.reason;
  } finally {
    leave();
  }
}

/** The pieces of these indices, each proven to belong to the verified history. */
async function fetchVerified(
  indices: PieceIndex[],
  context: EncodeContext,
  signal: AbortSignal,
  downloaded: () => void,
): Promise<Uint8Array[]> {
  const pieces: Uint8Array[] = new Array<Uint8Array>(indices.length);
  let missing = indices.map((_, position) => position);
  for (let attempt = 1; missing.length > 0; attempt += 1) {
    if (attempt > 1) await pause(RETRY_DELAY_MS * attempt, signal);
    const lastError = await fetchAll(missing, indices, pieces, context, signal, downloaded);
    const arrived = missing.filter((position) => pieces[position] !== undefined);
    const bad = await findBad(arrived, indices, pieces, context, signal);
    for (const position of bad) {
      context.pieces.refused?.(indices[position]!);
      context.badPiece(context.pieces.name, indices[position]!);
      delete pieces[position];
    }
    missing = missing.filter((position) => pieces[position] === undefined);
    if (missing.length > 0 && attempt >= ATTEMPTS)
      throw unavailable(indices[missing[0]!]!, bad.length > 0, context, lastError);
  }
  return pieces;
}

/** Fetches into `pieces`, a few at a time; returns the last failure, which need not be final. */
async function fetchAll(
  positions: number[],
  indices: PieceIndex[],
  pieces: Uint8Array[],
  context: EncodeContext,
  signal: AbortSignal,
  downloaded: () => void,
): Promise<unknown> {
  const queue = [...positions];
  let lastError: unknown = null;
  const work = async (): Promise<void> => {
    for (let position = queue.shift(); position !== undefined; position = queue.shift()) {
      try {
        const piece = await context.pieces.piece(indices[position]!, signal);
        if (piece === null) continue;
        pieces[position] = piece;
        downloaded();
      } catch (error) {
        signal.throwIfAborted();
        lastError = error;
      }
    }
  };
  await Promise.all(Array.from({ length: FETCHES_AT_ONCE }, work));
  return lastError;
}

/** Positions of pieces that are malformed or not what their segment's commitment says. */
async function findBad(
  positions: number[],
  indices: PieceIndex[],
  pieces: Uint8Array[],
  context: EncodeContext,
  signal: AbortSignal,
): Promise<number[]> {
  const whole = positions.filter((position) => pieces[position]!.length === PIECE_BYTES);
  const bad = positions.filter((position) => pieces[position]!.length !== PIECE_BYTES);
  if (whole.length === 0) return bad;
  const input = {
    pieces: whole.map((position) => pieces[position]!),
    positions: whole.map((position) => positionOfPiece(indices[position]!)),
    segmentCommitments: whole.map((position) => commitmentFor(indices[position]!, context.history)),
  };
  const verdict = await context.pool.run('piece.verify', input, { priority: JobPriority.plot, signal });
  return [...bad, ...verdict.bad.map((index) => whole[index]!)];
}

function unavailable(index: PieceIndex, invalid: boolean, context: EncodeContext, cause: unknown): FarmError {
  const { name } = context.pieces;
  return invalid
    ? new FarmError({
        code: 'piece-invalid',
        message: `${name} sent a piece ${index} that its segment commitment does not cover`,
        sentence: `${name} sends wrong pieces. Plotting waits and asks again.`,
        action: 'Choose another node',
        cause,
      })
    : new FarmError({
        code: 'piece-unavailable',
        message: `${name} did not give piece ${index}`,
        sentence: `${name} does not have piece ${index} at the moment. Plotting waits and asks again.`,
        cause,
      });
}
