import { useCallback, useEffect, useState } from 'react';
import type { IdentityView } from '../../identity/identity-view.ts';
import { Badge, Card, CheckBadge, Empty } from '../components/basics.tsx';
import { Check, Deed, Form, Select, TextArea, TextField, useAction } from '../components/forms.tsx';
import { HandOver } from '../components/HandOver.tsx';
import { useFold } from '../hooks.ts';
import { identity, useLoaded, usePolled } from '../wallet-client.ts';

/** How often it is looked whether somebody withdrew. */
const LOOK_MS = 6_000;

type Named = readonly (readonly [string, string])[];

const named = (all: readonly IdentityView[]): Named => all.map(({ did, name }) => [did, name] as const);

/** What others say of an identity: who stands behind it, whom it follows. */
export function Behind({ did, nameOf }: { did: string; nameOf: (did: string) => string }) {
  const { value } = usePolled(
    useCallback(() => identity.statementsOf({ did }), [did]),
    LOOK_MS,
  );
  if (value === null) return null;
  const { coIssuance, successor, predecessor } = value;
  return (
    <>
      {coIssuance.kind === 'counted' && (
        <>
          <dt>Behind it stand</dt>
          <dd>
            {coIssuance.signed >= coIssuance.threshold ? (
              <CheckBadge>
                {coIssuance.signed} of {coIssuance.of}
              </CheckBadge>
            ) : (
              <Badge tone="warn">
                {coIssuance.signed} of {coIssuance.of}
              </Badge>
            )}{' '}
            issuers; they say that {coIssuance.threshold} are needed
          </dd>
        </>
      )}
      {coIssuance.kind === 'void' && (
        <>
          <dt>Behind it stand</dt>
          <dd>
            <Badge tone="bad">nobody for certain</Badge> {coIssuance.reason}
          </dd>
        </>
      )}
      {successor !== null && (
        <>
          <dt>Followed by</dt>
          <dd>{nameOf(successor)}, as both say</dd>
        </>
      )}
      {predecessor !== null && (
        <>
          <dt>Follows</dt>
          <dd>{nameOf(predecessor)}, as both say</dd>
        </>
      )}
    </>
  );
}

/** Standing behind an identity with others, replacing one of one's own, and taking in what others say of either. */
export function Statements({ all, reload }: { all: IdentityView[]; reload: () => void }) {
  const own = all.filter(({ role, deactivated }) => role === 'own' && !deactivated);
  return (
    <Card title="Several issuers, and successors" span={6} {...useFold()}>
      <p className="muted">
        One issuer’s word may be too little for an identity, and a key has to be replaced some day. Both are
        statements that others can check; they need no network.
      </p>
      <TakeIn reload={reload} />
      <CoIssue all={all} own={own} />
      {own.length > 1 && <Succeed own={own} reload={reload} />}
    </Card>
  );
}

function TakeIn({ reload }: { reload: () => void }) {
  const [text, setText] = useState('');
  const [about, setAbout] = useState<string | null>(null);
  const action = useAction();
  return (
    <>
      <Form
        action={action}
        submit="Check and keep"
        quiet
        busy="Checking…"
        disabled={text.trim() === ''}
        onSubmit={async () => {
          const { subject } = await identity.addStatement({ text });
          setText('');
          setAbout(subject);
          reload();
        }}
      >
        <TextArea
          label="A statement about an identity"
          hint="That somebody stands behind it, or that another follows it."
          rows={3}
          value={text}
          onChange={(given) => {
            setText(given);
            setAbout(null);
          }}
        />
      </Form>
      {about !== null && (
        <p role="status">
          Kept with <span className="mono">{about}</span>.
        </p>
      )}
    </>
  );
}

