import { InOrder } from '../async/in-order.ts';
import { within } from '../async/within.ts';
import type { ComputePool } from '../crypto/jobs.ts';
import { equal } from '../protocol/bytes.ts';
import { sentenceOf } from '../protocol/errors.ts';
import { isWithinSolutionRange } from '../protocol/solution-range.ts';
import type { RewardSigningInfo, SectorIndex, SlotInfo } from '../protocol/types.ts';
import { StorageError } from '../storage/errors.ts';
import { auditSlot, type Candidate } from './auditor.ts';
import { FarmError } from './errors.ts';
import type { FarmerIdentity } from './identity.ts';
import { proveCandidate } from './prover.ts';
import { codeOf, isDamage, type FarmReports } from './reports.ts';
import type { SectorTable } from './sectors.ts';
import type { FarmCounts, FarmSnapshot, SlotOutcome } from './snapshot.ts';
import { requireSlotInfo, SlotOrder, wentBy } from './slot-order.ts';
import type { AuthoringNode } from './source.ts';
import { RecentMedian, type Gap } from './statistics.ts';

const HISTORY_LENGTH = 200;
const TELL_AGAIN_MS = 600_000;
const MEASUREMENTS = 60;
/** Winning chunks of one slot that are looked at, nearest first; an honest range gives far fewer. */
const MAX_CANDIDATES = 64;
/** JSON-RPC error of a node that got a solution too late. */
const SOLUTION_IGNORED = '9001';
/** Without a slot for so long, milliseconds, something is wrong: a slot takes a second or two. */
const SILENCE_MS = 60_000;
/** The node asks for a signature within this time of the slot, in milliseconds. */
const ANSWER_MS = 10_000;
/**
 * A solution no signature was asked for within so many slots was not used. Networks make blocks and votes of solutions
 * four slots after theirs.
 */
const ANSWER_SLOTS = 8n;
/** Slots that were announced before a gap may wait here until after it, for so long, milliseconds. */
const SETTLED_MS = 10_000;

export interface SlotLoopOptions {
  pool: ComputePool;
  node: AuthoringNode;
  identity: FarmerIdentity;
  /** 32 bytes, as it is at the moment. */
  rewardAddress(): Uint8Array;
  /** Milliseconds from a slot's arrival until its solution must be with the node. */
  farmingTimeoutMs: number;
  sectors: SectorTable;
  reports: FarmReports;
  /** Is counted on. */
  counts: FarmCounts;
  sectorBroke(index: SectorIndex, error: unknown): Promise<void>;
  /** Slots went by in a gap that `awoke` was called with. */
  slept(gapMs: number, skipped: number): void;
  /** None did: the device's clock was set forward. */
  clockWasSet(): void;
}

/** Audits each slot as it comes, proves what wins, submits it and signs what is asked for. */
export class SlotLoop {
  private readonly stopping = new AbortController();
  private readonly audits = new RecentMedian(MEASUREMENTS);
  private readonly proofs = new RecentMedian(MEASUREMENTS);
  private history: SlotOutcome[] = [];
  private readonly counts: FarmCounts;
  private readonly order = new SlotOrder();
  /** When a slot was heard of last, `performance.now()`. */
  private heardAt = performance.now();
  /** Gaps that the slots after them have not explained yet, together; `since` as of `performance.now()`. */
  private gap: (Gap & { skipped: number; since: number }) | null = null;
  private auditing = false;
  /** Whether the last audit could read none of the sectors. */
  blind = false;
  /** Slots whose winning chunks wait for a proof or are being proven. */
  private unproven = 0;
  /** Solutions lost since the person was told. */
  private untold = 0;
  private tellAgainAt = 0;
  private readonly proving = new InOrder();
  /** With the node and not signed yet, oldest first: signatures are asked for in that order. */
  private submitted: { outcome: SlotOutcome; block: boolean; arrived: number }[] = [];

  constructor(private readonly options: SlotLoopOptions) {
    this.counts = options.counts;
  }

