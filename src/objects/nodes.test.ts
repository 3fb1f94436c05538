import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadBlake3 } from '../crypto/blake3.ts';
import { concat, equal } from '../protocol/bytes.ts';
import { cidOfHash } from '../protocol/cid.ts';
import { PIECE_BYTES, RAW_RECORD_BYTES } from '../protocol/constants.ts';
import { decodeNode } from '../protocol/dag.ts';
import { FileBuilder, type StoredNode } from '../protocol/dag-builder.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { nodesIn } from '../protocol/history-nodes.ts';
import type { PieceWish } from '../dsn/supply.ts';
import { recordFromRaw } from '../protocol/record.ts';
import { ScaleWriter } from '../protocol/scale.ts';
import { sourcePosition } from '../protocol/segment.ts';
import type { GlobalObject, PieceIndex } from '../protocol/types.ts';
import { ObjectError } from './errors.ts';
import { decodeLinkHints, encodeLinkHints, HintBook, type Locator } from './locate.ts';
import { NodeStore, type RetrievalEvent } from './nodes.ts';
import { NeighbourLocator } from './scan.ts';
import { storedBytes } from './tree.ts';
import type { PieceAccess } from './window.ts';

const { signal } = new AbortController();

beforeAll(loadBlake3);

/** A stretch of history in the middle of a segment, with nodes in it as remarks hold them. */
class History implements PieceAccess {
  readonly places = new Map<string, GlobalObject>();
  readonly requested: PieceIndex[] = [];
  missing = new Set<PieceIndex>();
  private readonly raw: Uint8Array;

  constructor(
    private readonly first: PieceIndex,
    nodes: StoredNode[],
    gap = 120,
  ) {
    const parts: Uint8Array[] = [new Uint8Array(5000).fill(0x41)];
    let at = 5000;
    for (const { hash, bytes } of nodes) {
      const remark = new ScaleWriter().byteVector(bytes).bytes();
      const call = Uint8Array.of(0, 7);
      at += call.length;
      this.places.set(String(hash), {
        hash,
        pieceIndex: first + 2n * BigInt(Math.floor(at / RAW_RECORD_BYTES)),
        offset: at % RAW_RECORD_BYTES,
      });
      parts.push(call, remark, new Uint8Array(gap).fill(0x55));
      at += remark.length + gap;
    }
    const count = Math.ceil(at / RAW_RECORD_BYTES) + 1;
    parts.push(new Uint8Array(count * RAW_RECORD_BYTES - at));
    this.raw = concat(...parts);
  }

  place(node: StoredNode): GlobalObject {
    return this.places.get(String(node.hash))!;
  }

  pieces(indices: readonly PieceIndex[]): Promise<(Uint8Array | null)[]> {
    this.requested.push(...indices);
    return Promise.resolve(indices.map((index) => (this.missing.has(index) ? null : this.piece(index))));
  }

  private piece(index: PieceIndex): Uint8Array | null {
    const at = (sourcePosition(index) - sourcePosition(this.first)) * RAW_RECORD_BYTES;
    if (at < 0 || at >= this.raw.length) return null;
    const piece = new Uint8Array(PIECE_BYTES);
    piece.set(recordFromRaw(this.raw.subarray(at, at + RAW_RECORD_BYTES)));
    return piece;
  }
}

function fileNodes(bytes: number): StoredNode[] {
  const builder = new FileBuilder({ name: 'a', uploadOptions: null });
  const content = Uint8Array.from({ length: bytes }, (_, index) => (index * 7) % 251);
  return [...builder.push(content), ...builder.finish()];
}

const nodes = fileNodes(2_000_000);
const head = nodes.at(-1)!;

function store(history: History, locators: Locator[] = [], events: RetrievalEvent[] = []): NodeStore {
  return new NodeStore({ pieces: history, locators, watch: (event) => events.push(event) });
}

async function failure(work: Promise<unknown>): Promise<ObjectError> {
  const error = await work.catch((reason: unknown) => reason);
  if (error instanceof ObjectError) return error;
  throw new Error(`no ObjectError but ${String(error)}`);
}

