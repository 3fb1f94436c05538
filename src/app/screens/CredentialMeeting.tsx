import { useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { Badge, Card } from '../components/basics.tsx';
import { Deed, Failure, Form, TextArea, useAction } from '../components/forms.tsx';
import { HandOver } from '../components/HandOver.tsx';
import { Scan } from '../components/Scan.tsx';
import { meeting, type MeetingKind } from '../meeting.ts';

/** Calls `onText` with things of a kind that come from whoever one meets, one by one. */
export function useHandedOver(kind: MeetingKind, onText: (text: string) => void): void {
  const { waiting } = useSyncExternalStore(meeting.subscribe, meeting.snapshot);
  const take = useRef(onText);
  useEffect(() => {
    take.current = onText;
  });
  useEffect(() => {
    if (!waiting.some((one) => one.kind === kind)) return;
    const text = meeting.take(kind);
    if (text !== null) take.current(text);
  }, [kind, waiting]);
}

/** Connects to somebody in the same network, so that nothing has to be carried back and forth. */
export function Meet() {
  const { state, code, digits, trouble } = useSyncExternalStore(meeting.subscribe, meeting.snapshot);
  return (
    <Card
      title="Meet somebody"
      span={6}
      aside={state === 'connected' ? <Badge tone="good">connected</Badge> : undefined}
    >
      {(state === 'none' || state === 'ended') && <Begin trouble={trouble} />}
      {state === 'starting' && <p role="status">Looking for the way out of this browser…</p>}
      {code !== null && (
        <HandOver
          label={state === 'offering' ? 'Show them this' : 'Show them this in return'}
          text={code}
          fileName="meeting.txt"
        />
      )}
      {state === 'offering' && (
        <CodeField
          label="What they show in return"
          submit="Connect"
          onCode={(text) => meeting.complete(text)}
        />
      )}
      {digits !== null && (
        <p>
          If the codes did not go from screen to screen, compare these digits:{' '}
          <strong className="mono" data-testid="meeting-digits">
            {digits}
          </strong>
        </p>
      )}
      {state === 'joined' && <p role="status">Waiting for them to take your code…</p>}
      {state === 'connected' && (
        <p>
          What you make on this screen can be sent over, and what they send appears where it belongs. Nothing
          is shown before you agree.
        </p>
      )}
      {state !== 'none' && state !== 'ended' && <Deed label="Leave" onDo={async () => meeting.leave()} />}
    </Card>
  );
}

function Begin({ trouble }: { trouble: string | null }) {
  return (
    <>
      <p className="muted">
        Both in one network, such as the same Wi-Fi: your browsers connect to each other, without a server.
        Each learns the other’s address in that network.
      </p>
      <Failure error={trouble} />
      <Deed label="Begin" primary onDo={() => meeting.begin()} />
      <CodeField label="Or join: what they show" submit="Join" onCode={(text) => meeting.join(text)} />
    </>
  );
}

function CodeField(props: { label: string; submit: string; onCode: (text: string) => Promise<void> }) {
  const [text, setText] = useState('');
  const [scanning, setScanning] = useState(false);
  const action = useAction();
  if (scanning)
    return (
      <Scan
        onText={(read) => {
          setScanning(false);
          setText(read);
          action.run(() => props.onCode(read));
        }}
        onCancel={() => setScanning(false)}
      />
    );
  return (
    <Form
      action={action}
      submit={props.submit}
      disabled={text.trim() === ''}
      onSubmit={() => props.onCode(text)}
      more={
        <button type="button" onClick={() => setScanning(true)}>
          Scan it
        </button>
      }
    >
      <TextArea label={props.label} value={text} rows={2} onChange={setText} />
    </Form>
  );
}
