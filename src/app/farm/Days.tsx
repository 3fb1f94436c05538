import { useState } from 'react';
import type { FarmHistoryEntry } from '../../node/api.ts';
import { Failure, useAction } from '../components/forms.tsx';
import { count } from '../format.ts';
import { useNow } from '../hooks.ts';
import { node } from '../node-client.ts';
import { farmDays } from './days.ts';

const DAYS = 30;
/** As many as are asked for at once: about what is kept. */
const ENTRIES = 5_000;

/** What farming brought on each of the last days, looked up when it is asked for. */
export function Days() {
  const [entries, setEntries] = useState<FarmHistoryEntry[] | null>(null);
  const now = useNow(60_000);
  const action = useAction();
  const days = entries === null ? null : farmDays(entries, now, entries.length < ENTRIES, DAYS);
  return (
    <details
      onToggle={(event) => {
        if (event.currentTarget.open) action.run(async () => setEntries(await node.farmHistory(ENTRIES)));
      }}
    >
      <summary>Day by day</summary>
      {days?.length === 0 && <p className="small muted">Nothing was won or lost so far.</p>}
      {days !== null && days.length > 0 && (
        <div className="scroll">
          <table>
            <thead>
              <tr>
                <th>Day</th>
                <th className="num">Blocks</th>
                <th className="num">Votes</th>
                <th className="num">Lost</th>
              </tr>
            </thead>
            <tbody>
              {days.map(({ start, blocks, votes, lost }) => (
                <tr key={start}>
                  <td>{new Date(start).toLocaleDateString()}</td>
                  <td className="num">{count(blocks)}</td>
                  <td className="num">{count(votes)}</td>
                  <td className="num">{count(lost)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <Failure error={action.error} />
    </details>
  );
}
