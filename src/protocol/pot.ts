/** Proof of time: seeds, keys, the schedule of parameters. The walk itself is in `src/crypto/pot.ts`. */
import { CHECKPOINTS_BYTES, CHECKPOINTS_IN_SLOT, POT_BLOCK_BYTES } from './constants.ts';
import { equal, littleEndian } from './bytes.ts';
import { ProtocolError } from './errors.ts';
import { blake3Hash } from './hash.ts';
import type { PotParametersChange, SlotNumber } from './types.ts';

/** What a slot's walk starts from. */
export interface PotInput {
  slot: SlotNumber;
  /** 16 bytes. */
  seed: Uint8Array;
  /** AES encryptions of the whole slot, a multiple of 16. */
  iterations: number;
}

/** AES-128 key of a seed (16 bytes): the first 16 bytes of its BLAKE3. */
export function potKey(seed: Uint8Array): Uint8Array {
  return blake3Hash(seed).slice(0, POT_BLOCK_BYTES);
}

/**
 * Seed of slot 1, 16 bytes: from the genesis block hash (32 bytes) and the chain spec's external entropy, which is
 * hashed as the text it is written as.
 */
export function genesisSeed(genesisHash: Uint8Array, externalEntropy: string | Uint8Array): Uint8Array {
  const entropy =
    typeof externalEntropy === 'string' ? new TextEncoder().encode(externalEntropy) : externalEntropy;
  return blake3Hash(genesisHash, entropy).slice(0, POT_BLOCK_BYTES);
}

/** Seed (16 bytes) that follows an output (16 bytes), with the entropy (32 bytes) injected when there is some. */
export function nextSeed(output: Uint8Array, entropy: Uint8Array | null): Uint8Array {
  return entropy === null ? output : blake3Hash(entropy, output).slice(0, POT_BLOCK_BYTES);
}

/** Entropy that a block contributes: BLAKE3 of its solution's chunk (32 bytes) and its proof of time (16). 32 bytes. */
export function blockEntropy(chunk: Uint8Array, proofOfTime: Uint8Array): Uint8Array {
  return blake3Hash(chunk, proofOfTime);
}

/** Randomness of a slot's output (16 bytes). 32 bytes. */
export function globalRandomness(output: Uint8Array): Uint8Array {
  return blake3Hash(output);
}

/** Challenge that every sector is audited with at `slot`, by its output (16 bytes). 32 bytes. */
export function globalChallenge(output: Uint8Array, slot: SlotNumber): Uint8Array {
  return blake3Hash(globalRandomness(output), littleEndian(slot, 8));
}

/**
 * Input of the slot after `slot`, whose output is `output` (16 bytes): a change whose slot has come sets the iterations;
 * its entropy is mixed in only at exactly its slot.
 */
export function nextPotInput(
  slot: SlotNumber,
  iterations: number,
  output: Uint8Array,
  change: PotParametersChange | null,
): PotInput {
  const next = slot + 1n;
  if (change === null || change.slot > next) return { slot: next, seed: output, iterations };
  return {
    slot: next,
    seed: nextSeed(output, change.slot === next ? change.entropy : null),
    iterations: change.slotIterations,
  };
}

/** Whether two slots are walked from the same seed by as many iterations. */
export function samePotInput(a: PotInput, b: PotInput): boolean {
  return a.slot === b.slot && a.iterations === b.iterations && equal(a.seed, b.seed);
}

/**
 * Iterations must be a multiple of twice the number of checkpoints, so that every checkpoint can be verified
 * from both ends; zero is refused. Throws ProtocolError (`pot-iterations`).
 */
export function requireIterations(iterations: number): void {
  const unit = 2 * CHECKPOINTS_IN_SLOT;
  if (
    !Number.isInteger(iterations) ||
    iterations <= 0 ||
    iterations > 0xffffffff ||
    iterations % unit !== 0
  ) {
    throw new ProtocolError({
      code: 'bad-iterations',
      rule: 'pot-iterations',
      message: `${iterations} is not a positive multiple of ${unit}`,
      sentence: 'The proof of time names a number of iterations that the network does not allow.',
      values: { iterations },
    });
  }
}

/** Checkpoint `index` (0..7) of a slot's 128 bytes. */
export function checkpoint(checkpoints: Uint8Array, index: number): Uint8Array {
  return checkpoints.slice(index * POT_BLOCK_BYTES, (index + 1) * POT_BLOCK_BYTES);
}

/** Output of a slot: its last checkpoint. 16 bytes. Throws ProtocolError (rule `pot-checkpoints`) unless given 128. */
export function slotOutput(checkpoints: Uint8Array): Uint8Array {
  if (checkpoints.length !== CHECKPOINTS_BYTES) {
    throw new ProtocolError({
      code: 'bad-checkpoints',
      rule: 'pot-checkpoints',
      message: `${checkpoints.length} bytes of checkpoints where ${CHECKPOINTS_BYTES} are needed`,
    });
  }
  return checkpoint(checkpoints, CHECKPOINTS_IN_SLOT - 1);
}
