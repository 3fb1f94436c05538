/** The role of a plotter: encodes sectors for the farmers of a cluster. */
import { abortWith, onAbort } from '../async/on-abort.ts';
import type { ComputePool } from '../crypto/jobs.ts';
import { clusterMessages, PLOTTER_QUEUE, type PlotSector } from '../protocol/cluster/messages.ts';
import { approximateMaxMessage } from '../protocol/cluster/stream.ts';
import { PING_MS } from '../protocol/cluster/times.ts';
import type { Duration, SectorPlottingProgress } from '../protocol/cluster/values.ts';
import { equal } from '../protocol/bytes.ts';
import { PIECE_BYTES } from '../protocol/constants.ts';
import { sentenceOf } from '../protocol/errors.ts';
import type { HistorySize } from '../protocol/types.ts';
import { discardPartialSector } from '../farm/partial-sector.ts';
import { planSector, type SectorPlan } from '../farm/plan.ts';
import { encodeSector, type EncodedSector, type PlotProgress, type SectorEncoder } from '../farm/plotter.ts';
import type { PlottedBy } from '../farm/snapshot.ts';
import type { PieceSource, VerifiedHistory } from '../farm/source.ts';
import { createUlid } from '../farm/ulid.ts';
import type { DirectoryLock, FarmDirectory } from '../storage/directory.ts';
import type { ClusterConnection } from './connection.ts';
import { ItemQueue } from './item-queue.ts';
import { plotterLimits, requireMemory } from './plotter-memory.ts';
import { streamMessageLimit } from './streams.ts';

export interface PlotterOptions {
  connection: ClusterConnection;
  pool: ComputePool;
  /** Where the records of the sector under way lie; its own. */
  directory: FarmDirectory;
  pieces: PieceSource;
  history: VerifiedHistory & { reach(size: HistorySize): Promise<void> };
  /** Who encodes sectors; this program when left out. */
  encode?: SectorEncoder;
  /** Encodings under way at once; the pool's workers when left out. */
  concurrency?: number;
  /** Bytes of pieces, encodings and messages held in memory at once, `LEAST_MEMORY_BYTES` or more. */
  memoryBytes?: number;
  log?: (line: string) => void;
  /** Called whenever the snapshot may have changed. */
  changed?: () => void;
}

export interface PlotterSnapshot {
  id: string;
  sector: {
    /** Of the farmer that asked. */
    publicKey: Uint8Array;
    index: number;
    stage: string;
    by: PlottedBy;
    piecesDone: number;
    piecesTotal: number;
  } | null;
  /** Sectors delivered. */
  done: number;
  failed: number;
  /** Seconds that the last sector took, without delivery. */
  lastSeconds: number | null;
}

/** Parts of the sector waiting to be sent. */
const WAITING_PARTS = 2;
const DEFAULT_MEMORY_BYTES = 512 * 1024 * 1024;

interface Current {
  request: PlotSector;
  stop: AbortController;
  /** Resolves when the plotter is free again. */
  freed: Promise<void>;
}

export class PlotterMember {
  /** As it stands in subjects. */
  readonly id = createUlid();
  private readonly off: (() => void)[] = [];
  private withdraw: (() => void) | null = null;
  private current: Current | null = null;
  private lock: DirectoryLock | null = null;
  private progress: PlotterSnapshot['sector'] = null;
  private counts = { done: 0, failed: 0 };
  private lastSeconds: number | null = null;

  constructor(private readonly options: PlotterOptions) {}

  private get memoryBytes(): number {
    return this.options.memoryBytes ?? DEFAULT_MEMORY_BYTES;
  }

  /** Takes the folder and offers itself. Throws ClusterError `memory`, StorageError. */
  async start(): Promise<void> {
    requireMemory(this.memoryBytes);
    this.lock = await this.options.directory.lock();
    const { connection } = this.options;
    const own = { instance: this.id, queue: this.id };
    this.off.push(
      connection.respondStream(clusterMessages.plotSector, own, (request, signal, giveUp) =>
        this.serve(request, signal, giveUp),
      ),
    );
    this.offer();
  }

