import { lazy, Suspense, useCallback, useEffect, useState } from 'react';
import type { CredentialView } from '../../identity/credential-view.ts';
import { useIdentities } from '../components/Acting.tsx';
import { Badge, Card, Empty, Name } from '../components/basics.tsx';
import { Deed, Failure } from '../components/forms.tsx';
import { Many } from '../components/Many.tsx';
import { saveFile } from '../files.ts';
import { identity, useLoaded } from '../wallet-client.ts';
import { LoginReturn, Promises } from './CredentialPromises.tsx';
import { Ask } from './CredentialAsk.tsx';
import { Issue } from './CredentialIssue.tsx';
import { Meet } from './CredentialMeeting.tsx';
import { LinkingBadge } from './CredentialLinking.tsx';
import { Receive } from './CredentialReceive.tsx';
import { Show } from './CredentialShow.tsx';
import { Claim } from './CredentialClaim.tsx';
import { boundText, numberText, issuerText, pathText, typeText } from './credential-words.ts';

const CheckForeign = lazy(() => import('./CredentialCheck.tsx'));

/** Credentials: what others certified, showing it, asking for it, issuing it. */
export default function IdentityCredentials() {
  const all = useLoaded(useCallback(() => identity.credentials(), []));
  const { own, all: people } = useIdentities();
  const { reload: reloadAll } = all;
  const [round, setRound] = useState(0);
  const reload = useCallback(() => {
    reloadAll();
    setRound((before) => before + 1);
  }, [reloadAll]);
  return (
    <div className="grid">
      <LoginReturn reload={reload} />
      <div className="column span-6">
        <Card title="What others certified of you" span={7}>
          <Failure error={all.error} />
          {all.value?.length === 0 && (
            <Empty>Nothing yet. What an issuer gives you is pasted under “Receive”.</Empty>
          )}
          <Many
            items={all.value ?? []}
            thing="credential"
            words={(one) => `${typeText(one.type)} ${one.type} ${issuerText(one)}`}
            page={12}
          >
            {(shown) => (
              <ul className="list" data-testid="credentials">
                {shown.map((one) => (
                  <Credential key={one.id} one={one} reload={reload} />
                ))}
              </ul>
            )}
          </Many>
        </Card>
        <Promises reload={reload} round={round} />
        <Receive own={own} reload={reload} />
        <Show reload={reload} />
        <Suspense fallback={null}>
          <CheckForeign />
        </Suspense>
        <Shown round={round} />
      </div>
      <div className="column span-6">
        <Meet />
        <Ask />
        <Issue own={own} people={people} reload={reload} />
      </div>
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
          <span className="muted">by {one.selfIssued ? 'yourself' : issuerText(one)}</span>
          <StatusBadge status={one.status} />
          {!one.linkable && <LinkingBadge linkable={false} />}
          {one.foreign && (
            <Badge title="Of the W3C’s kind: it does not say that it is yours">another system’s</Badge>
          )}
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
              <dd>{one.provable.map(numberText).join(', ')}</dd>
            </>
          )}
        </dl>
        {one.statusSource !== null && <AskStatus one={one} source={one.statusSource} reload={reload} />}
        <div className="row">
          <Deed
            label="Save"
            onDo={async () =>
              saveFile(
                one.foreign ? 'credential.json' : 'credential.txt',
                await identity.exportCredential({ id: one.id }),
                one.foreign ? 'application/json' : 'text/plain',
              )
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

/** Looks on the web whether a credential still holds, having said who learns of it. */
function AskStatus(props: {
  one: CredentialView;
  source: NonNullable<CredentialView['statusSource']>;
  reload: () => void;
}) {
  const { host, asked } = props.source;
  return (
    <div className="stack">
      <p className="muted">
        {host === null ? (
          <>
            Whether it was revoked stands in its issuer’s list. Where the newest one is can be proved from the
            registry of identities. The nodes that are asked learn of whose list you look for, not of which
            credential.
          </>
        ) : (
          <>
            Whether it was revoked stands in a list at <strong>{host}</strong>, which learns that somebody at
            your network address looks, and when. It covers many credentials, so not which one.
          </>
        )}
        {asked !== null && <> Last asked {new Date(asked * 1000).toLocaleString()}.</>}
      </p>
      <div className="row">
        <Deed
          label={host === null ? 'Look for the newest list' : `Ask ${host}`}
          busy="Asking…"
          onDo={async () => {
            await identity.checkStatus({ id: props.one.id });
            props.reload();
          }}
        />
      </div>
    </div>
  );
}

function Shown({ round }: { round: number }) {
  const { value, reload } = useLoaded(useCallback(() => identity.shownLog(), []));
  useEffect(reload, [reload, round]);
  return (
    <Card title="What you showed to whom" span={6}>
      {value?.length === 0 && <Empty>Nothing yet. Kept in your wallet only.</Empty>}
      <Many
        items={value ?? []}
        thing="showing"
        words={({ audience, claims }) => `${audience} ${claims.map(pathText).join(' ')}`}
        page={6}
      >
        {(shown) => (
          <ul className="list">
            {shown.map(({ at, audience, claims, proved }) => (
              <li key={`${at}-${audience}`}>
                <strong>
                  <Name>{audience}</Name>
                </strong>
                , {new Date(at * 1000).toLocaleString()}:{' '}
                {[...claims.map(pathText), ...proved.map(boundText)].join(', ') || 'no claim'}
              </li>
            ))}
          </ul>
        )}
      </Many>
    </Card>
  );
}
