import { lazy, Suspense, useCallback, useState } from 'react';
import { birthDays } from '../../identity/birth.ts';
import type { IdentityView } from '../../identity/identity-view.ts';
import type { CommittedAttribute } from '../../identity/attributes.ts';
import type { IssuedView } from '../../identity/unlinkable-commands.ts';
import { ActingAs, WithIdentity, useActing } from '../components/Acting.tsx';
import { Card } from '../components/basics.tsx';
import { Check, Deed, Form, Select, TextArea, TextField, useAction } from '../components/forms.tsx';
import { HandOver } from '../components/HandOver.tsx';
import { useFold } from '../hooks.ts';
import { identity, useLoaded } from '../wallet-client.ts';
import { useHandedOver } from './CredentialMeeting.tsx';
import { Issued } from './CredentialIssued.tsx';
import { AboutLinking } from './CredentialLinking.tsx';
import { typeText } from './credential-words.ts';

const RevocationList = lazy(() => import('./CredentialRevocations.tsx'));

/** Certifies something of somebody, in either kind of credential. */
export function Issue(props: { own: IdentityView[]; people: IdentityView[]; reload: () => void }) {
  const { own, people } = props;
  const acting = useActing(own);
  const [subject, setSubject] = useState('');
  const [type, setType] = useState('urn:autonomys:vc:person:1');
  const [claims, setClaims] = useState('given_name = Ada\nage_over_18 = true');
  const [revocable, setRevocable] = useState(true);
  const [statusAddress, setStatusAddress] = useState('');
  const [kind, setKind] = useState<'linkable' | 'unlinkable'>('linkable');
  const [request, setRequest] = useState('');
  const [weeks, setWeeks] = useState('4');
  const [days, setDays] = useState('365');
  const [made, setMade] = useState<{ package: string } | null>(null);
  const [revoked, setRevoked] = useState<{ issuer: string; list: string } | null>(null);
  const action = useAction();
  const renewable = useLoaded(useCallback(() => identity.issuedUnlinkable(), []));
  const fold = useFold();
  useHandedOver('credential-request', (text) => {
    fold.onToggle(true);
    setKind('unlinkable');
    setRequest(text);
  });
  const from = acting.did;
  const { value: issued, reload: reloadIssued } = useLoaded(
    useCallback(async () => (from === '' ? [] : identity.issuedCredentials({ issuer: from })), [from]),
  );
  const unlinkable = kind === 'unlinkable';
  const issue = async () => {
    const told = parseClaims(claims);
    const numbers = hiddenNumbers(told);
    const common = { issuer: from, type };
    if (unlinkable) {
      const all = { ...told, ...numbers };
      return identity.issueUnlinkable({ ...common, claims: all, request, weeks: Number(weeks) });
    }
    const of = subject === '' ? {} : { subject };
    return identity.issueCredential({
      ...common,
      ...of,
      claims: told,
      commitments: numbers,
      days: Number(days),
      revocable,
      statusAddress,
    });
  };
  return (
    <Card title="Certify something of somebody" span={6} {...fold}>
      <WithIdentity own={own}>
        <>
          <Form
            action={action}
            submit="Issue"
            quiet
            disabled={unlinkable && request.trim() === ''}
            onSubmit={async () => {
              setRevoked(null);
              setMade(await issue());
              renewable.reload();
              reloadIssued();
              props.reload();
            }}
          >
            <ActingAs label="As" own={own} acting={acting} />
            <Select
              label="Several showings by one person"
              value={kind}
              options={[
                ['linkable', 'can be linked'],
                ['unlinkable', 'cannot be linked'],
              ]}
              onChange={setKind}
            />
            <AboutLinking />
            {unlinkable ? (
              <TextArea
                label="Their request"
                hint="They make it in their wallet, under “Receive”. Only that wallet can show the credential."
                value={request}
                onChange={setRequest}
              />
            ) : (
              <Select
                label="Of"
                hint="Only they can show it. Add people you know under “Who I am”."
                value={subject}
                options={[['', 'Whoever holds it'], ...people.map(({ did, name }) => [did, name] as const)]}
                onChange={setSubject}
              />
            )}
            <TextField
              label="Kind"
              hint="A name that whoever asks for it knows."
              value={type}
              onChange={setType}
            />
            <TextArea
              label="Claims"
              hint="One a line: name = value. Each can be shown without the others. Of birth_date = 1990-05-01, score and quantity, bounds can be proved without telling them."
              value={claims}
              onChange={setClaims}
            />
            {unlinkable ? (
              <Select
                label="Holds for"
                hint="It cannot be revoked, so it ends soon. You can renew it."
                value={weeks}
                options={[
                  ['1', 'one week'],
                  ['2', 'two weeks'],
                  ['4', 'four weeks'],
                ]}
                onChange={setWeeks}
              />
            ) : (
              <>
                <TextField label="Days it holds" type="number" value={days} onChange={setDays} />
                <Check label="Can be revoked" checked={revocable} onChange={setRevocable} />
                {revocable && (
                  <TextField
                    label="Where you publish your list of revocations"
                    hint="An address (https) that anybody can fetch. May stay empty: then you hand the list over."
                    value={statusAddress}
                    onChange={setStatusAddress}
                  />
                )}
              </>
            )}
          </Form>
          {made !== null && (
            <HandOver
              label="Give this to them"
              text={made.package}
              fileName="credential.json"
              kind="credential"
            />
          )}
          <Issued
            key={`of ${from}`}
            issuer={from}
            issued={issued ?? []}
            onChange={(list) => {
              setRevoked({ issuer: from, list });
              reloadIssued();
            }}
          />
          <Suspense fallback={null}>
            <RevocationList
              key={from}
              issuer={from}
              fresh={revoked?.issuer === from ? revoked.list : null}
              made={made}
            />
          </Suspense>
          <Renewable issued={renewable.value ?? []} reload={renewable.reload} onMade={setMade} />
        </>
      </WithIdentity>
    </Card>
  );
}

/** Credentials that cannot be revoked, to be renewed or left to end. */
function Renewable(props: {
  issued: IssuedView[];
  reload: () => void;
  onMade: (made: { package: string }) => void;
}) {
  if (props.issued.length === 0) return null;
  return (
    <details>
      <summary>To renew: {props.issued.length} that cannot be linked</summary>
      <ul className="list">
        {props.issued.map(({ id, type, claims, until }) => (
          <li key={id}>
            <strong>{typeText(type)}</strong> {Object.values(claims).map(String).join(', ')}, until{' '}
            {new Date(until * 1000).toLocaleDateString()}
            <div className="row">
              <Deed
                label="Renew"
                onDo={async () => {
                  props.onMade(await identity.renewUnlinkable({ id }));
                  props.reload();
                }}
              />
              <Deed
                label="Let it end"
                confirm="Forget this credential? It holds until its week ends and is not renewed."
                onDo={async () => {
                  await identity.forgetUnlinkable({ id });
                  props.reload();
                }}
              />
            </div>
          </li>
        ))}
      </ul>
    </details>
  );
}

/** Numbers among claims that bounds can be proved of. */
function hiddenNumbers(claims: Record<string, unknown>): Partial<Record<CommittedAttribute, number>> {
  const { birth_date: born, score, quantity } = claims;
  return {
    ...(typeof born === 'string' ? { birth_days: birthDays(born) } : {}),
    ...(typeof score === 'number' ? { score } : {}),
    ...(typeof quantity === 'number' ? { quantity } : {}),
  };
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
