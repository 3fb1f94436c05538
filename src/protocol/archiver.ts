/**
 * Archiving: how blocks become recorded segments of fixed size, and where their objects lie in them (protocol
 * section "archiver"). What a segment's header says of the segment before, and commitments, come from
 * `src/crypto/archive.ts`; the archiver itself needs neither, so that it never waits for them.
 */
import { chacha8 } from '@noble/ciphers/chacha.js';
import { RAW_RECORD_BYTES, RECORDED_SEGMENT_BYTES } from './constants.ts';
import { ProtocolError } from './errors.ts';
import { pieceAt } from './segment.ts';
import {
  blockItemPrefixBytes,
  encodeSegment,
  SEGMENT_PREFIX_BYTES,
  type BlockItemKind,
  type SegmentItem,
} from './segment-item.ts';
import type { BlockObject, GlobalObject, LastArchivedBlock, SegmentHeader, SegmentIndex } from './types.ts';

/** The smallest item that still has room must take two bytes. */
const SMALLEST_ITEM = 2;
/** SCALE of the header of a parent segment as an item, its last block complete; 4 bytes more when it is not. */
const PARENT_HEADER_ITEM_BYTES = 1 + 94;
const PARTIAL_PROGRESS_BYTES = 4;

interface BlockItem {
  kind: BlockItemKind;
  bytes: Uint8Array;
  /** Offsets count from the first of `bytes`; emptied once their place in history is known. */
  objects: BlockObject[];
}

/** Stands for the header of the segment before, whose size is known before its commitment. */
interface ParentItem {
  kind: 'parentSegmentHeader';
  size: number;
}

type Item = BlockItem | ParentItem;

function sizeOf(item: Item): number {
  if (item.kind === 'parentSegmentHeader') return item.size;
  return blockItemPrefixBytes(item.bytes.length) + item.bytes.length;
}

function parentItem({ partialArchived }: LastArchivedBlock): ParentItem {
  const progress = partialArchived === null ? 0 : PARTIAL_PROGRESS_BYTES;
  return { kind: 'parentSegmentHeader', size: PARENT_HEADER_ITEM_BYTES + progress };
}

/** A segment that is full: its blocks are decided, its header awaits its commitments. */
export class ClosedSegment {
  constructor(
    readonly segmentIndex: SegmentIndex,
    /** The last block in the segment, and how much of it. */
    readonly lastArchivedBlock: LastArchivedBlock,
    private readonly items: readonly Item[],
  ) {}

  /**
   * The recorded history segment: 130 023 424 bytes.
   *
   * @param parent Header of the segment before; null for segment 0.
   * @throws ProtocolError (rule `parent-segment-header`) if it is not that segment's.
   */
  record(parent: SegmentHeader | null): Uint8Array {
    this.requireParent(parent);
    return encodeSegment(
      this.items.map((item): SegmentItem => {
        if (item.kind !== 'parentSegmentHeader') return { kind: item.kind, bytes: item.bytes };
        return { kind: 'parentSegmentHeader', header: parent as SegmentHeader };
      }),
    );
  }

  private requireParent(parent: SegmentHeader | null): void {
    const expected = this.segmentIndex === 0n ? null : this.segmentIndex - 1n;
    const item = this.items.find((entry): entry is ParentItem => entry.kind === 'parentSegmentHeader');
    const size = parent === null ? undefined : parentItem(parent.lastArchivedBlock).size;
    if ((parent?.segmentIndex ?? null) === expected && size === item?.size) return;
    throw new ProtocolError({
      code: 'wrong-parent',
      rule: 'parent-segment-header',
      message: `segment ${this.segmentIndex} does not follow segment ${parent?.segmentIndex ?? 'none'}`,
      values: { segmentIndex: this.segmentIndex, parent: parent?.segmentIndex ?? null },
    });
  }
}

/** What archiving a block gave. */
export interface ArchivedBlock {
  /** Segments that the block filled, in order; mostly none. */
  segments: ClosedSegment[];
  /** Objects whose place in history is known now: those of this block. */
  objects: GlobalObject[];
}

/**
 * Collects blocks, in order from the genesis block on, into segments. To be fed with blocks that cannot be
 * reverted any more: those `confirmationDepthK` deep.
 */
export class Archiver {
  private buffer: Item[] = [];
  private segmentIndex: SegmentIndex = 0n;
  /** Null before the first block. */
  private lastArchivedBlock: LastArchivedBlock | null = null;

  /**
   * An archiver that goes on after the segment of `header`.
   *
   * @param block The header's last archived block, as `addBlock` takes it. Only a block that the segment holds
   * in part matters.
   * @throws ProtocolError (rule `archiver-resume`) if that block has nothing left to archive.
   */
  static resume(header: SegmentHeader, block: Uint8Array, objects: readonly BlockObject[]): Archiver {
    const archiver = new Archiver();
    const { partialArchived } = header.lastArchivedBlock;
    archiver.segmentIndex = header.segmentIndex + 1n;
    archiver.lastArchivedBlock = header.lastArchivedBlock;
    archiver.buffer.push(parentItem(header.lastArchivedBlock));
    if (partialArchived === null) return archiver;
    if (block.length <= partialArchived) {
      throw new ProtocolError({
        code: 'block-too-short',
        rule: 'archiver-resume',
        message: `a block of ${block.length} bytes of which ${partialArchived} are archived already`,
        values: { bytes: block.length, archived: partialArchived },
      });
    }
    archiver.buffer.push({
      kind: 'blockContinuation',
      bytes: block.subarray(partialArchived),
      objects: objectsFrom(objects, partialArchived),
    });
    return archiver;
  }

