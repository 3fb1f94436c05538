import { useCallback, useMemo, useState } from 'react';
import { parseTokens } from '../../wallet/amounts.ts';
import type { PaymentPlan } from '../../node/payments.ts';
import { addressIn } from '../addresses.ts';
import { Card, Empty } from '../components/basics.tsx';
import { Deed, Form, Select, TextField, useAction } from '../components/forms.tsx';
import { PaymentEntry, PlanView } from '../components/Payment.tsx';
import { QrScanner } from '../components/Qr.tsx';
import { signInjected, useInjectedAccounts } from '../injected.ts';
import { money, useLoaded, usePolled, wallet } from '../wallet-client.ts';
import { ConnectInjected } from './WalletInjected.tsx';
import { useNames } from '../wallet-names.ts';
import type { PartProps } from './Wallet.tsx';

const PROGRESS_POLL_MS = 1_500;

/** Sends tokens: to whom and how much, then what is signed, then where it is. */
export default function WalletSend(props: PartProps) {
  const { status, symbol, depth } = props;
  const [plan, setPlan] = useState<PaymentPlan | null>(null);
  const [sent, setSent] = useState<string | null>(null);
  const nameOf = useNames(status);
  return (
    <div className="grid">
      {plan !== null ? (
        <Confirm
          plan={plan}
          symbol={symbol}
          nameOf={nameOf}
          onBack={() => setPlan(null)}
          onSent={(id) => {
            setPlan(null);
            setSent(id);
          }}
        />
      ) : sent !== null ? (
        <Progress id={sent} symbol={symbol} depth={depth} nameOf={nameOf} onMore={() => setSent(null)} />
      ) : (
        <Order {...props} onPlan={setPlan} />
      )}
      <ConnectInjected />
    </div>
  );
}

function Order({ status, symbol, from, onPlan }: PartProps & { onPlan: (plan: PaymentPlan) => void }) {
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
        onSubmit={async () => prepare(String(parseTokens(amount)))}
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
        <TextField label="To" placeholder="su…" value={to} onChange={setTo} />
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
          label={`Amount in ${symbol}`}
          placeholder="1.5"
          inputMode="decimal"
          value={amount}
          onChange={setAmount}
        />
      </Form>
    </Card>
  );
}

function Confirm(props: {
  plan: PaymentPlan;
  symbol: string;
  nameOf: (address: string) => string | null;
  onBack: () => void;
  onSent: (id: string) => void;
}) {
  const { plan } = props;
  const send = useSend();
  const action = useAction();
  return (
    <Card title="Is this right?" span={7}>
      <PlanView plan={plan} symbol={props.symbol} nameOf={props.nameOf} />
      <Form
        action={action}
        submit="Sign and send"
        busy="Signing…"
        onSubmit={async () => props.onSent(await send(plan))}
        more={
          <button type="button" onClick={props.onBack}>
            Back
          </button>
        }
      />
    </Card>
  );
}

/** Signs a plan with whatever holds the account's key, and sends it. Resolves to the transaction's hash. */
export function useSend(): (plan: PaymentPlan) => Promise<string> {
  const injected = useInjectedAccounts();
  return useCallback(
    async (plan) => {
      const { signerPayload, id } = plan;
      const owner = injected.find(({ address }) => samePerson(address, plan));
      if (owner === undefined) return (await money.send({ plan: id })).id;
      const signature = await signInjected(owner.wallet, { ...signerPayload, address: owner.address });
      return (await money.sendSigned({ plan: id, signature })).id;
    },
    [injected],
  );
}

/** Extensions write addresses with another prefix; the plan keeps the one that it was made for. */
function samePerson(address: string, { account, requestedFor }: PaymentPlan): boolean {
  return address === account || address === requestedFor;
}

function Progress(props: {
  id: string;
  symbol: string;
  depth: number | null;
  nameOf: (address: string) => string | null;
  onMore: () => void;
}) {
  const { value } = usePolled(
    useCallback(() => money.list(), []),
    PROGRESS_POLL_MS,
  );
  const record = value?.find(({ id }) => id === props.id);
  return (
    <Card title="On its way" span={7}>
      <ul className="list">
        {record !== undefined && (
          <PaymentEntry record={record} symbol={props.symbol} depth={props.depth} nameOf={props.nameOf} />
        )}
      </ul>
      <p className="muted small">
        You can leave this page: it goes on, and Activity shows what became of it. A block that this tab
        verified has to hold it before it counts as done.
      </p>
      <div className="row">
        <button type="button" onClick={props.onMore}>
          Send something else
        </button>
      </div>
    </Card>
  );
}
