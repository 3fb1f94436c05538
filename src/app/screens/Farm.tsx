import { useCallback, useState } from 'react';
import type { ScreenProps } from '../App.tsx';
import { farmTotals } from '../../node/farm-totals.ts';
import { Badge, Card, Stat } from '../components/basics.tsx';
import { AddFarm } from '../farm/AddFarm.tsx';
import { FarmCard } from '../farm/FarmCard.tsx';
import { History } from '../farm/History.tsx';
import { bytes, brief, count, duration } from '../format.ts';
import { useCommand } from '../hooks.ts';
import { node } from '../node-client.ts';
import { farmStatus } from '../status.ts';
import '../farm/farm.css';

/** The farms: sectors, plotting, audits, proofs, rewards; where one is added. */
export default function Farm({ snapshot }: ScreenProps) {
  const { farms, chain } = snapshot;
  const [adding, setAdding] = useState(false);
  const totals = farmTotals(farms);
  const status = farmStatus(totals);
  const longest = farms.map(({ sleep }) => sleep).find((sleep) => sleep !== null) ?? null;
  return (
    <>
      <div className="head">
        <div>
          <h1>Farm</h1>
          <p>
            {farms.length === 0
              ? 'No space is given yet'
              : `${count(totals.plotted)} of ${count(totals.sectors)} sectors plotted · ${bytes(totals.usedBytes)} of ${bytes(totals.allocatedBytes)}`}
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
          <button type="button" onClick={() => setAdding(!adding)} aria-expanded={adding}>
            {adding ? 'Close' : 'Add a farm'}
          </button>
        </div>
      </div>
      {longest !== null && (
        <div className="banner" role="status">
          <span>
            The browser let this tab sleep for {duration(longest.ms)}; slots of that time were missed. Keep
            the tab visible, or install the app, to avoid it.
          </span>
        </div>
      )}
      <div className="grid">
        {(adding || farms.length === 0) && <AddFarm snapshot={snapshot} onDone={() => setAdding(false)} />}
        {farms.map((farm) => (
          <FarmCard key={farm.id} farm={farm} slotMs={chain?.slotDurationMs ?? null} snapshot={snapshot} />
        ))}
        {farms.length > 0 && (
          <>
            <Card span={4}>
              <Stat label="Blocks won" value={count(totals.blocks)} note="since this tab was opened" />
            </Card>
            <Card span={4}>
              <Stat label="Votes won" value={count(totals.votes)} note="since this tab was opened" />
            </Card>
            <Card span={4}>
              <Stat
                label="Slots audited"
                value={count(totals.audited)}
                note={`${count(totals.missed)} missed`}
              />
            </Card>
          </>
        )}
        {farms.length > 0 && <History farms={farms} />}
        {farms.length > 0 && (
          <Card title="Rewards" span={4}>
            <dl className="facts">
              <dt>Paid to</dt>
              <dd className="mono" title={snapshot.rewardAddress ?? ''}>
                {snapshot.rewardAddress === null ? '–' : brief(snapshot.rewardAddress, 8)}
              </dd>
              {farms.map(({ id, name, publicKey }) => (
                <FactKey key={id} name={name} publicKey={publicKey} />
              ))}
            </dl>
            <p className="small muted">
              Every farm signs with a key of its own; all are paid to one account, which{' '}
              <a href="#/settings">Settings</a> changes. Export the keys before you clear this browser’s data.
            </p>
          </Card>
        )}
      </div>
    </>
  );
}

function FactKey({ name, publicKey }: { name: string; publicKey: string }) {
  return (
    <>
      <dt>Key of {name}</dt>
      <dd className="mono" title={publicKey}>
        {publicKey === '' ? '–' : brief(publicKey, 8)}
      </dd>
    </>
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
