import { Fragment, useCallback, useState } from 'react';
import type { ScreenProps } from '../screen-props.ts';
import { figuresFrom, rewardIntervalMs } from '../../farm/estimate.ts';
import type { FarmView } from '../../node/api.ts';
import { Card, TrustBadge } from '../components/basics.tsx';
import { brief, duration, tokens } from '../format.ts';
import { node, useWritten } from '../node-client.ts';
import { usePolled } from '../wallet-client.ts';
import { Days } from './Days.tsx';
import type { Token } from '../../protocol/notation.ts';

const POLL_MS = 60_000;
const HOUR_MS = 3_600_000;
/** The keys of more are folded away. */
const FEW_FARMS = 4;
/** Within three mean intervals a reward comes with a chance of 95 %. */
const NEARLY_SURE = 3;

/** When the next reward may come, what it is worth, what has come, and whom it goes to. */
export function Rewards({ snapshot }: ScreenProps) {
  const { farms, rewardAddress } = snapshot;
  const { token } = snapshot.notation;
  const written = useWritten();
  const paidTo = rewardAddress && written(rewardAddress);
  const { value: rates } = usePolled(loadRates, POLL_MS);
  const interval = rates === null ? null : rewardIntervalMs(plottedPieces(farms), figuresFrom(rates));
  return (
    <Card title="Rewards" span={4}>
      <dl className="facts">
        <dt>Next reward</dt>
        <dd>
          {interval === null
            ? 'once a sector is plotted'
            : snapshot.chain?.phase === 'offline'
              ? 'once a node answers'
              : soon(interval)}
        </dd>
        {rates !== null && (
          <>
            <dt>A block pays</dt>
            <dd>
              {tokens(rates.block, token)} <TrustBadge trust={rates.trust} />
            </dd>
            <dt>A vote pays</dt>
            <dd>{tokens(rates.vote, token)}</dd>
          </>
        )}
        {rewardAddress !== null && <Balance address={rewardAddress} token={token} />}
        <dt>Paid to</dt>
        <dd className="mono" title={paidTo ?? ''}>
          {paidTo === null ? '–' : brief(paidTo, 6)}
        </dd>
        {farms.length <= FEW_FARMS && <Keys farms={farms} />}
      </dl>
      {farms.length > FEW_FARMS && (
        <details>
          <summary>Keys of the {farms.length} farms</summary>
          <dl className="facts">
            <Keys farms={farms} />
          </dl>
        </details>
      )}
      {interval !== null && (
        <p className="small muted">
          At the network’s present size one comes in {duration(interval)} on average, and with a chance of 95
          % within {duration(NEARLY_SURE * interval)}, as far as proofs are in time. It is luck: a long wait
          brings the next no nearer.
        </p>
      )}
      <Days />
      <p className="small muted">
        Every farm signs with a key of its own; all are paid to one account, which{' '}
        <a href="#/settings/rewards">Settings</a> changes. Export the keys before you clear this browser’s
        data.
      </p>
    </Card>
  );
}

const loadRates = () => node.rewards();

function plottedPieces(farms: FarmView[]): number {
  const plotted = ({ sectors }: FarmView) =>
    sectors.filter(({ state }) => state === 'plotted' || state === 'expiring').length;
  return farms.reduce((sum, farm) => sum + plotted(farm) * (farm.piecesInSector ?? 0), 0);
}

function soon(intervalMs: number): string {
  if (intervalMs < HOUR_MS / 6) return 'at any moment';
  if (intervalMs < HOUR_MS) return 'likely within the hour';
  if (intervalMs < 24 * HOUR_MS) return 'likely today';
  return intervalMs < 168 * HOUR_MS ? 'likely this week' : 'perhaps not this week';
}

/** Proven; what came since the screen was first shown stands beside it. */
function Balance({ address, token }: { address: string; token: Token }) {
  const load = useCallback(() => node.balance(address), [address]);
  const { value } = usePolled(load, POLL_MS);
  const [first, setFirst] = useState<{ address: string; free: string } | null>(null);
  if (value === null || value.address !== address) return null;
  if (first?.address !== address) setFirst({ address, free: value.free });
  const gained = BigInt(value.free) - BigInt(first?.free ?? value.free);
  return (
    <>
      <dt>Balance</dt>
      <dd>
        {tokens(value.free, token)} <TrustBadge trust={value.trust} />
        {gained > 0n && (
          <span className="small muted"> +{tokens(String(gained), token)} since you opened this screen</span>
        )}
      </dd>
    </>
  );
}

function Keys({ farms }: { farms: FarmView[] }) {
  return farms.map(({ id, name, publicKey }) => (
    <Fragment key={id}>
      <dt>Key of {name}</dt>
      <dd className="mono" title={publicKey}>
        {publicKey === '' ? '–' : brief(publicKey, 6)}
      </dd>
    </Fragment>
  ));
}
