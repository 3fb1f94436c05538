import { ProtocolError, type ProtocolErrorDetails } from '../../protocol/errors.ts';

/** What happened when a rule is broken, said to the person; see `docs/security.md`. */
const SENTENCES: Record<string, string> = {
  'justification-last-output': 'A block’s proof of time does not end where the block says it does.',
  'pot-checkpoints': 'A block’s proof of time is wrong: the time it claims did not pass.',
  'seal-signature': 'A block is not signed by the farmer who claims it.',
  'parent-known': 'A block was sent whose parent is not part of the chain.',
  number: 'A block carries a number that does not follow its parent’s.',
  'root-plot-public-key': 'A block was made by a farmer who may not make blocks yet.',
  'slot-increase': 'A block claims a slot that is not later than its parent’s.',
  'solution-range-digest': 'A block names a solution range that its parent did not set.',
  'pot-output': 'A block’s proof of time is not the one of its slot.',
  'justification-seed': 'A block’s proof of time does not continue its parent’s.',
  'justification-count': 'A block’s proof of time does not cover the slots since its parent.',
  'segment-commitment-known': 'A farmer’s solution rests on history that this chain has not archived.',
  'segment-commitment-digest': 'A block announces archived history that does not follow what is known.',
  'pot-slot-iterations-digest': 'A block names a pace of time that its parent did not set.',
  'pot-parameters-change-digest': 'A block announces a change of the proof of time that is not due.',
  'root-plot-public-key-digest': 'A block changes who may make blocks without being allowed to.',
  'next-solution-range-digest': 'A block sets a solution range that does not follow from the era.',
};

/** Throws the ProtocolError of a rule. */
export function refuse(rule: string, message: string, values: ProtocolErrorDetails['values'] = {}): never {
  throw new ProtocolError({ code: 'invalid-block', rule, message, values, sentence: SENTENCES[rule] });
}
