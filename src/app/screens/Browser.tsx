import { useCallback, useEffect, useState } from 'react';
import type { ScreenProps } from '../screen-props.ts';
import { capabilities, type Capability, type CapabilityGroup, type Presence } from '../capabilities.ts';
import { Badge, Card } from '../components/basics.tsx';
import { Failure } from '../components/forms.tsx';
import { bytes } from '../format.ts';
import { useCommand } from '../hooks.ts';
import { installHint, useInstall } from '../install.ts';

const words: Record<Presence, { text: string; tone: 'good' | 'warn' | 'plain' }> = {
  yes: { text: 'yes', tone: 'good' },
  partly: { text: 'partly', tone: 'warn' },
  no: { text: 'no', tone: 'plain' },
};

/** What this browser can do, what follows, and installing the app. */
export default function Browser({ snapshot }: ScreenProps) {
  const { machine } = snapshot;
  return (
    <>
      <div className="head">
        <div>
          <h1>This browser</h1>
          <p>What it can do, and what follows from that. Nothing here is sent anywhere.</p>
        </div>
        <a className="button" href="#/settings">
          Settings
        </a>
      </div>
      <div className="grid">
        <InstallCard />
        <Card title="Space" span={6}>
          <p>
            {machine.quotaBytes === null
              ? 'The browser does not tell how much space it offers.'
              : `The browser offers ${bytes(machine.quotaBytes)}, of which ${bytes(machine.usedBytes ?? 0)} are used.`}{' '}
            Folders of your drives do not count towards that.
          </p>
        </Card>
        {/* What takes a moment to find out comes last, and moves nothing. */}
        <Capabilities />
      </div>
    </>
  );
}

/** The same for those who have not begun yet. */
export function Capabilities() {
  const [groups, setGroups] = useState<CapabilityGroup[] | null>(null);
  useEffect(() => {
    let current = true;
    void capabilities().then((found) => current && setGroups(found));
    return () => {
      current = false;
    };
  }, []);
  if (groups === null) return <p className="muted">Looking…</p>;
  return groups.map(({ title, capabilities: list }) => (
    <Card title={title} key={title}>
      <ul className="list capabilities">
        {list.map((capability) => (
          <Item key={capability.name} {...capability} />
        ))}
      </ul>
    </Card>
  ));
}

function Item({ name, presence, consequence, technical }: Capability) {
  const { text, tone } = words[presence];
  return (
    <li>
      <Badge tone={tone}>{text}</Badge>
      <div>
        <strong title={technical}>{name}</strong> <span className="small muted">{technical}</span>
        <p className="small">{consequence}</p>
      </div>
    </li>
  );
}

function InstallCard() {
  const [state, install] = useInstall();
  const run = useCommand(useCallback(() => install(), [install]));
  return (
    <Card title="As an app" span={6}>
      <p>
        {state === 'installed'
          ? 'Allotment is installed: this is its own window.'
          : 'Installed, it has a window of its own, starts without a connection, keeps its data more reliably, and keeps the folders that you allowed.'}
      </p>
      {state === 'offered' && (
        <div className="row">
          <button type="button" className="primary" onClick={run.run} disabled={run.busy}>
            Install
          </button>
        </div>
      )}
      {state === 'manual' && <p className="small muted">{installHint()}</p>}
      <Failure error={run.error} />
    </Card>
  );
}
