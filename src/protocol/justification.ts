import { CHECKPOINTS_BYTES } from './constants.ts';
import { decodeAll, ScaleWriter } from './scale.ts';
import type { Justification } from './types.ts';

/** Slots that one justification may cover; more lie between two blocks only when a network stands still. */
export const MAX_JUSTIFICATION_SLOTS = 65_536;

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
  writer.u8(0).raw(justification.seed);
  return writer.vec(justification.checkpoints, (item, checkpoints) => item.raw(checkpoints)).bytes();
}
