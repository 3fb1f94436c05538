/**
 * Keeps the browser from freezing a tab that farms: browsers spare tabs with an open data channel, and those that hold
 * a lock for which others wait. The channel runs from the page to itself and asks no server for anything.
 */
import { AWAKE_LOCK } from '../node/awake-lock.ts';
import type { NodeApi } from '../node/api.ts';
import { node, wasRestarted } from './node-client.ts';

let channel: { local: RTCPeerConnection; remote: RTCPeerConnection } | null = null;

let releaseLock: (() => void) | null = null;
let waiter: SharedWorker | null = null;

/** Holds lock and channel, or lets them go. What the browser does not have is left out. */
export function keepAwake(on: boolean): void {
  keepLock(on);
  keepChannel(on);
}

function keepLock(on: boolean): void {
  if (!on) {
    releaseLock?.();
    releaseLock = null;
    waiter?.port.close();
    waiter = null;
    return;
  }
  if (releaseLock !== null) return;
  const held = new Promise<void>((done) => (releaseLock = done));
  void navigator.locks.request(AWAKE_LOCK, () => {
    wait();
    return held;
  });
}

function wait(): void {
  if (typeof SharedWorker !== 'function') return;
  waiter = new SharedWorker(new URL('../../workers/waiter.ts', import.meta.url), {
    type: 'module',
    name: 'allotment-waiter',
  });
}

/** Tells the node when the browser froze or closed the tab nevertheless. Returns what ends that. */
export function watchFreezing(): () => void {
  const stop = new AbortController();
  if ((document as { wasDiscarded?: boolean }).wasDiscarded === true) tell('discarded', 0);
  if (wasRestarted()) tell('restarted', 0);
  let since = 0;
  document.addEventListener('freeze', () => (since = Date.now()), { signal: stop.signal });
  document.addEventListener('resume', () => tell('frozen', Date.now() - since), { signal: stop.signal });
  return () => stop.abort();
}

function tell(how: Parameters<NodeApi['asleep']>[0], ms: number): void {
  node.asleep(how, ms).catch(() => undefined);
}

function keepChannel(on: boolean): void {
  if (!on) {
    channel?.local.close();
    channel?.remote.close();
    channel = null;
  } else if (channel === null && typeof RTCPeerConnection === 'function') {
    channel = { local: new RTCPeerConnection(), remote: new RTCPeerConnection() };
    void connect(channel.local, channel.remote).catch(() => keepChannel(false));
  }
}

async function connect(local: RTCPeerConnection, remote: RTCPeerConnection): Promise<void> {
  local.onicecandidate = ({ candidate }) => void remote.addIceCandidate(candidate ?? undefined);
  remote.onicecandidate = ({ candidate }) => void local.addIceCandidate(candidate ?? undefined);
  local.createDataChannel('awake');
  await local.setLocalDescription(await local.createOffer());
  await remote.setRemoteDescription(local.localDescription!);
  await remote.setLocalDescription(await remote.createAnswer());
  await local.setRemoteDescription(remote.localDescription!);
}
