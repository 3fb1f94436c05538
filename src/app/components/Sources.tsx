import type { SourceStatus } from '../../node/api.ts';
import { Badge, Empty } from './basics.tsx';
import { Many } from './Many.tsx';
import { count } from '../format.ts';

const WORDS = {
  connecting: ['info', 'connecting'],
  connected: ['good', 'in use'],
  waiting: ['warn', 'waiting'],
  dropped: ['bad', 'left out'],
} as const;

/** The nodes that deliver data: which are used, and why the others are not. */
export function Sources({ sources }: { sources: readonly SourceStatus[] }) {
  if (sources.length === 0) return <Empty>No source yet.</Empty>;
  return (
    <Many items={sources} thing="node" words={({ url, state }) => `${url} ${WORDS[state][1]}`} page={6}>
      {(shown) => <Shown sources={shown} />}
    </Many>
  );
}

function Shown({ sources }: { sources: SourceStatus[] }) {
  return (
    <ul className="list addresses">
      {sources.map(({ url, state, best, reason }) => {
        const [tone, word] = WORDS[state];
        return (
          <li key={url} className="stack">
            <div className="row">
              <Badge tone={tone}>{word}</Badge>
              <code>{url}</code>
              {best !== null && <span className="small muted">tells of #{count(best)}</span>}
            </div>
            {reason !== null && (
              <span className="small muted">
                {reason}
                {state === 'waiting' && ' It is tried again soon.'}
              </span>
            )}
          </li>
        );
      })}
    </ul>
  );
}
