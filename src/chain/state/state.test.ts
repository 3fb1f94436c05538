import * as v from 'valibot';
import { beforeAll, describe, expect, it } from 'vitest';
import { recordedContexts } from '../../../tests/support/recorded-chain.ts';
import {
  recordedMetadata,
  recordedStates,
  stateSource,
  type RecordedState,
} from '../../../tests/support/recorded-states.ts';
import { loadWasm } from '../../crypto/wasm.ts';
import { PUBLIC_CONSTANTS } from '../../network/presets.ts';
import { ProtocolError } from '../../protocol/errors.ts';
import type { RuntimeMetadata } from '../../protocol/metadata.ts';
import { Trie } from '../../protocol/trie.ts';
import type { BlockContext } from '../block.ts';
import { accountQuery, feesQuery, rewardsQuery, sudoKeyQuery, totalIssuanceQuery } from './accounts.ts';
import {
  blockSlotsQuery,
  historySizeQuery,
  mmrQuery,
  mmrRootAtQuery,
  potEntropyQuery,
  segmentCommitmentsQuery,
  timestampQuery,
} from './consensus.ts';
import { chainConstants, runtimeIdentity } from './constants.ts';
import {
  confirmedReceiptQuery,
  domainHeadQuery,
  domainQuery,
  nominationQuery,
  operatorQuery,
  readDomains,
  readNominations,
  readOperators,
} from './domains.ts';
import { combine, StateReader } from './reader.ts';
import { big, octets, shaped } from './shape.ts';

const LAST = 170;
let metadata: RuntimeMetadata;
let states: RecordedState[];
/** What header rules alone know after each block of the main branch. */
let contexts: readonly BlockContext[];

beforeAll(async () => {
  await loadWasm();
  metadata = recordedMetadata();
  states = recordedStates(LAST);
  contexts = recordedContexts(LAST);
});

function readerAt(number: number, source = stateSource(states)): StateReader {
  const { hash, header } = states[number] as RecordedState;
  return new StateReader(source, metadata, { number, hash, stateRoot: header.stateRoot });
}

describe('runtime', () => {
  it.each<[string, string, unknown]>([
    ['Subspace', 'SlotProbability', [1n, 0n]],
    ['Subspace', 'RecentHistoryFraction', [0n, 10n]],
    ['Subspace', 'RecentSegments', 0n],
    ['Subspace', 'MinSectorLifetime', 0n],
    ['Subspace', 'EraDuration', 0],
    ['Subspace', 'PotEntropyInjectionInterval', 0],
    ['Timestamp', 'MinimumPeriod', 0n],
  ])('with nothing as its %s.%s is refused', (pallet, name, value) => {
    const changed = Object.create(metadata, {
      constant: {
        value: (of: string, item: string): unknown =>
          of === pallet && item === name ? value : metadata.constant(of, item),
      },
    }) as RuntimeMetadata;
    expect(() => chainConstants(changed)).toThrow(`${pallet}.${name} has another shape: zero`);
  });

  it('has the constants of the public networks', () => {
    expect(chainConstants(metadata)).toEqual(PUBLIC_CONSTANTS);
    expect(runtimeIdentity(metadata)).toEqual({
      specName: 'subspace',
      specVersion: 6,
      transactionVersion: 1,
      stateVersion: 1,
      extrinsicsVersion: 1,
    });
  });
});

