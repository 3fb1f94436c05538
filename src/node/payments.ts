/**
 * Transactions from the wallet: what is to be signed is shown with its fee, then signed, sent, and followed until
 * the verified chain holds it. Takes any call, so that uploads, identities and stakes go the same way.
 */
import { InOrder } from '../async/in-order.ts';
import { accountQuery, feesQuery, transfersEnabledQuery } from '../chain/state/accounts.ts';
import type { Provenance } from '../chain/runtime.ts';
import { combine } from '../chain/state/reader.ts';
import { NoProof } from '../chain/no-proof.ts';
import type { BlockReader } from '../chain/verified-blocks.ts';
import { verifySignature } from '../crypto/sr25519.ts';
import { fromHex, toHex } from '../protocol/bytes.ts';
import { EXTRINSIC_SIGNING_CONTEXT } from '../protocol/constants.ts';
import { extrinsicHash } from '../protocol/extrinsic.ts';
import type { DecodedCall } from '../protocol/metadata.ts';
import type { Notation } from '../protocol/notation.ts';
import { decodeAddress, encodeAddress } from '../protocol/ss58.ts';
import type { NodeStore } from '../storage/store.ts';
import { Refusal } from '../wallet/errors.ts';
import type { AccountSigner } from '../wallet/service.ts';
import {
  estimateFee,
  LIFETIME_BLOCKS,
  nextNonce,
  prepareTransaction,
  requireKnownCall,
  signerPayload,
  signTransaction,
  transferCall,
  unsignedAs,
  type CallSource,
  type PreparedTransaction,
} from '../wallet/transactions.ts';
import { describeCall, type CallView } from '../wallet/wording.ts';
import type { Trust } from './api.ts';
import {
  addressWarnings,
  decodeRecipient,
  encodeCall,
  existentialDeposit,
  namesIn,
  requirePayable,
  spareOf,
  tooLittle,
  warningsOf,
} from './payment-checks.ts';
import { PaymentRecords, type PaymentRecord } from './payment-records.ts';
import { PaymentWatch, type PoolSource } from './payment-watch.ts';

/** A call to make a transaction of: encoded, or by the runtime's names. */
export type CallInput = Uint8Array | DecodedCall;

/** What is about to be signed. Amounts are decimal strings in the smallest unit. */
export interface PaymentPlan {
  id: string;
  /** SS58. */
  account: string;
  /** The account as it was asked for: other wallets write addresses with other prefixes. */
  requestedFor: string;
  call: CallView;
  /** Who says what the encoded call means. */
  reading: Trust;
  /** The encoded call and what the account signs (those bytes or their BLAKE2b-256), hex. */
  raw: { call: string; payload: string };
  fee: {
    /** Expected in all. */
    total: string;
    trust: Trust;
    /** What its bytes cost of it, at the price of block space that the state proves. */
    bytes: number;
    bytePrice: string;
    blockSpace: string;
    dynamic: boolean;
  };
  nonce: string;
  /** Numbers of the first and the last block that can hold it. */
  firstBlock: number;
  lastBlock: number;
  /** Free tokens now, and those left if all goes as expected; null where the call does not say. */
  balance: { free: string; left: string | null; trust: Trust };
  /** What the person should know before signing, as sentences. */
  warnings: string[];
  /** As injected wallets take it (`SignerPayloadJSON`). */
  signerPayload: Record<string, unknown>;
}

/** A source that answers what cannot be proven, and takes transactions. */
export type PaymentSource = PoolSource & CallSource;

export interface PaymentsContext {
  blocks: BlockReader;
  sources(): readonly PaymentSource[];
  store: NodeStore;
  /** 32 bytes. */
  genesisHash: Uint8Array;
  /** How the network writes amounts and addresses, as far as it is known at the time. */
  notation(): Notation;
  /** Signer of an account of the wallet, by address. Throws Refusal. */
  signer(address: string): Promise<AccountSigner>;
  /** Called with a transaction of which there is news. */
  changed(record: PaymentRecord): void;
  now?: () => number;
}

