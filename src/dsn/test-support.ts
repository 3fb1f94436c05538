/** Peers for tests, each on a free port of this machine. */
import { noise } from '@libp2p/noise';
import { yamux } from '@libp2p/yamux';
import { identify, type IdentifyComponents } from '@libp2p/identify';
import type { Stream } from '@libp2p/interface';
import { createLibp2p, type Libp2p } from 'libp2p';
import { afterEach } from 'vitest';
import { PIECE_BYTES } from '../protocol/constants.ts';
import { dsnProtocolVersion } from '../protocol/dsn.ts';
import type { PieceIndex } from '../protocol/types.ts';
import { DsnError } from './errors.ts';
import { DsnPeer, type DsnPeerOptions } from './peer.ts';
import { nodePlatform } from './platform-node.ts';

export const GENESIS = new Uint8Array(32).fill(7);
const WS = ['/ip4/127.0.0.1/tcp/0/ws'];
const started: { stop(): Promise<void> }[] = [];

afterEach(async () => {
  await Promise.all(started.splice(0).map((peer) => peer.stop()));
});

/** A peer that ends with its test. */
export async function join(options: Partial<DsnPeerOptions> = {}, listen = WS): Promise<DsnPeer> {
  const peer = await DsnPeer.start({ ...nodePlatform(listen), genesisHash: GENESIS, ...options });
  started.push(peer);
  return peer;
}

/** A peer without this project’s code above libp2p, which may do with its streams what it likes. */
export async function plainPeer(
  ofThisNetwork: boolean,
  protocols: Record<string, (stream: Stream) => void> = {},
): Promise<Libp2p> {
  const peer = await createLibp2p({
    addresses: { listen: WS },
    transports: nodePlatform().transports,
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionGater: { denyDialMultiaddr: () => false },
    services: {
      identify: (components: IdentifyComponents) => {
        const service = identify()(components) as unknown as { host: { protocolVersion: string } };
        if (ofThisNetwork) service.host.protocolVersion = dsnProtocolVersion(GENESIS);
        return service;
      },
    },
  });
  started.push({ stop: async () => void (await peer.stop()) });
  for (const [name, handler] of Object.entries(protocols))
    await peer.handle(name, handler, { maxInboundStreams: 256 });
  return peer;
}

/** Multiaddresses of a peer of `plainPeer`. */
export function addressesOf(peer: Libp2p): string[] {
  return peer.getMultiaddrs().map(String);
}

/** Piece that everybody in a test agrees on. */
export function pieceOf(index: PieceIndex): Uint8Array {
  return new Uint8Array(PIECE_BYTES).fill(Number(index % 251n));
}

/** The DsnError that something fails with. */
export async function failure(work: Promise<unknown>): Promise<DsnError> {
  const error = await work.catch((reason: unknown) => reason);
  if (error instanceof DsnError) return error;
  throw new Error(`no DsnError but ${String(error)}`);
}
