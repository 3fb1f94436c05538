import type { SectorSnapshot } from '../../node/api.ts';
import { sectorCounts, sectorSummary, sectorText } from './sector-text.ts';
import { SectorMap } from './SectorMap.tsx';

/** Above so many sectors each is a small square on a canvas, and the grid is folded away where others are. */
export const MANY_SECTORS = 400;
/** Above so many the plots of land are small. */
const DENSE = 160;

/** Every sector as a plot of land; the same facts stand in words below for those who do not see it. */
export function SectorGrid({ sectors }: { sectors: SectorSnapshot[] }) {
  const summary = sectorSummary(sectors);
  return (
    <div className="stack">
      {sectors.length > MANY_SECTORS ? (
        <>
          <SectorMap sectors={sectors} summary={summary} />
          <p className="legend">
            {sectorCounts(sectors).map(({ state, text }) => (
              <span key={state}>
                <i className="sector-key" data-state={state} /> {text}
              </span>
            ))}
          </p>
        </>
      ) : (
        <>
          <div
            className={`sectors ${sectors.length > DENSE ? 'dense' : ''}`}
            role="img"
            aria-label={`Sectors: ${summary}`}
          >
            {sectors.map((sector) => (
              <Sector key={sector.index} sector={sector} />
            ))}
          </div>
          <p className="small muted">{summary}</p>
        </>
      )}
    </div>
  );
}

function Sector({ sector }: { sector: SectorSnapshot }) {
  const growing = sector.state === 'downloading' || sector.state === 'encoding' || sector.state === 'writing';
  return (
    <div className="sector" data-state={sector.state} title={sectorText(sector)}>
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
