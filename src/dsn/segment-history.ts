/**
 * Headers of the archived segments, verified: the chain's commitments say which segments there are, the newest header
 * is proven, and each header holds the hash of the one before it. Others may ask for them.
 */
import { equal } from '../protocol/bytes.ts';
import { MAX_SEGMENT_HEADERS, segmentHeadersByIndexes, type SegmentHeaderRequest } from '../protocol/dsn.ts';
import { rawOfPiece } from '../protocol/record.ts';
import { parentHeaderIn } from '../protocol/segment-item.ts';
import { firstPieceOfSegment, segmentHeaderHash } from '../protocol/segment.ts';
import type { HistorySize, PieceIndex, SegmentHeader, SegmentIndex } from '../protocol/types.ts';
import { DsnError } from './errors.ts';
import type { DsnPeer } from './peer.ts';
import type { SegmentCommitments } from './verifier.ts';

/** Somebody who may have headers of segments. Nothing it says is believed. */
export interface SegmentHeaderSource {
  /** What to call it in messages. */
  readonly name: string;
  /** Headers in the order asked for (at most 1000), null for those that it does not have. */
  headers(segments: readonly SegmentIndex[], signal: AbortSignal): Promise<(SegmentHeader | null)[]>;
  /** Is told when what it gave was wrong. */
  blame(reason: string): void;
}

export interface SegmentHistoryOptions {
  chain: SegmentCommitments & {
    historySize(): HistorySize;
    /** Calls `listener` after every change; returns what stops that. */
    onChange(listener: () => void): () => void;
  };
  /** Asked one after the other, as they are at the moment. */
  sources(): readonly SegmentHeaderSource[];
  /** Whether the verified chain announced this very header. Rejects where that cannot be found out. */
  isAnnounced(header: SegmentHeader, signal: AbortSignal): Promise<boolean>;
  /** A verified piece, or null when nobody has it. */
  piece(index: PieceIndex, signal: AbortSignal): Promise<Uint8Array | null>;
}

/** Wait before what nobody had is looked for again. */
const RETRY_MS = 60_000;
/** Peers asked for headers before the search gives up. */
const MAX_PEERS = 20;

/** A source gave what cannot be right. */
class WrongHeaders extends Error {}

export class SegmentHistory {
  private readonly verified = new Map<SegmentIndex, SegmentHeader>();
  private readonly stopping = new AbortController();
  private readonly off: () => void;
  private working = false;
  private again = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** Begins at once. */
  constructor(private readonly options: SegmentHistoryOptions) {
    let size = options.chain.historySize();
    this.off = options.chain.onChange(() => {
      const now = options.chain.historySize();
      if (now === size) return;
      size = now;
      void this.complete();
    });
    void this.complete();
  }

  stop(): void {
    this.off();
    clearTimeout(this.timer);
    this.stopping.abort(new DOMException('the history is closed', 'AbortError'));
  }

  /** Headers that are verified. */
  get size(): number {
    return this.verified.size;
  }

  /** A verified header, or null. */
  header(segment: SegmentIndex): SegmentHeader | null {
    const header = this.verified.get(segment);
    return header !== undefined && this.isOfChain(header) ? header : null;
  }

  /** What a peer is answered: all headers that it asked for, or null, which refuses. */
  answer(request: SegmentHeaderRequest): SegmentHeader[] | null {
    const size = this.options.chain.historySize();
    const asked =
      request.kind === 'last' ? range(size - BigInt(request.limit), size) : request.segmentIndexes;
    const found = asked.flatMap((segment) => this.header(segment) ?? []);
    return found.length === asked.length ? found : null;
  }

  private isOfChain({ segmentIndex, segmentCommitment }: SegmentHeader): boolean {
    const known = this.options.chain.segmentCommitment(segmentIndex);
    return known !== null && equal(known, segmentCommitment);
  }

  /** Looks for what is missing; once more if history grew meanwhile, and later if somebody may have it then. */
  private async complete(): Promise<void> {
    this.again = true;
    if (this.working) return;
    this.working = true;
    clearTimeout(this.timer);
    try {
      while (this.again) {
        this.again = false;
        await this.catchUp(this.stopping.signal);
      }
    } catch (error) {
      if (!this.stopping.signal.aborted) throw error;
    } finally {
      this.working = false;
    }
    if (!this.isComplete() && !this.stopping.signal.aborted)
      this.timer = setTimeout(() => void this.complete(), RETRY_MS);
  }

