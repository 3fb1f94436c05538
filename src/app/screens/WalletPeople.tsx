import { useCallback, useState } from 'react';
import type { WalletStatus } from '../../wallet/service.ts';
import { AddressField } from '../components/AddressField.tsx';
import { Card, Empty, Name } from '../components/basics.tsx';
import { Deed, Failure, Form, TextArea, TextField, useAction } from '../components/forms.tsx';
import { Many } from '../components/Many.tsx';
import { QrScanner } from '../components/Qr.tsx';
import { addressIn } from '../addresses.ts';
import { brief } from '../format.ts';
import { useWritten } from '../node-client.ts';
import { useLoaded, wallet } from '../wallet-client.ts';
import type { OpenWallet } from '../wallet-part.ts';

/** The address book, and texts signed for others. */
export default function WalletPeople({ status }: OpenWallet) {
  return (
    <div className="grid">
      <Contacts />
      <SignMessage status={status} />
    </div>
  );
}

function Contacts() {
  const written = useWritten();
  const { value, error, reload } = useLoaded(useCallback(() => wallet.contacts(), []));
  const [name, setName] = useState('');
  const [address, setAddress] = useState('');
  const [scanning, setScanning] = useState(false);
  const action = useAction();
  return (
    <Card title="Address book" span={6}>
      {value !== null && value.length === 0 && (
        <Empty>Nobody yet. Whom you add is offered by name where you send.</Empty>
      )}
      <Many
        items={value ?? []}
        thing="contact"
        words={(contact) => `${contact.name} ${written(contact.address)}`}
        page={12}
      >
        {(shown) => (
          <ul className="list">
            {shown.map((contact) => (
              <li key={contact.id} className="between">
                <span>
                  <strong>
                    <Name>{contact.name}</Name>
                  </strong>{' '}
                  <span className="mono" title={written(contact.address)}>
                    {brief(written(contact.address), 8)}
                  </span>
                </span>
                <Deed
                  label="Remove"
                  confirm={`Take “${contact.name}” out of the address book?`}
                  onDo={async () => {
                    await wallet.removeContact({ id: contact.id });
                    reload();
                  }}
                />
              </li>
            ))}
          </ul>
        )}
      </Many>
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
        more={
          <button type="button" onClick={() => setScanning(!scanning)}>
            Scan an address
          </button>
        }
      >
        <TextField label="Name" value={name} onChange={setName} />
        <AddressField label="Address" value={address} onChange={setAddress} />
        {scanning && (
          <QrScanner
            onText={(text) => {
              setAddress(addressIn(text));
              setScanning(false);
            }}
            onCancel={() => setScanning(false)}
          />
        )}
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
        quiet
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
