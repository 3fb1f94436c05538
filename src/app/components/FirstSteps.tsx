import { useEffect, useState } from 'react';
import type { ChainView, FarmView } from '../../node/api.ts';
import { farmTotals } from '../../node/farm-totals.ts';
import { count, counted, timeLeft } from '../format.ts';
import { Card } from './basics.tsx';
import '../first-steps.css';

const HIDDEN = 'first-steps-hidden';

interface Step {
  title: string;
  text: string;
  state: 'done' | 'now' | 'next';
}

/** What happens from the first run to the first reward, in plain words; gone with the reward, or when told so. */
export function FirstSteps({ chain, farms }: { chain: ChainView | null; farms: FarmView[] }) {
  const [hidden, setHidden] = useState(() => localStorage.getItem(HIDDEN) !== null);
  const { blocks, votes } = farmTotals(farms);
  const won = blocks + votes > 0;
  // What is counted since the tab was opened does not bring it back.
  useEffect(() => {
    if (won) localStorage.setItem(HIDDEN, 'yes');
  }, [won]);
  if (hidden || farms.length === 0 || won) return null;
  const hide = () => {
    localStorage.setItem(HIDDEN, 'yes');
    setHidden(true);
  };
  return (
    <Card
      title="What happens now"
      aside={
        <button type="button" className="link" onClick={hide}>
          Hide this
        </button>
      }
    >
      <ol className="journey">
        {stepsOf(chain, farms).map(({ title, text, state }) => (
          <li key={title} data-state={state} aria-current={state === 'now' ? 'step' : undefined}>
            <div>
              <strong>{title}</strong>
              {state === 'done' && <span className="visually-hidden"> (done)</span>}
              <p className="small muted">{text}</p>
            </div>
          </li>
        ))}
      </ol>
      <p className="muted">
        There is nothing to do but to leave this tab open.{' '}
        {chain?.phase === 'following' ? (
          <>
            Meanwhile, <a href="#/objects">look at a file out of the chain’s history</a>.
          </>
        ) : (
          'Files out of the chain’s history can be looked at once it is checked.'
        )}
      </p>
    </Card>
  );
}

function stepsOf(chain: ChainView | null, farms: FarmView[]): Step[] {
  const { plotted, sectors, audited } = farmTotals(farms);
  const best = chain?.best?.number ?? 0;
  const verified = chain?.phase === 'following';
  const plotting = farms.find((farm) => farm.plotting !== null)?.plotting ?? null;
  const held = farms.find((farm) => farm.held !== null)?.held ?? null;
  return [
    {
      title: 'Check the chain',
      state: verified ? 'done' : 'now',
      text: verified
        ? `The newest block, #${count(best)}, is checked. Every further one is, too.`
        : best === 0
          ? 'This tab asks for the blocks, and believes nobody about them.'
          : `Block #${count(best)} of #${count(Math.max(best, chain?.target ?? 0))} is checked.`,
    },
    {
      title: 'Fill your space',
      state: plotted > 0 ? 'done' : verified ? 'now' : 'next',
      text:
        plotted > 0
          ? `${count(plotted)} of ${counted(sectors, 'sector')} ready. The rest follow by themselves.`
          : plotting !== null
            ? `Pieces of history are fetched and encoded: ${count(plotting.piecesDone)} of ${count(plotting.piecesTotal)} of the first sector${
                plotting.etaSeconds === null ? '' : `, ${timeLeft(plotting.etaSeconds)} for all`
              }.`
            : (held ?? 'With pieces of the chain’s history, which takes a while.'),
    },
    {
      title: 'Win a block',
      state: plotted > 0 ? 'now' : 'next',
      text:
        plotted > 0 && audited > 0
          ? `Every slot is a draw, and every sector a ticket: ${counted(audited, 'draw')} so far.`
          : 'Every few seconds a block is drawn for; more space wins more often.',
    },
  ];
}
