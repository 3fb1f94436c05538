import { useCallback, useMemo, useState } from 'react';
import { parseTokens } from '../../wallet/amounts.ts';
import type { PaymentPlan } from '../../node/payments.ts';
import { addressIn } from '../addresses.ts';
import { AddressField } from '../components/AddressField.tsx';
import { Card, Empty } from '../components/basics.tsx';
import { Deed, Form, Select, TextField, useAction } from '../components/forms.tsx';
import { QrScanner } from '../components/Qr.tsx';
import { useInjectedAccounts } from '../injected.ts';
import { money, useLoaded, wallet } from '../wallet-client.ts';
import { ConnectInjected } from './WalletInjected.tsx';
import { Signing } from './WalletSigning.tsx';
import { useNames } from '../wallet-names.ts';
import type { PartProps } from '../wallet-part.ts';

/** Sends tokens: to whom and how much, then what is signed, then where it is. */
export default function WalletSend(props: PartProps) {
  const { status, token, depth } = props;
  const [plan, setPlan] = useState<PaymentPlan | null>(null);
  const nameOf = useNames(status);
  return (
    <div className="grid">
      {plan === null ? (
        <Order {...props} onPlan={setPlan} />
      ) : (
        <Signing
          plan={plan}
          token={token}
          depth={depth}
          nameOf={nameOf}
          onBack={() => setPlan(null)}
          onMore={() => setPlan(null)}
        />
      )}
      <ConnectInjected />
    </div>
  );
}

function Order({ status, token, from, onPlan }: PartProps & { onPlan: (plan: PaymentPlan) => void }) {
  const injected = useInjectedAccounts();
  const senders = useMemo(
    () => [
      ...status.accounts
        .filter(({ kind }) => kind === 'phrase')
        .map(({ address, name }) => [address, name] as const),
      ...injected.map(({ address, name, wallet: owner }) => [address, `${name} (${owner})`] as const),
    ],
    [status.accounts, injected],
  );
  const { value: contacts } = useLoaded(useCallback(() => wallet.contacts(), []));
  const [account, setAccount] = useState(from ?? senders[0]?.[0] ?? '');
  const [to, setTo] = useState('');
  const [amount, setAmount] = useState('');
  const [scanning, setScanning] = useState(false);
  const action = useAction();
  const known = [
    ...(contacts ?? []).map(({ address, name }) => [address, name] as const),
    ...status.accounts
      .filter(({ address }) => address !== account)
      .map(({ address, name }) => [address, `${name} (yours)`] as const),
  ];
  const prepare = async (value: string) =>
    onPlan(await money.prepareTransfer({ account, to: addressIn(to), amount: value }));
  if (senders.length === 0)
    return (
      <Card title="Send" span={7}>
        <Empty>The wallet has no account of its own to send from: those that are watched cannot sign.</Empty>
      </Card>
    );
  return (
    <Card title="Send" span={7}>
      <Form
        action={action}
        submit="Look at it before signing"
        busy="Asking for the fee…"
        disabled={to.trim() === '' || amount.trim() === ''}
        onSubmit={async () => prepare(String(parseTokens(amount, token)))}
        more={
          <Deed
            label="Send all"
            busy="Asking for the fee…"
            onDo={async () => {
              if (to.trim() === '') throw new Error('Say first to whom.');
              await prepare('max');
            }}
          />
        }
      >
        <Select label="From" value={account} options={senders} onChange={setAccount} />
        <AddressField label="To" value={to} onChange={setTo} />
        <div className="row">
          {known.length > 0 && (
            <select aria-label="Somebody you know" value="" onChange={(event) => setTo(event.target.value)}>
              <option value="">Somebody you know…</option>
              {known.map(([address, name]) => (
                <option key={`${address}-${name}`} value={address}>
                  {name}
                </option>
              ))}
            </select>
          )}
          <button type="button" aria-expanded={scanning} onClick={() => setScanning(!scanning)}>
            Scan a code
          </button>
        </div>
        {scanning && (
          <QrScanner
            onText={(text) => {
              setTo(addressIn(text));
              setScanning(false);
            }}
            onCancel={() => setScanning(false)}
          />
        )}
        <TextField
          label={`Amount in ${token.symbol}`}
          placeholder="1.5"
          inputMode="decimal"
          value={amount}
          onChange={setAmount}
        />
      </Form>
    </Card>
  );
}
