/** Makes blocks and votes of the solutions that farmers send. */
import { InOrder } from '../src/async/in-order.ts';
import { fromHex, toHex } from '../src/protocol/bytes.ts';
import { preRuntimeDigestItem, sealDigestItem } from '../src/protocol/digest.ts';
import { encodeExtrinsic, IMMORTAL } from '../src/protocol/extrinsic.ts';
import { headerHash } from '../src/protocol/header.ts';
import { subspaceJustification } from '../src/protocol/justification.ts';
import { globalChallenge, slotOutput } from '../src/protocol/pot.ts';
import { ProtocolError, messageOf } from '../src/protocol/errors.ts';
import { ScaleWriter } from '../src/protocol/scale.ts';
import { writeSegmentHeader } from '../src/protocol/segment.ts';
import { isWithinSolutionRange } from '../src/protocol/solution-range.ts';
import type {
  Header,
  Justification,
  PreDigest,
  SegmentHeader,
  SlotNumber,
  Solution,
} from '../src/protocol/types.ts';
import { orderedTrieRoot, type Trie } from '../src/protocol/trie.ts';
import { encodeVote, voteHash } from '../src/protocol/vote.ts';
import type { Block, Chain } from './chain.ts';
import type { FarmingHub } from './farming.ts';
import { InvalidTransaction } from './runtime/context.ts';
import { STATE_VERSION } from './runtime/storage.ts';
import {
  currentSlot,
  rangesForNextBlock,
  rootPlotPublicKey,
  segmentCommitment,
} from './runtime/subspace-state.ts';
import { verifySolutionIn } from './runtime/solutions.ts';
import type { Timekeeper } from './timekeeper.ts';
import type { TransactionPool } from './transaction-pool.ts';

/** Time that a farmer has to sign; its machine may be proving for the next slot. */
const SIGNING_TIMEOUT_MS = 2_000;
/** Blocks between two forks, and how many blocks the younger branch gets before it wins. */
const FORK_EVERY = 7;
const FORK_LENGTH = 2;

export interface AuthorOptions {
  chain: Chain;
  pool: TransactionPool;
  timekeeper: Timekeeper;
  hub: FarmingHub;
  /** Segment headers that a block on this state has to store. */
  segmentHeaders(state: Trie): SegmentHeader[];
  /** Header of a segment as archived here, whether in state already or not. */
  segmentHeader(index: bigint): SegmentHeader | null;
  /** Extrinsics with what the domains' operators bundled for a block on this parent. */
  bundles(parent: Block, preDigest: PreDigest): Uint8Array[];
  /** Milliseconds since the epoch. */
  now(): number;
  /** Now and then author beside the best block. */
  forks: boolean;
  log(line: string): void;
}

interface Claim {
  preDigest: PreDigest;
  justification: Justification;
}

export class Author {
  private fork: { tip: string; left: number } | null = null;
  private lastFork = 0;
  private readonly queue = new InOrder();

  constructor(private readonly options: AuthorOptions) {}

  /** The timekeeper made a proof: announces its slot and authors for the slot whose delay is over now. */
  onProof(slot: SlotNumber): Promise<void> {
    this.announce(slot);
    const due = slot - BigInt(this.options.chain.params.blockAuthoringDelay);
    if (due < 1n) return Promise.resolve();
    const solutions = this.options.hub.closeSlot(due);
    if (solutions.length === 0) return Promise.resolve();
    return this.queue
      .run(() => this.author(due, solutions))
      .catch((error: unknown) => {
        this.options.log(`Slot ${due}: no block: ${messageOf(error)}`);
      });
  }

  /** Waits for the block that is being made, if there is one. */
  async stop(): Promise<void> {
    this.options.hub.close();
    await this.queue.settled();
  }

  private announce(slot: SlotNumber): void {
    const { chain, timekeeper, hub } = this.options;
    const ranges = rangesForNextBlock(chain.stateOf(chain.best.hash), chain.params);
    hub.openSlot({
      slotNumber: slot,
      globalChallenge: globalChallenge(timekeeper.outputAt(slot)!, slot),
      solutionRange: ranges.block,
      votingSolutionRange: ranges.voting,
    });
  }

