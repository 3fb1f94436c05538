import { useCallback, useEffect, useState } from 'react';
import type { CredentialView, ResponseView } from '../../identity/credential-commands.ts';
import type { IdentityView } from '../../identity/identity-commands.ts';
import { Badge, Card, CheckBadge, Empty } from '../components/basics.tsx';
import {
  Check,
  Deed,
  Failure,
  Form,
  HandOver,
  Select,
  TextArea,
  TextField,
  useAction,
} from '../components/forms.tsx';
import { saveFile } from '../files.ts';
import { identity, useLoaded } from '../wallet-client.ts';
import { LoginReturn, Promises } from './CredentialPromises.tsx';
import { Receive } from './CredentialReceive.tsx';
import { Show } from './CredentialShow.tsx';
import { pathText, typeText } from './credential-words.ts';
import { VerdictBadge } from './IdentityPeople.tsx';

/** Credentials: what others certified, showing it, asking for it, issuing it. */
export default function IdentityCredentials() {
  const all = useLoaded(useCallback(() => identity.credentials(), []));
  const people = useLoaded(useCallback(() => identity.identities(), []));
  const own = people.value?.filter(({ role, deactivated }) => role === 'own' && !deactivated) ?? [];
  const { reload: reloadAll } = all;
  const [round, setRound] = useState(0);
  const reload = useCallback(() => {
    reloadAll();
    setRound((before) => before + 1);
  }, [reloadAll]);
  return (
    <div className="grid">
      <LoginReturn reload={reload} />
      <Card title="What others certified of you" span={7}>
        <Failure error={all.error} />
        {all.value?.length === 0 && <Empty>Nothing yet. Paste what an issuer gives you on the right.</Empty>}
        <ul className="list" data-testid="credentials">
          {all.value?.map((one) => (
            <Credential key={one.id} one={one} reload={reload} />
          ))}
        </ul>
      </Card>
      <Receive own={own} reload={reload} />
      <Promises reload={reload} round={round} />
      <Show reload={reload} />
      <Ask />
      <Issue own={own} people={people.value ?? []} reload={reload} />
      <Shown round={round} />
    </div>
  );
}

function StatusBadge({ status }: { status: CredentialView['status'] }) {
  if (status === 'none') return null;
  const tone = status === 'valid' ? 'good' : status === 'unknown' ? 'plain' : 'bad';
  return <Badge tone={tone}>{status === 'unknown' ? 'revocation not known' : status}</Badge>;
}

function Credential({ one, reload }: { one: CredentialView; reload: () => void }) {
  return (
    <li>
      <details className="block">
        <summary>
          <strong>{typeText(one.type)}</strong>
          <span className="muted">
            {one.selfIssued ? 'by yourself' : (one.issuerName ?? 'by somebody not in your list')}
          </span>
          <StatusBadge status={one.status} />
        </summary>
        <dl className="facts">
          {one.claims.map(({ path, text, selective }) => (
            <Claim key={pathText(path)} name={pathText(path)} text={text} selective={selective} />
          ))}
          <dt>Issuer</dt>
          <dd className="mono">{one.issuer}</dd>
          <dt>Type</dt>
          <dd className="mono">{one.type}</dd>
          {one.expiresAt !== null && (
            <>
              <dt>Holds until</dt>
              <dd>{new Date(one.expiresAt * 1000).toLocaleDateString()}</dd>
            </>
          )}
          {one.provable.length > 0 && (
            <>
              <dt>Provable without telling</dt>
              <dd>{one.provable.join(', ')}</dd>
            </>
          )}
        </dl>
        <div className="row">
          <Deed
            label="Save"
            onDo={async () =>
              saveFile('credential.txt', await identity.exportCredential({ id: one.id }), 'text/plain')
            }
          />
          <Deed
            label="Remove"
            danger
            confirm="Remove this credential from the wallet?"
            onDo={async () => {
              await identity.removeCredential({ id: one.id });
              reload();
            }}
          />
        </div>
      </details>
    </li>
  );
}

function Claim({ name, text, selective }: { name: string; text: string; selective: boolean }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>
        {text} {!selective && <Badge title="The issuer made it part of every showing">always shown</Badge>}
      </dd>
    </>
  );
}

function Ask() {
  const [audience, setAudience] = useState('');
  const [type, setType] = useState('urn:autonomys:vc:person:1');
  const [claims, setClaims] = useState('');
  const [atLeast, setAtLeast] = useState('');
  const [request, setRequest] = useState<string | null>(null);
  const [answer, setAnswer] = useState('');
  const [results, setResults] = useState<ResponseView[] | null>(null);
  const ask = useAction();
  const check = useAction();
  const make = async () => {
    const paths = claims
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '')
      .map((name) => name.split('.'));
    const predicates =
      atLeast.trim() === ''
        ? []
        : [{ attribute: 'score' as const, kind: 'at-least' as const, value: Number(atLeast) }];
    setResults(null);
    setRequest(
      await identity.newRequest({
        audience: audience.trim(),
        credentials: [{ type: type.trim(), claims: paths, predicates }],
      }),
    );
  };
  return (
    <Card title="Ask somebody to show something" span={6}>
      <Form action={ask} submit="Make a request" disabled={audience.trim() === ''} onSubmit={make}>
        <TextField
          label="Who asks"
          hint="They see this before they answer."
          value={audience}
          onChange={setAudience}
        />
        <TextField label="Kind of credential" value={type} onChange={setType} />
        <TextField
          label="Claims"
          hint="Their names, with commas between. Ask for as little as you need."
          placeholder="age_over_18"
          value={claims}
          onChange={setClaims}
        />
        <TextField
          label="Score at least"
          hint="Proved without the number; may stay empty. From 0 to 10 000."
          type="number"
          value={atLeast}
          onChange={setAtLeast}
        />
      </Form>
      {request !== null && (
        <>
          <HandOver label="Give them this request" text={request} fileName="request.json" />
          <Form
            action={check}
            submit="Check the answer"
            busy="Checking…"
            disabled={answer.trim() === ''}
            onSubmit={async () => {
              setResults(null);
              setResults(await identity.verifyResponse({ request, response: answer }));
            }}
          >
            <TextArea label="Their answer" value={answer} onChange={setAnswer} />
          </Form>
        </>
      )}
      {results?.map((result) => (
        <div key={result.query} className="stack disclosed" data-testid="checked" aria-live="polite">
          <p>
            <CheckBadge>every check passed</CheckBadge>{' '}
            {result.issuerVerdict !== null && <VerdictBadge verdict={result.issuerVerdict} />}{' '}
            {result.selfIssued && <Badge tone="warn">they say it of themselves</Badge>}
          </p>
          <dl className="facts">
            {result.claims.map(({ path, text }) => (
              <Claim key={pathText(path)} name={pathText(path)} text={text} selective />
            ))}
            {result.proved.map(({ attribute, kind, value }) => (
              <Claim
                key={attribute}
                name={attribute}
                text={`${kind.replace('-', ' ')} ${value}, proved`}
                selective
              />
            ))}
            <dt>Issuer</dt>
            <dd className="mono">{result.issuer}</dd>
          </dl>
        </div>
      ))}
    </Card>
  );
}

