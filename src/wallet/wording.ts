/** What a call does, in words for the person who is asked to sign it. */
import { textOf, toHex } from '../protocol/bytes.ts';
import type { DecodedCall } from '../protocol/metadata.ts';
import type { Token } from '../protocol/notation.ts';
import { encodeAddress } from '../protocol/ss58.ts';
import { inTokens } from './amounts.ts';

/** One thing that a call says. Amounts are decimal strings in the smallest unit, accounts SS58 addresses. */
export interface CallLine {
  label: string;
  kind: 'account' | 'amount' | 'number' | 'text' | 'data';
  value: string;
}

/** A call as a person reads it. */
export interface CallView {
  /** What it does, as a sentence without its end. */
  title: string;
  lines: CallLine[];
  /** Calls inside it, in their order. */
  inner: CallView[];
  /** The runtime's name, e.g. `Balances.transfer_keep_alive`. */
  name: string;
  /** Its arguments as JSON, byte strings as hex. */
  args: string;
  /** Whether the words come from this app; otherwise only the names of the runtime are known. */
  known: boolean;
}

/** A call in another's arguments, as `RuntimeCodecs` has it: pallet, then call. */
interface Nested {
  type: string;
  value: { type: string; value: Record<string, unknown> | null };
}

/** Bytes of a call's data that are kept to be shown; an upload has megabytes of them. */
const SHOWN_BYTES = 1024;

function hexOf(bytes: Uint8Array): string {
  const shown = toHex(bytes.subarray(0, SHOWN_BYTES));
  return bytes.length <= SHOWN_BYTES ? shown : `${shown}… (${bytes.length} bytes)`;
}

const json = (value: unknown): string =>
  JSON.stringify(value, (_, item: unknown) =>
    item instanceof Uint8Array ? `0x${hexOf(item)}` : typeof item === 'bigint' ? String(item) : item,
  ) ?? 'null';

function accountOf(value: unknown): string {
  if (value instanceof Uint8Array && value.length === 32) return encodeAddress(value);
  const { type, value: inner } = (value ?? {}) as { type?: unknown; value?: unknown };
  return type === 'Id' && inner instanceof Uint8Array && inner.length === 32
    ? encodeAddress(inner)
    : json(value);
}

const account = (label: string, value: unknown): CallLine => ({
  label,
  kind: 'account',
  value: accountOf(value),
});
const amount = (label: string, value: unknown): CallLine => ({ label, kind: 'amount', value: String(value) });
const number = (label: string, value: unknown): CallLine => ({ label, kind: 'number', value: String(value) });
const words = (label: string, value: string): CallLine => ({ label, kind: 'text', value });

type Args = Record<string, unknown>;
type Words = { title: string; lines: CallLine[]; inner?: unknown[] };

// oxlint-disable-next-line no-control-regex
const UNSHOWN = /[\u0000-\u0008\u000e-\u001f\u007f\u202a-\u202e\u2066-\u2069\ufeff]/;

/** Bytes of a remark that are text are shown as such, unless something in it changes how the rest is read. */
function dataLine(label: string, value: unknown): CallLine {
  if (!(value instanceof Uint8Array)) return words(label, json(value));
  try {
    const text = textOf(value);
    if (text !== '' && text.length <= 200 && !UNSHOWN.test(text)) return words(label, text);
  } catch {
    // Not text: shown as bytes below.
  }
  return { label, kind: 'data', value: hexOf(value) };
}

const size = (value: unknown): number => (value instanceof Uint8Array ? value.length : 0);

