import { lazy, Suspense, useCallback, useEffect, useState } from 'react';
import type { IdentityView, VerdictView } from '../../identity/identity-view.ts';
import { Badge, Card, Empty, Name } from '../components/basics.tsx';
import { Deed, Failure, Form, TextField, useAction } from '../components/forms.tsx';
import { Many } from '../components/Many.tsx';
import { saveFile } from '../files.ts';
import { brief } from '../format.ts';
import { identity, useLoaded } from '../wallet-client.ts';
import { LookUp } from './IdentityLookup.tsx';
import { MakeIdentity, AskForIdentity, IssueIdentity, ImportIdentity } from './IdentityMaking.tsx';
import { Behind, Statements } from './IdentityStatements.tsx';
import { checkedWord, isUnregistered, standing, VERDICT_WORDS, VerdictBadge } from './IdentityVerdict.tsx';
import { RegistryDeed } from './RegistryDeed.tsx';

const ProveIdentity = lazy(() => import('./IdentityProving.tsx'));

/** Wait between looks at what the registry says. */
const LOOK_MS = 6000;
/** How long before its end an identity is to be renewed. */
const RENEW_MS = 30 * 86_400_000;

/** Whether it is time to renew an identity that is meant to last. */
const endsSoon = ({ notBefore, notAfter }: IdentityView) =>
  notAfter - notBefore > 2 * RENEW_MS && notAfter - Date.now() < RENEW_MS;

const wordsOf = ({ name, did, purpose }: IdentityView) => `${name} ${did} ${purpose ?? ''}`;

/** Identities: one's own, those of others, and what it takes to get more. */
export default function IdentityPeople() {
  const all = useLoaded(useCallback(() => identity.identities(), []));
  const pending = useLoaded(useCallback(() => identity.pendingIdentities(), []));
  const reload = () => {
    all.reload();
    pending.reload();
  };
  const own = all.value?.filter(({ role }) => role === 'own') ?? [];
  const others = all.value?.filter(({ role }) => role === 'other') ?? [];
  const nameOf = (did: string) => all.value?.find((one) => one.did === did)?.name ?? did;
  return (
    <div className="grid">
      <div className="column span-6">
        <Card title="Your identities" span={7}>
          <Failure error={all.error} />
          {all.value !== null && own.length === 0 && (
            <Empty>
              None yet. An identity is a name with a key behind it: what you sign with it is yours.
            </Empty>
          )}
          <Many items={own} thing="identity" things="identities" words={wordsOf} page={12}>
            {(shown) => (
              <ul className="list" data-testid="identities">
                {shown.map((one) => (
                  <Identity key={one.did} one={one} nameOf={nameOf} reload={reload} />
                ))}
              </ul>
            )}
          </Many>
          {pending.value?.map((request) => (
            <p key={request.id} className="between">
              <span>
                Waiting for an issuer: <strong>{request.name}</strong>
              </span>
              <Deed
                label="Give up"
                onDo={async () => {
                  await identity.forgetIdentity({ id: request.id });
                  reload();
                }}
              />
            </p>
          ))}
        </Card>
        <MakeIdentity reload={reload} />
        <AskForIdentity reload={reload} waiting={(pending.value?.length ?? 0) > 0} />
        <IssueIdentity own={own} reload={reload} />
      </div>
      <div className="column span-6">
        <Card title="People and organisations you know" span={6}>
          {others.length === 0 && (
            <Empty>Nobody yet. Add the file that somebody gives you of their identity.</Empty>
          )}
          <Many items={others} thing="identity" things="identities" words={wordsOf} page={12}>
            {(shown) => (
              <ul className="list">
                {shown.map((one) => (
                  <Identity key={one.did} one={one} nameOf={nameOf} reload={reload} />
                ))}
              </ul>
            )}
          </Many>
        </Card>
        <ImportIdentity reload={reload} />
        <LookUp />
        <Suspense fallback={null}>
          <ProveIdentity own={own} all={all.value ?? []} />
        </Suspense>
        <Statements all={all.value ?? []} reload={reload} />
      </div>
    </div>
  );
}

