import { useCallback, useEffect, useRef, useState, type ReactNode } from 'react';
import type {
  BeginSetup,
  FarmSetup,
  MachineInfo,
  NetworkChoice,
  NetworkProbe,
  Setup,
} from '../../node/api.ts';
import { firstBudget } from '../../crypto/pot-budget.ts';
import { plottingBytes } from '../../farm/plot-memory.ts';
import { bytesOfSectors, sectorsIn } from '../../farm/sectors.ts';
import { askedBefore, originElsewhere } from '../../network/local-access.ts';
import { networkChoices } from '../../node/networks.ts';
import { Badge } from '../components/basics.tsx';
import { BeginChooser, beginWords, troubleOf } from '../components/Checkpoint.tsx';
import { UpdateBanner } from '../components/Update.tsx';
import { FarmIcon, KeyIcon, ShieldIcon } from '../components/icons.tsx';
import { brief, bytes, count } from '../format.ts';
import { useCommand, useRoute, useRouteDetail } from '../hooks.ts';
import { localEndpoint } from '../local-network.ts';
import { node } from '../node-client.ts';
import { probeTrouble, useProbe } from '../probe.ts';
import { Estimate } from '../farm/Estimate.tsx';
import { Space } from '../farm/Space.tsx';
import { Capabilities } from './Browser.tsx';
import '../farm/farm.css';

const GIB = 1024 ** 3;

/** First run: what this is, which network, how much of the machine, start. */
export default function Welcome({ machine }: { machine: MachineInfo }) {
  const [step, setStep] = useState(0);
  const [choice, setChoice] = useState<NetworkChoice>(firstChoice);
  const [endpoint, setEndpoint] = useState(choice.endpoints[0] ?? '');
  const [cores, setCores] = useState(Math.max(1, machine.cores - (machine.cores > 2 ? 1 : 0)));
  /** Whether the person followed a link to an object, which wants no farm. */
  const [route, linked] = [useRoute(), useRouteDetail()];
  const isLinked = route === 'objects' && linked !== '';
  const [farm, setFarm] = useState<FarmSetup | null>(
    isLinked ? null : { allocatedBytes: 0, rewardAddress: null },
  );
  const [begin, setBegin] = useState<BeginSetup>({ kind: 'auto' });
  // Nothing of this machine is asked before the person has seen what will be: browsers may ask them about it.
  const probe = useProbe(step === 0 ? null : endpoint);
  useEffect(() => {
    void localEndpoint().then((found) => {
      if (found !== null) setEndpoint((now) => (now === networkChoices[0]!.endpoints[0] ? found : now));
    });
  }, []);
  const network = { ...choice, endpoints: [endpoint, ...choice.endpoints.slice(1)] };
  return (
    <main className="welcome">
      <div className="welcome-card">
        <div className="brand">
          <img src="/icon.svg" alt="" width="34" height="34" /> Allotment
        </div>
        <UpdateBanner farms={[]} />
        <ol className="steps" aria-label={`Step ${step + 1} of 3`}>
          {[0, 1, 2].map((index) => (
            <li key={index} data-done={index <= step} />
          ))}
        </ol>
        {step === 0 && <About isLinked={isLinked} onNext={() => setStep(1)} />}
        {step === 1 && (
          <ChooseNetwork
            choice={choice}
            endpoint={endpoint}
            probe={probe}
            begin={begin}
            onBegin={setBegin}
            onChoose={(next) => {
              setChoice(next);
              setEndpoint(next.endpoints[0] ?? '');
              if (next.id === 'local') {
                void localEndpoint().then((found) => found !== null && setEndpoint(found));
              }
            }}
            onEndpoint={setEndpoint}
            onBack={() => setStep(0)}
            onNext={() => setStep(2)}
          />
        )}
        {step === 2 && (
          <ChooseMachine
            machine={machine}
            probe={probe}
            cores={cores}
            farm={farm}
            onCores={setCores}
            onFarm={setFarm}
            onBack={() => setStep(1)}
            setup={{
              network,
              begin,
              farm,
              cores,
              potBudget: firstBudget(network.id === 'local' ? 'local' : 'public'),
            }}
          />
        )}
      </div>
    </main>
  );
}

/** The local network where the page comes from the machine that it runs on. */
function firstChoice(): NetworkChoice {
  const id = originElsewhere() === null ? 'local' : 'mainnet';
  return networkChoices.find((network) => network.id === id)!;
}

/** The heading of a step takes the focus, so that a screen reader says where one is and Tab goes on from there. */
function StepTitle({ children }: { children: ReactNode }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  return (
    <h1 ref={heading} tabIndex={-1}>
      {children}
    </h1>
  );
}

