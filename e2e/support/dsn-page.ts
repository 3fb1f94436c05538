/** What the test of transports runs inside the browser's page: a peer of the storage network. */
import { loadWasm } from '../../src/crypto/wasm.ts';
import type { BridgeSettings } from '../../src/dsn/bridge.ts';
import { DsnPeer } from '../../src/dsn/peer.ts';
import { browserPlatform } from '../../src/dsn/platform-browser.ts';
import { peerCaches, peerPlots } from '../../src/dsn/search.ts';
import { REFUSING_SERVER } from '../../src/dsn/server.ts';
import { fromHex } from '../../src/protocol/bytes.ts';
import { pieceByIndex } from '../../src/protocol/dsn.ts';
import { PIECE_BYTES } from '../../src/protocol/constants.ts';

const { signal } = new AbortController();
let peer: DsnPeer | null = null;

/** The piece that everybody in this test agrees on: every byte is the index. */
function pieceOf(index: bigint): Uint8Array {
  return new Uint8Array(PIECE_BYTES).fill(Number(index));
}

const page = {
  /** Joins the network; `cached`: piece that this tab serves, or null. */
  async join(genesis: string, cached: number | null, bridge: BridgeSettings | null): Promise<string> {
    await peer?.stop();
    await loadWasm();
    const platform = browserPlatform(true);
    if (platform.bridge !== undefined) platform.bridge.settings = bridge;
    const own = cached === null ? null : BigInt(cached);
    const give = (index: bigint) => Promise.resolve(index === own ? pieceOf(index) : null);
    peer = await DsnPeer.start({
      ...platform,
      genesisHash: fromHex(genesis),
      server: { ...REFUSING_SERVER, hasCached: (index) => index === own, cachedPiece: give, piece: give },
    });
    return peer.id;
  },

  connect: (addresses: string[]): Promise<string[]> => peer!.connect(addresses, signal),

  addresses: (): string[] => peer!.addresses(),

  /** Addresses of connections under way. */
  ways: (): string[] => peer!.connections().map(({ address }) => address),

  /** Finds a piece in caches or plots and compares it. Returns who gave it, or null. */
  async find(index: number, where: 'caches' | 'plots'): Promise<string | null> {
    const provider = where === 'caches' ? peerCaches(peer!) : peerPlots(peer!);
    const wanted = pieceOf(BigInt(index));
    let giver: string | null = null;
    await provider.find(
      [BigInt(index)],
      (_, piece, from) => {
        giver = piece.every((byte, at) => byte === wanted[at]) ? from : `${from} lied`;
        return Promise.resolve(true);
      },
      signal,
    );
    return giver;
  },

  /** Whether a peer gives a piece out of its cache or plots. */
  async gives(giver: string, index: number): Promise<boolean> {
    const question = { pieceIndex: BigInt(index), cachedPieces: [] };
    const { piece } = await peer!.request(giver, pieceByIndex, question, signal);
    return piece?.every((byte) => byte === index) === true;
  },

  /** MB/s of `count` pieces, `atOnce` of them under way, looked at no further than at their ends. */
  async speed(index: number, count: number, atOnce: number): Promise<number> {
    const provider = peerPlots(peer!);
    const from = performance.now();
    let left = count;
    const work = async (): Promise<void> => {
      while (left-- > 0) {
        let came = false;
        const arrived = (_: bigint, piece: Uint8Array): Promise<boolean> => {
          came = piece[0] === index && piece.at(-1) === index;
          return Promise.resolve(true);
        };
        await provider.find([BigInt(index)], arrived, signal);
        if (!came) throw new Error('no piece came');
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    return (count * PIECE_BYTES) / 1e3 / (performance.now() - from);
  },
};

export type DsnPage = typeof page;
Object.assign(globalThis, { dsnPage: page });
