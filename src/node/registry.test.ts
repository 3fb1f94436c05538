import { describe, expect, it } from 'vitest';
import type { NetworkChoice } from './api.ts';
import { domainEndpoints } from './registry.ts';

const network = (endpoints: string[], named?: string[]): NetworkChoice => ({
  id: 'local',
  name: 'Local network',
  endpoints,
  genesisHash: null,
  ...(named === undefined ? {} : { domainEndpoints: named }),
});

describe('nodes of the registry’s domain', () => {
  it('are those named, or the one beside the first node', () => {
    expect(domainEndpoints(network(['ws://127.0.0.1:9944'], ['ws://h:1']))).toEqual(['ws://h:1']);
    expect(domainEndpoints(network(['ws://127.0.0.1:9944'], []))).toEqual(['ws://127.0.0.1:9945']);
    const peer = '/ip4/127.0.0.1/tcp/1/ws/p2p/12D3KooW';
    expect(domainEndpoints(network([peer, 'ws://127.0.0.1:9944']))).toEqual(['ws://127.0.0.1:9945']);
  });

  it('are unknown where the first node has no port of its own', () => {
    expect(domainEndpoints(network(['wss://rpc.example.org/ws']))).toEqual([]);
    expect(domainEndpoints(network([]))).toEqual([]);
  });
});
