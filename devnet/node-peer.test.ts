/** The node as a peer: what it answers over libp2p is what its RPC answers, and a light client lives on it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLibp2p, type Libp2p } from 'libp2p';
import { noise } from '@libp2p/noise';
import { yamux } from '@libp2p/yamux';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LightClient } from '../src/chain/light-client.ts';
import { readNetworkFacts } from '../src/chain/network-facts.ts';
import { nodePlatform } from '../src/dsn/platform-node.ts';
import { identifyAs } from '../src/network/identify.ts';
import { PeerSource } from '../src/network/peer-source.ts';
import { openNodeSocket } from '../src/network/socket-node.ts';
import { RpcSource, type ChainSource } from '../src/network/source.ts';
import { closeWriting, receiveFrame, sendFrame } from '../src/network/streams.ts';
import { networkChoices } from '../src/node/networks.ts';
import { createNodePlatform } from '../src/node/node-platform.ts';
import { AllotmentNode } from '../src/node/node.ts';
import { fromHex, toHex } from '../src/protocol/bytes.ts';
import { encodeWith } from '../src/protocol/codec.ts';
import { headerHash } from '../src/protocol/header.ts';
import {
  announceHandshake,
  BLOCK_RELAY_PROTOCOL,
  nodeProtocols,
  relayedBlocks,
  type RelayedBlock,
} from '../src/protocol/node-protocols.ts';
import type { PotProof } from '../src/protocol/pot-proof.ts';
import { readProof } from '../src/protocol/trie-proof.ts';
import type { Header } from '../src/protocol/types.ts';
import { keys } from './runtime/keys.ts';
import { TestNetwork } from './testing/test-network.ts';

const { transports } = nodePlatform();
let running: TestNetwork;
let rpc: RpcSource;
let peer: PeerSource;

function connected(source: ChainSource): Promise<void> {
  return new Promise((resolve) => {
    const look = () => source.state === 'connected' && resolve();
    source.onState(look);
    look();
  });
}

beforeAll(async () => {
  running = await TestNetwork.start({ nodePort: 0 });
  await running.reach(4);
  rpc = RpcSource.connect(`ws://127.0.0.1:${running.network.port}`, { openSocket: openNodeSocket });
  peer = PeerSource.connect(running.network.nodeAddresses[0]!, { transports });
  await connected(peer);
});

afterAll(async () => {
  rpc?.close();
  peer?.close();
  await running?.remove();
});

describe('a node reached as a peer', () => {
  it('is found by what its RPC says', async () => {
    expect(await rpc.node.localListenAddresses()).toEqual(running.network.nodeAddresses);
    expect(running.network.nodeAddresses[0]).toContain(`/p2p/${await rpc.node.localPeerId()}`);
  });

  it('is asked both ways by a node of this app that was told of its RPC alone', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'allotment-near-'));
    const node = await AllotmentNode.create(await createNodePlatform(folder));
    const { description: _, ...local } = networkChoices.find(({ id }) => id === 'local')!;
    const endpoint = `ws://127.0.0.1:${running.network.port}`;
    try {
      const both = new Promise<void>((resolve) => {
        node.onChange(() => {
          const sources = node.snapshot().chain?.sources ?? [];
          if (sources.length === 2 && sources.every(({ best }) => best !== null)) resolve();
        });
      });
      const network = { ...local, endpoints: [endpoint] };
      await node.start({ network, farm: null, cores: 1, potBudget: { mode: 'full' } });
      await both;
      const { sources, refusals } = node.snapshot().chain!;
      expect(sources.map(({ url }) => url)).toEqual([endpoint, running.network.nodeAddresses[0]]);
      expect(refusals).toEqual([]);
    } finally {
      await node.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('gives the blocks that its RPC gives', async () => {
    const { chain } = running.network;
    const hash = fromHex(chain.hashAt(3)!, 32);
    expect(toHex(await peer.genesisHash())).toBe(chain.genesis.hash);
    expect(await peer.hashAt(3)).toEqual(hash);
    expect(await peer.header(hash)).toEqual(await rpc.header(hash));
    expect(await peer.block(hash)).toEqual(await rpc.block(hash));
    expect(await peer.blocks(1, 3)).toEqual(await rpc.blocks(1, 3));
    expect(await peer.bestHeader()).toEqual(await rpc.bestHeader());
    expect(await peer.hashAt(1_000_000)).toBeNull();
    expect(await peer.block(new Uint8Array(32).fill(1))).toBeNull();
  });

  it('proves its state, presence and absence', async () => {
    const { header, hash } = running.network.chain.best;
    const wanted = [keys.code, new Uint8Array(32).fill(3)];
    const { proof } = await peer.readProof(wanted, fromHex(hash, 32));
    const [ranges, nothing] = readProof(header.stateRoot, proof, wanted);
    expect(ranges).toEqual(await rpc.storage(keys.code, fromHex(hash, 32)));
    expect(nothing).toBeNull();
    expect(await peer.storage(keys.code, fromHex(hash, 32))).toEqual(ranges);
    await expect(peer.readProof(wanted, new Uint8Array(32))).rejects.toMatchObject({ code: -32_601 });
  });

  it('says what peers do not answer', async () => {
    for (const call of [peer.metadata(), peer.stateCall(), peer.mmrProof()])
      await expect(call).rejects.toMatchObject({ code: -32_601 });
  });

  it('announces its blocks', async () => {
    const { chain } = running.network;
    const heard = new Promise<Header>((resolve) => {
      const off = peer.onHeader(
        (header) => {
          off();
          resolve(header);
        },
        () => undefined,
      );
    });
    await running.reach(chain.best.number + 1);
    const header = await heard;
    expect(chain.block(toHex(headerHash(header)))?.number).toBe(header.number);
  });

  it('gossips its proofs of time', async () => {
    const heard = new Promise<PotProof>((resolve, reject) => {
      const off = peer.onProof((proof) => {
        off();
        resolve(proof);
      }, reject);
    });
    await running.reach(running.network.chain.best.number + 1);
    const proof = await heard;
    expect(running.network.timekeeper.proofAt(proof.slot)).toEqual(proof);
  });

  it('is enough for a light client that knows the network', async () => {
    const facts = await readNetworkFacts(rpc, {
      genesisHash: null,
      constants: null,
      potExternalEntropy: null,
    });
    const source = PeerSource.connect(running.network.nodeAddresses[0]!, { transports });
    const client = await LightClient.open({
      sources: [source],
      pool: running.farmer.compute,
      store: null,
      network: { genesisHash: await rpc.genesisHash(), potExternalEntropy: null, ...facts },
      begin: { kind: 'genesis' },
      potBudget: { mode: 'full' },
      now: () => Date.now() + 3_600_000,
    });
    client.start();
    try {
      const target = await running.reach(running.network.chain.best.number + 2);
      await new Promise<void>((resolve) => {
        const look = () => (client.snapshot().best?.number ?? 0) >= target.number && resolve();
        client.onChange(look);
        look();
      });
      // Slots go by before the next block comes.
      void running.reach(running.network.chain.best.number + 1);
      await new Promise<void>((resolve) => {
        client.onChange(() => client.snapshot().pot.slot !== null && resolve());
      });
      expect(client.snapshot().refusals).toEqual([]);
    } finally {
      await client.stop();
    }
  });
});

/** A peer that says to be a node and answers the block relay as told. */
async function impostor(
  answer: Uint8Array,
  genesisOf: () => Uint8Array = () => new Uint8Array(32).fill(5),
): Promise<Libp2p> {
  const host = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0/ws'] },
    transports,
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: identifyAs('/substrate/1.0'),
  });
  const signal = AbortSignal.timeout(60_000);
  await host.handle(nodeProtocols(new Uint8Array(32).fill(5)).announces, async (stream) => {
    await receiveFrame(stream, 1000, signal).catch(() => undefined);
    const handshake = { roles: 1, bestNumber: 1, bestHash: new Uint8Array(32), genesisHash: genesisOf() };
    await sendFrame(stream, encodeWith(announceHandshake, handshake), signal);
  });
  await host.handle(BLOCK_RELAY_PROTOCOL, async (stream) => {
    await receiveFrame(stream, 1000, signal);
    await sendFrame(stream, answer, signal);
    closeWriting(stream);
  });
  return host;
}

