/** Our controller beside the recorded native members of a cluster: they get what they got then. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { clusterMessages } from '../protocol/cluster/messages.ts';
import { equal, toHex } from '../protocol/bytes.ts';
import { decodeWith, encodeWith, list, u64 } from '../protocol/codec.ts';
import { fakePiece } from '../farm/test-support.ts';
import { createUlid } from '../farm/ulid.ts';
import {
  appInfoAnswer,
  appInfoRequest,
  farmAnnouncement,
  firstSector,
  plottedSectors,
  recordedCache,
  recordedFarm,
  recordedNode,
  recording,
  Stage,
} from './recorded-cluster.ts';
import { bytesOf, type NativePeer } from './recorded-peer.ts';
import { until } from './testing.ts';
import { describeWithNats } from './testing-nats.ts';

const messages = clusterMessages;

describeWithNats('our controller, beside recorded native members,', () => {
  let stage: Stage;
  let peer: NativePeer;

  beforeEach(async () => {
    stage = await Stage.set();
    ({ peer } = stage);
  });

  afterEach(() => stage.leave());

  it('asks who is there, and tells time as the recorded one did', async () => {
    const node = recordedNode();
    const controller = await stage.startController(node);
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

  it('answers the recorded farmer with the recorded bytes, and forwards what it sends', async () => {
    const node = recordedNode();
    const controller = await stage.startController(node);
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

  it('gives the recorded plotter the pieces that it asks for', async () => {
    await stage.startController(recordedNode());
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

  it('reads, fills and finds again what the recorded cache holds', async () => {
    const controller = await stage.startController(recordedNode());
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

  it('learns the recorded farm’s sectors and reads pieces out of them', async () => {
    const controller = await stage.startController(recordedNode());
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

  it('finds the caches and farms of programs that tell them on request', async () => {
    const controller = await stage.startController(recordedNode());
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
