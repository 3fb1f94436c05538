/** Since when an account has been used: a transaction that it signed, in a final block of any age. */
import type { VerifiedBlocks } from '../chain/verified-blocks.ts';
import { decodeExtrinsic, type Extrinsic } from '../protocol/extrinsic.ts';
import { equal } from '../protocol/bytes.ts';
import { DecodeError, ProtocolError } from '../protocol/errors.ts';
import type { RuntimeMetadata } from '../protocol/metadata.ts';
import { NodeError } from './errors.ts';

export interface AccountUse {
  block: number;
  /** Milliseconds since the epoch, as the block's author set them within the chain's tolerance. */
  at: number;
}

/**
 * Proves that an account (32 bytes) signed a transaction of a block: the block belongs to the verified chain, and the
 * transaction to the block. Null if it signed none. Throws NoProof, and Error for a block that is not there yet, or not final.
 */
export async function proveUse(
  blocks: Pick<VerifiedBlocks, 'ready' | 'ancient' | 'body'>,
  account: Uint8Array,
  number: number,
): Promise<AccountUse | null> {
  const { head, metadata } = await blocks.ready();
  if (number > head.number)
    throw new NodeError('too-early', `There is no block ${number} yet: the newest is ${head.number}.`);
  const block = await blocks.ancient(number);
  let at: number | null = null;
  let used = false;
  for (const bytes of await blocks.body(block)) {
    const extrinsic = readable(bytes);
    if (extrinsic?.kind === 'bare') at ??= timeIn(metadata, extrinsic.call);
    if (extrinsic?.kind === 'signed' && equal(extrinsic.signer, account)) used = true;
  }
  return used && at !== null ? { block: number, at } : null;
}

/** An extrinsic, or null for one of a form that wallets of this network do not make. */
function readable(bytes: Uint8Array): Extrinsic | null {
  try {
    return decodeExtrinsic(bytes);
  } catch (error) {
    if (error instanceof DecodeError) return null;
    throw error;
  }
}

/** The time that a block's author set, if the call is the one that sets it; null where an old runtime had others. */
function timeIn(metadata: RuntimeMetadata, bytes: Uint8Array): number | null {
  try {
    const { pallet, call, args } = metadata.decodeCall(bytes);
    if (pallet !== 'Timestamp' || call !== 'set') return null;
    return Number(args?.['now']);
  } catch (error) {
    if (error instanceof ProtocolError) return null;
    throw error;
  }
}
