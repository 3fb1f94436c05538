/**
 * Execution of blocks: the System pallet and the order in which everything runs, as `frame_executive` has it.
 * Building a block and executing a foreign one go through the same steps.
 */
import { verifySignature } from '../../src/crypto/sr25519.ts';
import { EXTRINSIC_SIGNING_CONTEXT } from '../../src/protocol/constants.ts';
import { signingPayload, type Extrinsic } from '../../src/protocol/extrinsic.ts';
import { writeDigestItem } from '../../src/protocol/header.ts';
import { ScaleWriter } from '../../src/protocol/scale.ts';
import { storagePrefix } from '../../src/protocol/storage-key.ts';
import type { Bundle } from '../domain/receipt.ts';
import { accountOf, canWithdraw, writeAccount } from './balances.ts';
import { containsTransfer, countNested } from './calls.ts';
import { type BlockContext, DispatchError, InvalidTransaction } from './context.ts';
import { Dispatcher, type PostInfo } from './dispatcher.ts';
import {
  charge,
  feeOf,
  finaliseFees,
  finalisePayment,
  initialiseFees,
  settle,
  transactionByteFee,
  type Charged,
} from './fees.ts';
import { checkBundle, finaliseDomains, initialiseDomains } from './domains.ts';
import { keys } from './keys.ts';
import { initialiseMmr } from './mmr.ts';
import { finaliseRewards } from './rewards.ts';
import { SubspacePallet } from './subspace.ts';
import { checkVote } from './votes.ts';
import {
  addWeights,
  BASE_BLOCK,
  BASE_EXTRINSIC,
  extensionWeights,
  hookWeights,
  MAX_BLOCK_LENGTH,
  MAX_BLOCK_REF_TIME,
  MAX_CHECKED_CALLS,
  MAX_NORMAL_LENGTH,
  MAX_NORMAL_REF_TIME,
  subtractWeight,
  weight,
  type Weight,
} from './weights.ts';
import {
  CLASSES,
  type Parsed,
  parseExtrinsic,
  announcedWeight,
  implicitOf,
  type BlockWeights,
} from './parsed-extrinsic.ts';

const SYSTEM = 0;
const BLOCK_HASH_COUNT = 250;

const key = (item: string): Uint8Array => storagePrefix('System', item);
const items = {
  number: key('Number'),
  parentHash: key('ParentHash'),
  digest: key('Digest'),
  events: key('Events'),
  eventCount: key('EventCount'),
  blockWeight: key('BlockWeight'),
  domainRuntimeUpgrades: storagePrefix('Domains', 'DomainRuntimeUpgrades'),
  chainTransfers: storagePrefix('Transporter', 'ChainTransfers'),
  launchPeriod: storagePrefix('RuntimeConfigs', 'CouncilDemocracyConfig'),
};

export class Execution {
  private readonly subspace: SubspacePallet;
  private readonly dispatcher: Dispatcher;
  private index = 0;
  private allLength = 0;
  private weights: BlockWeights = { normal: weight(0), operational: weight(0), mandatory: weight(0) };

  private constructor(readonly context: BlockContext) {
    this.subspace = new SubspacePallet(context);
    this.dispatcher = new Dispatcher(context, this.subspace);
  }

  /** `initialize_block`. Throws ProtocolError when the pre-digest may not author. */
  static begin(context: BlockContext): Execution {
    const execution = new Execution(context);
    execution.initialise();
    return execution;
  }

  /** The state after the parent, to validate a transaction that waits for the next block. */
  static forPool(context: BlockContext): Execution {
    context.storage.set(keys.blockHash(context.number - 1), context.parentHash);
    return new Execution(context);
  }

  private initialise(): void {
    const { context } = this;
    const { number, parentHash } = context;
    for (const item of [items.events, items.eventCount, items.blockWeight]) context.remove(item);
    context.write(keys.extrinsicIndex, (writer) => writer.u32(0));
    context.write(items.number, (writer) => writer.u32(number));
    context.storage.set(items.parentHash, parentHash);
    context.storage.set(keys.blockHash(number - 1), parentHash);
    this.subspace.initialise();
    initialiseFees(context, this.subspace);
    context.storage.set(items.domainRuntimeUpgrades, new Uint8Array([0]));
    initialiseDomains(context);
    const mmrPeaks = initialiseMmr(context);
    // Four empty maps of transfers.
    context.storage.set(items.chainTransfers, new Uint8Array(4));
    this.weights.mandatory = addWeights(
      BASE_BLOCK,
      hookWeights.timestamp,
      hookWeights.transactionFees,
      hookWeights.mmr(mmrPeaks),
      hookWeights.messenger,
      hookWeights.transporter,
      hookWeights.scheduler,
      this.isLaunchPeriod() ? hookWeights.democracyLaunch : hookWeights.democracy,
    );
    context.phase = { apply: 0 };
  }

