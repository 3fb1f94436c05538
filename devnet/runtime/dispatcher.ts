/** What each call does: the pallets behind one door, as `RuntimeCall::dispatch` has it. */
import { concat, equal, littleEndian } from '../../src/protocol/bytes.ts';
import { blake2b256 } from '../../src/protocol/hash.ts';
import { storagePrefix } from '../../src/protocol/storage-key.ts';
import { transfer, transferAll } from './balances.ts';
import { callWeight, type Call } from './calls.ts';
import { badOrigin, DispatchError, InvalidTransaction, moduleError, type BlockContext } from './context.ts';
import { instantiateDomain, registerOperator, registerRuntime } from './domain-registry.ts';
import { submitBundle } from './domains.ts';
import { Staking } from './staking.ts';
import type { SubspacePallet } from './subspace.ts';
import { sendToDomain } from './transporter.ts';
import { addWeights, callWeights, weight, type Weight } from './weights.ts';

const SYSTEM = 0;
const UTILITY = 8;
const SUDO = 100;

const items = {
  now: storagePrefix('Timestamp', 'Now'),
  transfersEnabled: storagePrefix('RuntimeConfigs', 'EnableBalanceTransfers'),
  dynamicCost: storagePrefix('RuntimeConfigs', 'EnableDynamicCostOfStorage'),
  sudoKey: storagePrefix('Sudo', 'Key'),
};

/** Who a call runs for. */
export type Origin =
  | { kind: 'none' }
  | { kind: 'signed'; account: Uint8Array }
  | { kind: 'root' }
  | { kind: 'vote' }
  | { kind: 'bundle' };

/** What a call that ran leaves: what it really weighed, whether it is paid for. */
export interface PostInfo {
  weight: Weight;
  paysFee: boolean;
}

/** Runs the calls of one block. */
export class Dispatcher {
  /** Whether the block has said its time. */
  timestampSet = false;

  constructor(
    private readonly context: BlockContext,
    private readonly subspace: SubspacePallet,
  ) {}

  /** Whether accounts may send tokens to each other. */
  transfersEnabled(): boolean {
    return this.context.read(items.transfersEnabled, (reader) => reader.bool()) === true;
  }

  /** Runs a call; its changes are undone when it fails. */
  run(call: Call, origin: Origin): PostInfo | DispatchError {
    try {
      return this.context.storage.transaction(() => this.call(call, origin));
    } catch (error) {
      if (error instanceof DispatchError) return error;
      throw error;
    }
  }

  private call(call: Call, origin: Origin): PostInfo {
    const { context, subspace } = this;
    const done = { weight: callWeight(call), paysFee: true };
    const signer = (): Uint8Array => {
      if (origin.kind !== 'signed') throw badOrigin();
      return origin.account;
    };
    const require = (kind: Origin['kind']): void => {
      if (origin.kind !== kind) throw badOrigin();
    };
    switch (call.kind) {
      case 'timestamp.set':
        require('none');
        this.setTimestamp(call.now);
        return done;
      case 'system.remark':
        if (origin.kind !== 'root') signer();
        return done;
      case 'system.remark_with_event':
        context.depositEvent(SYSTEM, 5, signer(), blake2b256(call.remark));
        return done;
      case 'subspace.store_segment_headers':
        require('none');
        subspace.storeSegmentHeaders(call.headers);
        return done;
      case 'subspace.vote':
        require('vote');
        subspace.depositVoteEvent(call.vote);
        return done;
      case 'subspace.enable_solution_range_adjustment':
        require('root');
        subspace.enableSolutionRangeAdjustment(call.override, call.votingOverride);
        return done;
      case 'subspace.enable_rewards_at':
        require('root');
        if (call.height !== null) subspace.enableRewardsAt(call.height);
        if (call.below !== null) subspace.enableRewardsBelow(call.below);
        return done;
      case 'subspace.enable_authoring_by_anyone':
        require('root');
        subspace.enableAuthoringByAnyone();
        return done;
      case 'subspace.set_pot_slot_iterations':
        require('root');
        subspace.setPotSlotIterations(call.iterations);
        return done;
      case 'balances.transfer':
        transfer(context, signer(), call.to, call.value, call.keepAlive);
        return done;
      case 'balances.transfer_all':
        transferAll(context, signer(), call.to, call.keepAlive);
        return done;
      case 'utility.batch':
        if (origin.kind !== 'root') signer();
        return this.batch(call, origin);
      case 'domains.nominate_operator':
        new Staking(context).nominate(call.operator, signer(), call.amount);
        return done;
      case 'domains.withdraw_stake':
        new Staking(context).withdraw(call.operator, signer(), call.shares);
        return done;
      case 'domains.unlock_funds':
        new Staking(context).unlock(call.operator, signer());
        return done;
      case 'domains.submit_bundle':
        require('bundle');
        submitBundle(context, call.bundle);
        return { ...done, paysFee: false };
      case 'domains.register_domain_runtime':
        require('root');
        registerRuntime(context, call);
        return done;
      case 'domains.instantiate_domain':
        instantiateDomain(context, signer(), call);
        return done;
      case 'domains.register_operator':
        registerOperator(context, signer(), call);
        return done;
      case 'transporter.transfer':
        sendToDomain(context, signer(), call.domain, call.to, call.value);
        return done;
      case 'runtime_configs.set_enable_dynamic_cost_of_storage':
        require('root');
        context.write(items.dynamicCost, (writer) => writer.bool(call.enable));
        return done;
      case 'runtime_configs.set_enable_balance_transfers':
        require('root');
        context.write(items.transfersEnabled, (writer) => writer.bool(call.enable));
        return done;
      case 'sudo.sudo': {
        const root = context.storage.get(items.sudoKey);
        if (root === null || !equal(root, signer())) throw moduleError(SUDO, 0, 'RequireSudo');
        const result = this.run(call.call, { kind: 'root' });
        const outcome =
          result instanceof DispatchError ? concat(new Uint8Array([1]), result.scale) : new Uint8Array([0]);
        context.depositEvent(SUDO, 0, outcome);
        return { ...done, paysFee: false };
      }
    }
  }

  private setTimestamp(now: bigint): void {
    const { context } = this;
    const before = context.read(items.now, (reader) => reader.u64()) ?? 0n;
    const period = BigInt(Math.floor(context.params.slotDurationMs / 2));
    if (this.timestampSet || (before !== 0n && now < before + period))
      throw new InvalidTransaction('BadMandatory');
    context.write(items.now, (writer) => writer.u64(now));
    this.timestampSet = true;
  }

  private batch({ calls, mode }: Call & { kind: 'utility.batch' }, origin: Origin): PostInfo {
    const { context } = this;
    const base = { stop: callWeights.batch, all: callWeights.batchAll, force: callWeights.forceBatch }[mode];
    let spent = weight(0);
    let failed = false;
    for (const [index, call] of calls.entries()) {
      const result = this.run(call, origin);
      if (!(result instanceof DispatchError)) {
        spent = addWeights(spent, result.weight);
        context.depositEvent(UTILITY, 3);
        continue;
      }
      if (mode === 'all') throw result;
      spent = addWeights(spent, callWeight(call));
      failed = true;
      if (mode === 'stop') {
        context.depositEvent(UTILITY, 0, littleEndian(index, 4), result.scale);
        return { weight: addWeights(base(index + 1), spent), paysFee: true };
      }
      context.depositEvent(UTILITY, 4, result.scale);
    }
    context.depositEvent(UTILITY, failed ? 2 : 1);
    return { weight: addWeights(base(calls.length), spent), paysFee: true };
  }
}
