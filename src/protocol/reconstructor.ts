/** From recorded segments back to blocks. */
import { concat } from './bytes.ts';
import { ProtocolError } from './errors.ts';
import { segmentItems } from './segment-item.ts';
import type { BlockNumber, SegmentHeader, SegmentIndex } from './types.ts';

/** A block out of history. */
export interface ReconstructedBlock {
  number: BlockNumber;
  /** SCALE of the signed block, as archived; the genesis block with its extension. */
  bytes: Uint8Array;
}

/** What a segment gave. */
export interface ReconstructedSegment {
  /** Header of the segment before; null in segment 0. */
  parent: SegmentHeader | null;
  /** Blocks that are complete now, ascending. */
  blocks: ReconstructedBlock[];
}

interface PartialBlock {
  number: BlockNumber;
  parts: Uint8Array[];
}

interface Progress {
  nextBlock: BlockNumber;
  partial: PartialBlock | null;
}

/**
 * Takes the blocks out of segments, which are added in order but from any segment on. A block whose beginning
 * lies before the first segment is left out; one that ends at a segment's end is given with the next segment,
 * whose parent header says that it is complete.
 */
export class Reconstructor {
  private nextSegment: SegmentIndex | null = null;
  private progress: Progress = { nextBlock: 0, partial: null };

  /**
   * @param recorded The recorded history segment: 130 023 424 bytes. Blocks are copies.
   * @throws DecodeError, or ProtocolError (rule `segment-order`) for a segment that does not follow the one before;
   * a segment that is refused leaves the reconstructor as it was.
   */
  addSegment(recorded: Uint8Array): ReconstructedSegment {
    const result: ReconstructedSegment = { parent: null, blocks: [] };
    const progress = { ...this.progress };
    for (const item of segmentItems(recorded)) {
      switch (item.kind) {
        case 'parentSegmentHeader':
          this.requireOrder(item.header.segmentIndex + 1n);
          result.parent = item.header;
          continueAfter(item.header, progress, result.blocks);
          break;
        case 'block':
          finishPartial(progress, result.blocks);
          result.blocks.push({ number: progress.nextBlock, bytes: item.bytes.slice() });
          progress.nextBlock += 1;
          break;
        case 'blockStart':
          finishPartial(progress, result.blocks);
          progress.partial = { number: progress.nextBlock, parts: [item.bytes.slice()] };
          progress.nextBlock += 1;
          break;
        case 'blockContinuation':
          if (progress.partial !== null) {
            const { number, parts } = progress.partial;
            progress.partial = { number, parts: [...parts, item.bytes.slice()] };
          }
          break;
        case 'padding':
          break;
      }
    }
    if (result.parent === null) this.requireOrder(0n);
    this.nextSegment = (result.parent === null ? 0n : result.parent.segmentIndex + 1n) + 1n;
    this.progress = progress;
    return result;
  }

  private requireOrder(segment: SegmentIndex): void {
    if (this.nextSegment === null || this.nextSegment === segment) return;
    throw new ProtocolError({
      code: 'wrong-segment-order',
      rule: 'segment-order',
      message: `segment ${segment} where segment ${this.nextSegment} is next`,
      values: { expected: this.nextSegment, seen: segment },
    });
  }
}

function finishPartial(progress: Progress, blocks: ReconstructedBlock[]): void {
  const { partial } = progress;
  if (partial === null) return;
  blocks.push({ number: partial.number, bytes: concat(...partial.parts) });
  progress.partial = null;
}

/** Takes over what a parent header says of the last block before its child. */
function continueAfter(header: SegmentHeader, progress: Progress, blocks: ReconstructedBlock[]): void {
  const { number, partialArchived } = header.lastArchivedBlock;
  if (partialArchived === null) finishPartial(progress, blocks);
  progress.nextBlock = number + 1;
}
