import type { SectorSnapshot, SectorState } from '../../node/api.ts';
import { count } from '../format.ts';

/** Sectors’ states, and with them what plotting is at, in words. */
export const sectorWords: Record<SectorState, string> = {
  planned: 'planned',
  downloading: 'fetching pieces',
  encoding: 'encoding',
  writing: 'writing',
  plotted: 'plotted',
  expiring: 'expires soon',
  expired: 'expired',
  broken: 'broken',
};

/** What a sector is, in a line. */
export function sectorText({ index, state, error }: SectorSnapshot): string {
  return `Sector ${index}: ${sectorWords[state]}${error === null ? '' : `. ${error}`}`;
}

/** How many sectors are in which state, a text for each. */
export function sectorCounts(sectors: readonly SectorSnapshot[]): { state: SectorState; text: string }[] {
  const counts = new Map<SectorState, number>();
  for (const sector of sectors) counts.set(sector.state, (counts.get(sector.state) ?? 0) + 1);
  return [...counts].map(([state, number]) => ({ state, text: `${count(number)} ${sectorWords[state]}` }));
}

/** The same in one line. */
export function sectorSummary(sectors: readonly SectorSnapshot[]): string {
  return sectorCounts(sectors)
    .map(({ text }) => text)
    .join(', ');
}
