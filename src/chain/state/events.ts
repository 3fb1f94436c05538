/** What happened in a block, as its state says: `System.Events`. */
import * as v from 'valibot';
import type { RuntimeMetadata } from '../../protocol/metadata.ts';
import { itemQuery, type Query } from './reader.ts';
import { big, shaped, small, text } from './shape.ts';

/** An event of a block. */
export interface ChainEvent {
  /** Index of the extrinsic that caused it; null for what the block itself did. */
  extrinsic: number | null;
  pallet: string;
  name: string;
  /** By the runtime's names; empty where the event carries nothing or what it carries has no names. */
  fields: Record<string, unknown>;
}

const variant = v.object({ type: text, value: v.unknown() });
const records = v.array(v.looseObject({ phase: variant, event: v.object({ type: text, value: variant }) }));

function fieldsOf(value: unknown): Record<string, unknown> {
  const plain = typeof value === 'object' && value !== null && !Array.isArray(value);
  return plain && !(value instanceof Uint8Array) ? (value as Record<string, unknown>) : {};
}

/** All events of the block whose state is read, in their order. */
export function eventsQuery(metadata: RuntimeMetadata): Query<ChainEvent[]> {
  return itemQuery(metadata.storage('System', 'Events'), [], (value) =>
    shaped(records, value, 'System.Events').map(({ phase, event }) => ({
      extrinsic: phase.type === 'ApplyExtrinsic' ? shaped(small, phase.value, 'an event’s phase') : null,
      pallet: event.type,
      name: event.value.type,
      fields: fieldsOf(event.value.value),
    })),
  );
}

/** What became of an extrinsic. */
export interface Outcome {
  success: boolean;
  /** Why it failed, as the runtime names it, e.g. `Token.FundsUnavailable`, `Domains.Staking.ZeroDeposit`; null for success. */
  failure: string | null;
  /** Smallest unit that was paid, tip included; null for what nobody pays for. */
  fee: bigint | null;
  /** Its events, in their order. */
  events: ChainEvent[];
}

const failed = v.looseObject({ dispatch_error: variant });
const paid = v.looseObject({ actual_fee: big });

/** What the events of a block say of one of its extrinsics; null if they say nothing of it. */
export function outcomeOf(events: readonly ChainEvent[], extrinsic: number): Outcome | null {
  const own = events.filter((event) => event.extrinsic === extrinsic);
  const find = (pallet: string, name: string) =>
    own.find((event) => event.pallet === pallet && event.name === name);
  const failure = find('System', 'ExtrinsicFailed');
  if (failure === undefined && find('System', 'ExtrinsicSuccess') === undefined) return null;
  const fee = find('TransactionPayment', 'TransactionFeePaid');
  return {
    success: failure === undefined,
    failure: failure === undefined ? null : failureName(failure.fields),
    fee: fee === undefined ? null : shaped(paid, fee.fields, 'TransactionFeePaid').actual_fee,
    events: own,
  };
}

/** The variants inside one another: kind of error, then pallet, its error, and what that carries. */
function failureName(fields: Record<string, unknown>): string {
  const { dispatch_error: error } = shaped(failed, fields, 'System.ExtrinsicFailed');
  const names: string[] = [];
  for (let at: unknown = error; ;) {
    const seen = v.safeParse(variant, at);
    if (!seen.success) break;
    names.push(seen.output.type);
    at = seen.output.value;
  }
  return (names[0] === 'Module' ? names.slice(1) : names).join('.');
}

/** Whether an account (32 bytes) is named in an event. */
export function concerns(event: ChainEvent, account: Uint8Array): boolean {
  return Object.values(event.fields).some(
    (value) =>
      value instanceof Uint8Array &&
      value.length === account.length &&
      value.every((byte, index) => byte === account[index]),
  );
}