  snapshot(): PlotterSnapshot {
    return { id: this.id, sector: this.progress, ...this.counts, lastSeconds: this.lastSeconds };
  }

  /** Asks to be asked; only while there is nothing to do. */
  private offer(): void {
    const { connection } = this.options;
    this.withdraw ??= connection.respond(
      clusterMessages.freePlotter,
      { queue: PLOTTER_QUEUE },
      async () => this.id,
    );
  }

  private async *serve(
    request: PlotSector,
    signal: AbortSignal,
    giveUp: (reason: unknown) => void,
  ): AsyncGenerator<SectorPlottingProgress, void, void> {
    // A farmer that lost the link asks for the same sector again before the loss is noticed here.
    if (this.current !== null && isSame(this.current.request, request)) {
      this.current.stop.abort(new DOMException('asked again', 'AbortError'));
      await this.current.freed;
    }
    if (this.current !== null) {
      yield { kind: 'occupied' };
      return;
    }
    const stop = new AbortController();
    const leave = abortWith(signal, stop);
    const stopped = stop.signal;
    let free: () => void = () => undefined;
    this.current = { request, stop, freed: new Promise((resolve) => (free = resolve)) };
    const queue = new ItemQueue<SectorPlottingProgress>(WAITING_PARTS);
    onAbort(stopped, () => {
      giveUp(stopped.reason);
      queue.end(stopped.reason);
    });
    const done = this.plot(request, queue, stopped);
    this.withdraw?.();
    this.withdraw = null;
    const ping = setInterval(() => queue.tell({ kind: 'ping' }), PING_MS);
    let delivered = false;
    try {
      yield* queue;
      delivered = true;
    } finally {
      clearInterval(ping);
      leave();
      if (!delivered) stop.abort(new DOMException('nobody takes the sector any more', 'AbortError'));
      await done;
      this.current = null;
      this.progress = null;
      this.options.changed?.();
      if (this.off.length > 0) this.offer();
      free();
    }
  }

  /** Never rejects: what goes wrong is told to the farmer. */
  private async plot(
    request: PlotSector,
    queue: ItemQueue<SectorPlottingProgress>,
    signal: AbortSignal,
  ): Promise<void> {
    const { log } = this.options;
    const delivery = { begun: false };
    try {
      queue.tell({ kind: 'downloading' });
      queue.tell({ kind: 'ping' });
      await this.encode(request, queue, signal, delivery);
      this.counts.done += 1;
      log?.(`Sector ${request.sectorIndex} was plotted and delivered.`);
      queue.end();
    } catch (error) {
      this.counts.failed += 1;
      const sentence = sentenceOf(error);
      log?.(`Sector ${request.sectorIndex} was not finished: ${sentence}`);
      // Who has been told that it is finished waits for its bytes only.
      queue.tell(
        delivery.begun
          ? { kind: 'sectorChunk', chunk: { ok: false, error: sentence } }
          : { kind: 'error', error: sentence },
      );
      queue.end();
    }
  }

