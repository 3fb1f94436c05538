/** Headers of segments: taken from nodes and peers, verified, and told to those who ask, in the recorded bytes. */
import { readFileSync } from 'node:fs';
import { multiaddr } from '@multiformats/multiaddr';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { concat, equal, fromHex, toHex } from '../protocol/bytes.ts';
import { decodeWith, encodeWith } from '../protocol/codec.ts';
import { PIECE_BYTES, RAW_RECORD_BYTES } from '../protocol/constants.ts';
import {
  encodeVarint,
  frame,
  MAX_SEGMENT_HEADERS,
  segmentHeadersByIndexes,
  type SegmentHeaderRequest,
} from '../protocol/dsn.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { recordFromRaw } from '../protocol/record.ts';
import { encodeSegmentHeader, segmentHeaderHash } from '../protocol/segment.ts';
import type { SegmentHeader } from '../protocol/types.ts';
import { receiveFrame } from '../network/streams.ts';
import {
  headersOfPeers,
  SegmentHistory,
  type SegmentHeaderSource,
  type SegmentHistoryOptions,
} from './segment-history.ts';
import type { DsnPeer } from './peer.ts';
import { REFUSING_SERVER } from './server.ts';
import { addressesOf, failure, join, plainPeer } from './test-support.ts';

/** More than two requests of the largest size. */
const SEGMENTS = 2_300;
const HEADERS = chained(SEGMENTS);
const { signal } = new AbortController();

function chained(count: number, from: SegmentHeader[] = []): SegmentHeader[] {
  const headers = [...from];
  while (headers.length < count) {
    const index = headers.length;
    const before = headers.at(-1);
    headers.push({
      segmentIndex: BigInt(index),
      segmentCommitment: new Uint8Array(48).fill(index % 251),
      prevSegmentHeaderHash: before === undefined ? new Uint8Array(32) : segmentHeaderHash(before),
      lastArchivedBlock: { number: 40 * index, partialArchived: index % 3 === 0 ? null : index },
    });
  }
  return headers;
}

/** A verified chain with these segments, which can be told of others. */
class FakeChain {
  private readonly listeners = new Set<() => void>();

  constructor(private headers: readonly SegmentHeader[]) {}

  historySize = (): bigint => BigInt(Math.max(1, this.headers.length));
  segmentCommitment = (segment: bigint): Uint8Array | null =>
    this.headers[Number(segment)]?.segmentCommitment ?? null;
  onChange = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };
  become(headers: readonly SegmentHeader[]): void {
    this.headers = headers;
    for (const listener of this.listeners) listener();
  }
}

interface Asked extends SegmentHeaderSource {
  questions: bigint[][];
  blamed: string[];
}

/** A node that has these headers; `lie` changes what it says. */
function node(
  headers: readonly SegmentHeader[],
  lie: (header: SegmentHeader) => SegmentHeader = (header) => header,
): Asked {
  const questions: bigint[][] = [];
  const blamed: string[] = [];
  return {
    name: 'node',
    questions,
    blamed,
    headers: async (segments) => {
      questions.push([...segments]);
      return segments.map((index) => headers[Number(index)] ?? null).map((one) => one && lie(one));
    },
    blame: (reason) => void blamed.push(reason),
  };
}

function historyOf(headers: readonly SegmentHeader[], options: Partial<SegmentHistoryOptions> = {}) {
  const chain = new FakeChain(headers);
  const history = new SegmentHistory({
    chain,
    sources: () => [node(headers)],
    isAnnounced: async (header) =>
      equal(segmentHeaderHash(header), segmentHeaderHash(headers[Number(header.segmentIndex)]!)),
    piece: async () => null,
    ...options,
  });
  return { history, chain };
}

/** A peer that tells what this history holds. */
function teller(history: { answer(request: SegmentHeaderRequest): SegmentHeader[] | null }) {
  const segmentHeaders = (request: SegmentHeaderRequest) => Promise.resolve(history.answer(request));
  return join({ server: { ...REFUSING_SERVER, segmentHeaders }, kademliaServer: true });
}

/** Sends a peer bytes as they are; what comes back, null for a refusal. */
async function rawAsker(peer: DsnPeer): Promise<(bytes: Uint8Array) => Promise<Uint8Array | null>> {
  const line = await (await plainPeer(true)).dial(multiaddr(peer.addresses()[0]));
  return async (bytes) => {
    const stream = await line.newStream(segmentHeadersByIndexes.name);
    const answer = receiveFrame(stream, 2 ** 24, AbortSignal.timeout(20_000));
    stream.send(bytes);
    void stream.close();
    return answer;
  };
}

