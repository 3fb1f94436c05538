/**
 * Super-light sync: whether a long chain is what it claims to be, from the headers of its era boundaries and a
 * random sample of its blocks, all proven to be in the Merkle mountain range of the head. `docs/superlight.md` has
 * the model and the arithmetic.
 */
import type { ImportableBlock } from '../network/source.ts';
import { U64_MAX } from '../protocol/constants.ts';
import { subspaceDigests } from '../protocol/digest.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { headerHash } from '../protocol/header.ts';
import { verifyMmrProof, type MmrLeaf, type MmrProof } from '../protocol/mmr.ts';
import { nextSolutionRange } from '../protocol/solution-range.ts';
import type { ChainConstants, Header, SlotNumber, SolutionRange } from '../protocol/types.ts';

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

export interface SuperLightOptions {
  constants: ChainConstants;
  /** Solution range that the first era began with. */
  genesisRange: SolutionRange;
  /** First block whose era adjusts the range; before, ranges may stay or be set by hand. */
  adjustingFrom: number;
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
  signal?: AbortSignal;
}

export interface SuperLightReport {
  /** Chance that a chain with too little work passes: 2^-bits. */
  bits: number;
  samples: number;
  boundaries: number;
  /** First block that the caller has to verify in full. */
  fullFrom: number;
  /** Space that stood behind each era, in relation to the one before it, where it fell below a half. */
  drops: { number: number; ratio: number }[];
}

/** Numbers asked for in one request. */
const IN_REQUEST = 256;

function refuse(message: string, values: Record<string, string | number | bigint> = {}): never {
  throw new ProtocolError({
    code: 'false-history',
    rule: 'superlight',
    message,
    sentence: 'The history that the source showed does not hold together.',
    values,
  });
}

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

/** An era: the blocks after a boundary, up to the next one. */
interface Era {
  /** The boundary; 0 for the first era. */
  first: number;
  slot: SlotNumber;
  range: SolutionRange;
}

/** How much work a chain claims up to each of its blocks: a block counts as the inverse of its solution range. */
export class ClaimedWork {
  private readonly before: number[] = [0];

  constructor(private readonly eras: readonly Pick<Era, 'first' | 'range'>[]) {
    for (let index = 1; index < eras.length; index += 1) this.before.push(this.upTo(eras[index]!.first));
  }

  private perBlock(index: number): number {
    return Number(U64_MAX) / Math.max(1, Number(this.eras[index]!.range));
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
  const fullFrom = Math.max(1, head.number - recent);
  const count = Math.floor((fullFrom - 1) / duration);
  const boundaries = Array.from({ length: count }, (_, index) => (index + 1) * duration);
  const eras: Era[] = [{ first: 0, slot: 0n, range: options.genesisRange }];
  for (const numbers of runs(boundaries)) {
    const headers = await source.headers(numbers, signal);
    await requireMembers(source, head, numbers, headers, signal);
    for (const header of headers) eras.push(nextEra(header, eras.at(-1)!, options));
  }
  const work = new ClaimedWork(eras);
  const recentShare = Math.max(Number.EPSILON, 1 - work.upTo(fullFrom) / work.upTo(head.number));
  // Short chains are verified in full from the first block on.
  const wanted = fullFrom > 1 ? samplesFor(bits, share, recentShare) : 0;
  const samples = wanted === 0 ? [] : drawSamples(work, head.number, fullFrom, wanted, options.random);
  for (const numbers of runs(samples)) {
    const blocks = await source.blocks(numbers, signal);
    const headers = blocks.map(({ header }) => header);
    await requireMembers(source, head, numbers, headers, signal);
    for (const header of headers)
      requireRange(header, eras[Math.floor((header.number - 1) / duration)]!, options);
    await options.verifyAlone(blocks);
  }
  return {
    bits: wanted === 0 ? Number.POSITIVE_INFINITY : soundness(wanted, share, recentShare),
    samples: samples.length,
    boundaries: boundaries.length,
    fullFrom,
    drops: dropsOf(eras),
  };
}

function runs(numbers: readonly number[]): number[][] {
  const parts: number[][] = [];
  for (let at = 0; at < numbers.length; at += IN_REQUEST) parts.push(numbers.slice(at, at + IN_REQUEST));
  return parts;
}

function leafOf(header: Header): MmrLeaf {
  const { number, stateRoot, extrinsicsRoot } = header;
  return { number, hash: headerHash(header), stateRoot, extrinsicsRoot };
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
  verifyMmrProof(head.root, headers.map(leafOf), proof);
}

/** The era that a boundary begins: its range must follow from the slots that the one before took. */
function nextEra(header: Header, before: Era, { constants, adjustingFrom }: SuperLightOptions): Era {
  const { preDigest, solutionRange, nextSolutionRange: range } = subspaceDigests(header);
  const { number } = header;
  const { slot } = preDigest;
  if (range === null) return refuse('an era ends without a new solution range', { number });
  if (slot <= before.slot) refuse('an era that takes no slots', { number });
  if (number >= adjustingFrom) {
    if (solutionRange !== before.range) refuse('a range that the era did not begin with', { number });
    const { slotProbability, eraDurationInBlocks } = constants;
    const due = nextSolutionRange(before.slot, slot, solutionRange, slotProbability, eraDurationInBlocks);
    if (range !== due) refuse(`range ${range} where ${due} is due`, { number });
  }
  return { first: number, slot, range };
}

function requireRange(header: Header, era: Era, { adjustingFrom }: SuperLightOptions): void {
  const { number } = header;
  if (number < adjustingFrom) return;
  const { preDigest, solutionRange } = subspaceDigests(header);
  if (solutionRange !== era.range) refuse('a range that is not its era’s', { number });
  if (preDigest.slot <= era.slot) refuse('a slot before its era', { number });
}

/** Where the space behind the chain fell to less than half from one era to the next. */
function dropsOf(eras: readonly Era[]): SuperLightReport['drops'] {
  return eras.slice(1).flatMap(({ first, range }, index) => {
    const ratio = Number(eras[index]!.range) / Number(range);
    return ratio < 0.5 ? [{ number: first, ratio }] : [];
  });
}
