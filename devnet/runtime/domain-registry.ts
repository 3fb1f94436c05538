/**
 * How a domain comes about: its runtime is registered, it is instantiated, an operator registers. The local network
 * runs one domain, whose node knows its genesis and for which no deposit is held.
 */
import { equal, littleEndian } from '../../src/protocol/bytes.ts';
import { blake2b256 } from '../../src/protocol/hash.ts';
import type { ScaleReader } from '../../src/protocol/scale.ts';
import { storageKey, storagePrefix } from '../../src/protocol/storage-key.ts';
import { AUTO_ID_RUNTIME, domainGenesis, DOMAIN_ID, initialBalances } from '../domain/genesis.ts';
import { encodeReceipt, receiptHash } from '../domain/receipt.ts';
import { type BlockContext, moduleError, readValue } from './context.ts';
import { domainKeys, DOMAINS } from './domains.ts';
import { writeOperator } from './staking-state.ts';

export type DomainCall =
  | { kind: 'domains.register_domain_runtime'; name: string; rawGenesis: Uint8Array }
  | {
      kind: 'domains.instantiate_domain';
      name: string;
      runtime: number;
      balances: { account: Uint8Array; value: bigint }[];
    }
  | {
      kind: 'domains.register_operator';
      domain: number;
      signingKey: Uint8Array;
      minimumNomination: bigint;
      tax: number;
    };

const MAX_BALANCES = 100;
/** Largest bundle, in bytes and picoseconds. */
const MAX_BUNDLE_BYTES = 2 ** 20;
const MAX_BUNDLE_TIME = 500_000_000_000n;

/** Reads a call of these behind its two indices. Throws DecodeError for what the local network does not run. */
export function readDomainCall(reader: ScaleReader, index: number): DomainCall {
  if (index === 2) {
    const name = reader.text();
    if (reader.u8() !== AUTO_ID_RUNTIME) reader.fail('the local network runs Auto ID domains only');
    return { kind: 'domains.register_domain_runtime', name, rawGenesis: reader.byteVector() };
  }
  if (index === 4) {
    const domain = reader.u32();
    if (reader.u128() !== 0n) reader.fail('operators of the local network stake what they must and no more');
    const signingKey = reader.raw(32);
    return {
      kind: 'domains.register_operator',
      domain,
      signingKey,
      minimumNomination: reader.u128(),
      tax: reader.u8(),
    };
  }
  const name = reader.text();
  const runtime = reader.u32();
  if (reader.u8() !== 0 || reader.u64() !== 1n || reader.u64() !== 1n || reader.u8() !== 0)
    reader.fail('domains of the local network have bundles in every slot, by anyone, of any size');
  const balances = reader.vec(
    (item) => {
      if (item.u8() !== 0) item.fail('accounts of the domain have 32 bytes');
      return { account: item.raw(32), value: item.u128() };
    },
    49,
    MAX_BALANCES,
  );
  if (reader.u8() !== AUTO_ID_RUNTIME) reader.fail('the domain must be one of Auto IDs');
  return { kind: 'domains.instantiate_domain', name, runtime, balances };
}

type State = { get(key: Uint8Array): Uint8Array | null };

const item = (name: string, encoded: Uint8Array): Uint8Array =>
  storageKey('Domains', name, { hasher: 'Identity', encoded });
const u32 = (value: number): Uint8Array => littleEndian(value, 4);
const u64 = (value: bigint): Uint8Array => littleEndian(value, 8);
const NEXT_RUNTIME = storagePrefix('Domains', 'NextRuntimeId');

function nextOf(state: State, key: Uint8Array): number {
  return readValue(state, key, (reader) => reader.u32()) ?? 0;
}

/** Error of a part of the pallet, which carries a number of its own. */
function refuse(part: 'Staking' | 'DomainRegistry'): never {
  throw moduleError(DOMAINS, part === 'Staking' ? 2 : 4, part);
}