  private isLaunchPeriod(): boolean {
    const period = this.context.read(items.launchPeriod, (reader) => {
      const fields = Array.from({ length: 7 }, () => reader.u32());
      return fields[4]!;
    });
    return period !== null && this.context.number % period === 0;
  }

  /**
   * Applies an extrinsic (with its length prefix). A call that fails leaves a failed extrinsic in the block, which
   * is no error here.
   *
   * @throws InvalidTransaction if the extrinsic may not be part of the block; nothing is changed then.
   */
  apply(bytes: Uint8Array): void {
    const parsed = parseExtrinsic(bytes);
    const before = { weights: { ...this.weights }, length: this.allLength };
    try {
      this.context.storage.transaction(() => this.run(parsed));
    } catch (error) {
      this.weights = before.weights;
      this.allLength = before.length;
      throw error;
    }
    this.index += 1;
    this.context.write(keys.extrinsicIndex, (writer) => writer.u32(this.index));
    this.context.phase = { apply: this.index };
  }

  private run(parsed: Parsed): void {
    const { extrinsic } = parsed;
    switch (extrinsic.kind) {
      case 'bare':
        return this.runBare(parsed);
      case 'general':
        return this.runGeneral(parsed);
      case 'signed':
        return this.runSigned(parsed, extrinsic);
    }
  }

  private runBare(parsed: Parsed): void {
    if (parsed.call.kind === 'subspace.store_segment_headers')
      this.subspace.checkSegmentHeaders(parsed.call.headers);
    else if (parsed.call.kind !== 'timestamp.set') throw new InvalidTransaction('Call');
    this.reserve(parsed);
    const result = this.dispatcher.run(parsed.call, { kind: 'none' });
    if (result instanceof DispatchError) throw new InvalidTransaction('BadMandatory');
    this.noteApplied(parsed, result, result.weight, result.paysFee);
  }

  private runGeneral(parsed: Parsed): void {
    const { call } = parsed;
    if (call.kind === 'domains.submit_bundle') return this.runBundle(parsed, call.bundle);
    if (call.kind !== 'subspace.vote') throw new InvalidTransaction('Call');
    const equivocated = checkVote(this.context, call.vote, call.signature, true);
    this.reserve(parsed, extensionWeights.checkNonce);
    const result = this.dispatcher.run(call, { kind: 'vote' });
    const spent = addWeights(
      extensionWeights.system(false),
      equivocated ? extensionWeights.voteWithEquivocation : extensionWeights.vote,
      parsed.callWeight,
    );
    this.noteApplied(parsed, result, spent, true);
  }

  private runBundle(parsed: Parsed, bundle: Bundle): void {
    checkBundle(this.context, bundle);
    this.reserve(parsed);
    const result = this.dispatcher.run(parsed.call, { kind: 'bundle' });
    this.noteApplied(parsed, result, announcedWeight(parsed), false);
  }

  private runSigned(parsed: Parsed, extrinsic: Extrinsic & { kind: 'signed' }): void {
    const { context } = this;
    const { signer, extra } = extrinsic;
    this.checkSigned(parsed, extrinsic, context.number);
    const account = accountOf(context.storage, signer, context.number);
    if (extra.nonce > BigInt(account.nonce)) throw new InvalidTransaction('Future');
    context.write(keys.account(signer), (writer) =>
      writeAccount(writer, { ...account, nonce: account.nonce + 1 }),
    );
    this.reserve(parsed);
    const fee = feeOf(context.storage, parsed.length, announcedWeight(parsed));
    const charged: Charged = charge(context, signer, fee, extra.tip, extrinsic.call.length);
    const result = this.dispatcher.run(parsed.call, { kind: 'signed', account: signer });
    const post = result instanceof DispatchError ? { weight: parsed.callWeight, paysFee: true } : result;
    const unspent = subtractWeight(parsed.callWeight, post.weight);
    this.weights[parsed.class] = subtractWeight(this.weights[parsed.class], unspent);
    const chargeable = subtractWeight(announcedWeight(parsed), unspent);
    settle(context, charged, post.paysFee ? feeOf(context.storage, parsed.length, chargeable) : 0n);
    const looked = this.dispatcher.transfersEnabled() ? 0 : countNested(parsed.call);
    const refund = subtractWeight(
      extensionWeights.balanceTransferCheck(MAX_CHECKED_CALLS),
      extensionWeights.balanceTransferCheck(looked),
    );
    this.noteApplied(parsed, result, subtractWeight(chargeable, refund), post.paysFee);
  }

