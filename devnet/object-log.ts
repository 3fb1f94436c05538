/** Where the objects of archived blocks lie: a file that is read once and appended to. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { toHex } from '../src/protocol/bytes.ts';
import { ScaleReader, ScaleWriter } from '../src/protocol/scale.ts';
import type { GlobalObject } from '../src/protocol/types.ts';

/** Objects of a block whose places in the history are known. */
export interface BlockObjects {
  blockNumber: number;
  objects: GlobalObject[];
}

type Place = GlobalObject & { blockNumber: number };

/** Block, hash, piece, offset. */
const RECORD_BYTES = 4 + 32 + 8 + 4;

export class ObjectLog {
  private readonly places = new Map<string, Place>();
  private last = 0;

  constructor(private readonly path: string) {
    const bytes = existsSync(path) ? new Uint8Array(readFileSync(path)) : new Uint8Array();
    const reader = new ScaleReader(bytes, 'object-log');
    while (reader.remaining >= RECORD_BYTES) {
      const blockNumber = reader.u32();
      this.keep({ blockNumber, hash: reader.raw(32), pieceIndex: reader.u64(), offset: reader.u32() });
    }
  }

  private keep(place: Place): boolean {
    const key = toHex(place.hash);
    this.last = Math.max(this.last, place.blockNumber);
    // What is stored twice is found at its first place.
    if (this.places.has(key)) return false;
    this.places.set(key, place);
    return true;
  }

  /** The last block with objects. */
  get lastBlock(): number {
    return this.last;
  }

  /** Where an object (32-byte hash) lies, or null. */
  place(hash: Uint8Array): Place | null {
    return this.places.get(toHex(hash)) ?? null;
  }

  append({ blockNumber, objects }: BlockObjects): void {
    const writer = new ScaleWriter(RECORD_BYTES * objects.length);
    for (const { hash, pieceIndex, offset } of objects) {
      if (!this.keep({ blockNumber, hash, pieceIndex, offset })) continue;
      writer.u32(blockNumber).raw(hash, 32).u64(pieceIndex).u32(offset);
    }
    appendFileSync(this.path, writer.bytes());
  }
}
