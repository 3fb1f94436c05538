import { useState } from 'react';
import type { IdentityView, VerdictView } from '../../identity/identity-view.ts';
import { ActingAs, useActing, WithIdentity } from '../components/Acting.tsx';
import { Card } from '../components/basics.tsx';
import { Form, TextArea, TextField, useAction } from '../components/forms.tsx';
import { HandOver } from '../components/HandOver.tsx';
import { brief } from '../format.ts';
import { identity } from '../wallet-client.ts';
import { parseQuestion } from './agent-words.ts';
import { standing, VerdictBadge } from './IdentityVerdict.tsx';

/** Proves to somebody that one has an identity's key, and asks that of others: in place of a password. */
export default function ProveIdentity({ own, all }: { own: IdentityView[]; all: IdentityView[] }) {
  return (
    <Card title="Is it really them?" span={6}>
      <p className="muted">
        Who has an identity can prove it to whoever asks, and nobody can use the answer a second time.
      </p>
      <AskThem all={all} />
      <details>
        <summary>Prove that you are one of yours</summary>
        <WithIdentity own={own}>
          <Answer own={own} />
        </WithIdentity>
      </details>
    </Card>
  );
}

function AskThem({ all }: { all: IdentityView[] }) {
  const [audience, setAudience] = useState('');
  const [asked, setAsked] = useState<{ audience: string; nonce: string } | null>(null);
  const [answer, setAnswer] = useState('');
  const [found, setFound] = useState<{ did: string; verdict: VerdictView } | null>(null);
  const ask = useAction();
  const check = useAction();
  return (
    <>
      <Form
        action={ask}
        submit="Make a question"
        quiet
        disabled={audience.trim() === ''}
        onSubmit={async () => {
          setAsked({ audience: audience.trim(), nonce: await identity.newChallenge() });
          setAnswer('');
          setFound(null);
        }}
      >
        <TextField
          label="Who asks"
          hint="They see this before they answer."
          value={audience}
          onChange={setAudience}
        />
      </Form>
      {asked !== null && (
        <>
          <HandOver label="Give them this question" text={JSON.stringify(asked)} fileName="question.json" />
          <Form
            action={check}
            submit="Check the answer"
            quiet
            disabled={answer.trim() === ''}
            onSubmit={async () => {
              setFound(null);
              setFound(await identity.checkAuthentication({ answer, ...asked }));
            }}
          >
            <TextArea label="Their answer" value={answer} onChange={setAnswer} />
          </Form>
        </>
      )}
      {found !== null && (
        <div role="status" data-testid="proved">
          <p>
            It is{' '}
            <strong>{all.find(({ did }) => did === found.did)?.name ?? 'somebody you do not know'}</strong>{' '}
            <VerdictBadge verdict={found.verdict} />
          </p>
          <p className="muted small">
            <span className="mono break">{brief(found.did, 24)}</span>. {standing(found.verdict)}
          </p>
        </div>
      )}
    </>
  );
}

function Answer({ own }: { own: IdentityView[] }) {
  const acting = useActing(own);
  const [question, setQuestion] = useState('');
  const [answer, setAnswer] = useState<string | null>(null);
  const action = useAction();
  return (
    <>
      <Form
        action={action}
        submit="Prove it"
        quiet
        disabled={question.trim() === ''}
        onSubmit={async () => {
          setAnswer(null);
          const asked = parseQuestion(question);
          if (!window.confirm(`Prove to “${asked.audience}” who you are?`)) return;
          setAnswer(await identity.authenticate({ did: acting.did, ...asked }));
        }}
      >
        <TextArea label="Their question" value={question} onChange={setQuestion} />
        <ActingAs label="Answer as" hint="They get its name and certificates." own={own} acting={acting} />
      </Form>
      {answer !== null && <HandOver label="Give them this proof" text={answer} fileName="proof.txt" />}
    </>
  );
}
