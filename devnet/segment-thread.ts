/**
 * Writes all 256 pieces of a segment into a file and ends: first the source pieces, after which it tells the file's
 * name, then the parity pieces, which takes some ten seconds.
 */
import { closeSync, openSync, renameSync, writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { SegmentPieces } from '../src/crypto/archive.ts';
import { loadWasm } from '../src/crypto/wasm.ts';
import { Archiver, extendGenesisBlock } from '../src/protocol/archiver.ts';
import { PIECE_BYTES, SOURCE_PIECES_IN_SEGMENT } from '../src/protocol/constants.ts';
import { readCommitments } from './segments.ts';

interface Task {
  /** The recorded segment, or, with a state root, the genesis block that begins it. */
  block: Uint8Array;
  stateRoot: Uint8Array | null;
  commitments: Uint8Array;
  path: string;
}

const { block, stateRoot, commitments, path } = workerData as Task;

function recorded(): Uint8Array {
  if (stateRoot === null) return block;
  return new Archiver().addBlock(extendGenesisBlock(block, stateRoot), []).segments[0]!.record(null);
}

await loadWasm();
const pieces = new SegmentPieces(recorded(), readCommitments(commitments));
const file = openSync(`${path}.tmp`, 'w');
for (let number = 0; number < SOURCE_PIECES_IN_SEGMENT; number += 1)
  writeSync(file, pieces.at(2 * number), 0, PIECE_BYTES, 2 * number * PIECE_BYTES);
parentPort!.postMessage(`${path}.tmp`);
const parity = await pieces.parityRecords();
for (let number = 0; number < SOURCE_PIECES_IN_SEGMENT; number += 1) {
  const position = 2 * number + 1;
  writeSync(file, pieces.pieceOf(parity[number]!, position), 0, PIECE_BYTES, position * PIECE_BYTES);
}
closeSync(file);
renameSync(`${path}.tmp`, path);