/** `register_domain_runtime`. */
export function registerRuntime(
  context: BlockContext,
  { name, rawGenesis }: DomainCall & { kind: 'domains.register_domain_runtime' },
): void {
  const id = nextOf(context.storage, NEXT_RUNTIME);
  context.write(item('RuntimeRegistry', u32(id)), (writer) => {
    writer.text(name).u8(AUTO_ID_RUNTIME).u32(0).u32(0).raw(blake2b256(rawGenesis)).raw(rawGenesis);
    // The version that the code announces, then when it came and when it was changed.
    writer.text(name).text(name).u32(0).u32(0).u32(0).compact(0).u32(0).u8(2);
    writer.u32(context.number).u32(context.number);
  });
  context.write(NEXT_RUNTIME, (writer) => writer.u32(id + 1));
  context.depositEvent(DOMAINS, 1, u32(id), new Uint8Array([AUTO_ID_RUNTIME]));
}

/** `instantiate_domain`: the genesis receipt is the first that is confirmed. */
export function instantiateDomain(
  context: BlockContext,
  owner: Uint8Array,
  { name, runtime, balances }: DomainCall & { kind: 'domains.instantiate_domain' },
): void {
  const { storage } = context;
  const id = nextOf(storage, domainKeys.nextDomain);
  const expected = initialBalances();
  const same =
    balances.length === expected.length &&
    expected.every(
      ({ account, value }, index) =>
        equal(account, balances[index]!.account) && value === balances[index]!.value,
    );
  if (id !== DOMAIN_ID || !same || storage.get(item('RuntimeRegistry', u32(runtime))) === null)
    refuse('DomainRegistry');
  const { receipt } = domainGenesis();
  const hash = receiptHash(receipt);
  context.write(item('DomainRegistry', u32(id)), (writer) => {
    writer.raw(owner).u32(context.number).raw(hash).text(name).u32(runtime);
    writer.u32(MAX_BUNDLE_BYTES).compact(MAX_BUNDLE_TIME).compact(MAX_BUNDLE_BYTES).u64(1n).u64(1n).u8(0);
    writer.vec(balances, (one, { account, value }) => one.u8(0).raw(account).u128(value));
    writer.u8(AUTO_ID_RUNTIME).u128(0n);
  });
  context.write(domainKeys.nextDomain, (writer) => writer.u32(id + 1));
  const receiptBytes = encodeReceipt(receipt);
  storage.set(domainKeys.latestConfirmed(id), receiptBytes);
  storage.set(item('DomainGenesisBlockExecutionReceipt', u32(id)), receiptBytes);
  storage.set(domainKeys.blockTree(id, 0), hash);
  storage.set(domainKeys.node(hash), domainKeys.encodeNode(receipt, []));
  const issued = balances.reduce((sum, { value }) => sum + value, 0n);
  const balanceKey = storageKey('Transporter', 'DomainBalances', { hasher: 'Identity', encoded: u32(id) });
  context.write(balanceKey, (writer) => writer.u128(issued));
  context.depositEvent(DOMAINS, 8, u32(id));
}

/** `register_operator`, but for the stake, which the domain's first block takes. */
export function registerOperator(
  context: BlockContext,
  owner: Uint8Array,
  { domain, signingKey, minimumNomination, tax }: DomainCall & { kind: 'domains.register_operator' },
): void {
  if (domainCreatedAt(context.storage, domain) === null || tax > 100) refuse('Staking');
  const id = context.read(domainKeys.nextOperator, (reader) => reader.u64()) ?? 0n;
  const nothing = { stake: 0n, shares: 0n, deposits: 0n, withdrawals: 0n, storageFees: 0n };
  const terms = { signingKey, domain, nextDomain: domain, minimum: minimumNomination, tax };
  context.write(domainKeys.operator(id), (writer) => writeOperator(writer, { ...terms, ...nothing }));
  context.storage.set(item('OperatorIdOwner', u64(id)), owner);
  context.write(domainKeys.nextOperator, (writer) => writer.u64(id + 1n));
}

/** Number of the block with which a domain came about, or null if there is none of that id. */
export function domainCreatedAt(state: State, domain: number): number | null {
  const object = state.get(item('DomainRegistry', u32(domain)));
  return object && new DataView(object.buffer, object.byteOffset + 32, 4).getUint32(0, true);
}

/** Whether an operator is registered. */
export function hasOperator(state: State, id: bigint): boolean {
  return state.get(domainKeys.operator(id)) !== null;
}
