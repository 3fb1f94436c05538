import { memo, useEffect, useState } from 'react';
import type { FarmHistoryEntry, FarmView, SlotOutcome } from '../../node/api.ts';
import { Badge, Card, Empty } from '../components/basics.tsx';
import { ago, count, duration } from '../format.ts';
import { useNow } from '../hooks.ts';
import { node } from '../node-client.ts';

const words: Record<
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

/** Which outcomes are looked at. */
const FILTERS: Record<string, { text: string; outcomes: SlotOutcome['outcome'][] | null }> = {
  all: { text: 'Everything', outcomes: null },
  rewards: { text: 'Rewards', outcomes: ['won-block', 'won-vote'] },
  lost: { text: 'Lost', outcomes: ['missed', 'rejected'] },
};

const SHOWN = 12;
const KEPT = 500;
const REFRESH_MS = 15_000;

/** What the audits found: in this run as it happens, before that from the record. */
export const History = memo(function History({ farms }: { farms: FarmView[] }) {
  const [all, setAll] = useState(false);
  const [filter, setFilter] = useState('all');
  const [before, setBefore] = useState<FarmHistoryEntry[]>([]);
  const now = useNow(2000);
  useEffect(() => {
    let current = true;
    const read = () =>
      void node.farmHistory(KEPT).then(
        (entries) => current && setBefore(entries),
        () => undefined,
      );
    read();
    const timer = setInterval(read, REFRESH_MS);
    return () => {
      current = false;
      clearInterval(timer);
    };
  }, []);
  const { outcomes } = FILTERS[filter]!;
  const entries = merged(farms, before).filter(({ outcome }) => outcomes?.includes(outcome) ?? true);
  const shown = all ? entries : entries.slice(0, SHOWN);
  const names = new Map(farms.map(({ id, name }) => [id, name]));
  return (
    <Card
      title="What the audits found"
      span={8}
      aside={
        (entries.length > 0 || outcomes !== null) && (
          <div className="row">
            <select aria-label="Outcomes" value={filter} onChange={(event) => setFilter(event.target.value)}>
              {Object.entries(FILTERS).map(([key, { text }]) => (
                <option key={key} value={key}>
                  {text}
                </option>
              ))}
            </select>
            {entries.length > SHOWN && (
              <button type="button" onClick={() => setAll(!all)}>
                {all ? 'Newest only' : `All ${count(entries.length)}`}
              </button>
            )}
          </div>
        )
      }
    >
      {entries.length === 0 ? (
        <Empty>
          {outcomes === null
            ? 'Nothing yet. In every slot a small part of each plotted sector is looked at: what is found there may win a block or a vote.'
            : 'None of these so far.'}
        </Empty>
      ) : (
        <div className="scroll">
          <table className="outcomes">
            <thead>
              <tr>
                <th>Slot</th>
                <th>Outcome</th>
                <th>Sector</th>
                <th className="num">Audit</th>
                <th className="num">Proof</th>
                <th className="num">Sent</th>
                <th>When</th>
              </tr>
            </thead>
            <tbody>
              {shown.map((entry) => (
                <tr key={keyOf(entry)}>
                  <td>{entry.slot}</td>
                  <td>
                    <Badge tone={words[entry.outcome].tone}>{words[entry.outcome].text}</Badge>{' '}
                    {entry.reason !== null && <span className="small muted">{entry.reason}</span>}
                  </td>
                  <td>
                    {entry.sector ?? '–'}
                    {farms.length > 1 && (
                      <span className="small muted cut" title={names.get(entry.farm)}>
                        {names.get(entry.farm) ?? 'removed'}
                      </span>
                    )}
                  </td>
                  <td className="num">{ms(entry.auditMs)}</td>
                  <td className="num">{ms(entry.proveMs)}</td>
                  <td className="num">{ms(entry.submitMs)}</td>
                  <td className="muted when">{ago(entry.at, now)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
});

function ms(value: number | null): string {
  return value === null ? '–' : duration(value);
}

function keyOf({ farm, slot, at, sector }: FarmHistoryEntry): string {
  return `${farm} ${slot} ${at} ${sector}`;
}

/**
 * Entries of this run, as they stand now, before those of the record; newest first. Times do not tell which are newer:
 * the clock may have been set.
 */
function merged(farms: FarmView[], before: FarmHistoryEntry[]): FarmHistoryEntry[] {
  const found = farms.flatMap(({ id, history }) => history.map((outcome) => ({ ...outcome, farm: id })));
  const now = found
    .filter(({ outcome }) => outcome !== 'nothing')
    .sort((a, b) => Number(BigInt(b.slot) - BigInt(a.slot)));
  const keys = new Set(now.map(keyOf));
  return [...now, ...before.filter((entry) => !keys.has(keyOf(entry)))];
}
