import { useCallback, useState } from 'react';
import type { AccountView } from '../../wallet/service.ts';
import { addressIn } from '../addresses.ts';
import { AddressField } from '../components/AddressField.tsx';
import { Badge, Card, Name, TrustBadge } from '../components/basics.tsx';
import { CopyButton } from '../components/CopyButton.tsx';
import { Deed, Form, TextArea, TextField, useAction } from '../components/forms.tsx';
import { Many } from '../components/Many.tsx';
import { QrCode, QrScanner } from '../components/Qr.tsx';
import { Tabs } from '../components/Tabs.tsx';
import { tokens } from '../format.ts';
import { node, useWritten } from '../node-client.ts';
import { usePolled, wallet } from '../wallet-client.ts';
import type { OpenWallet } from '../wallet-part.ts';
import type { Token } from '../../protocol/notation.ts';

/** How often balances are read anew. */
const BALANCE_POLL_MS = 6_000;

export interface AccountsProps extends OpenWallet {
  token: Token;
  /** Shows the sending form with this account chosen. */
  onSend: (address: string) => void;
}

/** The accounts with their proven balances, and how to get more of them. */
export default function WalletAccounts(props: AccountsProps) {
  return (
    <div className="grid">
      <Accounts {...props} />
      <AddAccount refresh={props.refresh} />
    </div>
  );
}

function Accounts({ status, refresh, token, onSend }: AccountsProps) {
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
      <Many
        items={status.accounts}
        thing="account"
        words={({ name, address }) => `${name} ${address}`}
        page={12}
      >
        {(shown) => (
          <ul className="list" data-testid="accounts">
            {shown.map((account) => (
              <Account key={account.id} account={account} refresh={refresh} token={token} onSend={onSend} />
            ))}
          </ul>
        )}
      </Many>
    </Card>
  );
}

function Account({
  account,
  refresh,
  token,
  onSend,
}: {
  account: AccountView;
  refresh: () => void;
  token: Token;
  onSend: (address: string) => void;
}) {
  const { value: balance, error } = usePolled(
    useCallback(() => node.balance(account.address), [account.address]),
    BALANCE_POLL_MS,
  );
  const written = useWritten()(account.address);
  const [receiving, setReceiving] = useState(false);
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
          <Name>{account.name}</Name> {account.kind === 'watch' && <Badge>watched</Badge>}
        </strong>
        {balance === null ? (
          <span className="muted small">
            {error === null ? 'asking for the balance…' : 'balance not known'}
          </span>
        ) : (
          <span>
            {tokens(balance.free, token)}{' '}
            {balance.reserved !== '0' && (
              <span className="muted small">and {tokens(balance.reserved, token)} held </span>
            )}
            <TrustBadge trust={balance.trust} />
          </span>
        )}
      </div>
      <span className="mono break">{written}</span>
      {receiving && (
        <div className="stack">
          <QrCode text={written} label={`Address of ${account.name}`} />
          <span className="muted small">Whoever wants to pay you scans this or uses the address above.</span>
        </div>
      )}
      <div className="row">
        {account.kind === 'phrase' && (
          <button type="button" className="primary" onClick={() => onSend(account.address)}>
            Send
          </button>
        )}
        <button type="button" aria-expanded={receiving} onClick={() => setReceiving(!receiving)}>
          Receive
        </button>
        <CopyButton text={written} label="Copy address" />
      </div>
      <details>
        <summary className="small">Rename or remove</summary>
        <div className="row">
          <Deed label="Rename" onDo={rename} />
          <Deed
            label="Remove"
            danger
            confirm={`Take “${account.name}” off the list? Its tokens stay where they are.${
              account.kind === 'phrase' ? ' It can be added again with its recovery phrase.' : ''
            }`}
            onDo={remove}
          />
        </div>
      </details>
    </li>
  );
}

const KINDS = [
  ['own', 'New'],
  ['watch', 'Watch one'],
  ['phrase', 'From another phrase'],
] as const;

function AddAccount({ refresh }: { refresh: () => void }) {
  const [kind, setKind] = useState<'own' | 'watch' | 'phrase'>('own');
  const [name, setName] = useState('');
  const [detail, setDetail] = useState('');
  const [path, setPath] = useState('');
  const [scanning, setScanning] = useState(false);
  const action = useAction();
  const submit = async () => {
    if (kind === 'own') await wallet.addAccount({ name });
    else if (kind === 'watch') await wallet.watchAccount({ name, address: detail });
    else await wallet.importPhrase({ name, phrase: detail, path: path.trim() });
    setName('');
    setPath('');
    setDetail('');
    refresh();
  };
  return (
    <Card title="Add an account" span={5}>
      <Tabs label="Kind of account" tabs={KINDS} shown={kind} onShow={setKind} />
      <Form action={action} submit="Add" quiet disabled={name.trim() === ''} onSubmit={submit}>
        <TextField label="Name" hint="Only you see it." value={name} onChange={setName} />
        {kind === 'watch' && (
          <>
            <AddressField
              label="Address"
              hint="Its balance and history are shown; this wallet cannot sign for it."
              value={detail}
              onChange={setDetail}
            />
            {scanning ? (
              <QrScanner
                onText={(text) => {
                  setDetail(addressIn(text));
                  setScanning(false);
                }}
                onCancel={() => setScanning(false)}
              />
            ) : (
              <div className="row">
                <button type="button" onClick={() => setScanning(true)}>
                  Scan a code
                </button>
              </div>
            )}
          </>
        )}
        {kind === 'phrase' && (
          <>
            <TextArea label="Recovery phrase" value={detail} onChange={setDetail} />
            <details>
              <summary className="small">Derivation path</summary>
              <TextField
                label="Path"
                hint="Only if the other wallet shows one."
                placeholder="//0"
                value={path}
                onChange={setPath}
              />
            </details>
          </>
        )}
        {kind === 'own' && <p className="muted small">Your recovery phrase brings it back.</p>}
      </Form>
    </Card>
  );
}
