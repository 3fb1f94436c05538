import { memo, useCallback, useState } from 'react';
import { bytesOfSectors, sectorsIn } from '../../farm/sectors.ts';
import { farmHealth, type FarmHealth } from '../../farm/health.ts';
import type { FarmTaskView, FarmView, NodeSnapshot, TablesView } from '../../node/api.ts';
import { Badge, Card, Meter, Name } from '../components/basics.tsx';
import { Failure } from '../components/forms.tsx';
import { MANY_SECTORS, SectorGrid } from '../components/SectorGrid.tsx';
import { sectorSummary, sectorWords } from '../components/sector-text.ts';
import { saveFile } from '../files.ts';
import { bytes, count, counted, duration, timeLeft } from '../format.ts';
import { useCommand } from '../hooks.ts';
import { node } from '../node-client.ts';
import { farmStatus } from '../status.ts';
import { PLOTTED_BY } from './plotted-by.ts';
import { Elsewhere } from './Elsewhere.tsx';
import { canPickFolders, pickFolder } from './folders.ts';
import { Space } from './Space.tsx';
import { Trouble } from './Trouble.tsx';

/** One farm: where it lies, what it does, how well, and everything that can be done with it. */
export const FarmCard = memo(function FarmCard(props: {
  farm: FarmView;
  slotMs: number | null;
  machine: NodeSnapshot['machine'];
  tables: TablesView;
  /** Whether another farm is plotting, for which this one waits. */
  othersPlot: boolean;
  /** Without its sectors and figures, until it is managed. */
  short: boolean;
}) {
  const { farm, slotMs } = props;
  const [open, setOpen] = useState(false);
  const short = props.short && !open;
  const queues = farm.phase === 'plotting' && farm.plotting === null && props.othersPlot;
  const status = queues ? ({ text: 'Next in line', tone: 'plain', live: false } as const) : farmStatus(farm);
  return (
    <Card
      span={short ? 6 : 12}
      title={
        farm.kind === 'opfs' ? (
          farm.name
        ) : (
          <>
            Folder “<Name>{farm.name}</Name>”
          </>
        )
      }
      aside={
        <div className="row">
          <Badge tone={status.tone} live={status.live}>
            {status.text}
          </Badge>
          {!short && <PauseButton farm={farm} />}
          <button type="button" aria-expanded={open} onClick={() => setOpen(!open)}>
            {open ? 'Less' : 'Manage'}
          </button>
        </div>
      }
    >
      {farm.cause !== null && <Trouble farm={farm} cause={farm.cause} />}
      {farm.held !== null && (farm.phase === 'waiting' || farm.phase === 'starting') && (
        <p className="banner info" role="status">
          <span>{farm.held}</span>
          {farm.readOnly ? null : farm.phase === 'waiting' ? (
            <a href="#/settings/when-to-plot">Change when to plot</a>
          ) : (
            <a href="#/chain">See the chain</a>
          )}
        </p>
      )}
      {farm.task !== null && <Task id={farm.id} task={farm.task} />}
      {farm.sectors.length > 0 &&
        (short ? <p className="small muted">{sectorSummary(farm.sectors)}</p> : <Sectors farm={farm} />)}
      <Plotting farm={farm} tables={props.tables} />
      {queues && !short && <p className="small muted">Waits for its turn: farms plot one after the other.</p>}
      {!short && <Health farm={farm} slotMs={slotMs} />}
      {open && <Manage farm={farm} machine={props.machine} />}
    </Card>
  );
});

function Sectors({ farm }: { farm: FarmView }) {
  if (farm.sectors.length <= MANY_SECTORS) return <SectorGrid sectors={farm.sectors} />;
  return (
    <details>
      <summary>Sectors: {sectorSummary(farm.sectors)}</summary>
      <SectorGrid sectors={farm.sectors} />
    </details>
  );
}

function PauseButton({ farm }: { farm: FarmView }) {
  const paused = farm.phase === 'paused';
  const command = useCommand(
    useCallback(() => (paused ? node.resumeFarm(farm.id) : node.pauseFarm(farm.id)), [paused, farm.id]),
  );
  if (farm.phase === 'failed' || farm.phase === 'starting') return null;
  return (
    <button
      type="button"
      title={`${paused ? 'Resume' : 'Pause'} plotting in ${farm.place}`}
      onClick={command.run}
      disabled={command.busy}
    >
      {paused ? 'Resume' : 'Pause'}
    </button>
  );
}

function paceWords(pieces: number): string {
  return pieces < 10 ? pieces.toPrecision(2) : count(Math.round(pieces));
}

