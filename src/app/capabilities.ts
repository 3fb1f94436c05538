/** What this browser can do, and what follows from it for the person. Looked at here, not guessed from its name. */
import { askedBefore, keptFrom } from '../network/local-access.ts';
import { privateFiles } from '../storage/private-files.ts';
import { machineSenses } from './conditions.ts';
import { canPickFolders } from './farm/folders.ts';
import { passkeysExist } from './passkey.ts';

/** `partly`: it is there, and does less than it could. */
export type Presence = 'yes' | 'partly' | 'no';

export interface Capability {
  name: string;
  presence: Presence;
  /** What follows, in a sentence. */
  consequence: string;
  /** The interface that was looked for. */
  technical: string;
}

export interface CapabilityGroup {
  title: string;
  capabilities: Capability[];
}

function of(
  name: string,
  technical: string,
  there: boolean | Presence,
  yes: string,
  otherwise: string,
): Capability {
  const presence = typeof there === 'string' ? there : there ? 'yes' : 'no';
  return { name, technical, presence, consequence: presence === 'yes' ? yes : otherwise };
}

/** A module with one function of a SIMD instruction. */
const SIMD = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98,
  11,
]);

type Gpu = { requestAdapter(): Promise<{ info?: { isFallbackAdapter?: boolean } } | null> };

async function graphics(): Promise<Presence> {
  const { gpu } = navigator as Navigator & { gpu?: Gpu };
  const adapter = await gpu?.requestAdapter().catch(() => null);
  if (adapter == null) return 'no';
  return adapter.info?.isFallbackAdapter === true ? 'partly' : 'yes';
}

async function programs(): Promise<Presence> {
  const one = 'ws://127.0.0.1';
  if ((await keptFrom(one)) !== null) return 'no';
  return (await askedBefore(one)) === null ? 'yes' : 'partly';
}

function isIsolated(): boolean {
  return window.crossOriginIsolated;
}

/** Looks at everything; takes a moment. */
export async function capabilities(): Promise<CapabilityGroup[]> {
  const storage = (navigator.storage ?? {}) as Partial<StorageManager>;
  const ownFiles = await privateFiles();
  const kept = (await storage.persisted?.().catch(() => false)) ?? false;
  const gpu = await graphics();
  const own = await programs();
  const cores = navigator.hardwareConcurrency || 1;
  return [
    {
      title: 'Verify and compute',
      capabilities: [
        of(
          'Fast arithmetic',
          'WebAssembly with SIMD',
          typeof WebAssembly === 'object' && WebAssembly.validate(SIMD),
          'Blocks, pieces and proofs are computed here.',
          'Nothing can be verified or plotted. Take a browser of the last three years.',
        ),
        of(
          'Encryption',
          'WebCrypto in a secure context',
          window.isSecureContext && typeof crypto.subtle === 'object',
          'The wallet and the proof of time use the browser’s own encryption.',
          'Open the page by https:// or from this machine, else there is neither wallet nor proof of time.',
        ),
        of(
          'Several cores',
          'hardwareConcurrency',
          cores >= 4 ? 'yes' : 'partly',
          `${cores} cores share plotting, proofs and verification.`,
          `${cores === 1 ? 'One core does' : `${cores} cores do`} everything: a proof may come too late while the machine is busy.`,
        ),
        of(
          'Graphics processor',
          'WebGPU',
          gpu,
          'It helps wherever it measures faster than the cores.',
          gpu === 'partly'
            ? 'It is emulated on the cores, so that the cores are used directly.'
            : 'The cores do all the work.',
        ),
        of(
          'Isolated page',
          'crossOriginIsolated',
          isIsolated(),
          'Times are measured exactly, and other pages cannot look into this one’s memory.',
          'Times are measured less exactly. Where the server does not isolate it, the page does from the second visit on.',
        ),
      ],
    },
    {
      title: 'Farm',
      capabilities: [
        of(
          'Folders of your drives',
          'File System Access',
          canPickFolders,
          'A farm can lie on any drive and be as large as it. After a restart the browser may ask you again.',
          'No farm on a drive of your choice: Chrome and Edge on a computer open folders.',
        ),
        of(
          'The browser’s own space',
          'Origin private file system',
          ownFiles,
          'A farm can lie in the browser, without any question.',
          'No farm in the browser; a private window often has no space.',
        ),
        of(
          'Space that is kept',
          'StorageManager.persisted',
          !ownFiles ? 'no' : kept ? 'yes' : 'partly',
          'The browser deletes nothing without asking you.',
          'The browser may delete everything when the disk runs full. Installing the app, or the button in Settings, changes that.',
        ),
        of(
          'One tab farms',
          'Web Locks, BroadcastChannel',
          typeof navigator.locks === 'object' && typeof BroadcastChannel === 'function',
          'Further tabs show what the first one does, and take over when it is closed.',
          'The node does not start.',
        ),
        of(
          'Not put to sleep',
          'RTCPeerConnection, Web Locks',
          typeof RTCPeerConnection === 'function',
          'A channel to itself is held open while it farms, which browsers take as a reason not to freeze a tab.',
          'The browser may freeze the tab in the background; what was missed is counted.',
        ),
        of(
          'Screen kept on',
          'Screen Wake Lock',
          'wakeLock' in navigator,
          'Settings can keep the screen on while the tab is open.',
          'The screen, and then the computer, may fall asleep: change that in its power settings.',
        ),
        of(
          'Heat',
          'Compute Pressure, thermals',
          machineSenses.heat,
          'Plotting slows down when the machine gets hot.',
          'Heat is not told: allow fewer cores if it gets hot.',
        ),
        of(
          'Power',
          'Battery Status',
          machineSenses.power,
          'Plotting can wait until the machine is plugged in.',
          'Whether it is plugged in is not told: pause by hand.',
        ),
        of(
          'Whether you are there',
          'Idle Detection',
          machineSenses.idleness,
          'Plotting can wait until nobody uses the machine, once you allow the page to see that.',
          'Plotting cannot follow your absence; hours of the day can be set.',
        ),
      ],
    },
    {
      title: 'Network and app',
      capabilities: [
        of(
          'Peers',
          'WebTransport, WebRTC',
          typeof RTCPeerConnection !== 'function'
            ? 'no'
            : typeof (globalThis as { WebTransport?: unknown }).WebTransport === 'function'
              ? 'yes'
              : 'partly',
          'Peers are reached by WebTransport, WebRTC and WebSocket.',
          'Peers are reached by fewer ways: by WebSocket, and WebRTC where there is one.',
        ),
        of(
          'Programs on this machine',
          'Local Network Access',
          own,
          'Your own node, helper and gateway are reached.',
          own === 'partly'
            ? 'The browser asks you before this page reaches your own node, helper or gateway.'
            : 'The browser keeps this page from your own node, helper and gateway. Its settings of this site change that.',
        ),
        of(
          'Works offline',
          'Service Worker',
          'serviceWorker' in navigator,
          'The app starts without a connection, and objects play as they come.',
          'The app needs a connection to start; objects cannot be streamed.',
        ),
        of(
          'Notifications',
          'Notification',
          typeof Notification === 'function',
          'Settings can tell you of rewards and trouble while the tab is in the background.',
          'Look at the page to see how it is.',
        ),
        of(
          'Passkeys',
          'WebAuthn',
          passkeysExist(),
          'The wallet may be unlocked by finger or face, where the device can do that.',
          'The wallet is unlocked by its password.',
        ),
      ],
    },
  ];
}