function Identity(props: { one: IdentityView; nameOf: (did: string) => string; reload: () => void }) {
  const { one, nameOf, reload } = props;
  const { value: verdict, reload: again } = useLoaded(
    useCallback(() => identity.verdict({ did: one.did }), [one.did]),
  );
  useEffect(() => {
    const timer = setInterval(again, LOOK_MS);
    return () => clearInterval(timer);
  }, [again]);
  const done = () => {
    again();
    reload();
  };
  return (
    <li>
      <details className="block">
        <summary>
          <strong>
            <Name>{one.name}</Name>
          </strong>
          {one.purpose !== null && <Badge>agent</Badge>}
          {one.deactivated && <Badge tone="warn">given up</Badge>}
          {verdict !== null && <VerdictBadge verdict={verdict} />}
          {one.role === 'own' && !one.deactivated && endsSoon(one) && (
            <Badge tone="warn">renew it soon</Badge>
          )}
          <span className="muted small">until {new Date(one.notAfter).toLocaleDateString()}</span>
        </summary>
        {verdict !== null && <p className="muted">{verdict.sentence}</p>}
        {one.purpose !== null && <p>Made for: {one.purpose}</p>}
        <dl className="facts">
          <dt>Identifier</dt>
          <dd className="mono">{one.did}</dd>
          <dt>Key</dt>
          <dd>
            {one.keyKind},{' '}
            <span className="mono" title={one.fingerprint}>
              {brief(one.fingerprint, 8)}
            </span>
            {one.role === 'own' && !one.recoverable && <> (not covered by the recovery phrase)</>}
          </dd>
          <dt>Name in the certificate</dt>
          <dd className="break">{one.commonName}</dd>
          <dt>Issued by</dt>
          <dd className="mono">{one.issuer ?? 'itself'}</dd>
          <dt>Serial</dt>
          <dd className="mono">{one.serial}</dd>
          <Behind did={one.did} nameOf={nameOf} />
          {verdict !== null && (
            <>
              {verdict.registry === 'asked' && (
                <>
                  <dt>The registry says</dt>
                  <dd>{VERDICT_WORDS[verdict.chain]}</dd>
                </>
              )}
              <dt>Every check says</dt>
              <dd>{checkedWord(verdict)}</dd>
              <dt>As of</dt>
              <dd data-testid="as-of">{standing(verdict)}</dd>
            </>
          )}
        </dl>
        <IdentityDeeds one={one} verdict={verdict} done={done} />
      </details>
    </li>
  );
}

function IdentityDeeds(props: { one: IdentityView; verdict: VerdictView | null; done: () => void }) {
  const { one, verdict } = props;
  const { did } = one;
  const [told, setTold] = useState<string | null>(null);
  // A look that nobody answers takes nothing from under the person's hands.
  const [canRegister, setCanRegister] = useState(false);
  if (verdict !== null && verdict.registry !== 'silent' && canRegister !== isUnregistered(verdict))
    setCanRegister(!canRegister);
  const isProven = verdict?.asOf?.proven === true && verdict.reported === verdict.strict;
  const done = (news: string | null = null) => {
    setTold(news);
    props.done();
  };
  const hand = async (format: 'pem' | 'der') => {
    const { name, content, type } = await identity.exportIdentity({ did, format });
    saveFile(name, content, type);
  };
  return (
    <div className="row">
      <Deed label="Save as a file for others" onDo={() => hand('pem')} />
      {one.role === 'other' ? (
        <>
          {verdict !== null && verdict.registry !== 'none' && verdict.issuerIsOwn && (
            <RevokeDeed one={one} done={done} />
          )}
          <Deed
            label="Remove"
            danger
            onDo={async () => {
              await identity.forgetIdentity({ id: did });
              done();
            }}
          />
        </>
      ) : (
        <>
          {canRegister && !one.deactivated && (
            <RegistryDeed
              label="Register on the network"
              primary
              what={`Register “${one.name}”`}
              run={(how) => identity.registerIdentity({ did, ...how })}
              done={done}
            />
          )}
          {!one.deactivated && (
            <RegistryDeed
              label="Renew"
              what={`Renew “${one.name}” for two more years`}
              run={async (how) => (await identity.renewIdentity({ did, ...how })).call}
              done={done}
            />
          )}
          <RevokeDeed one={one} done={done} />
          {(!one.deactivated || verdict?.isHeld === true) && (
            <RegistryDeed
              label="Give up"
              danger
              what={`Give “${one.name}” up for good`}
              warning="The same name with the same key can never be used again."
              run={(how) => identity.deactivateIdentity({ did, ...how })}
              done={done}
            />
          )}
          <ExportWithKey did={did} />
        </>
      )}
      {told !== null && (
        <p className="banner info wide" role="status">
          {told} {isProven ? 'It is proven.' : 'The proof follows once it is confirmed.'}
        </p>
      )}
    </div>
  );
}

function RevokeDeed({ one, done }: { one: IdentityView; done: (told: string | null) => void }) {
  return (
    <RegistryDeed
      label="Revoke"
      danger
      what={`Revoke “${one.name}”`}
      warning="Everybody will refuse what it signs from now on."
      warningHere="Nothing that it signs counts here from now on."
      run={(how) => identity.revokeIdentity({ did: one.did, ...how })}
      done={done}
    />
  );
}

function ExportWithKey({ did }: { did: string }) {
  const [open, setOpen] = useState(false);
  const [password, setPassword] = useState('');
  const action = useAction();
  if (!open) {
    return (
      <button type="button" onClick={() => setOpen(true)}>
        Save with its key…
      </button>
    );
  }
  return (
    <Form
      action={action}
      submit="Save"
      onSubmit={async () => {
        const { name, content, type } = await identity.exportIdentity({ did, format: 'p12', password });
        saveFile(name, content, type);
        setOpen(false);
        setPassword('');
      }}
    >
      <TextField
        label="Password for the file"
        hint="A PKCS#12 file: other programs open it with this password."
        type="password"
        autoComplete="new-password"
        value={password}
        onChange={setPassword}
      />
    </Form>
  );
}
