/**
 * Where nodes of objects lie in the pieces that were looked through, on disk: what was seen once need not be fetched
 * again, whatever is searched for. A file a segment: 25 KiB where it is full of large nodes.
 */
import { InOrder } from '../async/in-order.ts';
import type { SegmentCommitments } from '../dsn/verifier.ts';
import { equal } from '../protocol/bytes.ts';
import { POINT_BYTES, SOURCE_PIECES_IN_SEGMENT } from '../protocol/constants.ts';
import { blake3Hash } from '../protocol/hash.ts';
import { pieceAt, segmentOfPiece, sourcePosition } from '../protocol/segment.ts';
import type { GlobalObject, PieceIndex, SegmentIndex } from '../protocol/types.ts';
import { readSmall, type FarmDirectory } from '../storage/directory.ts';
import { StorageError } from '../storage/errors.ts';
import type { Locator } from './locate.ts';

const VERSION = 1;
const FLAGS_BYTES = SOURCE_PIECES_IN_SEGMENT / 8;
const CHECKSUM_BYTES = 32;
const HEAD_BYTES = 1 + POINT_BYTES + 2 * FLAGS_BYTES;
/** Of a node's hash: which node it is, is seen when it is fetched. */
const PREFIX_BYTES = 8;
const ENTRY_BYTES = PREFIX_BYTES + 4;
/** Nodes remembered of a segment; pieces with more are looked through again. */
const MAX_ENTRIES = 2 ** 16;
const MAX_FILE_BYTES = HEAD_BYTES + MAX_ENTRIES * ENTRY_BYTES + CHECKSUM_BYTES;
/** Bits of a place that are the offset in a raw record. */
const OFFSET_BITS = 20;

/** Places remembered of one hash in a segment: what lies there is the same everywhere. */
const MAX_PLACES_OF_ONE = 4;
/** Places told of one object: more are not tried at once. */
const MAX_PLACES_TOLD = 8;

/** Of one segment. Flags are one byte a source piece. */
interface Seen {
  commitment: Uint8Array;
  looked: Uint8Array;
  /** Whether the border after a piece was looked across. */
  across: Uint8Array;
  /** By prefix, ascending. */
  prefixes: BigUint64Array;
  /** Of each the number of the source piece, then the offset. */
  places: Uint32Array;
  /** Places that are not sorted into them yet, by prefix. */
  fresh: Map<bigint, number[]>;
}

export class HistoryIndex {
  private readonly segments = new Map<SegmentIndex, Seen>();
  private readonly changed = new Set<SegmentIndex>();
  private readonly writing = new InOrder();

  private constructor(
    private readonly directory: FarmDirectory,
    private readonly chain: SegmentCommitments,
  ) {}

  /** Opens what is in a folder; what is damaged, or of another chain, counts as never looked through. */
  static async open(directory: FarmDirectory, chain: SegmentCommitments): Promise<HistoryIndex> {
    const index = new HistoryIndex(directory, chain);
    for (const { name } of await directory.list()) {
      const segment = /^segment-(0|[1-9][0-9]{0,15})\.nodes$/.exec(name)?.[1];
      if (segment !== undefined) await index.load(BigInt(segment));
    }
    return index;
  }

  private async load(segment: SegmentIndex): Promise<void> {
    try {
      const bytes = await readSmall(this.directory, fileOf(segment), MAX_FILE_BYTES);
      const seen = bytes === null ? null : decode(bytes);
      if (seen !== null) this.segments.set(segment, seen);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
    }
  }

  private of(segment: SegmentIndex): Seen | null {
    const seen = this.segments.get(segment);
    const commitment = this.chain.segmentCommitment(segment);
    return seen !== undefined && commitment !== null && equal(seen.commitment, commitment) ? seen : null;
  }

  /** Whether a source piece was looked through. */
  hasLooked(index: PieceIndex): boolean {
    return this.of(segmentOfPiece(index))?.looked[sourcePosition(index)] === 1;
  }

  /** Whether the border after a source piece was looked across. */
  hasLookedAcross(before: PieceIndex): boolean {
    return this.of(segmentOfPiece(before))?.across[sourcePosition(before)] === 1;
  }

