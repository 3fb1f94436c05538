/**
 * Verifies runs of blocks: the cheap rules one block after the other, the signatures, the openings and the proof
 * of time of all of them together. What fails is named by the first rule that the block breaks, in the order in
 * which a full node applies them.
 */
import { openSolution } from '../crypto/solution.ts';
import { badSignatures, type SignatureClaim } from '../crypto/sr25519.ts';
import { JobPriority, type ComputePool, type KzgOpening } from '../crypto/jobs.ts';
import type { PotShare } from '../crypto/pot-budget.ts';
import { randomBelow } from '../crypto/random.ts';
import type { PotSlot } from '../crypto/pot-slot.ts';
import type { PotMode, PotVerifier } from '../crypto/pot-verifier.ts';
import type { ImportableBlock } from '../network/source.ts';
import { REWARD_SIGNING_CONTEXT } from '../protocol/constants.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { preSealHash, sealOf } from '../protocol/header.ts';
import { invalidChunkWitness, invalidPiece } from '../protocol/solution-check.ts';
import type { ChainConstants } from '../protocol/types.ts';
import type { Block, BlockContext } from './block.ts';
import { readBlock } from './rules/header.ts';
import { checkAfterSolution, checkBeforeSolution, contextAfter } from './rules/import.ts';
import { checkLastOutput, claimedSlots } from './rules/proof-of-time.ts';
import { refuse } from './rules/refuse.ts';
import { checkPiece } from './rules/segments.ts';

/** Milliseconds that the rules of a block took: its share where many were verified together. */
export interface RuleTimes {
  /** Items, seal and justification read. */
  header: number;
  signature: number;
  proofOfTime: number;
  /** Proof of space and distance. */
  space: number;
  openings: number;
  /** Rules against the parent. */
  parent: number;
}

export interface VerifiedBlock {
  block: Block;
  context: BlockContext;
  times: RuleTimes;
  pot: PotMode;
}

export interface Verdict {
  /** The blocks that hold, in order, up to the first that does not. */
  verified: VerifiedBlock[];
  /** The first block that does not hold, and the first rule that it breaks. */
  refused: { block: ImportableBlock; error: ProtocolError } | null;
}

export interface VerifyOptions {
  priority: JobPriority;
  signal?: AbortSignal;
  /** How much of the proof of time is verified; left out: what the budget says. */
  potShare?: PotShare;
  /** Of the slots of each block, so many drawn at random are verified; left out: all. */
  potSlots?: number;
}

/** Where the rules that are checked apart from the others stand in the order: between which steps. */
const Rank = { read: 0, pot: 1, signature: 2, space: 3, chunk: 4, parent: 5, record: 6, after: 7 } as const;
type Rank = (typeof Rank)[keyof typeof Rank];

/** What remains to be verified of one block once its cheap rules were checked. */
interface Claims {
  candidate: ImportableBlock;
  block: Block | null;
  context: BlockContext | null;
  signature: SignatureClaim | null;
  slots: PotSlot[];
  chunk: KzgOpening | null;
  record: KzgOpening | null;
  failure: { rank: Rank; error: ProtocolError } | null;
  times: RuleTimes;
  pot: PotMode;
}

export class BlockVerifier {
  /** Needs `loadWasm()` to have finished. */
  constructor(
    private readonly pool: ComputePool,
    private readonly pot: PotVerifier,
    readonly constants: ChainConstants,
  ) {}

  /** Checks what one header and its justification show by themselves. Throws ProtocolError. */
  async verifyAlone(candidate: ImportableBlock, options: VerifyOptions): Promise<Block> {
    const claims = this.claimsOf(candidate);
    await this.settle([claims], options);
    if (claims.failure !== null) throw claims.failure.error;
    return claims.block as Block;
  }

  /**
   * The same for many blocks that need not hang together, at less than the price of one after the other. Throws
   * the ProtocolError of the first that does not hold.
   */
  async verifyEachAlone(candidates: readonly ImportableBlock[], options: VerifyOptions): Promise<void> {
    const all = candidates.map((candidate) => this.claimsOf(candidate));
    await this.settle(all, options);
    const failed = all.find(({ failure }) => failure !== null);
    if (failed?.failure) throw failed.failure.error;
  }

  /** Verifies blocks that follow one another from `parent` on. Rejects with the signal's reason only. */
  async verify(
    candidates: readonly ImportableBlock[],
    parent: BlockContext,
    options: VerifyOptions,
  ): Promise<Verdict> {
    const all: Claims[] = [];
    let before = parent;
    for (const candidate of candidates) {
      const claims = this.claimsOf(candidate);
      all.push(claims);
      this.claimAgainst(claims, before);
      if (claims.context === null) break;
      before = claims.context;
    }
    await this.settle(all, options);
    const end = all.findIndex(({ failure }) => failure !== null);
    const good = end < 0 ? all : all.slice(0, end);
    const failed = all[end];
    return {
      verified: good.map(({ block, context, times, pot }) => ({
        block: block as Block,
        context: context as BlockContext,
        times,
        pot,
      })),
      refused: failed?.failure ? { block: failed.candidate, error: failed.failure.error } : null,
    };
  }

