import type { MediaView, ProvenanceView, StatementView } from '../../identity/content-commands.ts';
import type { VerdictCode } from '../../identity/verdict.ts';
import { Badge, CheckBadge } from '../components/basics.tsx';
import { ORIGINS } from './origin-words.ts';
import { VERDICT_WORDS, VerdictBadge } from './IdentityVerdict.tsx';

/** A statement that fits a file: who signed it, and what they say. */
export function StatementFound({ found }: { found: StatementView }) {
  return (
    <div className="stack disclosed" aria-live="polite" data-testid="provenance">
      <p>
        <CheckBadge>not a byte was changed</CheckBadge>{' '}
        {found.verdict !== null && <VerdictBadge verdict={found.verdict} />}
      </p>
      <dl className="facts">
        <dt>Signed by</dt>
        <dd>{found.signerName ?? <span className="mono">{found.did}</span>}</dd>
        <dt>Made by</dt>
        <dd>{ORIGINS.find(([origin]) => origin === found.origin)?.[1]}</dd>
      </dl>
      <Statement statement={found} whenSigned={found.whenSigned} />
      {found.verdict !== null && <p className="muted">{found.verdict.sentence}</p>}
    </div>
  );
}

/** The signature inside a media file, and what it says. */
export function MediaFound({ media }: { media: MediaView }) {
  return (
    <div className="stack disclosed" aria-live="polite" data-testid="media">
      <p>
        <CheckBadge>not a byte was changed</CheckBadge>{' '}
        {media.verdict === null ? (
          <Badge tone="warn">nobody here vouches for the signer</Badge>
        ) : (
          <VerdictBadge verdict={media.verdict} />
        )}
      </p>
      <dl className="facts">
        <dt>Signed by</dt>
        <dd>
          {media.signerName ?? (media.did === null ? media.name : <span className="mono">{media.did}</span>)}
        </dd>
        <dt>Made by</dt>
        <dd>{ORIGINS.find(([origin]) => origin === media.origin)?.[1]}</dd>
        {media.tool !== null && media.statement === null && (
          <>
            <dt>With</dt>
            <dd>{media.tool}</dd>
          </>
        )}
        <dt>What was done</dt>
        <dd>{media.actions.map((action) => action.replace(/^c2pa\./, '')).join(', ') || 'not told'}</dd>
        {media.ingredients > 0 && (
          <>
            <dt>Made from</dt>
            <dd>{media.ingredients === 1 ? 'one earlier file' : `${media.ingredients} earlier files`}</dd>
          </>
        )}
      </dl>
      {media.statement !== null && <Statement statement={media.statement} whenSigned={media.whenSigned} />}
      {media.verdict !== null && <p className="muted">{media.verdict.sentence}</p>}
    </div>
  );
}

/** What a signer says of a file beside who made it. */
function Statement({ statement, whenSigned }: { statement: ProvenanceView; whenSigned: VerdictCode | null }) {
  const { time, tool, licence, cid, capability, sources, id } = statement;
  return (
    <dl className="facts">
      <dt>When, by their word</dt>
      <dd>{new Date(time * 1000).toLocaleString()}</dd>
      {whenSigned !== null && (
        <>
          <dt>The signer at that time</dt>
          <dd>{whenSigned === 'ok' ? 'certificates held' : VERDICT_WORDS[whenSigned]}</dd>
        </>
      )}
      {tool !== null && (
        <>
          <dt>With</dt>
          <dd>{tool}</dd>
        </>
      )}
      {licence !== null && (
        <>
          <dt>Allowed</dt>
          <dd>{licence}</dd>
        </>
      )}
      {sources.length > 0 && (
        <>
          <dt>Made from</dt>
          <dd>{sources.length === 1 ? 'one earlier file' : `${sources.length} earlier files`}</dd>
        </>
      )}
      {cid !== null && (
        <>
          <dt>In the network’s storage</dt>
          <dd className="mono">{cid}</dd>
        </>
      )}
      {capability !== null && (
        <>
          <dt>An agent, permitted by</dt>
          <dd className="mono">{capability}</dd>
        </>
      )}
      <dt>Statement</dt>
      <dd className="mono">{id}</dd>
    </dl>
  );
}