function Plotting({ farm, tables }: { farm: FarmView; tables: TablesView }) {
  const plotting = farm.plotting;
  if (plotting === null) return null;
  const done = plotting.piecesTotal === 0 ? 0 : plotting.piecesDone / plotting.piecesTotal;
  const parts = [
    PLOTTED_BY[plotting.by],
    plotting.by === 'tab' && tables.state === 'used' ? 'with the graphics processor' : null,
    `${plotting.piecesDone} of ${plotting.piecesTotal} pieces`,
    plotting.piecesPerMinute === null ? null : `${paceWords(plotting.piecesPerMinute)} a minute`,
    plotting.bytesPerSecond > 0 ? `${bytes(plotting.bytesPerSecond)}/s` : null,
    plotting.secondsPerSector === null ? null : pace(plotting.secondsPerSector),
    plotting.etaSeconds === null ? null : timeLeft(plotting.etaSeconds),
  ];
  return (
    <div className="stack">
      <p>
        <strong>Sector {plotting.sector}</strong> · {sectorWords[plotting.stage]} ·{' '}
        <span className="muted">{parts.filter((part) => part !== null).join(' · ')}</span>
      </p>
      <Meter value={done} label={`Plotting sector ${plotting.sector}`} />
    </div>
  );
}

function pace(secondsPerSector: number): string {
  const perHour = 3600 / secondsPerSector;
  return `${duration(secondsPerSector * 1000)} a sector, ${perHour.toFixed(perHour < 10 ? 1 : 0)} an hour`;
}

function Health({ farm, slotMs }: { farm: FarmView; slotMs: number | null }) {
  const { slots, proofs, piecesInSector } = farm;
  if (piecesInSector === null) return null;
  const health = farmHealth(farm, slotMs);
  const tried = proofs.accepted + proofs.late + proofs.rejected;
  if (health.score === null && tried === 0 && proofs.medianMs === null && slots.medianAuditMs === null)
    return null;
  return (
    <dl className="health">
      <div>
        <dt>Health</dt>
        <dd>
          {health.score === null ? '–' : `${Math.round(health.score * 100)} %`}
          <span className="small muted"> {wordOf(health)}</span>
        </dd>
      </div>
      <div>
        <dt>Audit</dt>
        <dd>
          {slots.medianAuditMs === null ? '–' : duration(slots.medianAuditMs)}
          <span className="small muted">
            {slotMs === null ? '' : ` of ${duration(slotMs)}`}
            {slots.lastAuditMs === null ? '' : ` · last ${duration(slots.lastAuditMs)}`}
          </span>
        </dd>
      </div>
      <div>
        <dt>Proof</dt>
        <dd>
          {proofs.medianMs === null ? '–' : duration(proofs.medianMs)}
          <span className="small muted">
            {proofs.deadlineMs === null ? '' : ` of ${duration(proofs.deadlineMs)}`}
          </span>
        </dd>
      </div>
      <div>
        <dt>Solutions in time</dt>
        <dd>
          {count(proofs.accepted)} of {count(tried)}
          <span className="small muted">
            {proofs.late > 0 ? ` · ${count(proofs.late)} late` : ''}
            {proofs.rejected > 0 ? ` · ${count(proofs.rejected)} refused` : ''}
          </span>
        </dd>
      </div>
    </dl>
  );
}

function wordOf({ score, delivery }: FarmHealth): string {
  if (score === null) return 'nothing measured yet';
  if (delivery !== null && delivery < 0.5) return 'few solutions come in time';
  return score >= 0.9 ? 'excellent' : score >= 0.6 ? 'fair' : 'too slow to win much';
}

const taskWords: Record<FarmTaskView['kind'], string> = {
  check: 'Checking every sector',
  import: 'Copying sectors of the native farmer',
  export: 'Writing files of the native farmer',
};

function Task({ id, task }: { id: string; task: FarmTaskView }) {
  if (task.outcome !== null)
    return (
      <p className={`banner ${task.failed ? 'bad' : 'info'}`} role="status">
        <span>{task.outcome}</span>
      </p>
    );
  return (
    <div className="stack" role="status">
      <div className="row">
        <strong>{taskWords[task.kind]}</strong>
        <span className="muted">
          {task.total === 0 ? '…' : `${count(task.done)} of ${counted(task.total, 'sector')}`}
        </span>
        <button type="button" onClick={() => void node.cancelTask(id)}>
          Stop
        </button>
      </div>
      <Meter value={task.total === 0 ? 0 : task.done / task.total} label={taskWords[task.kind]} />
    </div>
  );
}

