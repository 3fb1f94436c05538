import { expect, test } from 'vitest';
import type { ConnectionState } from '../network/rpc.ts';
import type { ChainSource, RpcSource } from '../network/source.ts';
import { addNearPeers } from './near-peers.ts';

const PEER = '/ip4/127.0.0.1/tcp/30333/ws/p2p/12D3KooWPeer';

/** A node's RPC that connects when told, and says that it listens at these addresses. */
function nodeAt(name: string, addresses: string[] | Error) {
  const listeners = new Set<() => void>();
  const node = {
    name,
    state: 'connecting' as ConnectionState,
    asked: 0,
    onState: (listener: () => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    node: {
      localListenAddresses: async () => {
        node.asked += 1;
        if (addresses instanceof Error) throw addresses;
        return addresses;
      },
    } as unknown as RpcSource['node'],
    become: (state: ConnectionState) => {
      node.state = state;
      for (const listener of listeners) listener();
    },
  };
  return node;
}

const settled = () => new Promise((done) => setTimeout(done));

function start(nodes: ReturnType<typeof nodeAt>[], known: string[] = []) {
  const added: ChainSource[] = [];
  const logged: string[] = [];
  const connect = async (address: string) => ({ name: address }) as ChainSource;
  const client = { addSource: (source: ChainSource) => void added.push(source) };
  const stop = addNearPeers(nodes, client, connect, known, (line) => logged.push(line));
  return { added, logged, stop };
}

test('a node on this machine is asked as a peer too, once, when it is connected', async () => {
  const near = nodeAt('ws://127.0.0.1:9944', [
    '/ip4/127.0.0.1/tcp/30333',
    PEER,
    '/ip4/127.0.0.1/tcp/1/ws/p2p/12D3Other',
  ]);
  const { added } = start([near]);
  await settled();
  expect(near.asked).toBe(0);
  near.become('connected');
  near.become('waiting');
  near.become('connected');
  await settled();
  expect(near.asked).toBe(1);
  expect(added.map(({ name }) => name)).toEqual([PEER]);
});

test('one elsewhere is not, nor one that names another machine, listens for programs only, or is asked already', async () => {
  const far = nodeAt('wss://rpc.mainnet.autonomys.xyz/ws', [PEER]);
  const lookalike = nodeAt('ws://127.0.0.1.example.org:9944', [PEER]);
  const elsewhere = nodeAt('ws://localhost:9944', [
    '/ip4/192.168.0.7/tcp/30333/ws/p2p/12D3KooWPeer',
    '/ip4/127.0.0.1/tcp/30333/p2p/12D3KooWPeer',
    '/ip4/127.0.0.1/tcp/30333/ws/p2p/12D3KooWPeer/p2p-circuit',
  ]);
  const known = nodeAt('ws://[::1]:9944/', [PEER]);
  const nodes = [far, lookalike, elsewhere, known];
  const { added } = start(nodes, [PEER]);
  for (const node of nodes) node.become('connected');
  await settled();
  expect(nodes.map(({ asked }) => asked)).toEqual([0, 0, 1, 1]);
  expect(added).toEqual([]);
});

test('one that does not say is left alone, and nothing is asked any more once it is stopped', async () => {
  const silent = nodeAt('ws://127.0.0.1:9944', new Error('no such call'));
  const late = nodeAt('ws://127.0.0.1:9945', [PEER]);
  const { added, logged, stop } = start([silent, late]);
  silent.become('connected');
  await settled();
  stop();
  late.become('connected');
  await settled();
  expect(late.asked).toBe(0);
  expect(added).toEqual([]);
  expect(logged).toEqual(['ws://127.0.0.1:9944 is not asked as a peer: no such call']);
});
