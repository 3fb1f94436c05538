import type { ScreenProps } from '../screen-props.ts';
import { keepsPace, type PotBudget } from '../../crypto/pot-budget.ts';
import type { BlockView, ChainView } from '../../node/api.ts';
import {
  Badge,
  Card,
  ChainCauseBanner,
  CheckBadge,
  Empty,
  Meter,
  Stat,
  TrustBadge,
} from '../components/basics.tsx';
import { RulesCard } from '../components/Rules.tsx';
import { Many } from '../components/Many.tsx';
import { Sources } from '../components/Sources.tsx';
import { BeginningCard } from '../components/Beginning.tsx';
import { fromHex } from '../../protocol/bytes.ts';
import { encodeAddress } from '../../protocol/ss58.ts';
import { ago, brief, count, counted, duration, headerRate } from '../format.ts';
import { useWritten } from '../node-client.ts';
import { onPhone, useNow } from '../hooks.ts';
import { chainStatus } from '../status.ts';
import { chanceWords, shareWords, speedWords, walkerWords } from '../time-words.ts';

/** What this tab has verified of the chain, and what it refused. */
export default function Chain({ snapshot }: ScreenProps) {
  const { chain } = snapshot;
  if (chain === null) {
    return (
      <>
        <h1>Chain</h1>
        <Empty>Connecting to the network…</Empty>
      </>
    );
  }
  const status = chainStatus(chain);
  return (
    <>
      <div className="head">
        <div>
          <h1>Chain</h1>
          <p>
            Genesis <code title={chain.genesisHash ?? ''}>{brief(chain.genesisHash ?? '–', 8)}</code>
          </p>
        </div>
        <Badge tone={status.tone} live={status.live}>
          {status.text}
        </Badge>
      </div>
      <ChainCauseBanner chain={chain} />
      <div className="grid">
        <HeadCards chain={chain} />
        <BeginningCard chain={chain} />
        <div className="column span-8">
          <Card title="Newest blocks">
            <Blocks blocks={chain.blocks} />
          </Card>
        </div>
        <div className="column span-4">
          <ProofOfTime chain={chain} budget={snapshot.setup.potBudget} />
          <RulesCard chain={chain} />
          <Card title="Sources">
            <Sources sources={chain.sources} />
          </Card>
          <Card title="Forks and reorganisations">
            <Forks chain={chain} />
          </Card>
          <Card title="Refused">
            <Refusals chain={chain} />
          </Card>
        </div>
      </div>
    </>
  );
}

function HeadCards({ chain }: { chain: ChainView }) {
  const best = chain.best?.number ?? 0;
  return (
    <>
      <Card
        span={4}
        title="Best block"
        aside={chain.best !== null && <TrustBadge trust={{ kind: 'verified', atBlock: best }} />}
      >
        <Stat
          label={chain.best === null ? 'slot –' : `slot ${count(BigInt(chain.best.slot))}`}
          value={chain.best === null ? '–' : `#${count(best)}`}
          note={
            chain.best === null ? (
              'nothing verified yet'
            ) : (
              <code title={chain.best.hash}>{brief(chain.best.hash, 10)}</code>
            )
          }
        />
      </Card>
      <Card span={4} title="Final block">
        <Stat
          label={`${chain.confirmationDepthK ?? '–'} blocks deep`}
          value={chain.finalized === null ? '–' : `#${count(chain.finalized.number)}`}
          note={
            chain.historySize === null
              ? 'no history yet'
              : `${counted(BigInt(chain.historySize), 'segment')} of history`
          }
        />
      </Card>
      <Card
        span={4}
        title="Announced"
        aside={
          <TrustBadge
            trust={{ kind: 'reported', by: chain.sources.map((source) => source.url).join(', ') }}
          />
        }
      >
        <Stat
          label="newest header a source told of"
          value={chain.target === null ? '–' : `#${count(chain.target)}`}
          note={
            chain.phase === 'syncing'
              ? headerRate(chain.headersPerSecond)
              : chain.target === null
                ? 'nothing announced yet'
                : chain.target > best
                  ? 'not verified yet'
                  : 'everything announced is verified'
          }
        />
        {chain.phase === 'syncing' && chain.target !== null && chain.target > 0 && (
          <Meter value={best / chain.target} label="History verified" />
        )}
      </Card>
    </>
  );
}

const wordsOf = ({ number, hash, slot, own, final, onBestChain }: BlockView): string =>
  [
    number,
    count(number),
    hash,
    slot,
    own && 'won by this tab',
    final && 'final',
    !onBestChain && 'fork',
  ].join(' ');

function Blocks({ blocks }: { blocks: BlockView[] }) {
  const now = useNow(2000);
  if (blocks.length === 0) return <Empty>No block verified yet.</Empty>;
  return (
    <Many items={blocks} thing="block" words={wordsOf} page={onPhone() ? 5 : 20}>
      {(shown) => (
        <ul className="list">
          {shown.map((block) => (
            <li key={block.hash} data-own={block.own}>
              <Block block={block} now={now} />
            </li>
          ))}
        </ul>
      )}
    </Many>
  );
}

