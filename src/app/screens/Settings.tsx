import { useCallback, useState, type ChangeEvent } from 'react';
import type { ScreenProps } from '../screen-props.ts';
import { ENCODING_BYTES, plottingBytes } from '../../farm/plot-memory.ts';
import type { AccountBalance } from '../../node/api.ts';
import { AddressField } from '../components/AddressField.tsx';
import { Badge, TrustBadge } from '../components/basics.tsx';
import { Failure, Told } from '../components/forms.tsx';
import { Section } from '../components/Section.tsx';
import { Sources } from '../components/Sources.tsx';
import { saveFile } from '../files.ts';
import { bytes, tokens } from '../format.ts';
import { useCommand, useTheme, type Theme } from '../hooks.ts';
import { ScheduleCard } from '../farm/ScheduleCard.tsx';
import { tableWords } from '../farm/table-words.ts';
import { node } from '../node-client.ts';
import { useSigner } from '../wallet-client.ts';
import { BeginCard } from './SettingsChain.tsx';
import { LogCard, NotificationsCard } from './SettingsLog.tsx';
import { KeepTimeCard, ProofOfTimeCard, HelperCard } from './SettingsTime.tsx';
import '../farm/farm.css';

/** The machine, the farm and the app on one side; the network and what this tab checks of it on the other. */
export default function Settings({ snapshot }: ScreenProps) {
  return (
    <>
      <h1>Settings</h1>
      <div className="grid">
        <div className="column span-6">
          <MachineCard snapshot={snapshot} />
          <ScheduleCard snapshot={snapshot} />
          <RewardCard snapshot={snapshot} />
          <IdentityCard />
          <NotificationsCard />
          <AppearanceCard />
          <LogCard snapshot={snapshot} />
        </div>
        <div className="column span-6">
          <NetworkCard snapshot={snapshot} />
          <BeginCard snapshot={snapshot} />
          <BalanceCard snapshot={snapshot} />
          <ProofOfTimeCard snapshot={snapshot} />
          <HelperCard snapshot={snapshot} />
          <KeepTimeCard snapshot={snapshot} />
          <ResetCard />
        </div>
      </div>
    </>
  );
}

/** The nodes that deliver data. Sectors stay; a node of another network is refused. */
function NetworkCard({ snapshot }: ScreenProps) {
  const { network } = snapshot.setup;
  const [text, setText] = useState(network.endpoints.join('\n'));
  const [registry, setRegistry] = useState((network.domainEndpoints ?? []).join('\n'));
  const [saved, setSaved] = useState<string | null>(null);
  const endpoints = text.split(/\s+/).filter((line) => line !== '');
  const save = useCommand(
    useCallback(async () => {
      const lines = (of: string) => of.split(/\s+/).filter(Boolean);
      await node.change({
        network: { ...network, endpoints: lines(text), domainEndpoints: lines(registry) },
      });
      setSaved(text + registry);
    }, [network, text, registry]),
  );
  return (
    <Section name="nodes" title="Nodes">
      <label>
        Addresses, one a line
        <span className="hint">
          {network.name}. With several, one that lies is named and left out; solutions go to the first that
          answers. A node’s peer address (/ip4/…/ws/p2p/…) can stand beside them.
        </span>
        <textarea
          rows={3}
          spellCheck={false}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
      </label>
      <label>
        Nodes of the registry of identities
        <span className="hint">
          One a line; left empty, it is looked for beside the first node, one port above. What they say is
          proven against the chain.
        </span>
        <textarea
          rows={1}
          spellCheck={false}
          value={registry}
          onChange={(event) => setRegistry(event.target.value)}
        />
      </label>
      <div className="row">
        <button type="button" onClick={save.run} disabled={save.busy || endpoints.length === 0}>
          Use these
        </button>
      </div>
      <Told text={saved === text + registry && save.error === null ? 'In use from now on.' : null} />
      <Failure error={save.error} />
      <Sources sources={snapshot.chain?.sources ?? []} />
    </Section>
  );
}