describe('facts by proof', () => {
  it('are the chain’s', async () => {
    const query = combine({
      slots: blockSlotsQuery(metadata),
      mmr: mmrQuery(metadata),
      mmrRoot: mmrRootAtQuery(metadata, LAST),
      historySize: historySizeQuery(metadata),
      commitments: segmentCommitmentsQuery(metadata, 0n, 2),
      entropies: potEntropyQuery(metadata),
      now: timestampQuery(metadata),
    });
    const { value, at } = await readerAt(LAST).read(query);
    const context = contexts[LAST] as BlockContext;
    expect(at).toEqual({ number: LAST, hash: context.hash });
    expect(value.slots).toEqual(contexts.slice(-6).map(({ number, slot }) => ({ number, slot })));
    expect(value.mmr.leaves).toBe(BigInt(LAST));
    expect(value.mmrRoot).toEqual(value.mmr.root);
    expect(value.historySize).toBe(1n);
    expect(value.commitments).toEqual([context.commitments[0], null]);
    expect(value.entropies.at(-1)?.number).toBe(150);
    expect(value.now).toBeGreaterThan(1_000_000_000_000n);
  });

  it('know accounts, also those that do not exist', async () => {
    const sudo = (await readerAt(LAST).read(sudoKeyQuery(metadata))).value as Uint8Array;
    const query = combine({
      sudo: accountQuery(metadata, sudo),
      nobody: accountQuery(metadata, new Uint8Array(32).fill(9)),
      issuance: totalIssuanceQuery(metadata),
      fees: feesQuery(metadata),
      rewards: rewardsQuery(metadata),
    });
    const { value } = await readerAt(LAST).read(query);
    expect(value.sudo.exists).toBe(true);
    expect(value.sudo.free > 0n && value.sudo.free < value.issuance).toBe(true);
    expect(value.nobody).toEqual({ exists: false, nonce: 0, free: 0n, reserved: 0n, frozen: 0n });
    expect(value.fees.byteFee > 0n).toBe(true);
    expect(value.rewards.remaining > 0n).toBe(true);
  });

  it('are refused when a node of the proof is missing or of another block', async () => {
    const source = stateSource(states);
    const lie = {
      ...source,
      readProof: async (keys: readonly Uint8Array[]) => source.readProof(keys, states[3]!.hash),
    };
    await expect(readerAt(LAST, lie).item('System', 'Number')).rejects.toThrow('storage-proof');
    const less = {
      ...source,
      readProof: async (keys: readonly Uint8Array[], at: Uint8Array) => {
        const { proof } = await source.readProof(keys, at);
        return { at, proof: proof.slice(1) };
      },
    };
    await expect(readerAt(LAST, less).item('System', 'Number')).rejects.toThrow('storage-proof');
  });
});

