/** Calls that the local network runs, decoded. Anything else is refused as `InvalidTransaction::Call`. */
import { decodeAll, type ScaleReader } from '../../src/protocol/scale.ts';
import { readSegmentHeader } from '../../src/protocol/segment.ts';
import type { SegmentHeader, Vote } from '../../src/protocol/types.ts';
import { readVote } from '../../src/protocol/vote.ts';
import { readBundleBody, type Bundle } from '../domain/receipt.ts';
import { readDomainCall, type DomainCall } from './domain-registry.ts';
import { addWeights, callWeights, type Weight } from './weights.ts';

export type Call =
  | { kind: 'timestamp.set'; now: bigint }
  | { kind: 'system.remark'; remark: Uint8Array }
  | { kind: 'system.remark_with_event'; remark: Uint8Array }
  | { kind: 'subspace.store_segment_headers'; headers: SegmentHeader[] }
  | {
      kind: 'subspace.enable_solution_range_adjustment';
      override: bigint | null;
      votingOverride: bigint | null;
    }
  | { kind: 'subspace.vote'; vote: Vote; signature: Uint8Array }
  | { kind: 'subspace.enable_rewards_at'; height: number | null; below: bigint | null }
  | { kind: 'subspace.enable_authoring_by_anyone' }
  | { kind: 'subspace.set_pot_slot_iterations'; iterations: number }
  | { kind: 'balances.transfer'; to: Uint8Array; value: bigint; keepAlive: boolean }
  | { kind: 'balances.transfer_all'; to: Uint8Array; keepAlive: boolean }
  | { kind: 'utility.batch'; calls: Call[]; mode: 'stop' | 'all' | 'force' }
  | { kind: 'domains.nominate_operator'; operator: bigint; amount: bigint }
  | { kind: 'domains.withdraw_stake'; operator: bigint; shares: bigint }
  | { kind: 'domains.unlock_funds'; operator: bigint }
  | { kind: 'domains.submit_bundle'; bundle: Bundle }
  | DomainCall
  | { kind: 'transporter.transfer'; domain: number; to: Uint8Array; value: bigint }
  | { kind: 'runtime_configs.set_enable_dynamic_cost_of_storage'; enable: boolean }
  | { kind: 'runtime_configs.set_enable_balance_transfers'; enable: boolean }
  | { kind: 'sudo.sudo'; call: Call };

/** Calls nested deeper than this are not decoded. */
const MAX_DEPTH = 10;
const MAX_BATCH = 10_000;

/** An account in an extrinsic: only plain account ids are in use. */
function readAddress(reader: ScaleReader): Uint8Array {
  const kind = reader.u8();
  if (kind !== 0) reader.fail(`an address must be an account id, not of kind ${kind}`);
  return reader.raw(32);
}

function readCall(reader: ScaleReader, depth = 0): Call {
  if (depth > MAX_DEPTH) reader.fail('calls are nested too deep');
  const pallet = reader.u8();
  const index = reader.u8();
  switch (`${pallet}.${index}`) {
    case '0.0':
      return { kind: 'system.remark', remark: reader.byteVector() };
    case '0.7':
      return { kind: 'system.remark_with_event', remark: reader.byteVector() };
    case '1.0':
      return { kind: 'timestamp.set', now: reader.compactBig(0xffff_ffff_ffff_ffffn) };
    case '2.0':
      return { kind: 'subspace.store_segment_headers', headers: reader.vec(readSegmentHeader, 94) };
    case '2.1':
      return {
        kind: 'subspace.enable_solution_range_adjustment',
        override: reader.option((some) => some.u64()),
        votingOverride: reader.option((some) => some.u64()),
      };
    case '2.2':
      return { kind: 'subspace.vote', vote: readVote(reader), signature: reader.raw(64) };
    case '2.3':
      return readEnableRewards(reader);
    case '2.4':
      return { kind: 'subspace.enable_authoring_by_anyone' };
    case '2.5': {
      const iterations = reader.u32();
      if (iterations === 0) reader.fail('slot iterations are zero');
      return { kind: 'subspace.set_pot_slot_iterations', iterations };
    }
    case '5.0':
    case '5.3': {
      const to = readAddress(reader);
      const value = reader.compactBig((1n << 128n) - 1n);
      return { kind: 'balances.transfer', to, value, keepAlive: index === 3 };
    }
    case '5.4':
      return { kind: 'balances.transfer_all', to: readAddress(reader), keepAlive: reader.bool() };
    case '8.0':
    case '8.2':
    case '8.4': {
      const calls = reader.vec((item) => readCall(item, depth + 1), 2, MAX_BATCH);
      return { kind: 'utility.batch', calls, mode: index === 0 ? 'stop' : index === 2 ? 'all' : 'force' };
    }
    case '12.5':
      return { kind: 'domains.nominate_operator', operator: reader.u64(), amount: reader.u128() };
    case '12.9':
      return { kind: 'domains.withdraw_stake', operator: reader.u64(), shares: reader.u128() };
    case '12.10':
      return { kind: 'domains.unlock_funds', operator: reader.u64() };
    case '12.0':
      return { kind: 'domains.submit_bundle', bundle: readBundleBody(reader) };
    case '12.2':
    case '12.4':
    case '12.6':
      return readDomainCall(reader, index);
    case '61.0':
      return readTransportation(reader);
    case '14.1':
      return { kind: 'runtime_configs.set_enable_dynamic_cost_of_storage', enable: reader.bool() };
    case '14.2':
      return { kind: 'runtime_configs.set_enable_balance_transfers', enable: reader.bool() };
    case '100.0':
      return { kind: 'sudo.sudo', call: readCall(reader, depth + 1) };
    default:
      return reader.fail(`the local network does not run call ${index} of pallet ${pallet}`);
  }
}

