import { useCallback } from 'react';
import type { ScreenProps } from '../App.tsx';
import type { FarmView, SlotOutcome } from '../../node/api.ts';
import { Badge, Card, CauseBanner, Empty, Meter, Stat } from '../components/basics.tsx';
import { SectorGrid } from '../components/SectorGrid.tsx';
import { ago, brief, bytes, count, duration, timeLeft } from '../format.ts';
import { useCommand, useNow } from '../hooks.ts';
import { node } from '../node-client.ts';
import { farmStatus } from '../status.ts';

/** The farm: sectors, plotting, audits, proofs, rewards. */
export default function Farm({ snapshot }: ScreenProps) {
  const { farm } = snapshot;
  if (farm === null || farm.phase === 'off') {
    return (
      <>
        <h1>Farm</h1>
        <Card title="Not farming">
          <p className="muted">
            Give this tab some space in <a href="#/settings">Settings</a> and it plots sectors and farms.
          </p>
        </Card>
      </>
    );
  }
  return <FarmScreen farm={farm} />;
}

function FarmScreen({ farm }: { farm: FarmView }) {
  const status = farmStatus(farm);
  return (
    <>
      <div className="head">
        <div>
          <h1>Farm</h1>
          <p>
            {farm.place} · {bytes(farm.usedBytes)} of {bytes(farm.allocatedBytes)}
          </p>
        </div>
        <div className="row">
          <Badge tone={status.tone} live={status.live}>
            {status.text}
          </Badge>
          <PauseButton farm={farm} />
        </div>
      </div>
      {farm.cause !== null && (
        <CauseBanner
          cause={farm.cause}
          tone={farm.phase === 'failed' ? 'bad' : 'warn'}
          onAction={() => void node.resumeFarm()}
        />
      )}
      {farm.sleep !== null && (
        <div className="banner" role="status">
          <span>
            The browser let this tab sleep for {duration(farm.sleep.ms)}; slots of that time were missed. Keep
            the tab visible, or install the app, to avoid it.
          </span>
        </div>
      )}
      <div className="grid">
        <Card
          title="Sectors"
          aside={<span className="muted small">{farm.piecesInSector ?? '–'} pieces each</span>}
        >
          <SectorGrid sectors={farm.sectors} />
          <Plotting farm={farm} />
        </Card>
        <Card span={3}>
          <Stat
            label="Blocks won"
            value={count(farm.rewards.blocks)}
            note={`${count(farm.rewards.votes)} votes`}
          />
        </Card>
        <Card span={3}>
          <Stat
            label="Slots audited"
            value={count(farm.slots.audited)}
            note={`${count(farm.slots.missed)} missed`}
          />
        </Card>
        <Card span={3}>
          <Stat
            label="Audit, median"
            value={farm.slots.medianAuditMs === null ? '–' : duration(farm.slots.medianAuditMs)}
            note={farm.slots.lastAuditMs === null ? '' : `last ${duration(farm.slots.lastAuditMs)}`}
          />
        </Card>
        <Card span={3}>
          <Stat
            label="Proof, median"
            value={farm.proofs.medianMs === null ? '–' : duration(farm.proofs.medianMs)}
            note={
              farm.proofs.deadlineMs === null
                ? ''
                : `the network waits ${duration(farm.proofs.deadlineMs)} · ${count(farm.proofs.late)} late`
            }
          />
        </Card>
        <Card title="What the audits found" span={8}>
          <Outcomes history={farm.history} />
        </Card>
        <Card title="Identity" span={4}>
          <dl className="facts">
            <dt>Farmer key</dt>
            <dd className="mono" title={farm.publicKey ?? ''}>
              {farm.publicKey === null ? '–' : brief(farm.publicKey, 10)}
            </dd>
            <dt>Rewards go to</dt>
            <dd className="mono" title={farm.rewardAddress ?? ''}>
              {farm.rewardAddress === null ? '–' : brief(farm.rewardAddress, 8)}
            </dd>
          </dl>
          <p className="small muted">Export the key in Settings before you clear this browser’s data.</p>
        </Card>
      </div>
    </>
  );
}

function PauseButton({ farm }: { farm: FarmView }) {
  const paused = farm.phase === 'paused';
  const command = useCommand(useCallback(() => (paused ? node.resumeFarm() : node.pauseFarm()), [paused]));
  return (
    <button type="button" onClick={command.run} disabled={command.busy}>
      {paused ? 'Resume' : 'Pause'}
    </button>
  );
}

function Plotting({ farm }: { farm: FarmView }) {
  const plotting = farm.plotting;
  if (plotting === null) return null;
  const done = plotting.piecesTotal === 0 ? 0 : plotting.piecesDone / plotting.piecesTotal;
  const parts = [
    `${plotting.piecesDone} of ${plotting.piecesTotal} pieces`,
    plotting.bytesPerSecond > 0 ? `${bytes(plotting.bytesPerSecond)}/s` : null,
    plotting.etaSeconds === null ? null : timeLeft(plotting.etaSeconds),
  ];
  return (
    <div className="stack">
      <p>
        <strong>Sector {plotting.sector}</strong> · {plotting.stage} ·{' '}
        <span className="muted">{parts.filter((part) => part !== null).join(' · ')}</span>
      </p>
      <Meter value={done} label={`Plotting sector ${plotting.sector}`} />
    </div>
  );
}

const outcomeWords: Record<
  SlotOutcome['outcome'],
  { text: string; tone: 'good' | 'info' | 'warn' | 'bad' | 'plain' }
> = {
  nothing: { text: 'nothing', tone: 'plain' },
  proving: { text: 'proving', tone: 'info' },
  submitted: { text: 'submitted', tone: 'info' },
  'won-block': { text: 'won a block', tone: 'good' },
  'won-vote': { text: 'won a vote', tone: 'good' },
  missed: { text: 'missed', tone: 'warn' },
  rejected: { text: 'rejected', tone: 'bad' },
};

function Outcomes({ history }: { history: SlotOutcome[] }) {
  const now = useNow(2000);
  const notable = history.filter((entry) => entry.outcome !== 'nothing').slice(0, 12);
  if (notable.length === 0) {
    return <Empty>No winning chunk yet. Each slot, one s-bucket of every plotted sector is audited.</Empty>;
  }
  return (
    <div className="scroll">
      <table className="outcomes">
        <thead>
          <tr>
            <th>Slot</th>
            <th>Outcome</th>
            <th>Sector</th>
            <th className="num">Audit</th>
            <th className="num">Proof</th>
            <th>When</th>
          </tr>
        </thead>
        <tbody>
          {notable.map((entry) => (
            <tr key={`${entry.slot}-${entry.sector}`}>
              <td>{entry.slot}</td>
              <td>
                <Badge tone={outcomeWords[entry.outcome].tone}>{outcomeWords[entry.outcome].text}</Badge>{' '}
                {entry.reason !== null && <span className="small muted">{entry.reason}</span>}
              </td>
              <td>{entry.sector ?? '–'}</td>
              <td className="num">{entry.auditMs === null ? '–' : duration(entry.auditMs)}</td>
              <td className="num">{entry.proveMs === null ? '–' : duration(entry.proveMs)}</td>
              <td className="muted">{ago(entry.at, now)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