  private async author(slot: SlotNumber, solutions: Solution[]): Promise<void> {
    const { chain } = this.options;
    const beside = this.forkParent(slot);
    if (beside !== null && (await this.authorOn(beside, slot, solutions)) !== null) return;
    await this.authorOn(chain.best, slot, solutions);
  }

  /** Parent of a block that competes with the best branch, when it is time for one. */
  private forkParent(slot: SlotNumber): Block | null {
    const { chain, forks } = this.options;
    if (!forks) return null;
    if (this.fork !== null) {
      const tip = chain.block(this.fork.tip);
      if (tip !== null && this.fork.left > 0 && !chain.isCanonical(tip)) return tip;
      this.fork = null;
    }
    const { best } = chain;
    if (best.number < 3 || best.number < this.lastFork + FORK_EVERY) return null;
    const parent = chain.block(best.parent)!;
    return slot > chain.slotOf(parent) ? parent : null;
  }

  private noteFork(parent: Block, made: Block): void {
    if (parent.hash === this.options.chain.best.hash || made.hash === this.options.chain.best.hash) return;
    this.fork = { tip: made.hash, left: (this.fork?.left ?? FORK_LENGTH) - 1 };
    this.lastFork = made.number;
  }

  /** Makes a block on `parent` of the first solution good enough, votes of the others. */
  private async authorOn(parent: Block, slot: SlotNumber, solutions: Solution[]): Promise<Block | null> {
    const { chain, log } = this.options;
    const state = chain.stateOf(parent.hash);
    if (slot <= currentSlot(state)) return null;
    const claimed = this.proofsFor(parent, slot);
    const onBest = parent.hash === chain.best.hash;
    if (claimed === null) {
      if (onBest) log(`Slot ${slot}: its proof of time does not follow from block ${parent.number}`);
      return null;
    }
    const { block: range } = rangesForNextBlock(state, chain.params);
    let claim: Claim | null = null;
    for (const solution of solutions) {
      const distance = this.verify(state, slot, solution, claimed.proofOfTime);
      if (distance === null) continue;
      const preDigest = { slot, solution, ...claimed };
      if (!isWithinSolutionRange(distance, range)) {
        // Farmers vote on the best branch, once for a solution.
        if (onBest && parent.number > 0) void this.vote(parent, preDigest);
      } else claim ??= { preDigest, justification: claimed.justification };
    }
    if (claim === null) return null;
    const made = await this.build(parent, claim);
    if (made !== null) this.noteFork(parent, made);
    return made;
  }

  private proofsFor(
    parent: Block,
    slot: SlotNumber,
  ): (Pick<PreDigest, 'proofOfTime' | 'futureProofOfTime'> & { justification: Justification }) | null {
    const { chain, timekeeper } = this.options;
    const first = chain.justifiedFrom(parent);
    const futureSlot = slot + BigInt(chain.params.blockAuthoringDelay);
    const checkpoints: Uint8Array[] = [];
    for (let at = first.slot; at <= futureSlot; at += 1n) {
      const proof = timekeeper.proofAt(at);
      if (proof === null) return null;
      // On a branch with other entropy the timekeeper's proofs begin elsewhere.
      if (at === first.slot && toHex(proof.seed) !== toHex(first.seed)) return null;
      checkpoints.push(proof.checkpoints);
    }
    const proofOfTime = timekeeper.outputAt(slot);
    const last = checkpoints.at(-1);
    if (proofOfTime === null || last === undefined) return null;
    return {
      proofOfTime,
      futureProofOfTime: slotOutput(last),
      justification: { seed: first.seed, checkpoints },
    };
  }

  private verify(state: Trie, slot: SlotNumber, solution: Solution, proofOfTime: Uint8Array): bigint | null {
    const { chain, segmentHeader, log } = this.options;
    const root = rootPlotPublicKey(state);
    if (root !== null && toHex(root) !== toHex(solution.publicKey)) return null;
    const { voting, block } = rangesForNextBlock(state, chain.params);
    const range = voting > block ? voting : block;
    const commitmentOf = (index: bigint): Uint8Array | null =>
      segmentCommitment(state, index) ?? segmentHeader(index)?.segmentCommitment ?? null;
    try {
      return verifySolutionIn(state, chain.params, solution, slot, proofOfTime, range, commitmentOf);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      log(`Slot ${slot}: a solution was refused: ${error.message}`);
      return null;
    }
  }