describe('verified headers of segments', () => {
  it('come from a node in requests of a thousand at most, newest first', async () => {
    const source = node(HEADERS);
    const { history } = historyOf(HEADERS, { sources: () => [source] });
    await expect.poll(() => history.size, { timeout: 10_000 }).toBe(SEGMENTS);
    expect(source.questions.map((asked) => asked.length)).toEqual([1, 1000, 1000, SEGMENTS - 2001]);
    expect(source.questions[1]!.slice(0, 2)).toEqual([BigInt(SEGMENTS - 2), BigInt(SEGMENTS - 3)]);
    expect([0, 1, 999, SEGMENTS - 1].map((index) => history.header(BigInt(index)))).toEqual(
      [0, 1, 999, SEGMENTS - 1].map((index) => HEADERS[index]),
    );
    history.stop();
  });

  it('come from a peer where no node has them; one that lies is not spoken to again', async () => {
    const few = HEADERS.slice(0, 12);
    const lying = (change: (headers: SegmentHeader[]) => SegmentHeader[]) =>
      teller({
        answer: (request) =>
          change(request.kind === 'last' ? [] : request.segmentIndexes.map((index) => few[Number(index)]!)),
      });
    const liars = [
      await lying((headers) => [...headers].reverse()),
      await lying((headers) => headers.slice(1)),
      await lying((headers) =>
        headers.map((one) => ({ ...one, lastArchivedBlock: { number: 1, partialArchived: null } })),
      ),
      await lying((headers) =>
        headers.map((one) =>
          one.segmentIndex === 4n ? { ...one, segmentCommitment: new Uint8Array(48) } : one,
        ),
      ),
    ];
    const silent = await teller({ answer: () => null });
    const banned: string[] = [];
    const asker = await join({ onBan: (peer) => banned.push(peer) }, []);
    await asker.connect([...liars, silent].flatMap((peer) => peer.addresses()));
    const nowhere = { ...node([]), headers: () => Promise.reject(new Error('it serves no farmers')) };
    const alone = historyOf(few, { sources: () => [nowhere, ...headersOfPeers(asker)] });
    await expect.poll(() => banned.length, { timeout: 10_000 }).toBe(liars.length);
    expect([...banned].sort()).toEqual(liars.map(({ id }) => id).sort());
    alone.history.stop();

    const honest = await teller(historyOf(few).history);
    await asker.connect(honest.addresses());
    const { history } = historyOf(few, { sources: () => [nowhere, ...headersOfPeers(asker)] });
    await expect.poll(() => history.answer({ kind: 'last', limit: 99 }), { timeout: 10_000 }).toEqual(few);
    expect(asker.book.counts().banned).toBe(liars.length);
    history.stop();
  });

  it('of a node that lies are refused, and it is named', async () => {
    const few = HEADERS.slice(0, 5);
    const liar = node(few, (one) =>
      one.segmentIndex === 2n ? { ...one, lastArchivedBlock: { number: 9, partialArchived: 9 } } : one,
    );
    const { history } = historyOf(few, { sources: () => [liar] });
    await expect.poll(() => liar.blamed).toEqual(['it gave a wrong header of segment 2']);
    expect(history.header(3n)).toEqual(few[3]);
    expect(history.header(2n)).toBeNull();
    expect(history.answer({ kind: 'indexes', segmentIndexes: [3n, 2n] })).toBeNull();
    history.stop();
  });

  it('of a node that gives fewer than it was asked for are not asked for again and again', async () => {
    const few = HEADERS.slice(0, 5);
    const honest = node(few);
    const short: SegmentHeaderSource = {
      ...honest,
      headers: async (segments, limit) => (segments.length > 1 ? [] : honest.headers(segments, limit)),
    };
    const { history } = historyOf(few, { sources: () => [short] });
    await expect.poll(() => honest.blamed).toEqual(['it gave other headers than were asked for']);
    history.stop();
  });

  it('are proven by the segment after them where no block can be had', async () => {
    const few = HEADERS.slice(0, 6);
    const raw = new Uint8Array(RAW_RECORD_BYTES);
    raw.set(concat(fromHex('0004'), encodeSegmentHeader(few[4]!)));
    const piece = new Uint8Array(PIECE_BYTES);
    piece.set(recordFromRaw(raw));
    const asked: bigint[] = [];
    const { history } = historyOf(few, {
      isAnnounced: () => Promise.reject(new Error('pruned')),
      piece: async (index) => {
        asked.push(index);
        return piece;
      },
    });
    await expect.poll(() => history.size).toBe(5);
    expect(asked).toEqual([5n * 256n]);
    expect(history.header(4n)).toEqual(few[4]);
    expect(history.header(5n)).toBeNull();
    history.stop();
  });

  it('grow with the chain, and go when it takes another branch', async () => {
    const first = HEADERS.slice(0, 3);
    const other = chained(5, HEADERS.slice(0, 2)).map((header, index) =>
      index < 2 ? header : { ...header, segmentCommitment: new Uint8Array(48).fill(200 + index) },
    );
    for (let index = 3; index < other.length; index += 1)
      other[index]!.prevSegmentHeaderHash = segmentHeaderHash(other[index - 1]!);
    let known = first;
    const { history, chain } = historyOf(first, {
      sources: () => [node(known)],
      isAnnounced: async () => true,
    });
    await expect.poll(() => history.size).toBe(3);
    known = other;
    chain.become(other);
    expect(history.header(2n)).toBeNull();
    await expect.poll(() => history.answer({ kind: 'last', limit: 5 })).toEqual(other);
    history.stop();
  });
});