  async stop(): Promise<void> {
    this.stopping.abort(new DOMException('the farm is stopped', 'AbortError'));
    await this.proving.settled();
  }

  snapshot(): Pick<FarmSnapshot, 'slots' | 'proofs' | 'rewards' | 'history'> {
    const { audited, missed, made, accepted, late, rejected, blocks, votes } = this.counts;
    return {
      slots: { audited, missed, lastAuditMs: this.audits.last(), medianAuditMs: this.audits.median() },
      proofs: {
        underWay:
          this.unproven +
          this.submitted.filter(({ arrived }) => arrived > performance.now() - ANSWER_MS).length,
        made,
        accepted,
        late,
        rejected,
        medianMs: this.proofs.median(),
        deadlineMs: this.options.farmingTimeoutMs,
      },
      rewards: { blocks, votes },
      history: [...this.history],
    };
  }

  /** Slots in this gap, which ends now, could not be heard. */
  awoke({ ms, jumped }: Gap): void {
    this.heardAt = performance.now();
    const { gap } = this;
    this.gap = {
      ms: ms + (gap?.ms ?? 0),
      jumped: jumped || gap?.jumped === true,
      skipped: gap?.skipped ?? 0,
      since: this.heardAt,
    };
  }

  /** Says what a gap was, once the slots after it have shown that; a tab that was busy and missed none is no news. */
  private explainGap(skipped: number): void {
    const { gap } = this;
    if (gap === null) return;
    gap.skipped += skipped;
    const slept = wentBy(gap.ms, gap.skipped);
    if (!slept && performance.now() - gap.since < SETTLED_MS) return;
    this.gap = null;
    if (slept) this.options.slept(gap.ms, gap.skipped);
    else if (gap.jumped) this.options.clockWasSet();
  }

  /** Says so where slots have ceased to come: a farm that nobody tells of them looks well and wins nothing. */
  lookForSlots(): void {
    const { sectors, reports } = this.options;
    if (performance.now() - this.heardAt < SILENCE_MS || sectors.auditable().length === 0) return;
    reports.setCause('audit', noSlots());
  }

  /** `arrived`: `performance.now()` when the slot became known. */
  async onSlot(slot: SlotInfo, arrived: number): Promise<void> {
    this.heardAt = arrived;
    if (!this.accept(slot)) return;
    const sectors = this.options.sectors.auditable();
    if (sectors.length === 0) return;
    const outcome = newOutcome(slot);
    if (this.auditing) return this.miss(outcome, 'The audit of the slot before took too long.');
    this.auditing = true;
    try {
      const audit = auditSlot(sectors, slot, this.options.pool, this.stopping.signal);
      this.options.sectors.usedBy(audit);
      const { candidates, failed } = await audit;
      outcome.auditMs = performance.now() - arrived;
      this.audits.add(outcome.auditMs);
      this.counts.audited += 1;
      this.blind = failed.length === sectors.length;
      for (const { sectorIndex, error } of failed) await this.auditFailed(sectorIndex, error);
      if (failed.length === 0) this.options.reports.succeeded('audit');
      if (candidates.length > 0)
        this.proveInTurn(candidates.slice(0, MAX_CANDIDATES), slot, arrived, outcome);
    } catch (error) {
      if (!this.stopping.signal.aborted) this.miss(outcome, sentenceOf(error));
    } finally {
      this.auditing = false;
      this.options.reports.changed();
    }
  }

  /** Refuses slots that contradict themselves or earlier ones; counts those that never came. */
  private accept(slot: SlotInfo): boolean {
    try {
      requireSlotInfo(slot);
      const skipped = this.order.follow(slot.slotNumber);
      if (skipped === null) return false;
      this.explainGap(skipped);
      if (skipped > 0) this.skipped(slot, skipped);
      return true;
    } catch (error) {
      this.options.reports.setCause('audit', error);
      return false;
    }
  }

