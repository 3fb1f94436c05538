/** When pieces are checked, and with which others; the cryptography is the pool's. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ComputePool, JobInput } from '../crypto/jobs.ts';
import { PIECE_BYTES } from '../protocol/constants.ts';
import { PieceVerifier } from './verifier.ts';

const PIECE = new Uint8Array(PIECE_BYTES);
const passes = (ms: number) => vi.advanceTimersByTimeAsync(ms);

/** Pieces of segment 0 are right at even positions. `batches`: the positions of each; `answer` ends a check. */
function verifier() {
  const batches: number[][] = [];
  const checks: { done(): void; fail(): void }[] = [];
  const run = (_job: string, { positions }: JobInput<'piece.verify'>) => {
    batches.push([...positions]);
    return new Promise((resolve, reject) =>
      checks.push({
        done: () => resolve({ bad: positions.flatMap((at, index) => (at % 2 === 0 ? [] : [index])) }),
        fail: () => reject(new Error('no worker')),
      }),
    );
  };
  const commitments = {
    segmentCommitment: (segment: bigint) => (segment === 0n ? new Uint8Array(48) : null),
  };
  const made = new PieceVerifier({ run } as unknown as ComputePool, commitments);
  return { verifier: made, batches, checks };
}

describe('the verifier of pieces', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('checks what somebody waits for with what else is there, and lets nobody who comes later delay it', async () => {
    const { verifier: pieces, batches, checks } = verifier();
    const patient = pieces.valid(2n, PIECE, false);
    const first = pieces.valid(0n, PIECE);
    await passes(10);
    const second = pieces.valid(1n, PIECE);
    await passes(4);
    expect(batches).toEqual([]);
    await passes(1);
    expect(batches.map((batch) => batch.toSorted())).toEqual([[0, 1, 2]]);
    checks[0]!.done();
    expect(await Promise.all([patient, first, second])).toEqual([true, true, false]);
    await passes(10_000);
    expect(batches).toHaveLength(1);
  });

  it('lets what nobody waits for wait for four seconds, or until it is a batch', async () => {
    const { verifier: pieces, batches, checks } = verifier();
    void pieces.valid(0n, PIECE, false);
    await passes(3_000);
    void pieces.valid(2n, PIECE, false);
    await passes(999);
    expect(batches).toEqual([]);
    await passes(1);
    expect(batches).toEqual([[0, 2]]);
    checks[0]!.done();
    await passes(0);
    for (let index = 0n; index < 95n; index += 1n) void pieces.valid(index, PIECE, false);
    await passes(100);
    expect(batches).toHaveLength(1);
    void pieces.valid(95n, PIECE, false);
    await passes(15);
    expect(batches[1]).toHaveLength(96);
  });

  it('checks a piece at once that somebody begins to wait for', async () => {
    const { verifier: pieces, batches } = verifier();
    void pieces.valid(0n, PIECE, false);
    pieces.hurry(2n);
    await passes(100);
    expect(batches).toEqual([]);
    pieces.hurry(0n);
    await passes(15);
    expect(batches).toEqual([[0]]);
  });

  it('takes those that somebody waits for first where there are too many, one batch after the other', async () => {
    const { verifier: pieces, batches, checks } = verifier();
    const given = Array.from({ length: 100 }, (_, index) => pieces.valid(BigInt(index), PIECE, index > 97));
    await passes(10_000);
    expect(batches).toHaveLength(1);
    expect(batches[0]).toHaveLength(96);
    expect(batches[0]!.slice(0, 2)).toEqual([98, 99]);
    checks[0]!.done();
    await passes(3_999);
    expect(batches).toHaveLength(1);
    await passes(1);
    expect(batches[1]).toEqual([94, 95, 96, 97]);
    checks[1]!.done();
    expect(await Promise.all(given)).toEqual(given.map((_, index) => index % 2 === 0));
  });

  it('goes on after a check that failed, not before', async () => {
    const { verifier: pieces, checks } = verifier();
    const failing = pieces.valid(0n, PIECE).catch((error: unknown) => error);
    await passes(15);
    const next = pieces.valid(0n, PIECE);
    await passes(100);
    expect(checks).toHaveLength(1);
    checks[0]!.fail();
    expect(await failing).toEqual(new Error('no worker'));
    await passes(15);
    checks[1]!.done();
    expect(await next).toBe(true);
  });

  it('refuses what is no piece, or of a segment that the chain does not know, unchecked', async () => {
    const { verifier: pieces, batches } = verifier();
    expect(await pieces.valid(0n, PIECE.subarray(1))).toBe(false);
    expect(await pieces.valid(256n, PIECE)).toBe(false);
    expect([pieces.knows(255n), pieces.knows(256n)]).toEqual([true, false]);
    await passes(10_000);
    expect(batches).toEqual([]);
  });
});