function MachineCard({ snapshot }: ScreenProps) {
  const { setup, machine } = snapshot;
  return (
    <Section name="machine" title="This machine">
      <label>
        Cores: {setup.cores} of {machine.cores}
        <span className="hint">
          Plotting holds up to {bytes(plottingBytes(setup.cores))} in memory, {bytes(ENCODING_BYTES)} of it
          for each core, whatever the size of the farm.
        </span>
        <input
          type="range"
          min={1}
          max={machine.cores}
          value={setup.cores}
          onChange={(event) => void node.change({ cores: Number(event.target.value) })}
        />
      </label>
      <dl className="facts">
        <dt>Browser storage</dt>
        <dd>
          {machine.usedBytes === null ? '–' : bytes(machine.usedBytes)} of{' '}
          {machine.quotaBytes === null ? '–' : bytes(machine.quotaBytes)}{' '}
          {machine.persisted ? <Badge tone="good">kept</Badge> : <Badge tone="warn">may be deleted</Badge>}
        </dd>
        <dt>Plotting tables</dt>
        <dd>{tableWords(snapshot.tables)}</dd>
        <dt>Browser</dt>
        <dd>
          <a href="#/browser">What it can do, and installing the app</a>
        </dd>
      </dl>
      {!machine.persisted && <KeepData />}
    </Section>
  );
}

/** Browsers answer at once, by what they know of the page, or ask the person. */
function KeepData() {
  const [kept, setKept] = useState<boolean | null>(null);
  const ask = useCommand(useCallback(async () => setKept(await navigator.storage.persist()), []));
  return (
    <>
      <div className="row">
        <button type="button" onClick={ask.run} disabled={ask.busy || kept === true}>
          Ask the browser to keep the data
        </button>
      </div>
      <Told
        text={
          kept === null
            ? null
            : kept
              ? 'It keeps them from now on.'
              : 'It does not promise that yet. Install the app, or come back often, and ask again; keep a copy of the keys.'
        }
      />
    </>
  );
}

function RewardCard({ snapshot }: ScreenProps) {
  const { farm } = snapshot.setup;
  const { choices } = useSigner();
  const [reward, setReward] = useState(farm?.rewardAddress ?? '');
  const [saved, setSaved] = useState<string | null>(null);
  const save = useCommand(
    useCallback(async () => {
      if (farm === null) return;
      await node.change({ farm: { ...farm, rewardAddress: reward.trim() || null } });
      setSaved(reward);
    }, [farm, reward]),
  );
  if (farm === null) return null;
  return (
    <Section name="rewards" title="Rewards">
      <AddressField
        label="Reward address"
        hint="All farms are paid there. Empty: to the farm’s own account, whose only key lies in this browser. An account of your wallet is safer: its recovery phrase brings it back."
        usual={snapshot.rewardAddress}
        value={reward}
        onChange={setReward}
      />
      <div className="row">
        <button type="button" className="primary" onClick={save.run} disabled={save.busy}>
          Save
        </button>
        {choices.options.length > 0 && (
          <select
            aria-label="An account of your wallet"
            value=""
            onChange={({ target }) => setReward(target.value)}
          >
            <option value="">An account of your wallet…</option>
            {choices.options.map(([address, name]) => (
              <option key={address} value={address}>
                {name}
              </option>
            ))}
          </select>
        )}
        <a href="#/farm">Space and more, on the farm’s screen</a>
      </div>
      <Told text={saved === reward && save.error === null ? 'Saved.' : null} />
      <Failure error={save.error} />
    </Section>
  );
}

