/** The runtime that the chain runs now: its metadata, its constants, and the time that it knows. */
import type { ChainSource } from '../network/source.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { RuntimeMetadata } from '../protocol/metadata.ts';
import type { ChainConstants } from '../protocol/types.ts';
import type { BlockContext } from './block.ts';
import { runtimeVersionQuery, timestampQuery } from './state/consensus.ts';
import { chainConstants, runtimeIdentity } from './state/constants.ts';
import { combine, StateReader } from './state/reader.ts';

/** What a source said of the runtime, as far as the state of a verified block bears it out. */
export interface RuntimeFacts {
  /** Name of the source whose word the metadata is. */
  source: string;
  metadata: RuntimeMetadata;
  /** Proven. */
  specVersion: number;
  /** As the metadata has them. */
  constants: ChainConstants;
  /** Milliseconds since the epoch, as the block's author set them; proven. */
  timestampMs: number;
}

/**
 * Reads the runtime of a verified block. The version and the time are proven; the metadata must be of that version
 * (rule `runtime-metadata`).
 *
 * @param known Metadata read before: asked for again only when the version has changed.
 * @throws ProtocolError and what the source rejects with.
 */
export async function readRuntime(
  source: ChainSource,
  block: BlockContext,
  known: RuntimeFacts | null,
  signal?: AbortSignal,
): Promise<RuntimeFacts> {
  const read = async (metadata: RuntimeMetadata) => {
    const reader = new StateReader(source, metadata, block);
    const query = combine({ runtime: runtimeVersionQuery(metadata), now: timestampQuery(metadata) });
    const { runtime, now } = (await reader.read(query, signal)).value;
    return { specVersion: runtime?.specVersion ?? 0, timestampMs: Number(now) };
  };
  const before = known && (await read(known.metadata));
  if (known !== null && before?.specVersion === known.specVersion) return { ...known, ...before };
  const metadata = RuntimeMetadata.decode(await source.metadata(block.hash, signal));
  const { specVersion, timestampMs } = await read(metadata);
  if (runtimeIdentity(metadata).specVersion !== specVersion) {
    throw new ProtocolError({
      code: 'wrong-metadata',
      rule: 'runtime-metadata',
      message: `metadata of version ${runtimeIdentity(metadata).specVersion} at a block of version ${specVersion}`,
      sentence: 'The source described another version of the network’s rules than the one in force.',
      values: { specVersion },
    });
  }
  return { source: source.name, metadata, specVersion, constants: chainConstants(metadata), timestampMs };
}
