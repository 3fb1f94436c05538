/**
 * Super-light sync: whether a long chain is what it claims to be, from the headers of its era boundaries and a
 * random sample of its blocks, all proven to be in the Merkle mountain range of the head. `docs/superlight.md` has
 * the model and the arithmetic.
 */
import type { ImportableBlock } from '../network/source.ts';
import { U64_MAX } from '../protocol/constants.ts';
import { subspaceDigests } from '../protocol/digest.ts';
import { mmrLeafOf, verifyMmrProof, type MmrProof } from '../protocol/mmr.ts';
import type { Header, SolutionRange } from '../protocol/types.ts';
import { falseHistory as refuse, readEras, type Era, type EraOptions } from './eras.ts';

/** What is asked for. Nothing of it is believed. */
export interface SuperLightSource {
  /** Headers of the blocks of these numbers (ascending) on the chain of the head. */
  headers(numbers: readonly number[], signal?: AbortSignal): Promise<Header[]>;
  /** The same with their proofs of time. */
  blocks(numbers: readonly number[], signal?: AbortSignal): Promise<ImportableBlock[]>;
  /** Proof that the blocks of these numbers are leaves of the range of `size` leaves. */
  mmrProof(numbers: readonly number[], size: number, signal?: AbortSignal): Promise<MmrProof>;
}

/** The head whose chain is examined, and its range, read from its state by proof. */
export interface SuperLightHead {
  number: number;
  /** Root of the range, 32 bytes. */
  root: Uint8Array;
  /** Its leaves: the blocks before the head. */
  leaves: bigint;
}

export interface SuperLightOptions extends EraOptions {
  /** Blocks before the head that the caller verifies in full. */
  recent: number;
  /** Share of the space that the adversary has, below a half. */
  share: number;
  /** Soundness asked for: the chance to pass is at most 2^-bits. */
  bits: number;
  /** Numbers in [0, 1) that the source cannot foresee. */
  random: () => number;
  /** All rules of headers by themselves for these blocks. Throws ProtocolError. */
  verifyAlone: (blocks: readonly ImportableBlock[]) => Promise<void>;
  /** Headers and blocks that were read so far, of how many. */
  progress?: (done: number, of: number) => void;
  signal?: AbortSignal;
}

export interface SuperLightReport {
  /** Chance that a chain with too little work passes: 2^-bits. */
  bits: number;
  samples: number;
  boundaries: number;
  /** Headers of boundaries that were read; the others follow from them. */
  boundariesRead: number;
  /** First block from which on every range follows from the slots. */
  adjustingFrom: number;
  /** Work that the chain claims below `fullFrom`: the sum of its blocks' `workOf`. */
  work: number;
  /** First block that the caller has to verify in full. */
  fullFrom: number;
  /** Space that stood behind each era, in relation to the one before it, where it fell below a half. */
  drops: { number: number; ratio: number }[];
}

/** Numbers asked for in one request. */
const IN_REQUEST = 256;

/** Chance that one sample hits an invalid block, where the recent part has `recentShare` of all work. */
export function hitChance(share: number, recentShare: number): number {
  if (!(share > 0 && share < 0.5)) throw new RangeError(`${share} is no share of an adversary`);
  // Of honest work the adversary does share / (1 − share) in the same time.
  return Math.min(1, Math.log(share / (1 - share)) / Math.log(recentShare));
}

/** Samples for a soundness of 2^-bits. */
export function samplesFor(bits: number, share: number, recentShare: number): number {
  const hit = hitChance(share, recentShare);
  return hit >= 1 ? 1 : Math.ceil(-bits / Math.log2(1 - hit));
}

/** Soundness, in bits, that a number of samples reaches. */
export function soundness(samples: number, share: number, recentShare: number): number {
  return -samples * Math.log2(1 - hitChance(share, recentShare));
}

/** Work of a block: the inverse of its solution range. */
export function workOf(range: SolutionRange): number {
  return Number(U64_MAX) / Math.max(1, Number(range));
}

/** How much work a chain claims up to each of its blocks: a block counts as the inverse of its solution range. */
export class ClaimedWork {
  private readonly before: number[] = [0];

  constructor(private readonly eras: readonly Pick<Era, 'first' | 'range'>[]) {
    for (let index = 1; index < eras.length; index += 1) this.before.push(this.upTo(eras[index]!.first));
  }

  private perBlock(index: number): number {
    return workOf(this.eras[index]!.range);
  }

  /** Work of blocks 1 to `number`. */
  upTo(number: number): number {
    let index = this.before.length - 1;
    while (index > 0 && this.eras[index]!.first >= number) index -= 1;
    return this.before[index]! + (number - this.eras[index]!.first) * this.perBlock(index);
  }

  /** Block that did the work at a place on the line. */
  blockAt(work: number): number {
    let low = 0;
    let high = this.before.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.before[middle]! <= work) low = middle;
      else high = middle - 1;
    }
    return this.eras[low]!.first + 1 + Math.floor((work - this.before[low]!) / this.perBlock(low));
  }
}

