import { useState } from 'react';
import { messageOf } from '../../protocol/errors.ts';
import type { ScreenProps } from '../screen-props.ts';
import { CHECKPOINTS_IN_SLOT } from '../../protocol/constants.ts';
import { passChance, type PotBudget } from '../../crypto/pot-budget.ts';
import type { HelperView } from '../../node/api.ts';
import { Badge, CauseBanner, TrustBadge } from '../components/basics.tsx';
import { Check, Deed, Failure, Form, TextField, useAction } from '../components/forms.tsx';
import { Section } from '../components/Section.tsx';
import { count, duration } from '../format.ts';
import { node } from '../node-client.ts';
import { chanceWords, shareWords, speedWords } from '../time-words.ts';

/** Slots that the chance of a forged chain is told for: five minutes of the real network. */
const TOLD_SLOTS = 300;
const FORGED_SHARE = 0.1;

/** How much of the proof of time is verified, and with how many cores. */
export function ProofOfTimeCard({ snapshot }: ScreenProps) {
  const { setup, chain, helper } = snapshot;
  // What was chosen here shows at once, while the node takes it over.
  const [chosen, setChosen] = useState<PotBudget | null>(null);
  const [error, setError] = useState<string | null>(null);
  const budget = chosen ?? setup.potBudget;
  const cores = Math.min(budget.cores ?? setup.cores, setup.cores);
  /** All of them means as many as the node is allowed, also when that changes. */
  const coresOf = (count: number) => ({ cores: count < setup.cores ? count : undefined });
  const limit = coresOf(cores);
  const sample = budget.mode === 'sampled' ? budget.checkpointsPerSlot : 3;
  const change = (potBudget: PotBudget): void => {
    setChosen(potBudget);
    setError(null);
    node.change({ potBudget }).catch((failure: unknown) => {
      setChosen(null);
      setError(messageOf(failure));
    });
  };
  const chance = chanceWords(passChance(sample, TOLD_SLOTS, FORGED_SHARE));
  return (
    <Section name="proof-of-time" title="Proof of time" rare>
      <fieldset>
        <legend>How much of each slot is verified</legend>
        <label className="choice">
          <input
            type="radio"
            name="pot"
            checked={budget.mode === 'full'}
            onChange={() => change({ ...limit, mode: 'full' })}
          />
          <span>
            <strong>Every checkpoint</strong>
            <span className="hint">Nothing about elapsed time is believed.</span>
          </span>
        </label>
        <label className="choice">
          <input
            type="radio"
            name="pot"
            checked={budget.mode === 'sampled'}
            onChange={() => change({ ...limit, mode: 'sampled', checkpointsPerSlot: sample })}
          />
          <span>
            <strong>
              {sample} of {CHECKPOINTS_IN_SLOT}, drawn at random
            </strong>
            <span className="hint">
              A chain with a tenth of its slots forged passes {count(TOLD_SLOTS)} slots with chance {chance}.
            </span>
          </span>
        </label>
        {budget.mode === 'sampled' && (
          <label>
            Checkpoints of each slot: {sample}
            <input
              type="range"
              min={1}
              max={CHECKPOINTS_IN_SLOT - 1}
              value={sample}
              onChange={(event) =>
                change({ ...limit, mode: 'sampled', checkpointsPerSlot: Number(event.target.value) })
              }
            />
          </label>
        )}
      </fieldset>
      <label>
        Cores for it: {cores} of {setup.cores}
        <input
          type="range"
          min={1}
          max={setup.cores}
          value={cores}
          disabled={setup.cores === 1}
          onChange={(event) => change({ ...budget, ...coresOf(Number(event.target.value)) })}
        />
      </label>
      {chain !== null && chain.pot.due > 0 && (
        <p className="small muted">
          The network’s slots bring {speedWords(chain.pot.due)}.{' '}
          {chain.pot.iterationsPerSecond > 0 &&
            `${helper.phase === 'ready' ? 'Your helper' : 'This device'} verifies ${speedWords(chain.pot.iterationsPerSecond)}. `}
          At the head: {shareWords(chain.pot.head)}.
        </p>
      )}
      <Failure error={error} />
    </Section>
  );
}

