import { memo, useState, type ChangeEvent } from 'react';
import type { UploadFile } from '../../node/upload-calls.ts';
import type { UploadView } from '../../node/upload-records.ts';
import { Badge, Card, Empty, Name } from '../components/basics.tsx';
import { Many } from '../components/Many.tsx';
import { UnlockWallet } from '../components/UnlockWallet.tsx';
import { Check, Deed, Failure, Select, TextField, useAction } from '../components/forms.tsx';
import { bytes, count, counted, tokens, exact } from '../format.ts';
import { useToken } from '../node-client.ts';
import { objects } from '../object-client.ts';
import { useSigner } from '../wallet-client.ts';
import { Sign, useSigning } from './UploadSigning.tsx';
import type { Token } from '../../protocol/notation.ts';

/** Stores files and folders in history, and shows how far each is. */
export default memo(function Upload({ uploads, onChange }: { uploads: UploadView[]; onChange: () => void }) {
  const token = useToken();
  /** The newest that the person signed on this page: what becomes of it comes into sight. */
  const [signed, setSigned] = useState<string | null>(null);
  /** Whether the person was shown a price on this page: what comes in its place takes the focus. */
  const [asked, setAsked] = useState(false);
  const ready = uploads.find(({ step }) => step === 'ready');
  const sent = uploads.filter(({ step }) => step !== 'ready');
  const newest = sent.some(({ id }) => id === signed) ? signed : null;
  return (
    <>
      <Card key={`price ${ready?.id}`} title="Store something" span={6} answer={asked && newest === null}>
        {ready === undefined ? (
          <Choose
            onPriced={() => {
              setAsked(true);
              setSigned(null);
              onChange();
            }}
          />
        ) : (
          <Confirm upload={ready} token={token} onChange={onChange} onSign={() => setSigned(ready.id)} />
        )}
      </Card>
      {sent.length > 0 && (
        <Card key={`sent ${newest}`} title="Stored from here" span={6} answer={newest !== null}>
          <Many items={sent} thing="object" words={({ name, cid }) => `${name} ${cid}`} page={6}>
            {(shown) => (
              <ul className="list">
                {shown.map((upload) => (
                  <UploadItem key={upload.id} upload={upload} token={token} onChange={onChange} />
                ))}
              </ul>
            )}
          </Many>
        </Card>
      )}
    </>
  );
});

/** Folders cannot be chosen by every browser. */
const CHOOSES_FOLDERS = 'webkitdirectory' in HTMLInputElement.prototype;

/** React does not know the attribute. */
const asFolders = (input: HTMLInputElement | null): void => input?.setAttribute('webkitdirectory', '');

/** A button that lets the person choose, worded by the app and not by the browser. */
function Pick(props: { label: string; folder?: boolean; onPick: (files: File[]) => void }) {
  const pick = ({ target }: ChangeEvent<HTMLInputElement>): void => {
    props.onPick([...(target.files ?? [])]);
    // The same choice can be made again.
    target.value = '';
  };
  return (
    <label className="button pick">
      {props.label}
      <input
        type="file"
        className="visually-hidden"
        {...(props.folder ? { ref: asFolders } : { multiple: true })}
        onChange={pick}
      />
    </label>
  );
}

/** What was chosen, in a few words. */
function chosenWords(files: UploadFile[]): string {
  const size = bytes(files.reduce((sum, { content }) => sum + content.size, 0));
  const [first] = files;
  if (first === undefined) return 'Nothing chosen yet.';
  const [folder, ...rest] = first.path.split('/');
  if (rest.length > 0) return `${folder}: ${counted(files.length, 'file')}, ${size}`;
  return files.length === 1 ? `${first.path}, ${size}` : `${counted(files.length, 'file')}, ${size}`;
}

