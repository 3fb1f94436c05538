/**
 * Sectors of a farm as they cross from the node's worker to the page: a byte each, and a few words for the few that
 * have more to say. A farm may have 65 534, and its snapshot crosses four times a second.
 */
import type { SectorSnapshot, SectorState } from '../farm/snapshot.ts';
import type { FarmView, NodeSnapshot } from './api.ts';

/** States of a sector by the byte that crosses for each. */
export const STATES: readonly SectorState[] = [
  'planned',
  'downloading',
  'encoding',
  'writing',
  'plotted',
  'expiring',
  'expired',
  'broken',
];

export interface PackedSectors {
  /** Index into the states, a byte a sector. */
  states: Uint8Array;
  /** History size a sector was plotted at; 0: none. */
  ages: Float64Array;
  pieces: number;
  /** Sectors whose progress does not follow from their state, and those with an error. */
  more: { index: number; progress: number; error: string | null }[];
}

/** Progress of a sector that nothing else is said of. */
function usualProgress(state: SectorState): number {
  return state === 'plotted' || state === 'expiring' || state === 'expired' ? 1 : 0;
}

/** Sectors, packed. */
export function packSectors(sectors: readonly SectorSnapshot[]): PackedSectors {
  const packed: PackedSectors = {
    states: new Uint8Array(sectors.length),
    ages: new Float64Array(sectors.length),
    pieces: sectors[0]?.pieces ?? 0,
    more: [],
  };
  sectors.forEach(({ state, progress, historySize, error }, index) => {
    packed.states[index] = STATES.indexOf(state);
    packed.ages[index] = historySize === null ? 0 : Number(historySize);
    if (error !== null || progress !== usualProgress(state)) packed.more.push({ index, progress, error });
  });
  return packed;
}

/** The sectors again. Those that are as in `before`, which was unpacked last, are the same objects. */
export function unpackSectors(
  packed: PackedSectors,
  before: readonly SectorSnapshot[] = [],
): SectorSnapshot[] {
  const { states, ages, pieces } = packed;
  const more = new Map(packed.more.map((entry) => [entry.index, entry]));
  let same = states.length === before.length;
  const sectors = Array.from(states, (number, index): SectorSnapshot => {
    const state = STATES[number] ?? 'planned';
    const { progress, error } = more.get(index) ?? { progress: usualProgress(state), error: null };
    const age = ages[index]!;
    const old = before[index];
    const unchanged =
      old !== undefined &&
      old.state === state &&
      old.progress === progress &&
      old.error === error &&
      Number(old.historySize ?? 0) === age;
    if (unchanged) return old;
    same = false;
    return { index, state, progress, historySize: age === 0 ? null : String(age), pieces, error };
  });
  return same ? (before as SectorSnapshot[]) : sectors;
}

/** A snapshot as it crosses to the page. */
export type PackedSnapshot = Omit<NodeSnapshot, 'farms'> & {
  farms: (Omit<FarmView, 'sectors'> & { sectors: PackedSectors })[];
};

/** A snapshot with its sectors packed. */
export function packSnapshot(snapshot: NodeSnapshot): PackedSnapshot {
  const farms = snapshot.farms.map((farm) => ({ ...farm, sectors: packSectors(farm.sectors) }));
  return { ...snapshot, farms };
}

/** The snapshot again; `before`: the one that was unpacked last. */
export function unpackSnapshot(packed: PackedSnapshot, before: NodeSnapshot | null): NodeSnapshot {
  const known = new Map(before?.farms.map(({ id, sectors }) => [id, sectors]));
  const farms = packed.farms.map((farm) => ({
    ...farm,
    sectors: unpackSectors(farm.sectors, known.get(farm.id)),
  }));
  return { ...packed, farms };
}