  private claimsOf(candidate: ImportableBlock): Claims {
    const times: RuleTimes = { header: 0, signature: 0, proofOfTime: 0, space: 0, openings: 0, parent: 0 };
    const claims: Claims = {
      candidate,
      block: null,
      context: null,
      signature: null,
      slots: [],
      chunk: null,
      record: null,
      failure: null,
      times,
      pot: 'full',
    };
    times.header = timed(() => {
      attempt(claims, Rank.read, () => {
        const block = readBlock(candidate);
        claims.block = block;
        checkLastOutput(block);
        const { header, digests } = block;
        claims.signature = {
          publicKey: digests.preDigest.solution.publicKey,
          message: preSealHash(header),
          signature: sealOf(header),
        };
      });
    });
    const { block } = claims;
    if (block === null || claims.failure !== null) return claims;
    attempt(claims, Rank.pot, () => {
      claims.slots = claimedSlots(block, this.constants.blockAuthoringDelay);
    });
    times.space = timed(() => {
      attempt(claims, Rank.space, () => {
        const { preDigest, solutionRange } = block.digests;
        const { solution, slot, proofOfTime } = preDigest;
        const params = { proofOfTime, solutionRange, pieceCheck: null };
        claims.chunk = openSolution(solution, slot, params).chunk;
      });
    });
    return claims;
  }

  private claimAgainst(claims: Claims, parent: BlockContext): void {
    const { block } = claims;
    if (block === null || claims.failure !== null) return;
    claims.times.parent = timed(() => {
      attempt(claims, Rank.parent, () => {
        claims.record = checkPiece(block, checkBeforeSolution(block, parent, this.constants));
      });
      if (claims.record === null) return;
      attempt(claims, Rank.after, () => {
        checkAfterSolution(block, parent, this.constants);
        claims.context = contextAfter(block, parent, this.constants);
      });
    });
  }

  private async settle(all: Claims[], options: VerifyOptions): Promise<void> {
    this.settleSignatures(all);
    await Promise.all([this.settleOpenings(all, options), this.settlePot(all, options)]);
  }

  private settleSignatures(all: Claims[]): void {
    const claimed = all.filter(({ signature }) => signature !== null);
    const took = timed(() => {
      const signatures = claimed.map(({ signature }) => signature as SignatureClaim);
      for (const index of badSignatures(REWARD_SIGNING_CONTEXT, signatures)) {
        attempt(claimed[index] as Claims, Rank.signature, () =>
          refuse('seal-signature', 'the seal is not the farmer’s signature'),
        );
      }
    });
    for (const { times } of claimed) times.signature = took / claimed.length;
  }

  private async settleOpenings(all: Claims[], options: VerifyOptions): Promise<void> {
    const claimed = all.flatMap((claims) => [
      ...(claims.chunk ? [{ claims, rank: Rank.chunk, opening: claims.chunk }] : []),
      ...(claims.record ? [{ claims, rank: Rank.record, opening: claims.record }] : []),
    ]);
    const started = performance.now();
    await Promise.all(
      split(claimed, this.pool.status().workers).map(async (part) => {
        const openings = part.map(({ opening }) => opening);
        const { bad } = await this.pool.run('kzg.verify', { openings }, jobOptions(options));
        for (const index of bad) {
          const { claims, rank } = part[index] as (typeof part)[number];
          fail(claims, rank, rank === Rank.chunk ? invalidChunkWitness() : invalidPiece());
        }
      }),
    );
    const took = performance.now() - started;
    for (const { claims } of claimed) claims.times.openings += took / claimed.length;
  }

  private async settlePot(all: Claims[], options: VerifyOptions): Promise<void> {
    const claimed = all.filter(({ slots }) => slots.length > 0);
    const potOptions = { ...jobOptions(options), share: options.potShare };
    const started = performance.now();
    await Promise.all(
      claimed.map(async (claims) => {
        try {
          const { potSlots = claims.slots.length } = options;
          const { mode } = await this.pot.verify(drawnFrom(claims.slots, potSlots), potOptions);
          claims.pot = mode === 'full' && potSlots < claims.slots.length ? 'sampled' : mode;
        } catch (error) {
          if (!(error instanceof ProtocolError)) throw error;
          fail(claims, Rank.pot, error);
        }
      }),
    );
    const took = performance.now() - started;
    for (const { times } of claimed) times.proofOfTime = took / claimed.length;
  }
}

function jobOptions({ priority, signal }: VerifyOptions) {
  return { priority, signal };
}

/** Keeps the failure that comes first in the order of the rules. */
function fail(claims: Claims, rank: Rank, error: ProtocolError): void {
  if (claims.failure === null || rank < claims.failure.rank) claims.failure = { rank, error };
}

function attempt(claims: Claims, rank: Rank, check: () => void): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    fail(claims, rank, error);
  }
}

/** So many items, drawn so that nobody can foresee which. */
function drawnFrom<T>(items: readonly T[], count: number): readonly T[] {
  const left = [...items];
  while (left.length > count) left.splice(randomBelow(left.length), 1);
  return left;
}

function timed(work: () => void): number {
  const started = performance.now();
  work();
  return performance.now() - started;
}

/** Cuts a list into at most `parts` runs of nearly equal length. */
function split<T>(items: readonly T[], parts: number): T[][] {
  const size = Math.ceil(items.length / Math.max(1, parts));
  const runs: T[][] = [];
  for (let index = 0; index < items.length; index += size) runs.push(items.slice(index, index + size));
  return runs;
}