function readTransportation(reader: ScaleReader): Call {
  if (reader.u8() !== 1) reader.fail('transfers of the transporter go to a domain');
  const domain = reader.u32();
  if (reader.u8() !== 0) reader.fail('the account on the domain must be one of 32 bytes');
  return { kind: 'transporter.transfer', domain, to: reader.raw(32), value: reader.u128() };
}

function readEnableRewards(reader: ScaleReader): Call {
  const kind = reader.u8();
  if (kind > 2) reader.fail(`${kind} does not say when rewards begin`);
  return {
    kind: 'subspace.enable_rewards_at',
    height: kind === 0 ? reader.u32() : null,
    below: kind === 1 ? reader.u64() : null,
  };
}

/** Reads past a call: what is told to who looks for objects behind it. Throws DecodeError. */
export function skipCall(reader: ScaleReader): true {
  readCall(reader);
  return true;
}

/** Decodes a call whole; throws DecodeError. */
export function decodeCall(bytes: Uint8Array): Call {
  return decodeAll(bytes, 'call', (reader) => readCall(reader));
}

/** Weight that a call announces before it runs. */
export function callWeight(call: Call): Weight {
  const nested = (calls: Call[]) => calls.map(callWeight);
  switch (call.kind) {
    case 'timestamp.set':
      return callWeights.timestampSet();
    case 'system.remark':
      return callWeights.remark(call.remark.length);
    case 'system.remark_with_event':
      return callWeights.remarkWithEvent(call.remark.length);
    case 'subspace.store_segment_headers':
      return callWeights.storeSegmentHeaders(call.headers.length);
    case 'subspace.enable_solution_range_adjustment':
      return callWeights.enableSolutionRangeAdjustment();
    case 'subspace.vote':
      return callWeights.vote();
    case 'subspace.enable_rewards_at':
      return callWeights.enableRewardsAt();
    case 'subspace.enable_authoring_by_anyone':
      return callWeights.enableAuthoringByAnyone();
    case 'subspace.set_pot_slot_iterations':
      return callWeights.setPotSlotIterations();
    case 'balances.transfer':
      return call.keepAlive ? callWeights.transferKeepAlive() : callWeights.transferAllowDeath();
    case 'balances.transfer_all':
      return callWeights.transferAll();
    case 'utility.batch': {
      const count = call.calls.length;
      const own =
        call.mode === 'stop'
          ? callWeights.batch(count)
          : call.mode === 'all'
            ? callWeights.batchAll(count)
            : callWeights.forceBatch(count);
      return addWeights(own, ...nested(call.calls));
    }
    case 'domains.nominate_operator':
      return callWeights.nominateOperator();
    case 'domains.withdraw_stake':
      return callWeights.withdrawStake();
    case 'domains.unlock_funds':
      return callWeights.unlockFunds();
    case 'domains.submit_bundle':
      return callWeights.submitBundle();
    case 'domains.register_domain_runtime':
    case 'domains.instantiate_domain':
    case 'domains.register_operator':
      return callWeights.domain();
    case 'transporter.transfer':
      return callWeights.transporterTransfer();
    case 'runtime_configs.set_enable_dynamic_cost_of_storage':
      return callWeights.setEnableDynamicCostOfStorage();
    case 'runtime_configs.set_enable_balance_transfers':
      return callWeights.setEnableBalanceTransfers();
    case 'sudo.sudo':
      return addWeights(callWeights.sudo(), callWeight(call.call));
  }
}

/** Whether a call moves tokens itself or inside a batch. */
export function containsTransfer(call: Call): boolean {
  if (call.kind === 'utility.batch') return call.calls.some(containsTransfer);
  return call.kind === 'balances.transfer' || call.kind === 'balances.transfer_all';
}

/** Calls that `BalanceTransferCheckExtension` looks at: the call and those in its batches. */
export function countNested(call: Call): number {
  if (call.kind !== 'utility.batch') return 1;
  return call.calls.reduce((sum, inner) => sum + countNested(inner), 1);
}
