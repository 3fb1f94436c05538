/** The screen kept on, for those who want it: browsers give the lock back whenever the tab is hidden. */
import { useSyncExternalStore } from 'react';

const KEY = 'screen-awake';
const listeners = new Set<() => void>();
let lock: WakeLockSentinel | null = null;

const wanted = (): boolean => localStorage.getItem(KEY) === 'on';

async function apply(): Promise<void> {
  if (!wanted()) {
    await lock?.release();
    lock = null;
  } else if (document.visibilityState === 'visible' && (lock === null || lock.released)) {
    // Refused, say, on a low battery: asked again when the tab is next shown.
    lock = (await navigator.wakeLock?.request('screen').catch(() => null)) ?? null;
  }
}

/** Keeps the screen on from now on if the person chose that; returns what ends it. */
export function keepScreenAwake(): () => void {
  const shown = (): void => void apply();
  document.addEventListener('visibilitychange', shown);
  void apply();
  return () => {
    document.removeEventListener('visibilitychange', shown);
    void lock?.release();
    lock = null;
  };
}

/** The choice, and what changes it. */
export function useScreenAwake(): [boolean, (on: boolean) => void] {
  const on = useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, wanted);
  return [
    on,
    (next) => {
      localStorage.setItem(KEY, next ? 'on' : 'off');
      for (const listener of listeners) listener();
      void apply();
    },
  ];
}
