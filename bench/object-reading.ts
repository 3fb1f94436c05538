/**
 * Reading a stored file out of a peer's pieces, verified and, to compare with, unverified: the same stored bytes from the
 * same peer, over the same transport and by the same search, with nothing verified. Pieces are unpacked as they come and
 * the parts cut out of them, whose places the reader is told. An encrypted file stays encrypted there. For Node.js and for
 * a browser's worker alike.
 */
import type { ComputePool } from '../src/crypto/jobs.ts';
import { recordOf } from '../src/crypto/piece.ts';
import { wasm, wasmBytes } from '../src/crypto/wasm.ts';
import { DsnPeer, type PeerPlatform } from '../src/dsn/peer.ts';
import type { PieceCache } from '../src/dsn/piece-cache.ts';
import type { PieceArrived } from '../src/dsn/provider.ts';
import { peerCaches } from '../src/dsn/search.ts';
import { PieceSupply } from '../src/dsn/supply.ts';
import type { SegmentCommitments } from '../src/dsn/verifier.ts';
import { ObjectService } from '../src/objects/service.ts';
import { concat, fromHex } from '../src/protocol/bytes.ts';
import { RAW_RECORD_BYTES } from '../src/protocol/constants.ts';
import type { PieceIndex } from '../src/protocol/types.ts';
import type { GiverOrder, GiverReady } from './dsn-giver/messages.ts';
import { median } from './statistics.ts';

/** Hash of the network that the peers are of, 32 bytes. */
export const GENESIS = new Uint8Array(32).fill(1);
/** Runs of one kind in a row. */
export const TOGETHER = 5;
const BETWEEN_CONNECTIONS_MS = 1_000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const { signal } = new AbortController();

/** Median seconds of the same file in both ways. */
export interface BothWays {
  verified: number;
  unverified: number;
}

/** A stored file, and all that it takes to fetch it. */
export class ObjectReading {
  private constructor(
    readonly order: GiverOrder,
    readonly file: GiverReady,
    private readonly platform: () => PeerPlatform,
    private readonly pool: ComputePool,
    private readonly asker: DsnPeer,
  ) {}

  /** Connects to the peer that has the file. Needs `loadWasm`. */
  static async start(
    order: GiverOrder,
    file: GiverReady,
    platform: () => PeerPlatform,
    pool: ComputePool,
  ): Promise<ObjectReading> {
    const asker = await DsnPeer.start({ ...platform(), genesisHash: GENESIS });
    const connected = await asker.connect(file.addresses);
    if (connected.length === 0) throw new Error(`${file.addresses.join(', ')} cannot be reached`);
    return new ObjectReading(order, file, platform, pool, asker);
  }

  async stop(): Promise<void> {
    await this.asker.stop();
    await this.pool.close();
  }

  get commitments(): SegmentCommitments {
    const commitment = fromHex(this.file.segmentCommitment);
    return { segmentCommitment: (segment) => (segment === 0n ? commitment : null) };
  }

  /** A supply that has fetched nothing yet. It keeps pieces where a cache is given. */
  supply(cache: PieceCache | null = null, asker = this.asker): PieceSupply {
    const { pool, commitments } = this;
    return new PieceSupply({ pool, commitments, cache, providers: [peerCaches(asker)], reconstruct: false });
  }

  private get link() {
    const { cid, pieceIndex, offset } = this.file;
    return { cid, hints: [{ pieceIndex: BigInt(pieceIndex), offset }] };
  }

  /** Reads the whole file, verified, from nothing but its identifier and the place of its head. Resolves to the supply. */
  async read(supply = this.supply()): Promise<PieceSupply> {
    const service = new ObjectService({ pieces: supply, locators: [] });
    const object = await service.open(this.link, signal);
    let bytes = 0;
    const password = this.order.password ?? undefined;
    for await (const part of service.read(object, signal, { password })) bytes += part.length;
    if (bytes !== this.order.bytes) throw new Error(`${bytes} bytes`);
    return supply;
  }

