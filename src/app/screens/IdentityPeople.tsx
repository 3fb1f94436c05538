import { useCallback, useEffect, useState } from 'react';
import type { IdentityView, VerdictView } from '../../identity/identity-view.ts';
import type { VerdictCode } from '../../identity/verdict.ts';
import { Badge, Card, Empty } from '../components/basics.tsx';
import { Check, Deed, Failure, FileField, Form, Select, TextField, useAction } from '../components/forms.tsx';
import { HandOver } from '../components/HandOver.tsx';
import { saveFile, type ChosenFile } from '../files.ts';
import { brief } from '../format.ts';
import { identity, useLoaded } from '../wallet-client.ts';
import { Behind, Statements } from './IdentityStatements.tsx';
import { RegistryDeed } from './RegistryDeed.tsx';

/** Wait between looks at what the registry says. */
const LOOK_MS = 6000;

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
      <Card title="Your identities" span={7}>
        <Failure error={all.error} />
        {all.value !== null && own.length === 0 && (
          <Empty>None yet. An identity is a name with a key behind it: what you sign with it is yours.</Empty>
        )}
        <ul className="list" data-testid="identities">
          {own.map((one) => (
            <Identity key={one.did} one={one} nameOf={nameOf} reload={reload} />
          ))}
        </ul>
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
      <Card title="People and organisations you know" span={6}>
        {others.length === 0 && (
          <Empty>Nobody yet. Add the file that somebody gives you of their identity.</Empty>
        )}
        <ul className="list">
          {others.map((one) => (
            <Identity key={one.did} one={one} nameOf={nameOf} reload={reload} />
          ))}
        </ul>
      </Card>
      <ImportIdentity reload={reload} />
      <Statements all={all.value ?? []} reload={reload} />
    </div>
  );
}

const VERDICT_WORDS: Record<VerdictCode, string> = {
  ok: 'sound',
  'not-anchored': 'not registered',
  mismatch: 'another certificate',
  'issuer-gone': 'issuer gone',
  revoked: 'revoked',
  expired: 'expired',
  'not-yet-valid': 'not valid yet',
  'bad-signature': 'a signature does not hold',
  'weak-algorithm': 'a signature can be forged',
  'name-chaining': 'names do not fit',
  'not-an-authority': 'issuer was not allowed to',
  'path-length': 'chain too long',
  'key-usage': 'key used wrongly',
  'renewed-after-revocation': 'revoked before',
};

const verdictTone = (verdict: VerdictView) => {
  if (verdict.strict === 'ok') return 'good' as const;
  if (verdict.reported === 'ok') return 'info' as const;
  return verdict.strict === 'not-anchored' && verdict.certificates === 'ok'
    ? ('info' as const)
    : ('bad' as const);
};

/** Whether it can be registered: neither proven nor reported to be so already. */
const isUnregistered = ({ registry, strict, reported }: VerdictView) =>
  registry === 'asked' && strict === 'not-anchored' && (reported === null || reported === 'not-anchored');

function verdictWord(verdict: VerdictView): string {
  if (verdict.strict === 'ok') return 'registered and sound';
  if (verdict.reported === 'ok') return 'waits for proof';
  if (verdict.strict === 'not-anchored' && verdict.certificates === 'ok') return 'sound, not registered';
  return VERDICT_WORDS[verdict.strict === 'not-anchored' ? verdict.certificates : verdict.strict];
}

/** What the registry's part of a verdict rests on. */
export function standing({ asOf, registry, reason, reported, reportedBlock }: VerdictView): string {
  if (registry === 'none') return 'This network has no registry of identities.';
  if (asOf === null) return `The network’s registry could not be asked. ${reason ?? ''}`;
  const block = `block ${asOf.block} of the registry’s network, ${new Date(asOf.time).toLocaleString()}`;
  const proof = asOf.proven
    ? `Proven: ${block}, by block ${asOf.consensusBlock} of the chain.`
    : `Reported by a node, not proven yet: ${block}.`;
  const news =
    asOf.proven && reported !== null && reportedBlock !== asOf.block
      ? ` A node’s word for block ${reportedBlock}: ${VERDICT_WORDS[reported]}.`
      : '';
  return proof + news;
}