  private async vote(parent: Block, preDigest: PreDigest): Promise<void> {
    const { hub, pool, log } = this.options;
    const { slot, solution, proofOfTime, futureProofOfTime } = preDigest;
    const parentHash = fromHex(parent.hash, 32);
    const vote = { height: parent.number + 1, parentHash, slot, solution, proofOfTime, futureProofOfTime };
    const signature = await hub.sign(voteHash(vote), solution.publicKey, SIGNING_TIMEOUT_MS);
    if (signature === null) return;
    const call = new ScaleWriter(640).u8(2).u8(2).raw(encodeVote(vote)).raw(signature, 64).bytes();
    const extra = { era: IMMORTAL, nonce: 0n, tip: 0n };
    try {
      pool.submit(encodeExtrinsic({ kind: 'general', extensionVersion: 0, extra, call }));
    } catch (error) {
      log(`Slot ${slot}: a vote was refused: ${messageOf(error)}`);
    }
  }

  private inherents(state: Trie, parent: Block): Uint8Array[] {
    const { chain, now, segmentHeaders } = this.options;
    // The runtime wants half a slot between the timestamps of two blocks.
    const earliest = chain.timestampOf(parent) + BigInt(Math.floor(chain.params.slotDurationMs / 2));
    const wall = BigInt(Math.round(now()));
    const timestamp = wall > earliest ? wall : earliest;
    const bare = (call: ScaleWriter): Uint8Array =>
      encodeExtrinsic({ kind: 'bare', version: 5, call: call.bytes() });
    const found = [bare(new ScaleWriter().u8(1).u8(0).compact(timestamp))];
    const headers = segmentHeaders(state);
    if (headers.length > 0) found.push(bare(new ScaleWriter().u8(2).u8(0).vec(headers, writeSegmentHeader)));
    return found;
  }

  private async build(parent: Block, { preDigest, justification }: Claim): Promise<Block | null> {
    const { chain, pool, hub, bundles, log } = this.options;
    const state = chain.stateOf(parent.hash);
    const { execution, context } = chain.beginBlock(parent, preRuntimeDigestItem(preDigest));
    const extrinsics: Uint8Array[] = [];
    for (const inherent of this.inherents(state, parent)) {
      execution.apply(inherent);
      extrinsics.push(inherent);
    }
    for (const transaction of [...bundles(parent, preDigest), ...pool.ready()]) {
      try {
        execution.apply(transaction);
        extrinsics.push(transaction);
      } catch (error) {
        if (!(error instanceof InvalidTransaction)) throw error;
        const later = error.kind === 'ExhaustsResources' || error.kind === 'Future';
        if (!later && parent.hash === chain.best.hash) pool.reject(transaction);
      }
    }
    execution.finalise();
    const unsealed: Header = {
      parentHash: fromHex(parent.hash, 32),
      number: parent.number + 1,
      stateRoot: state.apply(context.storage.changes()).root(),
      extrinsicsRoot: orderedTrieRoot(extrinsics, STATE_VERSION),
      digest: context.digest,
    };
    const { publicKey } = preDigest.solution;
    const signature = await hub.sign(headerHash(unsealed), publicKey, SIGNING_TIMEOUT_MS);
    if (signature === null) {
      log(`Slot ${preDigest.slot}: the farmer ${toHex(publicKey).slice(0, 8)}… did not sign its block`);
      return null;
    }
    const header = { ...unsealed, digest: [...unsealed.digest, sealDigestItem(signature)] };
    const justifications = [subspaceJustification(justification)];
    const block = chain.import({ header, extrinsics, justifications });
    log(
      `Block ${block.number} ${block.hash.slice(0, 10)}… slot ${preDigest.slot} ` +
        `farmer ${toHex(publicKey).slice(0, 8)}… extrinsics ${extrinsics.length}`,
    );
    return block;
  }
}
