/** Pieces over the storage network on loopback. Transports of tabs are measured where they exist: in tabs. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { DsnPeer } from '../src/dsn/peer.ts';
import { nodePlatform } from '../src/dsn/platform-node.ts';
import { PIECE_BYTES } from '../src/protocol/constants.ts';
import { pieceByIndex } from '../src/protocol/dsn.ts';
import type { PieceIndex } from '../src/protocol/types.ts';
import { medianWall } from './measure.ts';
import { RUNS } from './statistics.ts';
import type { Benchmark, BenchmarkResult } from './types.ts';

const GENESIS = new Uint8Array(32).fill(1);
const PIECES_EACH = 16;
const AT_ONCE = 4;
const MEGA = 1e6;

/** Two peers over WebSocket, one of which has the pieces. */
async function twoPeers(pieces: (index: PieceIndex) => Uint8Array | null) {
  const give = (index: PieceIndex) => Promise.resolve(pieces(index));
  const giver = await DsnPeer.start({
    ...nodePlatform(['/ip4/127.0.0.1/tcp/0/ws']),
    genesisHash: GENESIS,
    kademliaServer: true,
    server: {
      hasCached: (index) => pieces(index) !== null,
      cachedPiece: give,
      piece: give,
      segmentHeaders: () => Promise.resolve(null),
    },
  });
  const asker = await DsnPeer.start({ ...nodePlatform(), genesisHash: GENESIS });
  return { giver, asker, stop: () => Promise.all([giver.stop(), asker.stop()]) };
}

/** Runs `work` for numbers 0..count − 1, a few at a time. */
async function together(count: number, work: (number: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      await work(next - 1);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** Seconds that the same bytes take over plain WebSockets, a message a piece. */
async function rawSeconds(): Promise<number> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  const piece = new Uint8Array(PIECE_BYTES);
  server.on('connection', (socket) => socket.on('message', () => socket.send(piece)));
  await once(server, 'listening');
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const sockets = await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      const socket = new WebSocket(url);
      await once(socket, 'open');
      return socket;
    }),
  );
  const seconds = await medianWall(() =>
    together(PIECES_EACH, async (number) => {
      const socket = sockets[number % AT_ONCE]!;
      socket.send('piece');
      await once(socket, 'message');
    }),
  );
  for (const socket of sockets) socket.close();
  server.close();
  return seconds;
}

async function pieceOverWebSocket(): Promise<BenchmarkResult> {
  const piece = new Uint8Array(PIECE_BYTES);
  const { giver, asker, stop } = await twoPeers(() => piece);
  await asker.connect(giver.addresses());
  const seconds = await medianWall(() =>
    together(PIECES_EACH, async (number) => {
      await asker.request(giver.id, pieceByIndex, { pieceIndex: BigInt(number), cachedPieces: [] });
    }),
  );
  await stop();
  const value = (PIECES_EACH * PIECE_BYTES) / MEGA / seconds;
  const raw = (PIECES_EACH * PIECE_BYTES) / MEGA / (await rawSeconds());
  return { value, runs: RUNS, peer: 'raw bytes, same transport', ratio: value / raw };
}

export const benchmarks: Benchmark[] = [
  { group: 'dsn', name: 'dsn.piece.ws', unit: 'MB/s', better: 'higher', run: pieceOverWebSocket },
];
