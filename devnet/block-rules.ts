/** The rules that a block's header keeps against its parent, as a full node checks them before it executes the block. */
import { verifySignature } from '../src/crypto/sr25519.ts';
import type { SignedBlock } from '../src/protocol/block.ts';
import { equal } from '../src/protocol/bytes.ts';
import { REWARD_SIGNING_CONTEXT } from '../src/protocol/constants.ts';
import { subspaceDigests } from '../src/protocol/digest.ts';
import { ProtocolError } from '../src/protocol/errors.ts';
import { preSealHash, sealOf } from '../src/protocol/header.ts';
import { findJustification } from '../src/protocol/justification.ts';
import { nextPotInput, slotOutput, type PotInput } from '../src/protocol/pot.ts';
import type { PreDigest, SlotNumber, SubspaceDigests } from '../src/protocol/types.ts';
import type { NetworkParams } from './config.ts';
import { verifySolutionIn } from './runtime/solutions.ts';
import { potParameters, segmentCommitment, type State } from './runtime/subspace-state.ts';
import { walkSlot } from './walk.ts';

/** Slots that a proof of time may have had to be walked for within one import; more come only from afar. */
const MAX_WALKED_SLOTS = 65_536;

/** What the chain needs of the node's proofs of time. */
export interface ProofsOfTime {
  /** Output (16 bytes) of a slot on the branch that is followed, or null. */
  outputAt(slot: SlotNumber): Uint8Array | null;
}

/** The block before, as far as the rules look at it. */
export interface ParentBlock {
  number: number;
  slot: SlotNumber;
  /** The state after it. */
  state: State;
  /** What the first slot after those that it justifies is walked from. */
  input: PotInput;
}

/** Refusal of a block for a rule that it breaks. */
export function refusal(rule: string, message: string): ProtocolError {
  return new ProtocolError({ code: 'block-refused', rule, message });
}

/** Checks everything of a block that its execution does not show. Throws ProtocolError naming the broken rule. */
export function checkHeader(
  block: SignedBlock,
  parent: ParentBlock,
  params: NetworkParams,
  proofs: ProofsOfTime,
): SubspaceDigests {
  const { header } = block;
  const digests = subspaceDigests(header);
  const seal = sealOf(header);
  const { preDigest } = digests;
  if (header.number !== parent.number + 1) throw refusal('number', `${header.number} after ${parent.number}`);
  if (preDigest.slot <= parent.slot) throw refusal('slot-increase', 'the slot is not after the parent’s');
  const key = preDigest.solution.publicKey;
  if (!verifySignature(key, REWARD_SIGNING_CONTEXT, preSealHash(header), seal))
    throw refusal('seal-signature', 'the seal is not the farmer’s signature');
  checkProofOfTime(block, parent, preDigest, params, proofs);
  // The first block's piece lies in a segment that it stores itself.
  const commitments = new Map(
    digests.segmentCommitments.map(({ segmentIndex, commitment }) => [segmentIndex, commitment]),
  );
  verifySolutionIn(
    parent.state,
    params,
    preDigest.solution,
    preDigest.slot,
    preDigest.proofOfTime,
    digests.solutionRange,
    (segment) => segmentCommitment(parent.state, segment) ?? commitments.get(segment) ?? null,
  );
  return digests;
}

function checkProofOfTime(
  block: SignedBlock,
  parent: ParentBlock,
  preDigest: PreDigest,
  params: NetworkParams,
  proofs: ProofsOfTime,
): void {
  const { seed, checkpoints } = findJustification(block.justifications);
  const { nextChange } = potParameters(parent.state, parent.number, params);
  let { input } = parent;
  if (!equal(seed, input.seed))
    throw refusal('justification-seed', 'the justification starts from another seed');
  const futureSlot = preDigest.slot + BigInt(params.blockAuthoringDelay);
  const count = futureSlot - input.slot + 1n;
  if (BigInt(checkpoints.length) !== count || count > MAX_WALKED_SLOTS)
    throw refusal('justification-count', `${checkpoints.length} slots where ${count} are needed`);
  const outputs = new Map<SlotNumber, Uint8Array>();
  for (const slotCheckpoints of checkpoints) {
    const output = slotOutput(slotCheckpoints);
    const kept = proofs.outputAt(input.slot);
    const same = kept !== null && equal(kept, output);
    if (!same && !equal(walkSlot(input.seed, input.iterations), slotCheckpoints))
      throw refusal('pot-checkpoints', `slot ${input.slot} does not verify`);
    outputs.set(input.slot, output);
    input = nextPotInput(input.slot, input.iterations, output, nextChange);
  }
  if (!equal(outputs.get(futureSlot)!, preDigest.futureProofOfTime))
    throw refusal('justification-last-output', 'the future proof of time is not the last output');
  const own = outputs.get(preDigest.slot) ?? proofs.outputAt(preDigest.slot);
  if (own === null || !equal(own, preDigest.proofOfTime))
    throw refusal('pot-output', 'the proof of time is not the slot’s output');
}