/** Size, checking, export, removal. */
function Manage({ farm, machine }: { farm: FarmView; machine: NodeSnapshot['machine'] }) {
  const { piecesInSector } = farm;
  return (
    <div className="manage">
      {piecesInSector !== null && !farm.readOnly && (
        <Resize key={farm.allocatedBytes} farm={farm} pieces={piecesInSector} machine={machine} />
      )}
      <Actions farm={farm} />
      <Remove farm={farm} />
    </div>
  );
}

function Resize(props: { farm: FarmView; pieces: number; machine: NodeSnapshot['machine'] }) {
  const { farm, pieces } = props;
  const now = sectorsIn(farm.allocatedBytes, pieces);
  const [sectors, setSectors] = useState(now);
  const save = useCommand(
    useCallback(async () => {
      const fewer = now - sectors;
      const sure =
        fewer <= 0 ||
        window.confirm(`Delete the newest ${fewer} ${fewer === 1 ? 'sector' : 'sectors'} of this farm?`);
      if (sure) await node.resizeFarm(farm.id, bytesOfSectors(sectors, pieces));
    }, [farm.id, sectors, pieces, now]),
  );
  return (
    <div className="stack">
      <Space
        sectors={sectors}
        pieces={pieces}
        most={roomFor(farm, pieces, props.machine)}
        offered={offeredTo(farm, props.machine)}
        onChange={setSectors}
      />
      <div className="row">
        <button type="button" className="primary" onClick={save.run} disabled={save.busy || sectors === now}>
          {sectors < now ? 'Make it smaller' : 'Make it larger'}
        </button>
      </div>
      <Failure error={save.error} />
    </div>
  );
}

/** Bytes that the farm's place has for it, its own included; null where the browser does not tell. */
function offeredTo({ kind, usedBytes }: FarmView, machine: NodeSnapshot['machine']): number | null {
  if (kind !== 'opfs' || machine.quotaBytes === null) return null;
  return usedBytes + Math.max(0, machine.quotaBytes - (machine.usedBytes ?? 0));
}

/** Sectors that the place has room for; folders do not tell, so that a few times what is there can be chosen. */
function roomFor(farm: FarmView, pieces: number, machine: NodeSnapshot['machine']): number {
  const now = sectorsIn(farm.allocatedBytes, pieces);
  const offered = offeredTo(farm, machine);
  return offered === null ? Math.max(64, now * 4) : Math.max(now, sectorsIn(offered * 0.9, pieces));
}

function Actions({ farm }: { farm: FarmView }) {
  const { id } = farm;
  const busy = farm.task !== null && farm.task.outcome === null;
  const check = useCommand(useCallback(() => node.scrub(id, true), [id]));
  const repair = useCommand(useCallback(() => node.scrub(id, false), [id]));
  const write = useCommand(
    useCallback(async () => {
      const handle = await pickFolder('export');
      if (handle !== null) await node.exportFarm({ kind: 'picked', handle }, id);
    }, [id]),
  );
  const key = useCommand(
    useCallback(
      async () => saveFile('identity.bin', await node.exportIdentity(id), 'application/octet-stream'),
      [id],
    ),
  );
  return (
    <div className="stack">
      <div className="row">
        <button type="button" onClick={check.run} disabled={busy || check.busy}>
          Check every sector
        </button>
        <button type="button" onClick={repair.run} disabled={busy || repair.busy}>
          Check and repair
        </button>
        <button type="button" onClick={key.run} disabled={key.busy}>
          Export its key
        </button>
        {canPickFolders && (
          <button type="button" onClick={write.run} disabled={busy || write.busy}>
            Export for the native farmer
          </button>
        )}
      </div>
      <p className="small muted">
        A check reads every byte. A repair also plots damaged sectors again, and only those. An export writes
        plot.bin, metadata.bin, identity.bin and single_disk_farm.json; farm them in one place only.
      </p>
      <Failure error={check.error ?? repair.error ?? write.error ?? key.error} />
    </div>
  );
}

function Remove({ farm }: { farm: FarmView }) {
  const { id, kind, place, readOnly } = farm;
  const remove = useCommand(
    useCallback(async () => {
      if (window.confirm(`Delete every sector of the farm in ${place}? What was plotted is lost.`))
        await node.removeFarm(id);
    }, [id, place]),
  );
  const forget = useCommand(useCallback(() => node.removeFarm(id, true), [id]));
  return (
    <div className="stack">
      <div className="row">
        {kind === 'picked' && <Elsewhere {...farm} />}
        {kind === 'picked' && (
          <button type="button" onClick={forget.run} disabled={forget.busy}>
            Disconnect, keep the sectors
          </button>
        )}
        {!readOnly && (
          <button type="button" className="danger" onClick={remove.run} disabled={remove.busy}>
            Remove this farm
          </button>
        )}
      </div>
      <Failure error={remove.error ?? forget.error} />
    </div>
  );
}
