import { lazy, Suspense, useCallback, useState, type ReactNode } from 'react';
import type { WalletStatus } from '../../wallet/service.ts';
import { Card, Empty } from '../components/basics.tsx';
import { Failure, FileField, Form, TextField, useAction } from '../components/forms.tsx';
import { Passwords, RecoveryPhrase, ReplaceWallet, requireSame } from '../components/secrets.tsx';
import { UnlockWallet } from '../components/UnlockWallet.tsx';
import type { ChosenFile } from '../files.ts';
import { useLoaded, useWallet, wallet } from '../wallet-client.ts';
import type { OpenWallet } from '../wallet-part.ts';
import '../wallet.css';

/** Shows its content once there is an unlocked wallet, and until then what it takes to have one. */
export function WalletGate({ children }: { children: (open: OpenWallet) => ReactNode }) {
  const { status, error, refresh } = useWallet();
  if (status === null) return error === null ? <Empty>Opening the wallet…</Empty> : <Failure error={error} />;
  if (!status.exists) return <NewWallet onDone={refresh} />;
  if (!status.unlocked) return <Unlock status={status} onDone={refresh} />;
  return children({ status, refresh });
}

function Unlock({ status, onDone }: { status: WalletStatus; onDone: () => void }) {
  const [way, setWay] = useState<Restoring | null>(null);
  if (way !== null) return <Restore way={way} replaces onDone={onDone} onBack={() => setWay(null)} />;
  return (
    <div className="grid">
      <Card title="Your wallet is locked" span={6}>
        <p className="muted">
          Its keys are encrypted in this browser. Nobody can open it without your password.
        </p>
        <UnlockWallet status={status} onDone={onDone} />
        <details>
          <summary>I forgot the password</summary>
          <p className="muted">
            Nobody can tell it to you. With what you kept elsewhere the wallet is made again, under a new
            password or the backup’s own.
          </p>
          <div className="row">
            <RestoreButtons onChoose={setWay} />
          </div>
        </details>
      </Card>
    </div>
  );
}

const RestoreNetworkCopy = lazy(() =>
  import('./WalletNetworkCopy.tsx').then(({ RestoreNetworkCopy: screen }) => ({ default: screen })),
);

/** What a wallet is made again from. */
type Restoring = 'phrase' | 'backup' | 'network';

interface Restored {
  onDone: () => void;
  onBack: () => void;
  /** Whether there is a wallet whose place it takes. */
  replaces?: boolean;
}

function Restore({ way, ...props }: Restored & { way: Restoring }) {
  if (way === 'phrase') return <ImportPhrase {...props} />;
  if (way === 'backup') return <RestoreBackup {...props} />;
  return (
    <Suspense fallback={null}>
      <RestoreNetworkCopy {...props} />
    </Suspense>
  );
}

function RestoreButtons({ onChoose }: { onChoose: (way: Restoring) => void }) {
  return (
    <>
      <button type="button" onClick={() => onChoose('phrase')}>
        I have a recovery phrase
      </button>
      <button type="button" onClick={() => onChoose('backup')}>
        I have a backup file
      </button>
      <button type="button" onClick={() => onChoose('network')}>
        I kept a copy on the network
      </button>
    </>
  );
}

function NewWallet({ onDone }: { onDone: () => void }) {
  const [way, setWay] = useState<Restoring | 'new' | null>(null);
  if (way === 'new') return <CreateWallet onDone={onDone} onBack={() => setWay(null)} />;
  if (way !== null) return <Restore way={way} onDone={onDone} onBack={() => setWay(null)} />;
  return (
    <div className="grid">
      <Card title="A wallet of your own" span={7}>
        <p className="muted">
          It keeps your accounts, your identities and what others have certified of you, encrypted in this
          browser. No company has a copy, so nobody can read it, and nobody can reset it for you.
        </p>
        <p className="muted">
          You need one to send tokens, to store files and to prove who you are; farming works without. It
          costs nothing and asks for no name. You write down twelve words first: with them you can make it
          again on any device, and so can whoever else has them.
        </p>
        <div className="row">
          <button type="button" className="primary" onClick={() => setWay('new')}>
            Make a new wallet
          </button>
          <RestoreButtons onChoose={setWay} />
        </div>
      </Card>
    </div>
  );
}

/** Positions of the words that are asked for, to see that they were written down. */
function askedWords(count: number): number[] {
  const random = crypto.getRandomValues(new Uint32Array(3));
  const first = random[0]! % count;
  const second = (first + 1 + (random[1]! % (count - 1))) % count;
  return [first, second].sort((a, b) => a - b);
}

