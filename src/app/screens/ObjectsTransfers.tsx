/** Retrievals under way, with where their pieces come from. */
import { memo, useState, type ReactNode } from 'react';
import type { PieceOrigin } from '../../node/piece-origins.ts';
import type { TransferView } from '../../node/transfers.ts';
import type { WatchedView } from '../../node/watched.ts';
import { Badge, Card, Empty, Meter, Name } from '../components/basics.tsx';
import { Deed, Failure } from '../components/forms.tsx';
import { Many } from '../components/Many.tsx';
import { bytes, count } from '../format.ts';
import { objects } from '../object-client.ts';

const SHOWN_PIECES = 500;

type Tone = 'info' | 'warn' | 'good' | 'bad';

const STATES: Record<TransferView['state'], [Tone, string]> = {
  running: ['info', 'fetching'],
  paused: ['warn', 'paused'],
  done: ['good', 'complete, verified'],
  failed: ['bad', 'failed'],
};

/** What the person can do about one. */
const NEXT = { running: 'Pause', paused: 'Resume', failed: 'Try again' };

/** Objects that are fetched into this browser. */
export const Transfers = memo(function Transfers({
  transfers,
  onChange,
}: {
  transfers: TransferView[];
  onChange: () => void;
}) {
  return (
    <Card title="Retrievals" span={6}>
      {transfers.length === 0 ? (
        <Empty>
          “Keep here” fetches all of an object, so that it opens without waiting and others can get it here.
        </Empty>
      ) : (
        <Many items={transfers} thing="retrieval" words={({ name, cid }) => `${name} ${cid}`} page={12}>
          {(shown) => (
            <ul className="list">
              {shown.map((transfer) => (
                <TransferItem key={transfer.id} transfer={transfer} onChange={onChange} />
              ))}
            </ul>
          )}
        </Many>
      )}
    </Card>
  );
});

function TransferItem({ transfer, onChange }: { transfer: TransferView; onChange: () => void }) {
  const { id, name, cid, state, bytes: done, totalBytes, error } = transfer;
  const act = (work: Promise<void>): Promise<void> => work.then(onChange);
  return (
    <li data-testid="transfer" className="stack">
      <Retrieved
        name={name === '' ? `${cid.slice(0, 14)}…` : name}
        state={STATES[state]}
        live={state === 'running'}
        done={done}
        total={totalBytes}
        watched={transfer}
      >
        <Failure error={error} />
        <div className="row">
          {state !== 'done' && (
            // One button for all, so that it keeps the focus.
            <Deed
              label={NEXT[state]}
              onDo={() => act(state === 'running' ? objects.pause({ id }) : objects.resume({ id }))}
            />
          )}
          <Deed label={state === 'done' ? 'Clear' : 'Cancel'} onDo={() => act(objects.cancel({ id }))} />
        </div>
      </Retrieved>
    </li>
  );
}

/** How far a retrieval is, and what it came from; `children` stand before the pieces. */
export function Retrieved(props: {
  name: string;
  state: [Tone, string];
  live: boolean;
  /** Bytes; `total` null while it is not known. */
  done: number;
  total: number | null;
  watched: WatchedView;
  children: ReactNode;
}) {
  const { name, live, done, total } = props;
  const [tone, text] = props.state;
  const { nodes, pieces } = props.watched;
  return (
    <>
      <div className="row spread">
        <strong className="wrap">
          <Name>{name}</Name>
        </strong>
        <Badge tone={tone} live={live}>
          {text}
        </Badge>
      </div>
      {total !== null && <Meter value={total === 0 ? 1 : done / total} label={`${name} fetched`} />}
      <span className="muted small">
        {bytes(done)}
        {total === null
          ? ''
          : ` of ${bytes(total)}${live && total > 0 ? `, ${Math.floor((100 * done) / total)} %` : ''}`}
        {nodes > 0 && (
          <>
            , {nodes} {nodes === 1 ? 'part' : 'parts'} and {pieces.length}{' '}
            {pieces.length === 1 ? 'piece' : 'pieces'} verified: {sourcesOf(pieces)}
          </>
        )}
      </span>
      {props.children}
      {pieces.length > 0 && <Pieces pieces={pieces} />}
    </>
  );
}

/** Drawn while somebody looks only: a film lies in thousands, and more come every second. */
function Pieces({ pieces }: Pick<WatchedView, 'pieces'>) {
  const [open, setOpen] = useState(false);
  return (
    <details onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>Pieces</summary>
      {open && (
        <ul className="pieces" aria-label="Pieces and whom they came from">
          {pieces.slice(-SHOWN_PIECES).map(({ index, kind, from }) => (
            <li key={index} data-from={kind} title={`Piece ${index} from ${from}`}>
              {index}
            </li>
          ))}
        </ul>
      )}
      {open && pieces.length > SHOWN_PIECES && (
        <p className="small muted">
          The newest {count(SHOWN_PIECES)} of {count(pieces.length)}.
        </p>
      )}
    </details>
  );
}

const SOURCES: Record<PieceOrigin['kind'], string> = {
  cache: 'this browser’s cache',
  tab: 'other tabs',
  gateway: 'your gateway',
  peer: 'peers',
  node: 'a node',
  reconstruction: 'reconstruction',
  memory: 'memory',
};

function sourcesOf(pieces: WatchedView['pieces']): string {
  const counts = new Map<PieceOrigin['kind'], number>();
  for (const { kind } of pieces) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return [...counts].map(([source, number]) => `${count(number)} from ${SOURCES[source]}`).join(', ');
}