describe('domains', () => {
  const owner = new Uint8Array(32).fill(1);
  const nominators = [2, 3, 4].map((byte) => new Uint8Array(32).fill(byte));

  function domainState(): { state: Trie; block: RecordedState } {
    const item = (name: string) => metadata.storage('Domains', name);
    const operator = (stake: bigint) => ({
      signing_key: new Uint8Array(32).fill(7),
      current_domain_id: 0,
      next_domain_id: 0,
      minimum_nominator_stake: 5n,
      nomination_tax: 10,
      current_total_stake: stake,
      current_total_shares: stake,
      partial_status: { type: 'Registered', value: null },
      deposits_in_epoch: 0n,
      withdrawals_in_epoch: 0n,
      total_storage_fee_deposit: 1n,
    });
    const deposit = (shares: bigint) => ({
      known: { shares, storage_fee_deposit: 2n },
      pending: { effective_domain_epoch: [0, 3], amount: 4n, storage_fee_deposit: 1n },
    });
    const domain = {
      owner_account_id: owner,
      created_at: 12,
      genesis_receipt_hash: new Uint8Array(32),
      domain_config: {
        domain_name: 'auto-evm',
        runtime_id: 0,
        max_bundle_size: 1,
        max_bundle_weight: { ref_time: 1n, proof_size: 1n },
        bundle_slot_probability: [1n, 1n],
        operator_allow_list: { type: 'Anyone', value: null },
        initial_balances: [],
      },
      domain_runtime_info: {
        type: 'Evm',
        value: { chain_id: 870n, domain_runtime_config: { type: 'Public', value: null } },
      },
      domain_instantiation_deposit: 100n,
    };
    const fees = {
      consensus_storage_fee: 0n,
      domain_execution_fee: 0n,
      burned_balance: 0n,
      chain_rewards: [],
    };
    const transfers = {
      transfers_in: [],
      transfers_out: [],
      rejected_transfers_claimed: [],
      transfers_rejected: [],
    };
    const receipt = {
      domain_block_number: 33,
      domain_block_hash: new Uint8Array(32).fill(33),
      domain_block_extrinsic_root: new Uint8Array(32),
      parent_domain_block_receipt_hash: new Uint8Array(32),
      consensus_block_number: 99,
      consensus_block_hash: new Uint8Array(32).fill(99),
      inboxed_bundles: [],
      final_state_root: new Uint8Array(32).fill(34),
      execution_trace: [],
      execution_trace_root: new Uint8Array(32),
      block_fees: fees,
      transfers,
    };
    const state = Trie.from(1, [
      { key: item('DomainRegistry').key(0), value: item('DomainRegistry').encode(domain) },
      { key: item('HeadReceiptNumber').key(0), value: item('HeadReceiptNumber').encode(40) },
      { key: item('HeadDomainNumber').key(0), value: item('HeadDomainNumber').encode(41) },
      {
        key: item('LatestConfirmedDomainExecutionReceipt').key(0),
        value: item('LatestConfirmedDomainExecutionReceipt').encode({ type: 'V0', value: receipt }),
      },
      ...[0n, 1n, 300n].map((id) => ({
        key: item('Operators').key(id),
        value: item('Operators').encode(operator(1000n + id)),
      })),
      { key: item('OperatorIdOwner').key(0n), value: item('OperatorIdOwner').encode(owner) },
      ...nominators.map((nominator, index) => ({
        key: item('Deposits').key(1n, nominator),
        value: item('Deposits').encode(deposit(BigInt(index))),
      })),
      { key: item('Deposits').key(2n, owner), value: item('Deposits').encode(deposit(50n)) },
    ]);
    const block = { ...(states[1] as RecordedState), state };
    return { state, block };
  }

  it('are read with operators, nominators and confirmed receipts', async () => {
    const { state, block } = domainState();
    const source = stateSource([block]);
    const reader = new StateReader(source, metadata, {
      number: 1,
      hash: block.hash,
      stateRoot: state.root(),
    });
    const query = combine({
      domain: domainQuery(metadata, 0),
      none: domainQuery(metadata, 1),
      operator: operatorQuery(metadata, 0n),
      nomination: nominationQuery(metadata, 1n, nominators[2] as Uint8Array),
      head: domainHeadQuery(metadata, 0),
      receipt: confirmedReceiptQuery(metadata, 0),
    });
    const { value } = await reader.read(query);
    expect(value.domain).toMatchObject({
      id: 0,
      name: 'auto-evm',
      kind: 'Evm',
      evmChainId: 870n,
      createdAt: 12,
    });
    expect(value.none).toBeNull();
    expect(value.operator).toMatchObject({
      owner,
      totalStake: 1000n,
      nominationTax: 10,
      status: 'Registered',
    });
    expect(value.nomination).toMatchObject({ shares: 2n, pending: 4n, storageFeeDeposit: 2n });
    expect(value.head).toEqual({ receipt: 40, head: 41 });
    expect(value.receipt).toMatchObject({ domainBlock: 33, consensusBlock: 99 });
    const domains = await readDomains(reader, source);
    expect(domains.value).toEqual([value.domain]);
    const operators = await readOperators(reader, source);
    expect(operators.value.map(({ id }) => id).sort()).toEqual([0n, 1n, 300n]);
    const nominations = await readNominations(reader, source, 1n);
    expect(nominations.value.map(({ nominator }) => nominator)).toEqual(nominators);
  });

  it('are refused when the source hides an entry', async () => {
    const { state, block } = domainState();
    const honest = stateSource([block]);
    const source = {
      ...honest,
      keysPaged: async (prefix: Uint8Array, count: number, start: Uint8Array | null, at: Uint8Array) =>
        (await honest.keysPaged(prefix, count, start, at)).slice(1),
    };
    const reader = new StateReader(source, metadata, {
      number: 1,
      hash: block.hash,
      stateRoot: state.root(),
    });
    await expect(readOperators(reader, source)).rejects.toThrow('storage-proof');
  });
});