  private skipped(next: SlotInfo, count: number): void {
    this.counts.missed += count;
    if (this.options.sectors.auditable().length === 0) return;
    const outcome = newOutcome({ ...next, slotNumber: next.slotNumber - BigInt(count) });
    outcome.outcome = 'missed';
    outcome.reason = `${count === 1 ? 'This slot was' : `${count} slots were`} not announced: the node, the connection or this computer paused.`;
    this.record(outcome);
    this.options.reports.decided(outcome);
  }

  private async auditFailed(index: SectorIndex, error: unknown): Promise<void> {
    if (this.stopping.signal.aborted) return;
    if (isDamage(error)) await this.options.sectorBroke(index, error);
    else this.options.reports.setCause('audit', error);
  }

  private miss(outcome: SlotOutcome, reason: string): void {
    outcome.outcome = 'missed';
    outcome.reason = reason;
    this.counts.missed += 1;
    this.record(outcome);
    this.options.reports.decided(outcome);
  }

  /** A winning chunk was of no use. The person is told now and then, however often it happens. */
  private lostReward(): void {
    this.counts.late += 1;
    this.untold += 1;
    if (performance.now() < this.tellAgainAt) return;
    this.tellAgainAt = performance.now() + TELL_AGAIN_MS;
    const what = this.untold === 1 ? 'A winning solution came' : `${this.untold} winning solutions came`;
    this.options.reports.notify(
      'warning',
      'missed',
      `${what} too late: proving took longer than the network waits.`,
    );
    this.untold = 0;
  }

  private record(outcome: SlotOutcome): void {
    if (!this.history.includes(outcome)) this.history.unshift(outcome);
    if (this.history.length > HISTORY_LENGTH) this.history.length = HISTORY_LENGTH;
    this.options.reports.changed();
  }

  /** Slots prove one after the other, each on all cores. */
  private proveInTurn(candidates: Candidate[], slot: SlotInfo, arrived: number, first: SlotOutcome): void {
    first.outcome = 'proving';
    this.record(first);
    // What won is proven from the sector that won, even if a newer one is about to replace it.
    const releases = candidates.map(({ sector }) => sector.file.hold());
    this.unproven += 1;
    void this.proving.run(async () => {
      try {
        await this.proveSlot(candidates, slot, arrived, first);
      } catch (error) {
        this.options.reports.setCause('submit', error);
      } finally {
        this.unproven -= 1;
        for (const release of releases) release();
      }
    });
  }

  private async proveSlot(
    candidates: Candidate[],
    slot: SlotInfo,
    arrived: number,
    first: SlotOutcome,
  ): Promise<void> {
    const deadline = arrived + this.options.farmingTimeoutMs;
    let outcome = first;
    for (const candidate of candidates) {
      if (this.stopping.signal.aborted) return;
      if (performance.now() >= deadline) {
        this.lostReward();
        return this.miss(outcome, 'There was no time left to prove: earlier proofs took too long.');
      }
      const used = await this.proveWithin(deadline, candidate, slot, outcome);
      if (used) outcome = { ...newOutcome(slot), auditMs: first.auditMs };
    }
    // No chunk could win.
    if (outcome === first) this.history = this.history.filter((other) => other !== first);
  }

  /** Returns false when the chunk is stored without a mask and so cannot win. */
  private async proveWithin(
    deadline: number,
    candidate: Candidate,
    slot: SlotInfo,
    outcome: SlotOutcome,
  ): Promise<boolean> {
    const work = (signal: AbortSignal) => this.proveAndSubmit(candidate, slot, outcome, signal, deadline);
    try {
      return await within(deadline - performance.now(), this.stopping.signal, work, tooLate);
    } catch (error) {
      if (!this.stopping.signal.aborted) await this.proofFailed(error, candidate, outcome);
      return true;
    } finally {
      this.options.reports.changed();
    }
  }

