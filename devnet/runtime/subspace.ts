/** The Subspace pallet: slots, solution ranges, proof-of-time parameters, segment commitments, votes. */
import { equal, littleEndian } from '../../src/protocol/bytes.ts';
import { consensusDigestItem, decodePreDigest, type ConsensusItem } from '../../src/protocol/digest.ts';
import { ProtocolError } from '../../src/protocol/errors.ts';
import { blockEntropy, globalRandomness } from '../../src/protocol/pot.ts';
import { encodeSegmentHeader } from '../../src/protocol/segment.ts';
import { nextSolutionRange, votingSolutionRange } from '../../src/protocol/solution-range.ts';
import type { PreDigest, SegmentHeader, SlotNumber, SolutionRange, Vote } from '../../src/protocol/types.ts';
import { type BlockContext, InvalidTransaction, moduleError } from './context.ts';
import { keys } from './keys.ts';
import {
  items,
  type SolutionRanges,
  writeSolutionRanges,
  solutionRanges,
  shouldAdjustSolutionRange,
  segmentCommitment,
  rootPlotPublicKey,
  type PotIterations,
  writeIterations,
  type Entropy,
  readEntropy,
  writeEntropy,
  iterationsIn,
  entropySource,
  pendingChange,
  solutionKey,
  readVoters,
  writeVoters,
  readAuthor,
  writeAuthor,
  readSlots,
  voteData,
} from './subspace-state.ts';

const SUBSPACE = 2;
const BLOCK_SLOT_COUNT = 6;

export class SubspacePallet {
  constructor(private readonly context: BlockContext) {}

  private log(item: ConsensusItem): void {
    this.context.digest.push(consensusDigestItem(item));
  }

  private ranges(): SolutionRanges {
    return solutionRanges(this.context.storage, this.context.params);
  }

  private putRanges(ranges: SolutionRanges): void {
    this.context.write(items.solutionRanges, (writer) => writeSolutionRanges(writer, ranges));
  }

  /** `on_initialize`. Throws ProtocolError when the author is not the one allowed. */
  initialise(): void {
    const { context } = this;
    const preRuntime = context.digest[0];
    if (preRuntime?.kind !== 'preRuntime') throw new Error('a block is initialised with its pre-digest');
    const preDigest = decodePreDigest(preRuntime.data);
    this.noteSlot(preDigest.slot);
    this.noteAuthor(preDigest);
    context.write(items.currentVoters, (writer) => writeVoters(writer, []));
    const ranges = this.ranges();
    if (ranges.next !== null && ranges.votingNext !== null) {
      this.putRanges({
        current: ranges.next,
        next: null,
        votingCurrent: ranges.votingNext,
        votingNext: null,
      });
    }
    context.storage.set(items.blockRandomness, globalRandomness(preDigest.proofOfTime));
    this.log({ kind: 'solutionRange', range: this.ranges().current });
    if (context.number % context.params.eraDurationInBlocks === 0) this.changeEra(preDigest.slot);
    this.advancePot(preDigest);
  }

  private noteSlot(slot: SlotNumber): void {
    const { context } = this;
    const slots = context.read(items.blockSlots, readSlots) ?? [];
    const kept = slots.filter(({ block }) => block !== context.number - BLOCK_SLOT_COUNT);
    kept.push({ block: context.number, slot });
    context.write(items.blockSlots, (writer) =>
      writer.vec(kept, (item, entry) => item.u32(entry.block).u64(entry.slot)),
    );
  }

  private noteAuthor({ solution, slot }: PreDigest): void {
    const { context } = this;
    context.remove(items.currentAuthor);
    if (context.read(items.allowAnyone, (reader) => reader.bool()) !== true) {
      const root = rootPlotPublicKey(context.storage);
      if (root === null) {
        context.storage.set(items.rootPlotPublicKey, solution.publicKey);
        this.log({ kind: 'rootPlotPublicKeyUpdate', key: solution.publicKey });
      } else if (!equal(root, solution.publicKey)) {
        throw new ProtocolError({
          code: 'not-root-farmer',
          rule: 'root-plot-public-key',
          message: 'only the root farmer may author yet',
        });
      }
    }
    const key = solutionKey(solution, slot);
    const voted = (context.read(items.parentVoters, readVoters) ?? []).some((voter) => equal(voter.key, key));
    if (voted) return;
    context.write(items.currentAuthor, (writer) =>
      writeAuthor(writer, { key, rewardAddress: solution.rewardAddress }),
    );
  }

