/** Domains, their operators, and what an account has staked with them: all of it proven at one verified block. */
import { combine, all, type KeySource, type Proven, type StateReader } from '../chain/state/reader.ts';
import {
  confirmedReceiptQuery,
  domainHeadQuery,
  readDomains,
  readOperators,
  type Operator,
} from '../chain/state/domains.ts';
import {
  counted,
  epochsOf,
  sharePriceQuery,
  stakeQuery,
  stakingSummaryQuery,
  worthOf,
  type Stake,
} from '../chain/state/staking.ts';
import type { BlockReader } from '../chain/verified-blocks.ts';
import { decodeAddress, encodeAddress } from '../protocol/ss58.ts';
import type { Trust } from './api.ts';

export interface DomainView {
  id: number;
  name: string;
  /** `Evm` or `AutoId`. */
  kind: string;
  /** SS58. */
  owner: string;
  /** Number of its newest block, and of the newest whose result is confirmed. */
  head: number;
  confirmed: number;
  /** Stakes change at the end of an epoch; null where it has none yet. */
  epoch: number | null;
}

/** Amounts are decimal strings in the smallest unit. */
export interface OperatorView {
  id: string;
  domain: number;
  /** Percent of the rewards that it keeps. */
  tax: number;
  minimum: string;
  totalStake: string;
  status: string;
}

export interface StakeView {
  operator: string;
  shares: string;
  /** What the shares are worth now. */
  worth: string;
  /** Reserved for the operator's block space; comes back with the stake, more or less of it. */
  reserve: string;
  /** Staked in this epoch: counts from the next one on. */
  pending: string;
  leaving: {
    /** What it is worth, exact once its epoch has ended. */
    amount: string;
    exact: boolean;
    /** Block of the domain that has to come first. */
    unlockAt: number;
    ready: boolean;
  }[];
}

export interface StakesView {
  domains: DomainView[];
  operators: OperatorView[];
  stakes: StakeView[];
  trust: Trust;
}

/** Reads it anew for an account (SS58). Rejects with NoProof, DecodeError for what is no address. */
export async function readStakes(blocks: BlockReader, input: { account: string }): Promise<StakesView> {
  const { account } = decodeAddress(input.account.trim());
  const { head, metadata } = await blocks.ready();
  const list = <T>(read: (reader: StateReader, source: KeySource) => Promise<Proven<T>>): Promise<T> =>
    blocks.list(read, head);
  const domains = await list(readDomains);
  const operators = await list(readOperators);
  const details = all(
    domains.map(({ id }) =>
      combine({
        heads: domainHeadQuery(metadata, id),
        receipt: confirmedReceiptQuery(metadata, id),
        summary: stakingSummaryQuery(metadata, id),
      }),
    ),
  );
  const stakes = all(operators.map(({ id }) => stakeQuery(metadata, id, account)));
  const seen = await blocks.read(combine({ details, stakes }), head);
  const mine = operators.flatMap((operator, index) => {
    const stake = seen.stakes[index] ?? null;
    return stake === null ? [] : [{ operator, stake }];
  });
  const wanted = mine.flatMap(({ operator, stake }) => epochsOf(stake).map((epoch) => ({ operator, epoch })));
  const found = await blocks.read(
    all(
      wanted.map(({ operator: { id, domainId }, epoch }) => sharePriceQuery(metadata, id, domainId, epoch)),
    ),
    head,
  );
  const prices = new Map(
    wanted.map(({ operator, epoch }, index) => [priceName(operator, epoch), found[index] ?? null]),
  );
  const views = domains.map(({ id, name, kind, owner }, index): DomainView => {
    const { heads, receipt, summary } = seen.details[index]!;
    return {
      id,
      name,
      kind,
      owner: encodeAddress(owner),
      head: heads.head,
      confirmed: receipt?.domainBlock ?? 0,
      epoch: summary?.epoch ?? null,
    };
  });
  return {
    domains: views,
    operators: operators.map(viewOf),
    stakes: mine.map(({ operator, stake }) => {
      const domain = views.find(({ id }) => id === operator.domainId);
      const priceOf = (epoch: number) => prices.get(priceName(operator, epoch)) ?? null;
      return stakeView(operator, counted(stake, priceOf), domain);
    }),
    trust: { kind: 'verified', atBlock: head.number },
  };
}

type Listed = Omit<Operator, 'owner'>;

const priceName = ({ id }: Listed, epoch: number): string => `${id}-${epoch}`;

function viewOf(operator: Listed): OperatorView {
  const { id, domainId, nominationTax, minimumNominatorStake, totalStake, status } = operator;
  return {
    id: String(id),
    domain: domainId,
    tax: nominationTax,
    minimum: String(minimumNominatorStake),
    totalStake: String(totalStake),
    status,
  };
}

function stakeView(operator: Listed, stake: Stake, domain: DomainView | undefined): StakeView {
  const head = domain?.head ?? 0;
  return {
    operator: String(operator.id),
    shares: String(stake.shares),
    worth: String(worthOf(stake.shares, operator)),
    reserve: String(stake.storageFee + (stake.pending?.storageFee ?? 0n)),
    pending: String(stake.pending?.amount ?? 0n),
    leaving: stake.withdrawals.map(({ amount, shares, storageFee, unlockAt }) => ({
      amount: String((amount ?? worthOf(shares, operator)) + storageFee),
      exact: amount !== null,
      unlockAt,
      ready: amount !== null && unlockAt <= head,
    })),
  };
}
