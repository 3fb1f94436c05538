/** Constants of the header rules, from the runtime's metadata. */
import * as v from 'valibot';
import type { RuntimeMetadata } from '../../protocol/metadata.ts';
import type { ChainConstants } from '../../protocol/types.ts';
import { big, shaped, small, text } from './shape.ts';

/** What the rules divide by, or count on to be something. */
const positive = v.pipe(v.union([small, big]), v.minValue(1, 'zero'));
const ratio = v.pipe(v.array(v.pipe(big, v.minValue(1n, 'zero'))), v.length(2));

/**
 * What the header rules need to know of a network. A constant's place and type are taken from the metadata;
 * that it has the meaning that the rules give it, is up to the runtime.
 *
 * @throws ProtocolError (rule `runtime-metadata`) if the runtime lacks one, has it in another shape, or has zero where
 * the rules allow none.
 */
export function chainConstants(metadata: RuntimeMetadata): ChainConstants {
  const read = <Schema extends v.GenericSchema>(pallet: string, name: string, schema: Schema) =>
    shaped(schema, metadata.constant(pallet, name), `${pallet}.${name}`);
  const number = (name: string): number => Number(read('Subspace', name, v.union([small, big])));
  const some = (name: string): number => Number(read('Subspace', name, positive));
  const segments = (name: string): bigint => read('Subspace', name, v.pipe(big, v.minValue(1n, 'zero')));
  const pair = (name: string): [bigint, bigint] => read('Subspace', name, ratio) as [bigint, bigint];
  return {
    confirmationDepthK: some('ConfirmationDepthK'),
    blockAuthoringDelay: some('BlockAuthoringDelay'),
    eraDurationInBlocks: some('EraDuration'),
    slotProbability: pair('SlotProbability'),
    // The runtime allows blocks from half a slot apart on.
    slotDurationMs: 2 * Number(read('Timestamp', 'MinimumPeriod', positive)),
    potEntropyInjectionInterval: some('PotEntropyInjectionInterval'),
    potEntropyInjectionLookbackDepth: number('PotEntropyInjectionLookbackDepth'),
    potEntropyInjectionDelay: read('Subspace', 'PotEntropyInjectionDelay', big),
    recentSegments: segments('RecentSegments'),
    recentHistoryFraction: pair('RecentHistoryFraction'),
    minSectorLifetime: segments('MinSectorLifetime'),
    maxPiecesInSector: some('MaxPiecesInSector'),
    expectedVotesPerBlock: number('ExpectedVotesPerBlock'),
  };
}

/**
 * How many blocks before it the state of a block names the hashes of (FRAME's `System.BlockHashCount`); null for a
 * runtime that does not say it as a number of blocks.
 */
export function blockHashCount(metadata: RuntimeMetadata): number | null {
  if (!metadata.constantNames('System').includes('BlockHashCount')) return null;
  const count = metadata.constant('System', 'BlockHashCount');
  return typeof count === 'number' && count > 0 ? count : null;
}

/** Which runtime some metadata is of. */
export interface RuntimeIdentity {
  specName: string;
  specVersion: number;
  transactionVersion: number;
  /** Trie format of the state. */
  stateVersion: 0 | 1;
  /** Trie format of extrinsics roots. */
  extrinsicsVersion: 0 | 1;
}

const version = v.looseObject({
  spec_name: text,
  spec_version: small,
  transaction_version: small,
  system_version: small,
});

/** The runtime's own statement of its version. Throws ProtocolError (rule `runtime-metadata`). */
export function runtimeIdentity(metadata: RuntimeMetadata): RuntimeIdentity {
  const seen = shaped(version, metadata.constant('System', 'Version'), 'System.Version');
  return {
    specName: seen.spec_name,
    specVersion: seen.spec_version,
    transactionVersion: seen.transaction_version,
    stateVersion: seen.system_version === 0 ? 0 : 1,
    extrinsicsVersion: seen.system_version < 2 ? 0 : 1,
  };
}
