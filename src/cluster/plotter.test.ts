/** A plotter under load: what it holds in memory, and what it does when nobody takes its sector. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { clusterMessages } from '../protocol/cluster/messages.ts';
import type { SectorPlottingProgress } from '../protocol/cluster/values.ts';
import { PIECE_BYTES } from '../protocol/constants.ts';
import { sectorLayout } from '../protocol/sector.ts';
import type { PieceIndex } from '../protocol/types.ts';
import { ENCODING_BYTES, FIXED_BYTES } from '../farm/plot-memory.ts';
import { FakeHistory, fakePiece, named, RULES } from '../farm/test-support.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import type { ClusterConnection } from './connection.ts';
import { PlotterMember, type PlotterOptions } from './plotter.ts';

import { NativePeer } from './recorded-peer.ts';
import { Encodings, forever, TestCluster, until } from './testing.ts';
import { describeWithNats } from './testing-nats.ts';

const MIB = 1024 * 1024;
const order = (piecesInSector: number, sectorIndex = 0) => ({
  publicKey: named('farmer', 32),
  sectorIndex,
  protocolInfo: { ...RULES, maxPiecesInSector: piecesInSector },
  piecesInSector,
});
const lengthOfSector = (pieces: number): number => sectorLayout(pieces).checksum + 32;
const pauseFor = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describeWithNats('a plotter', () => {
  let cluster: TestCluster;
  let farmer: ClusterConnection;
  let plotter: PlotterMember | null = null;

  beforeEach(async () => {
    cluster = await TestCluster.start();
    farmer = await cluster.connect();
  });

  afterEach(async () => {
    await plotter?.stop();
    plotter = null;
    await cluster.stop();
  });

  async function start(options: Partial<PlotterOptions> = {}): Promise<PlotterMember> {
    const connection = await cluster.connect();
    const history = Object.assign(new FakeHistory(), { reach: async () => undefined });
    plotter = new PlotterMember({
      connection,
      pool: new Encodings().pool(),
      directory: new MemoryDirectory(),
      pieces: { name: 'the test', piece: async (index) => fakePiece(index) },
      history,
      ...options,
    });
    await plotter.start();
    await connection.flush();
    return plotter;
  }

  const plot = ({ id }: PlotterMember, pieces: number, sectorIndex = 0) =>
    farmer.stream(clusterMessages.plotSector, order(pieces, sectorIndex), { instance: id });

  async function lengthOf(items: AsyncIterable<SectorPlottingProgress>): Promise<number> {
    let length = 0;
    for await (const item of items)
      if (item.kind === 'sectorChunk' && item.chunk.ok) length += item.chunk.value.length;
    return length;
  }

  it.each([64, 72])('never holds more than %i MiB', async (budget) => {
    let pieces = 0;
    let encodings = 0;
    let most = 0;
    const look = (): void => {
      most = Math.max(most, FIXED_BYTES + pieces * PIECE_BYTES + encodings * ENCODING_BYTES);
    };
    const pool = new Encodings().pool(undefined, async () => {
      encodings += 1;
      look();
      // Long enough for all pieces that it would take to come meanwhile.
      await pauseFor(10);
      encodings -= 1;
      pieces -= 1;
    });
    const piece = async (index: PieceIndex): Promise<Uint8Array> => {
      pieces += 1;
      look();
      return fakePiece(index);
    };
    const started = await start({
      pool,
      pieces: { name: 'the test', piece },
      memoryBytes: budget * MIB,
      concurrency: 8,
    });
    expect(await lengthOf(plot(started, 12))).toBe(lengthOfSector(12));
    expect([pieces, encodings]).toEqual([0, 0]);
    expect(most).toBeGreaterThan(FIXED_BYTES + ENCODING_BYTES);
    expect(most).toBeLessThanOrEqual(budget * MIB);
  });

  it('with too little memory does not start', async () => {
    await expect(start({ memoryBytes: 16 * MIB })).rejects.toMatchObject({ code: 'memory' });
  });

  it('sends no more of a sector than is taken, and goes on when it is', async () => {
    const watcher = await NativePeer.join(cluster.server.url);
    const sent = (): number =>
      watcher.heard
        .filter(({ subject }) => subject.startsWith('stream-response.'))
        .reduce((sum, { payload }) => sum + payload.length, 0);
    const sectorLength = lengthOfSector(20);
    const items = plot(await start(), 20);
    let taken = 0;
    for (let first = 0; first === 0;) {
      const { value } = await items.next();
      if (value?.kind === 'sectorChunk' && value.chunk.ok) first = taken = value.chunk.value.length;
    }
    await until(() => sent() > 0, 'a message');
    let waiting: number;
    do {
      waiting = sent();
      await pauseFor(1_000);
    } while (sent() !== waiting);
    // Four unread messages, two more under way.
    expect(waiting).toBeLessThan(sectorLength / 2);
    expect(taken + (await lengthOf(items))).toBe(sectorLength);
    await watcher.close();
  });

  it('is free again when its farmer went away, and says that it is not while it works', async () => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const wait = (signal?: AbortSignal): Promise<void> => Promise.race([held, forever(signal)]);
    const started = await start({ pool: new Encodings().pool(undefined, wait) });
    const free = () => farmer.request(clusterMessages.freePlotter, null, { retryMs: 0, timeoutMs: 30_000 });
    expect(await free()).toBe(started.id);
    const items = plot(started, 2);
    await items.next();
    await expect(free()).rejects.toMatchObject({ code: 'nobody' });
    const others = plot(started, 2, 1);
    expect((await others.next()).value).toEqual({ kind: 'occupied' });
    expect((await others.next()).done).toBe(true);
    // The same order again is the same farmer after a broken link: the first is given up.
    const again = plot(started, 2);
    release();
    expect(await lengthOf(again)).toBe(lengthOfSector(2));
    await until(() => started.snapshot().sector === null, 'the end of the work');
    expect(await free()).toBe(started.id);
    await items.return();
  });
});
