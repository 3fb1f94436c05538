import { equal } from './bytes.ts';
import { CHECKPOINTS_BYTES, MAX_BLOCK_BYTES, POT_BLOCK_BYTES, SUBSPACE_ENGINE } from './constants.ts';
import { DecodeError, ProtocolError } from './errors.ts';
import { jsonArray, jsonByteArray } from './json.ts';
import { decodeAll, ScaleWriter, type ScaleReader } from './scale.ts';
import type { Justification } from './types.ts';

/** Slots that one justification may cover; more lie between two blocks only when a network stands still. */
const MAX_JUSTIFICATION_SLOTS = 65_536;

/** Decodes the `SUB_` justification payload (version 0, seed, checkpoints per slot); throws DecodeError. */
export function decodeJustification(payload: Uint8Array): Justification {
  return decodeAll(payload, 'justification', (reader) => {
    const version = reader.u8();
    if (version !== 0) reader.fail(`unknown version ${version}`);
    return {
      seed: reader.raw(16),
      checkpoints: reader.vec(
        (item) => item.raw(CHECKPOINTS_BYTES),
        CHECKPOINTS_BYTES,
        MAX_JUSTIFICATION_SLOTS,
      ),
    };
  });
}

/** The `SUB_` justification payload. */
export function encodeJustification(justification: Justification): Uint8Array {
  const writer = new ScaleWriter(32 + justification.checkpoints.length * CHECKPOINTS_BYTES);
  writer.u8(0).raw(justification.seed, POT_BLOCK_BYTES);
  return writer
    .vec(justification.checkpoints, (item, checkpoints) => item.raw(checkpoints, CHECKPOINTS_BYTES))
    .bytes();
}

/** A justification of any consensus engine, undecoded. */
export interface EngineJustification {
  /** 4 bytes. */
  engine: Uint8Array;
  data: Uint8Array;
}

const MAX_JUSTIFICATIONS = 64;

/** Reads all justifications of a block; throws DecodeError. */
export function readEngineJustifications(reader: ScaleReader): EngineJustification[] {
  const engineJustification = (item: ScaleReader) => ({
    engine: item.raw(4),
    data: item.byteVector(MAX_BLOCK_BYTES),
  });
  return reader.vec(engineJustification, 5, MAX_JUSTIFICATIONS);
}

/** Writes a justification with its engine’s name. */
export function writeEngineJustification(writer: ScaleWriter, justification: EngineJustification): void {
  writer.raw(justification.engine, 4).byteVector(justification.data);
}

/** A proof-of-time justification under the network's engine id. */
export function subspaceJustification(justification: Justification): EngineJustification {
  return { engine: SUBSPACE_ENGINE, data: encodeJustification(justification) };
}

/**
 * The proof-of-time justification among a block's (rules `justification-present`, `justification-decode`).
 * Throws ProtocolError when there is none or it does not decode.
 */
export function findJustification(justifications: EngineJustification[] | null): Justification {
  const found = justifications?.find(({ engine }) => equal(engine, SUBSPACE_ENGINE));
  if (!found) {
    throw new ProtocolError({
      code: 'justification-missing',
      rule: 'justification-present',
      message: 'the block carries no proof-of-time justification',
      sentence: 'A block came without its proof of time and was refused.',
    });
  }
  try {
    return decodeJustification(found.data);
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause;
    throw new ProtocolError({
      code: 'justification-malformed',
      rule: 'justification-decode',
      message: cause.message,
      sentence: 'A block came with a malformed proof of time and was refused.',
      cause,
    });
  }
}

/** Justifications as `chain_getBlock` shows them: engine id and payload as arrays of numbers. */
export type RpcJustifications = [number[], number[]][];

/** Justifications as `chain_getBlock` writes them: arrays of numbers. */
export function toRpcJustifications(justifications: EngineJustification[]): RpcJustifications {
  return justifications.map(({ engine, data }) => [Array.from(engine), Array.from(data)]);
}

/** Justifications from `chain_getBlock`; null stays null. Throws DecodeError. */
export function fromRpcJustifications(json: unknown): EngineJustification[] | null {
  const what = 'justifications';
  if (json === null || json === undefined) return null;
  return jsonArray(what, json, MAX_JUSTIFICATIONS).map((entry) => {
    const [engineJson, dataJson] = jsonArray(what, entry, 2);
    const engine = jsonByteArray(what, engineJson, 4);
    if (engine.length !== 4) throw new DecodeError(what, `an engine id of ${engine.length} bytes`);
    return { engine, data: jsonByteArray(what, dataJson, MAX_BLOCK_BYTES) };
  });
}
