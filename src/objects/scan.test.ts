import { beforeAll, describe, expect, it, vi } from 'vitest';
import { loadBlake3 } from '../crypto/blake3.ts';
import { concat } from '../protocol/bytes.ts';
import { PIECE_BYTES, RAW_RECORD_BYTES } from '../protocol/constants.ts';
import { decodeNode, MAX_NODE_BYTES } from '../protocol/dag.ts';
import { FileBuilder, type StoredNode } from '../protocol/dag-builder.ts';
import { recordFromRaw } from '../protocol/record.ts';
import { ScaleWriter } from '../protocol/scale.ts';
import type { PieceWish } from '../dsn/supply.ts';
import type { GlobalObject, PieceIndex } from '../protocol/types.ts';
import { OTHERS_KNEW } from './locate.ts';
import { NodeStore } from './nodes.ts';
import { NeighbourLocator, type NeighbourOptions } from './scan.ts';
import { storedBytes } from './tree.ts';

beforeAll(loadBlake3);

/** A file in history, and what gives the pieces that it lies in. `takes`: milliseconds until a piece is there. */
function storedFile(bytes: number, takes: (index: PieceIndex) => number) {
  const builder = new FileBuilder({ name: 'a', uploadOptions: null });
  const nodes = [
    ...builder.push(Uint8Array.from({ length: bytes }, (_, index) => (index * 7) % 251)),
    ...builder.finish(),
  ];
  const parts = nodes.map((node) => new ScaleWriter().byteVector(node.bytes).bytes());
  const head = nodes.at(-1)!;
  const headAt = parts.slice(0, -1).reduce((sum, part) => sum + part.length, 0);
  const place = {
    hash: head.hash,
    pieceIndex: 2n * BigInt(Math.floor(headAt / RAW_RECORD_BYTES)),
    offset: headAt % RAW_RECORD_BYTES,
  };
  const history = concat(...parts, new Uint8Array(20 * RAW_RECORD_BYTES));
  /** What is asked for, with how many pieces had come before. */
  const requests: { index: PieceIndex; came: number }[] = [];
  let came = 0;
  const pieces = {
    pieces: async (indices: readonly PieceIndex[]) => {
      for (const index of indices) requests.push({ index, came });
      await new Promise((resolve) => setTimeout(resolve, takes(indices[0]!)));
      came += indices.length;
      return indices.map((index) => {
        const at = Number(index / 2n) * RAW_RECORD_BYTES;
        const piece = new Uint8Array(PIECE_BYTES);
        piece.set(recordFromRaw(history.subarray(at, at + RAW_RECORD_BYTES)));
        return piece;
      });
    },
  };
  const store = new NodeStore({ pieces, locators: [] });
  store.addLinkHints(head.hash, [place]);
  return { store, place, requests };
}

const { signal } = new AbortController();

it('asks for no piece behind a file, in whatever order the pieces come', async () => {
  const bytes = 12_500_000;
  // Every second one takes longer than those after it.
  const { store, place, requests } = storedFile(bytes, (index) => (index % 4n === 0n ? 30 : 1));
  const file = decodeNode(await store.node(place.hash, signal));
  let read = 0;
  for await (const part of storedBytes(store, place.hash, file, { from: 0, to: Infinity }, signal)) {
    read += part.length;
  }
  expect(read).toBe(bytes);
  expect(requests.filter(({ index }) => index > place.pieceIndex)).toEqual([]);
});

it.each([
  { line: 'a quick line', takes: 20, to: Infinity, first: 4 },
  { line: 'a slow line', takes: 300, to: Infinity, first: 2 },
  { line: 'a quick line, for a small part of a file,', takes: 20, to: 100_000, first: 2 },
])('asks for $first pieces at first over $line', async ({ takes, to, first }) => {
  const { store, place, requests } = storedFile(12_500_000, () => takes);
  const file = decodeNode(await store.node(place.hash, signal));
  const before = requests.length;
  const reading = storedBytes(store, place.hash, file, { from: 0, to }, signal);
  await reading.next();
  await reading.return(undefined);
  const atFirst = requests.slice(before).filter(({ came }) => came === before);
  expect(atFirst.map(({ index }) => index)).toEqual([0n, 2n, 4n, 6n].slice(0, first));
});

