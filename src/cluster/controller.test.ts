/** What a controller makes of a node that gives things late, wrong or not at all. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { clusterMessages as messages } from '../protocol/cluster/messages.ts';
import type { PieceIndex, SegmentIndex } from '../protocol/types.ts';
import { fakeSolution } from '../farm/test-support.ts';
import { Controller } from './controller.ts';
import { FakeConnection } from './testing-connection.ts';
import { headersOf, TestNode, until } from './testing.ts';

const HEADERS = headersOf(1_002);
const pieceOf = (index: PieceIndex, from: string) => Uint8Array.of(Number(index), from.charCodeAt(0));

let fake: FakeConnection;
let node: TestNode;
let controller: Controller;
let lines: string[];
/** Whom each piece is asked of that the node does not give. */
let elsewhere: (index: PieceIndex) => Promise<Uint8Array | null>;
let valid: (piece: Uint8Array) => boolean;

beforeEach(async () => {
  fake = new FakeConnection();
  node = new TestNode();
  node.give = async () => null;
  lines = [];
  elsewhere = async () => null;
  valid = () => true;
  controller = new Controller({
    connection: fake.connection,
    node,
    valid: async (_, piece) => valid(piece),
    elsewhere: (index) => elsewhere(index),
    log: (line) => lines.push(line),
  });
  await controller.start();
});
afterEach(() => controller.stop());

const ask = (segments: SegmentIndex[]) => fake.ask(messages.segmentHeaders, segments);

