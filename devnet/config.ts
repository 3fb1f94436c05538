/**
 * Everything that makes the local network what it is, in one place. What a light client learns from the chain
 * constants, the metadata or the genesis state stands in `NetworkParams`; how this machine runs the network in
 * `NodeOptions`.
 */
import { PUBLIC_CONSTANTS } from '../src/network/presets.ts';
import type { ChainConstants, PieceIndex } from '../src/protocol/types.ts';
import type { Pace } from './timekeeper.ts';
import type { TimeSource } from './walker.ts';

/** Constants of the local network's runtime and its genesis state. Changing any of them makes another chain. */
export interface NetworkParams extends ChainConstants {
  /** AES encryptions per slot at genesis, a multiple of 16. */
  potSlotIterations: number;
  /** Hashed as text into the seed of slot 1. */
  potExternalEntropy: string;
  /** Pieces of the whole network at which the initial solution range gives a block every 1 / probability slots. */
  initialPieces: bigint;
  /** Balance of each development account, in the smallest unit. */
  endowment: bigint;
}

const AI3 = 10n ** 18n;

/**
 * Slots are twice as long as on the real network and sectors hold four pieces, so that two cores that also draw
 * the page plot a sector in seconds and prove within four slots. Eras and the intervals of entropy are short, so
 * that a person sees them pass.
 */
export const DEFAULT_PARAMS: NetworkParams = {
  confirmationDepthK: 10,
  blockAuthoringDelay: 4,
  eraDurationInBlocks: 20,
  slotProbability: [1n, 6n],
  slotDurationMs: 2000,
  potEntropyInjectionInterval: 16,
  potEntropyInjectionLookbackDepth: 2,
  potEntropyInjectionDelay: 10n,
  recentSegments: 5n,
  recentHistoryFraction: [1n, 10n],
  minSectorLifetime: 4n,
  maxPiecesInSector: 4,
  expectedVotesPerBlock: 1,
  potSlotIterations: 131_072,
  potExternalEntropy: '',
  initialPieces: 4n,
  endowment: 1_000_000n * AI3,
};

/**
 * How stakes move on the local network: blocks of a domain in an epoch, and until stake that was taken back can be
 * had. Not among the parameters, because no state depends on them before somebody stakes.
 */
export const STAKING = { epoch: 5, lockingPeriod: 5 } as const;
/** The public networks' own. */
export const PUBLIC_STAKING = { epoch: 100, lockingPeriod: 14_400 } as const;

/** The public networks' own, which the recorded chains and metadata have too. */
export const PUBLIC_PARAMS: NetworkParams = { ...DEFAULT_PARAMS, ...PUBLIC_CONSTANTS, initialPieces: 1000n };

/** Everything happens within a few blocks and costs little: for tests. */
export const FAST_PARAMS: NetworkParams = {
  ...DEFAULT_PARAMS,
  confirmationDepthK: 4,
  blockAuthoringDelay: 2,
  eraDurationInBlocks: 5,
  slotDurationMs: 1000,
  potEntropyInjectionInterval: 6,
  potEntropyInjectionLookbackDepth: 1,
  potEntropyInjectionDelay: 4n,
  expectedVotesPerBlock: 2,
  potSlotIterations: 2048,
  potExternalEntropy: 'fast',
  initialPieces: 1n,
};

/** How this machine runs the network; none of it is visible in the chain. */
export interface NodeOptions {
  /** Folder of blocks, keys and the own farm. */
  dataDir: string;
  /** Whether the network that the folder holds is forgotten first. */
  reset: boolean;
  /** Port of the RPC server on 127.0.0.1; 0 takes a free one. */
  rpcPort: number;
  /** Port of the Auto ID domain's RPC server on 127.0.0.1; 0 takes a free one, left out the one after `rpcPort`. */
  domainPort?: number;
  /** Origins beside loopback ones that pages may connect from. */
  rpcOrigins: readonly string[];
  /** Now and then author two competing blocks. */
  forks: boolean;
  /** Sectors of the own farm; 0 leaves farming to others. */
  ownSectors: number;
  /** Pieces in a sector of the own farm. */
  ownPiecesInSector: number;
  /** Compute threads of the own farm. */
  farmThreads: number;
  /** Ports on 127.0.0.1 of its peer of the storage network, 0 for free ones; left out: it has none. */
  dsn?: { tcpPort: number; webSocketPort: number };
  /** Pieces that neither its peer nor its RPC gives, for tests of how others do without; left out: none. */
  withholds?(index: PieceIndex): boolean;
  /** WebSocket port on 127.0.0.1 of the node as a peer, 0 for a free one; left out: it is reached by RPC alone. */
  nodePort?: number;
  /** Who walks proofs of time. */
  timeSource: TimeSource;
  /** Milliseconds that a slot waits for the page that keeps time; a slot's length when left out. */
  pagePatienceMs?: number;
  /** Whether an empty folder begins with the prepared history, if there is one of these parameters. */
  prepared: boolean;
  /** Whether its own account fills the segment that somebody's object waits in. */
  fills: boolean;
  /** Waits for the next slot; the wall clock when left out. */
  pace?: Pace;
  /** Milliseconds that farmers are told they have for a proof; what the slots leave when left out. */
  farmingTimeoutMs?: number;
  /** Milliseconds since the epoch; the machine's clock when left out. */
  now?: () => number;
  log(line: string): void;
}

export const DEFAULT_NODE_OPTIONS: Omit<NodeOptions, 'dataDir' | 'log'> = {
  reset: false,
  rpcPort: 9944,
  rpcOrigins: [],
  forks: false,
  ownSectors: 1,
  ownPiecesInSector: 2,
  farmThreads: 1,
  timeSource: 'own',
  prepared: false,
  fills: false,
};

/** Throws RangeError for parameters that the runtime would refuse to be built with. */
export function requireParams(params: NetworkParams): NetworkParams {
  const delay = params.potEntropyInjectionDelay;
  if (BigInt(params.potEntropyInjectionInterval) <= delay)
    throw new RangeError('the entropy injection interval must exceed its delay');
  if (delay <= BigInt(params.blockAuthoringDelay + 1))
    throw new RangeError(`the authoring delay must be ${delay - 2n} slots at most`);
  if (params.potSlotIterations % 16 !== 0 || params.potSlotIterations <= 0)
    throw new RangeError('proof-of-time iterations must be a positive multiple of 16');
  for (const name of [
    'confirmationDepthK',
    'eraDurationInBlocks',
    'slotDurationMs',
    'maxPiecesInSector',
  ] as const)
    if (!Number.isInteger(params[name]) || params[name] < 1)
      throw new RangeError(`${name} must be at least 1`);
  return params;
}