  /**
   * Archives the next block.
   *
   * @param block SCALE of the signed block, with proof-of-time justifications only; the genesis block extended
   * by `extendGenesisBlock`. Kept, not copied, until its segment is recorded.
   * @param objects Objects of the block, by their offset in it.
   */
  addBlock(block: Uint8Array, objects: readonly BlockObject[]): ArchivedBlock {
    this.buffer.push({ kind: 'block', bytes: block, objects: [...objects] });
    const segments: ClosedSegment[] = [];
    const found: GlobalObject[] = [];
    for (let items = this.takeSegment(); items !== null; items = this.takeSegment()) {
      found.push(...globalObjects(this.segmentIndex, items));
      const last = this.lastArchivedBlock as LastArchivedBlock;
      segments.push(new ClosedSegment(this.segmentIndex, last, items));
      this.segmentIndex += 1n;
      this.buffer.unshift(parentItem(last));
    }
    // Items never move any more, except that the end of the last one is split off: their places are final.
    found.push(...globalObjects(this.segmentIndex, this.buffer));
    return { segments, objects: found };
  }

  /** Index of the segment that is being filled. */
  get openSegment(): SegmentIndex {
    return this.segmentIndex;
  }

  /** Bytes that the segment which is being filled takes already, out of 130 023 424. */
  get pendingBytes(): number {
    return this.buffer.reduce((sum, item) => sum + sizeOf(item), SEGMENT_PREFIX_BYTES);
  }

  /** Takes the items of a full segment from the buffer, the last one cut to fit; null while there are too few. */
  private takeSegment(): Item[] | null {
    let size = SEGMENT_PREFIX_BYTES;
    let count = 0;
    while (size < RECORDED_SEGMENT_BYTES - SMALLEST_ITEM) {
      const item = this.buffer[count];
      if (item === undefined) return null;
      const itemSize = sizeOf(item);
      const spill = size + itemSize - RECORDED_SEGMENT_BYTES;
      // Not even the first byte of its content fits: the segment is padded instead.
      if (item.kind !== 'parentSegmentHeader' && spill > item.bytes.length) break;
      size += itemSize;
      count += 1;
    }
    const items = this.buffer.splice(0, count);
    for (const item of items) if (item.kind === 'block') this.countBlock();
    this.close(items, Math.max(0, size - RECORDED_SEGMENT_BYTES));
    return items;
  }

  private countBlock(): void {
    const number = this.lastArchivedBlock === null ? 0 : this.lastArchivedBlock.number + 1;
    this.lastArchivedBlock = { number, partialArchived: null };
  }

  /** Splits `spill` bytes off the last item, back into the buffer, and notes how far the last block has come. */
  private close(items: Item[], spill: number): void {
    const { number, partialArchived } = this.lastArchivedBlock as LastArchivedBlock;
    if (spill === 0) {
      this.lastArchivedBlock = { number, partialArchived: null };
      return;
    }
    const { kind, bytes, objects } = items.pop() as BlockItem;
    const split = bytes.length - spill;
    items.push({
      kind: kind === 'block' ? 'blockStart' : kind,
      bytes: bytes.subarray(0, split),
      objects: objects.filter(({ offset }) => offset < split),
    });
    this.buffer.unshift({
      kind: 'blockContinuation',
      bytes: bytes.subarray(split),
      objects: objectsFrom(objects, split),
    });
    this.lastArchivedBlock = { number, partialArchived: (partialArchived ?? 0) + split };
  }
}

/** The objects from byte `start` of a block on, their offsets counted from there. */
function objectsFrom(objects: readonly BlockObject[], start: number): BlockObject[] {
  return objects
    .filter(({ offset }) => offset >= start)
    .map(({ hash, offset }) => ({ hash, offset: offset - start }));
}

/** Takes the objects out of the items at the beginning of a segment and gives their places in history. */
function globalObjects(segment: SegmentIndex, items: readonly Item[]): GlobalObject[] {
  const found: GlobalObject[] = [];
  let itemStart = SEGMENT_PREFIX_BYTES;
  for (const item of items) {
    if (item.kind !== 'parentSegmentHeader') {
      const contentStart = itemStart + blockItemPrefixBytes(item.bytes.length);
      for (const { hash, offset } of item.objects.splice(0)) {
        found.push({ hash, ...placeInHistory(segment, contentStart + offset) });
      }
    }
    itemStart += sizeOf(item);
  }
  return found;
}

/** Source piece, and offset in its raw record, of a byte of a recorded segment. */
function placeInHistory(segment: SegmentIndex, offset: number): Omit<GlobalObject, 'hash'> {
  const record = Math.floor(offset / RAW_RECORD_BYTES);
  return { pieceIndex: pieceAt(segment, 2 * record), offset: offset % RAW_RECORD_BYTES };
}

/**
 * The genesis block as it is archived: extended to a whole recorded segment (130 023 424 bytes) by the output of
 * ChaCha8 keyed with the state root, so that segment 0 exists from the start.
 *
 * @param block SCALE of the signed genesis block.
 * @param stateRoot 32 bytes, of its header.
 * @throws ProtocolError (rule `genesis-extension`) if the block is longer than a segment.
 */
export function extendGenesisBlock(block: Uint8Array, stateRoot: Uint8Array): Uint8Array {
  if (block.length > RECORDED_SEGMENT_BYTES) {
    throw new ProtocolError({
      code: 'block-too-long',
      rule: 'genesis-extension',
      message: `a genesis block of ${block.length} bytes`,
      values: { bytes: block.length },
    });
  }
  const extended = new Uint8Array(RECORDED_SEGMENT_BYTES);
  extended.set(block);
  const rest = extended.subarray(block.length);
  // Enciphered zeros are the keystream itself.
  chacha8(stateRoot, new Uint8Array(12), rest, rest);
  return extended;
}
