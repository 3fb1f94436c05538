import { useCallback, useState } from 'react';
import type { DelegationView } from '../../identity/delegations.ts';
import type { IdentityView } from '../../identity/identity-view.ts';
import { ActingAs, useActing, useIdentities } from '../components/Acting.tsx';
import { Badge, Card, Empty } from '../components/basics.tsx';
import {
  Deed,
  Failure,
  FileField,
  Form,
  TextArea,
  TextField,
  Told,
  useAction,
} from '../components/forms.tsx';
import { HandOver } from '../components/HandOver.tsx';
import { saveFile, type ChosenFile } from '../files.ts';
import { brief, counted } from '../format.ts';
import { useNow } from '../hooks.ts';
import { useToken } from '../node-client.ts';
import { identity, useLoaded } from '../wallet-client.ts';
import { limitWords, powerWords } from './agent-words.ts';
import { GivePermission } from './IdentityAgentGiving.tsx';
import { MakeAgent } from './IdentityAgentMaking.tsx';
import { UsePermission } from './IdentityAgentUsing.tsx';
import { standing, VerdictBadge } from './IdentityVerdict.tsx';

/** Agents: programs with a name of their own and the few powers that one gives them. */
export default function IdentityAgents() {
  const people = useIdentities();
  const all = useLoaded(useCallback(() => identity.delegations(), []));
  const log = useLoaded(useCallback(() => identity.auditLog(), []));
  const { own } = people;
  const names = new Map(people.all.map(({ did, name }) => [did, name]));
  const reload = () => {
    people.reload();
    all.reload();
    log.reload();
  };
  return (
    <div className="grid">
      <div className="column span-6">
        <Card title="Who may act for whom" span={7}>
          <Failure error={all.error} />
          {all.value?.length === 0 && (
            <Empty>Nobody yet. An agent can do only what you list, only as long as you say.</Empty>
          )}
          <ul className="list" data-testid="delegations">
            {all.value?.map((one) => (
              <Delegation key={one.id} one={one} names={names} reload={reload} />
            ))}
          </ul>
        </Card>
        <CheckUse all={people.all} reload={reload} />
        <TakeIn reload={reload} />
        <Card title="What agents asked for" span={6}>
          {log.value?.damagedAt != null && (
            <p className="banner bad" role="alert">
              This log was changed from entry {log.value.damagedAt + 1} on.
            </p>
          )}
          {log.value?.entries.length === 0 && (
            <Empty>Nothing yet. What agents ask for, and what came of it, is noted here.</Empty>
          )}
          <ul className="list" data-testid="audit">
            {log.value?.entries
              .toReversed()
              .slice(0, 50)
              .map((entry) => (
                <li key={entry.sequence} className="between">
                  <span>
                    {names.get(entry.agent) ?? brief(entry.agent, 12)}: {entry.request.act}{' '}
                    {entry.request.res}
                  </span>
                  <Badge tone={entry.outcome === 'ok' ? 'good' : 'bad'}>{entry.outcome}</Badge>
                </li>
              ))}
          </ul>
        </Card>
      </div>
      <div className="column span-6">
        <MakeAgent own={own} reload={reload} />
        <GivePermission
          own={own}
          all={people.all}
          held={all.value?.filter(({ direction }) => direction === 'held') ?? []}
          reload={reload}
        />
      </div>
    </div>
  );
}

function Delegation(props: { one: DelegationView; names: Map<string, string>; reload: () => void }) {
  const { one, names } = props;
  const token = useToken();
  const name = (did: string) => names.get(did) ?? brief(did, 14);
  const title = one.label || name(one.to);
  const [password, setPassword] = useState('');
  const [list, setList] = useState<string | null>(null);
  const save = useAction();
  const now = useNow(60_000);
  const expired = one.expires * 1000 < now;
  const takeBack = async () => {
    setList((await identity.revokeDelegation({ id: one.id })).list);
    props.reload();
  };
  return (
    <li>
      <details className="block">
        <summary>
          <strong>{title}</strong>
          <span className="muted">
            {title === name(one.to) ? '' : name(one.to)} for {name(one.principal)}
          </span>
          {one.revoked && <Badge tone="bad">taken back</Badge>}
          {expired && <Badge tone="warn">expired</Badge>}
        </summary>
        <ul>
          {one.capabilities.map(({ res, act, lim }) => (
            <li key={res}>
              {powerWords(res, act)}
              {Object.entries(lim ?? {}).map(([limit, amount]) => (
                <span key={limit}>, {limitWords(res, limit, amount, token, one.used[res])}</span>
              ))}
            </li>
          ))}
        </ul>
        <p className="muted small">
          Until {new Date(one.expires * 1000).toLocaleString()}; may{' '}
          {one.depth === 0 ? 'not be passed on' : `be passed on ${counted(one.depth, 'more time')}`}.
        </p>
        {one.direction === 'given' && !one.revoked && (
          <>
            <div className="row">
              <Deed
                label="Take it back"
                danger
                confirm="Take this permission back for good?"
                onDo={takeBack}
              />
            </div>
            <Form
              action={save}
              submit="Save the agent’s file"
              quiet
              onSubmit={async () => {
                saveFile(
                  'agent.json',
                  await identity.exportAgent({ did: one.to, password }),
                  'application/json',
                );
                setPassword('');
              }}
            >
              <TextField
                label="Password for the agent’s file"
                hint="The agent runs elsewhere with this file: name, key and permissions."
                type="password"
                autoComplete="new-password"
                value={password}
                onChange={setPassword}
              />
            </Form>
          </>
        )}
        {one.direction === 'held' && !one.revoked && !expired && <UsePermission one={one} />}
        {one.direction === 'given' && one.revoked && list === null && (
          <div className="row">
            <Deed label="Sign the list that tells others" onDo={takeBack} />
          </div>
        )}
        {list !== null && (
          <HandOver label="Tell others that it no longer holds" text={list} fileName="taken-back.txt" />
        )}
      </details>
    </li>
  );
}