function About({ isLinked, onNext }: { isLinked: boolean; onNext: () => void }) {
  return (
    <>
      <h1>A piece of the Autonomys network, grown in your browser.</h1>
      {isLinked && (
        <p className="banner info">
          You followed a link to something in the network’s history. It opens by itself once this tab has
          verified the chain; two choices come first.
        </p>
      )}
      <p className="lead">
        Autonomys keeps its history on the drives of those who take part, and pays them for it. This tab lets
        your machine take part: nothing to install, no account.
      </p>
      <ul className="points">
        <li>
          <ShieldIcon />
          <div>
            <strong>Checks everything itself</strong>
            <span>
              Every block is verified here: elapsed time, storage proofs, signatures. No server is believed.
            </span>
          </div>
        </li>
        <li>
          <FarmIcon />
          <div>
            <strong>Farms your spare space</strong>
            <span>
              It stores pieces of the network’s history on your drive and earns rewards for keeping them.
            </span>
          </div>
        </li>
        <li>
          <KeyIcon />
          <div>
            <strong>Your key stays here</strong>
            <span>The farmer’s key is made in this browser and never leaves it, unless you export it.</span>
          </div>
        </li>
      </ul>
      <div className="actions">
        <p className="muted small grow">Two choices, then it starts. Closing the tab stops it.</p>
        <button type="button" className="primary large" onClick={onNext}>
          Get started
        </button>
      </div>
      <details>
        <summary>What this browser can do</summary>
        <div className="stack">
          <Capabilities />
        </div>
      </details>
    </>
  );
}

