/** The history as a controller tells it: read whole, followed, and refused where it does not hang together. */
import { beforeEach, describe, expect, it } from 'vitest';
import { clusterMessages as messages } from '../protocol/cluster/messages.ts';
import { segmentHeaderHash } from '../protocol/segment.ts';
import type { SegmentHeader, SegmentIndex } from '../protocol/types.ts';
import { ClusterHistory } from './history.ts';
import { FakeConnection } from './testing-connection.ts';

const HEADERS: SegmentHeader[] = [];
for (let index = 0; index < 2_300; index += 1) {
  const before = HEADERS.at(-1);
  HEADERS.push({
    segmentIndex: BigInt(index),
    segmentCommitment: new Uint8Array(48).fill(index % 251),
    prevSegmentHeaderHash: before === undefined ? new Uint8Array(32) : segmentHeaderHash(before),
    lastArchivedBlock: { number: 40 * index, partialArchived: null },
  });
}

let fake: FakeConnection;
let history: ClusterHistory;
let changes: number;
let questions: SegmentIndex[][];
/** What the controller has. */
let told: readonly SegmentHeader[];
/** Done while it answers. */
let meanwhile: () => void;

beforeEach(() => {
  fake = new FakeConnection();
  history = new ClusterHistory(fake.connection);
  changes = 0;
  questions = [];
  told = HEADERS.slice(0, 3);
  meanwhile = () => undefined;
  history.onChange(() => void (changes += 1));
  fake.answer(messages.segmentHeaders, async (wanted) => {
    questions.push(wanted as SegmentIndex[]);
    const answer = (wanted as SegmentIndex[]).map((index) => told[Number(index)] ?? null);
    await turn();
    meanwhile();
    return answer;
  });
});

const announce = (index: number): void => fake.say(messages.archivedSegmentHeader, HEADERS[index]);
const turn = () => new Promise((resolve) => setTimeout(resolve));
const known = (): number => HEADERS.findIndex((_, index) => history.header(BigInt(index)) === null);

describe('the history of a cluster', () => {
  it('is read a thousand headers at a time', async () => {
    expect([history.historySize(), history.segmentCommitment(0n)]).toEqual([1n, null]);
    told = HEADERS;
    await history.follow();
    expect(questions.map((asked) => [asked[0], asked.length])).toEqual([
      [0n, 1_000],
      [1_000n, 1_000],
      [2_000n, 1_000],
    ]);
    expect([history.historySize(), changes]).toEqual([2_300n, 1]);
    expect(history.header(2_299n)).toEqual(HEADERS[2_299]);
    expect(history.segmentCommitment(2_299n)).toEqual(HEADERS[2_299]!.segmentCommitment);
    expect(history.header(2_300n)).toBeNull();
  });

  it('grows with what is announced; what was missed is asked for, and copies are passed over', async () => {
    const stop = await history.follow();
    announce(3);
    announce(3);
    announce(0);
    expect([known(), changes, questions.length]).toEqual([4, 2, 1]);
    told = HEADERS.slice(0, 7);
    announce(6);
    await expect.poll(known).toBe(7);
    expect([known(), changes, questions.length]).toEqual([7, 3, 2]);
    told = HEADERS.slice(0, 8);
    fake.change('reconnecting');
    await turn();
    expect(questions).toHaveLength(2);
    fake.change('connected');
    await expect.poll(known).toBe(8);
    expect([known(), changes, questions.length]).toEqual([8, 4, 3]);
    stop();
    expect(fake.listening).toBe(0);
  });

  it('misses nothing that is announced while it is read', async () => {
    meanwhile = () => {
      meanwhile = () => undefined;
      told = HEADERS.slice(0, 4);
      announce(3);
    };
    await history.follow();
    await expect.poll(known).toBe(4);
    expect(questions).toHaveLength(2);
  });

  it('takes a header that is announced and told at once for one', async () => {
    await history.follow();
    told = HEADERS.slice(0, 5);
    meanwhile = () => announce(3);
    await history.refresh();
    expect([known(), history.historySize()]).toEqual([5, 5n]);
  });

  it('is asked for once by all who want it at once, and only where it is too short', async () => {
    await history.follow();
    await history.reach(3n);
    expect(questions).toHaveLength(1);
    told = HEADERS.slice(0, 5);
    await Promise.all([history.reach(4n), history.reach(5n), history.refresh()]);
    expect([known(), questions.length]).toEqual([5, 2]);
  });

  it.each<[string, SegmentHeader]>([
    ['names another before it', { ...HEADERS[2]!, prevSegmentHeaderHash: new Uint8Array(32) }],
    ['has another number', { ...HEADERS[2]!, segmentIndex: 7n }],
  ])('is taken up to a header that %s', async (_, wrong) => {
    told = [...HEADERS.slice(0, 2), wrong, HEADERS[3]!];
    await expect(history.follow()).rejects.toMatchObject({ rule: 'segment-header-chain' });
    expect([known(), changes, fake.listening]).toEqual([2, 1, 0]);
    told = HEADERS.slice(0, 4);
    await history.follow();
    expect([known(), changes]).toEqual([4, 2]);
  });

  it('takes no announced header that names another before it', async () => {
    await history.follow();
    const wrong = { ...HEADERS[3]!, prevSegmentHeaderHash: new Uint8Array(32) };
    expect(() => fake.say(messages.archivedSegmentHeader, wrong)).toThrow('does not follow header 2');
    expect([known(), changes]).toEqual([3, 1]);
    announce(3);
    expect(known()).toBe(4);
  });
});
