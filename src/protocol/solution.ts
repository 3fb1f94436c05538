import { PROOF_OF_SPACE_BYTES, SOLUTION_BYTES } from './constants.ts';
import { decodeAll, ScaleWriter, type ScaleReader } from './scale.ts';
import type { Solution } from './types.ts';

/** Reads a solution of 412 bytes. A history size of zero does not decode. */
export function readSolution(reader: ScaleReader): Solution {
  const publicKey = reader.raw(32);
  const rewardAddress = reader.raw(32);
  const sectorIndex = reader.u16();
  const historySize = reader.u64();
  if (historySize === 0n) reader.fail('history size of a solution is zero');
  return {
    publicKey,
    rewardAddress,
    sectorIndex,
    historySize,
    pieceOffset: reader.u16(),
    recordCommitment: reader.raw(48),
    recordWitness: reader.raw(48),
    chunk: reader.raw(32),
    chunkWitness: reader.raw(48),
    proofOfSpace: reader.raw(PROOF_OF_SPACE_BYTES),
  };
}

export function writeSolution(writer: ScaleWriter, solution: Solution): void {
  writer
    .raw(solution.publicKey)
    .raw(solution.rewardAddress)
    .u16(solution.sectorIndex)
    .u64(solution.historySize)
    .u16(solution.pieceOffset)
    .raw(solution.recordCommitment)
    .raw(solution.recordWitness)
    .raw(solution.chunk)
    .raw(solution.chunkWitness)
    .raw(solution.proofOfSpace);
}

/** Decodes the 412 bytes of a solution; throws DecodeError. */
export function decodeSolution(bytes: Uint8Array): Solution {
  return decodeAll(bytes, 'solution', readSolution);
}

/** The 412 bytes of a solution. */
export function encodeSolution(solution: Solution): Uint8Array {
  const writer = new ScaleWriter(SOLUTION_BYTES);
  writeSolution(writer, solution);
  return writer.bytes();
}
