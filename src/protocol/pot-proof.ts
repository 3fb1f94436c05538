/** A slot's proof of time as timekeepers hand it on: the 156 bytes of the network's gossip message. */
import { CHECKPOINTS_BYTES, POT_BLOCK_BYTES } from './constants.ts';
import { requireIterations, type PotInput } from './pot.ts';
import { decodeAll, ScaleWriter } from './scale.ts';

/** A slot’s proof: what it was walked from, and its checkpoints. */
export interface PotProof extends PotInput {
  /** 128 bytes. */
  checkpoints: Uint8Array;
}

/** Slot u64, seed, iterations u32, checkpoints: 156 bytes. Throws RangeError for a seed or checkpoints of another length. */
export function encodePotProof({ slot, seed, iterations, checkpoints }: PotProof): Uint8Array {
  return new ScaleWriter()
    .u64(slot)
    .raw(seed, POT_BLOCK_BYTES)
    .u32(iterations)
    .raw(checkpoints, CHECKPOINTS_BYTES)
    .bytes();
}

/**
 * Throws DecodeError, and ProtocolError (`pot-iterations`) for a number of iterations that is not allowed; whether the
 * checkpoints hold is not looked at.
 */
export function decodePotProof(bytes: Uint8Array): PotProof {
  const proof = decodeAll(bytes, 'pot-proof', (reader) => ({
    slot: reader.u64(),
    seed: reader.raw(POT_BLOCK_BYTES),
    iterations: reader.u32(),
    checkpoints: reader.raw(CHECKPOINTS_BYTES),
  }));
  requireIterations(proof.iterations);
  return proof;
}