describe('a map of the state', () => {
  const PAGE = 1_000;
  const owners = () => metadata.storage('Domains', 'OperatorIdOwner');

  /** A block whose state has so many owners of operators, and a reader of it. */
  function ownersOf(count: number) {
    const entries = Array.from({ length: count }, (_, index) => ({
      key: owners().key(BigInt(index)),
      value: owners().encode(new Uint8Array(32).fill(index)),
    }));
    const state = Trie.from(1, [{ key: new Uint8Array(32).fill(1), value: new Uint8Array(40) }, ...entries]);
    const block = { ...(states[1] as RecordedState), state };
    const source = stateSource([block]);
    const at = { number: 1, hash: block.hash, stateRoot: state.root() };
    const read = async (from = source) => {
      const { value } = await new StateReader(from, metadata, at).entries(from, owners(), []);
      return value.map(({ keys }) => keys[0] as bigint);
    };
    return { source, read };
  }

  it('is read whole when it is longer than what a node lists at once, and as empty when it is', async () => {
    for (const count of [0, 1, PAGE, PAGE + 1]) {
      const found = await ownersOf(count).read();
      expect(found.length).toBe(count);
      expect(new Set(found)).toEqual(new Set(Array.from({ length: count }, (_, index) => BigInt(index))));
    }
  });

  it('is refused when the source lists more at once than it is asked for, or lists without end', async () => {
    const { source, read } = ownersOf(3);
    const list = (length: number) => Array.from({ length }, () => owners().key(0n));
    let pages = 0;
    const lists = (length: number) => ({
      ...source,
      keysPaged: () => {
        pages += 1;
        if (pages > 200) throw new Error('asked for ever');
        return Promise.resolve(list(length));
      },
    });
    await expect(read(lists(PAGE + 1))).rejects.toMatchObject({ code: 'too-many-entries' });
    expect(pages).toBe(1);
    await expect(read(lists(PAGE))).rejects.toMatchObject({ code: 'too-many-entries' });
    expect(pages).toBe(102);
  });

  it('is refused once its proofs are together larger than a proof may be, and not read on', async () => {
    const { source, read } = ownersOf(3);
    let proofs = 0;
    const bloated = {
      ...source,
      keysPaged: () => Promise.resolve(Array.from({ length: PAGE }, () => owners().key(0n))),
      readProof: () => {
        proofs += 1;
        return Promise.resolve({ at: new Uint8Array(32), proof: [new Uint8Array(2 ** 22).fill(proofs)] });
      },
    };
    await expect(read(bloated)).rejects.toMatchObject({ code: 'too-many-entries' });
    expect(proofs).toBe(5);
    let named = 0;
    const many = {
      ...bloated,
      readProof: () => {
        named += 1;
        const proof = Array.from({ length: 40_000 }, (_, at) => Uint8Array.of(named, at >> 8, at & 255));
        return Promise.resolve({ at: new Uint8Array(32), proof });
      },
    };
    await expect(read(many)).rejects.toMatchObject({ code: 'too-many-entries' });
    expect(named).toBe(3);
  });
});

describe('a value of another shape than the code knows', () => {
  it('is refused as a change of the runtime', () => {
    expect(shaped(v.object({ a: big }), { a: 1n }, 'Pallet.Item')).toEqual({ a: 1n });
    expect(() => shaped(v.object({ a: big }), { b: 1n }, 'Pallet.Item')).toThrow(
      'runtime-metadata: Pallet.Item',
    );
    expect(() => shaped(octets(32), new Uint8Array(31), 'Pallet.Item')).toThrow(ProtocolError);
  });
});
