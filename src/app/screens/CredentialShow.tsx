import { useState } from 'react';
import { isWebRequest } from '../../identity/links.ts';
import type { Verifier } from '../../identity/openid-presentation.ts';
import { Badge, Card, CheckBadge } from '../components/basics.tsx';
import { Failure, Form, Select, TextArea, useAction } from '../components/forms.tsx';
import { HandOver } from '../components/HandOver.tsx';
import { Scan } from '../components/Scan.tsx';
import { takeLink } from '../visit.ts';
import { identity } from '../wallet-client.ts';
import { SignerBadge } from './CredentialOffer.tsx';
import { useHandedOver } from './CredentialMeeting.tsx';
import { LinkingBadge } from './CredentialLinking.tsx';
import { boundText, issuerText, pathText, typeText } from './credential-words.ts';

type Matched = Awaited<ReturnType<typeof identity.matchRequest>>;

/** Somebody who asks, and how the answer gets to them. */
interface Asked {
  matched: Matched;
  /** Null for a request that was handed over: so is its answer. */
  web: { verifier: Verifier; claimedName: string | null } | null;
}

/** Shows credentials to whoever asks: by a pasted request, or to a verifier on the web. */
export function Show({ reload }: { reload: () => void }) {
  const [request, setRequest] = useState(() => takeLink('request'));
  const [scanning, setScanning] = useState(false);
  const [asked, setAsked] = useState<Asked | null>(null);
  const [response, setResponse] = useState<string | null>(null);
  const [sent, setSent] = useState<{ host: string; goOn: string | null } | null>(null);
  const look = useAction();
  const read = async (text: string) => {
    setResponse(null);
    setSent(null);
    if (isWebRequest(text.trim())) {
      const { matched, ...web } = await identity.readVerifierRequest({ link: text });
      setAsked({ matched, web });
    } else setAsked({ matched: await identity.matchRequest({ request: text }), web: null });
  };
  useHandedOver('request', (text) => {
    setRequest(text);
    look.run(() => read(text));
  });
  const answer = async (answers: Parameters<typeof identity.present>[0]['answers']) => {
    if (asked?.web) {
      const { goOn } = await identity.answerVerifier({ link: request, answers });
      setSent({ host: asked.web.verifier.host, goOn });
    } else setResponse(await identity.present({ request, answers }));
    setAsked(null);
    reload();
  };
  return (
    <Card title="Show something to somebody" span={6}>
      <Form
        action={look}
        submit="See what is asked"
        quiet={asked !== null}
        disabled={request.trim() === ''}
        onSubmit={() => read(request)}
      >
        <TextArea
          label="Their request"
          hint="What they handed you, or the link of their page. Nothing is shown before you agree."
          value={request}
          onChange={setRequest}
        />
      </Form>
      {scanning ? (
        <Scan
          onText={(text) => {
            setScanning(false);
            setRequest(text);
            look.run(() => read(text));
          }}
          onCancel={() => setScanning(false)}
        />
      ) : (
        <div className="row">
          <button type="button" onClick={() => setScanning(true)}>
            Scan their code
          </button>
        </div>
      )}
      {asked !== null && <Consent asked={asked} onAnswer={answer} onRefuse={() => setAsked(null)} />}
      {response !== null && (
        <HandOver label="Give them this answer" text={response} fileName="answer.json" kind="answer" />
      )}
      {sent !== null && (
        <p role="status">
          Sent to <strong>{sent.host}</strong>.{' '}
          {sent.goOn !== null && (
            <a href={sent.goOn} target="_blank" rel="noreferrer noopener">
              Go on at {new URL(sent.goOn).host}
            </a>
          )}
        </p>
      )}
    </Card>
  );
}

