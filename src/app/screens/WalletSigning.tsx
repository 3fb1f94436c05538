import { useCallback, useState } from 'react';
import type { PaymentPlan } from '../../node/payments.ts';
import { Card } from '../components/basics.tsx';
import { Form, useAction } from '../components/forms.tsx';
import { PaymentEntry, PlanView, type NameOf } from '../components/Payment.tsx';
import { signInjected, useInjectedAccounts } from '../injected.ts';
import { money, usePolled } from '../wallet-client.ts';
import type { Token } from '../../protocol/notation.ts';

const PROGRESS_POLL_MS = 1_500;

/** Shows a transaction before it is signed, has it signed and sent, then shows where it is. Takes any plan. */
export function Signing(props: {
  plan: PaymentPlan;
  token: Token;
  /** Blocks until it cannot be undone; null before the network is known. */
  depth: number | null;
  nameOf: NameOf;
  onBack: () => void;
  onMore: () => void;
}) {
  const [sent, setSent] = useState<string | null>(null);
  return sent === null ? <Confirm {...props} onSent={setSent} /> : <Progress {...props} id={sent} />;
}

function Confirm(props: {
  plan: PaymentPlan;
  token: Token;
  nameOf: NameOf;
  onBack: () => void;
  onSent: (id: string) => void;
}) {
  const { plan } = props;
  const send = useSend();
  const action = useAction();
  return (
    <Card title="Is this right?" span={7}>
      <PlanView plan={plan} token={props.token} nameOf={props.nameOf} />
      <p className="muted">Nobody can take it back once it is sent.</p>
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
function useSend(): (plan: PaymentPlan) => Promise<string> {
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
  token: Token;
  depth: number | null;
  nameOf: NameOf;
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
          <PaymentEntry record={record} token={props.token} depth={props.depth} nameOf={props.nameOf} />
        )}
      </ul>
      <p className="muted small">
        You can leave this page: it goes on, and Activity shows what became of it. A block that this tab
        verified has to hold it before it counts as done.
      </p>
      <div className="row">
        <button type="button" onClick={props.onMore}>
          Something else
        </button>
      </div>
    </Card>
  );
}
