import { useState } from 'react';
import type { ObjectsStatus } from '../../node/objects.ts';
import type { SearchView } from '../../node/searches.ts';
import { Badge, Meter } from '../components/basics.tsx';
import { Deed, Failure, Form, TextField, useAction } from '../components/forms.tsx';
import { bytes, counted, timeLeft } from '../format.ts';
import { objects } from '../object-client.ts';

/** Bytes of the source pieces of a segment. */
const SEGMENT_BYTES = 128 * 1_048_672;

const STATES: Record<SearchView['state'], ['info' | 'warn' | 'good' | 'bad', string]> = {
  running: ['info', 'searching'],
  paused: ['warn', 'paused'],
  found: ['good', 'found'],
  absent: ['warn', 'not found'],
  failed: ['bad', 'failed'],
};

/** For an object whose place nobody knows: a look through all of history, and indexes that may know more. */
export default function ObjectsSearch(props: {
  link: string;
  status: ObjectsStatus;
  onOpen: (link: string) => void;
  onChange: () => void;
}) {
  const { link, status, onOpen, onChange } = props;
  const { search, network } = status;
  const most = network.history.segments * SEGMENT_BYTES;
  return (
    <>
      {search !== null && <Search search={search} onOpen={onOpen} onChange={onChange} />}
      <details>
        <summary>If nobody knows where it lies</summary>
        <div className="stack">
          <p className="muted">
            This tab can look through all of history, the newest first, and needs nobody’s word for it. That
            downloads up to {bytes(most)} once: what was looked through is remembered for every later search.
            It can be paused.
          </p>
          <div className="row">
            <Deed label="Search all of history" onDo={() => objects.search({ link }).then(onChange)} />
          </div>
          <Indexers addresses={network.indexers} onChange={onChange} />
        </div>
      </details>
    </>
  );
}

function Search({
  search,
  onOpen,
  onChange,
}: {
  search: SearchView;
  onOpen: (link: string) => void;
  onChange: () => void;
}) {
  const { cid, state, pieces, knownPieces, totalPieces, missingPieces, secondsLeft, path, error } = search;
  const [tone, text] = STATES[state];
  return (
    <section className="stack" aria-label="Search through history" data-testid="search" data-state={state}>
      <div className="row spread">
        <span className="mono" title={cid}>
          {cid.slice(0, 14)}…
        </span>
        <Badge tone={tone} live={state === 'running'}>
          {text}
        </Badge>
      </div>
      {(state === 'running' || state === 'paused') && (
        <Meter value={pieces / totalPieces} label="History looked through" />
      )}
      <span className="muted small">
        {pieces.toLocaleString()} of {counted(totalPieces, 'piece')} looked through
        {knownPieces > 0 && `, ${knownPieces.toLocaleString()} of them earlier`}
        {missingPieces > 0 && `; ${missingPieces.toLocaleString()} were not to be had, and may hold it`}
        {secondsLeft !== null && `; ${timeLeft(secondsLeft)} if it is not found before`}
      </span>
      <Failure error={error} />
      <div className="row">
        {path !== null && (
          <button type="button" className="primary" onClick={() => onOpen(path)}>
            Open it
          </button>
        )}
        {(state === 'running' || state === 'paused' || state === 'failed') && (
          // One button for both, so that it keeps the focus.
          <Deed
            label={state === 'running' ? 'Pause' : 'Go on'}
            onDo={() =>
              (state === 'running' ? objects.pauseSearch() : objects.search({ link: cid })).then(onChange)
            }
          />
        )}
        <Deed
          label={state === 'running' ? 'Cancel' : 'Clear'}
          onDo={() => objects.forgetSearch().then(onChange)}
        />
      </div>
    </section>
  );
}

function Indexers({ addresses, onChange }: { addresses: string[]; onChange: () => void }) {
  const [address, setAddress] = useState('');
  const action = useAction();
  const change = (next: string[]): Promise<void> => objects.setIndexers({ addresses: next }).then(onChange);
  return (
    <div className="stack">
      {addresses.map((one) => (
        <div key={one} className="row spread" data-testid="indexer">
          <span className="mono">{one}</span>
          <Deed label="Remove" onDo={() => change(addresses.filter((other) => other !== one))} />
        </div>
      ))}
      <Form
        action={action}
        submit="Ask it, too"
        disabled={address.trim() === ''}
        onSubmit={async () => {
          await change([...addresses, address]);
          setAddress('');
        }}
      >
        <TextField
          label="An index of the network"
          hint="It is asked where objects lie and learns which you open. A wrong answer costs time, nothing else."
          value={address}
          onChange={setAddress}
          placeholder="https://…"
        />
      </Form>
    </div>
  );
}