/** The verdict in two words, the whole of it one click away. */
export function VerdictBadge({ verdict }: { verdict: VerdictView }) {
  return (
    <Badge tone={verdictTone(verdict)} title={verdict.sentence}>
      {verdictWord(verdict)}
    </Badge>
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
          <strong>{one.name}</strong>
          {one.purpose !== null && <Badge>agent</Badge>}
          {one.deactivated && <Badge tone="warn">given up</Badge>}
          {verdict !== null && <VerdictBadge verdict={verdict} />}
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
              <dt>The registry says</dt>
              <dd>{VERDICT_WORDS[verdict.chain]}</dd>
              <dt>Every check says</dt>
              <dd>{VERDICT_WORDS[verdict.strict]}</dd>
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
          {verdict !== null && isUnregistered(verdict) && (
            <RegistryDeed
              label="Register on the network"
              primary
              what={`Register “${one.name}”`}
              run={(dry) => identity.registerIdentity({ did, dry })}
              done={done}
            />
          )}
          <RegistryDeed
            label="Renew"
            what={`Renew “${one.name}” for two more years`}
            run={async (dry) => (await identity.renewIdentity({ did, dry })).call}
            done={done}
          />
          <RevokeDeed one={one} done={done} />
          {!one.deactivated && (
            <RegistryDeed
              label="Give up"
              danger
              what={`Give “${one.name}” up for good`}
              warning="The same name with the same key can never be used again."
              run={(dry) => identity.deactivateIdentity({ did, dry })}
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
      run={(dry) => identity.revokeIdentity({ did: one.did, dry })}
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

function MakeIdentity({ reload }: { reload: () => void }) {
  const [name, setName] = useState('');
  const [key, setKey] = useState<'ed25519' | 'p256'>('ed25519');
  const [bareName, setBareName] = useState(false);
  const action = useAction();
  return (
    <Card title="Make an identity" span={5}>
      <p className="muted">You vouch for it yourself. It can issue others, such as for your agents.</p>
      <Form
        action={action}
        submit="Make it"
        disabled={name.trim() === ''}
        onSubmit={async () => {
          await identity.createIdentity({ name, key, bareName });
          setName('');
          reload();
        }}
      >
        <TextField label="Name" hint="Everybody you show it to sees it." value={name} onChange={setName} />
        <details>
          <summary>Kind of key, and a name without digits</summary>
          <div className="stack">
            <Select
              label="Key"
              value={key}
              options={[
                ['ed25519', 'Ed25519'],
                ['p256', 'P-256 (for signing photos that other programs check)'],
              ]}
              onChange={setKey}
            />
            <Check
              label="Use the bare name"
              hint="Without digits of your key behind it, anyone can take the same name first."
              checked={bareName}
              onChange={setBareName}
            />
          </div>
        </details>
      </Form>
    </Card>
  );
}

function AskForIdentity({ reload, waiting }: { reload: () => void; waiting: boolean }) {
  const [name, setName] = useState('');
  const [purpose, setPurpose] = useState('');
  const [request, setRequest] = useState<string | null>(null);
  const [answer, setAnswer] = useState<ChosenFile | null>(null);
  const ask = useAction();
  const accept = useAction();
  return (
    <Card title="Get one from somebody" span={6}>
      <p className="muted">
        A school, a company or a friend vouches for you: give them a request, take their answer.
      </p>
      <Form
        action={ask}
        submit="Make a request"
        disabled={name.trim() === ''}
        onSubmit={async () => {
          const made = await identity.requestIdentity({
            name,
            ...(purpose.trim() === '' ? {} : { purpose }),
          });
          setRequest(made.request);
          reload();
        }}
      >
        <TextField label="Name you wish" value={name} onChange={setName} />
        <TextField label="What it is for" hint="May stay empty." value={purpose} onChange={setPurpose} />
      </Form>
      {request !== null && <HandOver label="Give this to the issuer" text={request} fileName="request.csr" />}
      {waiting && (
        <Form
          action={accept}
          submit="Take it in"
          disabled={answer === null}
          onSubmit={async () => {
            await identity.acceptIdentity({ file: answer!.content });
            setRequest(null);
            reload();
          }}
        >
          <FileField label="What the issuer gave back" accept=".pem,.cer,.crt" onChoose={setAnswer} />
        </Form>
      )}
    </Card>
  );
}

function IssueIdentity({ own, reload }: { own: IdentityView[]; reload: () => void }) {
  const issuers = own.filter(({ canIssue, deactivated }) => canIssue && !deactivated);
  const [issuer, setIssuer] = useState('');
  const [days, setDays] = useState('365');
  const [mayIssue, setMayIssue] = useState(false);
  const [file, setFile] = useState<ChosenFile | null>(null);
  const [asked, setAsked] = useState<{
    commonName: string;
    purpose: string | null;
    fingerprint: string;
  } | null>(null);
  const [issued, setIssued] = useState<string | null>(null);
  const action = useAction();
  const from = issuer === '' ? issuers[0]?.did : issuer;
  const choose = (chosen: ChosenFile | null) => {
    setFile(chosen);
    setAsked(null);
    setIssued(null);
    if (chosen !== null)
      action.run(async () => setAsked(await identity.readRequest({ file: chosen.content })));
  };
  return (
    <Card title="Vouch for somebody" span={6}>
      {issuers.length === 0 ? (
        <Empty>Make an identity first; then you can issue identities to others.</Empty>
      ) : (
        <>
          <Form
            action={action}
            submit="Issue"
            disabled={file === null || asked === null}
            onSubmit={async () => {
              const made = await identity.issueIdentity({
                issuer: from!,
                file: file!.content,
                days: Number(days),
                mayIssue,
              });
              setIssued(made.chain);
              reload();
            }}
          >
            <FileField label="Their request" accept=".csr,.pem" onChoose={choose} />
            {asked !== null && (
              <dl className="facts">
                <dt>Name</dt>
                <dd>{asked.commonName}</dd>
                <dt>Purpose</dt>
                <dd>{asked.purpose ?? '–'}</dd>
                <dt>Key</dt>
                <dd className="mono">{asked.fingerprint}</dd>
              </dl>
            )}
            <Select
              label="Vouch as"
              value={from ?? ''}
              options={issuers.map(({ did, name }) => [did, name] as const)}
              onChange={setIssuer}
            />
            <TextField label="Days it holds" type="number" value={days} onChange={setDays} />
            <Check
              label="May issue others in turn"
              hint="Only for those who vouch for people themselves."
              checked={mayIssue}
              onChange={setMayIssue}
            />
          </Form>
          {issued !== null && <HandOver label="Give this back" text={issued} fileName="identity.pem" />}
        </>
      )}
    </Card>
  );
}

function ImportIdentity({ reload }: { reload: () => void }) {
  const [file, setFile] = useState<ChosenFile | null>(null);
  const [password, setPassword] = useState('');
  const [seen, setSeen] = useState<(VerdictView & { name: string; did: string }) | null>(null);
  const action = useAction();
  const choose = (chosen: ChosenFile | null) => {
    setFile(chosen);
    setSeen(null);
    if (chosen === null || /\.p(12|fx)$/.test(chosen.name)) return;
    action.run(async () => setSeen(await identity.inspectIdentity({ file: chosen.content })));
  };
  return (
    <Card title="Add an identity from a file" span={6}>
      <p className="muted">Somebody’s certificate, or one of yours with its key (PEM, DER, PKCS#12).</p>
      <Form
        action={action}
        submit="Add"
        disabled={file === null}
        onSubmit={async () => {
          await identity.importIdentity({ file: file!.content, ...(password === '' ? {} : { password }) });
          setPassword('');
          setSeen(null);
          reload();
        }}
      >
        <FileField label="File" accept=".pem,.cer,.crt,.der,.p12,.pfx" onChoose={choose} />
        {seen !== null && (
          <p>
            <strong>{seen.name}</strong> <VerdictBadge verdict={seen} />
            <br />
            <span className="mono break">{seen.did}</span>
          </p>
        )}
        <TextField
          label="Password of the file"
          hint="Only if there is a key in it."
          type="password"
          value={password}
          onChange={setPassword}
        />
      </Form>
    </Card>
  );
}
