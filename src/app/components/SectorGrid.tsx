import type { SectorState, SectorSnapshot } from '../../node/api.ts';
import { count } from '../format.ts';

const words: Record<SectorState, string> = {
  planned: 'planned',
  downloading: 'fetching pieces',
  encoding: 'encoding',
  writing: 'writing',
  plotted: 'plotted',
  expiring: 'expires soon',
  expired: 'expired',
  broken: 'broken',
};

const DRAWN_AT_MOST = 1500;

/** How many sectors are in which state. */
export function sectorSummary(sectors: SectorSnapshot[]): string {
  const counts = new Map<SectorState, number>();
  for (const sector of sectors) counts.set(sector.state, (counts.get(sector.state) ?? 0) + 1);
  return [...counts].map(([state, number]) => `${count(number)} ${words[state]}`).join(', ');
}

/** Every sector as a plot of land; the same facts stand in words below for those who do not see it. */
export function SectorGrid({ sectors }: { sectors: SectorSnapshot[] }) {
  const drawn = sectors.slice(0, DRAWN_AT_MOST);
  const summary = sectorSummary(sectors);
  return (
    <div className="stack">
      <div
        className={`sectors ${sectors.length > 160 ? 'dense' : ''}`}
        role="img"
        aria-label={`Sectors: ${summary}`}
      >
        {drawn.map((sector) => (
          <Sector key={sector.index} sector={sector} />
        ))}
      </div>
      <p className="small muted">
        {summary}
        {sectors.length > drawn.length ? ` (the first ${count(drawn.length)} drawn)` : ''}
      </p>
    </div>
  );
}

function Sector({ sector }: { sector: SectorSnapshot }) {
  const growing = sector.state === 'downloading' || sector.state === 'encoding' || sector.state === 'writing';
  return (
    <div
      className="sector"
      data-state={sector.state}
      title={`Sector ${sector.index}: ${words[sector.state]}${sector.error === null ? '' : `. ${sector.error}`}`}
    >
      {growing && (
        <span
          className="fill"
          ref={(fill) => fill?.style.setProperty('height', `${Math.round(sector.progress * 100)}%`)}
        />
      )}
      {sector.state === 'plotted' ? <Sprout /> : sector.index}
    </div>
  );
}

function Sprout() {
  return (
    <svg className="sprout" viewBox="0 0 24 24" fill="currentColor" aria-hidden="true">
      <path d="M11 21v-8.500C5.500 12.500 3.500 9.500 3.500 5c4 .2 6.700 1.600 8 4.600C12.800 6 15.600 3.800 20.500 3.500c0 6-2.600 9-7.500 9V21z" />
    </svg>
  );
}
