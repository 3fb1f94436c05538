import type { ImportableBlock } from '../../network/source.ts';
import { SUBSPACE_ENGINE } from '../../protocol/constants.ts';
import { subspaceDigests } from '../../protocol/digest.ts';
import { sealOf } from '../../protocol/header.ts';
import { findJustification } from '../../protocol/justification.ts';
import type { Justification } from '../../protocol/types.ts';
import { blockOf, type Block } from '../block.ts';

/** Rules `justification-present` and `justification-decode`. Throws ProtocolError. */
export function readJustification(payload: Uint8Array | null): Justification {
  return findJustification(payload && [{ engine: SUBSPACE_ENGINE, data: payload }]);
}

/**
 * Rules `digest-items`, `seal-present`, `justification-present` and `justification-decode`, in this order.
 * Throws ProtocolError.
 */
export function readBlock({ header, justification }: ImportableBlock): Block {
  const digests = subspaceDigests(header);
  sealOf(header);
  return blockOf(header, digests, readJustification(justification));
}
