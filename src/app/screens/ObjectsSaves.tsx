/** Objects on their way to a file of the person's: from the click on Save until the file is there. */
import { useEffect, useState, type ReactNode } from 'react';
import type { ObjectView } from '../../node/object-view.ts';
import type { SaveState, SaveView } from '../../node/save-view.ts';
import { savedName } from '../../objects/media.ts';
import { Card } from '../components/basics.tsx';
import { Deed, Failure, Form, TextField, useAction } from '../components/forms.tsx';
import { bytes } from '../format.ts';
import { objects } from '../object-client.ts';
import { askToWrite, canPickFiles, pickFile, removeEmpty } from '../picked-file.ts';
import { Retrieved } from './ObjectsTransfers.tsx';

const STATES: Record<SaveState, ['info' | 'warn' | 'good' | 'bad', string]> = {
  running: ['info', 'fetching'],
  checking: ['info', 'checking'],
  paused: ['warn', 'stopped'],
  failed: ['bad', 'failed'],
  ready: ['warn', 'waits for you'],
  writing: ['info', 'writing the file'],
  done: ['good', 'saved, verified'],
};

const isLive = (state: SaveState): boolean => ['running', 'checking', 'writing'].includes(state);

/** Saves that the person began or went on with on this page: their downloads begin by themselves. */
const begun = new Set<string>();

/**
 * The button that begins to save an object. `saves`: whether that is under way; the button stays in its place then, so
 * that a second click hits no other.
 */
export function SaveButton(props: { object: ObjectView; saves: boolean; onChange: () => void }) {
  const { object, onChange } = props;
  const start = async (): Promise<void> => {
    const target = canPickFiles() ? await pickFile(savedName(object)) : null;
    if (target === null && canPickFiles()) return;
    begun.add(await objects.save({ link: object.path, target }));
    onChange();
  };
  return (
    <Deed
      label={object.kind === 'folder' ? 'Save as zip' : 'Save'}
      busy={canPickFiles() ? 'Where to?' : 'Starting…'}
      disabled={props.saves}
      primary
      onDo={start}
    />
  );
}

/** Begins the downloads of what is ready, wherever on the screen it is shown. */
export function useDownloads(saves: readonly SaveView[]): void {
  useEffect(() => {
    for (const save of saves) {
      if (save.state !== 'ready' || save.to !== 'download' || !begun.delete(save.id)) continue;
      const link = document.createElement('a');
      link.href = addressOf(save);
      link.click();
    }
  }, [saves]);
}

/** Where the service worker hands over what is ready. */
function addressOf({ id, cid, name }: SaveView): string {
  return `/object/${cid}/${encodeURIComponent(name)}?saved=${id}`;
}

/** Saves of other objects than the one that is shown. */
export function Saves({ saves, onChange }: { saves: SaveView[]; onChange: () => void }) {
  if (saves.length === 0) return null;
  return (
    <Card title="Saving" span={12}>
      <ul className="list">
        {saves.map((save) => (
          <li key={save.id}>
            <SaveItem save={save} onChange={onChange} />
          </li>
        ))}
      </ul>
    </Card>
  );
}

/** One save: how far it is, and what the person can do. */
export function SaveItem({ save, onChange }: { save: SaveView; onChange: () => void }) {
  const { id, name, state, bytes: done, through, totalBytes } = save;
  return (
    <div data-testid="save" data-state={state} className="stack">
      <Retrieved
        name={name === '' ? `${save.cid.slice(0, 14)}…` : name}
        state={save.needs === 'password' ? STATES.ready : STATES[state]}
        live={isLive(state)}
        done={state === 'checking' || state === 'writing' ? through : done}
        total={totalBytes}
        watched={save}
      >
        <Said save={save} />
        <Failure error={save.error} />
        <Actions key={`${id} ${save.needs}`} save={save} onChange={onChange} />
      </Retrieved>
    </div>
  );
}

/** What the state means for the person, in a sentence. */
function Said({ save }: { save: SaveView }) {
  const text = sentenceOf(save);
  return text === null ? null : (
    <p className="small" role="status">
      {text}
    </p>
  );
}

