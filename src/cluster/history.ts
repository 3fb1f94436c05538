/** The archived history as a cluster's controller tells it: a chain of segment headers, each naming the one before. */
import { clusterMessages } from '../protocol/cluster/messages.ts';
import { equal } from '../protocol/bytes.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { segmentHeaderHash } from '../protocol/segment.ts';
import type { HistorySize, SegmentHeader, SegmentIndex } from '../protocol/types.ts';
import type { VerifiedHistory } from '../farm/source.ts';
import type { ClusterConnection } from './connection.ts';

/** Headers asked for at once. */
const BATCH = 1_000;
/** Genesis has no segment before it. */
const NO_HASH = new Uint8Array(32);

export class ClusterHistory implements VerifiedHistory {
  private readonly headers: SegmentHeader[] = [];
  private readonly listeners = new Set<() => void>();
  private refreshing: Promise<void> | null = null;

  constructor(private readonly connection: ClusterConnection) {}

  /** Reads the headers there are and follows those to come; returns what stops that. Throws ClusterError. */
  async follow(): Promise<() => void> {
    // From now on, lest one that comes while the others are read be missed.
    const off = [
      this.connection.listen(clusterMessages.archivedSegmentHeader, (header) => this.onHeader(header)),
      this.connection.onState((state) => {
        if (state === 'connected') this.refresh().catch(() => undefined);
      }),
    ];
    const stop = (): void => off.forEach((end) => end());
    try {
      await this.refresh();
    } catch (error) {
      stop();
      throw error;
    }
    return stop;
  }

  historySize(): HistorySize {
    return BigInt(Math.max(1, this.headers.length));
  }

  segmentCommitment(segment: SegmentIndex): Uint8Array | null {
    return this.header(segment)?.segmentCommitment ?? null;
  }

  header(segment: SegmentIndex): SegmentHeader | null {
    return this.headers[Number(segment)] ?? null;
  }

  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Makes sure that the headers of a history of that size are there, if the controller has them. */
  async reach(size: HistorySize): Promise<void> {
    if (BigInt(this.headers.length) < size) await this.refresh();
  }

  /** Asks for the headers that are missing. Throws ClusterError; ProtocolError for a chain that does not hang together. */
  refresh(): Promise<void> {
    this.refreshing ??= this.read().finally(() => {
      this.refreshing = null;
    });
    return this.refreshing;
  }

  private async read(): Promise<void> {
    const before = this.headers.length;
    try {
      for (let complete = false; !complete;) {
        const next = this.headers.length;
        const wanted = Array.from({ length: BATCH }, (_, offset) => BigInt(next + offset));
        const found = await this.connection.request(clusterMessages.segmentHeaders, wanted);
        const end = found.indexOf(null);
        const fresh = (end < 0 ? found : found.slice(0, end)) as SegmentHeader[];
        // Some may have been announced meanwhile.
        for (const header of fresh.slice(this.headers.length - next)) this.append(header);
        complete = fresh.length < BATCH;
      }
    } finally {
      if (this.headers.length !== before) this.changed();
    }
  }

  private onHeader(header: SegmentHeader): void {
    const next = BigInt(this.headers.length);
    // Copies of a broadcast, and those of another controller, come again.
    if (header.segmentIndex < next) return;
    if (header.segmentIndex > next) {
      this.catchUp(header.segmentIndex + 1n).catch(() => undefined);
      return;
    }
    this.append(header);
    this.changed();
  }

  /** What is being read may have been told before that size was reached. */
  private async catchUp(size: HistorySize): Promise<void> {
    await this.refreshing?.catch(() => undefined);
    await this.reach(size);
  }

  private append(header: SegmentHeader): void {
    const last = this.headers.at(-1);
    const previous = last === undefined ? NO_HASH : segmentHeaderHash(last);
    const index = BigInt(this.headers.length);
    if (header.segmentIndex !== index || !equal(header.prevSegmentHeaderHash, previous)) {
      throw new ProtocolError({
        code: 'segment-chain',
        rule: 'segment-header-chain',
        message: `header ${header.segmentIndex} does not follow header ${this.headers.length - 1}`,
        values: { expected: index, seen: header.segmentIndex },
        sentence: 'The controller of the cluster tells a history that does not hang together.',
      });
    }
    this.headers.push(header);
  }

  private changed(): void {
    for (const listener of this.listeners) listener();
  }
}
