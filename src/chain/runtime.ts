/** The runtime that the chain runs now: its metadata, its constants, the time that it knows, and who says so. */
import type { ComputePool } from '../crypto/jobs.ts';
import { isRunnable } from '../crypto/runtime-code.ts';
import { RpcError } from '../network/rpc-error.ts';
import type { ChainSource } from '../network/source.ts';
import { equal } from '../protocol/bytes.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { blake2b256 } from '../protocol/hash.ts';
import { RuntimeMetadata } from '../protocol/metadata.ts';
import { CODE_KEY } from '../protocol/storage-key.ts';
import type { ChainConstants, Header } from '../protocol/types.ts';
import { metadataOfCode } from './runtime-code.ts';
import { confirmationDepthQuery, runtimeVersionQuery, timestampQuery } from './state/consensus.ts';
import { chainConstants, runtimeIdentity } from './state/constants.ts';
import { combine, StateReader, type StateBlock } from './state/reader.ts';

/** What stands behind a runtime's metadata, and with it behind the constants and the keys of the state. */
export type Provenance =
  /** The runtime's code, read by proof at this block, gave it. */
  | { kind: 'proven'; atBlock: number }
  /** Told: by these sources alike, and otherwise by those. */
  | { kind: 'told'; by: string[]; disputedBy: string[] };

export interface RuntimeFacts {
  /** Name of the source that was asked. */
  source: string;
  metadata: RuntimeMetadata;
  provenance: Provenance;
  /** Proven. */
  specVersion: number;
  /** As the metadata has them; the confirmation depth of proven ones as the state has it. */
  constants: ChainConstants;
  /** Milliseconds since the epoch, as the block's author set them; proven. */
  timestampMs: number;
}

/** Whether a block puts another runtime into force: for its children, not for its own state. */
export function upgradesRuntime({ digest }: Header): boolean {
  return digest.some(({ kind }) => kind === 'runtimeEnvironmentUpdated');
}

function wrongMetadata(message: string, sentence: string): never {
  throw new ProtocolError({ code: 'wrong-metadata', rule: 'runtime-metadata', message, sentence });
}

async function readVersion(
  source: ChainSource,
  metadata: RuntimeMetadata,
  block: StateBlock,
  signal?: AbortSignal,
) {
  const query = combine({ runtime: runtimeVersionQuery(metadata), now: timestampQuery(metadata) });
  const { runtime, now } = (await new StateReader(source, metadata, block).read(query, signal)).value;
  return { specVersion: runtime?.specVersion ?? 0, timestampMs: Number(now) };
}

/** Facts with the confirmation depth that the state of a block has: it may change without another runtime. */
export async function withDepth(
  facts: RuntimeFacts,
  source: ChainSource,
  block: StateBlock,
  signal?: AbortSignal,
): Promise<RuntimeFacts> {
  const query = confirmationDepthQuery(facts.metadata);
  if (query === null) return facts;
  const { value: confirmationDepthK } = await new StateReader(source, facts.metadata, block).read(
    query,
    signal,
  );
  return { ...facts, constants: { ...facts.constants, confirmationDepthK } };
}

/**
 * Reads the runtime of a verified block. The version and the time are proven; the metadata must be of that version
 * (rule `runtime-metadata`) and is the source's word until `provenMetadata` bears it out.
 *
 * @param known Facts read before: metadata is asked for again only when the version has changed.
 * @throws ProtocolError and what the source rejects with.
 */
export async function readRuntime(
  source: ChainSource,
  block: StateBlock,
  known: RuntimeFacts | null,
  signal?: AbortSignal,
): Promise<RuntimeFacts> {
  const before = known && (await readVersion(source, known.metadata, block, signal));
  if (known !== null && before?.specVersion === known.specVersion) return { ...known, ...before };
  const metadata = RuntimeMetadata.decode(await source.metadata(block.hash, signal));
  const { specVersion, timestampMs } = await readVersion(source, metadata, block, signal);
  const told = runtimeIdentity(metadata).specVersion;
  if (told !== specVersion) {
    wrongMetadata(
      `metadata of version ${told} at a block of version ${specVersion}`,
      'The source described another version of the network’s rules than the one in force.',
    );
  }
  return {
    source: source.name,
    metadata,
    provenance: { kind: 'told', by: [source.name], disputedBy: [] },
    specVersion,
    constants: chainConstants(metadata),
    timestampMs,
  };
}

