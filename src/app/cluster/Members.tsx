import type { FarmSeen, Presence, RosterView } from '../../cluster/roster-view.ts';
import { Badge, Card, Empty } from '../components/basics.tsx';
import { Many } from '../components/Many.tsx';
import { ago, brief, count, counted, duration } from '../format.ts';
import { useNow } from '../hooks.ts';
import { byTrouble } from './trouble.ts';

const PRESENCE: Record<Presence, { text: string; tone: 'good' | 'warn' | 'bad' }> = {
  here: { text: 'here', tone: 'good' },
  quiet: { text: 'late', tone: 'warn' },
  gone: { text: 'gone', tone: 'bad' },
};

function PresenceBadge({ presence, slow }: { presence: Presence; slow?: boolean }) {
  if (presence === 'here' && slow === true) return <Badge tone="warn">slow</Badge>;
  return <Badge tone={PRESENCE[presence].tone}>{PRESENCE[presence].text}</Badge>;
}

/** Controllers, caches and plotters. */
export function ServicesCard({ roster }: { roster: RosterView | null }) {
  const now = useNow();
  const { controllers = [], caches = [], plotters = [] } = roster ?? {};
  return (
    <Card title="Services" span={6}>
      <ul className="members">
        {controllers.length === 0 && (
          <li>
            <span>Controller</span>
            <Badge tone="bad">none heard</Badge>
          </li>
        )}
        {controllers.map(({ id, slot, presence, lastSeen }) => (
          <li key={id}>
            <span>
              Controller <span className="mono small">{brief(id, 5)}</span>
              <span className="small muted">
                slot {slot}, {ago(lastSeen, now)}
              </span>
            </span>
            <PresenceBadge presence={presence} />
          </li>
        ))}
        {caches.map(({ id, capacity, presence, lastSeen }) => (
          <li key={id}>
            <span>
              Cache <span className="mono small">{brief(id, 5)}</span>
              <span className="small muted">
                room for {counted(capacity, 'piece')}, {ago(lastSeen, now)}
              </span>
            </span>
            <PresenceBadge presence={presence} />
          </li>
        ))}
        {plotters.map(({ id, lastSeen }) => (
          <li key={id}>
            <span>
              Plotter <span className="mono small">{brief(id, 5)}</span>
              <span className="small muted">last free {ago(lastSeen, now)}</span>
            </span>
            <Badge tone={now - lastSeen < 30_000 ? 'good' : 'plain'}>
              {now - lastSeen < 30_000 ? 'free' : 'busy or gone'}
            </Badge>
          </li>
        ))}
      </ul>
      {plotters.length === 0 && (
        <Empty>A plotter is heard of only while it is free; busy ones show as sectors under way.</Empty>
      )}
    </Card>
  );
}

/** Every farm: its sectors, what it is doing, whether it keeps up. */
export function FarmsCard({ farms }: { farms: FarmSeen[] }) {
  const now = useNow();
  return (
    <Card title="Farms">
      <Many
        items={farms.toSorted(byTrouble)}
        thing="farm"
        words={({ id, farmer, presence, error, slow }) =>
          [id, farmer, PRESENCE[presence].text, error, ...slow].join(' ')
        }
        page={12}
      >
        {(shown) => <Shown farms={shown} now={now} />}
      </Many>
    </Card>
  );
}

/** A farm tells how much of it is plotted some time after it joined. */
function sectorsOf({ plotted, total }: FarmSeen): string {
  if (total === null) return 'size not told yet';
  const size = counted(total, 'sector');
  return plotted === null ? size : `${count(plotted)} of ${size} plotted`;
}

function Shown({ farms, now }: { farms: FarmSeen[]; now: number }) {
  return (
    <ul className="members">
      {farms.map((farm) => (
        <li key={farm.id} className="farm-seen">
          <span>
            <strong className="mono" title={farm.id}>
              {brief(farm.id, 6)}
            </strong>
            <span className="small muted">
              {sectorsOf(farm)} · heard {ago(farm.lastSeen, now)}
              {farm.auditMs !== null && ` · audits in ${duration(farm.auditMs)}`}
              {` · ${counted(farm.solutions, 'solution')}`}
              {farm.proofs.late + farm.proofs.failed > 0 &&
                ` · ${counted(farm.proofs.late, 'proof')} late, ${count(farm.proofs.failed)} failed`}
            </span>
            {farm.sectors.map(({ index, stage, since, slow }) => (
              <span key={index} className="small">
                Sector {index}: {stage}, under way for {duration(Math.max(0, now - since))}
                {slow && ' – slower than usual'}
              </span>
            ))}
            {farm.slow.map((sentence) => (
              <span key={sentence} className="small">
                {sentence}
              </span>
            ))}
            {farm.error !== null && <span className="small bad-text">{farm.error}</span>}
            {farm.farmer !== null && (
              <span className="small muted">
                Farmer <span className="mono">{brief(farm.farmer, 5)}</span>
              </span>
            )}
          </span>
          <PresenceBadge presence={farm.presence} slow={farm.slow.length > 0} />
        </li>
      ))}
    </ul>
  );
}