function CreateWallet({ onDone, onBack }: { onDone: () => void; onBack: () => void }) {
  const { value: phrase, error } = useLoaded(useCallback(() => wallet.newPhrase(12), []));
  const [step, setStep] = useState<'write' | 'confirm'>('write');
  const [asked] = useState(() => askedWords(12));
  const [given, setGiven] = useState(['', '']);
  const [password, setPassword] = useState('');
  const [again, setAgain] = useState('');
  const action = useAction();
  if (phrase === null) return error === null ? <Empty>Rolling the dice…</Empty> : <Failure error={error} />;
  const words = phrase.split(' ');
  if (step === 'write') {
    return (
      <div className="grid">
        <Card title="Write these twelve words down" span={8}>
          <p className="muted">
            They are your wallet. With them you can have it back on any device; whoever else reads them can
            take everything. Paper is best. They are shown only now, and later with your password.
          </p>
          <ol className="phrase" data-testid="phrase">
            {words.map((word, index) => (
              <li key={`${index}-${word}`}>{word}</li>
            ))}
          </ol>
          <div className="row">
            <button type="button" className="primary" onClick={() => setStep('confirm')}>
              I have written them down
            </button>
            <button type="button" onClick={onBack}>
              Back
            </button>
          </div>
        </Card>
      </div>
    );
  }
  const submit = async () => {
    if (asked.some((at, index) => given[index]!.trim().toLowerCase() !== words[at]))
      throw new Error('These are not the words that were shown. Look at what you wrote down.');
    requireSame(password, again);
    await wallet.create({ phrase, password });
    await navigator.storage?.persist?.();
    onDone();
  };
  return (
    <div className="grid">
      <Card title="Make sure, then choose a password" span={6}>
        <Form
          action={action}
          submit="Make the wallet"
          busy="Making the wallet…"
          onSubmit={submit}
          more={
            <button type="button" onClick={() => setStep('write')}>
              Show the words again
            </button>
          }
        >
          {asked.map((at, index) => (
            <TextField
              key={at}
              label={`Word ${at + 1}`}
              value={given[index]!}
              onChange={(text) => setGiven((before) => before.map((old, i) => (i === index ? text : old)))}
            />
          ))}
          <Passwords password={password} again={again} onPassword={setPassword} onAgain={setAgain} />
        </Form>
      </Card>
    </div>
  );
}

function ImportPhrase({ onDone, onBack, replaces = false }: Restored) {
  const [sure, setSure] = useState(false);
  const [phrase, setPhrase] = useState('');
  const [passphrase, setPassphrase] = useState('');
  const [password, setPassword] = useState('');
  const [again, setAgain] = useState('');
  const action = useAction();
  return (
    <div className="grid">
      <Card title="From a recovery phrase" span={6}>
        <Form
          action={action}
          submit="Make the wallet"
          busy="Making the wallet…"
          disabled={replaces && !sure}
          onSubmit={async () => {
            requireSame(password, again);
            await wallet.create({ phrase, passphrase, password, replace: replaces });
            onDone();
          }}
          more={
            <button type="button" onClick={onBack}>
              Back
            </button>
          }
        >
          <RecoveryPhrase
            phrase={phrase}
            passphrase={passphrase}
            onPhrase={setPhrase}
            onPassphrase={setPassphrase}
          />
          <Passwords password={password} again={again} onPassword={setPassword} onAgain={setAgain} />
          {replaces && <ReplaceWallet by="phrase" sure={sure} onChange={setSure} />}
        </Form>
      </Card>
    </div>
  );
}

/** Puts a backup file in place of the wallet, if there is one. */
export function RestoreBackup(props: Restored) {
  const [file, setFile] = useState<ChosenFile | null>(null);
  const [password, setPassword] = useState('');
  const [sure, setSure] = useState(false);
  const action = useAction();
  return (
    <div className="grid">
      <Card title="From a backup file" span={6}>
        <Form
          action={action}
          submit="Restore"
          busy="Restoring…"
          disabled={file === null || (props.replaces === true && !sure)}
          onSubmit={async () => {
            await wallet.restore({ file: file!.content, password, replace: props.replaces === true });
            props.onDone();
          }}
          more={
            <button type="button" onClick={props.onBack}>
              Back
            </button>
          }
        >
          <FileField label="Backup file" accept=".json,application/json" onChoose={setFile} />
          <TextField
            label="Password of the backup"
            type="password"
            autoComplete="current-password"
            value={password}
            onChange={setPassword}
          />
          {props.replaces === true && <ReplaceWallet by="backup" sure={sure} onChange={setSure} />}
        </Form>
      </Card>
    </div>
  );
}
