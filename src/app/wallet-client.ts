/** The page's end of wallet and identities: their commands as if they were here. */
import { useCallback, useEffect, useRef, useState } from 'react';
import type { IdentityCommands, WalletCommands } from '../node/desk.ts';
import type { MoneyCommands } from '../node/money.ts';
import { messageOf } from '../protocol/errors.ts';
import type { WalletStatus } from '../wallet/service.ts';
import { node } from './node-client.ts';
import { unchanged } from './unchanged.ts';

/** Commands of a part of the node, each sent by its name. */
export function commands<T extends object>(call: (name: string, input: unknown) => Promise<unknown>): T {
  return new Proxy({} as T, {
    get: (_, name) => (typeof name === 'string' ? (input: unknown) => call(name, input) : undefined),
  });
}

/** Commands of the wallet; each rejects with a sentence for the person. */
export const wallet = commands<WalletCommands>((name, input) => node.wallet(name, input));
/** Commands of identities; each rejects with a sentence for the person. */
export const identity = commands<IdentityCommands>((name, input) => node.identities(name, input));
/** Commands about payments and the accounts' history; each rejects with a sentence for the person. */
export const money = commands<MoneyCommands>((name, input) => node.money(name, input));

const POLL_MS = 5000;
/** How often the wallet is told at most that the person is here, which puts off its lock. */
const TOUCH_MS = 20_000;

const loadStatus = (): Promise<WalletStatus> => wallet.status();

/** The wallet's state, looked at again after `refresh` and every few seconds, for it may lock itself. */
export function useWallet(): { status: WalletStatus | null; error: string | null; refresh: () => void } {
  const { value: status, error, reload: refresh } = usePolled(loadStatus, POLL_MS);
  const unlocked = status?.unlocked === true;
  useEffect(() => {
    if (!unlocked) return undefined;
    let last = 0;
    const here = () => {
      if (Date.now() - last < TOUCH_MS) return;
      last = Date.now();
      wallet.touch().catch(() => undefined);
    };
    const signs = ['pointerdown', 'keydown'] as const;
    for (const sign of signs) document.addEventListener(sign, here);
    return () => {
      for (const sign of signs) document.removeEventListener(sign, here);
    };
  }, [unlocked]);
  return { status, error, refresh };
}

/**
 * The account of the recovery phrase that is to sign: the first until the person chooses another in a `Select` with
 * these `choices`; '' while there is none.
 */
export function useSigner(): {
  status: WalletStatus | null;
  signer: string;
  choices: {
    value: string;
    options: (readonly [address: string, name: string])[];
    onChange: (address: string) => void;
  };
  /** Looks at once whether the wallet is open. */
  refresh: () => void;
} {
  const { status, refresh } = useWallet();
  const [chosen, onChange] = useState('');
  const options = (status?.accounts ?? [])
    .filter(({ kind }) => kind === 'phrase')
    .map(({ address, name }) => [address, name] as const);
  const signer = chosen === '' ? (options[0]?.[0] ?? '') : chosen;
  return { status, signer, choices: { value: signer, options, onChange }, refresh };
}

/**
 * What a command gives, fetched at once and again after `reload`; null until it is there. Of two answers that overtake each
 * other the one to the later question stays.
 */
export function useLoaded<T>(load: () => Promise<T>): {
  value: T | null;
  error: string | null;
  reload: () => void;
} {
  const [value, setValue] = useState<T | null>(null);
  const [error, setError] = useState<string | null>(null);
  const turns = useRef({ asked: 0, answered: 0 });
  const reload = useCallback(() => {
    const turn = (turns.current.asked += 1);
    const isNewest = (): boolean => {
      if (turn <= turns.current.answered) return false;
      turns.current.answered = turn;
      return true;
    };
    load().then(
      (loaded) => {
        if (!isNewest()) return;
        setValue((before) => unchanged(loaded, before));
        setError(null);
      },
      (failure: unknown) => {
        if (isNewest()) setError(messageOf(failure));
      },
    );
  }, [load]);
  useEffect(() => {
    // What was asked before is about something else.
    turns.current.answered = turns.current.asked;
    reload();
  }, [reload]);
  return { value, error, reload };
}

/** The same, fetched again every `intervalMs`. */
export function usePolled<T>(
  load: () => Promise<T>,
  intervalMs: number,
): { value: T | null; error: string | null; reload: () => void } {
  const loaded = useLoaded(load);
  const { reload } = loaded;
  useEffect(() => {
    const timer = setInterval(reload, intervalMs);
    return () => clearInterval(timer);
  }, [reload, intervalMs]);
  return loaded;
}
