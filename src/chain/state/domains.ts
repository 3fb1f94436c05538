/** What the state says about domains: their registry, operators, nominators, confirmed receipts. */
import * as v from 'valibot';
import type { RuntimeMetadata } from '../../protocol/metadata.ts';
import { combine, itemQuery, type KeySource, type Proven, type Query, type StateReader } from './reader.ts';
import { big, octets, optional, shaped, small, text } from './shape.ts';

export interface Domain {
  id: number;
  name: string;
  runtimeId: number;
  /** 32 bytes. */
  owner: Uint8Array;
  createdAt: number;
  /** `Evm` or `AutoId`. */
  kind: string;
  evmChainId: bigint | null;
}

export interface Operator {
  id: bigint;
  /** 32 bytes; null if the operator is gone. */
  owner: Uint8Array | null;
  /** 32 bytes, sr25519. */
  signingKey: Uint8Array;
  domainId: number;
  /** Percent of the rewards that the operator keeps. */
  nominationTax: number;
  /** Smallest unit. */
  minimumNominatorStake: bigint;
  /** Smallest unit. */
  totalStake: bigint;
  totalShares: bigint;
  /** Smallest unit. */
  storageFeeDeposit: bigint;
  /** `Registered`, `Deregistered`, `Slashed`, … */
  status: string;
}

export interface Nomination {
  operatorId: bigint;
  /** 32 bytes. */
  nominator: Uint8Array;
  shares: bigint;
  /** Smallest unit. */
  storageFeeDeposit: bigint;
  /** Smallest unit that is not yet turned into shares. */
  pending: bigint;
}

const variant = v.looseObject({ type: text });
const domain = v.looseObject({
  owner_account_id: octets(32),
  created_at: small,
  domain_config: v.looseObject({ domain_name: text, runtime_id: small }),
  domain_runtime_info: v.looseObject({ type: text, value: v.unknown() }),
});
const evm = v.looseObject({ chain_id: big });

function toDomain(id: number, value: unknown): Domain {
  const seen = shaped(domain, value, 'Domains.DomainRegistry');
  const info = v.safeParse(evm, seen.domain_runtime_info.value);
  return {
    id,
    name: seen.domain_config.domain_name,
    runtimeId: seen.domain_config.runtime_id,
    owner: seen.owner_account_id,
    createdAt: seen.created_at,
    kind: seen.domain_runtime_info.type,
    evmChainId: info.success ? info.output.chain_id : null,
  };
}

/** A domain; null if there is none of that id. */
export function domainQuery(metadata: RuntimeMetadata, id: number): Query<Domain | null> {
  const entry = metadata.storage('Domains', 'DomainRegistry');
  return itemQuery(entry, [id], (value) => (value === null ? null : toDomain(id, value)));
}

/** Ids of domains that are looked at. */
const MAX_DOMAINS = 1000;

/** Ids that domains have had so far, which `domainQuery` looks at: no list of keys is needed. */
export function domainIdsQuery(metadata: RuntimeMetadata): Query<number[]> {
  const next = metadata.storage('Domains', 'NextDomainId');
  return itemQuery(next, [], (value) => {
    const count = Math.min(shaped(small, value, 'Domains.NextDomainId'), MAX_DOMAINS);
    return Array.from({ length: count }, (_, id) => id);
  });
}

const operator = v.looseObject({
  signing_key: octets(32),
  current_domain_id: small,
  minimum_nominator_stake: big,
  nomination_tax: small,
  current_total_stake: big,
  current_total_shares: big,
  partial_status: variant,
  total_storage_fee_deposit: big,
});

function toOperator(id: bigint, value: unknown): Omit<Operator, 'owner'> {
  const seen = shaped(operator, value, 'Domains.Operators');
  return {
    id,
    signingKey: seen.signing_key,
    domainId: seen.current_domain_id,
    nominationTax: seen.nomination_tax,
    minimumNominatorStake: seen.minimum_nominator_stake,
    totalStake: seen.current_total_stake,
    totalShares: seen.current_total_shares,
    storageFeeDeposit: seen.total_storage_fee_deposit,
    status: seen.partial_status.type,
  };
}

/** An operator; null if there is none of that id. */
export function operatorQuery(metadata: RuntimeMetadata, id: bigint): Query<Operator | null> {
  const owner = metadata.storage('Domains', 'OperatorIdOwner');
  const parts = combine({
    operator: itemQuery(metadata.storage('Domains', 'Operators'), [id], (value) => value),
    owner: itemQuery(owner, [id], (value) => shaped(optional(octets(32)), value, 'Domains.OperatorIdOwner')),
  });
  return {
    keys: parts.keys,
    decode: (values) => {
      const seen = parts.decode(values);
      return seen.operator === null ? null : { ...toOperator(id, seen.operator), owner: seen.owner };
    },
  };
}