  /** Reads the stored bytes out of the file's pieces and believes them. Each part is there once the pieces up to it are. */
  async readUnverified(): Promise<void> {
    const { parts } = this.file;
    const raw: (Uint8Array | undefined)[] = [];
    let next = 0;
    let bytes = 0;
    const cut = (from: number, to: number): Uint8Array | null => {
      const [first, last] = [Math.floor(from / RAW_RECORD_BYTES), Math.floor((to - 1) / RAW_RECORD_BYTES)];
      const [begin, end] = [raw[first], raw[last]];
      if (begin === undefined || end === undefined) return null;
      const start = from - first * RAW_RECORD_BYTES;
      if (first === last) return begin.subarray(start, start + to - from);
      return concat(begin.subarray(start), end.subarray(0, to - last * RAW_RECORD_BYTES));
    };
    const arrived: PieceArrived = (index, piece) => {
      raw[Number(index / 2n)] = unpacked(piece);
      for (; next < parts.length; next += 1) {
        const { at, length } = parts[next]!;
        const part = cut(at, at + length);
        if (part === null) break;
        bytes += part.length;
        for (let used = Math.floor(at / RAW_RECORD_BYTES) - 1; raw[used] !== undefined; used -= 1)
          delete raw[used];
      }
      return Promise.resolve(true);
    };
    await peerCaches(this.asker).find(indicesOf(this.file), arrived, signal);
    const { password, bytes: stored } = this.order;
    if (password === null && bytes !== stored) throw new Error(`${bytes} bytes`);
  }

  /**
   * Both ways: a few runs of the one, then a few of the other, so that each pays for its own garbage, `rounds` times
   * after one to warm up. What a retrieval leaves to be done later is done before the next one begins.
   */
  async bothWays(
    rounds: number,
    verified: () => Promise<PieceSupply> = () => this.read(),
  ): Promise<BothWays> {
    const some = async (work: () => Promise<PieceSupply | void>): Promise<number> => {
      let seconds = 0;
      for (let run = 0; run < TOGETHER; run += 1) {
        const started = performance.now();
        const supply = await work();
        seconds += (performance.now() - started) / 1000;
        await supply?.settled();
      }
      return seconds / TOGETHER;
    };
    const all = { verified: [] as number[], unverified: [] as number[] };
    for (let round = 0; round <= rounds; round += 1) {
      const seconds = { verified: await some(verified), unverified: await some(() => this.readUnverified()) };
      if (round === 0) continue;
      all.verified.push(seconds.verified);
      all.unverified.push(seconds.unverified);
    }
    return { verified: median(all.verified), unverified: median(all.unverified) };
  }

  /** Median seconds of a new peer, `runs` times after one to warm up, until it has connected and the first byte is there. */
  async firstByte(runs: number): Promise<number> {
    const seconds: number[] = [];
    for (let run = 0; run <= runs; run += 1) {
      // Peers refuse a host that connects too often in a second.
      await pause(BETWEEN_CONNECTIONS_MS);
      const started = performance.now();
      const asker = await DsnPeer.start({ ...this.platform(), genesisHash: GENESIS });
      await asker.connect(this.file.addresses);
      const service = new ObjectService({ pieces: this.supply(null, asker), locators: [] });
      const object = await service.open(this.link, signal);
      await service.read(object, signal).next();
      if (run > 0) seconds.push((performance.now() - started) / 1000);
      await asker.stop();
    }
    return median(seconds);
  }
}

function indicesOf({ pieces }: GiverReady): PieceIndex[] {
  return Array.from({ length: pieces }, (_, number) => BigInt(2 * number));
}

/** The raw record of a piece, as fast as the reader of objects unpacks it. */
function unpacked(piece: Uint8Array): Uint8Array {
  const record = new wasm.RawRecord(recordOf(piece));
  const raw = wasmBytes(record.pointer(), RAW_RECORD_BYTES).slice();
  record.free();
  return raw;
}
