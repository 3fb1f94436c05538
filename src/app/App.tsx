import { lazy, Suspense, useEffect, useLayoutEffect, useRef, type ComponentType } from 'react';
import type { Cause } from '../node/api.ts';
import { farmTotals } from '../node/farm-totals.ts';
import {
  ChainIcon,
  FarmIcon,
  HomeIcon,
  ObjectsIcon,
  SettingsIcon,
  PersonIcon,
  WalletIcon,
} from './components/icons.tsx';
import { Badge, CauseBanner } from './components/basics.tsx';
import { UpdateBanner } from './components/Update.tsx';
import { useRoute, useTheme } from './hooks.ts';
import { watchMachine } from './conditions.ts';
import { keepAwake, watchFreezing } from './keep-awake.ts';
import { keepFocus } from './keep-focus.ts';
import { notify, notifyOf } from './notifications.ts';
import { keepScreenAwake } from './screen-awake.ts';
import type { ScreenProps } from './screen-props.ts';
import { node, useSilence, useSnapshot } from './node-client.ts';
import { chainStatus, farmStatus } from './status.ts';

const Welcome = lazy(() => import('./screens/Welcome.tsx'));
const Home = lazy(() => import('./screens/Home.tsx'));
const Farm = lazy(() => import('./screens/Farm.tsx'));
const Cluster = lazy(() => import('./screens/Cluster.tsx'));
const Chain = lazy(() => import('./screens/Chain.tsx'));
const Wallet = lazy(() => import('./screens/Wallet.tsx'));
const Identity = lazy(() => import('./screens/Identity.tsx'));
const Objects = lazy(() => import('./screens/Objects.tsx'));
const Settings = lazy(() => import('./screens/Settings.tsx'));
const Browser = lazy(() => import('./screens/Browser.tsx'));

const screens: {
  route: string;
  title: string;
  Icon: ComponentType;
  Screen: ComponentType<ScreenProps>;
  /** The screen that leads to it, where it has no place of its own in the navigation. */
  under?: string;
}[] = [
  { route: 'home', title: 'Overview', Icon: HomeIcon, Screen: Home },
  { route: 'farm', title: 'Farm', Icon: FarmIcon, Screen: Farm },
  { route: 'cluster', title: 'Cluster', Icon: FarmIcon, Screen: Cluster, under: 'farm' },
  { route: 'chain', title: 'Chain', Icon: ChainIcon, Screen: Chain },
  { route: 'objects', title: 'Objects', Icon: ObjectsIcon, Screen: Objects },
  { route: 'wallet', title: 'Wallet', Icon: WalletIcon, Screen: Wallet },
  { route: 'identity', title: 'Identity', Icon: PersonIcon, Screen: Identity },
  { route: 'settings', title: 'Settings', Icon: SettingsIcon, Screen: Settings },
  { route: 'browser', title: 'This browser', Icon: SettingsIcon, Screen: Browser, under: 'settings' },
];

export function App() {
  const snapshot = useSnapshot();
  const silence = useSilence();
  useTheme();
  if (snapshot === null) return silence === null ? <Starting /> : <NotStarted cause={silence} />;
  if (snapshot.role === 'starting' && snapshot.failure !== null)
    return <NotStarted cause={snapshot.failure} />;
  if (snapshot.setup === null) {
    return (
      <Suspense fallback={<Starting />}>
        <Welcome machine={snapshot.machine} />
      </Suspense>
    );
  }
  return <Frame snapshot={{ ...snapshot, setup: snapshot.setup }} />;
}

function Starting() {
  return (
    <div className="welcome" aria-busy="true">
      <p className="muted">Starting Allotment…</p>
    </div>
  );
}

function NotStarted({ cause }: { cause: Cause }) {
  return (
    <main className="welcome">
      <div className="welcome-card">
        <h1>Allotment cannot start here</h1>
        <UpdateBanner farms={[]} />
        <CauseBanner cause={cause} tone="bad" onAction={() => window.location.reload()} />
        {cause.code !== 'unsupported' && (
          <p className="muted">It needs this browser’s storage. A private window often has none.</p>
        )}
      </div>
    </main>
  );
}

function Frame({ snapshot }: ScreenProps) {
  const route = useRoute();
  const screen = screens.find((entry) => entry.route === route) ?? screens[0]!;
  useLayoutEffect(() => {
    document.title = `${screen.title} · Allotment`;
    // Another screen begins at its top, however far down the last one was read; a part of it may then come into sight.
    window.scrollTo(0, 0);
  }, [screen.title]);
  const farms = snapshot.role === 'leader' && snapshot.farms.length > 0;
  useEffect(() => {
    keepAwake(farms);
    return () => keepAwake(false);
  }, [farms]);
  useEffect(() => notifyOf(snapshot.notices), [snapshot.notices]);
  const main = useRef<HTMLElement>(null);
  useEffect(() => keepFocus(main.current!), []);
  const silence = useSilence();
  useEffect(() => {
    if (silence !== null) notify('trouble', silence.sentence);
  }, [silence]);
  useEffect(() => (farms ? keepScreenAwake() : undefined), [farms]);
  useEffect(() => (farms ? watchFreezing() : undefined), [farms]);
  useEffect(() => (snapshot.role === 'leader' ? watchMachine() : undefined), [snapshot.role]);
  const chain = chainStatus(snapshot.chain);
  const farm = farmStatus(farmTotals(snapshot.farms));
  return (
    <div className="frame">
      <a
        className="skip"
        href="#main"
        onClick={(event) => {
          // The address says which screen is shown.
          event.preventDefault();
          main.current?.focus();
        }}
      >
        Skip to content
      </a>
      <aside className="side">
        <div className="brand">
          <img src="/icon.svg" alt="" width="34" height="34" />
          Allotment
        </div>
        <nav className="nav" aria-label="Main">
          {screens
            .filter(({ under }) => under === undefined)
            .map(({ route: to, title, Icon }) => (
              <a
                key={to}
                href={`#/${to}`}
                aria-current={to === (screen.under ?? screen.route) ? 'page' : undefined}
              >
                <Icon />
                {title}
              </a>
            ))}
        </nav>
        <div className="side-foot" aria-live="polite">
          <strong>{snapshot.setup.network.name}</strong>
          <Badge tone={chain.tone} live={chain.live}>
            {chain.text}
          </Badge>
          <Badge tone={farm.tone} live={farm.live}>
            {farm.text}
          </Badge>
        </div>
      </aside>
      <main className="main" id="main" ref={main} tabIndex={-1}>
        {silence !== null && (
          <CauseBanner cause={silence} tone="bad" onAction={() => window.location.reload()} />
        )}
        <UpdateBanner farms={snapshot.farms} />
        {snapshot.failure !== null && <CauseBanner cause={snapshot.failure} tone="bad" />}
        {snapshot.role === 'viewer' && (
          <div className="banner info" role="status">
            <span>Another tab of this browser runs the node; this one shows what it does.</span>
            <button type="button" onClick={() => void node.takeOver()}>
              Run it here
            </button>
          </div>
        )}
        <Suspense fallback={<p className="muted">Loading…</p>}>
          <screen.Screen snapshot={snapshot} />
        </Suspense>
      </main>
    </div>
  );
}
