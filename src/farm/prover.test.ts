import { describe, expect, it } from 'vitest';
import { ContentsMap } from '../protocol/contents-map.ts';
import { BITFIELD_BYTES, evaluationSeed, RECORD_METADATA_BYTES } from '../protocol/sector.ts';
import type { Candidate } from './auditor.ts';
import { proveCandidate } from './prover.ts';
import type { SectorFile } from './sector-file.ts';
import { FakePool, fakeSolution, named, slotAt } from './test-support.ts';

const SLOT = slotAt(9);
const OWN = { publicKey: named('farmer', 32), rewardAddress: named('reward', 32) };
const { chunk, chunkWitness, proofOfSpace } = fakeSolution(OWN.rewardAddress);
const ID = named('sector', 32);
const METADATA = named('metadata', RECORD_METADATA_BYTES);

/** The first record is masked in the upper half of the s-buckets, the second stored as it is in the lower half. */
const map = new ContentsMap([
  new Uint8Array(BITFIELD_BYTES).fill(255, BITFIELD_BYTES / 2),
  new Uint8Array(BITFIELD_BYTES),
]);
const MASKED = 40_000;
const BARE = 7;

function candidate(sBucket: number, index: number): Candidate {
  const file = {
    metadata: { historySize: 3n },
    readContentsMap: async () => map,
    readRecordChunks: async (_: ContentsMap, offset: number) => Uint8Array.of(offset),
    readRecordMetadata: async (offset: number) => METADATA.map((byte) => byte ^ offset),
  } as unknown as SectorFile;
  return { sector: { sectorIndex: 5, sectorId: ID, file }, sBucket, chunk: index, distance: 1n };
}

describe('a winning chunk', () => {
  it('is proven from its record, and the proof checked against the range of votes', async () => {
    const asked: unknown[] = [];
    const pool = new FakePool({
      'solution.prove': (input) => {
        asked.push(input);
        return { chunk, chunkWitness, proofOfSpace };
      },
      'solution.check': (input) => {
        asked.push(input);
        return { distance: 1n };
      },
    });
    const { signal } = new AbortController();
    const solution = await proveCandidate(candidate(MASKED, 0), SLOT, { pool, ...OWN, signal });
    expect(solution).toEqual({
      ...OWN,
      sectorIndex: 5,
      historySize: 3n,
      pieceOffset: 0,
      recordCommitment: METADATA.slice(0, 48),
      recordWitness: METADATA.slice(48, 96),
      chunk,
      chunkWitness,
      proofOfSpace,
    });
    const bitfield = map.bitfields[0];
    expect(asked).toEqual([
      { evaluationSeed: evaluationSeed(ID, 0), sBucket: MASKED, bitfield, chunks: Uint8Array.of(0) },
      { solution, globalChallenge: SLOT.globalChallenge, solutionRange: SLOT.votingSolutionRange },
    ]);
  });

  it('wins nothing where it is stored as it is, and breaks the sector where there is none', async () => {
    const context = { pool: new FakePool(), ...OWN, signal: new AbortController().signal };
    expect(await proveCandidate(candidate(BARE, 0), SLOT, context)).toBeNull();
    for (const sBucket of [BARE, MASKED])
      await expect(proveCandidate(candidate(sBucket, 1), SLOT, context)).rejects.toMatchObject({
        code: 'sector-broken',
      });
  });

  it('is no fault of the sector where time ran out', async () => {
    const late = new AbortController();
    const reason = new Error('too late');
    const pool = new FakePool({
      'solution.prove': () => ({ chunk, chunkWitness, proofOfSpace }),
      'solution.check': () => {
        late.abort(reason);
        throw new Error('given up');
      },
    });
    const proof = proveCandidate(candidate(MASKED, 0), SLOT, { pool, ...OWN, signal: late.signal });
    await expect(proof).rejects.toBe(reason);
    // Nor is anything asked for any more.
    await expect(
      proveCandidate(candidate(MASKED, 0), SLOT, { pool, ...OWN, signal: late.signal }),
    ).rejects.toBe(reason);
    expect(pool.calls['solution.prove']).toBe(1);
  });
});
