import { useCallback, useEffect, useState } from 'react';
import { messageOf } from '../protocol/errors.ts';

/** The present moment, refreshed every `intervalMs`, for texts such as “12 s ago”. */
export function useNow(intervalMs = 1000): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), intervalMs);
    return () => clearInterval(timer);
  }, [intervalMs]);
  return now;
}

/** Whether the screens are laid out for a phone. */
export const onPhone = (): boolean => window.matchMedia('(max-width: 51.25em)').matches;

/** Of a card that is rarely needed: on a phone it is folded until it is wanted. */
export function useFold(wanted = false): { open: boolean; onToggle: (open: boolean) => void } {
  const [open, onToggle] = useState(() => wanted || !onPhone());
  return { open, onToggle };
}

const readAddress = () => window.location.hash.replace(/^#\/?/, '');

function useAddress(): string {
  const [address, setAddress] = useState(readAddress);
  useEffect(() => {
    const changed = () => setAddress(readAddress());
    window.addEventListener('hashchange', changed);
    return () => window.removeEventListener('hashchange', changed);
  }, []);
  return address;
}

/** The screen named in the address, e.g. `#/farm`. */
export function useRoute(): string {
  return useAddress().split(/[/?]/)[0] || 'home';
}

/** What the address says after the screen, e.g. the object in `#/objects/bafkr6i…?at=…`. */
export function useRouteDetail(): string {
  return useAddress().replace(/^[^/?]*\/?/, '');
}

export interface Command {
  run: () => void;
  busy: boolean;
  /** The sentence of the last failure. */
  error: string | null;
}

/** Runs a command of the node, keeping whether it is under way and the sentence it failed with. */
export function useCommand(action: () => Promise<unknown>): Command {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const run = useCallback(() => {
    setBusy(true);
    setError(null);
    action()
      .catch((failure: unknown) => setError(messageOf(failure)))
      .finally(() => setBusy(false));
  }, [action]);
  return { run, busy, error };
}

export type Theme = 'system' | 'light' | 'dark';

/** The colour theme, remembered in this browser. */
export function useTheme(): [Theme, (theme: Theme) => void] {
  const [theme, setTheme] = useState<Theme>(() => {
    const saved = localStorage.getItem('theme');
    return saved === 'light' || saved === 'dark' ? saved : 'system';
  });
  useEffect(() => {
    if (theme === 'system') {
      delete document.documentElement.dataset['theme'];
      localStorage.removeItem('theme');
    } else {
      document.documentElement.dataset['theme'] = theme;
      localStorage.setItem('theme', theme);
    }
  }, [theme]);
  return [theme, setTheme];
}