function Choose({ onPriced }: { onPriced: () => void }) {
  const { status, signer, choices, refresh } = useSigner();
  const [files, setFiles] = useState<UploadFile[]>([]);
  const [compress, setCompress] = useState(true);
  const [encrypt, setEncrypt] = useState(false);
  const [password, setPassword] = useState('');
  const action = useAction();
  const signing = useSigning();
  const choose = (chosen: File[]): void => {
    if (chosen.length === 0) return;
    setFiles(
      chosen.map((file) => ({
        path: file.webkitRelativePath === '' ? file.name : file.webkitRelativePath,
        content: file,
      })),
    );
  };
  if (status?.exists === false)
    return (
      <Empty>
        Storing costs a fee and is signed by an account. <a href="#/wallet">Make a wallet</a> first.
      </Empty>
    );
  if (status?.unlocked === false)
    return (
      <div className="stack">
        <p className="muted">
          Storing costs a fee and is signed by an account, and the wallet is locked.
          {files.length > 0 && ' What you chose is still chosen.'}
        </p>
        <UnlockWallet status={status} elsewhere onDone={refresh} />
      </div>
    );
  return (
    <div className="stack">
      <p className="muted">
        What you store is public and stays for ever. Nobody can remove it, not even you.
      </p>
      <div className="row">
        <Pick label="Choose files" onPick={choose} />
        {CHOOSES_FOLDERS && <Pick label="Choose a folder" folder onPick={choose} />}
      </div>
      <p className={files.length === 0 ? 'muted small' : 'break'} role="status">
        {chosenWords(files)}
      </p>
      <Check
        label="Compress"
        hint="Costs less; photos and videos hardly shrink."
        checked={compress}
        onChange={setCompress}
      />
      <Check
        label="Encrypt with a password"
        hint="Others then see how large it is and what it is called, not what is in it."
        checked={encrypt}
        onChange={setEncrypt}
      />
      {encrypt && (
        <TextField
          label="Password for this upload"
          hint="At least 8 characters, better many more, and used nowhere else: whoever fetches the file can guess for ever. It is kept nowhere; without it nobody opens the file."
          type="password"
          autoComplete="new-password"
          value={password}
          onChange={setPassword}
        />
      )}
      <Sign {...signing} />
      <Select label="Paid and signed by" {...choices} />
      <div className="row">
        <button
          type="button"
          className="primary"
          disabled={files.length === 0 || signer === '' || (encrypt && password.length < 8)}
          aria-disabled={action.busy}
          onClick={() =>
            action.run(async () => {
              await objects.prepareUpload({
                files: await signing.apply(files),
                compress,
                password: encrypt ? password : '',
                account: signer,
              });
              onPriced();
            })
          }
        >
          {action.busy ? 'Preparing…' : 'Show the price'}
        </button>
      </div>
      <Failure error={action.error} />
    </div>
  );
}

/** What storing costs, before it is signed. `onSign` is called when the person signs, `onSent` once it was sent. */
export function Confirm({
  upload,
  token,
  onChange,
  onSign,
  onSent,
}: {
  upload: UploadView;
  token: Token;
  onChange: () => void;
  onSign?: () => void;
  onSent?: () => Promise<void>;
}) {
  const { id, name, cid, bytes: size, storedBytes, nodes, transactions, fee, encrypted } = upload;
  const { status, choices, refresh } = useSigner();
  const payer = choices.options.find(([address]) => address === upload.account);
  return (
    <div className="stack">
      <p className="muted">
        {encrypted
          ? 'Once stored it stays for ever. Keep the password: nothing opens the file without it.'
          : 'Once stored it is public and stays for ever. Nobody can remove it, not even you.'}
      </p>
      <dl className="facts">
        <dt>{upload.kind === 'folder' ? 'Folder' : 'File'}</dt>
        <dd>
          <strong>{name}</strong>
        </dd>
        <dt>Size</dt>
        <dd>
          {bytes(size)}, stored as {bytes(storedBytes)} in {counted(nodes, 'part')}
          {encrypted ? ', encrypted' : ''}
        </dd>
        <dt>Price</dt>
        <dd data-testid="price">
          <span title={exact(fee, token)}>{aboutTokens(fee, token)}</span> for{' '}
          {counted(transactions, 'transaction')}, as the node tells
        </dd>
        <dt>Paid by</dt>
        <dd className="break">{payer?.[1] ?? upload.account}</dd>
        <dt>Identifier</dt>
        <dd className="mono">{cid}</dd>
      </dl>
      {status?.unlocked === false && (
        <>
          <p className="banner">The wallet is locked. Unlock it to sign.</p>
          <UnlockWallet status={status} elsewhere onDone={refresh} />
        </>
      )}
      <div className="row">
        {status?.unlocked !== false && (
          <Deed
            label="Sign and store"
            busy="Signing and sending…"
            primary
            onDo={async () => {
              onSign?.();
              await objects.sendUpload({ id });
              await onSent?.();
              onChange();
            }}
          />
        )}
        <Deed
          label="Do not store it"
          onDo={async () => {
            await objects.forgetUpload({ id });
            onChange();
          }}
        />
      </div>
    </div>
  );
}

