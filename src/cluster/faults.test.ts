/** What other members may do wrong, by mistake or not. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { NatsServer } from '../../devnet/nats-server.ts';
import { clusterMessages } from '../protocol/cluster/messages.ts';
import type { PlottedSector } from '../protocol/cluster/values.ts';
import { concat, equal } from '../protocol/bytes.ts';
import { encodeWith } from '../protocol/codec.ts';
import { bytesOfSectors } from '../farm/sectors.ts';
import { fakeIdentity, fakePiece, RULES, slotAt } from '../farm/test-support.ts';
import { createUlid } from '../farm/ulid.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import type { ClusterConnection } from './connection.ts';
import { Controller } from './controller.ts';
import { FarmerMember } from './farmer.ts';
import { ClusterHistory } from './history.ts';
import { clusterAppInfo, ClusterNode } from './node.ts';
import { NativePeer } from './recorded-peer.ts';
import { Encodings, openSeated, TestCluster, TestNode, until } from './testing.ts';
import { describeWithNats } from './testing-nats.ts';

const messages = clusterMessages;

const plotted: PlottedSector = {
  sectorId: new Uint8Array(32),
  sectorIndex: 0,
  metadata: {
    sectorIndex: 0,
    piecesInSector: 2,
    sBucketSizes: new Uint16Array(65_536),
    historySize: 1n,
  },
  pieceIndexes: [7n, 8n],
};

describeWithNats('members of a cluster', () => {
  let cluster: TestCluster;
  let peer: NativePeer;
  let connection: ClusterConnection;
  let stops: (() => unknown)[] = [];

  beforeEach(async () => {
    cluster = await TestCluster.start();
    peer = await NativePeer.join(cluster.server.url);
    connection = await cluster.connect();
  });

  afterEach(async () => {
    vi.restoreAllMocks();
    for (const stop of stops.toReversed()) await stop();
    stops = [];
    await peer.close();
    await cluster.stop();
  });

  async function startController(): Promise<Controller> {
    const own = await cluster.connect();
    const node = new TestNode();
    node.give = async () => null;
    const controller = new Controller({
      connection: own,
      node,
      valid: async (index, piece) => equal(piece, fakePiece(index)),
      log: (line) => cluster.lines.push(line),
    });
    await controller.start();
    await own.flush();
    stops.push(() => controller.stop());
    return controller;
  }

  it('of another release are named where their answers make no sense', async () => {
    const info = { ok: true as const, value: 1n };
    const answer = encodeWith(messages.readPieceIndex.response, info);
    await peer.answer('subspace.controller.farmer-app-info', () => concat(answer, answer));
    await expect(clusterAppInfo(connection)).rejects.toMatchObject({
      code: 'malformed',
      sentence: expect.stringContaining('another release') as string,
    });
  });

  it('get no answer to what is no request, and others do', async () => {
    const own = { instance: 'a', queue: 'a' };
    connection.respond(messages.readPieceIndex, own, async () => ({ ok: true as const, value: 5n }));
    await connection.flush();
    for (const payload of [new Uint8Array(3), new Uint8Array(5), new Uint8Array(2_000_000)])
      peer.send('subspace.cache.a.read-piece-index', payload, 'reply');
    const answer = await peer.request('subspace.cache.a.read-piece-index', new Uint8Array(4));
    expect(answer).toEqual(encodeWith(messages.readPieceIndex.response, { ok: true, value: 5n }));
    expect(peer.heard.filter(({ subject }) => subject === 'reply')).toEqual([]);
  });

  it('are not asked with more than the server carries', async () => {
    const indices = Array.from({ length: 300_000 }, (_, index) => BigInt(index));
    const asked = connection.request(messages.segmentHeaders, indices);
    await expect(asked).rejects.toMatchObject({
      code: 'too-large',
      sentence: expect.stringContaining('max_payload') as string,
    });
  });

  it('say what is wrong with a server that was restarted with too small a limit', async () => {
    await cluster.server.halt();
    await until(() => connection.state === 'reconnecting', 'the server to be gone');
    // Kept until it is back, when it is too large.
    connection.send('somebody', new Uint8Array(1_500_000));
    const { port, webSocketPort } = cluster.server;
    const small = await NatsServer.start({ port, webSocketPort, maxPayload: '1MB' });
    await until(() => connection.trouble !== null, 'the trouble');
    expect(connection.trouble).toMatchObject({
      code: 'payload-limit',
      sentence: expect.stringContaining('max_payload: 2MB') as string,
    });
    await small.stop();
    await cluster.server.restart();
    await until(() => connection.state === 'connected' && connection.trouble === null, 'the end of it');
  });

  it('that say that they are one farm are named in both logs', async () => {
    await startController();
    const copies = [new MemoryDirectory(), new MemoryDirectory()];
    const identity = fakeIdentity();
    for (const directory of copies) {
      const own = await cluster.connect();
      const history = new ClusterHistory(own);
      await history.follow();
      const pool = new Encodings().pool();
      const log = (line: string): number => cluster.lines.push(`${copies.indexOf(directory)}: ${line}`);
      const member = new FarmerMember({ connection: own, pool, history, plotWith: 'cluster', log });
      await member.start();
      for (const [name, bytes] of copies[0]!.files) directory.files.set(name, bytes.slice());
      const allocatedBytes = bytesOfSectors(1, RULES.maxPiecesInSector);
      const { farm } = await openSeated(member, { directory, pool, identity, allocatedBytes });
      stops.push(async () => {
        member.stop();
        await farm.stop();
      });
    }
    const said = (member: number): boolean =>
      cluster.lines.some((line) => line.startsWith(`${member}: `) && line.includes('copied'));
    await until(() => said(0) && said(1), 'the warnings');
    expect(cluster.lines.filter((line) => line.includes('copied'))).toHaveLength(2);
  });

  /** The last message of a stream of so many items. */
  const last = (...items: Uint8Array[]): Uint8Array =>
    concat(Uint8Array.of(1, 0, 0, 0, 0, items.length << 2), ...items);

  const announce = (farmer: string): void =>
    peer.send(
      `subspace.farmer.${farmer}.farmer-identify`,
      encodeWith(messages.farmerIdentify.payload, farmer),
    );

  it('are asked for their sectors again when they were started anew', async () => {
    const { farms } = await startController();
    const [first, second, farm] = [createUlid(), createUlid(), createUlid()];
    const sector = encodeWith(messages.plottedSectors.item, { ok: true, value: plotted });
    let there = [sector];
    for (const farmer of [first, second])
      await peer.answer(`subspace.farmer.${farmer}.farm.details`, () =>
        last(encodeWith(messages.farmDetails.item, { farmId: farm, totalSectorsCount: 1 })),
      );
    await peer.answer(`subspace.farmer.${farm}.farm.plotted-sectors`, () => last(...there));
    announce(first);
    await until(() => farms.summary.sectors === 1, 'the sector');
    there = [];
    announce(second);
    await until(() => farms.summary.sectors === 0, 'the farm without it');
    expect(cluster.lines.filter((line) => line.includes('both say'))).toEqual([]);
    // The first one is not gone, then: two programs have the same farm.
    announce(first);
    await until(() => cluster.lines.some((line) => line.includes('both say')), 'the warning');
  });

  it('get no piece of a farm that is another than its index says', async () => {
    const { farms } = await startController();
    const farm = createUlid();
    const sector = { ...plotted, pieceIndexes: [7n, 9n] };
    const announcement = { farmId: farm, totalSectorsCount: 1, fingerprint: new Uint8Array(32) };
    await peer.answer(`subspace.farmer.${farm}.farm.plotted-sectors`, () =>
      last(encodeWith(messages.plottedSectors.item, { ok: true, value: sector })),
    );
    await peer.answer(`subspace.farmer.${farm}.farm.read-piece`, () =>
      encodeWith(messages.readFarmPiece.response, { ok: true, value: fakePiece(7n) }),
    );
    peer.send(`subspace.farmer.${farm}.identify`, encodeWith(messages.farmIdentify.payload, announcement));
    await until(() => farms.summary.sectors === 1, 'the sector');
    const ask = (index: bigint): Promise<Uint8Array | null> => connection.request(messages.piece, index);
    expect(equal((await ask(7n))!, fakePiece(7n))).toBe(true);
    expect(await ask(9n)).toBeNull();
  });

  it('that announce themselves once a minute, as farms once did, are not forgotten between', async () => {
    const { farms } = await startController();
    const farmId = createUlid();
    const payload = encodeWith(messages.farmIdentify.payload, {
      farmId,
      totalSectorsCount: 1,
      fingerprint: new Uint8Array(32),
    });
    peer.send(`subspace.farmer.${farmId}.identify`, payload);
    await until(() => farms.summary.farms === 1, 'the farm');
    const now = performance.now();
    const clock = vi.spyOn(performance, 'now');
    clock.mockReturnValue(now + 100_000);
    farms['forget']();
    expect(farms.summary.farms).toBe(1);
    clock.mockReturnValue(now + 130_000);
    farms['forget']();
    expect(farms.summary.farms).toBe(0);
  });

  it('that are controllers and behind another one change nothing about who gets the solutions', async () => {
    const node = new ClusterNode(connection, () => null);
    stops.push(() => node.close());
    const heard: bigint[] = [];
    node.onSlot(({ slotNumber }) => heard.push(slotNumber));
    await connection.flush();
    const tell = (slot: number, instance: string): void =>
      peer.send(
        'subspace.controller.slot-info',
        encodeWith(messages.slotInfo.payload, { slotInfo: slotAt(slot), instance }),
      );
    for (let slot = 10; slot < 20; slot += 1) {
      tell(slot, 'ahead');
      tell(slot - 2, 'behind');
    }
    await until(() => heard.includes(19n), 'the last slot');
    expect(heard).toEqual(Array.from({ length: 10 }, (_, index) => BigInt(10 + index)));
  });
});
