/** Every role of ours beside the recorded native members of a cluster: they get what they got then. */
import { multiaddr } from '@multiformats/multiaddr';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { INSTALL_NATS, isNatsInstalled } from '../../devnet/nats-server.ts';
import { clusterMessages } from '../protocol/cluster/messages.ts';
import { equal, fromHex, toHex } from '../protocol/bytes.ts';
import { decodeWith, encodeWith, list, u64 } from '../protocol/codec.ts';
import { sectorLayout } from '../protocol/sector.ts';
import type { FarmerAppInfo, SegmentHeader } from '../protocol/types.ts';
import { encodeDescription } from '../farm/description.ts';
import { Farm } from '../farm/farm.ts';
import { DESCRIPTION_FILE } from '../farm/identity.ts';
import { bytesOfSectors } from '../farm/sectors.ts';
import { fakePiece } from '../farm/test-support.ts';
import { createUlid } from '../farm/ulid.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import { CacheMember } from './cache.ts';
import { CacheStore } from './cache-store.ts';
import type { ClusterConnection } from './connection.ts';
import { Controller } from './controller.ts';
import { FarmerMember } from './farmer.ts';
import { ClusterHistory } from './history.ts';
import { ClusterPieces } from './pieces.ts';
import { PlotterMember } from './plotter.ts';
import { bytesOf, NativePeer, Recording, type RecordedFrame } from './recorded-peer.ts';
import { Encodings, TestCluster, TestNode, until } from './testing.ts';

if (!isNatsInstalled()) process.stderr.write(`${INSTALL_NATS}. Its tests are left out.\n`);

const messages = clusterMessages;
const recording = Recording.read();

// What the recorded members knew and were.
const appInfoRequest = recording.first('subspace.controller.farmer-app-info');
const appInfoAnswer = recording.answersTo(appInfoRequest)[0]!;
const recordedInfo = (() => {
  const answer = decodeWith(messages.farmerAppInfo.response, bytesOf(appInfoAnswer), 'app info');
  if (!answer.ok) throw new Error(answer.error);
  return answer.value;
})();
const headersRequest = recording.first('subspace.controller.segment-headers');
const headersAnswer = recording.answersTo(headersRequest)[0]!;
const recordedHeaders = recordedHistory();
const plotRequest = recording.first('subspace.plotter.*.plot-sector');
const order = decodeWith(messages.plotSector.payload, bytesOf(plotRequest), 'order');
const farmAnnouncement = recording.first('subspace.farmer.*.identify');
const recordedFarm = decodeWith(messages.farmIdentify.payload, bytesOf(farmAnnouncement), 'farm');
const recordedCache = decodeWith(
  messages.pieceCacheIdentify.payload,
  bytesOf(recording.first('subspace.cache.*.identify')),
  'cache',
);
const firstSector = plottedSectors()[0]!;

/** The history's headers: the answer to the first request tells those beyond the first as well as it. */
function recordedHistory(): SegmentHeader[] {
  const [first] = decodeWith(list(u64), bytesOf(headersRequest), 'indices');
  const told = decodeWith(messages.segmentHeaders.response, bytesOf(headersAnswer), 'headers');
  if (first !== 0n) throw new Error('the recording does not begin with the first header');
  return told.filter((header) => header !== null);
}

function plottedSectors() {
  return recording
    .all('subspace.farmer.*.sector-update')
    .map((frame) => decodeWith(messages.sectorUpdate.payload, bytesOf(frame), 'update').update)
    .flatMap((update) =>
      update.kind === 'plotting' && update.details.kind === 'finished' ? [update.details.plottedSector] : [],
    );
}

function recordedNode(): TestNode {
  const node = new TestNode();
  node.headers = [...recordedHeaders];
  node.info = {
    genesisHash: recordedInfo.genesisHash,
    dsnBootstrapNodes: recordedInfo.dsnBootstrapNodes.map((address) => multiaddr(address).toString()),
    syncing: recordedInfo.syncing,
    farmingTimeoutMs: Number(recordedInfo.farmingTimeout) / 1e6,
    protocolInfo: recordedInfo.protocolInfo,
  } satisfies FarmerAppInfo;
  return node;
}

