/**
 * Wallets that a browser extension puts into the page (`window.injectedWeb3`), for those who keep their keys there:
 * the extension shows and signs the same transaction, and the key never comes near this app.
 */
import { useSyncExternalStore } from 'react';
import * as v from 'valibot';

interface Extension {
  accounts: { get(anyType?: boolean): Promise<unknown> };
  signer: { signPayload?: (payload: unknown) => Promise<unknown> };
}

interface Injected {
  version?: string;
  enable?: (origin: string) => Promise<Extension>;
}

/** An account of an extension. */
export interface InjectedAccount {
  /** SS58, as the extension writes it. */
  address: string;
  name: string;
  /** Name of the extension. */
  wallet: string;
}

const account = v.looseObject({
  address: v.pipe(v.string(), v.maxLength(64)),
  name: v.optional(v.string()),
  type: v.optional(v.string()),
});
const signed = v.looseObject({ signature: v.pipe(v.string(), v.regex(/^0x[0-9a-f]{128,130}$/i)) });

function injected(): Record<string, Injected> {
  const found = (globalThis as { injectedWeb3?: unknown }).injectedWeb3;
  return typeof found === 'object' && found !== null ? (found as Record<string, Injected>) : {};
}

/** Names of the extensions that offer themselves to this page. */
export function injectedWallets(): string[] {
  return Object.entries(injected()).flatMap(([name, { enable }]) =>
    typeof enable === 'function' ? [name] : [],
  );
}

const connected = new Map<string, Extension>();
let accounts: readonly InjectedAccount[] = [];
const listeners = new Set<() => void>();

/** Asks an extension for its accounts; the person allows that there. Rejects with a sentence. */
export async function connectInjected(wallet: string): Promise<void> {
  const offered = injected()[wallet];
  const extension = await offered?.enable?.('Allotment').catch(() => null);
  if (extension === undefined || extension === null)
    throw new Error(`${wallet} did not allow this page to see its accounts.`);
  const given = v.safeParse(v.array(account), await extension.accounts.get());
  if (!given.success) throw new Error(`${wallet} gave accounts in a form that this app does not know.`);
  // Accounts of other key types sign in ways that this app does not send.
  const own = given.output
    .filter(({ type }) => type === undefined || type === 'sr25519')
    .map(({ address, name }) => ({ address, name: (name ?? address).slice(0, 64), wallet }));
  if (own.length === 0) throw new Error(`${wallet} has no account of the kind sr25519 for this page.`);
  connected.set(wallet, extension);
  accounts = [...accounts.filter((one) => one.wallet !== wallet), ...own];
  for (const listener of listeners) listener();
}

/** The accounts of all extensions that were connected since the page was opened. */
export function useInjectedAccounts(): readonly InjectedAccount[] {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => accounts,
  );
}

/** Has an extension sign a transaction (`SignerPayloadJSON`). Resolves to the signature in hex; rejects with a sentence. */
export async function signInjected(wallet: string, payload: Record<string, unknown>): Promise<string> {
  const sign = connected.get(wallet)?.signer.signPayload;
  if (sign === undefined) throw new Error(`${wallet} cannot sign transactions.`);
  const answer = await sign(payload).catch(() => null);
  if (answer === null) throw new Error(`It was not signed in ${wallet}. Nothing was sent.`);
  const given = v.safeParse(signed, answer);
  if (!given.success) throw new Error(`${wallet} answered with something that is no signature.`);
  return given.output.signature.slice(2).toLowerCase();
}