  /**
   * Places at which a node with this hash (32 bytes) may lie, one after the other: there are as many of them as somebody
   * stored it, and whoever found it needs no more.
   */
  *find(hash: Uint8Array): Generator<GlobalObject> {
    const prefix = prefixOf(hash);
    for (const segment of this.segments.keys()) {
      const seen = this.of(segment);
      for (const place of seen === null ? [] : placesOf(seen, prefix)) {
        const offset = place % 2 ** OFFSET_BITS;
        yield { hash, pieceIndex: pieceAt(segment, 2 * Math.floor(place / 2 ** OFFSET_BITS)), offset };
      }
    }
  }

  /** Takes what a verified source piece holds: nodes that begin in it and end in it. */
  look(index: PieceIndex, nodes: readonly Pick<GlobalObject, 'hash' | 'offset'>[]): void {
    const seen = this.begin(segmentOfPiece(index));
    if (seen === null || !this.take(seen, index, nodes)) return;
    seen.looked[sourcePosition(index)] = 1;
    this.changed.add(segmentOfPiece(index));
  }

  /** Takes the nodes that begin in a verified source piece and end in the next one, which is verified, too. */
  lookAcross(before: PieceIndex, nodes: readonly Pick<GlobalObject, 'hash' | 'offset'>[]): void {
    const seen = this.begin(segmentOfPiece(before));
    if (seen === null || !this.take(seen, before, nodes)) return;
    seen.across[sourcePosition(before)] = 1;
    this.changed.add(segmentOfPiece(before));
  }

  private begin(segment: SegmentIndex): Seen | null {
    const known = this.of(segment);
    const commitment = this.chain.segmentCommitment(segment);
    if (known !== null || commitment === null) return known;
    const flags = (): Uint8Array => new Uint8Array(SOURCE_PIECES_IN_SEGMENT);
    const seen = newSeen(commitment, flags(), flags(), 0);
    this.segments.set(segment, seen);
    return seen;
  }

  private take(
    seen: Seen,
    index: PieceIndex,
    nodes: readonly Pick<GlobalObject, 'hash' | 'offset'>[],
  ): boolean {
    const mayExceed = (): boolean =>
      seen.places.length + MAX_PLACES_OF_ONE * seen.fresh.size + nodes.length > MAX_ENTRIES;
    if (mayExceed()) settle(seen);
    if (mayExceed()) return false;
    for (const { hash, offset } of nodes) {
      const prefix = prefixOf(hash);
      const places = seen.fresh.get(prefix) ?? [];
      if (places.length < MAX_PLACES_OF_ONE) places.push(sourcePosition(index) * 2 ** OFFSET_BITS + offset);
      seen.fresh.set(prefix, places);
    }
    return true;
  }

  /** Writes what is new to disk. Throws StorageError. */
  save(): Promise<void> {
    return this.writing.run(async () => {
      for (const segment of this.changed) {
        this.changed.delete(segment);
        const bytes = encode(this.segments.get(segment)!);
        try {
          await this.directory.write(fileOf(segment), [bytes, blake3Hash(bytes)]);
        } catch (error) {
          this.changed.add(segment);
          throw error;
        }
      }
    });
  }
}

/** What was looked through as somebody who knows where objects lie. `open`: called when it is asked. */
export function indexLocator(open: () => Promise<HistoryIndex>): Locator {
  return {
    name: 'history looked through here',
    async locate(hashes) {
      const index = await open();
      const told: GlobalObject[] = [];
      for (const hash of hashes) {
        const end = told.length + MAX_PLACES_TOLD;
        for (const place of index.find(hash)) if (told.push(place) === end) break;
      }
      return told;
    },
  };
}

function fileOf(segment: SegmentIndex): string {
  return `segment-${segment}.nodes`;
}

function newSeen(commitment: Uint8Array, looked: Uint8Array, across: Uint8Array, entries: number): Seen {
  const [prefixes, places] = [new BigUint64Array(entries), new Uint32Array(entries)];
  return { commitment, looked, across, prefixes, places, fresh: new Map() };
}

