import { useCallback, useState } from 'react';
import type { AccountEvent, AccountHistoryView, HistoryKind } from '../../node/account-history.ts';
import { Badge, Card, CheckBadge, Empty, Stat } from '../components/basics.tsx';
import { Deed, Failure, Select } from '../components/forms.tsx';
import { Many } from '../components/Many.tsx';
import { PaymentEntry, type NameOf } from '../components/Payment.tsx';
import { brief, count, counted, tokens, exact } from '../format.ts';
import { money, usePolled } from '../wallet-client.ts';
import { useNames } from '../wallet-names.ts';
import type { PartProps } from '../wallet-part.ts';
import type { Token } from '../../protocol/notation.ts';

const POLL_MS = 3_000;
const SHOWN = 25;

/** What was sent from here, and what happened to each account. */
export default function WalletActivity({ status, token, depth, farm }: PartProps) {
  const nameOf = useNames(status);
  const own = status.accounts.map(({ address, name }) => [address, name] as const);
  const known = farm === null || own.some(([address]) => address === farm);
  return (
    <div className="grid">
      <Sent token={token} depth={depth} nameOf={nameOf} />
      <History
        accounts={known ? own : [...own, [farm, 'The farm’s rewards']]}
        token={token}
        nameOf={nameOf}
      />
    </div>
  );
}

function Sent({ token, depth, nameOf }: { token: Token; depth: number | null; nameOf: NameOf }) {
  const { value, error, reload } = usePolled(
    useCallback(() => money.list(), []),
    POLL_MS,
  );
  return (
    <Card title="Signed here" span={6}>
      {value !== null && value.length === 0 && <Empty>Nothing was signed in this browser yet.</Empty>}
      <Many
        items={value ?? []}
        thing="transaction"
        words={({ call, account, id }) => `${call.title} ${nameOf(account) ?? ''} ${account} ${id}`}
        page={12}
      >
        {(shown) => (
          <ul className="list">
            {shown.map((record) => (
              <PaymentEntry
                key={record.id}
                record={record}
                token={token}
                depth={depth}
                nameOf={nameOf}
                onForget={() => void money.forget({ id: record.id }).then(reload)}
              />
            ))}
          </ul>
        )}
      </Many>
      <Failure error={value === null ? error : null} />
    </Card>
  );
}

const KINDS: Record<HistoryKind, string> = {
  received: 'Received',
  sent: 'Sent',
  'block-reward': 'Reward for a block',
  'vote-reward': 'Reward for a vote',
  'fees-earned': 'Fees of a block',
  fee: 'Fee paid',
  staked: 'Staked',
  unstaked: 'Stake unlocked',
  reserve: 'Reserve for block space',
  other: 'Other',
};

type Shown = 'all' | 'payments' | 'rewards';
const isReward = (kind: HistoryKind): boolean =>
  kind === 'block-reward' || kind === 'vote-reward' || kind === 'fees-earned';
const GROUPS: Record<Shown, (kind: HistoryKind) => boolean> = {
  all: () => true,
  payments: (kind) => !isReward(kind),
  rewards: isReward,
};

function History(props: {
  accounts: readonly (readonly [address: string, name: string])[];
  token: Token;
  nameOf: NameOf;
}) {
  const [account, setAccount] = useState(props.accounts[0]?.[0] ?? '');
  const [shown, setShown] = useState<Shown>('all');
  const { value, error, reload } = usePolled(
    useCallback(() => (account === '' ? Promise.resolve(null) : money.history({ account })), [account]),
    POLL_MS,
  );
  return (
    <Card title="What happened to an account" span={6}>
      <div className="row">
        <Select label="Account" value={account} options={props.accounts} onChange={setAccount} />
        <Select
          label="Show"
          value={shown}
          options={[
            ['all', 'Everything'],
            ['payments', 'Payments'],
            ['rewards', 'Rewards of the farm'],
          ]}
          onChange={setShown}
        />
      </div>
      {value === null ? (
        <Failure error={error} />
      ) : (
        <Entries view={value} shown={shown} token={props.token} nameOf={props.nameOf} />
      )}
      {value?.looked != null && value.looked.from > 1 && (
        <div className="row">
          <Deed
            label="Look further back"
            busy="Asking for proofs…"
            onDo={async () => {
              await money.lookBack({ account });
              reload();
            }}
          />
        </div>
      )}
    </Card>
  );
}

function Entries(props: { view: AccountHistoryView; shown: Shown; token: Token; nameOf: NameOf }) {
  const { view, shown, token } = props;
  const [limit, setLimit] = useState(SHOWN);
  const entries = view.entries.filter(({ kind }) => GROUPS[shown](kind));
  const rewards = view.entries.filter(({ kind }) => GROUPS.rewards(kind));
  const earned = rewards.reduce((sum, { amount }) => sum + BigInt(amount ?? 0), 0n);
  return (
    <>
      {rewards.length > 0 && (
        <Stat
          label="Earned by farming in these blocks"
          value={tokens(String(earned), token)}
          note={`in ${counted(rewards.length, 'reward')}`}
        />
      )}
      <p className="muted small" data-testid="looked">
        {view.looked === null
          ? (view.trouble ?? 'Looking through the verified blocks…')
          : `Blocks ${count(view.looked.from)} to ${count(view.looked.to)} were looked through; every line below is proven by its block.`}
      </p>
      {view.gaps.map(({ from, to }) => (
        <p key={from} className="muted small">
          Blocks {count(from)} to {count(to)} could not be: no node keeps what their proofs need.
        </p>
      ))}
      {view.looked !== null && view.trouble !== null && (
        <p className="banner" role="status">
          {view.trouble}
        </p>
      )}
      {view.looked !== null && entries.length === 0 && <Empty>Nothing in these blocks.</Empty>}
      <ul className="list" data-testid="history">
        {entries.slice(0, limit).map((entry, index) => (
          <Entry key={`${entry.hash}-${index}`} entry={entry} final={view.final} {...props} />
        ))}
      </ul>
      {entries.length > limit && (
        <div className="row">
          <button type="button" onClick={() => setLimit(limit + 4 * SHOWN)}>
            Show more of the {count(entries.length)}
          </button>
        </div>
      )}
    </>
  );
}

function Entry({
  entry,
  final,
  token,
  nameOf,
}: {
  entry: AccountEvent;
  final: number;
  token: Token;
  nameOf: NameOf;
}) {
  const { kind, other, amount } = entry;
  const gain = amount?.startsWith('-') === false;
  return (
    <li className="stack" title={entry.event}>
      <div className="between">
        <strong>
          {kind === 'other' ? entry.event.replace('.', ': ') : KINDS[kind]}
          {other !== null && (
            <span className="muted" title={other}>
              {' '}
              {kind === 'sent' ? 'to' : 'from'} {nameOf(other) ?? brief(other, 7)}
            </span>
          )}
        </strong>
        {amount !== null && (
          <span title={exact(amount, token)}>
            {gain ? '+ ' : '− '}
            {tokens(amount.replace('-', ''), token)}
          </span>
        )}
      </div>
      <div className="between small muted">
        <span>{new Date(entry.at).toLocaleString()}</span>
        {entry.block <= final ? (
          <CheckBadge title={`Proven by the events of block ${entry.block}, which this tab verified`}>
            block {count(entry.block)}
          </CheckBadge>
        ) : (
          <Badge tone="info" title="Proven, but another branch may still replace the block">
            block {count(entry.block)}, not final
          </Badge>
        )}
      </div>
    </li>
  );
}