/** Commands of the page. */
export type PaymentCommands = Pick<
  Payments,
  'prepare' | 'prepareTransfer' | 'send' | 'sendSigned' | 'list' | 'forget'
>;

/** Is told the id of a transaction that is signed, before it is written down and before any node has it. */
export type SignedListener = (id: string) => Promise<void>;

interface Planned {
  prepared: PreparedTransaction;
  publicKey: Uint8Array;
  plan: PaymentPlan;
  after: number;
}

/** Depth of the block that a transaction is bound to: one that another branch will hardly replace. */
const BIRTH_DEPTH = 8;
/** Plans kept until they are signed. */
const MAX_PLANS = 32;
/** Wait between looks where no block comes. */
const LOOK_MS = 15_000;

export class Payments {
  private readonly plans = new Map<string, Planned>();
  /** What the node's own code pays at the moment. */
  private readonly paying = new InOrder();
  private readonly watch: PaymentWatch;
  private readonly timer: ReturnType<typeof setInterval>;
  private readonly now: () => number;

  private constructor(
    private readonly context: PaymentsContext,
    private readonly records: PaymentRecords,
  ) {
    this.now = context.now ?? Date.now;
    const { blocks } = context;
    this.watch = new PaymentWatch({
      blocks,
      sources: () => context.sources(),
      records,
      changed: (record) => context.changed(record),
    });
    this.timer = setInterval(() => void this.watch.look(), LOOK_MS);
    (this.timer as { unref?: () => void }).unref?.();
  }

  /** Goes on with what was signed earlier. Throws StorageError. */
  static async open(context: PaymentsContext): Promise<Payments> {
    const payments = new Payments(
      context,
      await PaymentRecords.open(context.store, toHex(context.genesisHash)),
    );
    void payments.watch.look();
    return payments;
  }

  close(): void {
    clearInterval(this.timer);
  }

  /** To be called whenever the verified chain has changed. */
  onChain(): void {
    this.watch.onHead();
  }

  /** The most that a node expects: one that names too little could only make a transaction fail. */
  private async highestFee(transaction: Uint8Array, at: Uint8Array): Promise<{ fee: bigint; by: string }> {
    const asked = await Promise.allSettled(
      this.context.sources().map(async (source) => ({
        fee: await estimateFee(source, transaction, at),
        by: source.name,
      })),
    );
    const told = asked.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const failure = asked.find((one) => one.status === 'rejected');
    if (told.length === 0) throw failure?.reason ?? new NoProof(null);
    return told.reduce((most, one) => (one.fee > most.fee ? one : most));
  }