/** This tab walks the local network's slots, so that the network need not. */
export function KeepTimeCard({ snapshot }: ScreenProps) {
  const { timekeeping, chain, setup } = snapshot;
  const { phase, slots, lastMs, behind, sentence } = timekeeping;
  const action = useAction();
  if (setup.network.id !== 'local') return null;
  const on = phase === 'waiting' || phase === 'keeping';
  return (
    <Section
      name="keep-time"
      title="Keep the network’s time"
      rare
      aside={
        phase !== 'off' && (
          <Badge tone={phase === 'refused' ? 'bad' : behind ? 'warn' : 'good'} live={phase === 'keeping'}>
            {
              { waiting: 'waiting', keeping: behind ? 'falls behind' : 'keeping time', refused: 'ended' }[
                phase
              ]
            }
          </Badge>
        )
      }
    >
      <p className="muted">
        A local network can take its proofs of time from this tab, which walks them from the blocks that it
        verified. The network checks each, and walks by itself what does not come in time.
      </p>
      <Check
        label="This tab keeps time"
        hint="While it is open."
        checked={on}
        onChange={(checked) => action.run(() => node.keepTime(checked))}
      />
      {on && (
        <dl className="facts" aria-live="polite">
          <dt>Slots walked</dt>
          <dd>{count(slots)}</dd>
          <dt>A slot takes</dt>
          <dd>
            {lastMs === null ? '–' : duration(lastMs)} of{' '}
            {chain?.slotDurationMs == null ? '–' : duration(chain.slotDurationMs)}
          </dd>
        </dl>
      )}
      {behind && (
        <p className="banner">Walking a slot takes this tab longer than a slot lasts: time falls behind.</p>
      )}
      <Failure error={action.error ?? sentence} />
    </Section>
  );
}

const PHASES: Record<
  HelperView['phase'],
  { text: string; tone: 'plain' | 'good' | 'info' | 'warn' | 'bad' }
> = {
  off: { text: 'not paired', tone: 'plain' },
  connecting: { text: 'connecting', tone: 'info' },
  ready: { text: 'in use', tone: 'good' },
  waiting: { text: 'gone', tone: 'warn' },
  stopped: { text: 'not used', tone: 'bad' },
};

/** The native helper: paired, shown with what it reports, forgotten. */
export function HelperCard({ snapshot }: ScreenProps) {
  const { helper } = snapshot;
  const { phase } = helper;
  return (
    <Section
      name="helper"
      title="Helper"
      rare
      aside={<Badge tone={PHASES[phase].tone}>{PHASES[phase].text}</Badge>}
    >
      {phase === 'off' ? <Pairing port={helper.port} /> : <Paired helper={helper} />}
    </Section>
  );
}

function Paired({ helper }: { helper: HelperView }) {
  const action = useAction();
  const { phase, info, cause, port, plots } = helper;
  const canPlot = info !== null && info.plotting.encodings > 0;
  return (
    <>
      {cause !== null && <CauseBanner cause={cause} tone={phase === 'stopped' ? 'bad' : 'warn'} />}
      {phase === 'waiting' && (
        <p className="small muted">
          Until it is back, this tab verifies proofs of time itself, and plots itself. The connection is tried
          again.
        </p>
      )}
      <dl className="facts">
        <dt>Program</dt>
        <dd>
          {info === null ? '–' : `${info.name} ${info.version}`} on port {port}
        </dd>
        {info !== null && (
          <>
            <dt>Verifies</dt>
            <dd>
              {speedWords(info.verifyRate * info.cores)} on {count(info.cores)}{' '}
              {info.cores === 1 ? 'core' : 'cores'}{' '}
              <TrustBadge trust={{ kind: 'reported', by: 'the helper' }} />
            </dd>
            <dt>Walks</dt>
            <dd>
              {speedWords(info.proveRate)}, by {info.implementation}
            </dd>
            <dt>Plots</dt>
            <dd>
              {canPlot
                ? `${count(info.plotting.encodings)} pieces at once, by ${info.plotting.vectors}`
                : 'not: it was started without memory for that'}
            </dd>
          </>
        )}
      </dl>
      {canPlot && (
        <Check
          label="Plot with it"
          hint="At the lowest priority: other programs go first."
          checked={plots}
          onChange={(checked) => action.run(() => node.setHelperPlots(checked))}
        />
      )}
      <p className="small muted">
        What it says is yours alone. One checkpoint of every answer is walked here too, and some pieces of
        every sector are encoded here too, so that a program that lies is found and put off.
      </p>
      <Failure error={action.error} />
      <div className="row">
        {phase !== 'ready' && <Deed label="Try again" onDo={() => node.retryHelper()} />}
        <Deed
          label="Forget"
          danger
          confirm="Forget the helper and its pairing code?"
          onDo={() => node.forgetHelper()}
        />
      </div>
    </>
  );
}

function Pairing(props: { port: number }) {
  const [code, setCode] = useState('');
  const [port, setPort] = useState(String(props.port));
  const action = useAction();
  const pair = () => node.pairHelper(Number(port), code);
  return (
    <>
      <p className="muted">
        A small program of your own on this machine can plot twice as fast as this tab, and verify proofs of
        time some thirty times as fast. It is built from the folder <code>helper/native</code> and prints a
        pairing code when it starts.
      </p>
      <Form action={action} submit="Pair" busy="Pairing…" disabled={code.trim() === ''} onSubmit={pair}>
        <TextField
          label="Pairing code"
          hint="It stays in this browser."
          type="password"
          value={code}
          onChange={setCode}
        />
        <details className="stack">
          <summary>Another port than {props.port}</summary>
          <TextField label="Port" type="number" value={port} onChange={setPort} />
        </details>
      </Form>
    </>
  );
}
