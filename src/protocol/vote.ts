import { POT_BLOCK_BYTES } from './constants.ts';
import { blake2b256 } from './hash.ts';
import { decodeAll, ScaleWriter, type ScaleReader } from './scale.ts';
import { readSolution, writeSolution } from './solution.ts';
import type { Vote } from './types.ts';

/** Reads a vote. Throws DecodeError. */
export function readVote(reader: ScaleReader): Vote {
  const version = reader.u8();
  if (version !== 0) reader.fail(`unknown version ${version} of a vote`);
  return {
    height: reader.u32(),
    parentHash: reader.raw(32),
    slot: reader.u64(),
    solution: readSolution(reader),
    proofOfTime: reader.raw(16),
    futureProofOfTime: reader.raw(16),
  };
}

/** Decodes a vote; throws DecodeError. */
export function decodeVote(bytes: Uint8Array): Vote {
  return decodeAll(bytes, 'vote', readVote);
}

/** SCALE of a vote. */
export function encodeVote(vote: Vote): Uint8Array {
  const writer = new ScaleWriter(512);
  writer.u8(0).u32(vote.height).raw(vote.parentHash, 32).u64(vote.slot);
  writeSolution(writer, vote.solution);
  return writer.raw(vote.proofOfTime, POT_BLOCK_BYTES).raw(vote.futureProofOfTime, POT_BLOCK_BYTES).bytes();
}

/** What the farmer signs of a vote, under the reward signing context: BLAKE2b-256 of its SCALE. */
export function voteHash(vote: Vote): Uint8Array {
  return blake2b256(encodeVote(vote));
}