  /**
   * Makes a transaction of a call, to be looked at and then sent. `account`: SS58 address; `tip`: smallest unit.
   *
   * @throws Refusal for an account that does not exist or cannot pay, ProtocolError for what the runtime does not
   * have, and what the sources reject with.
   */
  async prepare(input: { account: string; call: CallInput; tip?: string }): Promise<PaymentPlan> {
    const { head, metadata } = await this.context.blocks.ready();
    const { blocks, genesisHash } = this.context;
    const { token } = this.context.notation();
    const { account: publicKey } = decodeAddress(input.account.trim());
    const call = input.call instanceof Uint8Array ? input.call : encodeCall(metadata, input.call);
    const decoded = metadata.decodeCall(call);
    const view = describeCall(decoded, token);
    const reading = trustOf(blocks.provenance());
    if (reading.kind === 'reported') for (const name of namesIn(view)) requireKnownCall(metadata, name);
    const query = combine({
      account: accountQuery(metadata, publicKey),
      fees: feesQuery(metadata),
      transfers: transfersEnabledQuery(metadata),
    });
    const { account, fees, transfers } = await blocks.read(query, head);
    const from = await blocks.block(Math.max(0, head.number - BIRTH_DEPTH));
    const nonce = nextNonce(account, this.records.ahead(encodeAddress(publicKey), account));
    const prepared = prepareTransaction(metadata, call, {
      genesisHash,
      from,
      nonce,
      tip: BigInt(input.tip ?? 0),
    });
    const stand = signTransaction(prepared, unsignedAs(publicKey));
    const told = await this.highestFee(stand, head.hash);
    const fee = told.fee + prepared.extra.tip;
    const payer = { account, deposit: existentialDeposit(metadata), fee, transfers, token };
    const spent = requirePayable(decoded, payer);
    const lastBlock = from.number + LIFETIME_BLOCKS - 1;
    const id = toHex(crypto.getRandomValues(new Uint8Array(16)));
    const bytePrice = fees.dynamic ? fees.nextByteFee : 1n;
    const verified: Trust = { kind: 'verified', atBlock: head.number };
    const plan: PaymentPlan = {
      id,
      account: encodeAddress(publicKey),
      requestedFor: input.account.trim(),
      call: view,
      reading,
      raw: { call: toHex(call), payload: toHex(prepared.payload) },
      fee: {
        total: String(fee),
        trust: { kind: 'reported', by: told.by },
        bytes: stand.length,
        bytePrice: String(bytePrice),
        blockSpace: String(bytePrice * BigInt(stand.length)),
        dynamic: fees.dynamic,
      },
      nonce: String(nonce),
      firstBlock: head.number + 1,
      lastBlock,
      balance: {
        free: String(account.free),
        left: spent === null ? null : String(account.free - spent - fee),
        trust: verified,
      },
      warnings: await warningsOf(blocks, head, metadata, decoded, view, payer),
      signerPayload: signerPayload(metadata, prepared, publicKey, from.number),
    };
    this.plans.set(id, { prepared, publicKey, plan, after: from.number });
    while (this.plans.size > MAX_PLANS) this.plans.delete(this.plans.keys().next().value as string);
    return plan;
  }

  /** Throws Refusal unless the account can give so much, smallest unit, and stay open: what several payments cost in all. */
  async requireSpare({ account, amount }: { account: string; amount: bigint }): Promise<void> {
    const { blocks } = this.context;
    const { head, metadata } = await blocks.ready();
    const state = await blocks.read(accountQuery(metadata, decodeAddress(account.trim()).account), head);
    if (spareOf(state, existentialDeposit(metadata)) < amount)
      throw tooLittle(state.free, amount, this.context.notation().token);
  }

  /**
   * The same for a payment. `amount`: smallest unit, or `max` for all that the account can spare and stay open.
   * Throws Refusal also for an address that is none.
   */
  async prepareTransfer(input: { account: string; to: string; amount: string }): Promise<PaymentPlan> {
    const { head, metadata } = await this.context.blocks.ready();
    const to = decodeRecipient(input.to);
    const { account: publicKey } = decodeAddress(input.account.trim());
    const transfer = async (amount: bigint) => {
      const call = transferCall(metadata, to.account, amount);
      const plan = await this.prepare({ account: input.account, call });
      plan.warnings.push(...addressWarnings(to, publicKey, this.context.notation().ss58Prefix));
      return plan;
    };
    if (input.amount !== 'max') return transfer(BigInt(input.amount));
    const account = await this.context.blocks.read(accountQuery(metadata, publicKey), head);
    const spare = spareOf(account, existentialDeposit(metadata));
    // The fee of the real amount differs in a byte at most; a tenth more allows for a price that rises meanwhile.
    const probe = await this.prepare({
      account: input.account,
      call: metadata.encodeCall('System', 'remark', { remark: new Uint8Array(48) }),
    });
    this.plans.delete(probe.id);
    const margin = (BigInt(probe.fee.total) * 11n) / 10n;
    if (spare <= margin) throw tooLittle(account.free, margin, this.context.notation().token);
    const first = await transfer(spare - 2n * margin > 0n ? spare - 2n * margin : 1n);
    this.plans.delete(first.id);
    return transfer(spare - (BigInt(first.fee.total) * 11n) / 10n);
  }