describe('headers that nobody has yet', () => {
  const few = HEADERS.slice(0, 5);
  const more = HEADERS.slice(0, 6);
  const passes = (ms: number) => vi.advanceTimersByTimeAsync(ms);

  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('are asked for again a minute later, and at once only when history grew', async () => {
    const source = node([]);
    const { history, chain } = historyOf(few, { sources: () => [source] });
    const asked = async (ms: number): Promise<bigint[]> => {
      await passes(ms);
      return source.questions.splice(0).flat();
    };
    expect(await asked(0)).toEqual([4n]);
    chain.become(few);
    expect(await asked(59_999)).toEqual([]);
    expect(await asked(1)).toEqual([4n]);
    await asked(30_000);
    chain.become(more);
    expect(await asked(0)).toEqual([5n]);
    chain.become(more);
    expect(await asked(59_999)).toEqual([]);
    expect(await asked(1)).toEqual([5n]);
    history.stop();
    expect(await asked(120_000)).toEqual([]);
  });

  it('are asked for one question after the other, once more where history grew meanwhile', async () => {
    const answers: (() => void)[] = [];
    const source = node(more);
    const slow: SegmentHeaderSource = {
      ...source,
      headers: async (segments, limit) => {
        const headers = await source.headers(segments, limit);
        await new Promise<void>((done) => answers.push(done));
        return headers;
      },
    };
    const { history, chain } = historyOf(few, { sources: () => [slow], isAnnounced: async () => true });
    await passes(0);
    chain.become(more);
    await passes(0);
    expect(source.questions).toEqual([[4n]]);
    while (answers.length > 0) {
      answers.shift()!();
      await passes(0);
    }
    expect(source.questions[2]).toEqual([5n]);
    expect(history.answer({ kind: 'last', limit: 9 })).toEqual(more);
    history.stop();
  });

  it('are not asked for any more once it is stopped, and who is asked is told', async () => {
    const signals: AbortSignal[] = [];
    const silent: SegmentHeaderSource = {
      ...node([]),
      headers: (_, limit) => {
        signals.push(limit);
        return new Promise((_resolve, reject) =>
          limit.addEventListener('abort', () => reject(limit.reason as Error)),
        );
      },
    };
    const { history, chain } = historyOf(few, { sources: () => [silent] });
    await passes(0);
    history.stop();
    await passes(0);
    chain.become(more);
    await passes(120_000);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
  });
});