/** What would be shown to whom, and the two buttons. */
function Consent(props: {
  asked: Asked;
  onAnswer: (answers: Parameters<typeof identity.present>[0]['answers']) => Promise<void>;
  onRefuse: () => void;
}) {
  const { matched, web } = props.asked;
  const [chosen, setChosen] = useState<Record<string, string>>({});
  const send = useAction();
  const pick = (query: Matched['queries'][number]) =>
    query.matches.find(({ credential }) => credential.id === chosen[query.id]) ?? query.matches[0];
  const answers = matched.queries.flatMap((query) => {
    const match = pick(query);
    return match ? [{ query: query.id, credential: match.credential.id, paths: match.disclosed }] : [];
  });
  return (
    <div className="stack" aria-live="polite">
      {web === null ? (
        <p>
          <strong>{matched.audience}</strong> asks{matched.purpose === null ? ':' : ` (${matched.purpose}):`}
        </p>
      ) : (
        <Asker {...web} />
      )}
      {matched.queries.map((query) => (
        <Query
          key={query.id}
          query={query}
          match={pick(query)}
          onPick={(id) => setChosen((before) => ({ ...before, [query.id]: id }))}
        />
      ))}
      <div className="row">
        <button
          type="button"
          className="primary"
          disabled={send.busy || !matched.answerable}
          onClick={() => send.run(() => props.onAnswer(answers))}
        >
          {send.busy ? 'Preparing…' : 'Show exactly this'}
        </button>
        <button type="button" onClick={props.onRefuse}>
          Do not show
        </button>
      </div>
      <Failure error={send.error} />
    </div>
  );
}

/** A verifier on the web, with what is proven of it and what is not. */
function Asker({ verifier, claimedName }: NonNullable<Asked['web']>) {
  return (
    <p>
      {verifier.kind !== 'address' && <SignerBadge signer={verifier} />}
      {verifier.kind === 'address' && <Badge tone="warn">known by its address only</Badge>} The answer goes to{' '}
      <strong>{verifier.host}</strong>
      {claimedName !== null && <>, which calls itself “{claimedName}”</>}. It asks:
    </p>
  );
}

function Query(props: {
  query: Matched['queries'][number];
  match: Matched['queries'][number]['matches'][number] | undefined;
  onPick: (id: string) => void;
}) {
  const { query, match } = props;
  if (match === undefined)
    return <p className="banner">You have no credential of the kind {query.types.join(', ')}.</p>;
  const { credential, linkedBy } = match;
  const linkable = credential.linkable || (linkedBy ?? []).length > 0;
  const nameOf = (one: typeof credential) => `${typeText(one.type)} by ${issuerText(one)}`;
  return (
    <div className="stack disclosed">
      {query.matches.length > 1 ? (
        <Select
          label="From"
          value={credential.id}
          options={query.matches.map((one) => [one.credential.id, nameOf(one.credential)])}
          onChange={props.onPick}
        />
      ) : (
        <p className="muted">From {nameOf(credential)}</p>
      )}
      <p>
        <strong>They will see:</strong>{' '}
        {match.seen.map(({ path, text }) => `${pathText(path)}: ${text}`).join('; ') || 'no claim'}
        {query.predicates.map((one) => (
          <span key={one.attribute}>
            {' '}
            <CheckBadge>{boundText(one)}, without telling more</CheckBadge>
          </span>
        ))}
      </p>
      <p className="small">And, as of every credential, its kind, who issued it and when it ends.</p>
      <p>
        <LinkingBadge linkable={linkable} /> {linkingWords(linkable, linkedBy, query.recognise)}
      </p>
      {match.unseen.length > 0 && (
        <p className="muted">They will not see: {match.unseen.map(pathText).join(', ')}.</p>
      )}
    </div>
  );
}

/** What the badge means for the person. `linkedBy`: what in a showing of another system’s credential gives it away. */
function linkingWords(
  linkable: boolean,
  linkedBy: readonly string[] | undefined,
  recognise: boolean,
): string {
  if (!linkable)
    return recognise
      ? 'They will know you when you come back, and nobody else will.'
      : 'Nobody can tell by it that you showed it before.';
  return linkedBy === undefined
    ? 'Others who got a showing of it can find out that it was the same person.'
    : `By ${linkedBy.join(', ')}. They are not shown that it is yours.`;
}