/** An amount that somebody estimated. */
function aboutTokens(amount: string, token: Token): string {
  const words = tokens(amount, token);
  return words.startsWith('<') ? `less than ${words.slice(1)}` : `about ${words}`;
}

const STEPS: { step: UploadView['step']; text: string }[] = [
  { step: 'included', text: 'In a verified block' },
  { step: 'deep', text: 'Too deep to be undone' },
  { step: 'archived', text: 'In archived history' },
  { step: 'checked', text: 'Read back and compared' },
];
const ORDER: UploadView['step'][] = ['ready', 'sending', 'included', 'deep', 'archived', 'checked'];

/** What the badge says of a step; of all others that it is under way. */
const STATES: Partial<Record<UploadView['step'], ['bad' | 'warn' | 'good', string]>> = {
  failed: ['bad', 'failed'],
  stopped: ['warn', 'stopped'],
  checked: ['good', 'stored'],
};

/** How far something that was stored is. */
export function UploadItem({
  upload,
  token,
  onChange,
}: {
  upload: UploadView;
  token: Token;
  onChange: () => void;
}) {
  const { id, name, cid, path, step, sent, transactions, block, depth, archivedDepth, fee, error } = upload;
  const reached = ORDER.indexOf(step);
  const [tone, state] = STATES[step] ?? ['info', 'under way'];
  return (
    <li className="stack" data-testid="upload" data-step={step}>
      <div className="row spread">
        {step === 'checked' ? (
          <a href={`#/objects/${path.replace(/^\/object\//, '')}`}>
            <Name>{name}</Name>
          </a>
        ) : (
          <strong>
            <Name>{name}</Name>
          </strong>
        )}
        <Badge tone={tone} live={reached < 5 && reached > 0}>
          {state}
        </Badge>
      </div>
      <ol className="stages" aria-label={`Steps of ${name}`}>
        {STEPS.map(({ step: one, text }) => (
          <li key={one} data-done={reached >= ORDER.indexOf(one)}>
            {text}
          </li>
        ))}
      </ol>
      <span className="muted small" aria-live="polite">
        {noteOf(step, { sent, transactions, block, depth, archivedDepth })}
      </span>
      {error !== null && (
        <p className={step === 'failed' ? 'banner bad' : 'banner'} role="alert">
          {error}
          {step === 'failed' || step === 'stopped' ? '' : ' It goes on by itself.'}
        </p>
      )}
      {step === 'stopped' && <Rest id={id} onChange={onChange} />}
      <details>
        <summary>Details</summary>
        <dl className="facts">
          <dt>Identifier</dt>
          <dd className="mono">{cid}</dd>
          <dt>Paid</dt>
          <dd>{exact(fee, token)}</dd>
          {block !== null && (
            <>
              <dt>Block</dt>
              <dd>{block}</dd>
            </>
          )}
        </dl>
        <Deed
          label="Take off the list"
          onDo={async () => {
            await objects.forgetUpload({ id });
            onChange();
          }}
        />
      </details>
    </li>
  );
}

/** Sends what is left of something that was sent in part. */
function Rest({ id, onChange }: { id: string; onChange: () => void }) {
  const { status, refresh } = useSigner();
  if (status?.unlocked === false)
    return (
      <>
        <p className="small">What was sent stays sent. Unlock the wallet to send the rest.</p>
        <UnlockWallet status={status} elsewhere onDone={refresh} />
      </>
    );
  return (
    <div className="row">
      <Deed
        label="Send the rest"
        busy="Signing and sending…"
        primary
        onDo={async () => {
          // What hinders it is said above.
          await objects.sendUpload({ id }).catch(() => undefined);
          onChange();
        }}
      />
    </div>
  );
}

function noteOf(
  step: UploadView['step'],
  at: Pick<UploadView, 'sent' | 'transactions' | 'block' | 'depth' | 'archivedDepth'>,
): string {
  switch (step) {
    case 'stopped':
      return `${count(at.sent)} of ${counted(at.transactions, 'transaction')} sent.`;
    case 'sending':
      return `${count(at.sent)} of ${counted(at.transactions, 'transaction')} sent. The next blocks take them in.`;
    case 'included':
      return `In block ${count(at.block ?? 0)}, ${at.depth} of ${at.archivedDepth} blocks deep.`;
    case 'deep':
      return 'History is archived in segments of 124 MiB. This one has to fill up first, which can take a while.';
    case 'archived':
      return 'Every part is fetched from the storage network and compared.';
    case 'checked':
      return 'Every part came back out of history as it was stored.';
    default:
      return '';
  }
}
