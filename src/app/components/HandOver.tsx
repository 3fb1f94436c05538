import { lazy, Suspense, useState, useSyncExternalStore } from 'react';
import { saveFile } from '../files.ts';
import { meeting, type MeetingKind } from '../meeting.ts';
import { CopyButton } from './CopyButton.tsx';
import { Deed } from './forms.tsx';

const QrSeries = lazy(() => import('./Qr.tsx').then(({ QrSeries: series }) => ({ default: series })));

/**
 * A text to hand on: copied, saved, as a code to be scanned, or sent to whoever one meets.
 *
 * `kind`: what it is to somebody in a meeting; without it, it is not offered there.
 */
export function HandOver(props: { label: string; text: string; fileName: string; kind?: MeetingKind }) {
  const { kind, text } = props;
  const [code, setCode] = useState(false);
  const { state } = useSyncExternalStore(meeting.subscribe, meeting.snapshot);
  return (
    <div className="stack">
      <label>
        {props.label}
        <textarea value={text} rows={4} spellCheck={false} readOnly />
      </label>
      <div className="row">
        {kind !== undefined && state === 'connected' && (
          <Deed
            key={text}
            label="Send it over"
            done="Sent"
            primary
            onDo={async () => meeting.send({ kind, text })}
          />
        )}
        <CopyButton text={text} />
        <button type="button" onClick={() => saveFile(props.fileName, text, 'text/plain')}>
          Save as {props.fileName}
        </button>
        <button type="button" aria-expanded={code} onClick={() => setCode(!code)}>
          {code ? 'Hide the code' : 'Show as a code'}
        </button>
      </div>
      {code && (
        <Suspense fallback={null}>
          <QrSeries text={text} label={props.label} />
        </Suspense>
      )}
    </div>
  );
}
