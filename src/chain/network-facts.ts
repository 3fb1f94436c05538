/** What a light client must know of a network before it can check the first block. */
import type { ChainSource } from '../network/source.ts';
import { DecodeError } from '../protocol/errors.ts';
import { RuntimeMetadata } from '../protocol/metadata.ts';
import type { ChainConstants, Header } from '../protocol/types.ts';
import { knownGenesis, requireGenesis, type GenesisFacts } from './genesis.ts';
import {
  adjustingQuery,
  openAuthoringQuery,
  potIterationsQuery,
  solutionRangesQuery,
} from './state/consensus.ts';
import { chainConstants } from './state/constants.ts';
import { combine, StateReader } from './state/reader.ts';

/** What is known of a network beforehand; null or left out: ask, or look it up by the genesis hash. */
export interface KnownNetwork {
  /** 32 bytes. */
  genesisHash: Uint8Array | null;
  constants: ChainConstants | null;
  potExternalEntropy: string | null;
  genesis?: GenesisFacts;
}

export interface NetworkFacts {
  genesis: GenesisFacts;
  constants: ChainConstants;
}

/** The genesis header of a source, checked against the hash (rule `genesis`). Throws ProtocolError. */
async function readGenesisHeader(
  source: ChainSource,
  hash: Uint8Array,
  signal?: AbortSignal,
): Promise<Header> {
  const header = await source.header(hash, signal);
  if (header === null) throw new DecodeError('genesis', 'the source does not have its genesis block');
  requireGenesis(header, hash);
  return header;
}

/**
 * Reads a network's facts from a source: the genesis state by proof against the genesis block; the constants and
 * the entropy of slot 1, which nothing proves, as the source tells them unless they are known.
 *
 * @throws ProtocolError and what the source rejects with.
 */
export async function readNetworkFacts(
  source: ChainSource,
  known: KnownNetwork,
  signal?: AbortSignal,
): Promise<NetworkFacts> {
  const hash = known.genesisHash ?? (await source.genesisHash(signal));
  const genesis = known.genesis ?? knownGenesis(hash);
  if (genesis !== null && known.constants !== null) return { genesis, constants: known.constants };
  const [header, encoded, properties] = await Promise.all([
    readGenesisHeader(source, hash, signal),
    source.metadata(hash, signal),
    known.potExternalEntropy === null ? source.properties(signal) : null,
  ]);
  const metadata = RuntimeMetadata.decode(encoded);
  const reader = new StateReader(source, metadata, { number: 0, hash, stateRoot: header.stateRoot });
  const query = combine({
    ranges: solutionRangesQuery(metadata),
    iterations: potIterationsQuery(metadata),
    adjusting: adjustingQuery(metadata),
    open: openAuthoringQuery(metadata),
  });
  const { ranges, iterations, adjusting, open } = (await reader.read(query, signal)).value;
  if (iterations === null) throw new DecodeError('genesis', 'the genesis state names no pace of time');
  return {
    genesis: {
      header,
      solutionRange: ranges.current,
      potSlotIterations: iterations.slotIterations,
      externalEntropy: known.potExternalEntropy ?? properties?.potExternalEntropy ?? '',
      restricted: !open,
      adjusting,
      firstCommitment: null,
    },
    constants: known.constants ?? chainConstants(metadata),
  };
}