/** Block numbers below `fullFrom`, drawn with a density that grows towards the head as one over the work left. */
export function drawSamples(
  work: ClaimedWork,
  head: number,
  fullFrom: number,
  count: number,
  random: () => number,
): number[] {
  const total = work.upTo(head);
  const recentShare = 1 - work.upTo(fullFrom) / total;
  const numbers = new Set<number>();
  for (let drawn = 0; drawn < count; drawn += 1) {
    const number = work.blockAt(total * (1 - recentShare ** random()));
    numbers.add(Math.min(Math.max(1, number), fullFrom - 1));
  }
  return [...numbers].sort((a, b) => a - b);
}

/**
 * Examines the chain below a head (rule `superlight`); its last `recent` blocks remain to be verified in full.
 *
 * @throws ProtocolError naming what is false, and what the source rejects with.
 */
export async function examineHistory(
  source: SuperLightSource,
  head: SuperLightHead,
  options: SuperLightOptions,
): Promise<SuperLightReport> {
  const { constants, recent, share, bits, signal } = options;
  const { eraDurationInBlocks: duration } = constants;
  if (head.leaves !== BigInt(head.number)) refuse(`${head.leaves} leaves below block ${head.number}`);
  const fullFrom = head.number - recent;
  if (fullFrom <= 1) refuse(`a chain of ${head.number} blocks, which has no history`);
  const boundaries = Math.floor((fullFrom - 1) / duration);
  let done = 0;
  let left = Math.ceil(boundaries / 2) + 1;
  const advance = (count: number): void => {
    done += count;
    left = Math.max(0, left - count);
    options.progress?.(done, done + left);
  };
  const readHeaders = async (numbers: readonly number[]): Promise<Header[]> => {
    const read: Header[] = [];
    for (const part of runs(numbers)) {
      const headers = await source.headers(part, signal);
      await requireMembers(source, head, part, headers, signal);
      read.push(...headers);
      advance(part.length);
    }
    return read;
  };
  const { eras, adjustingFrom, read } = await readEras(boundaries, readHeaders, options);
  const work = new ClaimedWork(eras);
  const total = work.upTo(head.number);
  const recentShare = Math.max(Number.EPSILON, 1 - work.upTo(fullFrom) / total);
  const wanted = samplesFor(bits, share, recentShare);
  const samples = drawSamples(work, head.number, fullFrom, wanted, options.random);
  left = samples.length;
  for (const numbers of runs(samples)) {
    const blocks = await source.blocks(numbers, signal);
    const headers = blocks.map(({ header }) => header);
    await requireMembers(source, head, numbers, headers, signal);
    for (const header of headers) requireEra(header, eras, duration, adjustingFrom);
    await options.verifyAlone(blocks);
    advance(numbers.length);
  }
  return {
    bits: soundness(wanted, share, recentShare),
    samples: samples.length,
    boundaries,
    boundariesRead: read,
    adjustingFrom,
    work: work.upTo(fullFrom - 1),
    fullFrom,
    drops: dropsOf(eras),
  };
}

function runs(numbers: readonly number[]): number[][] {
  const parts: number[][] = [];
  for (let at = 0; at < numbers.length; at += IN_REQUEST) parts.push(numbers.slice(at, at + IN_REQUEST));
  return parts;
}

/** These are the headers asked for, and leaves of the head's range. */
async function requireMembers(
  source: SuperLightSource,
  head: SuperLightHead,
  numbers: readonly number[],
  headers: readonly Header[],
  signal?: AbortSignal,
): Promise<void> {
  if (headers.length !== numbers.length)
    refuse(`${headers.length} blocks where ${numbers.length} were asked for`);
  headers.forEach(({ number }, index) => {
    if (number !== numbers[index]) refuse(`block ${number} where ${numbers[index]} was asked for`);
  });
  const proof = await source.mmrProof(numbers, head.number, signal);
  if (proof.size !== head.number) refuse('a proof of another range', { size: proof.size });
  verifyMmrProof(head.root, headers.map(mmrLeafOf), proof);
}

/** A block has its era's range, and a slot after its era's first and not after the next one's. */
function requireEra(header: Header, eras: readonly Era[], duration: number, adjustingFrom: number): void {
  const { number } = header;
  const index = Math.floor((number - 1) / duration);
  const [era, next] = [eras[index] as Era, eras[index + 1]];
  const { preDigest, solutionRange } = subspaceDigests(header);
  if (number >= adjustingFrom && solutionRange !== era.range)
    refuse('a range that is not its era’s', { number });
  if (preDigest.slot <= era.slot || (next !== undefined && preDigest.slot > next.slot))
    refuse('a slot outside its era', { number });
}

/** Where the space behind the chain fell to less than half from one era to the next. */
function dropsOf(eras: readonly Era[]): SuperLightReport['drops'] {
  return eras.slice(1).flatMap(({ first, range }, index) => {
    const ratio = Number(eras[index]!.range) / Number(range);
    return ratio < 0.5 ? [{ number: first, ratio }] : [];
  });
}
