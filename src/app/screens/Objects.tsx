import { memo, useCallback, useEffect, useRef, useState } from 'react';
import { messageOf } from '../../protocol/errors.ts';
import { Card, Empty, Name } from '../components/basics.tsx';
import { Deed, Form, TextField, Told, type Action } from '../components/forms.tsx';
import { Many } from '../components/Many.tsx';
import { bytes, counted } from '../format.ts';
import { useRouteDetail } from '../hooks.ts';
import { objects, useObjects } from '../object-client.ts';
import type { KeptView } from '../../node/kept-objects.ts';
import type { ObjectView } from '../../node/object-view.ts';
import type { OpeningView } from '../../node/openings.ts';
import type { SaveView } from '../../node/save-view.ts';
import type { SampleView } from '../../node/samples.ts';
import ObjectCard from './ObjectCard.tsx';
import { StorageNetwork } from './ObjectsNetwork.tsx';
import { Saves, useDownloads } from './ObjectsSaves.tsx';
import ObjectsSearch from './ObjectsSearch.tsx';
import { Transfers } from './ObjectsTransfers.tsx';
import Upload from './Upload.tsx';
import '../objects.css';

const NO_SAVES: SaveView[] = [];

/** Files and folders out of the chain's history, and into it. */
export default function Objects() {
  const { status, error, refresh } = useObjects();
  const [link, setLink] = useState('');
  const newest = useRef('');
  const [opened, setOpened] = useState<ObjectView | null>(null);
  /** How often something was opened: each time it comes into sight, also where it was open before. */
  const [times, setTimes] = useState(0);
  /** The folder that the opened object was found in. */
  const [folder, setFolder] = useState<ObjectView | null>(null);
  /** What is opened once the chain is verified. */
  const [waiting, setWaiting] = useState<string | null>(null);
  /** Under which the node knows what this screen opens: one at a time. */
  const [id] = useState(() => crypto.randomUUID());
  const action = useNewest();
  const detail = useRouteDetail();
  const open = async (wanted: string): Promise<void> => {
    const object = await objects.open({ link: wanted, id, ...(folder && { folder: folder.path }) });
    if (wanted !== newest.current) return;
    setOpened(object);
    setTimes((before) => before + 1);
    refresh();
  };
  const start = (wanted: string, from: ObjectView | null = null): void => {
    setFolder(from);
    setWaiting(wanted);
  };
  const { leave } = action;
  const giveUp = useCallback((): void => {
    newest.current = '';
    setWaiting(null);
    leave();
    objects.cancelOpen({ id }).catch(() => undefined);
  }, [id, leave]);
  const ready = status !== null;
  const isOpening = waiting !== null || action.busy;
  const opening = status?.openings.find((one) => one.id === id);
  const saves = status?.saves ?? NO_SAVES;
  useDownloads(saves);
  useEffect(() => {
    if (detail === '') return;
    setLink(detail);
    start(detail);
  }, [detail]);
  useEffect(() => {
    // A link to what the address names already changes no address.
    const pressed = ({ target }: MouseEvent): void => {
      const link = target instanceof Element ? target.closest('a') : null;
      if (detail !== '' && link?.hash === window.location.hash) start(detail);
    };
    document.addEventListener('click', pressed);
    return () => document.removeEventListener('click', pressed);
  }, [detail]);
  useEffect(() => {
    if (waiting === null || !ready) return;
    setWaiting(null);
    newest.current = waiting;
    action.run(() => open(waiting));
    // Opened once, not whenever something is drawn.
    // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [waiting, ready]);
  useEffect(() => {
    if (!isOpening) return undefined;
    const pressed = ({ key, defaultPrevented }: KeyboardEvent): void => {
      if (key === 'Escape' && !defaultPrevented) giveUp();
    };
    document.addEventListener('keydown', pressed);
    return () => document.removeEventListener('keydown', pressed);
  }, [isOpening, giveUp]);
  useEffect(() => () => void objects.cancelOpen({ id }).catch(() => undefined), [id]);
  return (
    <>
      <div className="head">
        <h1>Objects</h1>
        <p>
          Files and folders out of the chain’s own history. Nobody is trusted: every part is checked before
          you see it.
        </p>
      </div>
      {status === null && error !== null && (
        <p className="banner info" role="status">
          {error} This screen goes on by itself then.
        </p>
      )}
      {status?.network.rebuilding != null && (
        <p className="banner info" role="status">
          Nobody gives a piece that is wanted. It is rebuilt from others of its segment,{' '}
          {status.network.rebuilding.segment}: {status.network.rebuilding.have} of 128 are here.
        </p>
      )}
      <div className="grid">
        <Saves saves={saves.filter(({ cid }) => cid !== opened?.cid)} onChange={refresh} />
        <Card title="Open" span={opened === null ? 12 : 5}>
          <Form
            action={{ run: (work) => void work(), busy: isOpening, error: action.error }}
            submit="Open"
            busy={waiting === null ? 'Looking for it…' : 'Waiting for the chain…'}
            disabled={link.trim() === ''}
            onSubmit={async () => start(link)}
            more={
              isOpening && (
                <button type="button" onClick={giveUp}>
                  Cancel
                </button>
              )
            }
          >
            <TextField
              label="Identifier or link"
              hint="Begins with bafkr6i…; a link may also say where in history to look."
              value={link}
              onChange={setLink}
              placeholder="bafkr6i…"
            />
          </Form>
          <Told text={opening === undefined ? null : openingWords(opening)} />
          {status !== null && (
            <ObjectsSearch
              link={link}
              status={status}
              onOpen={(path) => {
                setLink(path.replace(/^\/object\//, ''));
                start(path);
              }}
              onChange={refresh}
            />
          )}
          {status !== null && status.samples.length > 0 && (
            <Samples samples={status.samples} wide={opened === null} busy={isOpening} />
          )}
        </Card>
        {opened !== null && (
          <ObjectCard
            key={`${times} ${opened.locked}`}
            object={opened}
            save={saves.find(({ cid }) => cid === opened.cid)}
            transfer={status?.transfers.find(({ cid }) => cid === opened.cid)}
            kept={status?.kept.some((one) => one.cid === opened.cid && isWhole(one)) === true}
            onSaved={refresh}
            folder={folder}
            onOpen={start}
            onChanged={(next) => {
              setOpened(next);
              refresh();
            }}
          />
        )}
        {status !== null && (
          <>
            <div className="column span-6">
              <Transfers transfers={status.transfers} onChange={refresh} />
              <Kept kept={status.kept} onChange={refresh} />
            </div>
            <div className="column span-6">
              <Upload uploads={status.uploads} onChange={refresh} />
            </div>
          </>
        )}
        {status !== null && <StorageNetwork status={status} onChange={refresh} />}
      </div>
    </>
  );
}

/**
 * Work of which only the newest counts: the person may open something else before the first is there, or leave it be.
 */
function useNewest(): Action & { leave: () => void } {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const newest = useRef<object | null>(null);
  const run = useCallback((work: () => Promise<unknown>) => {
    const mine = {};
    newest.current = mine;
    setBusy(true);
    setError(null);
    const ended = (failure: string | null): void => {
      if (newest.current !== mine) return;
      setBusy(false);
      setError(failure);
    };
    work().then(
      () => ended(null),
      (failure: unknown) => ended(messageOf(failure)),
    );
  }, []);
  const leave = useCallback(() => {
    newest.current = null;
    setBusy(false);
  }, []);
  return { run, busy, error, leave };
}

/** How far it is with what is being opened. */
function openingWords({ asked, piece, looked, parts }: OpeningView): string {
  const words = [
    asked.length > 0 && `Asked where it lies: ${asked.join(', ')}.`,
    piece !== null &&
      `Piece ${piece.index} of segment ${piece.segment} is fetched, where it lies as told by ${piece.giver}.`,
    looked > 0 && `${counted(looked, 'piece')} of history looked through.`,
    parts > 1 && `${counted(parts, 'part')} verified.`,
  ];
  return words.filter((word) => word !== false).join(' ');
}

/** Whether all of a kept object is here still. */
const isWhole = ({ here, pieces }: KeptView): boolean => here === pieces.length;

const hrefOf = (path: string): string => `#/objects/${path.replace(/^\/object\//, '')}`;

function Samples(props: { samples: SampleView[]; wide: boolean; busy: boolean }) {
  const { samples, wide, busy } = props;
  return (
    <section aria-labelledby="samples" className="stack">
      <div className="row">
        <h3 id="samples">Try one of these</h3>
        <Told text={busy ? 'Looking for it…' : null} />
      </div>
      <ul className={`list whole ${wide ? 'columns' : ''}`}>
        {samples.map(({ name, about, cid, path, bytes: size }) => (
          <li key={cid}>
            <a href={hrefOf(path)}>{name}</a> <span className="muted small">{bytes(size)}</span>
            <br />
            <span className="muted small">{about}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

const Kept = memo(function Kept({ kept, onChange }: { kept: KeptView[]; onChange: () => void }) {
  return (
    <Card title="Kept in this browser" span={6}>
      {kept.length === 0 ? (
        <Empty>What you fetch stays here for the next time, until its space is needed.</Empty>
      ) : (
        <Many items={kept} thing="object" words={({ name, cid }) => `${name} ${cid}`} page={12}>
          {(shown) => (
            <ul className="list">
              {shown.map((one) => (
                <li key={one.cid} className="row spread">
                  <span>
                    <a href={hrefOf(one.path)}>
                      <Name>{one.name}</Name>
                    </a>{' '}
                    <span className="muted small">
                      {one.kind === 'folder' ? 'folder, ' : ''}
                      {bytes(one.bytes)}
                      {isWhole(one)
                        ? ''
                        : `, ${one.here} of ${counted(one.pieces.length, 'piece')} still here`}
                    </span>
                  </span>
                  <span className="row">
                    <Deed
                      label={one.pinned ? 'Unpin' : 'Pin'}
                      onDo={async () => {
                        await objects.pin({ cid: one.cid, pinned: !one.pinned });
                        onChange();
                      }}
                    />
                    <Deed
                      label="Forget"
                      onDo={async () => {
                        await objects.forget({ cid: one.cid });
                        onChange();
                      }}
                    />
                  </span>
                </li>
              ))}
            </ul>
          )}
        </Many>
      )}
    </Card>
  );
});
