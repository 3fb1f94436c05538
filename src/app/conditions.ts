/** What the page can see of the machine, told to the node, whose worker cannot see it. */
import type { Conditions } from '../node/api.ts';
import { node } from './node-client.ts';

interface Battery extends EventTarget {
  charging: boolean;
}

interface Observer {
  observe(source: string, options?: { sampleInterval: number }): Promise<void>;
  disconnect(): void;
}

interface PressureObserverClass {
  new (changed: (records: { state: NonNullable<Conditions['pressure']> }[]) => void): Observer;
  knownSources: readonly string[];
}

interface IdleDetector extends EventTarget {
  userState: 'active' | 'idle' | null;
  start(options: { threshold: number; signal: AbortSignal }): Promise<void>;
}

interface Senses {
  PressureObserver?: PressureObserverClass;
  IdleDetector?: { new (): IdleDetector; requestPermission(): Promise<PermissionState> };
}

const senses = window as unknown as Senses;
const power = navigator as unknown as { getBattery?(): Promise<Battery> };

const IDLE_AFTER_MS = 120_000;
const PRESSURE_INTERVAL_MS = 10_000;

/** What this browser tells of the machine. The load of the processor says nothing here: plotting makes it. */
export const machineSenses = {
  power: power.getBattery !== undefined,
  idleness: senses.IdleDetector !== undefined,
  heat: senses.PressureObserver?.knownSources.includes('thermals') ?? false,
};

function tell(conditions: Partial<Conditions>): void {
  node.report(conditions).catch(() => undefined);
}

/** Watches the machine for the node until the returned function is called. */
export function watchMachine(): () => void {
  const stop = new AbortController();
  void watchPower(stop.signal);
  void watchHeat(stop.signal);
  void watchIdleness(stop.signal);
  return () => stop.abort();
}

async function watchPower(signal: AbortSignal): Promise<void> {
  const battery = await power.getBattery?.().catch(() => undefined);
  if (battery === undefined || signal.aborted) return;
  const look = (): void => tell({ onMains: battery.charging });
  battery.addEventListener('chargingchange', look, { signal });
  look();
}

async function watchHeat(signal: AbortSignal): Promise<void> {
  if (!machineSenses.heat || senses.PressureObserver === undefined) return;
  const observer = new senses.PressureObserver((records) => {
    const last = records.at(-1);
    if (last !== undefined) tell({ pressure: last.state });
  });
  signal.addEventListener('abort', () => observer.disconnect());
  await observer.observe('thermals', { sampleInterval: PRESSURE_INTERVAL_MS }).catch(() => undefined);
}

async function watchIdleness(signal: AbortSignal): Promise<void> {
  if (senses.IdleDetector === undefined) return;
  const detector = new senses.IdleDetector();
  detector.addEventListener('change', () => tell({ idle: detector.userState === 'idle' }), { signal });
  // Without the person's permission it does not start, and nothing waits for idleness.
  await detector.start({ threshold: IDLE_AFTER_MS, signal }).catch(() => undefined);
}

/** Asks for permission to see whether the machine is used, from a click; true when it is not needed. */
export async function askToSeeIdleness(wanted: boolean): Promise<boolean> {
  if (!wanted || senses.IdleDetector === undefined) return true;
  if ((await senses.IdleDetector.requestPermission()) !== 'granted') return false;
  void watchIdleness(new AbortController().signal);
  return true;
}
