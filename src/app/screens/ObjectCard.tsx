import { lazy, Suspense, useEffect, useState } from 'react';
import type { EntryView, ObjectView } from '../../node/object-view.ts';
import type { SaveView } from '../../node/save-view.ts';
import type { TransferView } from '../../node/transfers.ts';
import type { Preview } from '../../objects/media.ts';
import { messageOf } from '../../protocol/errors.ts';
import { Badge, Card, Name } from '../components/basics.tsx';
import { CopyButton } from '../components/CopyButton.tsx';
import { Deed, Form, useAction } from '../components/forms.tsx';
import { Many } from '../components/Many.tsx';
import { ShieldIcon } from '../components/icons.tsx';
import { bytes } from '../format.ts';
import { objects } from '../object-client.ts';
import { ObjectPassword, SaveButton, SaveItem } from './ObjectsSaves.tsx';

const ObjectSigner = lazy(() => import('./ObjectSigner.tsx'));

/** Text shown inside the app at most, in bytes. */
const SHOWN_TEXT = 64 * 1024;

const VERIFIED =
  'The identifier is the hash of its first part, which names all others by theirs: none is shown before its hash was found right. The pieces of history that they lie in are checked against the verified chain.';

/** One opened object: what it is, what was checked, its content where that is safe to show. */
export default function ObjectCard(props: {
  object: ObjectView;
  /** The save of it that was begun, if there is one. */
  save: SaveView | undefined;
  /** Its retrieval into this browser, if there is one, and whether that was over once. */
  transfer: TransferView | undefined;
  kept: boolean;
  /** The folder that it was opened from, to go back to. */
  folder: ObjectView | null;
  /** Opens what lies in the folder given, or the folder itself. */
  onOpen: (link: string, folder: ObjectView | null) => void;
  onChanged: (object: ObjectView) => void;
  onSaved: () => void;
}) {
  const { object, save, transfer, folder, onOpen, onSaved } = props;
  const name = object.name ?? 'Nameless object';
  const address = `${object.path.split('?')[0]}/${encodeURIComponent(name)}${queryOf(object.path)}`;
  return (
    <Card
      title={<Name>{name}</Name>}
      span={7}
      answer
      aside={
        <Badge tone="good" title={VERIFIED}>
          <ShieldIcon /> verified
        </Badge>
      }
    >
      {folder !== null && folder.cid !== object.cid && (
        <button type="button" className="link" onClick={() => onOpen(folder.path, null)}>
          Back to {folder.name === null ? 'the folder' : <Name>{folder.name}</Name>}
        </button>
      )}
      <p className="row">
        <Badge title={object.mediaType}>{kindOf(object)}</Badge>
        <Badge>{bytes(object.contentBytes ?? object.storedBytes)}</Badge>
        {object.compressed && <Badge>compressed</Badge>}
        {object.encrypted && (
          <Badge tone={object.locked ? 'warn' : 'info'}>{object.locked ? 'locked' : 'encrypted'}</Badge>
        )}
      </p>
      {object.locked ? (
        <Unlock object={object} folder={folder} onChanged={props.onChanged} />
      ) : (
        <>
          {object.kind === 'file' && <Content address={address} preview={object.preview} name={name} />}
          {object.entries !== null && (
            <Tree entries={object.entries} onOpen={(link) => onOpen(link, object)} />
          )}
          <Actions
            object={object}
            saves={save !== undefined && save.state !== 'done'}
            keeps={props.kept || transfer?.state === 'running'}
            onSaved={onSaved}
          />
          <Kept transfer={transfer} kept={props.kept} />
        </>
      )}
      {save !== undefined && <SaveItem save={save} onChange={onSaved} />}
      {!object.locked && <Signer object={object} address={address} />}
      <details>
        <summary>What was checked</summary>
        <p>{VERIFIED}</p>
        <dl className="facts">
          <dt>Identifier</dt>
          <dd className="mono">{object.cid}</dd>
          {object.found !== null && (
            <>
              <dt>Found in</dt>
              <dd>
                piece {object.found.piece}, as told by {object.found.giver}
              </dd>
            </>
          )}
          {object.kind === 'file' && (
            <>
              <dt>Kind of file</dt>
              <dd>{object.mediaType}, by its name</dd>
            </>
          )}
          <dt>Bytes in history</dt>
          <dd>{object.storedBytes.toLocaleString()}</dd>
          <dt>Hashes</dt>
          <dd>BLAKE3-256</dd>
          <dt>Pieces</dt>
          <dd>KZG openings against the commitments of their segments</dd>
        </dl>
      </details>
    </Card>
  );
}

/** Who signed it, looked up when the person wants to know. */
function Signer({ object, address }: { object: ObjectView; address: string }) {
  const [open, setOpen] = useState(false);
  return (
    <details onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>Who signed it</summary>
      {open && (
        <div className="stack">
          <Suspense fallback={<p className="muted">Loading…</p>}>
            <ObjectSigner object={object} address={address} />
          </Suspense>
        </div>
      )}
    </details>
  );
}

const KINDS: Record<NonNullable<Preview>, string> = {
  image: 'Picture',
  video: 'Video',
  audio: 'Sound',
  text: 'Text',
};

function kindOf({ kind, mediaType, preview }: ObjectView): string {
  if (kind === 'folder') return 'Folder';
  if (kind === 'metadata') return 'Description';
  if (preview !== null) return KINDS[preview];
  return mediaType === 'application/octet-stream' ? 'File' : mediaType;
}