  private changeEra(slot: SlotNumber): void {
    const { context } = this;
    const { params } = context;
    const ranges = this.ranges();
    let next = ranges.current;
    let votingNext = ranges.current;
    if (shouldAdjustSolutionRange(context.storage)) {
      const override = context.read(items.rangeOverride, (reader) => [reader.u64(), reader.u64()] as const);
      if (override !== null) {
        [next, votingNext] = override;
        context.remove(items.rangeOverride);
      } else {
        const start = context.read(items.eraStartSlot, (reader) => reader.u64()) ?? 0n;
        next = nextSolutionRange(
          start,
          slot,
          ranges.current,
          params.slotProbability,
          params.eraDurationInBlocks,
        );
        votingNext = votingSolutionRange(next, params.expectedVotesPerBlock);
      }
    }
    this.putRanges({ ...ranges, next, votingNext });
    const below = context.read(items.enableRewardsBelow, (reader) => reader.u64());
    if (below !== null && next <= below) {
      context.remove(items.enableRewardsBelow);
      context.write(items.enableRewards, (writer) => writer.u32(context.number + 1));
    }
    context.write(items.eraStartSlot, (writer) => writer.u64(slot));
  }

  private advancePot({ slot, solution, proofOfTime }: PreDigest): void {
    const { context } = this;
    const { params, number } = context;
    let iterations = iterationsIn(context.storage);
    this.log({ kind: 'potSlotIterations', iterations: iterations.slotIterations });
    const { update } = iterations;
    if (update !== null && update.targetSlot !== null && update.targetSlot <= slot) {
      iterations = { slotIterations: update.slotIterations, update: null };
      this.putIterations(iterations);
    }
    let entropy = context.read(items.potEntropy, readEntropy) ?? [];
    if (number % params.potEntropyInjectionInterval === 0) {
      entropy.push({ block: number, targetSlot: null, entropy: blockEntropy(solution.chunk, proofOfTime) });
      const source = entropySource(number, params);
      const injected = entropy.find(({ block }) => block === source);
      if (injected !== undefined) {
        injected.targetSlot = slot + params.potEntropyInjectionDelay;
        if (iterations.update !== null && iterations.update.targetSlot === null) {
          iterations.update.targetSlot = injected.targetSlot;
          this.putIterations(iterations);
        }
      }
      this.putEntropy(entropy);
    }
    const change = pendingChange(number, iterations, entropy, params);
    if (change !== null) this.log({ kind: 'potParametersChange', ...change });
    const oldest = entropy[0];
    if (oldest !== undefined && oldest.targetSlot !== null && oldest.targetSlot < slot) {
      entropy = entropy.slice(1);
      this.putEntropy(entropy);
    }
  }

  private putIterations(iterations: PotIterations): void {
    this.context.write(items.potSlotIterations, (writer) => writeIterations(writer, iterations));
  }

  private putEntropy(entropy: Entropy[]): void {
    this.context.write(items.potEntropy, (writer) => writeEntropy(writer, entropy));
  }

  /** `on_finalize`. */
  finalise(): void {
    const { context } = this;
    const { next } = this.ranges();
    if (next !== null) this.log({ kind: 'nextSolutionRange', range: next });
    const author = context.read(items.currentAuthor, readAuthor);
    if (author === null) context.remove(items.parentAuthor);
    else context.storage.set(items.parentAuthor, author.key);
    const data = voteData(context.storage, context.params, true);
    context.write(items.parentVoteData, (writer) =>
      writer.u64(data.range).u64(data.votingRange).u64(data.currentSlot).u64(data.parentSlot),
    );
    const voters = context.read(items.currentVoters, readVoters) ?? [];
    context.write(items.parentVoters, (writer) => writeVoters(writer, voters));
    context.remove(items.didProcessSegmentHeaders);
  }

  /** Whether the segment headers continue the sequence; BadMandatory otherwise. */
  checkSegmentHeaders(headers: SegmentHeader[]): void {
    let expected = headers[0]?.segmentIndex;
    if (expected === undefined) throw new InvalidTransaction('BadMandatory');
    const { storage } = this.context;
    if (expected > 0n && segmentCommitment(storage, expected - 1n) === null)
      throw new InvalidTransaction('BadMandatory');
    for (const { segmentIndex } of headers) {
      if (segmentIndex !== expected || segmentCommitment(storage, segmentIndex) !== null)
        throw new InvalidTransaction('BadMandatory');
      expected += 1n;
    }
  }

