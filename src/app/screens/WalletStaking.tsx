import { useCallback, useState } from 'react';
import type { PaymentPlan } from '../../node/payments.ts';
import type { OperatorView, StakesView, StakeView } from '../../node/stakes.ts';
import { parseTokens } from '../../wallet/amounts.ts';
import { Badge, Card, Empty, TrustBadge } from '../components/basics.tsx';
import { Failure, Form, Select, TextField, useAction } from '../components/forms.tsx';

import { brief, count, tokens, exact } from '../format.ts';
import { money, usePolled } from '../wallet-client.ts';
import { useNames } from '../wallet-names.ts';
import { Signing } from './WalletSigning.tsx';
import type { PartProps } from '../wallet-part.ts';
import type { Token } from '../../protocol/notation.ts';

const POLL_MS = 8_000;

type Act = (call: string, args: Record<string, unknown>) => Promise<void>;

/** Stakes with the operators of the network's domains: what there is, and how to put in and take out. */
export default function WalletStaking({ status, token, depth }: PartProps) {
  const [account, setAccount] = useState(status.accounts[0]?.address ?? '');
  const [plan, setPlan] = useState<PaymentPlan | null>(null);
  const nameOf = useNames(status);
  const { value, error, reload } = usePolled(
    useCallback(() => (account === '' ? Promise.resolve(null) : money.stakes({ account })), [account]),
    POLL_MS,
  );
  const act: Act = async (call, args) =>
    setPlan(await money.prepare({ account, call: { pallet: 'Domains', call, args } }));
  if (plan !== null) {
    const leave = () => {
      setPlan(null);
      reload();
    };
    return (
      <div className="grid">
        <Signing plan={plan} token={token} depth={depth} nameOf={nameOf} onBack={leave} onMore={leave} />
      </div>
    );
  }
  return (
    <div className="grid">
      <Card title="Staking" span={12} aside={value === null ? undefined : <TrustBadge trust={value.trust} />}>
        <p className="muted">
          Operators run the network’s domains. Who stakes with one shares in what it earns, and in its loss if
          it breaks the rules. A fifth of a stake is set aside for the operator’s block space.
        </p>
        <Select
          label="Account"
          value={account}
          options={status.accounts.map(({ address, name }) => [address, name] as const)}
          onChange={setAccount}
        />
        {value === null && (error === null ? <Empty>Asking for proofs…</Empty> : <Failure error={error} />)}
      </Card>
      {value !== null && (
        <>
          <Mine view={value} token={token} act={act} />
          <Operators view={value} token={token} act={act} />
          <Domains view={value} nameOf={nameOf} />
        </>
      )}
    </div>
  );
}

function Mine({ view, token, act }: { view: StakesView; token: Token; act: Act }) {
  return (
    <Card title="Staked by this account" span={6}>
      {view.stakes.length === 0 && <Empty>Nothing is staked.</Empty>}
      <ul className="list" data-testid="stakes">
        {view.stakes.map((stake) => (
          <Position key={stake.operator} stake={stake} view={view} token={token} act={act} />
        ))}
      </ul>
    </Card>
  );
}

