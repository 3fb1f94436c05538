import { useState } from 'react';
import { ageBound } from '../../identity/birth.ts';
import type { PredicateQuery } from '../../identity/dcql.ts';
import type { AskedCredential, ResponseView } from '../../identity/verifier-commands.ts';
import { Badge, Card, CheckBadge } from '../components/basics.tsx';
import { Check, Form, Select, TextArea, TextField, useAction } from '../components/forms.tsx';
import { HandOver } from '../components/HandOver.tsx';
import { useFold } from '../hooks.ts';
import { identity } from '../wallet-client.ts';
import { AskIssuers, type Hosts } from './CredentialAskIssuers.tsx';
import { IssuerBadge } from './CredentialIssuer.tsx';
import { Claim } from './CredentialClaim.tsx';
import { useHandedOver } from './CredentialMeeting.tsx';
import { AboutLinking, LinkingBadge } from './CredentialLinking.tsx';
import { boundText, numberText, pathText } from './credential-words.ts';

type Showing = NonNullable<AskedCredential['showing']>;

const number = (attribute: 'score' | 'quantity', kind: PredicateQuery['kind']) => (value: number) => ({
  attribute,
  kind,
  value,
});
/** What can be asked of a hidden number. */
const BOUNDS = {
  'age-least': {
    text: 'at least so old',
    label: 'Years',
    of: (years: number) => ageBound('at-least', years, Date.now()),
  },
  'age-most': {
    text: 'at most so old',
    label: 'Years',
    of: (years: number) => ageBound('at-most', years, Date.now()),
  },
  'score-least': { text: 'score at least', label: 'From 0 to 10 000', of: number('score', 'at-least') },
  'quantity-least': { text: 'quantity at least', label: 'Quantity', of: number('quantity', 'at-least') },
  'quantity-most': { text: 'quantity at most', label: 'Quantity', of: number('quantity', 'at-most') },
} as const;
type Bound = 'none' | keyof typeof BOUNDS;

/** Asks somebody for something, and checks the answer. */
export function Ask() {
  const [audience, setAudience] = useState('');
  const [type, setType] = useState('urn:autonomys:vc:person:1');
  const [claims, setClaims] = useState('');
  const [bound, setBound] = useState<Bound>('none');
  const [limit, setLimit] = useState('');
  const [showing, setShowing] = useState<Showing>('either');
  const [recognise, setRecognise] = useState(false);
  const [request, setRequest] = useState<string | null>(null);
  const [answer, setAnswer] = useState('');
  const [results, setResults] = useState<ResponseView[] | null>(null);
  const fold = useFold();
  useHandedOver('answer', (text) => {
    fold.onToggle(true);
    setAnswer(text);
  });
  const ask = useAction();
  const check = useAction();
  const [toAsk, setToAsk] = useState<Hosts | null>(null);
  const verify = async () =>
    setResults(await identity.verifyResponse({ request: request ?? '', response: answer }));
  const make = async () => {
    const paths = claims
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '')
      .map((name) => name.split('.'));
    const predicates = bound === 'none' ? [] : [BOUNDS[bound].of(Number(limit))];
    setResults(null);
    setRequest(
      await identity.newRequest({
        audience: audience.trim(),
        credentials: [{ type: type.trim(), claims: paths, predicates, showing, recognise }],
      }),
    );
  };
  return (
    <Card title="Ask somebody to show something" span={6} {...fold}>
      <Form action={ask} submit="Make a request" quiet disabled={audience.trim() === ''} onSubmit={make}>
        <TextField
          label="Who asks"
          hint="They see this before they answer."
          value={audience}
          onChange={setAudience}
        />
        <TextField
          label="Kind of credential"
          hint="The name that its issuers give it, such as the one here."
          value={type}
          onChange={setType}
        />
        <TextField
          label="Claims"
          hint="Their names, with commas between. Ask for as little as you need."
          placeholder="age_over_18"
          value={claims}
          onChange={setClaims}
        />
        <Select
          label="To be proved without telling"
          value={bound}
          options={[
            ['none', 'nothing'],
            ...Object.entries(BOUNDS).map(([id, { text }]) => [id as Bound, text] as const),
          ]}
          onChange={setBound}
        />
        {bound !== 'none' && (
          <TextField label={BOUNDS[bound].label} type="number" required value={limit} onChange={setLimit} />
        )}
        <Select
          label="Take a showing that"
          value={showing}
          options={[
            ['either', 'cannot be linked if they have one, or can'],
            ['unlinkable', 'cannot be linked'],
            ['linkable', 'can be linked'],
            ['foreign', 'is of another system (W3C)'],
          ]}
          onChange={setShowing}
        />
        {(showing === 'either' || showing === 'unlinkable') && (
          <Check
            label="Know them again"
            hint="When they come back to you. Others who ask still cannot link their showings to yours."
            checked={recognise}
            onChange={setRecognise}
          />
        )}
        <AboutLinking />
      </Form>
      {request !== null && (
        <>
          <HandOver label="Give them this request" text={request} fileName="request.json" kind="request" />
          <Form
            action={check}
            submit="Check the answer"
            quiet
            busy="Checking…"
            disabled={answer.trim() === ''}
            onSubmit={async () => {
              setResults(null);
              setToAsk(null);
              const hosts = await identity.issuersToAsk({ response: answer });
              if (hosts.keys.length + hosts.lists.length > 0) setToAsk(hosts);
              else await verify();
            }}
          >
            <TextArea label="Their answer" value={answer} onChange={setAnswer} />
          </Form>
          {toAsk !== null && (
            <AskIssuers
              hosts={toAsk}
              onAsk={async () => {
                await identity.askIssuers({ response: answer });
                setToAsk(null);
                await verify();
              }}
            />
          )}
        </>
      )}
      {results?.map((result) => (
        <div key={result.query} className="stack disclosed" data-testid="checked" aria-live="polite">
          <p>
            <CheckBadge>every check passed</CheckBadge>{' '}
            {(result.foreign || result.issuerVerdict !== null) && (
              <IssuerBadge verdict={result.issuerVerdict} issuer={result.issuer} />
            )}{' '}
            {result.foreign ? (
              <Badge
                tone="warn"
                title="Such a credential does not say whose it is: whoever has it can show it"
              >
                may be somebody else’s
              </Badge>
            ) : (
              <LinkingBadge linkable={result.unlinkable === null} />
            )}{' '}
            {result.selfIssued && <Badge tone="warn">they say it of themselves</Badge>}
          </p>
          <dl className="facts">
            {result.claims.map(({ path, text }) => (
              <Claim key={pathText(path)} name={pathText(path)} text={text} selective />
            ))}
            {result.proved.map((one) => (
              <Claim
                key={one.attribute}
                name={numberText(one.attribute)}
                text={`${boundText(one)}, proved`}
                selective
              />
            ))}
            {result.unlinkable !== null && result.unlinkable.pseudonym !== null && (
              <>
                <dt>Known to you as</dt>
                <dd className="mono">{result.unlinkable.pseudonym}</dd>
              </>
            )}
            <dt>Issuer</dt>
            <dd className="mono">{result.issuer}</dd>
          </dl>
        </div>
      ))}
    </Card>
  );
}