/** Small nodes, each told from the others. */
const [first, second] = ['first', 'second'].map((text) => {
  const builder = new FileBuilder({ name: text, uploadOptions: null });
  return [...builder.push(Uint8Array.from(text, (letter) => letter.charCodeAt(0))), ...builder.finish()].at(
    -1,
  )!;
}) as [StoredNode, StoredNode];
const EMPTY = new Uint8Array(PIECE_BYTES);
const HERE = 1000n;

function pieceWith(...nodes: StoredNode[]): Uint8Array {
  const raw = new Uint8Array(RAW_RECORD_BYTES);
  raw.set(concat(...nodes.map(({ bytes }) => new ScaleWriter().byteVector(bytes).bytes())));
  const piece = new Uint8Array(PIECE_BYTES);
  piece.set(recordFromRaw(raw));
  return piece;
}

/** History whose pieces are empty but for some; null: not to be had. `answer` may keep a question waiting. */
function historyWith(
  pieces: Record<string, Uint8Array | null>,
  options: NeighbourOptions = {},
  answer: (signal: AbortSignal) => Promise<void> = async () => undefined,
) {
  const asked: { index: PieceIndex; wish: PieceWish }[] = [];
  const locator = new NeighbourLocator(
    {
      pieces: async (indices, stop, wish = {}) => {
        asked.push(...indices.map((index) => ({ index, wish })));
        await answer(stop!);
        return indices.map((index) => {
          const piece = pieces[String(index)];
          return piece === undefined ? EMPTY : piece;
        });
      },
    },
    options,
  );
  const indices = (): PieceIndex[] => asked.splice(0).map(({ index }) => index);
  return { locator, asked, indices };
}

const steps = (from: bigint, to: bigint): bigint[] => {
  const count = Number(to > from ? to - from : from - to) / 2 + 1;
  return Array.from({ length: count }, (_, at) => from + BigInt(to > from ? 2 * at : -2 * at));
};

