/**
 * Super-light sync of a source's chain: its history examined by samples, a checkpoint K deep read by proof, and
 * every block from there to its head verified in full, before any of it is shown.
 */
import { JobPriority } from '../crypto/jobs.ts';
import { examinationShare, type PotBudget } from '../crypto/pot-budget.ts';
import { randomShare } from '../crypto/random.ts';
import type { ChainSource, ImportableBlock } from '../network/source.ts';
import { equal, toHex } from '../protocol/bytes.ts';
import { subspaceDigests } from '../protocol/digest.ts';
import { headerHash } from '../protocol/header.ts';
import { RuntimeMetadata } from '../protocol/metadata.ts';
import type { ChainConstants, Header, SolutionRange } from '../protocol/types.ts';
import type { Beginning, ExaminationView } from './beginning.ts';
import type { BlockContext } from './block.ts';
import { mmrQuery } from './state/consensus.ts';
import { StateReader } from './state/reader.ts';
import { examineHistory, workOf } from './superlight.ts';
import { NodeHistory } from './superlight-source.ts';
import { RefusedBlock } from './sync.ts';
import { readTrusted } from './trusted.ts';
import { UnreliableSource } from './unreliable.ts';
import type { BlockVerifier, VerifiedBlock } from './verifier.ts';

export interface ExaminationPolicy {
  /** Blocks from which on a chain is examined by samples instead of verified from genesis. */
  threshold: number;
  /** Share of the space of the adversary that samples are counted against, below a half. */
  share: number;
  /** A forged history passes with a chance of at most 2^-bits. */
  bits: number;
}

/** What the app asks for: `docs/superlight.md` has the reasons. */
export const EXAMINATION: ExaminationPolicy = { threshold: 20_000, share: 1 / 3, bits: 40 };

export interface ExaminationRequest {
  /** 32 bytes. */
  genesisHash: Uint8Array;
  constants: ChainConstants;
  /** Solution range that the chain began with; null: as the chain itself has it. */
  genesisRange: SolutionRange | null;
  /** Whether ranges follow from the slots from genesis on. */
  adjusting: boolean;
  policy: ExaminationPolicy;
  verifier: BlockVerifier;
  potBudget: PotBudget;
  /** Iterations a second that this machine verifies; 0: not measured yet. */
  potRate: number;
  /** Milliseconds that a batch may take. */
  patienceMs: number;
  progress: (view: ExaminationView) => void;
  signal: AbortSignal;
}

/** A chain that was examined: the checkpoint it goes on from, and the blocks above up to its head. */
export interface ExaminedChain {
  beginning: Beginning & { kind: 'examined' };
  root: { header: Header; context: BlockContext };
  above: VerifiedBlock[];
  /** Work of all its blocks, below the recent ones as its eras claim it. */
  work: number;
}

/** Recent blocks that are read and verified together. */
const BATCH = 32;
/** Samples of a long chain at the usual soundness, about. */
const USUAL_SAMPLES = 450;

/** Whether a chain of that length has a history below its recent blocks. */
export function isExaminable(number: number, { confirmationDepthK }: ChainConstants): boolean {
  return number > confirmationDepthK + 2;
}

/**
 * Examines the chain of a source's best block (rule `superlight`).
 *
 * @throws ProtocolError or RefusedBlock for a lie, UnreliableSource for what is withheld, UnexaminableHistory where
 * samples cannot judge, and what the source rejects with.
 */
export async function examineChain(source: ChainSource, request: ExaminationRequest): Promise<ExaminedChain> {
  const { constants, policy, verifier, signal } = request;
  const show = (step: ExaminationView['step'], done: number, of: number) =>
    request.progress({ source: source.name, step, done, of });
  show('history', 0, 1);
  const header = await source.bestHeader(signal);
  const head = { header, number: header.number, hash: headerHash(header), stateRoot: header.stateRoot };
  const metadata = RuntimeMetadata.decode(await source.metadata(head.hash, signal));
  const range = (await new StateReader(source, metadata, head).read(mmrQuery(metadata), signal)).value;
  const share = shareOf(header, request);
  const options = { priority: JobPriority.catchUp, ...share, signal };
  const history = new NodeHistory(source, head.hash, request.patienceMs);
  const report = await examineHistory(
    history,
    { number: head.number, ...range },
    {
      constants,
      genesisHash: request.genesisHash,
      genesisRange: request.genesisRange,
      adjusting: request.adjusting,
      recent: constants.confirmationDepthK,
      share: policy.share,
      bits: policy.bits,
      random: randomShare,
      verifyAlone: (blocks) => verifier.verifyEachAlone(blocks, options),
      progress: (done, of) => show('history', done, of),
      signal,
    },
  );
  const { fullFrom } = report;
  show('checkpoint', 0, 1);
  const recent = await readRecent(history, fullFrom, head, signal);
  const trusted = { genesisHash: null, number: fullFrom - 1, hash: recent[0]!.header.parentHash };
  const root = await readTrusted(source, constants, trusted, () => verifier, signal, share);
  const above: VerifiedBlock[] = [];
  for (let at = 0; at < recent.length; at += BATCH) {
    show('recent', at, recent.length);
    const parent = above.at(-1)?.context ?? root.context;
    const { verified, refused } = await verifier.verify(recent.slice(at, at + BATCH), parent, options);
    if (refused !== null) throw new RefusedBlock(refused.block, refused.error);
    above.push(...verified);
  }
  const { samples, boundaries, bits, adjustingFrom } = report;
  const recentWork = above.map(({ block }) => workOf(block.digests.solutionRange));
  const work = recentWork.reduce((sum, one) => sum + one, report.work);
  const beginning = {
    kind: 'examined' as const,
    number: head.number,
    hash: toHex(head.hash),
    fullFrom,
    samples,
    boundaries,
    bits,
    share: policy.share,
    adjustingFrom,
    drops: report.drops.length,
    potInFull: share.potShare.mode === 'full',
  };
  return { beginning, root, above, work };
}

/** How much of the proof of time of samples and recent blocks is verified. */
function shareOf(head: Header, { constants, potBudget, potRate }: ExaminationRequest) {
  const { slotProbability, confirmationDepthK } = constants;
  const slots = Number(slotProbability[1]) / Number(slotProbability[0]);
  const { potSlotIterations } = subspaceDigests(head);
  const iterations = (USUAL_SAMPLES + confirmationDepthK) * slots * potSlotIterations;
  return examinationShare(potBudget, potRate, iterations);
}

/** The blocks from `from` to the head. They hang together, so that the head vouches for the hash of each. */
async function readRecent(
  history: NodeHistory,
  from: number,
  head: { number: number; hash: Uint8Array },
  signal: AbortSignal,
): Promise<ImportableBlock[]> {
  const blocks: ImportableBlock[] = [];
  for (let first = from; first <= head.number; first += BATCH) {
    const count = Math.min(BATCH, head.number + 1 - first);
    const numbers = Array.from({ length: count }, (_, index) => first + index);
    blocks.push(...(await history.blocks(numbers, signal)));
  }
  let hash = head.hash;
  for (const { header } of blocks.toReversed()) {
    // The source's chain may have moved to another branch since its head was read.
    if (!equal(headerHash(header), hash))
      throw new UnreliableSource('The source’s chain changed while it was examined.');
    hash = header.parentHash;
  }
  return blocks;
}