function queryOf(path: string): string {
  const at = path.indexOf('?');
  return at < 0 ? '' : path.slice(at);
}

function Unlock(props: {
  object: ObjectView;
  folder: ObjectView | null;
  onChanged: (object: ObjectView) => void;
}) {
  const { object, folder, onChanged } = props;
  const [password, setPassword] = useState('');
  const action = useAction();
  return (
    <Form
      action={action}
      submit="Unlock"
      disabled={password === ''}
      onSubmit={async () => {
        const link = { link: object.path, password, ...(folder && { folder: folder.path }) };
        onChanged(await objects.open(link));
      }}
    >
      <ObjectPassword value={password} onChange={setPassword} />
    </Form>
  );
}

function useControlled(): boolean {
  const [controlled, setControlled] = useState(
    () => 'serviceWorker' in navigator && navigator.serviceWorker.controller !== null,
  );
  useEffect(() => {
    if (!('serviceWorker' in navigator)) return undefined;
    const changed = () => setControlled(navigator.serviceWorker.controller !== null);
    navigator.serviceWorker.addEventListener('controllerchange', changed);
    return () => navigator.serviceWorker.removeEventListener('controllerchange', changed);
  }, []);
  return controlled;
}

/** Only what a browser shows without running it. */
function Content({ address, preview, name }: { address: string; preview: Preview; name: string }) {
  const controlled = useControlled();
  if (preview === null)
    return <p className="muted">Files of this kind are not shown here. Save it to look at it.</p>;
  if (!controlled) return <p className="muted">The preview comes once the app’s service worker runs.</p>;
  switch (preview) {
    case 'image':
      return <img className="preview" src={address} alt={name} />;
    case 'video':
      return <video className="preview" src={address} controls preload="metadata" aria-label={name} />;
    case 'audio':
      return <audio className="preview" src={address} controls preload="metadata" aria-label={name} />;
    case 'text':
      return <TextContent address={address} />;
  }
}

function TextContent({ address }: { address: string }) {
  const [text, setText] = useState<string | null>(null);
  useEffect(() => {
    const stop = new AbortController();
    fetch(address, { signal: stop.signal })
      .then(async (response) => {
        if (!response.ok) return setText(await response.text());
        setText(await beginningOf(response));
      })
      .catch((error: unknown) => {
        if (!stop.signal.aborted) setText(messageOf(error));
      });
    return () => stop.abort();
  }, [address]);
  return (
    <pre className="preview text" tabIndex={0}>
      {text ?? 'Loading…'}
    </pre>
  );
}

async function beginningOf(response: Response): Promise<string> {
  const reader = response.body!.getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    text += decoder.decode(next.value, { stream: true });
    if (text.length < SHOWN_TEXT) continue;
    await reader.cancel();
    return `${text.slice(0, SHOWN_TEXT)}\n…`;
  }
  return text + decoder.decode();
}

function Tree({ entries, onOpen }: { entries: EntryView[]; onOpen: (link: string) => void }) {
  if (entries.length === 0) return <p className="muted">The folder is empty.</p>;
  return (
    <Many items={entries} thing="file" words={({ path }) => path} page={100}>
      {(shown) => (
        <ul className="tree" aria-label="Files in this folder">
          {shown.map(({ path, cid, kind, bytes: size, encrypted }) => (
            <li
              key={path}
              ref={(item) => item?.style.setProperty('--depth', String(path.split('/').length - 1))}
            >
              <button type="button" className="link" title={path} onClick={() => onOpen(cid)}>
                <Name>{path.split('/').at(-1) ?? path}</Name>
                {kind === 'folder' ? '/' : ''}
              </button>
              <span className="muted small">
                {bytes(size)}
                {encrypted ? ', encrypted' : ''}
              </span>
            </li>
          ))}
        </ul>
      )}
    </Many>
  );
}

/** How far it is with being kept, where the person asked for it. */
function Kept({ transfer, kept }: { transfer: TransferView | undefined; kept: boolean }) {
  const text = keptWords(transfer, kept);
  return text === null ? null : (
    <p className="muted small" role="status">
      {text}
    </p>
  );
}

function keptWords(transfer: TransferView | undefined, kept: boolean): string | null {
  switch (transfer?.state) {
    case 'running': {
      const { bytes: done, totalBytes: total } = transfer;
      return `Keeping it here: ${bytes(done)}${total === null ? '' : ` of ${bytes(total)}`}.`;
    }
    case 'paused':
      return 'Keeping it here is paused, see “Retrievals”.';
    case 'failed':
      return 'It could not be kept here, see “Retrievals”.';
    default:
      return kept ? 'Kept here: it opens without waiting, and others can get it from this tab.' : null;
  }
}

function Actions(props: { object: ObjectView; saves: boolean; keeps: boolean; onSaved: () => void }) {
  const { object } = props;
  const link = `${window.location.origin}/#/objects/${object.path.replace(/^\/object\//, '')}`;
  return (
    <div className="row">
      <SaveButton object={object} saves={props.saves} onChange={props.onSaved} />
      <Deed
        label="Keep here"
        busy="Starting…"
        disabled={props.keeps}
        onDo={async () => {
          await objects.fetch({ link: object.path });
          props.onSaved();
        }}
      />
      <CopyButton text={link} label="Copy link" done="Link copied" />
    </div>
  );
}
