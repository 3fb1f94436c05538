import { useState } from 'react';
import { Card } from '../components/basics.tsx';
import { Check, Deed, Form, TextField, useAction } from '../components/forms.tsx';
import { requireSame } from '../components/secrets.tsx';
import { saveFile } from '../files.ts';
import { createPasskey, passkeysExist } from '../passkey.ts';
import { wallet } from '../wallet-client.ts';
import { RestoreBackup } from './WalletGate.tsx';
import type { OpenWallet } from '../wallet-part.ts';
import type { PartProps } from '../wallet-part.ts';
import { NetworkCopy, RestoreNetworkCopy } from './WalletNetworkCopy.tsx';

/** What keeps the wallet safe: backup, lock, password, passkeys, recovery phrase. */
export default function WalletSafety({ status, refresh, token }: PartProps) {
  const [restoring, setRestoring] = useState<'file' | 'network' | null>(null);
  if (restoring !== null) {
    const Restore = restoring === 'file' ? RestoreBackup : RestoreNetworkCopy;
    return (
      <Restore
        replaces
        onBack={() => setRestoring(null)}
        onDone={() => {
          setRestoring(null);
          refresh();
        }}
      />
    );
  }
  return (
    <div className="grid">
      <Keeping status={status} refresh={refresh} onRestore={() => setRestoring('file')} />
      <NetworkCopy token={token} onRestore={() => setRestoring('network')} />
      <Phrase />
    </div>
  );
}

function Keeping({ status, refresh, onRestore }: OpenWallet & { onRestore: () => void }) {
  const [old, setOld] = useState('');
  const [password, setPassword] = useState('');
  const [again, setAgain] = useState('');
  const [done, setDone] = useState<string | null>(null);
  const change = useAction();
  const passkeys = status.methods.flatMap((method) => (method.kind === 'passkey' ? [method] : []));
  return (
    <Card title="Keep it safe" span={6}>
      <p className="muted">
        A backup holds everything, encrypted under your password. The recovery phrase alone brings back
        accounts and keys, but not names, credentials or permissions.
      </p>
      <div className="row">
        <Deed
          label="Save a backup"
          primary
          onDo={async () => saveFile('allotment-wallet.json', await wallet.backup(), 'application/json')}
        />
        <button type="button" onClick={onRestore}>
          Restore another one
        </button>
      </div>
      <label>
        Lock after
        <select
          value={status.autoLockMinutes}
          onChange={(event) => void wallet.setAutoLock({ minutes: Number(event.target.value) }).then(refresh)}
        >
          {[1, 5, 15, 60, 480].map((minutes) => (
            <option key={minutes} value={minutes}>
              {minutes < 60 ? `${minutes} min` : `${minutes / 60} h`} without use
            </option>
          ))}
        </select>
      </label>
      {passkeys.map(({ kid, rp }) => (
        <div key={kid} className="between">
          <span>Passkey of {rp}</span>
          <Deed
            label="Remove"
            onDo={async () => {
              await wallet.removePasskey({ kid });
              refresh();
            }}
          />
        </div>
      ))}
      <details>
        <summary>Change the password, add a passkey</summary>
        <Form
          action={change}
          submit="Change the password"
          quiet
          busy="Changing…"
          disabled={old === '' || password === ''}
          onSubmit={async () => {
            requireSame(password, again);
            await wallet.changePassword({ old, password });
            setOld('');
            setPassword('');
            setAgain('');
            setDone('The password was changed. Old backups keep the old one.');
          }}
          more={
            passkeysExist() && (
              <Deed
                label="Add a passkey"
                onDo={async () => {
                  if (old === '') throw new Error('Enter the present password above first.');
                  await wallet.addPasskey({ password: old, ...(await createPasskey()) });
                  refresh();
                }}
              />
            )
          }
        >
          <TextField
            label="Present password"
            type="password"
            autoComplete="current-password"
            value={old}
            onChange={setOld}
          />
          <TextField
            label="New password"
            type="password"
            autoComplete="new-password"
            value={password}
            onChange={setPassword}
          />
          <TextField
            label="The same again"
            type="password"
            autoComplete="new-password"
            value={again}
            onChange={setAgain}
          />
        </Form>
      </details>
      {done !== null && (
        <p className="muted" role="status">
          {done}
        </p>
      )}
    </Card>
  );
}

function Phrase() {
  const [password, setPassword] = useState('');
  const [phrase, setPhrase] = useState<string | null>(null);
  const action = useAction();
  return (
    <Card title="Recovery phrase" span={6}>
      {phrase === null ? (
        <Form
          action={action}
          submit="Show the words"
          quiet
          busy="Checking…"
          disabled={password === ''}
          onSubmit={async () => {
            setPhrase((await wallet.revealPhrase({ password })).phrase);
            setPassword('');
          }}
        >
          <TextField
            label="Password"
            hint="Make sure that nobody is looking."
            type="password"
            autoComplete="current-password"
            value={password}
            onChange={setPassword}
          />
        </Form>
      ) : (
        <>
          <ol className="phrase">
            {phrase.split(' ').map((word, index) => (
              <li key={`${index}-${word}`}>{word}</li>
            ))}
          </ol>
          <button type="button" onClick={() => setPhrase(null)}>
            Hide
          </button>
        </>
      )}
      <details>
        <summary>Forget this wallet</summary>
        <Forget />
      </details>
    </Card>
  );
}

function Forget() {
  const [sure, setSure] = useState(false);
  const [password, setPassword] = useState('');
  const action = useAction();
  return (
    <Form
      action={action}
      submit="Forget it"
      danger
      disabled={!sure || password === ''}
      onSubmit={async () => {
        await wallet.forget({ password });
        window.location.reload();
      }}
    >
      <Check
        label="Remove the wallet from this browser"
        hint="Without the phrase or a backup everything in it is gone."
        checked={sure}
        onChange={setSure}
      />
      <TextField
        label="Password"
        type="password"
        autoComplete="current-password"
        value={password}
        onChange={setPassword}
      />
    </Form>
  );
}
