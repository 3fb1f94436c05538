import { useCallback, useState } from 'react';
import type { ScreenProps } from '../screen-props.ts';
import type { SleepSnapshot } from '../../farm/snapshot.ts';
import type { FarmView } from '../../node/api.ts';
import { farmTotals } from '../../node/farm-totals.ts';
import { Badge, Card, ChainCauseBanner, Stat } from '../components/basics.tsx';
import { Many } from '../components/Many.tsx';
import { AddFarm } from '../farm/AddFarm.tsx';
import { FarmCard } from '../farm/FarmCard.tsx';
import { History } from '../farm/History.tsx';
import { Rewards } from '../farm/Rewards.tsx';
import { bytes, count, counted, duration } from '../format.ts';
import { useCommand } from '../hooks.ts';
import { node } from '../node-client.ts';
import { farmStatus } from '../status.ts';
import '../farm/farm.css';

/** Above so many farms each is told in short until it is managed. */
const MANY_FARMS = 4;

/** The farms: sectors, plotting, audits, proofs, rewards; where one is added. */
export default function Farm({ snapshot }: ScreenProps) {
  const { farms, chain } = snapshot;
  const [adding, setAdding] = useState(false);
  const short = farms.length > MANY_FARMS;
  const plotting = farms.filter((farm) => farm.plotting !== null);
  const totals = farmTotals(farms);
  const status = farmStatus(totals);
  const sleep = farms.map((farm) => farm.sleep).find((slept) => slept !== null) ?? null;
  return (
    <>
      <div className="head">
        <div>
          <h1>Farm</h1>
          <p>
            {farms.length === 0
              ? 'No space is given yet'
              : totals.sectors === 0
                ? `${bytes(totals.allocatedBytes)} set aside`
                : `${count(totals.plotted)} of ${counted(totals.sectors, 'sector')} plotted · ${bytes(totals.usedBytes)} of ${bytes(totals.allocatedBytes)}`}
          </p>
        </div>
        <div className="row">
          <Badge tone={status.tone} live={status.live}>
            {status.text}
          </Badge>
          <a className="button" href="#/cluster">
            Cluster
          </a>
          {farms.length > 1 && <PauseAll paused={totals.phase === 'paused'} />}
          {farms.length > 0 && (
            <button type="button" onClick={() => setAdding(!adding)} aria-expanded={adding}>
              {adding ? 'Close' : 'Add a farm'}
            </button>
          )}
        </div>
      </div>
      {farms.length > 0 && chain !== null && <ChainCauseBanner chain={chain} />}
      {sleep !== null && <Slept sleep={sleep} />}
      <div className="grid">
        {(adding || farms.length === 0) && <AddFarm snapshot={snapshot} onDone={() => setAdding(false)} />}
        {farms.length > 0 && (
          <Card>
            <div className="stats">
              <Stat label="Blocks won" value={count(totals.blocks)} note="since this tab was opened" />
              <Stat label="Votes won" value={count(totals.votes)} note="since this tab was opened" />
              <Stat
                label="Slots audited"
                value={count(totals.audited)}
                note={`${count(totals.missed)} missed`}
              />
            </div>
          </Card>
        )}
        <Many
          items={short ? farms.toSorted(troubledFirst) : farms}
          thing="farm"
          words={(farm) => `${farm.name} ${farm.place} ${farmStatus(farm).text}`}
          page={12}
        >
          {(shown) =>
            shown.map((farm) => (
              <FarmCard
                key={farm.id}
                farm={farm}
                slotMs={chain?.slotDurationMs ?? null}
                machine={snapshot.machine}
                tables={snapshot.tables}
                othersPlot={plotting.some(({ id }) => id !== farm.id)}
                short={short}
              />
            ))
          }
        </Many>
        {farms.length > 0 && (
          <>
            <div className="column span-8">
              <History farms={farms} />
            </div>
            <div className="column span-4">
              <Rewards snapshot={snapshot} />
            </div>
          </>
        )}
      </div>
    </>
  );
}

/** Of many farms those that need the person stand first; the others stay in their order. */
function troubledFirst(one: FarmView, other: FarmView): number {
  return Number(other.cause !== null) - Number(one.cause !== null);
}

function Slept({ sleep }: { sleep: SleepSnapshot }) {
  const { times, totalMs, longestMs, longestAt, missed } = sleep;
  const longest = new Date(longestAt).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  return (
    <div className="banner" role="status">
      <span>
        This tab, or the computer, slept {times === 1 ? 'once' : `${count(times)} times`}, {duration(totalMs)}{' '}
        in all
        {times === 1 ? '' : ` (longest ${duration(longestMs)})`}, last long at {longest};{' '}
        {missed === 1 ? '1 slot was' : `${count(missed)} slots were`} missed. Keep the tab visible or install
        the app, and see the computer’s power settings.
      </span>
    </div>
  );
}

function PauseAll({ paused }: { paused: boolean }) {
  const command = useCommand(useCallback(() => (paused ? node.resumeFarm() : node.pauseFarm()), [paused]));
  return (
    <button type="button" onClick={command.run} disabled={command.busy}>
      {paused ? 'Resume' : 'Pause'}
    </button>
  );
}
