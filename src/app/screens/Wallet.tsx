import { useCallback, useState } from 'react';
import type { AccountView, WalletStatus } from '../../wallet/service.ts';
import type { ScreenProps } from '../App.tsx';
import { Badge, Card, Empty, TrustBadge } from '../components/basics.tsx';
import { Check, Deed, Failure, Form, TextArea, TextField, useAction } from '../components/forms.tsx';
import { saveFile } from '../files.ts';
import { brief, tokens } from '../format.ts';
import { node } from '../node-client.ts';
import { createPasskey, passkeysExist } from '../passkey.ts';
import { useLoaded, wallet } from '../wallet-client.ts';
import { RestoreBackup, WalletGate, type OpenWallet } from './WalletGate.tsx';

/** Accounts, address book, backup and lock. */
export default function Wallet({ snapshot }: ScreenProps) {
  return (
    <>
      <h1>Wallet</h1>
      <WalletGate>{(open) => <Open {...open} symbol={snapshot.setup.network.tokenSymbol} />}</WalletGate>
    </>
  );
}

function Open({ status, refresh, symbol }: OpenWallet & { symbol: string }) {
  const [restoring, setRestoring] = useState(false);
  if (restoring) {
    return (
      <RestoreBackup
        replaces
        onBack={() => setRestoring(false)}
        onDone={() => {
          setRestoring(false);
          refresh();
        }}
      />
    );
  }
  return (
    <div className="grid">
      <Accounts status={status} refresh={refresh} symbol={symbol} />
      <AddAccount refresh={refresh} />
      <Contacts />
      <SignMessage status={status} />
      <Keeping status={status} refresh={refresh} onRestore={() => setRestoring(true)} />
      <Phrase />
    </div>
  );
}

function Accounts({ status, refresh, symbol }: OpenWallet & { symbol: string }) {
  return (
    <Card
      title="Accounts"
      span={7}
      aside={
        <button type="button" onClick={() => void wallet.lock().then(refresh)}>
          Lock now
        </button>
      }
    >
      <ul className="list" data-testid="accounts">
        {status.accounts.map((account) => (
          <Account key={account.id} account={account} refresh={refresh} symbol={symbol} />
        ))}
      </ul>
    </Card>
  );
}

function Account({
  account,
  refresh,
  symbol,
}: {
  account: AccountView;
  refresh: () => void;
  symbol: string;
}) {
  const { value: balance, error } = useLoaded(
    useCallback(() => node.balance(account.address), [account.address]),
  );
  const [copied, setCopied] = useState(false);
  const rename = async () => {
    const name = window.prompt('Name of the account', account.name);
    if (name === null) return;
    await wallet.renameAccount({ id: account.id, name });
    refresh();
  };
  const remove = async () => {
    await wallet.removeAccount({ id: account.id });
    refresh();
  };
  return (
    <li className="stack">
      <div className="between">
        <strong>
          {account.name} {account.kind === 'watch' && <Badge>watched</Badge>}
        </strong>
        {balance === null ? (
          <span className="muted small">
            {error === null ? 'asking for the balance…' : 'balance not known'}
          </span>
        ) : (
          <span>
            {tokens(balance.free, symbol)} <TrustBadge trust={balance.trust} />
          </span>
        )}
      </div>
      <span className="mono break" title={account.address}>
        {account.address}
      </span>
      <div className="row">
        <button
          type="button"
          onClick={() => void navigator.clipboard.writeText(account.address).then(() => setCopied(true))}
        >
          {copied ? 'Copied' : 'Copy address'}
        </button>
        <Deed label="Rename" onDo={rename} />
        <Deed
          label="Remove"
          danger
          confirm={`Take “${account.name}” off the list? Its tokens stay where they are.`}
          onDo={remove}
        />
      </div>
    </li>
  );
}

function AddAccount({ refresh }: { refresh: () => void }) {
  const [kind, setKind] = useState<'own' | 'watch' | 'phrase'>('own');
  const [name, setName] = useState('');
  const [detail, setDetail] = useState('');
  const action = useAction();
  const submit = async () => {
    if (kind === 'own') await wallet.addAccount({ name });
    else if (kind === 'watch') await wallet.watchAccount({ name, address: detail });
    else await wallet.importPhrase({ name, phrase: detail });
    setName('');
    setDetail('');
    refresh();
  };
  return (
    <Card title="Add an account" span={5}>
      <div className="tabs" role="tablist">
        {(
          [
            ['own', 'New'],
            ['watch', 'Watch one'],
            ['phrase', 'From another phrase'],
          ] as const
        ).map(([value, label]) => (
          <button
            key={value}
            type="button"
            role="tab"
            aria-selected={kind === value}
            onClick={() => setKind(value)}
          >
            {label}
          </button>
        ))}
      </div>
      <Form action={action} submit="Add" disabled={name.trim() === ''} onSubmit={submit}>
        <TextField label="Name" hint="Only you see it." value={name} onChange={setName} />
        {kind === 'watch' && (
          <TextField label="Address" placeholder="su…" value={detail} onChange={setDetail} />
        )}
        {kind === 'phrase' && <TextArea label="Recovery phrase" value={detail} onChange={setDetail} />}
        {kind === 'own' && <p className="muted small">Your recovery phrase brings it back.</p>}
      </Form>
    </Card>
  );
}

function Contacts() {
  const { value, error, reload } = useLoaded(useCallback(() => wallet.contacts(), []));
  const [name, setName] = useState('');
  const [address, setAddress] = useState('');
  const action = useAction();
  return (
    <Card title="Address book" span={6}>
      {value !== null && value.length === 0 && <Empty>Nobody yet.</Empty>}
      <ul className="list">
        {value?.map((contact) => (
          <li key={contact.id} className="between">
            <span>
              <strong>{contact.name}</strong>{' '}
              <span className="mono" title={contact.address}>
                {brief(contact.address, 8)}
              </span>
            </span>
            <Deed
              label="Remove"
              onDo={async () => {
                await wallet.removeContact({ id: contact.id });
                reload();
              }}
            />
          </li>
        ))}
      </ul>
      <Form
        action={action}
        submit="Add"
        disabled={name.trim() === '' || address.trim() === ''}
        onSubmit={async () => {
          await wallet.putContact({ name, address });
          setName('');
          setAddress('');
          reload();
        }}
      >
        <TextField label="Name" value={name} onChange={setName} />
        <TextField label="Address" placeholder="su…" value={address} onChange={setAddress} />
      </Form>
      <Failure error={error} />
    </Card>
  );
}

function SignMessage({ status }: { status: WalletStatus }) {
  const own = status.accounts.filter(({ kind }) => kind === 'phrase');
  const [account, setAccount] = useState(own[0]?.id ?? '');
  const [message, setMessage] = useState('');
  const [signature, setSignature] = useState<string | null>(null);
  const action = useAction();
  return (
    <Card title="Sign a message" span={6}>
      <p className="muted">Proves that an account is yours. It moves no tokens.</p>
      <Form
        action={action}
        submit="Sign"
        disabled={message === '' || account === ''}
        onSubmit={async () => setSignature(await wallet.signMessage({ account, message }))}
      >
        <label>
          Account
          <select value={account} onChange={(event) => setAccount(event.target.value)}>
            {own.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <TextArea label="Message" value={message} rows={2} onChange={setMessage} />
      </Form>
      {signature !== null && (
        <p className="mono break" aria-live="polite">
          {signature}
        </p>
      )}
    </Card>
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
          busy="Changing…"
          disabled={old === '' || password === ''}
          onSubmit={async () => {
            if (password !== again) throw new Error('The two passwords are not the same.');
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
