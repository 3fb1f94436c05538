/** Our cache, farmer and plotter beside the recorded native members of a cluster: they get what they got then. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { clusterMessages } from '../protocol/cluster/messages.ts';
import { equal, fromHex, toHex } from '../protocol/bytes.ts';
import { decodeWith, encodeWith } from '../protocol/codec.ts';
import { sectorLayout } from '../protocol/sector.ts';
import { encodeDescription } from '../farm/description.ts';
import { DESCRIPTION_FILE } from '../farm/identity.ts';
import { bytesOfSectors } from '../farm/sectors.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import { CacheMember } from './cache.ts';
import { CacheStore } from './cache-store.ts';
import type { ClusterConnection } from './connection.ts';
import { FarmerMember } from './farmer.ts';
import { ClusterHistory } from './history.ts';
import { ClusterPieces } from './pieces.ts';
import { PlotterMember } from './plotter.ts';
import {
  farmAnnouncement,
  firstSector,
  order,
  plotRequest,
  recordedCache,
  recordedFarm,
  recordedInfo,
  recordedNode,
  recording,
  Stage,
} from './recorded-cluster.ts';
import { bytesOf, type NativePeer, type RecordedFrame } from './recorded-peer.ts';
import { Encodings, openSeated, until } from './testing.ts';
import { describeWithNats } from './testing-nats.ts';

const messages = clusterMessages;

describeWithNats('beside recorded native members', () => {
  let stage: Stage;
  let peer: NativePeer;
  let connection: ClusterConnection;

  beforeEach(async () => {
    stage = await Stage.set();
    ({ peer, connection } = stage);
  });

  afterEach(() => stage.leave());

  it('our cache obeys the recorded controller', async () => {
    const directory = new MemoryDirectory();
    const store = await CacheStore.open(directory, recordedCache.maxNumElements);
    const cache = new CacheMember({ connection, store });
    cache.start();
    stage.stops.push(() => cache.stop());
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
    await stage.playController();
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
    const { farm } = await openSeated(member, {
      directory,
      pool,
      identity,
      allocatedBytes: bytesOfSectors(recordedFarm.totalSectorsCount, order.piecesInSector),
    });
    stage.stops.push(async () => {
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
    await stage.playController();
    const history = new ClusterHistory(connection);
    await history.follow();
    const member = new FarmerMember({ connection, pool: new Encodings().pool(), history });
    await member.start();
    stage.stops.push(() => member.stop());
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
    await stage.startController(recordedNode());
    const plotting = await stage.cluster.connect();
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
    stage.stops.push(() => member.stop());
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
    await stage.playController();
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
    stage.stops.push(() => clearInterval(timer));
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
      const { farm } = await openSeated(member, {
        directory: new MemoryDirectory(),
        pool,
        identity,
        allocatedBytes: bytesOfSectors(1, order.piecesInSector),
        piecesInSector: order.piecesInSector,
      });
      stage.stops.push(() => farm.stop());
      opened.push(farm.id);
      await until(() => [...farms.values()].flat().includes(farm.id), 'the farm at the controller');
    }
    stage.stops.push(() => member.stop());
    expect([...farms.values()].flat().toSorted()).toEqual(opened.toSorted());
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
