/** What the reference says of the blocks that it refuses, against what this project refuses them with. */
import { subspaceDigests } from '../../src/protocol/digest.ts';
import type { ProtocolError } from '../../src/protocol/errors.ts';
import type { Header, PotParametersChange, SubspaceDigests } from '../../src/protocol/types.ts';

/** Words of the reference for rules that it refuses with one error each. */
const WORDS: Readonly<Record<string, string>> = {
  'seal-present': 'HeaderBadSeal',
  'justification-present': 'MissingSubspaceJustification',
  'justification-decode': 'InvalidSubspaceJustification',
  'justification-last-output': 'InvalidSubspaceJustificationContents',
  'justification-seed': 'InvalidSubspaceJustificationContents',
  'justification-count': 'InvalidSubspaceJustificationContents',
  'seal-signature': 'BadRewardSignature',
  'solution-proof-of-space': 'InvalidProofOfSpace',
  'solution-chunk-witness': 'InvalidChunkWitness',
  'solution-record-witness': 'InvalidPiece',
  'parent-known': 'ParentUnavailable',
  number: 'number is not parent number + 1 (node: execution)',
  'root-plot-public-key': 'OnlyRootPlotPublicKeyAllowed',
  'slot-increase': 'SlotMustIncrease',
  'solution-range-digest': 'InvalidSolutionRange',
  'pot-output': 'InvalidProofOfTime',
  'segment-commitment-digest': 'DifferentSegmentCommitment',
};

/** Names of digest items in the reference's errors. */
const ITEMS: Readonly<Record<string, string>> = {
  preDigest: 'PreDigest',
  seal: 'Seal',
  solutionRange: 'SolutionRange',
  potSlotIterations: 'PotSlotIterations',
  potParametersChange: 'PotParametersChange',
  nextSolutionRange: 'NextSolutionRange',
  segmentCommitments: 'SegmentCommitment',
  enableSolutionRangeAdjustment: 'EnableSolutionRangeAdjustmentAndOverride',
  rootPlotPublicKeyUpdate: 'RootPlotPublicKeyUpdate',
};

function changeText({ slot, slotIterations, entropy }: PotParametersChange): string {
  return `PotChange { slot: ${slot}, slot_iterations: ${slotIterations}, entropy: [${entropy.join(', ')}] }`;
}

/** A digest item that is not the one due: what the block should have, which the one that it was made from has. */
function differenceText(
  item: 'nextSolutionRange' | 'potParametersChange',
  due: SubspaceDigests,
  seen: SubspaceDigests,
): string[] {
  const text = (value: bigint | PotParametersChange | null) => {
    if (value === null) return 'None';
    return `Some(${typeof value === 'bigint' ? value : changeText(value)})`;
  };
  const missing = seen[item] === null ? ['missing'] : [];
  return [`want ${text(due[item])} got ${text(seen[item])}`, ...missing];
}

function digestItemsText({ message }: ProtocolError): string[] {
  const [, twice] = /: (\w+) appears more than once$/.exec(message) ?? [];
  if (twice !== undefined) return [`Duplicate(${ITEMS[twice] ?? twice})`];
  const [, absent] = /: no (\S+)$/.exec(message) ?? [];
  if (absent !== undefined) return [`Missing(${absent === 'pre-digest' ? 'PreDigest' : absent})`];
  if (/: a consensus item does not decode/.test(message)) return [UNKNOWN_ITEM];
  return [];
}

const UNKNOWN_ITEM = "FailedToDecode(Consensus): Could not decode `Log`, variant doesn't exist";

/** Words with values in them, or of two rules. */
const OTHER_WORDS = [
  /^(?:Duplicate|Missing)\(/,
  /^InvalidProofOfTime at slot \d+$/,
  /^OutsideSolutionRange \{/,
  /^want .* got /,
  /^(?:missing|unexpected)$/,
];

/** Whether it is known which rule the reference names with these words. */
function isKnown(words: string): boolean {
  return (
    words === UNKNOWN_ITEM ||
    Object.values(WORDS).includes(words) ||
    OTHER_WORDS.some((pattern) => pattern.test(words))
  );
}

/** What the reference would say, or null where nothing is known of that. */
function wordsFor(error: ProtocolError, refused: Header, base: Header): string[] | null {
  const { rule, values } = error;
  const word = WORDS[rule];
  if (word !== undefined) return [word];
  switch (rule) {
    case 'digest-items':
      return digestItemsText(error);
    case 'pot-checkpoints':
      return [`InvalidProofOfTime at slot ${String(values['slot'])}`];
    case 'solution-distance': {
      const half = BigInt(values['range'] ?? 0) / 2n;
      const distance = String(values['distance']);
      return [`OutsideSolutionRange { half_solution_range: ${half}, solution_distance: ${distance} }`];
    }
    case 'root-plot-public-key-digest':
      return [subspaceDigests(refused).rootPlotPublicKeyUpdate === null ? 'missing' : 'unexpected'];
    case 'next-solution-range-digest':
      return differenceText('nextSolutionRange', subspaceDigests(base), subspaceDigests(refused));
    case 'pot-parameters-change-digest':
      return differenceText('potParametersChange', subspaceDigests(base), subspaceDigests(refused));
    default:
      return null;
  }
}

/**
 * Throws unless the reference's recorded error says why this project refused a block, or says it in words that are not
 * known here.
 *
 * @param base the block that the refused one was made from.
 */
export function expectReferenceError(
  recorded: string,
  error: ProtocolError,
  refused: Header,
  base: Header,
): void {
  const words = wordsFor(error, refused, base);
  if (words === null || words.includes(recorded) || !isKnown(recorded)) return;
  throw new Error(`recorded “${recorded}”, computed “${words.join('” or “') || error.message}”`);
}
