/** Blocks on disk: one file of records, each a signed block with the changes that it made to the state. */
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { concat, equal, fromHex, littleEndian, toHex } from '../src/protocol/bytes.ts';
import { readSignedBlock, encodeSignedBlock, type SignedBlock } from '../src/protocol/block.ts';
import { Trie } from '../src/protocol/trie.ts';
import { decodeAll, ScaleReader, ScaleWriter } from '../src/protocol/scale.ts';
import { STATE_VERSION, type StorageChange } from './runtime/storage.ts';

/** What is known of every block without reading it. */
export interface BlockEntry {
  /** Hex. */
  hash: string;
  /** Hex. */
  parent: string;
  number: number;
  /** Sum of the weights from the genesis block on. */
  weight: bigint;
}

export interface StoredBlock {
  block: SignedBlock;
  changes: StorageChange[];
}

export const BLOCKS_FILE = 'chain.log';

/** Length and checksum, then hash, parent, number, weight. */
const FRAME_BYTES = 4 + 8;
const PREFIX_BYTES = 32 + 32 + 4 + 16;

interface Place extends BlockEntry {
  offset: number;
  length: number;
}

export class BlockStore {
  private readonly places = new Map<string, Place>();
  private readonly file: number;
  private length = 0;

  /** Opens the blocks in a folder; a record that an interrupted write left incomplete is dropped. */
  constructor(private readonly folder: string) {
    mkdirSync(this.statesFolder, { recursive: true });
    this.file = openSync(join(folder, BLOCKS_FILE), existsSync(join(folder, BLOCKS_FILE)) ? 'r+' : 'w+');
    this.scan();
  }

  private get statesFolder(): string {
    return join(this.folder, 'states');
  }

  private scan(): void {
    const { size } = fstatSync(this.file);
    let last: Place | null = null;
    for (;;) {
      const head = this.bytesAt(this.length, FRAME_BYTES + PREFIX_BYTES, size);
      if (head === null) break;
      const reader = new ScaleReader(head, 'block-record');
      const length = reader.u32();
      if (this.length + FRAME_BYTES + length > size) break;
      reader.raw(8);
      const place = { offset: this.length, length, ...readPrefix(reader) };
      this.places.set(place.hash, place);
      last = place;
      this.length += FRAME_BYTES + length;
    }
    if (last !== null && this.payload(last) === null) {
      this.places.delete(last.hash);
      this.length = last.offset;
    }
    ftruncateSync(this.file, this.length);
  }

  private bytesAt(offset: number, length: number, size: number): Uint8Array | null {
    if (offset + length > size) return null;
    const bytes = new Uint8Array(length);
    readSync(this.file, bytes, 0, length, offset);
    return bytes;
  }

  private payload(place: Place): Uint8Array | null {
    const frame = this.bytesAt(place.offset, FRAME_BYTES + place.length, Number.MAX_SAFE_INTEGER)!;
    const payload = frame.subarray(FRAME_BYTES);
    return equal(checksumOf(payload), frame.subarray(4, 12)) ? payload : null;
  }

  /** All blocks in the order in which they came. */
  entries(): BlockEntry[] {
    return [...this.places.keys()].map((hash) => this.entry(hash)!);
  }

  entry(hash: string): BlockEntry | null {
    const place = this.places.get(hash);
    if (place === undefined) return null;
    const { parent, number, weight } = place;
    return { hash, parent, number, weight };
  }

  append(entry: BlockEntry, { block, changes }: StoredBlock): void {
    const writer = new ScaleWriter(4096)
      .raw(fromHex(entry.hash, 32))
      .raw(fromHex(entry.parent, 32))
      .u32(entry.number)
      .u128(entry.weight)
      .raw(encodeSignedBlock(block));
    writer.vec(changes, (item, { key, value }) =>
      item.byteVector(key).option(value, (some, bytes) => some.byteVector(bytes)),
    );
    const payload = writer.bytes();
    const frame = concat(littleEndian(payload.length, 4), checksumOf(payload), payload);
    writeSync(this.file, frame, 0, frame.length, this.length);
    this.places.set(entry.hash, { ...entry, offset: this.length, length: payload.length });
    this.length += frame.length;
  }

  /** The block, or null when it is unknown. Throws Error when its record is damaged. */
  read(hash: string): StoredBlock | null {
    const place = this.places.get(hash);
    if (place === undefined) return null;
    const payload = this.payload(place);
    if (payload === null) throw new Error(`the record of block ${hash} is damaged`);
    return decodeAll(payload, 'block-record', (reader) => {
      readPrefix(reader);
      return {
        block: readSignedBlock(reader),
        changes: reader.vec((item) => ({
          key: item.byteVector(),
          value: item.option((some) => some.byteVector()),
        })),
      };
    });
  }

  /** Stores a whole state, from which later ones are found by the changes since. */
  putState(number: number, hash: string, state: Trie): void {
    const writer = new ScaleWriter(1 << 16);
    for (const [key, value] of state.entries()) writer.byteVector(key).byteVector(value);
    const path = join(this.statesFolder, stateFile(number, hash));
    writeFileSync(`${path}.tmp`, writer.bytes());
    renameSync(`${path}.tmp`, path);
  }

  /** A state stored by `putState`, or null. */
  state(number: number, hash: string): Trie | null {
    const path = join(this.statesFolder, stateFile(number, hash));
    if (!existsSync(path)) return null;
    const reader = new ScaleReader(new Uint8Array(readFileSync(path)), 'state');
    const entries: { key: Uint8Array; value: Uint8Array }[] = [];
    while (reader.remaining > 0) entries.push({ key: reader.byteVector(), value: reader.byteVector() });
    return Trie.from(STATE_VERSION, entries);
  }

  close(): void {
    closeSync(this.file);
  }
}

/** The beginning of the SHA-256 of a record: 8 bytes. */
function checksumOf(payload: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(payload).digest().subarray(0, 8));
}

function readPrefix(reader: ScaleReader): BlockEntry {
  return {
    hash: toHex(reader.raw(32)),
    parent: toHex(reader.raw(32)),
    number: reader.u32(),
    weight: reader.u128(),
  };
}

function stateFile(number: number, hash: string): string {
  return `${number}-${hash.slice(0, 16)}.state`;
}
