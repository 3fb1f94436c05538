/** Where the person wants the chain to begin, checked before anything runs. */
import type { BeginChoice } from '../chain/beginning.ts';
import { formatCheckpoint, parseCheckpoint } from '../chain/checkpoint-text.ts';
import { equal, fromHex } from '../protocol/bytes.ts';
import { DecodeError } from '../protocol/errors.ts';
import type { BeginSetup, ChainView, NetworkChoice } from './api.ts';
import { NodeError } from './errors.ts';

/**
 * The choice as the light client takes it. Throws NodeError `choice` when a checkpoint is malformed or of
 * another network.
 */
export function beginChoice(
  begin: BeginSetup | undefined,
  network: Pick<NetworkChoice, 'name' | 'genesisHash'>,
): BeginChoice {
  if (begin === undefined) return { kind: 'auto' };
  if (begin.kind !== 'checkpoint') return begin;
  const block = readCheckpointText(begin.text);
  const { genesisHash } = network;
  if (
    block.genesisHash !== null &&
    genesisHash !== null &&
    !equal(block.genesisHash, fromHex(genesisHash, 32))
  )
    throw new NodeError('choice', `The checkpoint belongs to another network than ${network.name}.`);
  return { kind: 'checkpoint', block };
}

/** Whether two choices are the same. */
export function sameBeginning(one: BeginSetup, other: BeginSetup): boolean {
  return one.kind === 'checkpoint' && other.kind === 'checkpoint'
    ? one.text.trim() === other.text.trim()
    : one.kind === other.kind;
}

/** The newest final block as people pass it on; null while none but the first is. */
export function checkpointText({ genesisHash, finalized }: ChainView): string | null {
  if (genesisHash === null || finalized === null || finalized.number === 0) return null;
  return formatCheckpoint(fromHex(genesisHash, 32), finalized.number, fromHex(finalized.hash, 32));
}

/** A checkpoint as people pass it on. Throws NodeError `choice`. */
export function readCheckpointText(text: string) {
  try {
    const block = parseCheckpoint(text);
    if (block.number === 0)
      throw new NodeError('choice', 'The first block is no checkpoint: choose to verify every block.');
    return block;
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new NodeError(
      'choice',
      'This is neither a checkpoint nor the hash of a block. Copy it whole, from “allotment-checkpoint:” on.',
      error,
    );
  }
}
