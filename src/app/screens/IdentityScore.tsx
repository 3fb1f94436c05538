import { lazy, Suspense, useCallback, useState } from 'react';
import type { ScoreLevel } from '../../identity/score.ts';
import { ActingAs, WithIdentity, useActing, useIdentities } from '../components/Acting.tsx';
import { Badge, Card, Empty, Meter, Stat } from '../components/basics.tsx';
import {
  Deed,
  Failure,
  FileField,
  Form,
  Select,
  TextArea,
  TextField,
  useAction,
} from '../components/forms.tsx';
import { count } from '../format.ts';
import { identity, useLoaded, useSigner } from '../wallet-client.ts';

const PassportEvidence = lazy(() => import('./PassportEvidence.tsx'));

const TYPES: readonly (readonly [string, string])[] = [
  ['epassport-zk+liveness', 'Passport with a live check'],
  ['epassport-zk', 'Passport'],
  ['gov-vc', 'Certificate of an authority'],
  ['bank-card', 'Bank card'],
  ['tls-account', 'Account, proved by a notary'],
  ['oauth-account', 'Account, by signing in'],
  ['network-farming', 'Farming on this network'],
  ['network-age', 'Age of an account on this network'],
  ['vouch', 'Somebody vouches for you'],
  ['reputation-vc', 'Reputation'],
];

const LEVELS: Record<ScoreLevel, 'good' | 'info' | 'warn' | 'plain'> = {
  highest: 'good',
  high: 'good',
  medium: 'info',
  low: 'warn',
  none: 'plain',
};

const GROUPS: Record<string, string> = {
  government: 'Papers of a state',
  financial: 'Banks',
  social: 'Accounts elsewhere',
  network: 'This network',
  vouch: 'People who vouch',
  reputation: 'Reputation',
};

const typeText = (type: string) => TYPES.find(([id]) => id === type)?.[1] ?? type;

/** The Auto Score: how hard it would be to fake what one has shown to be a person. */
export default function IdentityScore() {
  const score = useLoaded(useCallback(() => identity.score(), []));
  const evidence = useLoaded(useCallback(() => identity.evidence(), []));
  const reload = () => {
    score.reload();
    evidence.reload();
  };
  const shown = score.value;
  return (
    <div className="grid">
      <div className="column span-6">
        <Card
          title="How surely you are one person"
          span={7}
          aside={
            shown !== null &&
            shown.level !== 'none' && <Badge tone={LEVELS[shown.level]}>{shown.level}</Badge>
          }
        >
          <Failure error={score.error} />
          {shown !== null && (
            <>
              <Stat
                label="Auto Score"
                value={(shown.score_ppm / 100).toFixed(0)}
                note={`of ${count(10_000)}, computed by this wallet`}
              />
              <Meter value={shown.score_ppm / 1_000_000} label="Auto Score" />
              <p className="muted small">{shown.caution}</p>
              <NotProven />
              {shown.lines.length === 0 ? (
                <Empty>No evidence yet.</Empty>
              ) : (
                <ul className="list" data-testid="evidence">
                  {shown.lines.map((line) => (
                    <li key={line.id} className="stack">
                      <div className="row spread">
                        <strong>{typeText(line.type)}</strong>
                        <span className="muted break">{line.service}</span>
                      </div>
                      <span className="small muted">
                        Backed by {line.backing ?? 'your word'}; {line.explanation}.
                      </span>
                      <Deed
                        label="Remove"
                        onDo={async () => {
                          await identity.removeEvidence({ id: line.id });
                          reload();
                        }}
                      />
                    </li>
                  ))}
                </ul>
              )}
              {Object.entries(shown.groups).map(([group, value]) => (
                <div key={group} className="stack">
                  <div className="between">
                    <span>{GROUPS[group] ?? group}</span>
                    <span>{(value / 10_000).toFixed(1)} %</span>
                  </div>
                  <Meter value={value / 1_000_000} label={GROUPS[group] ?? group} />
                </div>
              ))}
              <p className="muted small">
                Within a group each further piece counts half; across groups, what one leaves open the next
                can fill. Policy {shown.policy}.
              </p>
            </>
          )}
        </Card>
        <Prove />
        <Policy reload={reload} />
      </div>
      <div className="column span-6">
        <AddEvidence types={shown?.types ?? []} reload={reload} />
        <Passport reload={reload} />
        <Farming reload={reload} />
        <Age reload={reload} />
      </div>
    </div>
  );
}

/** What nobody should take a score for. */
function NotProven() {
  return (
    <details>
      <summary>What a score does not prove</summary>
      <ul>
        <li>
          That you are the only one with these accounts: other people’s wallets are not compared with yours.
        </li>
        <li>
          Who you are. It says how hard your evidence would be to fake, and nothing of your name, age or
          honesty.
        </li>
        <li>
          That you still control what counted once: old evidence fades, and ends when its policy says so.
        </li>
        <li>
          That a verifier should believe it. Your wallet computed it; who asks sees that you say it of
          yourself.
        </li>
        <li>That the weights are right. They are this policy’s, and the network has not decided on any.</li>
      </ul>
    </details>
  );
}

/** Evidence of a passport, whose files are checked in this tab; the code for that is fetched when it is asked for. */
function Passport({ reload }: { reload: () => void }) {
  const [open, setOpen] = useState(false);
  return (
    <Card title="A passport as evidence" span={6}>
      <p className="muted">
        A phone can read the chip of a passport or identity card and save its files. This tab checks whether a
        country signed them and whether anything was changed. Nothing of them leaves this device.
      </p>
      {open ? (
        <Suspense fallback={<Empty>Loading…</Empty>}>
          <PassportEvidence reload={reload} />
        </Suspense>
      ) : (
        <div className="row">
          <button type="button" onClick={() => setOpen(true)}>
            Choose the files
          </button>
        </div>
      )}
    </Card>
  );
}