  private isComplete(): boolean {
    const { chain } = this.options;
    const top = chain.historySize() - 1n;
    return chain.segmentCommitment(top) !== null && BigInt(this.verified.size) > top;
  }

  private async catchUp(signal: AbortSignal): Promise<void> {
    for (const [segment, header] of this.verified) if (!this.isOfChain(header)) this.verified.delete(segment);
    for (const source of this.options.sources()) {
      if (this.isComplete()) return;
      try {
        await this.readFrom(source, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof WrongHeaders) source.blame(error.message);
      }
    }
  }

  /** Takes what a source has: its newest header once that is proven, then back to the first that is here. */
  private async readFrom(source: SegmentHeaderSource, signal: AbortSignal): Promise<void> {
    const { chain } = this.options;
    const top = chain.historySize() - 1n;
    if (chain.segmentCommitment(top) === null) return;
    if (this.header(top) === null) await this.begin(source, top, signal);
    for (let from = this.lowest(top); from !== null && from.segmentIndex > 0n; from = this.lowest(top)) {
      let after: SegmentHeader = from;
      const wanted = range(after.segmentIndex - BigInt(MAX_SEGMENT_HEADERS), after.segmentIndex).reverse();
      const headers = await source.headers(wanted, signal);
      if (headers.length !== wanted.length)
        throw new WrongHeaders('it gave other headers than were asked for');
      for (const header of headers) {
        if (header === null) return;
        if (!equal(segmentHeaderHash(header), after.prevSegmentHeaderHash) || !this.isOfChain(header))
          throw new WrongHeaders(`it gave a wrong header of segment ${after.segmentIndex - 1n}`);
        this.verified.set(header.segmentIndex, header);
        after = header;
      }
    }
  }

  /** The header after which the next one is missing, going back from the newest; null: nothing to go back from. */
  private lowest(top: SegmentIndex): SegmentHeader | null {
    let at = top;
    // The newest may still lack its proof where the one before has one.
    while (this.verified.has(at - 1n)) at -= 1n;
    return this.verified.get(at) ?? null;
  }

  private async begin(source: SegmentHeaderSource, top: SegmentIndex, signal: AbortSignal): Promise<void> {
    const [newest = null] = await source.headers([top], signal);
    if (newest === null) return;
    if (newest.segmentIndex !== top || !this.isOfChain(newest))
      throw new WrongHeaders(`it gave a wrong header of segment ${top}`);
    let announced: boolean;
    try {
      announced = await this.options.isAnnounced(newest, signal);
    } catch {
      signal.throwIfAborted();
      await this.beginInPiece(top, signal);
      return;
    }
    if (!announced) throw new WrongHeaders(`the chain announced another header of segment ${top}`);
    this.verified.set(top, newest);
  }

  /** A segment begins with the header of the one before: where no block proves, a piece does. */
  private async beginInPiece(top: SegmentIndex, signal: AbortSignal): Promise<void> {
    if (top === 0n || this.verified.has(top - 1n)) return;
    const piece = await this.options.piece(firstPieceOfSegment(top), signal);
    const header = piece === null ? null : parentHeaderIn(rawOfPiece(piece));
    if (header !== null && this.isOfChain(header)) this.verified.set(header.segmentIndex, header);
  }
}

/** Connected peers as sources of headers; one that gives wrong ones is not spoken to any more. */
export function headersOfPeers(peer: DsnPeer): SegmentHeaderSource[] {
  return peer.book
    .speakers(segmentHeadersByIndexes.name)
    .slice(0, MAX_PEERS)
    .map((id) => ({
      name: id,
      headers: async (segments, signal) => {
        const question = { kind: 'indexes' as const, segmentIndexes: [...segments] };
        try {
          return await peer.request(id, segmentHeadersByIndexes, question, signal);
        } catch (error) {
          if (error instanceof DsnError && error.code === 'refused') return segments.map(() => null);
          throw error;
        }
      },
      blame: (reason) => peer.book.ban(id, reason),
    }));
}

/** Segments from `from`, or the first one, up to, not including, `to`. */
function range(from: SegmentIndex, to: SegmentIndex): SegmentIndex[] {
  const first = from < 0n ? 0n : from;
  return Array.from({ length: Number(to - first) }, (_, offset) => first + BigInt(offset));
}
