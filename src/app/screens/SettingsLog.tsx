import { useCallback, useMemo, useState } from 'react';
import type { ScreenProps } from '../screen-props.ts';
import { Empty } from '../components/basics.tsx';
import { Failure } from '../components/forms.tsx';
import { Section } from '../components/Section.tsx';
import { saveFile } from '../files.ts';
import { count, counted } from '../format.ts';
import { useCommand } from '../hooks.ts';
import { node } from '../node-client.ts';
import { matches } from '../search.ts';
import { TOPICS, useNotifications, type Topic } from '../notifications.ts';

const SHOWN = 300;
const HISTORY = 1_000;

/** The log, what stands in it filtered, and a report for whoever helps. */
export function LogCard({ snapshot }: ScreenProps) {
  const [lines, setLines] = useState<string[] | null>(null);
  const [level, setLevel] = useState('');
  const [text, setText] = useState('');
  const show = useCommand(useCallback(async () => setLines(await node.logs()), []));
  const report = useCommand(
    useCallback(async () => {
      const content = {
        at: new Date().toISOString(),
        browser: navigator.userAgent,
        snapshot,
        history: await node.farmHistory(HISTORY),
        log: await node.logs(),
      };
      saveFile('allotment-report.json', JSON.stringify(content, null, 1), 'application/json');
    }, [snapshot]),
  );
  const found = useMemo(
    () => lines?.filter((line) => (level === '' || levelOf(line) === level) && matches(line, text)),
    [lines, level, text],
  );
  return (
    <Section name="log" title="Log" rare>
      {lines === null && (
        <p className="muted">
          What the node did, without secrets. A report adds the state shown on these screens and the history,
          for whoever helps you.
        </p>
      )}
      <div className="row">
        <button type="button" onClick={show.run} disabled={show.busy}>
          {lines === null ? 'Show' : 'Refresh'}
        </button>
        {lines !== null && (
          <button type="button" onClick={() => saveFile('allotment.log', lines.join('\n'), 'text/plain')}>
            Save
          </button>
        )}
        <button type="button" onClick={report.run} disabled={report.busy}>
          Save a report
        </button>
      </div>
      {lines !== null && (
        <div className="row">
          <label>
            Level
            <select value={level} onChange={(event) => setLevel(event.target.value)}>
              <option value="">all</option>
              <option value="warning">warnings</option>
              <option value="error">errors</option>
            </select>
          </label>
          <label>
            Containing
            <input type="text" value={text} onChange={(event) => setText(event.target.value)} />
          </label>
        </div>
      )}
      {found?.length === 0 && <Empty>Nothing of that kind.</Empty>}
      {found !== undefined && found.length > 0 && (
        <p className="small muted" role="status">
          {found.length > SHOWN
            ? `The newest ${count(SHOWN)} of ${counted(found.length, 'line')}; saved, all of them are in the file.`
            : counted(found.length, 'line')}
        </p>
      )}
      {found !== undefined && found.length > 0 && (
        <pre className="log mono" tabIndex={0}>
          {found.slice(-SHOWN).toReversed().join('\n')}
        </pre>
      )}
      <Failure error={show.error ?? report.error} />
    </Section>
  );
}

/** The word after the time. */
function levelOf(line: string): string {
  return line.split(' ', 2)[1] ?? '';
}

/** What the system notifies the person of. */
export function NotificationsCard() {
  const [topics, choose] = useNotifications();
  const [error, setError] = useState<string | null>(null);
  const able = typeof Notification !== 'undefined';
  return (
    <Section name="notifications" title="Notifications" rare>
      <p className="small muted">
        {able
          ? 'While this tab is in the background. The browser asks you at the first one.'
          : 'This browser has no notifications.'}
      </p>
      {able &&
        (Object.entries(TOPICS) as [Topic, string][]).map(([topic, words]) => (
          <label className="check" key={topic}>
            <input
              type="checkbox"
              checked={topics.includes(topic)}
              onChange={(event) => {
                setError(null);
                choose(topic, event.target.checked).catch((failure: Error) => setError(failure.message));
              }}
            />
            <span>{words}</span>
          </label>
        ))}
      <Failure error={error} />
    </Section>
  );
}
