/**
 * The eras of a long chain: where each begins, in which slot, and with which solution range. Every second boundary
 * is read; the one between two that were read follows from them, and is read only where it does not.
 */
import { equal } from '../protocol/bytes.ts';
import { subspaceDigests } from '../protocol/digest.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { headerHash } from '../protocol/header.ts';
import { nextSolutionRange } from '../protocol/solution-range.ts';
import type { ChainConstants, Header, SlotNumber, SolutionRange } from '../protocol/types.ts';

/** The blocks after a boundary, up to the next one. */
export interface Era {
  /** The boundary; 0 for the first era. */
  first: number;
  /** The boundary's slot; 0 for the first era. */
  slot: SlotNumber;
  range: SolutionRange;
}

/** A boundary as its header has it: the range of the era that it ends, and of the one that it begins. */
interface Boundary {
  slot: SlotNumber;
  range: SolutionRange;
  next: SolutionRange;
}

export interface EraOptions {
  constants: ChainConstants;
  /** 32 bytes. */
  genesisHash: Uint8Array;
  /** Solution range that the first era began with; null: as the chain itself has it. */
  genesisRange: SolutionRange | null;
  /**
   * Whether every era adjusts the range. Where it is not known, ranges may stay or be set by hand within the first
   * `MANUAL_SHARE` of the chain's slots.
   */
  adjusting: boolean;
}

export interface Eras {
  eras: Era[];
  /** First block from which on every range follows from the slots. */
  adjustingFrom: number;
  /** Headers of boundaries that were read. */
  read: number;
}

/** Share of a chain's slots, from genesis on, within which ranges may be set by hand where nobody knows better. */
export const MANUAL_SHARE = 0.25;

/** A history that breaks no rule and cannot be judged by samples all the same; no source's fault. */
export class UnexaminableHistory extends Error {
  constructor(readonly sentence: string) {
    super(sentence);
    this.name = 'UnexaminableHistory';
  }
}

/** Rule `superlight`. */
export function falseHistory(message: string, values: Record<string, string | number | bigint> = {}): never {
  throw new ProtocolError({
    code: 'false-history',
    rule: 'superlight',
    message,
    sentence: 'The history that the source showed does not hold together.',
    values,
  });
}

/**
 * Reads the eras of a chain (rule `superlight`).
 *
 * @param count boundaries beside the genesis block.
 * @param readHeaders gives headers by number, ascending, that were proven to be in the chain.
 * @throws ProtocolError, UnexaminableHistory.
 */
export async function readEras(
  count: number,
  readHeaders: (numbers: readonly number[]) => Promise<readonly Header[]>,
  options: EraOptions,
): Promise<Eras> {
  const { constants, genesisHash } = options;
  const duration = constants.eraDurationInBlocks;
  const boundaries: (Boundary | undefined)[] = [];
  const read = async (indices: readonly number[]): Promise<void> => {
    const headers = await readHeaders(indices.map((index) => index * duration));
    indices.forEach((index, at) => {
      const header = headers[at] as Header;
      if (index > 0) boundaries[index] = boundaryOf(header);
      else if (!equal(headerHash(header), genesisHash)) falseHistory('a chain of another genesis block');
    });
  };
  const indices = Array.from({ length: count + 1 }, (_, index) => index);
  const first = indices.filter((index) => index % 2 === 0 || index === count);
  await read(first);
  const { genesisRange } = options;
  if (genesisRange !== null) boundaries[0] = { slot: 0n, range: genesisRange, next: genesisRange };
  const missing = indices.filter((index) => {
    if (index === 0 || boundaries[index] !== undefined) return false;
    const [before, after] = [boundaries[index - 1], boundaries[index + 1] as Boundary];
    boundaries[index] = before && impliedBoundary(before, after, constants);
    return boundaries[index] === undefined;
  });
  if (missing.length > 0) await read(missing);
  if (boundaries[0] === undefined) {
    const range = boundaries[1]?.range ?? 0n;
    boundaries[0] = { slot: 0n, range, next: range };
  }
  const known = boundaries as Boundary[];
  return {
    eras: known.map(({ slot, next: range }, index) => ({ first: index * duration, slot, range })),
    adjustingFrom: requireAdjustment(known, options),
    read: first.length + missing.length - 1,
  };
}

function boundaryOf(header: Header): Boundary {
  const { preDigest, solutionRange: range, nextSolutionRange: next } = subspaceDigests(header);
  if (next === null)
    return falseHistory('an era ends without a new solution range', { number: header.number });
  return { slot: preDigest.slot, range, next };
}

/**
 * The boundary between two others, if exactly one fits the rule on both sides: its slot is what makes the range
 * before it the range after it. A header of it could not say anything else without breaking the rule.
 */
function impliedBoundary(
  before: Boundary,
  after: Boundary,
  { slotProbability, eraDurationInBlocks }: ChainConstants,
): Boundary | undefined {
  const [range, next] = [before.next, after.range];
  if (range === 0n) return undefined;
  const due = (slots: bigint, from: SolutionRange) =>
    nextSolutionRange(0n, slots, from, slotProbability, eraDurationInBlocks);
  const [numerator, denominator] = slotProbability;
  const guess = (next * BigInt(eraDurationInBlocks) * denominator) / (range * numerator);
  const fits = [guess - 1n, guess, guess + 1n, guess + 2n].filter(
    (slots) => slots > 0n && due(slots, range) === next,
  );
  const [slots] = fits;
  // A range at its limit says nothing about the slots.
  if (slots === undefined || fits.length > 1) return undefined;
  const slot = before.slot + slots;
  if (slot >= after.slot || due(after.slot - slot, next) !== after.next) return undefined;
  return { slot, range, next };
}

/** Ranges must follow from the slots that each era took; returns from which block on they do. */
function requireAdjustment(boundaries: readonly Boundary[], options: EraOptions): number {
  const { constants, adjusting } = options;
  const { slotProbability, eraDurationInBlocks: duration } = constants;
  let from = duration;
  for (let index = 1; index < boundaries.length; index += 1) {
    const [before, { slot, range, next }] = [boundaries[index - 1]!, boundaries[index]!];
    const number = index * duration;
    if (slot <= before.slot) falseHistory('an era that takes no slots', { number });
    const due = nextSolutionRange(before.slot, slot, range, slotProbability, duration);
    if (range === before.next && next === due) continue;
    if (adjusting) {
      if (range !== before.next) falseHistory('a range that the era did not begin with', { number });
      falseHistory(`range ${next} where ${due} is due`, { number });
    }
    from = number + duration;
  }
  const [free, last] = [boundaries[from / duration - 1], boundaries.at(-1)];
  const manual = free && last && last.slot > 0n ? Number(free.slot) / Number(last.slot) : 1;
  if (!adjusting && boundaries.length > 1 && manual > MANUAL_SHARE) {
    throw new UnexaminableHistory(
      `Samples say nothing about this chain: its solution ranges do not follow from its slots before block ${from}.`,
    );
  }
  return adjusting ? 1 : from;
}
