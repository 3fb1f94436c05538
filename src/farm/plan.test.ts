import { expect, it } from 'vitest';
import { expirationHistorySize, sectorId } from '../protocol/sector.ts';
import { sectorExpiry } from './plan.ts';
import { FakeHistory, named } from './test-support.ts';

it('a sector expires at the size that the segment decides that ends its least life, and is replotted one before', () => {
  const key = named('farmer', 32);
  const [plottedAt, lifetime] = [3n, 4n];
  const deciding = plottedAt + lifetime - 1n;
  const history = new FakeHistory();
  const seen = new Set<string>();
  for (let sector = 0; sector < 16; sector += 1) {
    const id = sectorId(key, sector, plottedAt);
    const expiresAt = expirationHistorySize(id, plottedAt, commitmentOf(deciding), lifetime)!;
    for (let size = plottedAt; size <= 20n; size += 1n) {
      history.grow(size);
      const known = size > deciding;
      const state = !known
        ? 'unknown'
        : size >= expiresAt
          ? 'expired'
          : size === expiresAt - 1n
            ? 'expiring'
            : 'fresh';
      seen.add(state);
      expect(sectorExpiry(key, sector, plottedAt, lifetime, history)).toEqual({
        state,
        expiresAt: known ? expiresAt : null,
      });
    }
  }
  expect(seen.size).toBe(4);
});

/** The commitment of a segment in the tests' history. */
function commitmentOf(segment: bigint): Uint8Array {
  return new FakeHistory(segment + 1n).segmentCommitment(segment)!;
}