describe('headers that somebody has', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });
  const passes = (ms: number) => vi.advanceTimersByTimeAsync(ms);
  const few = HEADERS.slice(0, 5);

  it.each([1, 2, 5])('are asked for no more once all %i are here', async (count) => {
    const all = HEADERS.slice(0, count);
    const [first, second] = [node(all), node(all)];
    const { history } = historyOf(all, { sources: () => [first, second] });
    await passes(0);
    expect(history.answer({ kind: 'last', limit: count })).toEqual(all);
    expect([first.questions.flat().length, second.questions, vi.getTimerCount()]).toEqual([count, [], 0]);
    history.stop();
  });

  it('are asked of another one where one lacks some or fails, which is no blame', async () => {
    const part: Asked = { ...node([]), questions: [] };
    part.headers = async (segments) => segments.map((at) => (at >= 3n ? few[Number(at)]! : null));
    const failing: Asked = { ...node([]), headers: () => Promise.reject(new Error('away')) };
    const whole = node(few);
    const { history } = historyOf(few, { sources: () => [failing, part, whole] });
    await passes(0);
    expect(history.answer({ kind: 'last', limit: 5 })).toEqual(few);
    expect(whole.questions).toEqual([[2n, 1n, 0n]]);
    expect([...part.blamed, ...failing.blamed]).toEqual([]);
    history.stop();
  });

  it('are not asked for again when more come', async () => {
    const source = node(HEADERS.slice(0, 6));
    const { history, chain } = historyOf(few, { sources: () => [source], isAnnounced: async () => true });
    await passes(0);
    source.questions.length = 0;
    chain.become(HEADERS.slice(0, 6));
    await passes(0);
    expect(history.answer({ kind: 'last', limit: 6 })).toEqual(HEADERS.slice(0, 6));
    expect(source.questions).toEqual([[5n]]);
    history.stop();
  });

  it.each<[string, SegmentHeader]>([
    ['of another segment', few[3]!],
    ['that the chain has not', { ...few[4]!, segmentCommitment: new Uint8Array(48) }],
  ])('are not believed to be the newest where it is one %s', async (_, wrong) => {
    const liar = node(few, (header) => (header.segmentIndex === 4n ? wrong : header));
    const { history } = historyOf(few, { sources: () => [liar], isAnnounced: async () => true });
    await passes(0);
    expect(liar.blamed).toEqual(['it gave a wrong header of segment 4']);
    expect(history.size).toBe(0);
    history.stop();
  });

  it('are not believed where the chain announced another one of the same commitment', async () => {
    const forged = { ...few[4]!, lastArchivedBlock: { number: 9, partialArchived: 9 } };
    const liar = node([...few.slice(0, 4), forged]);
    const { history } = historyOf(few, { sources: () => [liar] });
    await passes(0);
    expect(liar.blamed).toEqual(['the chain announced another header of segment 4']);
    expect(history.size).toBe(0);
    history.stop();
  });

  it.each([1, 2])(
    'are looked for in a piece only where one comes before them that is not here: %i',
    async (count) => {
      const raw = new Uint8Array(RAW_RECORD_BYTES);
      raw.set(concat(fromHex('0004'), encodeSegmentHeader(few[0]!)));
      const piece = new Uint8Array(PIECE_BYTES);
      piece.set(recordFromRaw(raw));
      let asked = 0;
      const { history } = historyOf(few.slice(0, count), {
        isAnnounced: () => Promise.reject(new Error('pruned')),
        piece: async () => {
          asked += 1;
          return piece;
        },
      });
      await passes(0);
      expect([history.size, asked]).toEqual([count - 1, count - 1]);
      await passes(180_000);
      expect(asked).toBe(count - 1);
      history.stop();
    },
  );

  it('are not looked for in a piece once it is stopped', async () => {
    let fail: () => void = () => undefined;
    const pieces: bigint[] = [];
    const { history } = historyOf(few, {
      isAnnounced: () => new Promise((_, reject) => (fail = () => reject(new Error('pruned')))),
      piece: async (index) => {
        pieces.push(index);
        return null;
      },
    });
    await passes(0);
    history.stop();
    fail();
    await passes(0);
    expect(pieces).toEqual([]);
  });

  it('are not asked for before the chain can tell which they are, nor of anybody once it is stopped', async () => {
    const early = node(few);
    const unsure = historyOf([], { sources: () => [early] });
    await passes(0);
    unsure.history.stop();
    expect([early.questions, early.blamed]).toEqual([[], []]);
    const next = node(few);
    let fail: () => void = () => undefined;
    const slow: Asked = {
      ...node([]),
      headers: () => new Promise((_, reject) => (fail = () => reject(new Error('late')))),
    };
    const { history } = historyOf(few, { sources: () => [slow, next] });
    await passes(0);
    history.stop();
    fail();
    await passes(0);
    expect(next.questions).toEqual([]);
  });
});

