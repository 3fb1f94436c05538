/** Slots whose proofs of time are to be verified. */
import { toHex } from '../protocol/bytes.ts';
import { CHECKPOINTS_BYTES, CHECKPOINTS_IN_SLOT } from '../protocol/constants.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { requireIterations } from '../protocol/pot.ts';
import type { SlotNumber } from '../protocol/types.ts';

/** A slot's claim of elapsed time. */
export interface PotSlot {
  slot: SlotNumber;
  /** 16 bytes. */
  seed: Uint8Array;
  /** Encryptions of the whole slot. */
  iterations: number;
  /** 128 bytes. */
  checkpoints: Uint8Array;
}

/** Throws ProtocolError, rule `pot-iterations` or `pot-checkpoints`, for a slot that cannot be walked at all. */
export function requireWellFormed({ slot, seed, iterations, checkpoints }: PotSlot): void {
  requireIterations(iterations);
  if (checkpoints.length === CHECKPOINTS_BYTES && seed.length === CHECKPOINTS_BYTES / CHECKPOINTS_IN_SLOT) {
    return;
  }
  throw new ProtocolError({
    code: 'bad-checkpoints',
    rule: 'pot-checkpoints',
    message: `slot ${slot}: a seed of ${seed.length} and checkpoints of ${checkpoints.length} bytes`,
    values: { slot, seed: seed.length, checkpoints: checkpoints.length },
  });
}

/** Rule `pot-checkpoints`. `checkpoint`: 0..7. */
export function wrongCheckpoint({ slot }: PotSlot, checkpoint: number): ProtocolError {
  return new ProtocolError({
    code: 'wrong-checkpoint',
    rule: 'pot-checkpoints',
    message: `checkpoint ${checkpoint} of slot ${slot} does not follow from what is before it`,
    sentence: `The proof of time of slot ${slot} is wrong: the time it claims did not pass.`,
    values: { slot, checkpoint },
  });
}

/** The same for the same claim only, whatever its slot's number. */
export function keyOf({ seed, iterations, checkpoints }: PotSlot): string {
  return `${iterations}:${toHex(seed)}:${toHex(checkpoints)}`;
}
