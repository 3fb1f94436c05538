import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SectorSnapshot, SectorState } from '../farm/snapshot.ts';
import type { FarmView, NodeSnapshot } from './api.ts';
import { packSectors, packSnapshot, STATES, unpackSectors, unpackSnapshot } from './sector-wire.ts';

const sectors = fc
  .array(
    fc.record({
      state: fc.constantFrom(...STATES),
      progress: fc.oneof(fc.constant(0), fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true })),
      historySize: fc.oneof(fc.constant(null), fc.integer({ min: 1, max: 2 ** 40 }).map(String)),
      error: fc.oneof(fc.constant(null), fc.string()),
    }),
    { maxLength: 40 },
  )
  .map((list) => list.map((sector, index): SectorSnapshot => ({ ...sector, index, pieces: 1000 })));

describe('sectors on their way to the page', () => {
  it('arrive as they were', () => {
    fc.assert(
      fc.property(sectors, sectors, (now, before) => {
        expect(unpackSectors(structuredClone(packSectors(now)), before)).toEqual(now);
      }),
    );
  });

  it('are the same objects where nothing changed', () => {
    fc.assert(
      fc.property(sectors, fc.nat(), (before, at) => {
        expect(unpackSectors(packSectors(before), before)).toBe(before);
        if (before.length === 0) return;
        const index = at % before.length;
        const changed = before.map((sector) =>
          sector.index === index ? { ...sector, error: `${sector.error}!` } : sector,
        );
        const after = unpackSectors(packSectors(changed), before);
        expect(
          after.filter((sector, place) => sector !== before[place]).map((sector) => sector.index),
        ).toEqual([index]);
      }),
    );
  });

  it('take a few bytes each', () => {
    const many = Array.from({ length: 20_000 }, (_, index): SectorSnapshot => ({
      index,
      state: 'plotted',
      progress: 1,
      historySize: '7',
      pieces: 1000,
      error: null,
    }));
    const { states, ages, more } = packSectors(many);
    expect([states.byteLength, ages.byteLength, more.length]).toEqual([20_000, 160_000, 0]);
  });

  it('are told apart by their farm', () => {
    const farm = (id: string, state: SectorState) =>
      ({
        id,
        sectors: [{ index: 0, state, progress: 0, historySize: null, pieces: 4, error: null }],
      }) as FarmView;
    const snapshot = { farms: [farm('a', 'planned'), farm('b', 'broken')] } as NodeSnapshot;
    const first = unpackSnapshot(packSnapshot(snapshot), null);
    expect(first).toEqual(snapshot);
    const turned = { farms: snapshot.farms.toReversed() } as NodeSnapshot;
    const second = unpackSnapshot(packSnapshot(turned), first);
    expect(second).toEqual(turned);
    expect(second.farms[0]!.sectors).toBe(first.farms[1]!.sectors);
  });
});
