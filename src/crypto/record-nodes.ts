/** Nodes of objects in pieces, unpacked and hashed in WebAssembly. */
import { RAW_RECORD_BYTES, RECORD_BYTES } from '../protocol/constants.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { nodesInRecord, type RecordNodes } from '../protocol/history-nodes.ts';
import { guarded, loadWasm, wasm, wasmBytes } from './wasm.ts';

const RULE = 'source-record';

/**
 * What `nodesOfPiece` finds in a piece (1 048 672 bytes), three times as fast; null when it can be no source piece. On the
 * caller's thread: handing a piece to another and taking the nodes back costs more than finding them.
 */
export async function nodesIn(piece: Uint8Array): Promise<RecordNodes | null> {
  await loadWasm();
  return unpackNodes(piece);
}

function unpackNodes(piece: Uint8Array): RecordNodes | null {
  try {
    return guarded(RULE, () => {
      const record = new wasm.RawRecord(piece.subarray(0, RECORD_BYTES));
      try {
        const raw = wasmBytes(record.pointer(), RAW_RECORD_BYTES).slice();
        return nodesInRecord(raw, ({ byteOffset, length }) => record.hash(byteOffset, length));
      } finally {
        record.free();
      }
    });
  } catch (error) {
    if (error instanceof ProtocolError) return null;
    throw error;
  }
}