function IdentityCard() {
  const [chosen, setChosen] = useState<Uint8Array | null>(null);
  const [used, setUsed] = useState<Uint8Array | null>(null);
  const save = useCommand(
    useCallback(async () => {
      const identity = await node.exportIdentity();
      saveFile('identity.bin', identity, 'application/octet-stream');
    }, []),
  );
  const load = useCommand(
    useCallback(async () => {
      if (chosen === null) return;
      await node.importIdentity(chosen);
      setUsed(chosen);
    }, [chosen]),
  );
  const choose = async (event: ChangeEvent<HTMLInputElement>) => {
    const file = event.target.files?.[0];
    setChosen(file === undefined ? null : new Uint8Array(await file.slice(0, 1024).arrayBuffer()));
  };
  return (
    <Section name="key" title="Farmer’s key" rare>
      <p className="muted">
        Without a copy of it, what was paid to the farm’s own account is lost with this browser’s data.
        Whoever has it can sign for this farm and spend that: keep it somewhere safe. It is the file that the
        native farmer keeps, too.
      </p>
      <div className="row">
        <button type="button" onClick={save.run} disabled={save.busy}>
          Export identity.bin
        </button>
      </div>
      <label>
        Import
        <span className="hint">Sectors plotted under another key are plotted anew.</span>
        <input type="file" accept=".bin,application/octet-stream" onChange={(event) => void choose(event)} />
      </label>
      <div className="row">
        <button type="button" onClick={load.run} disabled={load.busy || chosen === null}>
          Use this key
        </button>
      </div>
      <Told text={used !== null && used === chosen ? 'This tab farms with this key.' : null} />
      <Failure error={save.error ?? load.error} />
    </Section>
  );
}

function BalanceCard({ snapshot }: ScreenProps) {
  const [address, setAddress] = useState('');
  const [balance, setBalance] = useState<AccountBalance | null>(null);
  const reward = snapshot.rewardAddress ?? '';
  const ask = useCommand(
    useCallback(async () => setBalance(await node.balance(address.trim() || reward)), [address, reward]),
  );
  return (
    <Section name="balance" title="Balance, proven" rare>
      <AddressField
        label="Account"
        hint="Its balance is read by storage proof against the verified head."
        usual={snapshot.rewardAddress}
        value={address}
        onChange={setAddress}
      />
      <div className="row">
        <button type="button" onClick={ask.run} disabled={ask.busy}>
          Show balance
        </button>
      </div>
      {balance !== null && (
        <dl className="facts" aria-live="polite">
          <dt>Free</dt>
          <dd>
            {tokens(balance.free, snapshot.notation.token)} <TrustBadge trust={balance.trust} />
          </dd>
          <dt>Account</dt>
          <dd className="mono">{balance.address}</dd>
          {balance.trust.kind === 'verified' && (
            <>
              <dt>At block</dt>
              <dd>#{balance.trust.atBlock}</dd>
            </>
          )}
        </dl>
      )}
      <Failure error={ask.error} />
    </Section>
  );
}

function AppearanceCard() {
  const [theme, setTheme] = useTheme();
  return (
    <Section name="appearance" title="Appearance">
      <label>
        Theme
        <select value={theme} onChange={(event) => setTheme(event.target.value as Theme)}>
          <option value="system">As the system</option>
          <option value="light">Light</option>
          <option value="dark">Dark</option>
        </select>
      </label>
    </Section>
  );
}

function ResetCard() {
  const reset = useCommand(
    useCallback(async () => {
      const sure = window.confirm(
        'Forget the network, the verified chain, the settings and every sector in this browser? The farmer’s key and the wallet stay.',
      );
      if (sure) {
        await node.reset();
        window.location.assign('/');
      }
    }, []),
  );
  return (
    <Section name="start-over" title="Start over" rare>
      <p className="muted">
        Forgets the network, the verified chain, the settings and the sectors in this browser. The farmer’s
        key, the wallet, objects and sectors in folders of yours stay; the browser’s own settings remove
        those.
      </p>
      <div className="row">
        <button type="button" className="danger" onClick={reset.run} disabled={reset.busy}>
          Reset
        </button>
      </div>
      <Failure error={reset.error} />
    </Section>
  );
}