function prefixOf(hash: Uint8Array): bigint {
  return new DataView(hash.buffer, hash.byteOffset, PREFIX_BYTES).getBigUint64(0, true);
}

function* placesOf({ prefixes, places, fresh }: Seen, prefix: bigint): Generator<number> {
  let [from, to] = [0, prefixes.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (prefixes[middle]! < prefix) from = middle + 1;
    else to = middle;
  }
  for (let at = from; prefixes[at] === prefix; at += 1) yield places[at]!;
  yield* fresh.get(prefix) ?? [];
}

/** Sorts in what is new. */
function settle(seen: Seen): void {
  const old = Array.from(seen.places, (place, at) => ({ prefix: seen.prefixes[at]!, place }));
  const fresh = [...seen.fresh].flatMap(([prefix, places]) => places.map((place) => ({ prefix, place })));
  const all = [...old, ...fresh].sort(
    (a, b) => (a.prefix < b.prefix ? -1 : a.prefix > b.prefix ? 1 : 0) || a.place - b.place,
  );
  const kept = all
    .filter(({ prefix, place }, at) => all[at - 1]?.prefix !== prefix || all[at - 1]!.place !== place)
    .filter(({ prefix }, at, distinct) => distinct[at - MAX_PLACES_OF_ONE]?.prefix !== prefix);
  seen.prefixes = BigUint64Array.from(kept, ({ prefix }) => prefix);
  seen.places = Uint32Array.from(kept, ({ place }) => place);
  seen.fresh = new Map();
}

function pack(flags: Uint8Array): Uint8Array {
  const packed = new Uint8Array(FLAGS_BYTES);
  flags.forEach((flag, at) => (packed[at >> 3]! |= flag << (at & 7)));
  return packed;
}

function unpack(packed: Uint8Array): Uint8Array {
  return Uint8Array.from({ length: SOURCE_PIECES_IN_SEGMENT }, (_, at) => (packed[at >> 3]! >> (at & 7)) & 1);
}

/**
 * Version, segment commitment, flags of pieces, flags of borders; then, of each node, the first bytes of its hash and
 * its place, little-endian.
 */
function encode(seen: Seen): Uint8Array {
  settle(seen);
  const { commitment, looked, across, prefixes, places } = seen;
  const file = new Uint8Array(HEAD_BYTES + places.length * ENTRY_BYTES);
  file[0] = VERSION;
  file.set(commitment, 1);
  file.set(pack(looked), 1 + POINT_BYTES);
  file.set(pack(across), 1 + POINT_BYTES + FLAGS_BYTES);
  const view = new DataView(file.buffer, HEAD_BYTES);
  places.forEach((place, entry) => {
    view.setBigUint64(entry * ENTRY_BYTES, prefixes[entry]!, true);
    view.setUint32(entry * ENTRY_BYTES + PREFIX_BYTES, place, true);
  });
  return file;
}

/** Null for what is not whole, or of another version. */
function decode(file: Uint8Array): Seen | null {
  const end = file.length - CHECKSUM_BYTES;
  const entries = (end - HEAD_BYTES) / ENTRY_BYTES;
  if (!Number.isInteger(entries) || entries < 0 || file[0] !== VERSION) return null;
  if (!equal(blake3Hash(file.subarray(0, end)), file.subarray(end))) return null;
  const [lookedAt, acrossAt] = [1 + POINT_BYTES, 1 + POINT_BYTES + FLAGS_BYTES];
  const looked = unpack(file.subarray(lookedAt, acrossAt));
  const across = unpack(file.subarray(acrossAt, HEAD_BYTES));
  const seen = newSeen(file.slice(1, lookedAt), looked, across, entries);
  const view = new DataView(file.buffer, file.byteOffset + HEAD_BYTES);
  for (let entry = 0; entry < entries; entry += 1) {
    seen.prefixes[entry] = view.getBigUint64(entry * ENTRY_BYTES, true);
    seen.places[entry] = view.getUint32(entry * ENTRY_BYTES + PREFIX_BYTES, true);
  }
  return seen;
}