  /**
   * Checks a signed transaction as far as pool and block have to agree; a nonce in the future is the caller's
   * matter. Throws InvalidTransaction.
   */
  private checkSigned(parsed: Parsed, extrinsic: Extrinsic & { kind: 'signed' }, number: number): void {
    const { context } = this;
    const { signer, signature, extra, call } = extrinsic;
    const implicit = implicitOf(context, extra, number);
    const payload = signingPayload(call, extra, implicit);
    if (!verifySignature(signer, EXTRINSIC_SIGNING_CONTEXT, payload, signature))
      throw new InvalidTransaction('BadProof');
    if (signer.every((byte) => byte === 0)) throw new InvalidTransaction('BadSigner');
    if (parsed.class === 'mandatory') throw new InvalidTransaction('MandatoryValidation');
    const account = accountOf(context.storage, signer, number);
    if (account.providers === 0 && account.sufficients === 0) throw new InvalidTransaction('Payment');
    if (extra.nonce < BigInt(account.nonce)) throw new InvalidTransaction('Stale');
    const fee = feeOf(context.storage, parsed.length, announcedWeight(parsed)) + extra.tip;
    if (!canWithdraw(account, fee)) throw new InvalidTransaction('Payment');
    if (containsTransfer(parsed.call) && !this.dispatcher.transfersEnabled())
      throw new InvalidTransaction('Call');
  }

  /**
   * `validate_transaction` on the state after the parent (this execution must be one `forPool`).
   *
   * @returns What the pool orders by: tags of the account's nonces for signed transactions.
   * @throws InvalidTransaction.
   */
  validate(bytes: Uint8Array): { parsed: Parsed; nonce: { expected: number; own: bigint } | null } {
    const parsed = parseExtrinsic(bytes);
    const { extrinsic, call } = parsed;
    if (extrinsic.kind === 'bare') throw new InvalidTransaction('Call');
    if (parsed.length > MAX_NORMAL_LENGTH) throw new InvalidTransaction('ExhaustsResources');
    if (extrinsic.kind === 'general') {
      if (call.kind !== 'subspace.vote') throw new InvalidTransaction('Call');
      checkVote(this.context, call.vote, call.signature, false);
      return { parsed, nonce: null };
    }
    this.checkSigned(parsed, extrinsic, this.context.number);
    const { nonce } = accountOf(this.context.storage, extrinsic.signer, this.context.number);
    return { parsed, nonce: { expected: nonce, own: extrinsic.extra.nonce } };
  }

  /** `CheckWeight`: room for the extrinsic in the block. Throws InvalidTransaction. */
  private reserve(parsed: Parsed, refunded: Weight = weight(0)): void {
    const length = this.allLength + parsed.length;
    const limit = parsed.class === 'normal' ? MAX_NORMAL_LENGTH : MAX_BLOCK_LENGTH;
    if (length > limit) throw new InvalidTransaction('ExhaustsResources');
    // An extrinsic's own bytes are part of what a block's proof would carry.
    const added = addWeights(BASE_EXTRINSIC, announcedWeight(parsed), weight(0, parsed.length));
    const ofClass = addWeights(this.weights[parsed.class], added);
    const all = CLASSES.reduce((sum, name) => sum + this.weights[name].refTime, added.refTime);
    const full =
      parsed.class === 'normal'
        ? ofClass.refTime > MAX_NORMAL_REF_TIME || all > MAX_BLOCK_REF_TIME
        : parsed.class === 'operational' && ofClass.refTime > MAX_BLOCK_REF_TIME;
    if (full) throw new InvalidTransaction('ExhaustsResources');
    this.allLength = length;
    this.weights[parsed.class] = subtractWeight(ofClass, refunded);
  }

  private noteApplied(
    parsed: Parsed,
    result: PostInfo | DispatchError,
    spent: Weight,
    paysFee: boolean,
  ): void {
    const total = addWeights(spent, BASE_EXTRINSIC);
    const info = new ScaleWriter()
      .compact(total.refTime)
      .compact(total.proofSize)
      .u8(CLASSES.indexOf(parsed.class))
      .u8(paysFee ? 0 : 1)
      .bytes();
    if (result instanceof DispatchError) this.context.depositEvent(SYSTEM, 1, result.scale, info);
    else this.context.depositEvent(SYSTEM, 0, info);
  }

  /** `finalize_block`: afterwards the storage holds the state after the block, the context its digest. */
  finalise(): void {
    const { context, subspace } = this;
    if (!this.dispatcher.timestampSet) throw new InvalidTransaction('BadMandatory');
    context.phase = 'finalization';
    const { weights } = this;
    context.write(items.blockWeight, (writer) => {
      for (const name of CLASSES) writer.compact(weights[name].refTime).compact(weights[name].proofSize);
    });
    subspace.finalise();
    finaliseRewards(context, subspace, this.allLength, transactionByteFee(context.storage));
    finaliseFees(context);
    finalisePayment(context, weights.normal);
    finaliseDomains(context);
    context.remove(keys.extrinsicIndex);
    const outdated = context.number - BLOCK_HASH_COUNT - 1;
    if (outdated > 0) context.remove(keys.blockHash(outdated));
    context.write(items.digest, (writer) => writer.vec(context.digest, writeDigestItem));
  }
}