describe('nodes out of history', () => {
  it('are found near the head that a link tells', async () => {
    const history = new History(256n + 20n, nodes);
    const found = store(history);
    found.addLinkHints(head.hash, [history.place(head)]);
    for (const { hash, bytes } of [head, ...nodes]) {
      expect(equal(await found.node(hash, signal), bytes)).toBe(true);
    }
  });

  it('are located by whoever knows them, in one question', async () => {
    const history = new History(20n, nodes);
    const questions: number[] = [];
    const locator: Locator = {
      name: 'an index',
      locate: (hashes) => {
        questions.push(hashes.length);
        return Promise.resolve(hashes.flatMap((hash) => history.places.get(String(hash)) ?? []));
      },
    };
    const found = store(history, [locator]);
    await Promise.all(nodes.map(({ hash }) => found.node(hash, signal)));
    expect(questions).toEqual([nodes.length]);
  });

  it('survive wrong hints, whose giver is not asked for ever', async () => {
    const history = new History(20n, nodes);
    const events: RetrievalEvent[] = [];
    let asked = 0;
    const liar: Locator = {
      name: 'a liar',
      locate: (hashes) => {
        asked += 1;
        return Promise.resolve(hashes.map((hash) => ({ hash, pieceIndex: 20n, offset: 17 })));
      },
    };
    const found = store(history, [liar], events);
    found.addLinkHints(head.hash, [history.place(head)]);
    for (const { hash, bytes } of nodes) expect(equal(await found.node(hash, signal), bytes)).toBe(true);
    const codes: string[] = [];
    // Nobody is asked for nodes that were met on the way, so that it takes others to hear more lies.
    for (let number = 0; number < 12; number += 1) {
      const nowhere = new Uint8Array(32).fill(number);
      const { code } = await failure(found.node(nowhere, signal));
      codes.push(code);
    }
    expect([codes, codes.at(-1)]).toEqual([codes.toSorted(), 'not-located']);
    const wrong = events.filter((event) => event.kind === 'hint-wrong');
    expect(wrong.length).toBe(8);
    expect(wrong.every(({ giver }) => giver === 'a liar')).toBe(true);
    expect(found.hints.distrusted()).toEqual(['a liar']);
    expect(asked).toBe(8);
  });

  it('that nobody knows, that are elsewhere, and whose pieces are missing are three different failures', async () => {
    const history = new History(20n, nodes);
    expect((await failure(store(history).node(head.hash, signal))).code).toBe('not-located');
    const misled = store(history);
    misled.addLinkHints(head.hash, [{ pieceIndex: 20n, offset: 3 }]);
    history.missing = new Set([22n, 24n, 26n]);
    expect((await failure(misled.node(head.hash, signal))).code).toBe('hints-wrong');
    const place = history.place(head);
    history.missing = new Set([place.pieceIndex]);
    const blocked = store(history);
    blocked.addLinkHints(head.hash, [place]);
    const error = await failure(blocked.node(head.hash, signal));
    expect([error.code, error.values['pieceIndex']]).toEqual(['pieces-missing', place.pieceIndex]);
    history.missing.clear();
    expect(await blocked.node(head.hash, signal)).toEqual(head.bytes);
  });

  it('are had once their piece is, whoever told the place', async () => {
    const history = new History(20n, nodes);
    const place = history.place(head);
    history.missing = new Set([place.pieceIndex]);
    const found = store(history);
    found.hints.add([place], 'an index');
    for (let time = 0; time < 2; time += 1) {
      expect((await failure(found.node(head.hash, signal))).code).toBe('pieces-missing');
    }
    history.missing.clear();
    expect(await found.node(head.hash, signal)).toEqual(head.bytes);
  });

  it('of an object that nobody knows are looked for around no other object, but around where its link says', async () => {
    const history = new History(20n, nodes);
    const beside = nodes.at(-2)!;
    const found = store(history);
    found.addLinkHints(head.hash, [history.place(head)]);
    await found.head(head.hash, signal);
    const before = history.requested.length;
    const other = new Uint8Array(32).fill(9);
    expect((await failure(found.head(other, signal))).code).toBe('not-located');
    expect(history.requested.length).toBe(before);
    // Found on the way.
    expect(await found.head(beside.hash, signal)).toEqual(beside.bytes);

    const misled = store(history);
    misled.addLinkHints(head.hash, [{ ...history.place(head), offset: 17 }]);
    expect(await misled.head(head.hash, signal)).toEqual(head.bytes);
  });

  it('are told of as they are asked for, fetched and looked for', async () => {
    const history = new History(20n, nodes);
    const events: RetrievalEvent[] = [];
    const silent: Locator = { name: 'silent', locate: () => Promise.resolve([]) };
    const found = store(history, [silent], events);
    const cid = cidOfHash(head.hash);
    await failure(found.head(head.hash, signal));
    expect(events).toEqual([{ kind: 'asking', cid, whom: ['silent'] }]);
    events.length = 0;
    const place = history.place(head);
    found.addLinkHints(head.hash, [place]);
    await found.head(head.hash, signal);
    expect(events.at(0)).toEqual({ kind: 'fetching', cid, giver: 'the link', place });
    expect(events).toContainEqual({ kind: 'looked', pieceIndex: place.pieceIndex });
    expect(events.slice(-2).map(({ kind }) => kind)).toEqual(['located', 'verified']);
  });

  it('stop when they are not wanted any more', async () => {
    const history = new History(20n, nodes);
    const abort = new AbortController();
    const never: PieceAccess = {
      pieces: (_, wanted) =>
        new Promise((_resolve, reject) => wanted.addEventListener('abort', () => reject(wanted.reason))),
    };
    const found = new NodeStore({ pieces: never, locators: [] });
    found.addLinkHints(head.hash, [history.place(head)]);
    const work = found.node(head.hash, abort.signal).catch((error: unknown) => error);
    abort.abort();
    expect(await work).toBe(abort.signal.reason);
  });

  it('ask for few pieces, each once while it is near', async () => {
    const history = new History(20n, nodes);
    const found = store(history);
    found.hints.add([...history.places.values()], 'an index');
    await Promise.all(nodes.map(({ hash }) => found.node(hash, signal)));
    expect(history.requested.length).toBeLessThanOrEqual(4);
  });
});

