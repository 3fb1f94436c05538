import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { concat, equal } from '../protocol/bytes.ts';
import { PIECES_IN_SEGMENT } from '../protocol/constants.ts';
import { blake3Hash, hashToScalar } from '../protocol/hash.ts';
import { RECORD_METADATA_BYTES, sectorLayout } from '../protocol/sector.ts';
import { positionOfPiece, segmentOfPiece } from '../protocol/segment.ts';
import type { JobInput } from '../crypto/jobs.ts';
import type { PlottedSector } from '../protocol/cluster/values.ts';
import { planSector, type SectorPlan } from '../farm/plan.ts';
import { defaultSample } from '../farm/encoding-check.ts';
import { encodeSector } from '../farm/plotter.ts';
import { FakeHistory, type FakePool, FakeSource, named, plottingPool, RULES } from '../farm/test-support.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import { checkedSector, requirePlanned } from './sector-check.ts';

const PIECES = 2;
const { signal } = new AbortController();
const sound = plottingPool({ 'kzg.verify': () => ({ bad: [] }) });
const history = new FakeHistory();

let plan: SectorPlan;
let plotted: PlottedSector;
let bytes: Uint8Array;

beforeAll(async () => {
  plan = planSector(named('farmer', 32), 0, 3n, PIECES, RULES);
  const context = {
    pool: sound,
    history,
    pieces: new FakeSource(),
    directory: new MemoryDirectory(),
    concurrency: 1,
    signal,
    progress: () => undefined,
    badPiece: () => undefined,
  };
  await encodeSector(plan, context, async ({ metadata, parts }) => {
    const all: Uint8Array[] = [];
    for await (const part of parts) all.push(part.slice());
    bytes = concat(...all);
    const pieceIndexes = plan.pieces.map(({ index }) => index);
    plotted = { sectorId: plan.sectorId, sectorIndex: 0, metadata, pieceIndexes };
  });
});

/** The sector with a checksum that fits whatever was done to it. */
function resealed(changed: Uint8Array): Uint8Array {
  const { checksum } = sectorLayout(PIECES);
  const result = changed.slice();
  result.set(blake3Hash(result.subarray(0, checksum)), checksum);
  return result;
}

/** Why a sector is refused, or that it passed as it is. */
async function outcome(
  sector: Uint8Array,
  size = 1_800_000,
  pool: FakePool = sound,
  said = plotted,
  sample: number | undefined = PIECES,
): Promise<string> {
  async function* parts() {
    for (let from = 0; from < sector.length; from += size) yield sector.subarray(from, from + size);
  }
  const context = { pool, history, pieces: new FakeSource(), sample, signal };
  const passed: Uint8Array[] = [];
  try {
    for await (const part of checkedSector(parts(), said, plan, context)) passed.push(part);
  } catch (error) {
    return (error as Error).message;
  }
  return equal(concat(...passed), sector) ? 'passed' : 'changed';
}