  private async encode(
    request: PlotSector,
    queue: ItemQueue<SectorPlottingProgress>,
    signal: AbortSignal,
    delivery: { begun: boolean },
  ): Promise<void> {
    const { history, pool, directory, pieces, log, encode = encodeSector } = this.options;
    const { publicKey, sectorIndex, protocolInfo, piecesInSector } = request;
    if (piecesInSector === 0 || piecesInSector > protocolInfo.maxPiecesInSector)
      throw new Error(`A sector of ${piecesInSector} pieces is none of this network.`);
    await history.reach(protocolInfo.historySize);
    signal.throwIfAborted();
    const plan = planSector(publicKey, sectorIndex, protocolInfo.historySize, piecesInSector, protocolInfo);
    const stages = new Stages(queue);
    const wanted = this.options.concurrency ?? pool.status().workers;
    await encode(
      plan,
      {
        pool,
        pieces,
        history,
        directory,
        ...plotterLimits(this.memoryBytes, wanted),
        signal,
        // Should delivery fail, the farmer finds the same records here when it asks again.
        keep: true,
        progress: (progress) => {
          stages.see(progress);
          const { stage, by, piecesDone, piecesTotal } = progress;
          this.progress = { publicKey, index: sectorIndex, stage, by, piecesDone, piecesTotal };
          this.options.changed?.();
        },
        badPiece: (source, piece) => log?.(`${source} sent a wrong piece ${piece}.`),
      },
      async (sector) => {
        this.lastSeconds = stages.end();
        delivery.begun = true;
        await this.deliver(plan, sector, stages.whole(), queue);
      },
    );
  }

  private async deliver(
    plan: SectorPlan,
    { metadata, parts }: EncodedSector,
    time: Duration,
    queue: ItemQueue<SectorPlottingProgress>,
  ): Promise<void> {
    const { sectorId, sectorIndex } = plan;
    const pieceIndexes = plan.pieces.map(({ index }) => index);
    await queue.push({
      kind: 'finished',
      plottedSector: { sectorId, sectorIndex, metadata, pieceIndexes },
      time,
    });
    const limit = approximateMaxMessage(streamMessageLimit(this.options.connection.maxPayload));
    for await (const part of parts) {
      for (let from = 0; from < part.length; from += limit) {
        const value = part.subarray(from, Math.min(part.length, from + limit));
        await queue.push({ kind: 'sectorChunk', chunk: { ok: true, value } });
      }
    }
  }

  /** Gives up the sector under way; what is encoded of it is forgotten. */
  async stop(): Promise<void> {
    for (const off of this.off.splice(0)) off();
    this.withdraw?.();
    this.withdraw = null;
    const { current } = this;
    current?.stop.abort(new DOMException('the plotter is stopped', 'AbortError'));
    await current?.freed;
    await discardPartialSector(this.options.directory).catch(() => undefined);
    await this.lock?.release();
  }
}

function isSame(one: PlotSector, other: PlotSector): boolean {
  return (
    one.sectorIndex === other.sectorIndex &&
    one.piecesInSector === other.piecesInSector &&
    one.protocolInfo.historySize === other.protocolInfo.historySize &&
    equal(one.publicKey, other.publicKey)
  );
}

/** Turns the progress of encoding into what the protocol tells: downloaded, encoding, encoded, with their times. */
class Stages {
  private readonly begun = performance.now();
  private downloadedAt: number | null = null;
  /** Records that an earlier run encoded: their pieces are not fetched. */
  private before: number | null = null;

  constructor(private readonly queue: ItemQueue<SectorPlottingProgress>) {}

  see({ piecesTotal, piecesDone, bytesDownloaded }: PlotProgress): void {
    this.before ??= piecesDone;
    if (bytesDownloaded >= (piecesTotal - this.before) * PIECE_BYTES) this.downloaded();
  }

  private downloaded(): void {
    if (this.downloadedAt !== null) return;
    this.downloadedAt = performance.now();
    this.queue.tell({ kind: 'downloaded', time: durationOf(this.downloadedAt - this.begun) });
    this.queue.tell({ kind: 'encoding' });
  }

  /** All is encoded; returns the seconds since the beginning. */
  end(): number {
    this.downloaded();
    const now = performance.now();
    this.queue.tell({ kind: 'encoded', time: durationOf(now - (this.downloadedAt ?? now)) });
    return (now - this.begun) / 1000;
  }

  whole(): Duration {
    return durationOf(performance.now() - this.begun);
  }
}

/** Nanoseconds of milliseconds. */
export function durationOf(ms: number): Duration {
  return BigInt(Math.max(0, Math.round(ms * 1e6)));
}