  /** Signs a plan with the wallet's key and sends it. Rejects with Refusal `no-plan`, `overtaken`, `locked`, `watch-only`. */
  async send(input: { plan: string }): Promise<PaymentRecord> {
    const planned = this.planned(input.plan);
    return this.sign(planned);
  }

  private async sign(planned: Planned, signed?: SignedListener): Promise<PaymentRecord> {
    const signer = await this.context.signer(planned.plan.account);
    return this.submit(planned, signTransaction(planned.prepared, signer), signed);
  }

  /** Sends a plan that another wallet signed. `signature`: 64 bytes of sr25519, or 65 with the scheme first, hex. */
  async sendSigned(input: { plan: string; signature: string }): Promise<PaymentRecord> {
    const planned = this.planned(input.plan);
    const { prepared, publicKey } = planned;
    const given = fromHex(input.signature);
    if (given.length === 65 && given[0] !== 1)
      throw new Refusal('signature-scheme', `scheme ${given[0]}`, 'Only sr25519 accounts can be used here.');
    const signature = given.length === 65 ? given.subarray(1) : given;
    const holds =
      signature.length === 64 &&
      verifySignature(publicKey, EXTRINSIC_SIGNING_CONTEXT, prepared.payload, signature);
    if (!holds) {
      throw new Refusal(
        'bad-signature',
        'the signature is not one of this account over this transaction',
        'The other wallet signed something else, or with another account. Nothing was sent.',
      );
    }
    return this.submit(planned, signTransaction(prepared, { publicKey, sign: () => signature }));
  }

  /**
   * For code of the node: makes, signs and sends in one go, one after the other. What came of a transaction that `signed`
   * was told of stands on the list: it is sent if it is there, and never will be otherwise.
   */
  pay(account: string, call: CallInput, signed?: SignedListener): Promise<PaymentRecord> {
    return this.paying.run(() => this.payNow(account, call, signed));
  }

  private async payNow(account: string, call: CallInput, signed?: SignedListener): Promise<PaymentRecord> {
    const plan = await this.prepare({ account, call });
    try {
      return await this.sign(this.planned(plan.id), signed);
    } catch (error) {
      // The person sent something between the two.
      if (error instanceof Refusal && error.code === 'overtaken') return this.payNow(account, call, signed);
      throw error;
    }
  }

  /** All transactions signed here, newest first. */
  async list(): Promise<PaymentRecord[]> {
    return [...this.records.all()];
  }

  /** Takes a finished transaction off the list. */
  async forget(input: { id: string }): Promise<void> {
    await this.records.remove(input.id);
  }

  private planned(id: string): Planned {
    const planned = this.plans.get(id);
    const head = this.context.blocks.head();
    const over = head !== null && planned !== undefined && head.number + 8 > planned.plan.lastBlock;
    if (planned === undefined || over) {
      this.plans.delete(id);
      throw new Refusal('no-plan', 'no such plan', 'Too much time has passed. Look at it once more.');
    }
    return planned;
  }

  private async submit(
    { plan, after }: Planned,
    bytes: Uint8Array,
    signed?: SignedListener,
  ): Promise<PaymentRecord> {
    this.plans.delete(plan.id);
    await signed?.(toHex(extrinsicHash(bytes)));
    this.records.requireFree(plan);
    const record: PaymentRecord = {
      id: toHex(extrinsicHash(bytes)),
      bytes: toHex(bytes),
      account: plan.account,
      call: plan.call,
      nonce: plan.nonce,
      at: this.now(),
      after,
      lastBlock: plan.lastBlock,
      expectedFee: plan.fee.total,
      state: { kind: 'sending' },
      trouble: null,
    };
    // Written down before any node has it: what was sent is never forgotten.
    await this.records.add(record);
    await this.watch.look();
    return this.records.get(record.id) ?? record;
  }
}

/** Who says what a call's bytes mean: the network's own program, or nodes. */
function trustOf(provenance: Provenance | null): Trust {
  if (provenance?.kind === 'proven') return { kind: 'verified', atBlock: provenance.atBlock };
  return { kind: 'reported', by: provenance?.by.join(', ') ?? '' };
}