/** How calls are put into words, by the runtime's names. */
const WORDS: Record<string, (args: Args, token: Token) => Words> = {
  'Balances.transfer_keep_alive': ({ dest, value }, token) => ({
    title: `Send ${inTokens(value as bigint, token)}`,
    lines: [account('To', dest), amount('Amount', value)],
  }),
  'Balances.transfer_allow_death': ({ dest, value }, token) => ({
    title: `Send ${inTokens(value as bigint, token)}, even if that closes the account`,
    lines: [account('To', dest), amount('Amount', value)],
  }),
  'Balances.transfer_all': ({ dest, keep_alive: keepAlive }) => ({
    title: 'Send everything',
    lines: [
      account('To', dest),
      words('This account', keepAlive === true ? 'is kept open' : 'is closed by it'),
    ],
  }),
  'System.remark': ({ remark }) => ({
    title: `Store ${size(remark)} bytes in the network’s history`,
    lines: [dataLine('Content', remark)],
  }),
  'System.remark_with_event': ({ remark }) => ({
    title: `Store ${size(remark)} bytes in the network’s history, with an event`,
    lines: [dataLine('Content', remark)],
  }),
  'Domains.nominate_operator': ({ operator_id: operator, amount: value }, token) => ({
    title: `Stake ${inTokens(value as bigint, token)} with operator ${String(operator)}`,
    lines: [number('Operator', operator), amount('Amount', value)],
  }),
  'Domains.withdraw_stake': ({ operator_id: operator, to_withdraw: shares }) => ({
    title: `Begin to take stake back from operator ${String(operator)}`,
    lines: [number('Operator', operator), number('Shares', shares)],
  }),
  'Domains.unlock_funds': ({ operator_id: operator }) => ({
    title: `Unlock what was taken back from operator ${String(operator)}`,
    lines: [number('Operator', operator)],
  }),
  'Domains.unlock_nominator': ({ operator_id: operator }) => ({
    title: `Take all stake back from operator ${String(operator)}, which has left`,
    lines: [number('Operator', operator)],
  }),
  'Domains.register_operator': ({ domain_id: domain, amount: value }, token) => ({
    title: `Become an operator of domain ${String(domain)} with ${inTokens(value as bigint, token)}`,
    lines: [number('Domain', domain), amount('Stake', value)],
  }),
  'Domains.deregister_operator': ({ operator_id: operator }) => ({
    title: `Leave as operator ${String(operator)}`,
    lines: [number('Operator', operator)],
  }),
  'Transporter.transfer': ({ dst_location: to, amount: value }, token) => {
    const { chain_id: chain, account_id: who } = (to ?? {}) as Record<string, Nested['value'] | undefined>;
    const name = chain?.type === 'Domain' ? `domain ${json(chain.value)}` : 'the consensus chain';
    return {
      title: `Send ${inTokens(value as bigint, token)} to ${name}`,
      lines: [account('To', who?.value ?? who), words('On', name), amount('Amount', value)],
    };
  },
  'Utility.batch': ({ calls }) => batch('Do these one after another, until one fails', calls),
  'Utility.batch_all': ({ calls }) => batch('Do all of these or none', calls),
  'Utility.force_batch': ({ calls }) => batch('Do these one after another, whichever fail', calls),
  'Sudo.sudo': ({ call }) => ({ title: 'Do this as the root account', lines: [], inner: [call] }),
};

function batch(title: string, calls: unknown): Words {
  return { title, lines: [], inner: Array.isArray(calls) ? calls : [] };
}

function nestedCall(value: unknown): DecodedCall {
  const { type, value: call } = value as Nested;
  return { pallet: type, call: call.type, args: call.value };
}

/** Puts a call into words; one that this app does not know is shown by the runtime's names. */
export function describeCall({ pallet, call, args }: DecodedCall, token: Token): CallView {
  const name = `${pallet}.${call}`;
  const shown = { name, args: json(args) };
  const known = Object.hasOwn(WORDS, name) ? WORDS[name] : undefined;
  if (known !== undefined) {
    const { title, lines, inner = [] } = known(args ?? {}, token);
    return {
      ...shown,
      title,
      lines,
      known: true,
      inner: inner.map((one) => describeCall(nestedCall(one), token)),
    };
  }
  const lines = Object.entries(args ?? {}).map(([label, value]) => dataLine(label, value));
  return { ...shown, title: `Run “${call}” of ${pallet}`, lines, inner: [], known: false };
}