describe('a sector that somebody else encoded', () => {
  it('passes whole, however it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.integer({ min: 3_000, max: 20_000 }), fc.integer({ min: 20_000, max: 3_000_000 })),
        async (size) => {
          expect(await outcome(bytes, size)).toBe('passed');
        },
      ),
      { numRuns: 6 },
    );
  });

  it('is refused when it is too short or too long', async () => {
    const { length } = bytes;
    const short = (seen: number) => `wrong-sector: it has ${seen} bytes, ${length} expected`;
    expect(await outcome(bytes.subarray(0, -1))).toBe(short(length - 1));
    expect(await outcome(concat(bytes, Uint8Array.of(0)))).toBe(
      `wrong-sector: it has more than ${length} bytes`,
    );
    expect(await outcome(new Uint8Array(0))).toBe(short(0));
    expect(await outcome(bytes.subarray(0, 10))).toBe(short(10));
  });

  it('is read no further once it is too long', async () => {
    let given = 0;
    async function* endless() {
      for (; given < 100; given += 1) yield bytes;
    }
    const taken = async () => {
      const context = { pool: sound, history, pieces: new FakeSource(), sample: 0, signal };
      for await (const part of checkedSector(endless(), plotted, plan, context)) expect(part).toBe(bytes);
    };
    await expect(taken()).rejects.toMatchObject({ code: 'wrong-sector' });
    expect(given).toBe(1);
  });

  it('is held to its checksum where nothing else is looked at', async () => {
    const spoiled = bytes.slice();
    spoiled[sectorLayout(PIECES).recordChunks + 5]! ^= 1;
    const differs = 'wrong-sector: its checksum differs';
    expect(await outcome(spoiled, undefined, sound, plotted, 0)).toBe(differs);
    expect(await outcome(resealed(spoiled), undefined, sound, plotted, 0)).toBe('passed');
    const ofChecksum = bytes.slice();
    ofChecksum[bytes.length - 1]! ^= 1;
    expect(await outcome(ofChecksum)).toBe(differs);
  });

  it('is refused for any byte that is another, even where the checksum was made to fit', async () => {
    const { recordChunks, recordMetadata, checksum } = sectorLayout(PIECES);
    const places = [0, recordChunks - 1, recordChunks, recordMetadata - 1, recordMetadata, checksum - 1];
    for (const place of places) {
      const changed = bytes.slice();
      changed[place]! ^= 1;
      expect(await outcome(changed)).toContain('wrong-sector');
      expect(await outcome(resealed(changed))).toContain('wrong-sector');
    }
  });

  it('is refused when it is another one than the one ordered', () => {
    expect(() => requirePlanned(plotted, plan)).not.toThrow();
    const { metadata, pieceIndexes } = plotted;
    for (const other of [
      { sectorId: named('other', 32) },
      { sectorIndex: 1 },
      { metadata: { ...metadata, sectorIndex: 1 } },
      { metadata: { ...metadata, historySize: 4n } },
      { metadata: { ...metadata, piecesInSector: 1 } },
      { pieceIndexes: pieceIndexes.with(1, 1n << 40n) },
      { pieceIndexes: pieceIndexes.slice(0, 1) },
      { pieceIndexes: [...pieceIndexes, 0n] },
    ])
      expect(() => requirePlanned({ ...plotted, ...other }, plan)).toThrow(/another sector/);
  });

  it('is refused when a record of it is not in the history, at its place', async () => {
    const asked: JobInput<'kzg.verify'>['openings'] = [];
    const doubting = plottingPool({
      'kzg.verify': ({ openings }) => {
        asked.push(...openings);
        return { bad: [1] };
      },
    });
    expect(await outcome(bytes, undefined, doubting)).toBe(
      'wrong-sector: the record at offset 1 is not part of the history',
    );
    const { recordMetadata } = sectorLayout(PIECES);
    expect(asked).toEqual(
      plan.pieces.map(({ index }, offset) => {
        const own = bytes.subarray(recordMetadata + offset * RECORD_METADATA_BYTES);
        return {
          commitment: history.segmentCommitment(segmentOfPiece(index)),
          domain: PIECES_IN_SEGMENT,
          index: positionOfPiece(index),
          value: hashToScalar(own.subarray(0, 48)),
          witness: own.slice(48, 96),
        };
      }),
    );
  });

  it('is refused when it says other sizes of its s-buckets than it has', async () => {
    const sBucketSizes = plotted.metadata.sBucketSizes.slice();
    sBucketSizes[9]! += 1;
    const said = { ...plotted, metadata: { ...plotted.metadata, sBucketSizes } };
    expect(await outcome(bytes, undefined, sound, said)).toContain('its s-bucket sizes');
  });

  it('is sampled by its size', () => {
    expect([1, 2, 4, 1000].map(defaultSample)).toEqual([1, 2, 2, 16]);
  });
});