function CoIssue({ all, own }: { all: IdentityView[]; own: IdentityView[] }) {
  const subjects = all.filter(({ kind, did }) => kind === 'leaf' && did !== '');
  const [did, setDid] = useState('');
  const [subject, setSubject] = useState('');
  const [group, setGroup] = useState<string[]>([]);
  const [threshold, setThreshold] = useState('2');
  const [statement, setStatement] = useState<string | null>(null);
  const signed = useLoaded(useCallback(() => identity.coIssued(), []));
  const { reload } = signed;
  useEffect(reload, [reload, statement]);
  const action = useAction();
  const as = did === '' ? (own[0]?.did ?? '') : did;
  const of = subject === '' ? (subjects[0]?.did ?? '') : subject;
  const nameOf = (one: string) => all.find((known) => known.did === one)?.name ?? one;
  const candidates = all.filter((one) => one.did !== of && one.did !== as && one.kind === 'root');
  return (
    <details>
      <summary>Stand behind an identity with others</summary>
      {own.length === 0 || subjects.length === 0 ? (
        <Empty>Add the identity first, from its file: one that somebody issued.</Empty>
      ) : (
        <Form
          action={action}
          submit="Sign"
          quiet
          onSubmit={async () => {
            const { content: file } = await identity.exportIdentity({ did: of, format: 'pem' });
            const chosen = { did: as, file, group: [as, ...group], threshold: Number(threshold) };
            setStatement(await identity.coIssue(chosen));
          }}
        >
          <Select label="As" value={as} options={named(own)} onChange={setDid} />
          <Select label="Behind" value={of} options={named(subjects)} onChange={setSubject} />
          <fieldset className="stack">
            <legend>Together with</legend>
            {candidates.length === 0 && <Empty>Add the other issuers first, from their files.</Empty>}
            {candidates.map((one) => (
              <Check
                key={one.did}
                label={one.name}
                checked={group.includes(one.did)}
                onChange={(on) =>
                  setGroup((before) => (on ? [...before, one.did] : before.filter((id) => id !== one.did)))
                }
              />
            ))}
          </fieldset>
          <TextField
            label="How many of you are needed"
            hint="All of you have to state the same. Whoever issued it counts as one of you."
            type="number"
            value={threshold}
            onChange={setThreshold}
          />
        </Form>
      )}
      {statement !== null && (
        <HandOver label="Give this to them" text={statement} fileName="co-issuance.txt" />
      )}
      <ul className="list">
        {signed.value
          ?.filter(({ withdrawn }) => !withdrawn)
          .map((one) => (
            <li key={one.did + one.subject} className="between">
              <span>
                {nameOf(one.did)} stands behind {nameOf(one.subject)}
              </span>
              <Deed
                label="No longer"
                danger
                confirm="Withdraw it? Your list of revocations will say so; hand that to those who check."
                onDo={async () => {
                  await identity.withdrawCoIssuance(one);
                  reload();
                }}
              />
            </li>
          ))}
      </ul>
    </details>
  );
}

function Succeed({ own, reload }: { own: IdentityView[]; reload: () => void }) {
  const [from, setFrom] = useState(own[0]!.did);
  const [to, setTo] = useState(own[1]!.did);
  const [both, setBoth] = useState<string | null>(null);
  const action = useAction();
  return (
    <details>
      <summary>Replace an identity of yours by another</summary>
      <p className="muted">
        Keys cannot be changed in an identity, so a new one follows the old: both sign that. Do it while you
        still trust the old key, then revoke the old identity.
      </p>
      <Form
        action={action}
        submit="Sign with both"
        quiet
        onSubmit={async () => {
          setBoth(JSON.stringify(await identity.succeed({ from, to })));
          reload();
        }}
      >
        <Select label="The old one" value={from} options={named(own)} onChange={setFrom} />
        <Select label="Is followed by" value={to} options={named(own)} onChange={setTo} />
      </Form>
      {both !== null && (
        <HandOver label="Give this to those who know the old one" text={both} fileName="succession.json" />
      )}
    </details>
  );
}
