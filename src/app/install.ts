/** Installing the app from a button of its own, where the browser offers that. */
import { useSyncExternalStore } from 'react';

/** Chromium's: what the type library does not know. */
interface InstallPrompt extends Event {
  prompt(): Promise<{ outcome: 'accepted' | 'dismissed' }>;
}

let offer: InstallPrompt | null = null;
const listeners = new Set<() => void>();

function setOffer(prompt: InstallPrompt | null): void {
  offer = prompt;
  for (const listener of listeners) listener();
}

/** Keeps the browser's offer for the button; call once, early: it is made soon after the page loads. */
export function keepInstallOffer(): void {
  window.addEventListener('beforeinstallprompt', (event) => {
    // Else some browsers show a bar of their own right away.
    event.preventDefault();
    setOffer(event as InstallPrompt);
  });
  window.addEventListener('appinstalled', () => setOffer(null));
}

/** `offered`: the button works; `installed`: this is the app's own window; `manual`: only the browser's menu does it. */
export type InstallState = 'offered' | 'installed' | 'manual';

function state(): InstallState {
  if (window.matchMedia('(display-mode: standalone)').matches) return 'installed';
  return offer === null ? 'manual' : 'offered';
}

export function useInstall(): [InstallState, () => Promise<void>] {
  const now = useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, state);
  return [now, install];
}

/** An offer can be used once, whatever the person answers. */
async function install(): Promise<void> {
  const prompt = offer;
  setOffer(null);
  await prompt?.prompt();
}

/** How the person installs it without a button. */
export function installHint(): string {
  return /iPhone|iPad|iPod/.test(navigator.userAgent)
    ? 'Press Share, then “Add to Home Screen”.'
    : 'The browser’s menu may have “Install” or “Add to Home screen”; not every browser installs pages.';
}