function sentenceOf(save: SaveView): ReactNode {
  const { state, to, name, kind, resumedFrom, needs, bytes: here, through, totalBytes } = save;
  switch (state) {
    case 'running':
      if (resumedFrom > 0) return `Went on at ${bytes(resumedFrom)}, checked again.`;
      return to === 'file'
        ? 'It can be interrupted at any time and goes on where it stopped.'
        : 'It goes to your downloads once all of it is here; interrupted, it goes on where it stopped.';
    case 'checking':
      return `${bytes(here)} are here already. They are checked before it goes on.`;
    case 'paused':
      return here === totalBytes
        ? 'All of it is here. Continue checks it again before it is saved.'
        : 'What is here stays. Continue checks it again and fetches the rest.';
    case 'ready':
      return needs === 'permission'
        ? `All of it is here and verified. The browser does not let this page write “${name}” yet: Continue asks again, or save it to another place.`
        : 'All of it is here and verified.';
    case 'writing':
      if (through === totalBytes)
        return 'All of it is written. The browser looks it over and puts it in its place.';
      return `All of it is here; the ${kind === 'folder' ? 'zip file' : 'file'} is being written.`;
    case 'done':
      return to === 'download'
        ? 'Handed to the browser’s downloads. Should that have failed, take it again; it stays here until you clear it or the app starts anew.'
        : null;
    case 'failed':
      return null;
  }
}

function Actions({ save, onChange }: { save: SaveView; onChange: () => void }) {
  const { id, state, to, needs } = save;
  const act = (work: Promise<unknown>): Promise<void> => work.then(onChange);
  const goOn = async (): Promise<void> => {
    // Asked for first, while the click still counts; without it the rest is fetched all the same.
    if (to === 'file') await askToWrite(await objects.saveTarget({ id }));
    begun.add(id);
    await act(objects.continueSave({ id }));
  };
  const elsewhere = async (): Promise<void> => {
    const target = await pickFile(save.name);
    if (target === null) return;
    begun.add(id);
    await act(objects.continueSave({ id, target }));
  };
  const cancel = async (): Promise<void> => {
    const target = to === 'file' && state !== 'done' ? await objects.saveTarget({ id }) : null;
    await objects.cancelSave({ id });
    await removeEmpty(target);
    onChange();
  };
  const stopped = state === 'paused' || state === 'failed' || (state === 'ready' && to === 'file');
  if (stopped && needs === 'password') return <Password save={save} onChange={onChange} onCancel={cancel} />;
  return (
    <div className="row">
      {(isLive(state) || stopped) && (
        // One button for both, so that it keeps the focus.
        <Deed
          label={stopped ? 'Continue' : 'Pause'}
          busy={stopped ? 'Going on…' : 'Pausing…'}
          primary={stopped}
          onDo={() => (stopped ? goOn() : act(objects.pauseSave({ id })))}
        />
      )}
      {(state === 'ready' || state === 'done') && to === 'download' && (
        <a className={state === 'ready' ? 'button primary' : 'button'} href={addressOf(save)}>
          {state === 'ready' ? 'Save to downloads' : 'Save again'}
        </a>
      )}
      {stopped && state !== 'paused' && needs !== 'room' && canPickFiles() && (
        <Deed label="Save elsewhere" busy="Where to?" onDo={elsewhere} />
      )}
      <Deed label={state === 'done' ? 'Clear' : 'Cancel'} onDo={cancel} />
      {needs === 'room' && (
        <span className="small">
          <a href={streamAddressOf(save)}>Save without room here</a>, which begins anew when it is
          interrupted.
        </span>
      )}
    </div>
  );
}

/** The old way, for which no room is needed here: streamed into a download, which begins anew when it is interrupted. */
function streamAddressOf({ path, name, kind }: SaveView): string {
  const [address = '', query] = path.split('?');
  const wanted = kind === 'folder' ? 'zip' : 'download';
  return `${address}/${encodeURIComponent(name)}?${query === undefined ? '' : `${query}&`}${wanted}`;
}

function Password(props: { save: SaveView; onChange: () => void; onCancel: () => Promise<void> }) {
  const [password, setPassword] = useState('');
  const action = useAction();
  const { id, to } = props.save;
  return (
    <Form
      action={action}
      submit="Continue"
      busy="Going on…"
      disabled={password === ''}
      onSubmit={async () => {
        if (to === 'file') await askToWrite(await objects.saveTarget({ id }));
        begun.add(id);
        await objects.continueSave({ id, password });
        props.onChange();
      }}
      more={<Deed label="Cancel" onDo={props.onCancel} />}
    >
      <ObjectPassword value={password} onChange={setPassword} />
    </Form>
  );
}

/** The password of an encrypted object. */
export function ObjectPassword({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  return (
    <TextField
      label="Password"
      hint="It is used in this browser only and forgotten when the node stops."
      type="password"
      value={value}
      onChange={onChange}
    />
  );
}