/** Metadata that a runtime's code gave. */
export interface ProvenMetadata {
  metadata: RuntimeMetadata;
  bytes: Uint8Array;
  /** 32 bytes, BLAKE2b-256; null where the state had a say in the metadata too. */
  codeHash: Uint8Array | null;
}

/** Facts that follow from metadata which was proven at a block, before its version and time are read. */
export function factsOf(metadata: RuntimeMetadata, atBlock: number, source: ChainSource): RuntimeFacts {
  return {
    source: source.name,
    metadata,
    provenance: { kind: 'proven', atBlock },
    specVersion: runtimeIdentity(metadata).specVersion,
    constants: chainConstants(metadata),
    timestampMs: 0,
  };
}

/**
 * Metadata that the runtime itself gives, from its code in the state of a final block; null where the code is none
 * that can be run, where the source does not hand it out, or where another version is in force there. What the
 * source tells of that block must be the same (rule `runtime-metadata`).
 *
 * @param pool Runs the code.
 * @param metadata Says where the state keeps the version; as told.
 * @throws ProtocolError and what the source rejects with.
 */
export async function provenMetadata(
  pool: ComputePool,
  source: ChainSource,
  final: StateBlock,
  { metadata, specVersion }: RuntimeFacts,
  signal?: AbortSignal,
): Promise<ProvenMetadata | null> {
  try {
    const reader = new StateReader(source, metadata, final);
    const [code] = await reader.values([CODE_KEY], signal);
    if (code === undefined || code === null || !isRunnable(code)) return null;
    let pure = true;
    const readState = (keys: Uint8Array[]) => {
      pure = false;
      return reader.values(keys, signal);
    };
    const own = await metadataOfCode(pool, code, readState, signal);
    const proven = RuntimeMetadata.decode(own);
    const told = await source.metadata(final.hash, signal);
    if (!equal(own, told)) {
      wrongMetadata(
        'metadata that the runtime’s code does not give',
        'The source described other rules of the network than its runtime has.',
      );
    }
    if (runtimeIdentity(proven).specVersion !== specVersion) return null;
    return { metadata: proven, bytes: own, codeHash: pure ? blake2b256(code) : null };
  } catch (error) {
    if (error instanceof RpcError) return null;
    throw error;
  }
}

/**
 * Metadata of the runtime that left a final block's state, an older one perhaps: as its code gives it, or as the source
 * tells where that cannot be run.
 *
 * @throws ProtocolError and what the source rejects with.
 */
export async function metadataAt(
  pool: ComputePool,
  source: ChainSource,
  final: StateBlock,
  signal?: AbortSignal,
): Promise<RuntimeMetadata> {
  const told = await readRuntime(source, final, null, signal);
  const proven = await provenMetadata(pool, source, final, told, signal);
  return proven?.metadata ?? told.metadata;
}

/** Which other sources describe the runtime of a block as this metadata does, and which do not. */
export async function compareMetadata(
  sources: readonly ChainSource[],
  block: StateBlock,
  first: ChainSource,
  signal?: AbortSignal,
): Promise<Provenance> {
  const own = await first.metadata(block.hash, signal);
  const answers = await Promise.all(
    sources.map(async (source) => {
      const told = await source.metadata(block.hash, signal).catch(() => null);
      return { name: source.name, same: told && equal(told, own) };
    }),
  );
  return {
    kind: 'told',
    by: [first.name, ...answers.filter(({ same }) => same === true).map(({ name }) => name)],
    disputedBy: answers.filter(({ same }) => same === false).map(({ name }) => name),
  };
}