describe('reading a file', () => {
  it('looks where its size says that it begins, and fetches little else', async () => {
    const large = fileNodes(20_000_000);
    const last = large.at(-1)!;
    const history = new History(20n, large);
    const found = store(history);
    found.addLinkHints(last.hash, [history.place(last)]);
    const node = decodeNode(await found.node(last.hash, signal));
    const first = await storedBytes(found, last.hash, node, { from: 0, to: 100 }, signal).next();
    expect(equal((first.value as Uint8Array).subarray(0, 3), Uint8Array.of(0, 7, 14))).toBe(true);
    // The head's piece, two where the file may begin, and a few that were asked for meanwhile.
    expect(new Set(history.requested).size).toBeLessThanOrEqual(6);
  });

  it('finds its way at several places at once', async () => {
    const large = fileNodes(30_000_000);
    const last = large.at(-1)!;
    const history = new History(20n, large);
    const found = store(history);
    found.addLinkHints(last.hash, [history.place(last)]);
    const node = decodeNode(await found.node(last.hash, signal));
    const starts = [0, 10_000_000, 20_000_000];
    const readers = starts.map((from) => storedBytes(found, last.hash, node, { from, to: Infinity }, signal));
    for (let part = 0; part < 40; part += 1) {
      for (const [number, reader] of readers.entries()) {
        const { value } = await reader.next();
        expect((value as Uint8Array)[0]).toBe((starts[number]! * 7) % 251);
        starts[number]! += (value as Uint8Array).length;
      }
    }
  });
});

