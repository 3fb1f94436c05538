/** What the wallet remembers of the registry, and of what it did with identities, beyond the identities themselves. */
import { toHex } from '../protocol/bytes.ts';
import type { IdentityContext } from './context.ts';
import type { RegistryView } from './registry-access.ts';

type Memory = Pick<IdentityContext, 'get' | 'put' | 'list' | 'seconds'>;

interface SeenRevocation {
  /** Seconds since the epoch. */
  at: number;
  /** It was revoked in this wallet, and by all that was seen of it in no registry. */
  here?: boolean;
}

interface SeenRegistered {
  /** Seconds since the epoch. */
  at: number;
  /** Hash (hex) of the first block of the domain that was proven to hold it; left out where none was. */
  genesis?: string;
}

const seenKey = (id: Uint8Array): string => `seen-${toHex(id)}`;
const registeredKey = (id: Uint8Array): string => `registered-${toHex(id)}`;
const payerKey = (did: string): string => `payer-${did}`;

/** Identifiers that this wallet has seen revoked, in hex. */
export function seenRevoked(memory: Memory): Set<string> {
  return new Set(memory.list<unknown>('seen-revocation').map(({ id }) => id.slice('seen-'.length)));
}

/** Remembers that an identity was revoked, for good. `here`: in this wallet alone. */
export async function rememberRevoked(memory: Memory, id: Uint8Array, here = false): Promise<void> {
  const before = memory.get<SeenRevocation>(seenKey(id), 'seen-revocation');
  if (before !== null && (here || before.here !== true)) return;
  const at = before?.at ?? memory.seconds;
  await memory.put(seenKey(id), 'seen-revocation', { at, ...(here && { here }) } satisfies SeenRevocation);
}

/** Whether an identity was revoked in this wallet, and by all that was seen of it in no registry. */
export function wasRevokedHere(memory: Memory, id: Uint8Array): boolean {
  return memory.get<SeenRevocation>(seenKey(id), 'seen-revocation')?.here === true;
}

/**
 * Remembers that the registry of a network held an identity. `genesis`: of its domain (hex), where that is proven; a later
 * one takes the place of an earlier one.
 */
export async function noteRegistered(memory: Memory, id: Uint8Array, genesis?: string): Promise<void> {
  const before = memory.get<SeenRegistered>(registeredKey(id), 'setting');
  if (before !== null && (genesis === undefined || genesis === before.genesis)) return;
  const at = before?.at ?? memory.seconds;
  await memory.put(registeredKey(id), 'setting', {
    at,
    ...(genesis && { genesis }),
  } satisfies SeenRegistered);
}

/** Whether a registry has no entry of an identity that it was proven to hold before. */
export function isGivenUp(memory: Memory, id: Uint8Array, view: RegistryView | null): boolean {
  const seen = memory.get<SeenRegistered>(registeredKey(id), 'setting');
  return view !== null && view.registry.entry(id) === null && seen?.genesis === view.genesis;
}

/** Whether this wallet ever saw the registry of a network hold an identity. */
export function wasRegistered(memory: Memory, id: Uint8Array): boolean {
  return memory.get(registeredKey(id), 'setting') !== null;
}

/**
 * SS58 address of the account that last paid for a deed of an identity, or of the nearest one above it, as long as the
 * wallet can sign for it; undefined: none did.
 */
export async function lastPayer(context: IdentityContext, did: string): Promise<string | undefined> {
  const { accounts } = await context.wallet.status();
  const known = context.known(did);
  return [did, ...(known === null ? [] : context.issuersOf(context.chainOf(known)))]
    .map((one) => context.get<{ account: string }>(payerKey(one), 'setting')?.account)
    .find((paid) => accounts.some(({ address, kind }) => address === paid && kind === 'phrase'));
}

/** Remembers who paid for a deed of an identity. `account`: SS58 address. */
export async function notePayer(memory: Memory, did: string, account: string): Promise<void> {
  if (memory.get<{ account: string }>(payerKey(did), 'setting')?.account !== account)
    await memory.put(payerKey(did), 'setting', { account });
}
