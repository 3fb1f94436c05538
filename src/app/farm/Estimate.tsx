import { useCallback, useState } from 'react';
import { estimateFarm, figuresFrom, type FarmEstimate } from '../../farm/estimate.ts';
import type { NetworkProbe, RewardFigures } from '../../node/api.ts';
import { count, counted, duration, tokens } from '../format.ts';
import { useCommand } from '../hooks.ts';
import { node, useToken } from '../node-client.ts';
import { Failure } from '../components/forms.tsx';
import type { Token } from '../../protocol/notation.ts';

const few = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 });

/** What space would cost and bring, before any is given: measured here, the arithmetic one click away. */
export function Estimate(props: { allocatedBytes: number; cores: number; probe: NetworkProbe | null }) {
  const { allocatedBytes, cores, probe } = props;
  const usual = useToken();
  const token = probe?.token ?? usual;
  const [measured, setMeasured] = useState<{ cores: number; seconds: number } | null>(null);
  const measure = useCommand(
    useCallback(async () => setMeasured({ cores, seconds: await node.benchmark(cores) }), [cores]),
  );
  if (probe?.maxPiecesInSector == null || allocatedBytes === 0) return null;
  const { figures } = probe;
  const seconds = measured?.seconds ?? null;
  const estimate =
    figures && estimateFarm(allocatedBytes, probe.maxPiecesInSector, seconds ?? 0, figuresFrom(figures));
  return (
    <section className="estimate" aria-label="Estimate">
      <dl className="facts">
        <dt>Plotting takes</dt>
        <dd>
          {seconds === null ? (
            <span className="row">
              not measured yet
              <button type="button" onClick={measure.run} disabled={measure.busy}>
                {measure.busy ? 'Measuring…' : 'Measure this machine'}
              </button>
            </span>
          ) : (
            <>
              about {duration((estimate?.pieces ?? 0) * seconds * 1000)}{' '}
              <button type="button" className="link" onClick={measure.run} disabled={measure.busy}>
                {measure.busy ? 'measuring…' : measured?.cores === cores ? 'again' : `with ${cores} cores`}
              </button>
            </>
          )}
        </dd>
        <dt>Expected reward</dt>
        <dd>
          {estimate === null
            ? 'the node does not tell what it depends on'
            : `${perDay(estimate.tokensPerDay, token)}${rate(estimate.blocksPerDay, 'block')}, ${rate(estimate.votesPerDay, 'vote')}`}
        </dd>
      </dl>
      {estimate !== null && figures !== null && (
        <Arithmetic estimate={estimate} figures={figures} measured={measured} token={token} />
      )}
      <Failure error={measure.error} />
    </section>
  );
}

function Arithmetic(props: {
  estimate: FarmEstimate;
  figures: RewardFigures;
  measured: { cores: number; seconds: number } | null;
  token: Token;
}) {
  const { estimate, figures, measured, token } = props;
  const [numerator, denominator] = figures.slotProbability;
  const slots = (86_400 * 1000) / figures.slotDurationMs;
  return (
    <details className="small">
      <summary>How this is reckoned</summary>
      <ul>
        <li>
          {estimate.sectors === 1 ? 'One sector holds' : `${count(estimate.sectors)} sectors hold`}{' '}
          {counted(estimate.pieces, 'piece')}.
          {measured !== null &&
            ` One piece takes ${measured.seconds.toFixed(2)} s on ${measured.cores} ${measured.cores === 1 ? 'core' : 'cores'}, encoding alone: a slow connection or disk adds to it, and so does whatever else the machine does.`}
        </li>
        <li>
          The solution range of the newest block, {figures.solutionRange}, says that the network holds about{' '}
          {count(estimate.networkPieces)} pieces. The node reports it; the chain verifies it once you start.
        </li>
        <li>
          A day has {count(Math.round(slots))} slots, of which {numerator} in {denominator} has a block:{' '}
          {count(Math.round((slots * Number(numerator)) / Number(denominator)))} blocks. Your share of all
          pieces, yours counted in, gives {few.format(estimate.blocksPerDay)} of them;{' '}
          {figures.expectedVotesPerBlock === 1
            ? 'one vote comes'
            : `${figures.expectedVotesPerBlock} votes come`}{' '}
          with each.
        </li>
        <li>
          {figures.block === '0' && figures.vote === '0'
            ? 'The network pays no rewards at the moment.'
            : `A block pays ${tokens(figures.block, token)} at the moment, less where fees pay for it; a vote ${tokens(figures.vote, token)}, of which the block’s author gets a part. Both sink as the years pass.`}
        </li>
        <li>It is luck in the short run, and less as others add space.</li>
      </ul>
    </details>
  );
}

/** An estimate is no better than three digits. */
function perDay(amount: bigint, token: Token): string {
  return amount === 0n
    ? ''
    : `about ${few.format(Number(amount) / 10 ** token.decimals)} ${token.symbol} a day: `;
}

/** How often something happens, as a person would say it. */
function rate(perDay: number, what: string): string {
  if (perDay <= 0) return `no ${what}s`;
  if (perDay >= 1) return `about ${few.format(perDay)} ${what}s a day`;
  const days = 1 / perDay;
  if (days < 60) return `about one ${what} in ${few.format(days)} days`;
  return days < 730
    ? `about one ${what} in ${count(Math.round(days / 30))} months`
    : `about one ${what} in ${count(Math.round(days / 365))} years`;
}
