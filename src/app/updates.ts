/** New versions of the app: found now and then, taken over when the person says so and nothing would be lost. */
import { useSyncExternalStore } from 'react';
import type { FarmView } from '../node/api.ts';

const LOOK_MS = 60 * 60_000;
/** Longer than any network waits for a proof. */
const PROOFS_MS = 40_000;

let waiting: ServiceWorker | null = null;
const listeners = new Set<() => void>();

function found(worker: ServiceWorker | null): void {
  waiting = worker;
  for (const listener of listeners) listener();
}

/** Registers the service worker and watches for newer ones; every tab is reloaded when one takes over. */
export async function watchForUpdates(): Promise<void> {
  const { serviceWorker } = navigator;
  const first = serviceWorker.controller === null;
  serviceWorker.addEventListener('controllerchange', () => {
    // The first one takes over a page that it did not deliver: nothing is new then.
    if (!first || waiting !== null) window.location.reload();
  });
  const registration = await serviceWorker.register('/service-worker.js', { type: 'module' });
  // The very first one waits for a moment, too, before it becomes active: only what replaces another is newer.
  if (registration.waiting !== null && registration.active !== null) found(registration.waiting);
  registration.addEventListener('updatefound', () => {
    const { installing, active } = registration;
    installing?.addEventListener('statechange', () => {
      if (installing.state === 'installed' && active !== null) found(installing);
    });
  });
  setInterval(() => void registration.update().catch(() => undefined), LOOK_MS);
}

/** Whether a newer version waits. */
export function useUpdate(): boolean {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => waiting !== null,
  );
}

/** Lets the newer version take over; the page reloads. */
export function takeUpdate(): void {
  waiting?.postMessage({ kind: 'take-over' });
}

/**
 * What a restart would spoil now, a sentence; null when it spoils nothing that is not gone on with afterwards.
 * `waitedMs`: since the person wished for it. What was being proven then has come by some time, or is too late; where one
 * proof follows another there is no better moment to wait for.
 */
export function whyNotNow(farms: readonly FarmView[], waitedMs: number): string | null {
  if (waitedMs < PROOFS_MS && farms.some(({ proofs }) => proofs.underWay > 0))
    return 'A winning slot is being proven.';
  if (farms.some(({ task }) => task !== null && task.outcome === null))
    return 'Sectors are being checked or copied.';
  return null;
}
