import type { ChainView } from '../../node/api.ts';
import { Badge, Card, Meter } from './basics.tsx';
import { brief, count } from '../format.ts';

/** 1 in so many, in words: a power of two is no number that people have a feeling for. */
function oddsOf(bits: number): string {
  const decimals = Math.floor(bits * Math.log10(2));
  const words: [number, string][] = [
    [12, 'a million million'],
    [9, 'a thousand million'],
    [6, 'a million'],
    [3, 'a thousand'],
  ];
  const found = words.find(([least]) => decimals >= least);
  return found ? `less than one in ${found[1]}` : `one in ${count(Math.round(2 ** bits))}`;
}

const STEPS = {
  history: 'Examining random blocks of its history',
  checkpoint: 'Reading where to go on from',
  recent: 'Verifying its recent blocks in full',
} as const;

/** How this tab became convinced that the chain it follows is the right one. */
export function BeginningCard({ chain }: { chain: ChainView }) {
  const { beginning, examination } = chain;
  if (examination !== null) {
    const { step, done, of, source } = examination;
    return (
      <Card title="How this chain is verified" span={12}>
        <p>
          {STEPS[step]}, as <code>{source}</code> serves it. Nothing is shown as true until that is done.
        </p>
        {of > 1 && <Meter value={done / of} label={STEPS[step]} />}
      </Card>
    );
  }
  if (beginning === null) return null;
  switch (beginning.kind) {
    case 'genesis':
      return (
        <Card
          title="How this chain is verified"
          span={12}
          aside={<Badge tone="good">every block from genesis</Badge>}
        >
          <p>Every block since the first was verified on this machine.</p>
          {beginning.reason !== null && <p className="muted">{beginning.reason}</p>}
        </Card>
      );
    case 'checkpoint':
      return (
        <Card title="How this chain is verified" span={12} aside={<Badge>from a checkpoint</Badge>}>
          <p>
            Every block after checkpoint #{count(beginning.number)} was verified on this machine. That the
            checkpoint is right is your own word or your other device’s.
          </p>
          <details>
            <summary>Details</summary>
            <dl className="facts">
              <dt>Checkpoint</dt>
              <dd className="mono">{beginning.hash}</dd>
            </dl>
          </details>
        </Card>
      );
    case 'examined':
      return <Examined beginning={beginning} />;
  }
}

function Examined({ beginning }: { beginning: NonNullable<ChainView['beginning']> & { kind: 'examined' } }) {
  const { samples, bits, share, boundaries, fullFrom, drops } = beginning;
  return (
    <Card
      title="How this chain is verified"
      span={12}
      aside={<Badge tone="good">{count(samples)} random samples</Badge>}
    >
      <p>
        The history up to block #{count(fullFrom - 1)} was examined by {count(samples)} blocks drawn at
        random; every block since was verified in full. A forged history gets through with a chance of{' '}
        {oddsOf(bits)}.
      </p>
      {drops > 0 && (
        <p className="banner">
          The space behind this chain fell by more than half {drops === 1 ? 'once' : `${count(drops)} times`}.
          That happens on a small network; on a large one, compare with another node.
        </p>
      )}
      <details>
        <summary>Details</summary>
        <dl className="facts">
          <dt>Soundness</dt>
          <dd>
            2<sup>−{Math.floor(bits)}</sup> against {(share * 100).toFixed(0)} % of the space
          </dd>
          <dt>Era boundaries</dt>
          <dd>
            {count(boundaries)}; ranges follow from elapsed slots since block #
            {count(beginning.adjustingFrom)}
          </dd>
          <dt>Proof of time</dt>
          <dd>
            {beginning.potInFull
              ? 'every checkpoint of the samples'
              : 'one checkpoint of each sample and recent block, drawn at random'}
          </dd>
          <dt>Examined head</dt>
          <dd>
            #{count(beginning.number)} <code title={beginning.hash}>{brief(beginning.hash, 10)}</code>
          </dd>
        </dl>
      </details>
    </Card>
  );
}