describe('a peer that is asked for headers', () => {
  it('tells the last ones ascending, and those by index in the order asked for', async () => {
    const { history } = historyOf(HEADERS);
    await expect.poll(() => history.size, { timeout: 10_000 }).toBe(SEGMENTS);
    const peer = await teller(history);
    const asker = await join({}, []);
    await asker.connect(peer.addresses());
    const ask = (question: SegmentHeaderRequest) =>
      asker.request(peer.id, segmentHeadersByIndexes, question, signal);
    expect(await ask({ kind: 'last', limit: 2 })).toEqual(HEADERS.slice(-2));
    expect(await ask({ kind: 'last', limit: 0 })).toEqual([]);
    expect(await ask({ kind: 'last', limit: 2 ** 32 - 1 })).toEqual(HEADERS.slice(-MAX_SEGMENT_HEADERS));
    expect(await ask({ kind: 'indexes', segmentIndexes: [7n, 3n, 7n] })).toEqual(
      [7, 3, 7].map((index) => HEADERS[index]),
    );
    history.stop();
  });

  it('refuses what it does not know, what is too much and what does not decode', async () => {
    const { history } = historyOf(HEADERS.slice(0, 3));
    await expect.poll(() => history.size).toBe(3);
    const peer = await teller(history);
    const asker = await join({}, []);
    await asker.connect(peer.addresses());
    const unknown: SegmentHeaderRequest = { kind: 'indexes', segmentIndexes: [0n, 3n] };
    expect((await failure(asker.request(peer.id, segmentHeadersByIndexes, unknown))).code).toBe('refused');
    const tooMany: SegmentHeaderRequest = { kind: 'indexes', segmentIndexes: Array(1001).fill(0n) };
    const error = await asker.request(peer.id, segmentHeadersByIndexes, tooMany).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ProtocolError);
    expect(error).toMatchObject({ rule: 'segment-header-request', values: { asked: 1001, allowed: 1000 } });
    const rawAnswer = await rawAsker(peer);
    // Whoever asks all the same gets nothing.
    const { request, response } = segmentHeadersByIndexes;
    expect(await rawAnswer(frame(encodeWith(request, tooMany)))).toBeNull();
    const most: SegmentHeaderRequest = { kind: 'indexes', segmentIndexes: Array(1000).fill(0n) };
    const whole = await rawAnswer(frame(encodeWith(request, most)));
    expect(decodeWith(response, whole!, 'headers')).toHaveLength(1000);
    for (const wrong of ['02', '0004', '010200000000', '00040000000000000000ff'])
      expect(await rawAnswer(frame(fromHex(wrong)))).toBeNull();
    expect(await rawAnswer(encodeVarint(2 ** 20 + 1))).toBeNull();
    history.stop();
  });

  it('answers in the recorded bytes, and refuses where the recorded node did', async () => {
    interface Exchange {
      protocol: string;
      request: { varint_len: string; hex: string };
      response: { varint_len: string; hex: string } | null;
    }
    const file = new URL('../../tests/vectors/wire/dsn_requests.json', import.meta.url);
    const recorded = JSON.parse(readFileSync(file, 'utf8')) as { responder_controller: Exchange[] };
    const exchanges = recorded.responder_controller.filter(
      ({ protocol }) => protocol === segmentHeadersByIndexes.name,
    );
    const known = exchanges.flatMap(({ response }) =>
      response === null
        ? []
        : decodeWith(segmentHeadersByIndexes.response, fromHex(response.hex), 'recorded'),
    );
    const { history } = historyOf(known.slice(0, 1));
    await expect.poll(() => history.size).toBe(1);
    const peer = await teller(history);
    const rawAnswer = await rawAsker(peer);
    expect(exchanges.filter(({ response }) => response === null)).not.toEqual([]);
    for (const { request, response } of exchanges) {
      const answer = await rawAnswer(fromHex(request.varint_len + request.hex));
      expect(answer && toHex(frame(answer))).toBe(response && response.varint_len + response.hex);
    }
    history.stop();
  });

  it('is not believed by a plain liar’s answer of bytes that are no headers', async () => {
    const liar = await plainPeer(true, {
      [segmentHeadersByIndexes.name]: (stream) => {
        stream.send(frame(fromHex('0401')));
        void stream.close();
      },
    });
    const banned: string[] = [];
    const asker = await join({ onBan: (peer) => banned.push(peer) }, []);
    await asker.connect(addressesOf(liar));
    const question: SegmentHeaderRequest = { kind: 'last', limit: 1 };
    const asked = asker.request(liar.peerId.toString(), segmentHeadersByIndexes, question);
    expect((await failure(asked)).code).toBe('malformed');
    expect(banned).toEqual([liar.peerId.toString()]);
  });
});