function Block({ block, now }: { block: BlockView; now: number }) {
  const written = useWritten();
  return (
    <details className="block">
      <summary>
        <strong>#{count(block.number)}</strong>
        <code className="muted">{brief(block.hash, 5)}</code>
        <CheckBadge
          title={block.checks.length === 0 ? 'in an earlier run' : `${block.checks.length} rules checked`}
        >
          verified
        </CheckBadge>
        {block.own && <Badge tone="info">won by this tab</Badge>}
        {!block.onBestChain && <Badge tone="warn">fork</Badge>}
        {block.final && <Badge>final</Badge>}
        <span className="small muted">
          slot {count(BigInt(block.slot))} · received {ago(block.receivedAt, now)}
        </span>
      </summary>
      <dl className="facts">
        <dt>Hash</dt>
        <dd className="mono">{block.hash}</dd>
        <dt>Parent</dt>
        <dd className="mono">{block.parentHash}</dd>
        <dt>Farmer</dt>
        <dd className="mono">{block.author}</dd>
        <dt>Reward to</dt>
        <dd className="mono">{written(encodeAddress(fromHex(block.rewardAddress, 32)))}</dd>
        <dt>Solution range</dt>
        <dd>{block.solutionRange}</dd>
        <dt>Proof of time</dt>
        <dd>
          {
            {
              full: 'every checkpoint verified here',
              sampled: 'a random sample of checkpoints verified here',
              helper: 'verified by your helper',
              stored: 'verified earlier, read from this browser',
            }[block.pot]
          }
        </dd>
        <dt>Rules checked</dt>
        <dd className="checks">
          {block.checks.length === 0 && 'all of them, in an earlier run'}
          {block.checks.map((check) => (
            <Badge key={check.rule}>
              {check.rule}
              {check.ms >= 1 ? ` · ${duration(check.ms)}` : ''}
            </Badge>
          ))}
        </dd>
      </dl>
    </details>
  );
}

function ProofOfTime({ chain, budget }: { chain: ChainView; budget: PotBudget }) {
  const { pot } = chain;
  const helped = pot.mode === 'helper';
  const behind = pot.head.mode === 'sampled';
  const late = chain.phase === 'syncing' && !helped && !keepsPace(budget, pot.iterationsPerSecond, pot.due);
  return (
    <Card
      title="Proof of time"
      aside={
        <Badge tone={behind ? 'warn' : 'good'}>
          {helped ? 'by your helper' : behind ? 'head sampled' : 'head in full'}
        </Badge>
      }
    >
      {late ? (
        <p className="banner">
          <span>
            History is verified more slowly than it grows.{' '}
            <a href="#/settings/proof-of-time">Allow a smaller sample</a>, or more cores, or pair a helper.
          </span>
        </p>
      ) : (
        behind && (
          <p className="banner">
            The network’s slots bring {speedWords(pot.due)}; {helped ? 'your helper' : 'this device'} verifies{' '}
            {speedWords(pot.iterationsPerSecond)}. So only a sample of the head is verified.
          </p>
        )
      )}
      <p className="small muted">
        Work that cannot be hurried shows that time has passed, so that nobody makes up another past.
      </p>
      <dl className="facts">
        <dt>At the head</dt>
        <dd>{shareWords(pot.head)}</dd>
        <dt>Verified by</dt>
        <dd>{walkerWords(pot.walker)}</dd>
        <dt>Speed</dt>
        <dd>{pot.iterationsPerSecond > 0 ? speedWords(pot.iterationsPerSecond) : '–'}</dd>
        <dt>To keep up</dt>
        <dd>{pot.due > 0 ? speedWords(pot.due) : '–'}</dd>
        {pot.slot !== null && (
          <>
            <dt>Ahead of blocks</dt>
            <dd title="Peers gossip proofs of time; this one was verified before a block carried it.">
              up to slot {count(BigInt(pot.slot))}
            </dd>
          </>
        )}
        <dt>Slots verified</dt>
        <dd>
          {count(pot.slotsVerified)}
          {pot.slotsSampled > 0 && `, ${count(pot.slotsSampled)} of them by a sample`}
        </dd>
        <dt>Soundness</dt>
        <dd>
          {pot.slotsVerified === 0
            ? '–'
            : pot.slotsSampled === 0
              ? 'no forged slot passes'
              : `a chain with a tenth of its slots forged would have passed with chance ${chanceWords(pot.soundness)}`}
        </dd>
      </dl>
    </Card>
  );
}

function Forks({ chain }: { chain: ChainView }) {
  const now = useNow(5000);
  if (chain.forks.length === 0 && chain.reorgs.length === 0)
    return <Empty>One chain, no competing branch.</Empty>;
  return (
    <ul className="list">
      {chain.forks.map((fork) => (
        <li key={fork.hash}>
          Branch of {count(fork.length)} up to #{count(fork.number)} <code>{brief(fork.hash, 5)}</code>
        </li>
      ))}
      {chain.reorgs.slice(0, 5).map((reorg) => (
        <li key={`${reorg.at}-${reorg.to}`}>
          {counted(reorg.depth, 'block')} replaced by a heavier branch{' '}
          <span className="small muted">{ago(reorg.at, now)}</span>
        </li>
      ))}
    </ul>
  );
}

function Refusals({ chain }: { chain: ChainView }) {
  const now = useNow(5000);
  if (chain.refusals.length === 0) return <Empty>Nothing had to be refused.</Empty>;
  return (
    <Many
      items={chain.refusals}
      thing="refusal"
      words={({ rule, number, sentence, source }) => `${rule} ${number} ${sentence} ${source}`}
      page={5}
    >
      {(shown) => (
        <ul className="list addresses">
          {shown.map((refusal) => (
            <li key={`${refusal.at}-${refusal.hash}`} className="stack">
              <div className="row">
                <Badge tone="bad">{refusal.rule}</Badge>
                {refusal.number !== null && <span>#{count(refusal.number)}</span>}
                <span className="small muted">{ago(refusal.at, now)}</span>
              </div>
              <span className="small">
                {refusal.sentence} <span className="muted">From {refusal.source}.</span>
              </span>
            </li>
          ))}
        </ul>
      )}
    </Many>
  );
}
