import { useState } from 'react';
import type { IdentityView, VerdictView } from '../../identity/identity-view.ts';
import { HandOver } from '../components/HandOver.tsx';
import { Card, Empty } from '../components/basics.tsx';
import { Check, FileField, Form, Select, TextField, useAction } from '../components/forms.tsx';
import type { ChosenFile } from '../files.ts';
import { useFold } from '../hooks.ts';
import { identity } from '../wallet-client.ts';
import { VerdictBadge } from './IdentityVerdict.tsx';

export function MakeIdentity({ reload }: { reload: () => void }) {
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

export function AskForIdentity({ reload, waiting }: { reload: () => void; waiting: boolean }) {
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
        quiet
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
          quiet
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

export function IssueIdentity({ own, reload }: { own: IdentityView[]; reload: () => void }) {
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
    <Card title="Vouch for somebody" span={6} {...useFold()}>
      {issuers.length === 0 ? (
        <Empty>Make an identity first; then you can issue identities to others.</Empty>
      ) : (
        <>
          <Form
            action={action}
            submit="Issue"
            quiet
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

export function ImportIdentity({ reload }: { reload: () => void }) {
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
        quiet
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