  storeSegmentHeaders(headers: SegmentHeader[]): void {
    const { context } = this;
    if (context.storage.get(items.didProcessSegmentHeaders) !== null)
      throw new InvalidTransaction('BadMandatory');
    let count = context.read(items.segmentCount, (reader) => reader.u32()) ?? 0;
    for (const header of headers) {
      const { segmentIndex, segmentCommitment: commitment } = header;
      context.storage.set(keys.segmentCommitment(segmentIndex), commitment);
      count += 1;
      context.write(items.segmentCount, (writer) => writer.u32(count));
      this.log({ kind: 'segmentCommitment', segmentIndex, commitment });
      context.depositEvent(SUBSPACE, 0, encodeSegmentHeader(header));
    }
    context.write(items.didProcessSegmentHeaders, (writer) => writer.bool(true));
  }

  enableSolutionRangeAdjustment(override: SolutionRange | null, votingOverride: SolutionRange | null): void {
    const { context } = this;
    if (shouldAdjustSolutionRange(context.storage))
      throw moduleError(SUBSPACE, 0, 'SolutionRangeAdjustmentAlreadyEnabled');
    context.write(items.shouldAdjust, (writer) => writer.bool(true));
    if (override !== null) {
      const voting = votingOverride ?? votingSolutionRange(override, context.params.expectedVotesPerBlock);
      const ranges = this.ranges();
      if (ranges.next !== null) this.putRanges({ ...ranges, next: override, votingNext: voting });
      else {
        this.putRanges({ ...ranges, current: override, votingCurrent: voting });
        context.write(items.rangeOverride, (writer) => writer.u64(override).u64(voting));
        this.log({ kind: 'nextSolutionRange', range: override });
      }
    }
    this.log({ kind: 'enableSolutionRangeAdjustment', override });
  }

  enableRewardsAt(height: number): void {
    const from = Math.max(height, this.context.number + 1);
    this.context.write(items.enableRewards, (writer) => writer.u32(from));
  }

  enableRewardsBelow(range: SolutionRange): void {
    this.context.write(items.enableRewardsBelow, (writer) => writer.u64(range));
  }

  enableAuthoringByAnyone(): void {
    this.context.write(items.allowAnyone, (writer) => writer.bool(true));
    this.context.remove(items.rootPlotPublicKey);
    this.log({ kind: 'rootPlotPublicKeyUpdate', key: null });
  }

  setPotSlotIterations(slotIterations: number): void {
    const iterations = iterationsIn(this.context.storage);
    if (slotIterations % 16 !== 0) throw moduleError(SUBSPACE, 1, 'NotMultipleOfCheckpoints');
    if (iterations.slotIterations >= slotIterations)
      throw moduleError(SUBSPACE, 2, 'PotSlotIterationsMustIncrease');
    if (iterations.update !== null && iterations.update.targetSlot !== null)
      throw moduleError(SUBSPACE, 3, 'PotSlotIterationsUpdateAlreadyScheduled');
    this.putIterations({ ...iterations, update: { targetSlot: null, slotIterations } });
  }

  depositVoteEvent(vote: Vote): void {
    const { solution, height, parentHash } = vote;
    const { publicKey, rewardAddress } = solution;
    this.context.depositEvent(SUBSPACE, 1, publicKey, rewardAddress, littleEndian(height, 4), parentHash);
  }

  rewardsEnabled(): boolean {
    const from = this.context.read(items.enableRewards, (reader) => reader.u32());
    return from !== null && this.context.number >= from;
  }

  /** Account of the block's author, unless rewards are off or the author equivocated. */
  blockRewardAddress(): Uint8Array | null {
    return this.rewardsEnabled()
      ? (this.context.read(items.currentAuthor, readAuthor)?.rewardAddress ?? null)
      : null;
  }

  votingRewardAddresses(): Uint8Array[] {
    if (!this.rewardsEnabled()) return [];
    const voters = this.context.read(items.currentVoters, readVoters) ?? [];
    return voters.flatMap(({ rewardAddress }) => (rewardAddress === null ? [] : [rewardAddress]));
  }
}