function CheckUse({ all, reload }: { all: IdentityView[]; reload: () => void }) {
  const authority = useActing(all);
  const [audience, setAudience] = useState('allotment');
  const [nonce, setNonce] = useState<string | null>(null);
  const [invocation, setInvocation] = useState('');
  const [result, setResult] = useState<Awaited<ReturnType<typeof identity.checkUse>> | null>(null);
  const action = useAction();
  return (
    <Card title="Judge what an agent asks" span={6}>
      <p className="muted">
        Give the agent a question; it signs its request with it, so that nothing is used twice.
      </p>
      <Deed
        label="New question"
        onDo={async () => {
          setNonce(await identity.newChallenge());
          setResult(null);
        }}
      />
      {nonce !== null && (
        <>
          <HandOver
            label="The question"
            text={JSON.stringify({ audience, nonce })}
            fileName="question.json"
          />
          <Form
            action={action}
            submit="Judge"
            quiet
            disabled={invocation.trim() === ''}
            onSubmit={async () => {
              setResult(await identity.checkUse({ invocation, authority: authority.did, audience, nonce }));
              reload();
            }}
          >
            <TextField label="Asked by" value={audience} onChange={setAudience} />
            <ActingAs
              label="On whose authority"
              hint="You, or somebody you know: add them under “Who I am”."
              own={all}
              acting={authority}
            />
            <TextArea label="The agent’s request" value={invocation} onChange={setInvocation} />
          </Form>
        </>
      )}
      {result !== null && (
        <div role="status">
          <p>
            <Badge tone={result.verdict === 'ok' ? 'good' : 'bad'}>{result.verdict}</Badge> {result.sentence}
          </p>
          {result.standing !== null && (
            <p className="muted small">
              The agent’s identity: <VerdictBadge verdict={result.standing} /> {standing(result.standing)}
            </p>
          )}
        </div>
      )}
    </Card>
  );
}

function TakeIn({ reload }: { reload: () => void }) {
  const [grant, setGrant] = useState('');
  const [label, setLabel] = useState('');
  const [file, setFile] = useState<ChosenFile | null>(null);
  const [password, setPassword] = useState('');
  const [list, setList] = useState('');
  const [told, setTold] = useState<string | null>(null);
  const take = useAction();
  const agent = useAction();
  const back = useAction();
  return (
    <Card title="Take in" span={6}>
      <Form
        action={take}
        submit="Keep the permission"
        quiet
        disabled={grant.trim() === ''}
        onSubmit={async () => {
          await identity.acceptGrant({ grant, label });
          setGrant('');
          reload();
        }}
      >
        <TextArea label="A permission that somebody gave you" value={grant} onChange={setGrant} />
        <TextField label="Call it" value={label} onChange={setLabel} />
      </Form>
      <Form
        action={agent}
        submit="Become this agent here"
        quiet
        disabled={file === null}
        onSubmit={async () => {
          await identity.importAgent({ file: file!.content, password });
          setPassword('');
          reload();
        }}
      >
        <FileField label="An agent’s file" accept=".json" onChoose={setFile} />
        <TextField label="Its password" type="password" value={password} onChange={setPassword} />
      </Form>
      <Form
        action={back}
        submit="Keep the list"
        quiet
        disabled={list.trim() === ''}
        onSubmit={async () => {
          const { count } = await identity.importRevocations({ list });
          setTold(
            `Kept: ${counted(count, 'permission')} taken back. Whoever uses one is refused from now on.`,
          );
          setList('');
        }}
      >
        <TextArea label="A list of permissions that somebody took back" value={list} onChange={setList} />
        <Told text={told} />
      </Form>
    </Card>
  );
}