function ChooseNetwork(props: {
  choice: NetworkChoice;
  endpoint: string;
  probe: NetworkProbe | null;
  onChoose: (choice: NetworkChoice) => void;
  onEndpoint: (endpoint: string) => void;
  begin: BeginSetup;
  onBegin: (begin: BeginSetup) => void;
  onBack: () => void;
  onNext: () => void;
}) {
  const { choice, probe } = props;
  const genesisHash = choice.genesisHash ?? probe?.genesisHash ?? null;
  const foreign = probe?.reachable === true && probe.genesisHash !== genesisHash;
  const others = choice.endpoints.slice(1);
  return (
    <>
      <StepTitle>Which network?</StepTitle>
      <fieldset>
        <legend className="visually-hidden">Network</legend>
        {networkChoices.map((network) => (
          <label className="choice" key={network.id}>
            <input
              type="radio"
              name="network"
              checked={network.id === props.choice.id}
              onChange={() => props.onChoose(network)}
            />
            <span>
              <strong>{network.name}</strong>
              <span className="hint">{network.description}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <label>
        Node to talk to
        <span className="hint">
          It delivers data; this tab verifies what it says.
          {others.length > 0 && ` Also asked: ${others.join(', ')}. More can be named in the settings.`}
        </span>
        <input
          type="text"
          inputMode="url"
          spellCheck={false}
          value={props.endpoint}
          onChange={(event) => props.onEndpoint(event.target.value.trim())}
        />
      </label>
      <ProbeResult probe={probe} endpoint={props.endpoint} />
      {foreign && <p className="banner bad">This node serves another network than {choice.name}.</p>}
      <details>
        <summary>Where to begin: {beginWords(props.begin)}</summary>
        <BeginChooser begin={props.begin} network={genesisHash} onChange={props.onBegin} />
      </details>
      <div className="actions">
        <button type="button" className="large" onClick={props.onBack}>
          Back
        </button>
        <button
          type="button"
          className="primary large"
          disabled={probe?.reachable !== true || foreign || troubleOf(props.begin, genesisHash) !== null}
          onClick={props.onNext}
        >
          Continue
        </button>
      </div>
    </>
  );
}

function ProbeResult({ probe, endpoint }: { probe: NetworkProbe | null; endpoint: string }) {
  const [asked, setAsked] = useState<string | null>(null);
  useEffect(() => {
    let isCurrent = true;
    void askedBefore(endpoint).then((sentence) => isCurrent && setAsked(sentence));
    return () => void (isCurrent = false);
  }, [endpoint]);
  return (
    <div className="small" aria-live="polite">
      {probe === null && <span className="muted">Asking the node… {asked}</span>}
      {probe?.reachable === false && <span className="banner">{probeTrouble(probe)}</span>}
      {probe?.reachable === true && (
        <div className="row">
          <Badge tone="good">reachable</Badge>
          <span className="muted">
            {probe.chainName} · block {count(probe.best ?? 0)} · genesis{' '}
            <code title={probe.genesisHash ?? ''}>{brief(probe.genesisHash ?? '')}</code>
          </span>
        </div>
      )}
    </div>
  );
}

function ChooseMachine(props: {
  machine: MachineInfo;
  probe: NetworkProbe | null;
  cores: number;
  farm: FarmSetup | null;
  setup: Setup;
  onCores: (cores: number) => void;
  onFarm: (farm: FarmSetup | null) => void;
  onBack: () => void;
}) {
  const { machine, farm, onFarm } = props;
  const sectorBytes = props.probe?.sectorBytes ?? 0;
  const pieces = props.probe?.maxPiecesInSector ?? 0;
  const room = Math.max(0, (machine.quotaBytes ?? 0) - (machine.usedBytes ?? 0));
  const mostSectors = pieces === 0 ? 0 : sectorsIn(room * 0.9, pieces);
  const sectors = farm === null || pieces === 0 ? 0 : sectorsIn(farm.allocatedBytes, pieces);
  const defaultSectors = Math.max(1, Math.min(mostSectors, sectorBytes >= GIB / 2 ? 2 : 4));
  const allocation = (wanted: number) => (pieces === 0 ? 0 : bytesOfSectors(wanted, pieces));
  const setSectors = (wanted: number) =>
    onFarm({ allocatedBytes: allocation(wanted), rewardAddress: farm?.rewardAddress ?? null });
  useEffect(() => {
    if (farm !== null && farm.allocatedBytes === 0 && pieces > 0 && mostSectors > 0) {
      onFarm({ ...farm, allocatedBytes: bytesOfSectors(defaultSectors, pieces) });
    }
  }, [farm, onFarm, pieces, mostSectors, defaultSectors]);
  const start = useCommand(useCallback(() => node.start(props.setup), [props.setup]));
  /** What was refused: another choice makes the refusal void. */
  const [tried, setTried] = useState<FarmSetup | null>();
  const canFarm = machine.storage !== 'none' && mostSectors > 0;
  const isFull = machine.storage !== 'none' && pieces > 0 && mostSectors === 0;
  useEffect(() => {
    if (farm !== null && (machine.storage === 'none' || isFull)) onFarm(null);
  }, [farm, onFarm, machine.storage, isFull]);
  return (
    <>
      <StepTitle>How much of your machine?</StepTitle>
      {machine.missing.map((gap) => (
        <p className="banner" key={gap.capability}>
          {gap.capability}: {gap.consequence}
        </p>
      ))}
      <fieldset>
        <legend className="visually-hidden">Purpose</legend>
        <label className="choice">
          <input
            type="radio"
            name="purpose"
            checked={farm !== null}
            disabled={!canFarm}
            onChange={() => onFarm({ allocatedBytes: allocation(defaultSectors), rewardAddress: null })}
          />
          <span>
            <strong>Verify and farm</strong>
            <span className="hint">
              {machine.storage === 'none'
                ? 'This browser gives the page no space. You can add a folder of a drive later, where the browser opens folders.'
                : isFull
                  ? `The browser has ${bytes(room)} left for this page, too little for a sector of ${bytes(sectorBytes)}. Free some space on the disk, or add a folder of another drive later.`
                  : 'Give some space and earn rewards. You can take it back at any time.'}
            </span>
          </span>
        </label>
        <label className="choice">
          <input type="radio" name="purpose" checked={farm === null} onChange={() => onFarm(null)} />
          <span>
            <strong>Only verify</strong>
            <span className="hint">Follow the chain, take no space.</span>
          </span>
        </label>
      </fieldset>
      {farm !== null && canFarm && (
        <>
          <Space
            sectors={Math.max(1, sectors)}
            pieces={pieces}
            most={Math.min(mostSectors, 256)}
            offered={room}
            onChange={(wanted) => setSectors(Math.min(wanted, mostSectors))}
          />
        </>
      )}
      <label>
        Cores: {props.cores} of {machine.cores}
        <span className="hint">
          {farm === null || !canFarm
            ? 'Fewer cores keep the machine cool and verify more slowly.'
            : `Plotting yields to verification and to proofs; fewer cores keep the machine cool. It holds up to ${bytes(plottingBytes(props.cores))} in memory.`}
        </span>
        <input
          type="range"
          min={1}
          max={machine.cores}
          value={props.cores}
          onChange={(event) => props.onCores(Number(event.target.value))}
        />
      </label>
      {farm !== null && canFarm && (
        <>
          <Estimate allocatedBytes={allocation(sectors)} cores={props.cores} probe={props.probe} />
          {props.setup.network.id === 'local' && (
            <p className="muted small">The tokens of a local network are for play: they are worth nothing.</p>
          )}
          <details>
            <summary>Be paid to another account</summary>
            <label>
              Reward address{' '}
              <span className="hint">
                Left empty, rewards go to the account that the farm makes for itself.
              </span>
              <input
                type="text"
                spellCheck={false}
                value={farm.rewardAddress ?? ''}
                onChange={(event) => onFarm({ ...farm, rewardAddress: event.target.value.trim() || null })}
              />
            </label>
          </details>
        </>
      )}
      {start.error !== null && tried === farm && (
        <p className="banner bad" role="alert">
          {start.error}
        </p>
      )}
      <div className="actions">
        <button type="button" className="large" onClick={props.onBack}>
          Back
        </button>
        <button
          type="button"
          className="primary large"
          disabled={start.busy || (farm !== null && sectors === 0)}
          onClick={() => {
            setTried(farm);
            start.run();
          }}
        >
          {farm === null ? 'Start verifying' : 'Start farming'}
        </button>
      </div>
    </>
  );
}
