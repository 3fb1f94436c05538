import { useCallback, useEffect, useState } from 'react';
import type { PromisedView } from '../../identity/openid-commands.ts';
import { Card } from '../components/basics.tsx';
import { Deed, Failure, useAction } from '../components/forms.tsx';
import { useNow } from '../hooks.ts';
import { takeLoginAnswer } from '../visit.ts';
import { identity, useLoaded } from '../wallet-client.ts';
import { typeText } from './credential-words.ts';

/** Finishes a log-in that the person came back from. */
export function LoginReturn({ reload }: { reload: () => void }) {
  const { run, busy, error } = useAction();
  const [kept, setKept] = useState<number | null>(null);
  useEffect(() => {
    const answer = takeLoginAnswer();
    if (answer === null) return;
    run(async () => {
      setKept((await identity.finishLogin(answer).finally(reload)).length);
    });
  }, [run, reload]);
  if (!busy && error === null && kept === null) return null;
  return (
    <Card title="Back from the issuer" span={12}>
      {busy && <p role="status">Fetching what the issuer promised, and checking it…</p>}
      {kept !== null && (
        <p role="status">
          {kept === 0
            ? 'The issuer has not decided yet. What it promised stands below.'
            : 'The credential is in your wallet. If another tab of this app is open, you can close this one.'}
        </p>
      )}
      <Failure error={error} />
    </Card>
  );
}

/** What issuers promised and have not given yet, or gave while it could not be checked. */
export function Promises({ reload, round }: { reload: () => void; round: number }) {
  const promises = useLoaded(useCallback(() => identity.promises(), []));
  const { reload: again } = promises;
  useEffect(again, [again, round]);
  if (!promises.value?.length) return <Failure error={promises.error} />;
  return (
    <Card title="Promised" span={5}>
      <ul className="list" data-testid="promises">
        {promises.value.map((one) => (
          <Promised key={one.id} one={one} reload={reload} />
        ))}
      </ul>
    </Card>
  );
}

function Promised({ one, reload }: { one: PromisedView; reload: () => void }) {
  const [undecided, setUndecided] = useState(false);
  const now = useNow(5000);
  const early = one.askAt * 1000 > now;
  return (
    <li className="stack">
      <span>
        <strong>{one.name ?? typeText(one.type)}</strong> by{' '}
        {one.issuerName === null ? '' : `“${one.issuerName}”, `}
        {new URL(one.issuer).host},{' '}
        {one.given
          ? 'which gave it. It is kept in your wallet, and waits for the issuer’s keys, without which it cannot be checked.'
          : `which has not decided${undecided ? ' yet' : ''}.`}
        {early && !one.given && (
          <> It asks to wait until {new Date(one.askAt * 1000).toLocaleTimeString()}.</>
        )}
      </span>
      <div className="row">
        <Deed
          label={one.given ? 'Fetch the keys and check it' : early ? 'Ask it all the same' : 'Ask it now'}
          busy="Asking the issuer…"
          onDo={async () => {
            const received = await identity.askAgain({ id: one.id }).finally(reload);
            setUndecided(received.length === 0);
          }}
        />
        <Deed
          label="Wait no longer"
          danger
          confirm="Forget what this issuer promised?"
          onDo={async () => {
            await identity.forgetPromise({ id: one.id });
            reload();
          }}
        />
      </div>
    </li>
  );
}