  private async proveAndSubmit(
    candidate: Candidate,
    slot: SlotInfo,
    outcome: SlotOutcome,
    signal: AbortSignal,
    deadline: number,
  ): Promise<boolean> {
    const { pool, identity, node, rewardAddress } = this.options;
    const begun = performance.now();
    outcome.sector = candidate.sector.sectorIndex;
    outcome.outcome = 'proving';
    const context = { pool, publicKey: identity.publicKey, rewardAddress: rewardAddress(), signal };
    const solution = await proveCandidate(candidate, slot, context);
    if (solution === null) return false;
    const proven = performance.now();
    outcome.proveMs = proven - begun;
    this.proofs.add(outcome.proveMs);
    this.counts.made += 1;
    this.record(outcome);
    const block = isWithinSolutionRange(candidate.distance, slot.solutionRange);
    const entry = { outcome, block, arrived: deadline - this.options.farmingTimeoutMs };
    // The node may ask for the signature before it has answered.
    this.submitted = this.submitted.filter(
      (old) => BigInt(old.outcome.slot) + ANSWER_SLOTS > slot.slotNumber,
    );
    this.submitted.push(entry);
    outcome.outcome = 'submitted';
    try {
      await node.submitSolution(slot.slotNumber, solution);
    } catch (error) {
      this.submitted = this.submitted.filter((other) => other !== entry);
      throw error;
    }
    outcome.submitMs = performance.now() - proven;
    this.counts.accepted += 1;
    this.options.reports.succeeded('submit');
    return true;
  }

  private async proofFailed(error: unknown, candidate: Candidate, outcome: SlotOutcome): Promise<void> {
    const late = error instanceof FarmError && error.code === 'deadline';
    if (late || codeOf(error) === SOLUTION_IGNORED) {
      this.lostReward();
      this.miss(
        outcome,
        late ? error.sentence : 'The node had no use for the solution any more: it came too late.',
      );
      return;
    }
    const { sector } = candidate;
    // Nobody refused what could not be read.
    if (error instanceof StorageError) {
      this.miss(outcome, error.sentence);
    } else {
      outcome.outcome = 'rejected';
      this.counts.rejected += 1;
      outcome.reason = sentenceOf(error);
      this.record(outcome);
      this.options.reports.decided(outcome);
    }
    if (!isDamage(error)) this.options.reports.setCause('submit', error);
    else if (this.options.sectors.isCurrent(sector))
      await this.options.sectorBroke(sector.sectorIndex, error);
  }

  /** Signs hashes asked for in the name of this farm's key, and no others. */
  async onRewardSigning({ hash, publicKey }: RewardSigningInfo): Promise<void> {
    const { identity, node, reports } = this.options;
    if (!equal(publicKey, identity.publicKey)) return;
    try {
      await node.submitRewardSignature(hash, identity.signReward(hash));
    } catch (error) {
      reports.notify('error', 'reward', `A reward could not be signed: ${sentenceOf(error)}`);
      return;
    }
    const signed = this.submitted.shift();
    if (signed === undefined) {
      reports.notify(
        'info',
        'reward',
        'A reward was signed for a solution from before the farm was restarted.',
      );
      return;
    }
    signed.outcome.outcome = signed.block ? 'won-block' : 'won-vote';
    if (signed.block) this.counts.blocks += 1;
    else this.counts.votes += 1;
    reports.decided(signed.outcome);
    reports.notify('success', 'reward', signed.block ? 'This farm won a block.' : 'This farm won a vote.');
    reports.changed();
  }
}

function newOutcome(slot: SlotInfo): SlotOutcome {
  return {
    slot: slot.slotNumber.toString(),
    at: Date.now(),
    outcome: 'nothing',
    auditMs: null,
    proveMs: null,
    submitMs: null,
    reason: null,
    sector: null,
  };
}

function noSlots(): FarmError {
  return new FarmError({
    code: 'no-slots',
    message: `no slot for ${SILENCE_MS} ms`,
    sentence:
      'No slots are announced any more, so that nothing can be won. See that the node runs, is synced and can be reached.',
  });
}

function tooLate(): FarmError {
  return new FarmError({
    code: 'deadline',
    message: 'the farming timeout has passed',
    sentence: 'The proof was not ready in time.',
    action: 'Allow more cores, or pause plotting',
  });
}