function Position(props: { stake: StakeView; view: StakesView; token: Token; act: Act }) {
  const { stake, view, token, act } = props;
  const action = useAction();
  const [share, setShare] = useState('100');
  const operator = view.operators.find(({ id }) => id === stake.operator);
  const domain = view.domains.find(({ id }) => id === operator?.domain);
  const operatorId = BigInt(stake.operator);
  const gone = operator === undefined || operator.status !== 'Registered';
  const withdraw = () =>
    act('withdraw_stake', {
      operator_id: operatorId,
      to_withdraw: (BigInt(stake.shares) * BigInt(share)) / 100n,
    });
  return (
    <li className="stack">
      <div className="between">
        <strong>Operator {stake.operator}</strong>
        <span title={exact(stake.worth, token)}>{tokens(stake.worth, token)}</span>
      </div>
      <dl className="facts">
        {stake.pending !== '0' && (
          <>
            <dt>Counts from the next epoch</dt>
            <dd>{tokens(stake.pending, token)}</dd>
          </>
        )}
        {stake.reserve !== '0' && (
          <>
            <dt>Set aside for block space</dt>
            <dd>{tokens(stake.reserve, token)}</dd>
          </>
        )}
      </dl>
      {stake.leaving.map(({ amount, exact: known, unlockAt, ready }) => (
        <div key={`${unlockAt}-${amount}`} className="between">
          <span>
            {known ? '' : 'about '}
            {tokens(amount, token)} on the way back
          </span>
          {ready ? (
            <Badge tone="good">can be unlocked</Badge>
          ) : (
            <Badge tone="info" title={`The domain is at block ${domain?.head ?? 'not known'}`}>
              {known ? '' : 'once the epoch is over, '}from block {count(unlockAt)} of the domain
            </Badge>
          )}
        </div>
      ))}
      <div className="row">
        {stake.shares !== '0' && !gone && (
          <>
            <select aria-label="How much" value={share} onChange={(event) => setShare(event.target.value)}>
              {['25', '50', '100'].map((part) => (
                <option key={part} value={part}>
                  {part === '100' ? 'All of it' : `${part} %`}
                </option>
              ))}
            </select>
            <button type="button" disabled={action.busy} onClick={() => action.run(withdraw)}>
              Take back
            </button>
          </>
        )}
        {stake.leaving.some(({ ready }) => ready) && (
          <button
            type="button"
            className="primary"
            disabled={action.busy}
            onClick={() => action.run(() => act('unlock_funds', { operator_id: operatorId }))}
          >
            Unlock
          </button>
        )}
        {gone && (
          <button
            type="button"
            disabled={action.busy}
            onClick={() => action.run(() => act('unlock_nominator', { operator_id: operatorId }))}
          >
            Take everything back
          </button>
        )}
      </div>
      <Failure error={action.error} />
    </li>
  );
}

function Operators({ view, token, act }: { view: StakesView; token: Token; act: Act }) {
  return (
    <Card title="Operators" span={6}>
      {view.operators.length === 0 && <Empty>This network has no operators.</Empty>}
      <ul className="list" data-testid="operators">
        {view.operators.map((operator) => (
          <OperatorEntry key={operator.id} operator={operator} view={view} token={token} act={act} />
        ))}
      </ul>
    </Card>
  );
}

function OperatorEntry(props: { operator: OperatorView; view: StakesView; token: Token; act: Act }) {
  const { operator, view, token, act } = props;
  const [amount, setAmount] = useState('');
  const action = useAction();
  const domain = view.domains.find(({ id }) => id === operator.domain);
  const open = operator.status === 'Registered';
  return (
    <li className="stack">
      <div className="between">
        <strong>
          Operator {operator.id}{' '}
          <span className="muted">of {domain?.name ?? `domain ${operator.domain}`}</span>
        </strong>
        <Badge tone={open ? 'good' : 'warn'}>{open ? 'takes stakes' : operator.status.toLowerCase()}</Badge>
      </div>
      <dl className="facts">
        <dt>Staked with it</dt>
        <dd>{tokens(operator.totalStake, token)}</dd>
        <dt>Keeps of the rewards</dt>
        <dd>{operator.tax} %</dd>
        <dt>At least</dt>
        <dd>{tokens(operator.minimum, token)}</dd>
      </dl>
      {open && (
        <details>
          <summary>Stake with it</summary>
          <Form
            action={action}
            submit="Look at it before signing"
            busy="Asking for the fee…"
            disabled={amount.trim() === ''}
            onSubmit={() =>
              act('nominate_operator', {
                operator_id: BigInt(operator.id),
                amount: parseTokens(amount, token),
              })
            }
          >
            <TextField
              label={`Amount in ${token.symbol}`}
              inputMode="decimal"
              value={amount}
              onChange={setAmount}
            />
          </Form>
        </details>
      )}
    </li>
  );
}

function Domains({ view, nameOf }: { view: StakesView; nameOf: (address: string) => string | null }) {
  return (
    <Card title="Domains" span={12}>
      {view.domains.length === 0 && <Empty>This network has no domains.</Empty>}
      <ul className="list" data-testid="domains">
        {view.domains.map((domain) => (
          <li key={domain.id} className="stack">
            <div className="between">
              <strong>
                {domain.name} <span className="muted">domain {domain.id}</span>
              </strong>
              <Badge>
                {domain.kind === 'AutoId' ? 'identities' : domain.kind === 'Evm' ? 'EVM' : domain.kind}
              </Badge>
            </div>
            <span className="muted small">
              Block {count(domain.head)}, results confirmed up to {count(domain.confirmed)}
              {domain.epoch === null ? '' : `, epoch ${count(domain.epoch)} of stakes`}. Owned by{' '}
              {nameOf(domain.owner) ?? <span title={domain.owner}>{brief(domain.owner, 7)}</span>}.
            </span>
          </li>
        ))}
      </ul>
    </Card>
  );
}
