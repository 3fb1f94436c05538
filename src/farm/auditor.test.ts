import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromLittleEndian, littleEndian } from '../protocol/bytes.ts';
import { auditedSBucket, sectorSlotChallenge } from '../protocol/sector.ts';
import { auditSlot, type AuditedSector } from './auditor.ts';
import type { SectorFile } from './sector-file.ts';
import { FakePool, slotAt } from './test-support.ts';

const SLOT = slotAt(7);

/** A sector whose id and chunks say which it is; chunks: those in the audited s-bucket, null: it cannot be read. */
function sectorOf(sectorIndex: number, chunks: number | null): AuditedSector {
  const sectorId = littleEndian(sectorIndex, 32);
  const audited = auditedSBucket(sectorSlotChallenge(sectorId, SLOT.globalChallenge));
  const readSBucket = async (sBucket: number): Promise<Uint8Array> => {
    if (chunks === null || sBucket !== audited) throw new Error(`s-bucket ${sBucket} of ${sectorIndex}`);
    return new Uint8Array(32 * chunks).fill(sectorIndex & 255);
  };
  return { sectorIndex, sectorId, file: { readSBucket } as unknown as SectorFile };
}

/** Of every sector that it is shown the last chunk wins, at a distance that its index alone decides. */
const distanceOf = (sectorIndex: number): bigint => BigInt((sectorIndex * 7919) % 4099);
const pool = () =>
  new FakePool({
    'sector.audit': ({ globalChallenge, solutionRange, sBuckets }) => {
      expect([globalChallenge, solutionRange]).toEqual([SLOT.globalChallenge, SLOT.votingSolutionRange]);
      const winners = sBuckets.map(({ sectorId, chunks }, sBucket) => {
        const index = Number(fromLittleEndian(sectorId));
        return { sBucket, chunk: chunks.length / 32 - 1, distance: distanceOf(index) };
      });
      return { winners };
    },
  });

describe('an audit', () => {
  it('looks once at every sector that can be read, however many, and gives what wins nearest first', async () => {
    const contents = fc.option(fc.nat(3), { freq: 8 });
    const farms = fc.oneof(
      fc.array(contents, { maxLength: 70 }),
      fc
        .constantFrom(511, 512, 513, 1_100)
        .chain((length) => fc.array(contents, { minLength: length, maxLength: length })),
    );
    await fc.assert(
      fc.asyncProperty(farms, async (chunks) => {
        const sectors = chunks.map((count, index) => sectorOf(index, count));
        const { candidates, failed, ...told } = await auditSlot(sectors, SLOT, pool());
        expect(candidates.map(({ distance }) => distance)).toEqual(
          candidates.map(({ sector }) => distanceOf(sector.sectorIndex)).toSorted((a, b) => Number(a - b)),
        );
        const seen = candidates.toSorted((a, b) => a.sector.sectorIndex - b.sector.sectorIndex);
        expect(seen.map(({ sector, sBucket, chunk }) => [sector, sBucket, chunk])).toEqual(
          sectors.flatMap((sector, index) => {
            const sBucket = auditedSBucket(sectorSlotChallenge(sector.sectorId, SLOT.globalChallenge));
            return chunks[index] ? [[sector, sBucket, chunks[index] - 1]] : [];
          }),
        );
        expect(failed.map(({ sectorIndex }) => sectorIndex).toSorted((a, b) => a - b)).toEqual(
          chunks.flatMap((count, index) => (count === null ? [index] : [])),
        );
        const bytes = chunks.reduce<number>((sum, count) => sum + 32 * (count ?? 0), 0);
        expect(told).toEqual({ sectors: sectors.length, bytes });
      }),
      { numRuns: 30 },
    );
  });
});
