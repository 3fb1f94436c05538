import { useState } from 'react';
import type { CheckedCredential } from '../../identity/w3c-commands.ts';
import { Badge, Card, CheckBadge } from '../components/basics.tsx';
import { Form, TextArea, useAction } from '../components/forms.tsx';
import { useFold } from '../hooks.ts';
import { identity } from '../wallet-client.ts';
import { AskIssuers } from './CredentialAskIssuers.tsx';
import { Claim } from './CredentialClaim.tsx';
import { CredentialFile, IssuerBadge } from './CredentialIssuer.tsx';
import { issuerText, pathText, typeText } from './credential-words.ts';

/** Checks a credential of another system that somebody handed over as it is, without keeping it. */
export default function CheckForeign() {
  const [text, setText] = useState('');
  const [result, setResult] = useState<CheckedCredential | null>(null);
  const [toAsk, setToAsk] = useState<string[]>([]);
  const action = useAction();
  const check = async () => setResult(await identity.checkForeign({ text }));
  return (
    <Card title="Check one of another system" span={6} {...useFold()}>
      <p className="muted">
        Credentials of the W3C’s kind are files of JSON. Whoever has one can hand it on, so it does not tell
        whether the person who gives it to you is the one it is about.
      </p>
      <Form
        action={action}
        submit="Check it"
        quiet
        busy="Checking…"
        disabled={text.trim() === ''}
        onSubmit={async () => {
          setResult(null);
          setToAsk([]);
          const hosts = await identity.foreignLists({ text });
          if (hosts.length > 0) setToAsk(hosts);
          else await check();
        }}
      >
        <TextArea label="The credential" hint="Nothing of it is kept." value={text} onChange={setText} />
        <CredentialFile onText={setText} />
      </Form>
      {toAsk.length > 0 && (
        <AskIssuers
          hosts={{ keys: [], lists: toAsk }}
          onAsk={async () => {
            await identity.askForeignLists({ text });
            setToAsk([]);
            await check();
          }}
        />
      )}
      {result !== null && <Checked result={result} />}
    </Card>
  );
}

function Checked({ result }: { result: CheckedCredential }) {
  const { issuer, issuerVerdict, expiresAt } = result;
  return (
    <div className="stack disclosed" data-testid="checked-foreign" aria-live="polite">
      <p>
        <CheckBadge>every check passed</CheckBadge> <strong>{typeText(result.type)}</strong> by{' '}
        {issuerText(result)} <IssuerBadge verdict={issuerVerdict} issuer={issuer} />{' '}
        {result.selfIssued && <Badge tone="warn">they say it of themselves</Badge>}
      </p>
      <dl className="facts">
        {result.claims.map(({ path, text }) => (
          <Claim key={pathText(path)} name={pathText(path)} text={text} selective />
        ))}
        <dt>Issuer</dt>
        <dd className="mono break">{issuer}</dd>
        {expiresAt !== null && (
          <>
            <dt>Holds until</dt>
            <dd>{new Date(expiresAt * 1000).toLocaleDateString()}</dd>
          </>
        )}
      </dl>
    </div>
  );
}
