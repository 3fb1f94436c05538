/** Beginning at a block that the person trusts instead of at genesis. */
import { JobPriority } from '../crypto/jobs.ts';
import type { ChainSource } from '../network/source.ts';
import { equal } from '../protocol/bytes.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { headerHash } from '../protocol/header.ts';
import { RuntimeMetadata } from '../protocol/metadata.ts';
import type { ChainConstants, Header } from '../protocol/types.ts';
import type { BlockContext } from './block.ts';
import type { TrustedBlock } from './checkpoint-text.ts';
import { upgradesRuntime } from './runtime.ts';
import { readCheckpoint } from './state/checkpoint.ts';
import { chainConstants } from './state/constants.ts';
import type { BlockVerifier, VerifyOptions } from './verifier.ts';

/** The block whose runtime left the state of a block: of one that changes the runtime, its parent. */
async function stateRuntime(source: ChainSource, hash: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
  const header = await source.header(hash, signal);
  const changes = header !== null && equal(headerHash(header), hash) && upgradesRuntime(header);
  return changes ? header.parentHash : hash;
}

/**
 * Reads a checkpoint from a source, and verifies its header and proof of time as any other's. Only its hash is
 * taken on trust, and, where the network's constants are not known, the source's word for them.
 *
 * @throws ProtocolError and what the source rejects with.
 */
export async function readTrusted(
  source: ChainSource,
  constants: ChainConstants | null,
  { hash, number }: TrustedBlock,
  verifierOf: (constants: ChainConstants) => BlockVerifier,
  signal: AbortSignal,
  pot: Pick<VerifyOptions, 'potShare' | 'potSlots'> = { potShare: { mode: 'full' } },
): Promise<{ header: Header; context: BlockContext; constants: ChainConstants }> {
  const metadata = RuntimeMetadata.decode(
    await source.metadata(await stateRuntime(source, hash, signal), signal),
  );
  const rules = constants ?? chainConstants(metadata);
  const { context, blocks } = await readCheckpoint(source, metadata, rules, hash, signal);
  const header = blocks.at(-1)?.header;
  if (header === undefined || (number !== null && header.number !== number)) {
    throw new ProtocolError({
      code: 'wrong-checkpoint',
      rule: 'checkpoint',
      message: `the checkpoint is block ${header?.number}, not ${number}`,
      sentence: 'The checkpoint’s number and its hash do not belong together.',
    });
  }
  const verifier = verifierOf(rules);
  for (const block of blocks) {
    await verifier.verifyAlone(block, {
      priority: JobPriority.verifyHead,
      ...pot,
      signal,
    });
  }
  return { header, context, constants: rules };
}