describe('a controller', () => {
  it('knows the whole history, and what its node archived unheard', async () => {
    expect(await ask([0n, 2n, 3n])).toEqual([HEADERS[0], HEADERS[2], null]);
    node.headers = HEADERS.slice(0, 4);
    expect(await ask([3n])).toEqual([HEADERS[3]]);
    node.headers = HEADERS.slice();
    expect(await ask([3n, 1_001n, 1_002n])).toEqual([HEADERS[3], HEADERS[1_001], null]);
    expect(controller.segmentCommitment(1_001n)).toEqual(HEADERS[1_001]!.segmentCommitment);
    expect(controller.segmentCommitment(1_002n)).toBeNull();
    node.segmentHeaders = async () => {
      throw new Error('the node is away');
    };
    expect(await ask([1n, 1_002n])).toEqual([HEADERS[1], null]);
  });

  it('asks its node for nothing that it knows', async () => {
    node.segmentHeaders = async () => {
      throw new Error('asked');
    };
    expect(await ask([2n])).toEqual([HEADERS[2]]);
    const many = Array.from({ length: 2_000 }, () => 1n);
    expect(await ask(many)).toHaveLength(1_000);
  });

  it('tells of a segment once it can be asked for it', async () => {
    const read = node.segmentHeaders.bind(node);
    let give: () => void = () => undefined;
    node.segmentHeaders = async (segments) => {
      await new Promise<void>((resolve) => (give = resolve));
      return read(segments);
    };
    node.archive();
    await new Promise((resolve) => setTimeout(resolve));
    const told = () => fake.published.includes(messages.archivedSegmentHeader);
    expect([told(), node.acknowledged]).toEqual([false, []]);
    give();
    await until(() => node.acknowledged.length > 0, 'the acknowledgement');
    expect([told(), fake.told.at(-1)!.value, node.acknowledged]).toEqual([true, HEADERS[3], [3n]]);
    expect(controller.segmentCommitment(3n)).toEqual(HEADERS[3]!.segmentCommitment);
  });

  it('tells of a segment, and acknowledges it, though the node does not give its header', async () => {
    node.segmentHeaders = async () => {
      throw new Error('too slow');
    };
    node.archive();
    await until(() => node.acknowledged.length > 0, 'the acknowledgement');
    expect([fake.published.at(-1), node.acknowledged]).toEqual([messages.archivedSegmentHeader, [3n]]);
    expect(lines).toEqual(['Segment 3: too slow']);
  });

  it('reads a history whole that two ask for at once', async () => {
    node.headers = HEADERS.slice();
    await Promise.all([ask([5n]), ask([6n]), ask([1_001n])]);
    expect(await ask([3n, 4n, 1_001n, 1_002n])).toEqual([HEADERS[3], HEADERS[4], HEADERS[1_001], null]);
  });

  it('says where its caches have pieces, and takes them from there before it asks its node', async () => {
    fake.answer(messages.contents, () => [
      { ok: true, value: [3, 5n] },
      { ok: true, value: [1, 6n] },
    ]);
    fake.answer(messages.readPiece, (offset) => ({ ok: true, value: [5n, pieceOf(5n, String(offset))] }));
    fake.say(messages.pieceCacheIdentify, { pieceCacheId: 'a', maxNumElements: 4 });
    await until(() => controller.caches.summary.pieces === 2, 'the contents');
    const find = (index: PieceIndex) => fake.ask(messages.findPieceInCache, index);
    expect([await find(5n), await find(7n)]).toEqual([['a', 3], null]);
    const found: unknown[] = [];
    const asked = fake.ask(messages.findPiecesInCache, [7n, 6n, 5n]) as AsyncIterable<unknown>;
    for await (const place of asked) found.push(place);
    expect(found).toEqual([
      [6n, 'a', 1],
      [5n, 'a', 3],
    ]);
    node.give = async (index) => pieceOf(index, 'n');
    expect(await fake.ask(messages.piece, 5n)).toEqual(pieceOf(5n, '3'));
    expect(await fake.ask(messages.piece, 6n)).toEqual(pieceOf(6n, 'n'));
  });

  it('gives no wrong piece out of a cache, and has it put there anew', async () => {
    fake.answer(messages.contents, () => [{ ok: true, value: [0, 512n] }]);
    fake.answer(messages.readPiece, () => ({ ok: true, value: [512n, pieceOf(512n, 'c')] }));
    const written: unknown[] = [];
    fake.answer(messages.writePiece, (value) => {
      written.push(value);
      return { ok: true, value: null };
    });
    valid = (given) => given[1] !== 'c'.charCodeAt(0);
    node.give = async (index) => pieceOf(index, 'n');
    fake.say(messages.pieceCacheIdentify, { pieceCacheId: 'a', maxNumElements: 1 });
    await until(() => controller.caches.summary.pieces === 1, 'the contents');
    expect(await fake.ask(messages.piece, 512n)).toEqual(pieceOf(512n, 'n'));
    expect(lines.at(-1)).toBe('A cache has another piece in the place of piece 512.');
    controller.caches.fill();
    await until(() => written.length > 0, 'the right piece');
    expect(written).toEqual([{ offset: 0, pieceIndex: 512n, piece: pieceOf(512n, 'n') }]);
  });

  it('takes a piece from its node, then plots, then elsewhere, and what nobody vouches for only where it is right', async () => {
    const piece = () => fake.ask(messages.piece, 5n);
    expect(await piece()).toBeNull();
    elsewhere = async (index) => pieceOf(index, 'e');
    expect(await piece()).toEqual(pieceOf(5n, 'e'));
    fake.answer(messages.plottedSectors, () => [{ ok: true, value: { sectorIndex: 0, pieceIndexes: [5n] } }]);
    fake.answer(messages.readFarmPiece, () => ({ ok: true, value: pieceOf(5n, 'p') }));
    fake.say(messages.farmIdentify, { farmId: 'f', totalSectorsCount: 1 });
    await until(() => controller.farms.summary.sectors === 1, 'the sector');
    expect(await piece()).toEqual(pieceOf(5n, 'p'));
    valid = (given) => given[1] !== 'p'.charCodeAt(0);
    expect(await piece()).toEqual(pieceOf(5n, 'e'));
    node.give = async (index) => pieceOf(index, 'n');
    expect(await piece()).toEqual(pieceOf(5n, 'n'));
    node.give = async () => {
      throw new Error('the node is away');
    };
    elsewhere = node.give;
    expect(await piece()).toBeNull();
  });

  it('puts nothing into a cache that is not the piece of its index', async () => {
    const written: PieceIndex[] = [];
    fake.answer(messages.contents, () => []);
    fake.answer(messages.writePiece, (value) => {
      const { pieceIndex, piece } = value as { pieceIndex: PieceIndex; piece: Uint8Array };
      written.push(pieceIndex);
      expect(piece).toEqual(pieceOf(pieceIndex, pieceIndex % 2n === 0n ? 'n' : 'e'));
      return { ok: true, value: null };
    });
    node.give = async (index) => (index % 2n === 0n ? pieceOf(index, 'n') : null);
    elsewhere = async (index) => pieceOf(index, 'e');
    valid = (piece) => piece[0] !== 2;
    fake.say(messages.pieceCacheIdentify, { pieceCacheId: 'a', maxNumElements: 4 });
    await until(() => written.length === 3, 'the pieces');
    expect(written.map((index) => index - 512n).toSorted()).toEqual([0n, 1n, 3n]);
  });

  it('streams what is found of many pieces, as it is found, eight at a time', async () => {
    const given = new Map<PieceIndex, (piece: Uint8Array | null) => void>();
    node.give = (index) => new Promise((resolve) => given.set(index, resolve));
    const indices = Array.from({ length: 10 }, (_, at) => BigInt(at));
    const stream = fake.ask(messages.pieces, indices) as AsyncGenerator<[PieceIndex, Uint8Array]>;
    const first = stream.next();
    await until(() => given.size === 8, 'eight questions');
    given.get(3n)!(pieceOf(3n, 'n'));
    expect((await first).value).toEqual([3n, pieceOf(3n, 'n')]);
    const second = stream.next();
    await until(() => given.size === 9, 'the ninth');
    given.get(0n)!(null);
    await until(() => given.size === 10, 'the last');
    for (const [index, give] of given) give(pieceOf(index, 'n'));
    const rest = [(await second).value as [PieceIndex, Uint8Array]];
    for await (const item of stream) rest.push(item);
    expect(rest.map(([index]) => index).toSorted()).toEqual([1n, 2n, 4n, 5n, 6n, 7n, 8n, 9n]);
  });

  it('passes on signatures of what was asked only, and says what its node does not take', async () => {
    const hash = (byte: number) => new Uint8Array(32).fill(byte);
    const sign = (byte: number, signature: Uint8Array | null = new Uint8Array(64)) =>
      fake.say(messages.rewardSignature, { hash: hash(byte), signature });
    const asks = (byte: number) => node.askToSign({ hash: hash(byte), publicKey: hash(0) });
    sign(1);
    asks(1);
    sign(1, null);
    sign(1);
    sign(2);
    expect(node.signatures.map(({ hash: of }) => of)).toEqual([hash(1)]);
    // The oldest of more than 64 is no news any more.
    for (let byte = 100; byte < 164; byte += 1) asks(byte);
    sign(1);
    sign(100);
    expect(node.signatures.map(({ hash: of }) => of[0])).toEqual([1, 100]);
    node.refuse = () => {
      throw new Error('too late');
    };
    node.submitRewardSignature = async () => node.refuse(0n);
    sign(101);
    fake.say(messages.solution, { slotNumber: 7n, solution: fakeSolution(new Uint8Array(32)) });
    await until(() => lines.length === 2, 'the words');
    expect(lines).toEqual([
      'A reward signature was not taken: too late',
      'The solution for slot 7 was not taken: too late',
    ]);
  });

  it('answers in the queue groups of the protocol, for its group of caches and for any', () => {
    const { instance } = controller;
    const any = { queue: 'subspace.controller' };
    const groups = ['default', '_'].flatMap((group) => [
      { of: messages.findPieceInCache, instance: group, ...any },
      { of: messages.findPiecesInCache, instance: group, ...any },
    ]);
    expect([...fake.subscribed].filter(({ queue }) => queue !== undefined)).toEqual([
      { of: messages.solution, instance, queue: instance },
      { of: messages.rewardSignature, queue: instance },
      { of: messages.farmerAppInfo, ...any },
      { of: messages.segmentHeaders, ...any },
      { of: messages.piece, ...any },
      { of: messages.pieces, ...any },
      ...groups,
    ]);
  });

  it('says when another controller has its caches as well, so that the other one hears of it too', () => {
    const before = fake.published.length;
    fake.say(messages.identifyCaches, null);
    fake.say(messages.identifyCaches, null);
    expect(lines).toEqual([expect.stringMatching(/^Another controller has the caches of group “default”/)]);
    expect(fake.published.slice(before)).toEqual([messages.identifyCaches, messages.identifyFarmers]);
  });

  it('asks who is there when it starts and when the server is back, and hears nobody once it has stopped', async () => {
    const asked = () => fake.published.filter((message) => message === messages.identifyFarmers).length;
    expect([asked(), fake.published.includes(messages.identifyCaches)]).toEqual([1, true]);
    fake.change('reconnecting');
    expect(asked()).toBe(1);
    fake.change('connected');
    expect(asked()).toBe(2);
    await controller.stop();
    expect([fake.listening, fake.ask(messages.piece, 5n)]).toEqual([0, undefined]);
  });
});
