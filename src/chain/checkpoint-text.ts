/** Checkpoints as people pass them on: pasted, or in a QR code from another device of theirs. */
import { fromHex, toHex } from '../protocol/bytes.ts';
import { DecodeError } from '../protocol/errors.ts';

/** A block that a person trusts. */
export interface TrustedBlock {
  /** 32 bytes; null: not told. */
  genesisHash: Uint8Array | null;
  /** Null: not told. */
  number: number | null;
  /** 32 bytes. */
  hash: Uint8Array;
}

const SCHEME = 'allotment-checkpoint';

/** `allotment-checkpoint:GENESIS:NUMBER:HASH`, hashes in hex. */
export function formatCheckpoint(genesisHash: Uint8Array, number: number, hash: Uint8Array): string {
  return `${SCHEME}:${toHex(genesisHash)}:${number}:${toHex(hash)}`;
}

/** Reads that form, or a block hash alone, with or without `0x`. Throws DecodeError (`checkpoint`). */
export function parseCheckpoint(text: string): TrustedBlock {
  const trimmed = text.trim();
  const found = new RegExp(`^${SCHEME}:([0-9a-fA-F]{64}):(0|[1-9]\\d{0,9}):([0-9a-fA-F]{64})$`).exec(trimmed);
  if (found !== null) {
    const [, genesis, number, hash] = found as unknown as [string, string, string, string];
    if (Number(number) > 0xffff_ffff) throw new DecodeError('checkpoint', `${number} is no block’s number`);
    return { genesisHash: fromHex(genesis, 32), number: Number(number), hash: fromHex(hash, 32) };
  }
  if (/^(0x)?[0-9a-fA-F]{64}$/.test(trimmed)) {
    return { genesisHash: null, number: null, hash: fromHex(trimmed, 32) };
  }
  throw new DecodeError('checkpoint', 'neither a checkpoint nor a block hash');
}
