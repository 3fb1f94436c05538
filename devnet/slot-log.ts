/** Proofs of time on disk, so that a restarted network goes on with the slot after its last. */
import { closeSync, existsSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { CHECKPOINTS_BYTES } from '../src/protocol/constants.ts';
import { decodePotProof, encodePotProof, type PotProof } from '../src/protocol/pot-proof.ts';
import type { SlotNumber } from '../src/protocol/types.ts';

export interface SlotLog {
  /** Proofs of consecutive slots, the newest last. */
  read(): PotProof[];
  append(proof: PotProof): void;
  /** Forgets this slot and those after it. */
  truncateFrom(slot: SlotNumber): void;
  close(): void;
}

/** A proof as it is gossiped. */
const RECORD_BYTES = 8 + 16 + 4 + CHECKPOINTS_BYTES;
/** Records kept when the file is opened. */
const KEPT = 8192;

/** A file of records of 156 bytes. */
export class SlotFile implements SlotLog {
  private readonly file: number;
  private length: number;
  private firstSlot: SlotNumber | null;
  private readonly found: PotProof[];

  constructor(path: string) {
    const bytes = existsSync(path) ? new Uint8Array(readFileSync(path)) : new Uint8Array();
    this.found = consecutive(bytes);
    this.file = openSync(path, 'w');
    this.length = 0;
    this.firstSlot = null;
    for (const proof of this.found) this.append(proof);
  }

  read(): PotProof[] {
    return this.found;
  }

  append(proof: PotProof): void {
    this.firstSlot ??= proof.slot;
    writeSync(this.file, encodePotProof(proof), 0, RECORD_BYTES, this.length);
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
function consecutive(bytes: Uint8Array): PotProof[] {
  const proofs: PotProof[] = [];
  for (let offset = 0; offset + RECORD_BYTES <= bytes.length; offset += RECORD_BYTES) {
    const proof = decodePotProof(bytes.subarray(offset, offset + RECORD_BYTES));
    const last = proofs.at(-1);
    if (last !== undefined && proof.slot !== last.slot + 1n) proofs.length = 0;
    proofs.push(proof);
  }
  return proofs.slice(-KEPT);
}

/** Proofs in memory only. */
export class MemorySlotLog implements SlotLog {
  read(): PotProof[] {
    return [];
  }

  append(): void {}

  truncateFrom(): void {}

  close(): void {}
}