describe('a peer that lies', () => {
  const block = (header: Header | null, hash: Uint8Array): RelayedBlock => ({
    hash,
    header,
    body: null,
    indexedBody: null,
    receipt: null,
    messageQueue: null,
    justification: null,
    justifications: null,
  });

  it.each([
    ['sends what does not decode', () => Uint8Array.of(4, 1, 2)],
    ['sends bytes after the end', () => Uint8Array.of(0, 0)],
    ['leaves the header out', () => encodeWith(relayedBlocks, [block(null, new Uint8Array(32))])],
    [
      'sends another hash',
      (header: Header) => encodeWith(relayedBlocks, [block(header, new Uint8Array(32))]),
    ],
    [
      'sends another block',
      (header: Header) => encodeWith(relayedBlocks, [block(header, headerHash(header))]),
    ],
    [
      'sends more than was asked for',
      (header: Header) =>
        encodeWith(relayedBlocks, [block(header, headerHash(header)), block(header, headerHash(header))]),
    ],
  ])('%s', async (_, make) => {
    const host = await impostor(make(running.network.chain.best.header));
    const source = PeerSource.connect(host.getMultiaddrs()[0]!.toString(), { transports });
    await connected(source);
    await expect(source.header(new Uint8Array(32).fill(9))).rejects.toMatchObject({ name: 'DecodeError' });
    source.close();
    await host.stop();
  });

  it('names two networks', async () => {
    const host = await impostor(new Uint8Array(), () => new Uint8Array(32).fill(6));
    const source = PeerSource.connect(host.getMultiaddrs()[0]!.toString(), { transports });
    await new Promise<void>((resolve) => source.onState(() => source.state === 'waiting' && resolve()));
    expect(source.reason).toContain('two networks');
    source.close();
    await host.stop();
  });

  it('is greeted anew, and taken once it names one network', async () => {
    let greetings = 0;
    const host = await impostor(new Uint8Array(), () => new Uint8Array(32).fill(greetings++ === 0 ? 6 : 5));
    const source = PeerSource.connect(host.getMultiaddrs()[0]!.toString(), { transports });
    await connected(source);
    expect(greetings).toBe(2);
    source.close();
    await host.stop();
  });
});
