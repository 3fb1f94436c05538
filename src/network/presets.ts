/** What is known of the public networks without asking anybody. */
import type { Notation } from '../protocol/notation.ts';
import { SS58_PREFIX } from '../protocol/ss58.ts';
import type { ChainConstants } from '../protocol/types.ts';

export interface NetworkPreset {
  id: 'local' | 'mainnet' | 'chronos' | 'custom';
  name: string;
  /** WebSocket endpoints of nodes; examples that the person may replace. */
  endpoints: string[];
  /** Hex; null: trust what the first source says and keep to it from then on. */
  genesisHash: string | null;
  /** Of networks without a known genesis: what is shown until their nodes say otherwise. */
  notation: Notation;
  /** Null: what the runtime says. */
  constants: ChainConstants | null;
  /** Text in the seed of slot 1; null: what `system_properties` says. */
  potExternalEntropy: string | null;
}

/** Constants of the runtime that both public networks run. */
export const PUBLIC_CONSTANTS: ChainConstants = {
  confirmationDepthK: 100,
  blockAuthoringDelay: 4,
  eraDurationInBlocks: 2016,
  slotProbability: [1n, 6n],
  slotDurationMs: 1000,
  potEntropyInjectionInterval: 50,
  potEntropyInjectionLookbackDepth: 2,
  potEntropyInjectionDelay: 15n,
  recentSegments: 5n,
  recentHistoryFraction: [1n, 10n],
  minSectorLifetime: 4n,
  maxPiecesInSector: 1000,
  expectedVotesPerBlock: 9,
};

const notation = (symbol: string): Notation => ({ token: { symbol, decimals: 18 }, ss58Prefix: SS58_PREFIX });

export const PRESETS: NetworkPreset[] = [
  {
    id: 'local',
    name: 'Local network',
    endpoints: ['ws://127.0.0.1:9944'],
    genesisHash: null,
    notation: notation('tAI3'),
    constants: null,
    potExternalEntropy: null,
  },
  {
    id: 'mainnet',
    name: 'Autonomys Mainnet',
    endpoints: ['wss://rpc.mainnet.autonomys.xyz/ws', 'wss://rpc.mainnet.subspace.foundation/ws'],
    genesisHash: '66455a580aabff303720aa83adbe6c44502922251c03ba73686d5245da9e21bd',
    notation: notation('AI3'),
    constants: PUBLIC_CONSTANTS,
    potExternalEntropy: null,
  },
  {
    id: 'chronos',
    name: 'Chronos testnet',
    endpoints: ['wss://rpc.chronos.autonomys.xyz/ws'],
    genesisHash: '91912b429ce7bf2975440a0920b46a892fddeeaed6ccc11c93f2d57ad1bd69ab',
    notation: notation('tAI3'),
    constants: PUBLIC_CONSTANTS,
    potExternalEntropy: '000000000000000000002d7e53dd67e5db28b6d07e3a4b301b1fd9c8865da8c7',
  },
  {
    id: 'custom',
    name: 'My own node',
    endpoints: ['ws://127.0.0.1:9944'],
    genesisHash: null,
    notation: notation('AI3'),
    constants: null,
    potExternalEntropy: null,
  },
];