function Issue(props: { own: IdentityView[]; people: IdentityView[]; reload: () => void }) {
  const { own, people } = props;
  const [issuer, setIssuer] = useState('');
  const [subject, setSubject] = useState('');
  const [type, setType] = useState('urn:autonomys:vc:person:1');
  const [claims, setClaims] = useState('given_name = Ada\nage_over_18 = true');
  const [revocable, setRevocable] = useState(true);
  const [made, setMade] = useState<{ package: string; index: number | null } | null>(null);
  const [revoked, setRevoked] = useState<string | null>(null);
  const action = useAction();
  const from = issuer === '' ? (own[0]?.did ?? '') : issuer;
  return (
    <Card title="Certify something of somebody" span={6}>
      {own.length === 0 ? (
        <Empty>Make an identity first.</Empty>
      ) : (
        <>
          <Form
            action={action}
            submit="Issue"
            onSubmit={async () => {
              setRevoked(null);
              setMade(
                await identity.issueCredential({
                  issuer: from,
                  type,
                  claims: parseClaims(claims),
                  revocable,
                  ...(subject === '' ? {} : { subject }),
                }),
              );
              props.reload();
            }}
          >
            <Select
              label="As"
              value={from}
              options={own.map(({ did, name }) => [did, name] as const)}
              onChange={setIssuer}
            />
            <Select
              label="Of"
              hint="Only they can show it. Add people you know under “Who I am”."
              value={subject}
              options={[['', 'Whoever holds it'], ...people.map(({ did, name }) => [did, name] as const)]}
              onChange={setSubject}
            />
            <TextField label="Kind" value={type} onChange={setType} />
            <TextArea
              label="Claims"
              hint="One a line: name = value. Each can be shown without the others."
              value={claims}
              onChange={setClaims}
            />
            <Check label="Can be revoked" checked={revocable} onChange={setRevocable} />
          </Form>
          {made !== null && (
            <>
              <HandOver label="Give this to them" text={made.package} fileName="credential.json" />
              {made.index !== null && (
                <Deed
                  label="Revoke it again"
                  danger
                  onDo={async () =>
                    setRevoked(await identity.revokeCredential({ issuer: from, index: made.index! }))
                  }
                />
              )}
            </>
          )}
          <RevocationList issuer={from} fresh={revoked} />
        </>
      )}
    </Card>
  );
}

function RevocationList({ issuer, fresh }: { issuer: string; fresh: string | null }) {
  const [list, setList] = useState<string | null>(null);
  return (
    <details>
      <summary>Your list of revocations, for those who check</summary>
      <div className="stack">
        <Deed
          label="Sign the present list"
          onDo={async () => setList(await identity.statusList({ issuer }))}
        />
        {(fresh ?? list) !== null && (
          <HandOver label="Publish this" text={(fresh ?? list)!} fileName="revocations.txt" />
        )}
      </div>
    </details>
  );
}

/** Claims of lines such as `name = value`; numbers, true and false are taken as such. */
function parseClaims(text: string): Record<string, unknown> {
  const claims: Record<string, unknown> = {};
  for (const line of text.split('\n').filter((part) => part.trim() !== '')) {
    const [name, ...rest] = line.split('=');
    const value = rest.join('=').trim();
    if (name === undefined || name.trim() === '' || rest.length === 0)
      throw new Error(`“${line.trim()}” is no claim: write name = value.`);
    if (value === 'true' || value === 'false') claims[name.trim()] = value === 'true';
    else claims[name.trim()] = /^-?\d{1,15}$/.test(value) ? Number(value) : value;
  }
  return claims;
}

function Shown({ round }: { round: number }) {
  const { value, reload } = useLoaded(useCallback(() => identity.shownLog(), []));
  useEffect(reload, [reload, round]);
  return (
    <Card title="What you showed to whom" span={6}>
      {value?.length === 0 && <Empty>Nothing yet. Kept in your wallet only.</Empty>}
      <ul className="list">
        {value?.slice(0, 50).map(({ at, audience, claims }) => (
          <li key={`${at}-${audience}`}>
            <strong>{audience}</strong>, {new Date(at * 1000).toLocaleString()}:{' '}
            {claims.map(pathText).join(', ') || 'no claim'}
          </li>
        ))}
      </ul>
    </Card>
  );
}