describe('unverified pieces', () => {
  /** Gives changed pieces as long as nobody checks. */
  const lying = (history: History, change: (piece: Uint8Array) => void): PieceAccess => ({
    pieces: async (indices, _, { quick }) => {
      const pieces = await history.pieces(indices);
      if (quick) for (const piece of pieces) if (piece) change(piece);
      return pieces;
    },
  });

  it.each<[string, (piece: Uint8Array) => void]>([
    ['changed', (piece) => piece.fill(7, 1, 1_000_000)],
    ['emptied', (piece) => piece.fill(0)],
  ])('that are %s are replaced by verified ones', async (_, change) => {
    const history = new History(20n, nodes);
    const found = new NodeStore({ pieces: lying(history, change), locators: [] });
    found.addLinkHints(head.hash, [history.place(head)]);
    for (const { hash, bytes } of nodes) expect(equal(await found.node(hash, signal), bytes)).toBe(true);
  });
});

describe('scanning', () => {
  /** A history that begins there, with how its pieces are wished for. */
  function watched(stored: StoredNode[], first: number) {
    const history = new History(BigInt(first), stored);
    const wishes: { index: PieceIndex; wish: PieceWish }[] = [];
    const source: PieceAccess = {
      pieces: (indices, _, wish) => {
        for (const index of indices) wishes.push({ index, wish });
        return history.pieces(indices);
      },
    };
    return { history: Object.assign(history, { stored }), wishes, source };
  }

  it('finds every node, across borders of pieces too, and nothing else', async () => {
    const history = new History(20n, nodes, 3);
    const scanner = new NeighbourLocator(history);
    scanner.near(20n);
    const places = await scanner.locate(
      nodes.map(({ hash }) => hash),
      signal,
    );
    expect(places).toEqual(nodes.map((node) => history.place(node)));
  });

  it('looks far only in pieces that others give, which stay only where something is found', async () => {
    const { history, wishes, source } = watched(fileNodes(3_000_000), 40);
    const scanner = new NeighbourLocator(source);
    scanner.near(120n);
    const place = history.place(history.stored.at(-1)!);
    expect(await scanner.locate([place.hash], signal)).toEqual([place]);
    const far = wishes.filter(({ index }) => index < 112n || index > 128n);
    expect(far.length).toBeGreaterThan(10);
    const [stays, rest] = [far.filter(({ wish }) => !wish.passing), far.filter(({ wish }) => wish.passing)];
    expect(stays.map(({ index }) => index)).toEqual([place.pieceIndex]);
    expect(rest.every(({ wish }) => wish.speculative)).toBe(true);
    // Near ones are asked for in earnest before that.
    expect(wishes.filter(({ wish }) => !wish.speculative).map(({ index }) => index)).not.toEqual([]);
  });

  it('takes any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        for (const { offset } of nodesIn(bytes, bytes.length)) expect(offset).toBeLessThan(bytes.length);
      }),
    );
  });
});

describe('hints', () => {
  it('travel in links', () => {
    const places = [
      { pieceIndex: 2n ** 40n, offset: 12 },
      { pieceIndex: 4n, offset: 1_015_807 },
    ];
    expect(decodeLinkHints(encodeLinkHints(places))).toEqual(places);
    for (const text of ['', 'AQA', '!', encodeLinkHints(places).slice(0, -2)]) {
      expect(() => decodeLinkHints(text)).toThrow(ProtocolError);
    }
  });

  it('of slow locators are not waited for once others know', async () => {
    const place = { hash: head.hash, pieceIndex: 2n, offset: 0 };
    const quick: Locator = { name: 'quick', locate: () => Promise.resolve([place]) };
    const slow: Locator = { name: 'slow', locate: () => new Promise(() => undefined) };
    const book = new HintBook([slow, quick]);
    expect(await book.ask(head.hash, signal)).toEqual([{ place, giver: 'quick' }]);
  });

  it('about other objects are not taken', async () => {
    const other = { hash: new Uint8Array(32), pieceIndex: 2n, offset: 0 };
    const book = new HintBook([{ name: 'chatty', locate: () => Promise.resolve([other]) }]);
    expect(await book.ask(head.hash, signal)).toEqual([]);
    expect(book.known(other.hash)).toEqual([]);
  });
});
