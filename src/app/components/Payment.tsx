import type { CallView } from '../../wallet/wording.ts';
import type { PaymentPlan } from '../../node/payments.ts';
import type { PaymentRecord } from '../../node/payment-records.ts';
import { brief, count, exact } from '../format.ts';
import { useWritten } from '../node-client.ts';
import { Badge, CheckBadge, TrustBadge } from './basics.tsx';
import type { Token } from '../../protocol/notation.ts';

/** Gives an address the name that the person knows it by; null for a stranger. */
export type NameOf = (address: string) => string | null;

/** What a call does, in words and line by line, with everything inside it. */
function CallWords({ call, token, nameOf }: { call: CallView; token: Token; nameOf: NameOf }) {
  const written = useWritten();
  return (
    <>
      <strong className="break">{call.title}</strong>
      <dl className="facts">
        {call.lines.map(({ label, kind, value }) => (
          <Line key={label} label={label}>
            {kind === 'amount' ? (
              exact(value, token)
            ) : kind === 'account' ? (
              <>
                {nameOf(value) !== null && <strong>{nameOf(value)} </strong>}
                <span className="mono break">{written(value)}</span>
              </>
            ) : (
              <span className={kind === 'data' ? 'mono break' : 'break'}>
                {kind === 'data' ? brief(value, 48) : value}
              </span>
            )}
          </Line>
        ))}
      </dl>
      {call.inner.length > 0 && (
        <ol>
          {call.inner.map((inner, index) => (
            <li key={`${index}-${inner.name}`}>
              <CallWords call={inner} token={token} nameOf={nameOf} />
            </li>
          ))}
        </ol>
      )}
    </>
  );
}

function Line({ label, children }: { label: string; children: React.ReactNode }) {
  return (
    <>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </>
  );
}

/** All that a person should see before signing; the technical details are one click away. */
export function PlanView({ plan, token, nameOf }: { plan: PaymentPlan; token: Token; nameOf: NameOf }) {
  const { fee, balance, raw } = plan;
  const written = useWritten();
  return (
    <div className="stack plan" data-testid="plan">
      <CallWords call={plan.call} token={token} nameOf={nameOf} />
      <dl className="facts">
        <Line label="From">
          {nameOf(plan.account) !== null && <strong>{nameOf(plan.account)} </strong>}
          <span className="mono break">{written(plan.account)}</span>
        </Line>
        <Line label="Fee">
          {exact(fee.total, token)} <TrustBadge trust={fee.trust} />
        </Line>
        <Line label="In the account">
          {exact(balance.free, token)} <TrustBadge trust={balance.trust} />
        </Line>
        {balance.left !== null && <Line label="Left after it">{exact(balance.left, token)}</Line>}
      </dl>
      {plan.warnings.map((warning) => (
        <p key={warning} className="banner" role="status">
          {warning}
        </p>
      ))}
      <details>
        <summary>Technical details</summary>
        <dl className="facts stacked">
          <Line label="Call">
            <span className="mono break">{plan.call.name}</span> <TrustBadge trust={plan.reading} />
          </Line>
          <Line label="Arguments">
            <span className="mono break">{brief(plan.call.args, 400)}</span>
          </Line>
          <Line label="The account’s number for it (nonce)">
            {plan.nonce} <TrustBadge trust={balance.trust} />
          </Line>
          <Line label="Valid in blocks">
            {count(plan.firstBlock)} to {count(plan.lastBlock)}
          </Line>
          <Line label="Block space">
            {count(fee.bytes)} bytes at {exact(fee.bytePrice, token)} each,{' '}
            {fee.dynamic ? 'the price of this moment' : 'a fixed price'}: {exact(fee.blockSpace, token)}{' '}
            <TrustBadge trust={balance.trust} />
          </Line>
          <Line label="Encoded call">
            <span className="mono break">{brief(raw.call, 400)}</span>
          </Line>
          <Line label="What is signed">
            <span className="mono break">{raw.payload}</span>
          </Line>
        </dl>
      </details>
    </div>
  );
}

/** Where a transaction is on its way. */
export function PaymentState({ record, depth }: { record: PaymentRecord; depth: number | null }) {
  const { state } = record;
  switch (state.kind) {
    case 'sending':
      return <Badge tone="warn">signed, not with a node yet</Badge>;
    case 'waiting':
      return (
        <Badge tone="info" live title={`Told by ${state.source}; no verified block holds it yet`}>
          waits for a block
        </Badge>
      );
    case 'failed':
      return <Badge tone="bad">not done</Badge>;
    case 'included':
      if (!state.success) return <Badge tone="bad">failed in block {count(state.block)}</Badge>;
      return state.final ? (
        <CheckBadge title={`Proven in block ${state.block}, which cannot be undone`}>
          done, in block {count(state.block)}
        </CheckBadge>
      ) : (
        <CheckBadge title={`Proven against block ${state.block}, which this tab verified`}>
          in block {count(state.block)}, {count(state.depth)}
          {depth === null ? '' : ` of ${count(depth)}`} deep
        </CheckBadge>
      );
  }
}

/** A transaction with its state, and why it does not go on where that is so. */
export function PaymentEntry(props: {
  record: PaymentRecord;
  token: Token;
  depth: number | null;
  nameOf: NameOf;
  onForget?: () => void;
}) {
  const { record, token, nameOf } = props;
  const written = useWritten();
  const { state, call } = record;
  const sentence =
    state.kind === 'failed' ? state.sentence : state.kind === 'included' ? state.failure : null;
  const paid = state.kind === 'included' ? state.fee : null;
  const over = state.kind === 'failed' || (state.kind === 'included' && state.final);
  return (
    <li className="stack" data-testid="payment">
      <div className="between">
        <strong className="break">{call.title}</strong>
        <PaymentState record={record} depth={props.depth} />
      </div>
      {sentence !== null && <span className="muted small">{sentence}</span>}
      {record.trouble !== null && state.kind !== 'failed' && (
        <span className="muted small" role="status">
          {record.trouble} It is kept and sent again by itself.
        </span>
      )}
      <details>
        <summary className="small">Details</summary>
        <CallWords call={call} token={token} nameOf={nameOf} />
        <dl className="facts stacked">
          <Line label="From">
            {nameOf(record.account) ?? <span className="mono break">{written(record.account)}</span>}
          </Line>
          <Line label="Signed">{new Date(record.at).toLocaleString()}</Line>
          <Line label={paid === null ? 'Expected fee' : 'Fee paid'}>
            {exact(paid ?? record.expectedFee, token)}
          </Line>
          <Line label="Hash">
            <span className="mono break">{record.id}</span>
          </Line>
          {state.kind === 'included' && (
            <Line label="Block">
              <span className="mono break">{state.hash}</span>, extrinsic {state.index}
            </Line>
          )}
        </dl>
        {props.onForget !== undefined && over && (
          <button type="button" onClick={props.onForget}>
            Take it off the list
          </button>
        )}
      </details>
    </li>
  );
}
