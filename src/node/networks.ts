import type { NetworkChoice } from './api.ts';

/** A network that the first-run flow offers, with what to say of it. */
export interface NetworkOffer extends NetworkChoice {
  description: string;
}

/** The networks offered at first run. Endpoints are examples that the person may replace. */
export const networkChoices: NetworkOffer[] = [
  {
    id: 'local',
    name: 'Local network',
    description: 'The network that “npm start” runs on this machine. Best for a first look.',
    endpoints: ['ws://127.0.0.1:9944'],
    genesisHash: null,
    tokenSymbol: 'AI3',
  },
  {
    id: 'mainnet',
    name: 'Autonomys Mainnet',
    description: 'The real network. To farm on it, use your own node as the endpoint.',
    endpoints: ['wss://rpc.mainnet.autonomys.xyz/ws', 'wss://rpc.mainnet.subspace.foundation/ws'],
    genesisHash: '66455a580aabff303720aa83adbe6c44502922251c03ba73686d5245da9e21bd',
    tokenSymbol: 'AI3',
  },
  {
    id: 'chronos',
    name: 'Chronos testnet',
    description: 'The public test network; its tokens have no price.',
    endpoints: ['wss://rpc.chronos.autonomys.xyz/ws'],
    genesisHash: '91912b429ce7bf2975440a0920b46a892fddeeaed6ccc11c93f2d57ad1bd69ab',
    tokenSymbol: 'tAI3',
  },
  {
    id: 'custom',
    name: 'My own node',
    description: 'Any node of a Subspace network, at the address you give.',
    endpoints: ['ws://127.0.0.1:9944'],
    genesisHash: null,
    tokenSymbol: 'AI3',
  },
];