describe('history around a known place', () => {
  it('is not looked through where no place is known, nor for what was found', async () => {
    const { locator, indices } = historyWith({ [String(HERE)]: pieceWith(first) });
    expect(await locator.locate([first.hash], signal)).toEqual([]);
    expect(indices()).toEqual([]);
    locator.near(HERE);
    expect(await locator.locate([first.hash], signal)).toMatchObject([{ pieceIndex: HERE, offset: 0 }]);
    indices();
    expect(await locator.locate([first.hash], signal)).toHaveLength(1);
    expect(indices()).toEqual([]);
  });

  it('is looked through near by, then checked there, then far, and checked there', async () => {
    const { locator, asked } = historyWith({});
    locator.near(HERE);
    expect(await locator.locate([first.hash], signal)).toEqual([]);
    const of = (wish: PieceWish) =>
      asked.filter((one) => JSON.stringify(one.wish) === JSON.stringify(wish)).map(({ index }) => index);
    const sorted = (all: bigint[]) => [...all].sort((a, b) => Number(a - b));
    const quick = { quick: true, speculative: true };
    expect(of(quick)).toEqual([HERE, 998n, 996n, 1002n, 1004n]);
    expect(of({})).toEqual([HERE, 998n, 996n, 1002n, 1004n]);
    const far = [...steps(872n, 994n), ...steps(1006n, 1128n)];
    expect(of({ ...quick, passing: true }).slice(0, 5)).toEqual([994n, 992n, 990n, 988n, 1006n]);
    expect(sorted(of({ ...quick, passing: true }))).toEqual(far);
    expect(sorted(of({ speculative: true, passing: true }))).toEqual(far);
    const kinds = asked.map(({ wish }) =>
      [quick, {}, { ...quick, passing: true }].findIndex(
        (one) => JSON.stringify(one) === JSON.stringify(wish),
      ),
    );
    expect([...new Set(kinds)]).toEqual([0, 1, 2, -1]);
    // All of it was seen: a second search has nothing to ask for.
    asked.length = 0;
    expect(await locator.locate([first.hash], signal)).toEqual([]);
    expect(asked).toEqual([]);
  });

  it('has a beginning, and four places at most that are looked around, the newest first', async () => {
    const { locator, indices } = historyWith({});
    for (const place of [900n, 800n, 700n, 2n, 600n, 600n, 2n]) locator.near(place);
    await locator.locate([first.hash], signal);
    const near = indices().slice(0, 4 + 5 + 5 + 5);
    expect(near).toEqual([
      2n,
      0n,
      4n,
      6n,
      ...[600n, 700n, 800n].flatMap((at) => [at, at - 2n, at - 4n, at + 2n, at + 4n]),
    ]);
  });

  it('is read from where the next part should begin up to where it ends, then a little on', async () => {
    const bytes = RAW_RECORD_BYTES;
    for (const [before, offset, from] of [
      [3 * bytes, 0, 992n],
      [bytes / 2, bytes / 2, 998n],
      [bytes / 4, bytes / 2, HERE],
      [600 * bytes, 0, 0n],
    ] as const) {
      const { locator, indices } = historyWith({});
      locator.expect({ pieceIndex: HERE, offset }, before);
      await locator.locate([first.hash], signal);
      const ahead = steps(from, from + 14n).filter((index) => index <= HERE);
      const on = steps(from, from + 14n).filter((index) => index > HERE);
      expect(indices().slice(0, 8)).toEqual([...ahead, ...on]);
    }
  });

  it('goes on behind what was found, and what lay far away is asked for to stay', async () => {
    const came: string[] = [];
    const looked: PieceIndex[] = [];
    const { locator, asked } = historyWith(
      { '940': pieceWith(first), '938': pieceWith(second) },
      {
        came: ({ pieceIndex, offset }, bytes) => void came.push(`${pieceIndex} ${offset} ${bytes.length}`),
        looked: (piece) => void looked.push(piece),
      },
    );
    locator.near(HERE);
    expect(await locator.locate([first.hash], signal)).toMatchObject([{ pieceIndex: 940n }]);
    expect(came).toContain(`940 0 ${first.bytes.length}`);
    expect(looked).toContain(940n);
    const stays = asked.filter(({ index }) => index === 940n).map(({ wish }) => wish);
    expect(stays).toEqual([
      { quick: true, speculative: true, passing: true },
      { quick: true, speculative: true },
    ]);
    asked.length = 0;
    await locator.locate([new Uint8Array(32)], signal);
    // Everything there was seen already, so that it is checked from there on.
    expect(asked.slice(0, 8)).toEqual(steps(940n, 954n).map((index) => ({ index, wish: {} })));
  });

  it('is looked through again where it was not to be had', async () => {
    const pieces: Record<string, Uint8Array | null> = { '998': null };
    const { locator, indices } = historyWith(pieces);
    locator.near(HERE);
    expect(await locator.locate([first.hash], signal)).toEqual([]);
    indices();
    pieces['998'] = pieceWith(first);
    expect(await locator.locate([first.hash], signal)).toMatchObject([{ pieceIndex: 998n }]);
    expect(indices()).toEqual([998n]);
  });

  it('that fails ends every search, and not the next one', async () => {
    let failure: Error | null = new Error('no more peers');
    const { locator } = historyWith({ '998': pieceWith(first) }, {}, async () => {
      if (failure !== null) throw failure;
    });
    locator.near(HERE);
    const searches = [first, second].map(({ hash }) => locator.locate([hash], signal));
    for (const search of searches) await expect(search).rejects.toBe(failure);
    failure = null;
    expect(await locator.locate([first.hash], signal)).toHaveLength(1);
  });

  it('is looked through as long as anybody waits, and longer where others knew', async () => {
    const pending: AbortSignal[] = [];
    const wait = (stop: AbortSignal): Promise<void> => {
      pending.push(stop);
      return new Promise((_, reject) => stop.addEventListener('abort', () => reject(stop.reason as Error)));
    };
    for (const [reason, isStopped] of [
      [new Error('nobody waits'), true],
      [OTHERS_KNEW, false],
    ] as const) {
      pending.length = 0;
      const { locator } = historyWith({}, {}, wait);
      locator.near(HERE);
      const [one, other] = [new AbortController(), new AbortController()];
      const left = locator.locate([first.hash], one.signal).catch((error: unknown) => error);
      const gone = locator.locate([first.hash], other.signal).catch((error: unknown) => error);
      await vi.waitFor(() => expect(pending).toHaveLength(2));
      one.abort(reason);
      expect(await left).toBe(reason);
      expect(pending.map(({ aborted }) => aborted)).toEqual([false, false]);
      other.abort(reason);
      expect(await gone).toBe(reason);
      expect(pending.map(({ aborted }) => aborted)).toEqual([isStopped, isStopped]);
      await expect(locator.locate([first.hash], one.signal)).rejects.toBe(reason);
    }
  });

  it('waits for those who may know better, unless something is expected', async () => {
    vi.useFakeTimers();
    try {
      const { locator, indices } = historyWith({}, { headStartMs: 500 });
      locator.near(HERE);
      void locator.locate([first.hash], signal);
      await vi.advanceTimersByTimeAsync(499);
      expect(indices()).toEqual([]);
      await vi.advanceTimersByTimeAsync(1);
      expect(indices().slice(0, 2)).toEqual([HERE, 998n]);
      const expecting = historyWith({}, { headStartMs: 500 });
      expecting.locator.expect({ pieceIndex: HERE, offset: 0 }, 0);
      void expecting.locator.locate([first.hash], signal);
      await vi.advanceTimersByTimeAsync(0);
      expect(expecting.indices()[0]).toBe(HERE);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('the piece that a node should lie in', () => {
  const at = (offset: number): GlobalObject => ({ hash: first.hash, pieceIndex: HERE, offset });

  it('is asked for once by all who look, with the next one where the node may reach into it', async () => {
    const { locator, asked } = historyWith({});
    const [one, other] = [locator.look(at(0), signal), locator.look(at(1), signal)];
    expect(await Promise.all([one, other])).toEqual([true, true]);
    expect(asked.splice(0)).toEqual([{ index: HERE, wish: { quick: true, speculative: false } }]);
    const fits = RAW_RECORD_BYTES - MAX_NODE_BYTES;
    await locator.look(at(fits), signal);
    expect(asked).toEqual([]);
    expect(await locator.look(at(fits + 1), signal)).toBe(true);
    expect(asked).toEqual([{ index: 1002n, wish: { quick: true, speculative: true } }]);
  });

  it('may be had later, and is still looked at where the other who looked gave up', async () => {
    const pieces: Record<string, Uint8Array | null> = { [String(HERE)]: null };
    const { locator, indices } = historyWith(pieces);
    expect(await locator.look(at(0), signal)).toBe(false);
    expect(await locator.look(at(0), signal)).toBe(false);
    delete pieces[String(HERE)];
    expect(await locator.look(at(0), signal)).toBe(true);
    expect(indices()).toEqual([HERE, HERE, HERE]);

    const slow = historyWith({}, {}, (stop) =>
      slow.asked.length > 1
        ? Promise.resolve()
        : new Promise((_, reject) => stop.addEventListener('abort', () => reject(stop.reason as Error))),
    );
    const leaving = new AbortController();
    const left = slow.locator.look(at(0), leaving.signal);
    const stays = slow.locator.look(at(0), signal);
    leaving.abort();
    await expect(left).rejects.toBe(leaving.signal.reason);
    expect(await stays).toBe(true);
    expect(slow.indices()).toEqual([HERE, HERE]);
    const failing = historyWith({}, {}, () => Promise.reject(new Error('away')));
    await expect(failing.locator.look(at(0), signal)).rejects.toThrow('away');
  });
});
