import { toHex } from './bytes.ts';
import { CHUNK_BYTES, POINT_BYTES, PROOF_OF_SPACE_BYTES, SOLUTION_BYTES } from './constants.ts';
import { DecodeError } from './errors.ts';
import { jsonByteArray, jsonHex, jsonObject, jsonU16, jsonU64 } from './json.ts';
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

/** Writes a solution. */
export function writeSolution(writer: ScaleWriter, solution: Solution): void {
  writer
    .raw(solution.publicKey, 32)
    .raw(solution.rewardAddress, 32)
    .u16(solution.sectorIndex)
    .u64(solution.historySize)
    .u16(solution.pieceOffset)
    .raw(solution.recordCommitment, POINT_BYTES)
    .raw(solution.recordWitness, POINT_BYTES)
    .raw(solution.chunk, CHUNK_BYTES)
    .raw(solution.chunkWitness, POINT_BYTES)
    .raw(solution.proofOfSpace, PROOF_OF_SPACE_BYTES);
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

/** Solution as the farmer RPC carries it: hex, but the chunk as an array of 32 numbers. */
export interface SolutionJson {
  publicKey: string;
  rewardAddress: string;
  sectorIndex: number;
  historySize: number | bigint;
  pieceOffset: number;
  recordCommitment: string;
  recordWitness: string;
  chunk: number[];
  chunkWitness: string;
  proofOfSpace: string;
}

/** A solution as farmer RPC writes it. */
export function solutionToJson(solution: Solution): SolutionJson {
  return {
    publicKey: toHex(solution.publicKey),
    rewardAddress: toHex(solution.rewardAddress),
    sectorIndex: solution.sectorIndex,
    historySize: solution.historySize,
    pieceOffset: solution.pieceOffset,
    recordCommitment: toHex(solution.recordCommitment),
    recordWitness: toHex(solution.recordWitness),
    chunk: Array.from(solution.chunk),
    chunkWitness: toHex(solution.chunkWitness),
    proofOfSpace: toHex(solution.proofOfSpace),
  };
}

/** Solution from the farmer RPC's JSON. Throws DecodeError. */
export function solutionFromJson(json: unknown): Solution {
  const what = 'solution';
  const fields = jsonObject(what, json);
  const hex = (name: string, length: number) => jsonHex(what, fields[name], length);
  const historySize = jsonU64(what, fields['historySize']);
  if (historySize === 0n) throw new DecodeError(what, 'history size of a solution is zero');
  const chunk = jsonByteArray(what, fields['chunk'], CHUNK_BYTES);
  if (chunk.length !== CHUNK_BYTES) throw new DecodeError(what, `a chunk of ${chunk.length} bytes`);
  return {
    publicKey: hex('publicKey', 32),
    rewardAddress: hex('rewardAddress', 32),
    sectorIndex: jsonU16(what, fields['sectorIndex']),
    historySize,
    pieceOffset: jsonU16(what, fields['pieceOffset']),
    recordCommitment: hex('recordCommitment', POINT_BYTES),
    recordWitness: hex('recordWitness', POINT_BYTES),
    chunk,
    chunkWitness: hex('chunkWitness', POINT_BYTES),
    proofOfSpace: hex('proofOfSpace', PROOF_OF_SPACE_BYTES),
  };
}