/** Evidence that the chain itself gives: rewards of farming to an account of the wallet. */
function Farming({ reload }: { reload: () => void }) {
  const { signer, choices } = useSigner();
  const action = useAction();
  return (
    <Card title="Farming as evidence" span={6}>
      <p className="muted">
        The newest reward to an account of yours, proven from the chain: nobody has to vouch for it. Take it
        anew from time to time, it fades after a month.
      </p>
      <Form
        action={action}
        submit="Take the newest reward"
        quiet
        busy="Looking…"
        disabled={signer === ''}
        onSubmit={async () => {
          await identity.addFarmingEvidence({ account: signer });
          reload();
        }}
      >
        <Select label="Account" {...choices} />
      </Form>
    </Card>
  );
}

/** Evidence that the chain itself gives: how long an account of the wallet has been in use. */
function Age({ reload }: { reload: () => void }) {
  const { signer, choices } = useSigner();
  const [block, setBlock] = useState('');
  const action = useAction();
  return (
    <Card title="Age of an account as evidence" span={6}>
      <p className="muted">
        A transaction that your account signed at least 90 days ago, proven from the chain however old it is.
        Prove it anew from time to time: it fades after a month.
      </p>
      <Form
        action={action}
        submit="Prove it"
        quiet
        busy="Proving…"
        disabled={signer === ''}
        onSubmit={async () => {
          await identity.addAgeEvidence({
            account: signer,
            ...(block.trim() === '' ? {} : { block: Number(block) }),
          });
          reload();
        }}
      >
        <Select label="Account" {...choices} />
        <TextField
          label="Block of the transaction"
          hint="Its number, as your history or a block explorer has it. Empty: the oldest that this browser remembers."
          value={block}
          onChange={setBlock}
        />
      </Form>
    </Card>
  );
}

function AddEvidence({ types, reload }: { types: string[]; reload: () => void }) {
  const credentials = useLoaded(useCallback(() => identity.credentials(), []));
  const [type, setType] = useState('oauth-account');
  const [service, setService] = useState('');
  const [account, setAccount] = useState('');
  const [credential, setCredential] = useState('');
  const action = useAction();
  const usable = credentials.value?.filter(({ selfIssued }) => !selfIssued) ?? [];
  return (
    <Card title="Add evidence" span={5}>
      <Form
        action={action}
        submit="Add"
        disabled={service.trim() === '' || account.trim() === ''}
        onSubmit={async () => {
          await identity.addEvidence({
            type,
            service,
            account,
            ...(credential === '' ? {} : { credential }),
          });
          setService('');
          setAccount('');
          reload();
        }}
      >
        <Select
          label="Kind"
          value={type}
          options={types.filter((id) => id !== 'network-farming').map((id) => [id, typeText(id)] as const)}
          onChange={setType}
        />
        <TextField label="Service or authority" value={service} onChange={setService} />
        <TextField
          label="Your account there"
          hint="Only a hash is kept, so that it is not counted twice."
          value={account}
          onChange={setAccount}
        />
        <Select
          label="Backed by"
          hint="Your word alone counts for a tenth."
          value={credential}
          options={[
            ['', 'My word'],
            ...usable.map((one) => [one.id, `${one.type} by ${one.issuerName ?? one.issuer}`] as const),
          ]}
          onChange={setCredential}
        />
      </Form>
    </Card>
  );
}

function Prove() {
  const { own } = useIdentities();
  const acting = useActing(own);
  const [made, setMade] = useState(false);
  const action = useAction();
  return (
    <Card title="Prove it without showing it" span={6}>
      <p className="muted">
        Makes a credential of your present score, good for 30 days. When somebody asks for “at least x”, your
        wallet proves that and tells neither the number nor the evidence.
      </p>
      <WithIdentity own={own}>
        <Form
          action={action}
          submit="Make the credential"
          quiet
          onSubmit={async () => {
            await identity.issueScore({ did: acting.did });
            setMade(true);
          }}
        >
          <ActingAs label="For" own={own} acting={acting} />
        </Form>
      </WithIdentity>
      {made && <p role="status">Made. It is under “Credentials”; answer a request for the score there.</p>}
    </Card>
  );
}

function Policy({ reload }: { reload: () => void }) {
  const loaded = useLoaded(useCallback(() => identity.scorePolicy(), []));
  const [text, setText] = useState<string | null>(null);
  const action = useAction();
  return (
    <Card title="What counts how much" span={6}>
      <p className="muted">
        The policy is data. The network may define its own one day; you can use another now.
      </p>
      <details>
        <summary>Show the policy</summary>
        <Form
          action={action}
          submit="Use this policy"
          quiet
          disabled={text === null}
          onSubmit={async () => {
            await identity.setScorePolicy({ policy: text });
            reload();
          }}
          more={
            <Deed
              label="Back to the built-in one"
              onDo={async () => {
                await identity.setScorePolicy({ policy: null });
                setText(null);
                loaded.reload();
                reload();
              }}
            />
          }
        >
          <FileField
            label="From a file"
            accept="application/json,.json"
            onChoose={(file) => file !== null && setText(new TextDecoder().decode(file.content))}
          />
          <TextArea label="Policy" value={text ?? loaded.value ?? ''} rows={12} onChange={setText} />
        </Form>
      </details>
    </Card>
  );
}
