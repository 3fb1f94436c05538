/** Everything of the wallet that needs the verified chain, opened once the network is known. */
import type { LightClient } from '../chain/light-client.ts';
import { VerifiedBlocks } from '../chain/verified-blocks.ts';
import type { NodeStore } from '../storage/store.ts';
import type { AccountSigner } from '../wallet/service.ts';
import type { Notation } from '../protocol/notation.ts';
import { toHex } from '../protocol/bytes.ts';
import { decodeAddress } from '../protocol/ss58.ts';
import { AccountHistories } from './account-history.ts';
import { proveUse, type AccountUse } from './account-use.ts';
import { NodeError } from './errors.ts';
import type { Journal } from './journal.ts';
import type { PaymentRecord } from './payment-records.ts';
import { Payments, type PaymentCommands } from './payments.ts';
import { readStakes, type StakesView } from './stakes.ts';

/** Commands of the page, by name. */
export type MoneyCommands = PaymentCommands &
  Pick<AccountHistories, 'history' | 'lookBack'> & {
    /** Domains, operators, and what an account has staked. */
    stakes(input: { account: string }): Promise<StakesView>;
  };

const PAYMENTS: readonly (keyof PaymentCommands)[] = [
  'prepare',
  'prepareTransfer',
  'send',
  'sendSigned',
  'list',
  'forget',
];
const HISTORIES: readonly ('history' | 'lookBack')[] = ['history', 'lookBack'];

export interface MoneyOptions {
  client: LightClient;
  store: NodeStore;
  notation(): Notation;
  /** Signer of an account of the wallet, by address. Throws Refusal. */
  signer(address: string): Promise<AccountSigner>;
  journal: Journal;
}

type Command = (input: unknown) => Promise<unknown>;

export class Money {
  private readonly stop: () => void;

  private constructor(
    client: LightClient,
    /** For code of the node that makes transactions. */
    readonly payments: Payments,
    private readonly histories: AccountHistories,
    private readonly blocks: VerifiedBlocks,
  ) {
    this.stop = client.onChange(() => {
      payments.onChain();
      histories.onHead();
    });
  }

  /** Throws NodeError `too-early` before the network is known. */
  static async open({ client, store, notation, signer, journal }: MoneyOptions): Promise<Money> {
    const genesisHash = client.genesisHash();
    if (genesisHash === null) throw new NodeError('too-early', 'No node is connected yet.');
    const blocks = new VerifiedBlocks(client);
    const told = new Set<string>();
    const payments = await Payments.open({
      blocks,
      sources: () => blocks.sources(),
      store,
      genesisHash,
      notation,
      signer,
      changed: (record) => announce(journal, told, record),
    });
    // What had ended before was told in the run that saw it.
    for (const record of await payments.list()) told.add(endOf(record));
    const histories = await AccountHistories.open(blocks, store, toHex(genesisHash));
    return new Money(client, payments, histories, blocks);
  }

  close(): void {
    this.stop();
    this.payments.close();
  }

  /** The newest reward of farming to an account (SS58) in a final block; null while none was found. */
  async lastReward(account: string): Promise<{ block: number; at: number } | null> {
    const { entries, final } = await this.histories.history({ account });
    const rewards = ['block-reward', 'vote-reward'];
    const found = entries.find(({ kind, block }) => rewards.includes(kind) && block <= final);
    return found === undefined ? null : { block: found.block, at: found.at };
  }

  /**
   * A transaction that an account (SS58) signed in a final block: of the block that is named, or the oldest that this
   * browser remembers; null if there is none. Throws NoProof.
   */
  async accountUse(account: string, block: number | null): Promise<AccountUse | null> {
    const own = (await this.payments.list()).flatMap(({ account: by, state }) =>
      by === account && state.kind === 'included' && state.final ? [state.block] : [],
    );
    const number = block ?? (own.length === 0 ? null : Math.min(...own));
    return number === null ? null : proveUse(this.blocks, decodeAddress(account).account, number);
  }

  /** Runs a command of the page. Throws RangeError for a name that is none. */
  command(name: string, input: unknown): Promise<unknown> {
    const payment = PAYMENTS.find((command) => command === name);
    if (payment !== undefined) return (this.payments[payment] as Command).call(this.payments, input);
    const history = HISTORIES.find((command) => command === name);
    if (history !== undefined) return (this.histories[history] as Command).call(this.histories, input);
    if (name === 'stakes') return readStakes(this.blocks, input as { account: string });
    throw new RangeError(`${name.slice(0, 40)} is no command of payments`);
  }
}

const endOf = ({ id, state }: Pick<PaymentRecord, 'id' | 'state'>): string => `${id} ${state.kind}`;

/** A transaction's end is told once. */
function announce(journal: Journal, told: Set<string>, { id, state, call }: PaymentRecord): void {
  const end = endOf({ id, state });
  if ((state.kind !== 'included' && state.kind !== 'failed') || told.has(end)) return;
  told.add(end);
  if (state.kind === 'failed')
    journal.notify('error', 'payment', `“${call.title}” was not done. ${state.sentence}`);
  else if (state.success) journal.notify('success', 'payment', `“${call.title}” is in block ${state.block}.`);
  else journal.notify('error', 'payment', `“${call.title}” failed in block ${state.block}. ${state.failure}`);
}
