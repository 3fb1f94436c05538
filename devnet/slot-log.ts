/** Proofs of time on disk, so that a restarted network goes on with the slot after its last. */
import { closeSync, existsSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { CHECKPOINTS_BYTES } from '../src/protocol/constants.ts';
import { ScaleReader, ScaleWriter } from '../src/protocol/scale.ts';
import type { SlotNumber } from '../src/protocol/types.ts';
import type { SlotProof } from './timekeeper.ts';

export interface SlotLog {
  /** Proofs of consecutive slots, the newest last. */
  read(): SlotProof[];
  append(proof: SlotProof): void;
  /** Forgets this slot and those after it. */
  truncateFrom(slot: SlotNumber): void;
  close(): void;
}

/** Slot, seed, iterations, checkpoints, as proofs are gossiped. */
const RECORD_BYTES = 8 + 16 + 4 + CHECKPOINTS_BYTES;
/** Records kept when the file is opened. */
const KEPT = 8192;

/** A file of records of 156 bytes. */
export class SlotFile implements SlotLog {
  private readonly file: number;
  private length: number;
  private firstSlot: SlotNumber | null;
  private readonly found: SlotProof[];

  constructor(path: string) {
    const bytes = existsSync(path) ? new Uint8Array(readFileSync(path)) : new Uint8Array();
    this.found = consecutive(bytes);
    this.file = openSync(path, 'w');
    this.length = 0;
    this.firstSlot = null;
    for (const proof of this.found) this.append(proof);
  }

  read(): SlotProof[] {
    return this.found;
  }

  append(proof: SlotProof): void {
    this.firstSlot ??= proof.slot;
    const record = new ScaleWriter(RECORD_BYTES)
      .u64(proof.slot)
      .raw(proof.seed, 16)
      .u32(proof.iterations)
      .raw(proof.checkpoints, CHECKPOINTS_BYTES)
      .bytes();
    writeSync(this.file, record, 0, RECORD_BYTES, this.length);
    this.length += RECORD_BYTES;
  }

  truncateFrom(slot: SlotNumber): void {
    if (this.firstSlot === null) return;
    const kept = slot > this.firstSlot ? Number(slot - this.firstSlot) : 0;
    if (kept === 0) this.firstSlot = null;
    this.length = Math.min(this.length, kept * RECORD_BYTES);
    ftruncateSync(this.file, this.length);
  }

  close(): void {
    closeSync(this.file);
  }
}

/** The last run of consecutive slots among whole records. */
function consecutive(bytes: Uint8Array): SlotProof[] {
  const proofs: SlotProof[] = [];
  for (let offset = 0; offset + RECORD_BYTES <= bytes.length; offset += RECORD_BYTES) {
    const reader = new ScaleReader(bytes.subarray(offset, offset + RECORD_BYTES), 'slot-log');
    const proof = {
      slot: reader.u64(),
      seed: reader.raw(16),
      iterations: reader.u32(),
      checkpoints: reader.raw(CHECKPOINTS_BYTES),
    };
    const last = proofs.at(-1);
    if (last !== undefined && proof.slot !== last.slot + 1n) proofs.length = 0;
    proofs.push(proof);
  }
  return proofs.slice(-KEPT);
}

/** Proofs in memory only. */
export class MemorySlotLog implements SlotLog {
  read(): SlotProof[] {
    return [];
  }

  append(): void {}

  truncateFrom(): void {}

  close(): void {}
}