describe.skipIf(!isNatsInstalled())('beside recorded native members', () => {
  let cluster: TestCluster;
  let peer: NativePeer;
  let connection: ClusterConnection;
  let stops: (() => unknown)[] = [];

  beforeEach(async () => {
    // As large as the recorded members’ server allowed.
    cluster = await TestCluster.start({ maxPayload: '4MB' });
    peer = await NativePeer.join(cluster.server.url);
    connection = await cluster.connect();
  });

  afterEach(async () => {
    for (const stop of stops.toReversed()) await stop();
    stops = [];
    await peer.close();
    await cluster.stop();
  });

  async function startController(node: TestNode): Promise<Controller> {
    const controller = new Controller({ connection, node, valid: async () => true });
    await controller.start();
    await connection.flush();
    stops.push(() => controller.stop());
    return controller;
  }

  /** Plays the recorded controller: app info and headers as it told them, pieces of every index. */
  async function playController(): Promise<void> {
    await peer.answer('subspace.controller.farmer-app-info', () => bytesOf(appInfoAnswer));
    await peer.answer('subspace.controller.segment-headers', (request) => {
      const known = [headersRequest, ...recording.all('subspace.controller.segment-headers')].find((frame) =>
        equal(bytesOf(frame), request),
      );
      if (known !== undefined) return bytesOf(recording.answersTo(known)[0]!);
      const asked = decodeWith(list(u64), request, 'indices');
      return encodeWith(
        messages.segmentHeaders.response,
        asked.map((index) => recordedHeaders[Number(index)] ?? null),
      );
    });
  }

  it('our controller asks who is there, and tells time as the recorded one did', async () => {
    const node = recordedNode();
    const controller = await startController(node);
    for (const subject of [
      'subspace.controller.default.cache-identify',
      'subspace.controller.farmer-identify',
    ]) {
      expect(recording.first(subject).len).toBe(0);
      expect(await peer.hear(subject)).toMatchObject({ payload: new Uint8Array(0), reply: undefined });
    }
    for (const frame of recording.all('subspace.controller.slot-info').slice(0, 3)) {
      const { slotInfo } = decodeWith(messages.slotInfo.payload, bytesOf(frame), 'slot');
      node.announce(slotInfo);
      const id = `slot-info-${slotInfo.slotNumber}`;
      const heard = await peer.hear('subspace.controller.slot-info', ({ messageId }) => messageId === id);
      expect(frame.headers).toContain(`Nats-Msg-Id: ${id}\r\n`);
      expect(heard.payload).toEqual(
        encodeWith(messages.slotInfo.payload, { slotInfo, instance: controller.instance }),
      );
      // All but the instance is the recorded bytes.
      expect(toHex(heard.payload.subarray(0, 56))).toBe(toHex(bytesOf(frame).subarray(0, 56)));
    }
    const ask = recording.first('subspace.controller.reward-signing-info');
    node.askToSign(decodeWith(messages.rewardSigningInfo.payload, bytesOf(ask), 'hash'));
    const heard = await peer.hear('subspace.controller.reward-signing-info');
    expect(heard.payload).toEqual(bytesOf(ask));
    expect([heard.messageId, ask.headers]).toEqual([null, undefined]);
  });

  it('our controller answers the recorded farmer with the recorded bytes, and forwards what it sends', async () => {
    const node = recordedNode();
    const controller = await startController(node);
    expect(toHex(await peer.request(appInfoRequest.subject, bytesOf(appInfoRequest)))).toBe(
      toHex(bytesOf(appInfoAnswer)),
    );
    for (const frame of recording.all('subspace.controller.segment-headers'))
      expect(toHex(await peer.request(frame.subject, bytesOf(frame)))).toBe(
        toHex(bytesOf(recording.answersTo(frame)[0]!)),
      );
    const solutions = recording.all('subspace.controller.*.solution');
    for (const frame of solutions)
      peer.send(`subspace.controller.${controller.instance}.solution`, bytesOf(frame));
    await until(() => node.solutions.length === solutions.length, 'the solutions');
    node.solutions.forEach(({ slot, solution }, index) =>
      expect(encodeWith(messages.solution.payload, { slotNumber: slot, solution })).toEqual(
        bytesOf(solutions[index]!),
      ),
    );
    const asks = recording.all('subspace.controller.reward-signing-info');
    const signatures = recording.all('subspace.controller.reward-signature');
    for (const [index, ask] of asks.entries()) {
      node.askToSign(decodeWith(messages.rewardSigningInfo.payload, bytesOf(ask), 'hash'));
      peer.send(signatures[index]!.subject, bytesOf(signatures[index]!));
    }
    await until(() => node.signatures.length === signatures.length, 'the signatures');
    node.signatures.forEach(({ hash, signature }, index) =>
      expect(encodeWith(messages.rewardSignature.payload, { hash, signature })).toEqual(
        bytesOf(signatures[index]!),
      ),
    );
  });

  it('our controller gives the recorded plotter the pieces that it asks for', async () => {
    await startController(recordedNode());
    const find = recording.first('subspace.controller._.find-pieces-in-cache');
    const found = await peer.stream(messages.findPiecesInCache, find.subject, bytesOf(find));
    expect(found.messages).toEqual([{ kind: 'last', index: 0, items: [] }]);
    expect(recording.answersTo(find).map((frame) => toHex(bytesOf(frame)))).toEqual(['010000000000']);
    const ask = recording.first('subspace.controller.pieces');
    const indices = decodeWith(list(u64), bytesOf(ask), 'indices');
    const { items, messages: parts } = await peer.stream(messages.pieces, ask.subject, bytesOf(ask));
    const given = new Map(items);
    expect(given.size).toBe(indices.length);
    // Not `toEqual`, which takes seconds for a megabyte.
    for (const index of indices) expect(equal(given.get(index)!, fakePiece(index))).toBe(true);
    const subjects = parts.flatMap((part) => (part.kind === 'continue' ? [part.ackSubject] : []));
    expect(subjects.filter((subject) => !/^stream-response-ack\.[0-9A-Z]{26}$/.test(subject))).toEqual([]);
  });

  it('our controller reads, fills and finds again what the recorded cache holds', async () => {
    const controller = await startController(recordedNode());
    const announcement = recording.first('subspace.cache.*.identify');
    const { pieceCacheId, maxNumElements } = recordedCache;
    const written = new Map<number, bigint>();
    await peer.answer(`subspace.cache.${pieceCacheId}.write-piece`, (payload) => {
      const { offset, pieceIndex, piece } = decodeWith(messages.writePiece.payload, payload, 'piece');
      expect(payload.length).toBe(recording.first('subspace.cache.*.write-piece').len);
      expect(equal(piece, fakePiece(pieceIndex))).toBe(true);
      written.set(offset, pieceIndex);
      return Uint8Array.of(0);
    });
    peer.send(announcement.subject, bytesOf(announcement));
    const request = recording.first('subspace.cache.*.contents');
    const asked = await peer.hear(request.subject);
    expect(asked.payload).toEqual(bytesOf(request));
    expect(asked.reply).toMatch(/^stream-response\.[0-9A-Z]{26}$/);
    await peer.play(asked.reply!, recording.answersTo(request));
    await until(() => controller.caches.summary.pieces === maxNumElements, 'a full cache');
    expect([...written.keys()].toSorted((a, b) => a - b)).toEqual([...Array(maxNumElements).keys()]);
    const [offset, index] = [...written][3]!;
    const { items } = await peer.stream(
      messages.findPiecesInCache,
      'subspace.controller.default.find-pieces-in-cache',
      encodeWith(list(u64), [index, 9_999n]),
    );
    expect(items).toEqual([[index, pieceCacheId, offset]]);
  });

  it('our controller learns the recorded farm’s sectors and reads pieces out of them', async () => {
    const controller = await startController(recordedNode());
    peer.send(farmAnnouncement.subject, bytesOf(farmAnnouncement));
    const request = recording.first('subspace.farmer.*.farm.plotted-sectors');
    const asked = await peer.hear(request.subject);
    expect(asked.payload).toEqual(bytesOf(request));
    await peer.play(asked.reply!, recording.answersTo(request));
    const updates = recording.all('subspace.farmer.*.sector-update');
    for (const frame of updates) peer.send(frame.subject, bytesOf(frame));
    await until(() => controller.farms.summary.sectors === plottedSectors().length, 'the sectors');
    const index = firstSector.pieceIndexes[5]!;
    await peer.answer(`subspace.farmer.${recordedFarm.farmId}.farm.read-piece`, (payload) => {
      const [sector, offset] = decodeWith(messages.readFarmPiece.payload, payload, 'place');
      const sectors = plottedSectors();
      expect(sectors.find(({ sectorIndex }) => sectorIndex === sector)?.pieceIndexes[offset]).toBe(index);
      return encodeWith(messages.readFarmPiece.response, { ok: true, value: fakePiece(index) });
    });
    expect(equal((await controller.farms.piece(index))!, fakePiece(index))).toBe(true);
  });

  it('our cache obeys the recorded controller', async () => {
    const directory = new MemoryDirectory();
    const store = await CacheStore.open(directory, recordedCache.maxNumElements);
    const cache = new CacheMember({ connection, store });
    cache.start();
    stops.push(() => cache.stop());
    await connection.flush();
    const pieceCacheId = store.id;
    const announced = await peer.hear('subspace.cache.default.identify');
    expect(announced.payload).toEqual(
      encodeWith(messages.pieceCacheIdentify.payload, { ...recordedCache, pieceCacheId }),
    );
    const before = peer.heard.length;
    const ask = recording.first('subspace.controller.default.cache-identify');
    peer.send(ask.subject, bytesOf(ask));
    const again = (): boolean =>
      peer.heard.slice(before).some(({ subject }) => subject === 'subspace.cache.default.identify');
    await until(again, 'another announcement');
    const contents = recording.first('subspace.cache.*.contents');
    const empty = await peer.stream(
      messages.contents,
      `subspace.cache.${pieceCacheId}.contents`,
      bytesOf(contents),
    );
    const held = [...Array(recordedCache.maxNumElements).keys()];
    expect(empty.items).toEqual(held.map((offset) => ({ ok: true, value: [offset, null] })));
    const writes = recording.all('subspace.cache.*.write-piece');
    for (const frame of writes)
      expect(await peer.request(`subspace.cache.${pieceCacheId}.write-piece`, bytesOf(frame))).toEqual(
        bytesOf(recording.answersTo(frame)[0]!),
      );
    const written = writes.map((frame) =>
      decodeWith(messages.writePiece.payload, bytesOf(frame), 'write-piece'),
    );
    const full = await peer.stream(
      messages.contents,
      `subspace.cache.${pieceCacheId}.contents`,
      new Uint8Array(0),
    );
    for (const { offset, pieceIndex } of written)
      expect(full.items[offset]).toEqual({ ok: true, value: [offset, pieceIndex] });
    const { items } = await peer.stream(
      messages.readPieces,
      `subspace.cache.${pieceCacheId}.read-pieces`,
      encodeWith(messages.readPieces.payload, [written[2]!.offset]),
    );
    const [read] = items;
    const [, found] = read?.ok === true ? read.value : [null, null];
    expect(found?.[0]).toBe(written[2]!.pieceIndex);
    expect(equal(found![1], written[2]!.piece)).toBe(true);
  });

  it('our farmer is the recorded farm to the recorded controller and plotter', async () => {
    await playController();
    const free = recording.first('subspace.plotter.free-instance');
    const offer = bytesOf(recording.answersTo(free)[0]!);
    await peer.answer(free.subject, (payload) => {
      expect(payload).toEqual(bytesOf(free));
      return offer;
    });
    const history = new ClusterHistory(connection);
    await history.follow();
    const pool = new Encodings().pool();
    const member = new FarmerMember({ connection, pool, history, plotWith: 'cluster', sectorsAtOnce: 1 });
    await member.start();
    expect(peer.heard.filter(({ subject }) => subject.startsWith('subspace.farmer.'))).toEqual([]);
    const identity = {
      publicKey: order.publicKey,
      signReward: () =>
        fromHex(toHex(bytesOf(recording.first('subspace.controller.reward-signature'))).slice(66)),
    };
    const seat = member.seat(identity.publicKey);
    const directory = new MemoryDirectory();
    await directory.write(DESCRIPTION_FILE, [
      encodeDescription({
        id: recordedFarm.farmId,
        genesisHash: recordedInfo.genesisHash,
        publicKey: order.publicKey,
        piecesInSector: order.piecesInSector,
        allocatedSpace: bytesOfSectors(recordedFarm.totalSectorsCount, order.piecesInSector),
      }),
    ]);
    const farm = await Farm.open({
      ...seat.options,
      directory,
      pool,
      identity,
      rewardAddress: identity.publicKey,
      allocatedBytes: bytesOfSectors(recordedFarm.totalSectorsCount, order.piecesInSector),
    });
    seat.attach(farm);
    stops.push(async () => {
      member.stop();
      await farm.stop();
    });
    expect((await peer.hear(farmAnnouncement.subject)).payload).toEqual(bytesOf(farmAnnouncement));
    farm.start();

    const asked = await peer.hear(plotRequest.subject);
    expect(toHex(asked.payload)).toBe(toHex(bytesOf(plotRequest)));
    expect(asked.reply).toMatch(/^stream-response\.[0-9A-Z]{26}$/);
    const progress = recording.answersTo(plotRequest).filter((frame) => 'hex' in frame.payload);
    await peer.play(asked.reply!, progress);
    // What the farm tells of the sector meanwhile is what the recorded one told.
    const update = `subspace.farmer.${recordedFarm.farmId}.sector-update`;
    const told = (): string[] =>
      peer.heard.filter(({ subject }) => subject === update).map(({ payload }) => kindOf(payload));
    const expected = recording
      .all('subspace.farmer.*.sector-update')
      .map((frame) => kindOf(bytesOf(frame)))
      .filter((kind) => ['starting', 'downloading', 'downloaded', 'encoding'].includes(kind))
      .slice(0, 4);
    await until(() => told().length >= expected.length, 'news of the sector');
    expect(told().slice(0, expected.length)).toEqual(expected);
    const starting = await peer.hear(update);
    expect(toHex(starting.payload)).toBe(toHex(bytesOf(recording.first('subspace.farmer.*.sector-update'))));

    const ask = recording.first('subspace.controller.reward-signing-info');
    peer.send(ask.subject, bytesOf(ask));
    const signature = recording.first('subspace.controller.reward-signature');
    expect(toHex((await peer.hear(signature.subject)).payload)).toBe(toHex(bytesOf(signature)));
  });

  it('our farmer sends solutions where the recorded farmer sent them', async () => {
    await playController();
    const history = new ClusterHistory(connection);
    await history.follow();
    const member = new FarmerMember({ connection, pool: new Encodings().pool(), history });
    await member.start();
    stops.push(() => member.stop());
    const seat = member.seat(order.publicKey);
    const slots = recording.all('subspace.controller.slot-info');
    const heard: bigint[] = [];
    seat.options.node.onSlot(({ slotNumber }) => heard.push(slotNumber));
    await connection.flush();
    // Twice each, as of two controllers.
    for (const frame of slots)
      for (let copy = 0; copy < 2; copy += 1) peer.send(frame.subject, bytesOf(frame));
    const numbers = slots.map((frame) => decodeWith(messages.slotInfo.payload, bytesOf(frame), 'slot'));
    await until(() => heard.length >= numbers.length, 'the slots');
    expect(heard).toEqual(numbers.map(({ slotInfo }) => slotInfo.slotNumber));
    const frame = recording.first('subspace.controller.*.solution');
    const { slotNumber, solution } = decodeWith(messages.solution.payload, bytesOf(frame), 'solution');
    await seat.options.node.submitSolution(slotNumber, solution);
    expect(toHex((await peer.hear(frame.subject)).payload)).toBe(toHex(bytesOf(frame)));
  });

  it('our plotter plots for the recorded farmer', async () => {
    await startController(recordedNode());
    const plotting = await cluster.connect();
    const history = new ClusterHistory(plotting);
    await history.follow();
    const member = new PlotterMember({
      connection: plotting,
      pool: new Encodings().pool(),
      directory: new MemoryDirectory(),
      pieces: new ClusterPieces(plotting),
      history,
    });
    await member.start();
    stops.push(() => member.stop());
    await plotting.flush();
    const free = recording.first('subspace.plotter.free-instance');
    const offer = await peer.request(free.subject, bytesOf(free));
    const recordedOffer = bytesOf(recording.answersTo(free)[0]!);
    expect([offer.length, toHex(offer.subarray(0, 2))]).toEqual([
      recordedOffer.length,
      toHex(recordedOffer.subarray(0, 2)),
    ]);
    const { items } = await peer.stream(
      messages.plotSector,
      `subspace.plotter.${member.id}.plot-sector`,
      bytesOf(plotRequest),
    );
    const recordedKinds = recording
      .answersTo(plotRequest)
      .filter((frame) => 'hex' in frame.payload)
      .flatMap((frame) => progressOf(frame));
    const once = (kinds: string[]): string[] => [...new Set(kinds)];
    const kinds = once(items.map(({ kind }) => kind));
    expect(kinds.slice(0, 4)).toEqual(once(recordedKinds).slice(0, 4));
    expect(kinds.slice(4)).toEqual(['encoded', 'finished', 'sectorChunk']);
    const finished = items.find((item) => item.kind === 'finished')!;
    // Which pieces a sector holds follows from the order alone.
    expect(finished.plottedSector.sectorId).toEqual(firstSector.sectorId);
    expect(finished.plottedSector.pieceIndexes).toEqual(firstSector.pieceIndexes);
    const bytes = items.reduce(
      (sum, item) => sum + (item.kind === 'sectorChunk' && item.chunk.ok ? item.chunk.value.length : 0),
      0,
    );
    expect(bytes).toBe(sectorLayout(order.piecesInSector).checksum + 32);
  });

  it('a native controller that asks a farmer for its farms once knows every farm, whenever it was opened', async () => {
    await playController();
    const farms = new Map<string, string[]>();
    // As the releases after 2025 do it: whoever is known is not asked again.
    const timer = setInterval(() => {
      for (const { subject, payload } of peer.heard.splice(0)) {
        if (!/^subspace\.farmer\.\w+\.farmer-identify$/.test(subject)) continue;
        const id = decodeWith(messages.farmerIdentify.payload, payload, 'farmer');
        expect(subject).toBe(`subspace.farmer.${id}.farmer-identify`);
        if (farms.has(id)) continue;
        farms.set(id, []);
        void peer
          .stream(messages.farmDetails, `subspace.farmer.${id}.farm.details`, new Uint8Array(0))
          .then(({ items }) =>
            farms.set(
              id,
              items.map(({ farmId }) => farmId),
            ),
          );
      }
    }, 10);
    stops.push(() => clearInterval(timer));
    const history = new ClusterHistory(connection);
    await history.follow();
    const pool = new Encodings().pool();
    const member = new FarmerMember({ connection, pool, history, plotWith: 'cluster' });
    await member.start();
    peer.send('subspace.controller.farmer-identify', new Uint8Array(0));
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const opened: string[] = [];
    for (let count = 0; count < 2; count += 1) {
      const identity = {
        publicKey: new Uint8Array(32).fill(count + 1),
        signReward: () => new Uint8Array(64),
      };
      const seat = member.seat(identity.publicKey);
      const farm = await Farm.open({
        ...seat.options,
        directory: new MemoryDirectory(),
        pool,
        identity,
        rewardAddress: identity.publicKey,
        allocatedBytes: bytesOfSectors(1, order.piecesInSector),
        piecesInSector: order.piecesInSector,
      });
      seat.attach(farm);
      stops.push(() => farm.stop());
      opened.push(farm.id);
      await until(() => [...farms.values()].flat().includes(farm.id), 'the farm at the controller');
    }
    stops.push(() => member.stop());
    expect([...farms.values()].flat().toSorted()).toEqual(opened.toSorted());
  });

  it('our controller finds the caches and farms of programs that tell them on request', async () => {
    const controller = await startController(recordedNode());
    const [program, cache, farmer, farm] = [createUlid(), createUlid(), createUlid(), createUlid()];
    const asked: string[] = [];
    const serve = async (subject: string, items: Uint8Array[]): Promise<void> => {
      await peer.answer(subject, () => {
        asked.push(subject);
        const count = Uint8Array.of(items.length << 2);
        return Uint8Array.from([1, 0, 0, 0, 0, ...count, ...items.flatMap((item) => [...item])]);
      });
    };
    await serve(`subspace.cache.${program}.details`, [
      encodeWith(messages.cacheDetails.item, { pieceCacheId: cache, maxNumElements: 2 }),
    ]);
    await serve(`subspace.cache.${cache}.contents`, [
      encodeWith(messages.contents.item, { ok: true, value: [1, 7n] }),
    ]);
    await serve(`subspace.farmer.${farmer}.farm.details`, [
      encodeWith(messages.farmDetails.item, { farmId: farm, totalSectorsCount: 3 }),
    ]);
    await serve(`subspace.farmer.${farm}.farm.plotted-sectors`, [
      encodeWith(messages.plottedSectors.item, { ok: true, value: firstSector }),
    ]);
    peer.send('subspace.cache.default.cache-identify', encodeWith(messages.cacheIdentify.payload, program));
    peer.send(
      `subspace.farmer.${farmer}.farmer-identify`,
      encodeWith(messages.farmerIdentify.payload, farmer),
    );
    await until(() => controller.caches.find(7n)?.offset === 1, 'the cached piece');
    await until(() => controller.farms.summary.sectors === 1, 'the sector');
    // Another group's caches are another controller's.
    const foreign = createUlid();
    peer.send('subspace.cache.other.cache-identify', encodeWith(messages.cacheIdentify.payload, foreign));
    peer.send('subspace.cache.default.cache-identify', encodeWith(messages.cacheIdentify.payload, program));
    peer.send(
      `subspace.farmer.${farmer}.farmer-identify`,
      encodeWith(messages.farmerIdentify.payload, farmer),
    );
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(asked).toHaveLength(4);
    expect(peer.heard.some(({ subject }) => subject.includes(foreign))).toBe(false);
  });
});

function kindOf(payload: Uint8Array): string {
  const { update } = decodeWith(messages.sectorUpdate.payload, payload, 'update');
  return update.kind === 'plotting' ? update.details.kind : update.kind;
}

function progressOf(frame: RecordedFrame): string[] {
  const text = bytesOf(frame);
  // Continue, index, one item: its tag.
  const kinds = ['occupied', 'ping', 'downloading', 'downloaded', 'encoding', 'encoded', 'finished'];
  return text[5] === 4 ? [kinds[text[6]!]!] : [];
}