const deposit = v.looseObject({
  known: v.looseObject({ shares: big, storage_fee_deposit: big }),
  pending: optional(v.looseObject({ amount: big })),
});

function toNomination(operatorId: bigint, nominator: Uint8Array, value: unknown): Nomination {
  const { known, pending } = shaped(deposit, value, 'Domains.Deposits');
  return {
    operatorId,
    nominator,
    shares: known.shares,
    storageFeeDeposit: known.storage_fee_deposit,
    pending: pending?.amount ?? 0n,
  };
}

/** What an account (32 bytes) has staked with an operator; null for nothing. */
export function nominationQuery(
  metadata: RuntimeMetadata,
  operatorId: bigint,
  nominator: Uint8Array,
): Query<Nomination | null> {
  const entry = metadata.storage('Domains', 'Deposits');
  return itemQuery(entry, [operatorId, nominator], (value) =>
    value === null ? null : toNomination(operatorId, nominator, value),
  );
}

/** Number of the last block of a domain that is confirmed, and how far its receipts go. */
export function domainHeadQuery(
  metadata: RuntimeMetadata,
  id: number,
): Query<{ receipt: number; head: number }> {
  const number = (item: string) =>
    itemQuery(metadata.storage('Domains', item), [id], (value) => shaped(small, value, `Domains.${item}`));
  return combine({ receipt: number('HeadReceiptNumber'), head: number('HeadDomainNumber') });
}

const receipt = v.looseObject({
  domain_block_number: small,
  domain_block_hash: octets(32),
  consensus_block_number: small,
  consensus_block_hash: octets(32),
  final_state_root: octets(32),
});

/** A domain's block whose result is final on the consensus chain, with the state root to prove its state against. */
export interface ConfirmedReceipt {
  domainBlock: number;
  /** 32 bytes. */
  domainBlockHash: Uint8Array;
  /** 32 bytes. */
  stateRoot: Uint8Array;
  consensusBlock: number;
  /** 32 bytes. */
  consensusBlockHash: Uint8Array;
}

/** The newest one. Null if the domain has none yet. */
export function confirmedReceiptQuery(metadata: RuntimeMetadata, id: number): Query<ConfirmedReceipt | null> {
  return receiptQuery(metadata, 'LatestConfirmedDomainExecutionReceipt', id);
}

/** Receipt of a domain's genesis block, whose hash names the domain in its transactions. */
export function genesisReceiptQuery(metadata: RuntimeMetadata, id: number): Query<ConfirmedReceipt | null> {
  return receiptQuery(metadata, 'DomainGenesisBlockExecutionReceipt', id);
}

function receiptQuery(metadata: RuntimeMetadata, item: string, id: number): Query<ConfirmedReceipt | null> {
  const entry = metadata.storage('Domains', item);
  return itemQuery(entry, [id], (value) => {
    if (value === null) return null;
    // Versioned: the newest version is what the enum carries.
    const content = v.safeParse(v.looseObject({ value: receipt }), value);
    const seen = content.success
      ? content.output.value
      : shaped(receipt, value, `${entry.pallet}.${entry.item}`);
    return {
      domainBlock: seen.domain_block_number,
      domainBlockHash: seen.domain_block_hash,
      stateRoot: seen.final_state_root,
      consensusBlock: seen.consensus_block_number,
      consensusBlockHash: seen.consensus_block_hash,
    };
  });
}

/** All domains. A source that leaves one out is refused. */
export async function readDomains(
  reader: StateReader,
  source: KeySource,
  signal?: AbortSignal,
): Promise<Proven<Domain[]>> {
  const entry = reader.metadata.storage('Domains', 'DomainRegistry');
  const { value, at } = await reader.entries(source, entry, [], signal);
  return { value: value.map((one) => toDomain(shaped(small, one.keys[0], 'domain id'), one.value)), at };
}

/** All operators, without their owners. A source that leaves one out is refused. */
export async function readOperators(
  reader: StateReader,
  source: KeySource,
  signal?: AbortSignal,
): Promise<Proven<Omit<Operator, 'owner'>[]>> {
  const entry = reader.metadata.storage('Domains', 'Operators');
  const { value, at } = await reader.entries(source, entry, [], signal);
  return { value: value.map((one) => toOperator(shaped(big, one.keys[0], 'operator id'), one.value)), at };
}

/** All nominations of an operator. A source that leaves one out is refused. */
export async function readNominations(
  reader: StateReader,
  source: KeySource,
  operatorId: bigint,
  signal?: AbortSignal,
): Promise<Proven<Nomination[]>> {
  const entry = reader.metadata.storage('Domains', 'Deposits');
  const { value, at } = await reader.entries(source, entry, [operatorId], signal);
  const nominations = value.map(({ keys: [, nominator], value: content }) =>
    toNomination(operatorId, shaped(octets(32), nominator, 'nominator'), content),
  );
  return { value: nominations, at };
}
