/** Votes: which may stand in a block, and who voted. */
import { verifySignature } from '../../src/crypto/sr25519.ts';
import { equal } from '../../src/protocol/bytes.ts';
import { REWARD_SIGNING_CONTEXT } from '../../src/protocol/constants.ts';
import { ProtocolError } from '../../src/protocol/errors.ts';
import type { SlotNumber, Solution, SolutionRange, Vote } from '../../src/protocol/types.ts';
import { voteHash } from '../../src/protocol/vote.ts';
import type { NetworkParams } from '../config.ts';
import { type BlockContext, InvalidTransaction } from './context.ts';

import { keys } from './keys.ts';
import { verifySolutionIn } from './solutions.ts';
import {
  items,
  type State,
  solutionKey,
  readVoters,
  writeVoters,
  readAuthor,
  writeAuthor,
  readVoteData,
  voteData,
} from './subspace-state.ts';

/**
 * Checks a vote and, inside a block, notes its voter. Returns whether the farmer equivocated, which costs the
 * rewards but does not keep the vote out of the block. Throws InvalidTransaction.
 */
export function checkVote(
  context: BlockContext,
  vote: Vote,
  signature: Uint8Array,
  inBlock: boolean,
): boolean {
  const { storage, params, number } = context;
  const current = number;
  const { height, parentHash, slot, solution } = vote;
  if (current <= 1 || height <= 1) throw new InvalidTransaction('Call');
  if (height !== current && height !== current - 1)
    throw new InvalidTransaction(height > current ? 'Future' : 'Stale');
  const ancestor = storage.get(keys.blockHash(height - 1));
  if (ancestor === null || !equal(ancestor, parentHash)) throw new InvalidTransaction('Call');
  const now = voteData(storage, params, inBlock);
  const before = context.read(items.parentVoteData, readVoteData)!;
  if (inBlock && (slot > now.currentSlot || (slot === now.currentSlot && height !== current)))
    throw new InvalidTransaction('Future');
  const { currentSlot: latest, parentSlot: earlier } = inBlock ? before : now;
  if (slot <= (height === current ? latest : earlier)) throw new InvalidTransaction('Stale');
  if (!verifySignature(solution.publicKey, REWARD_SIGNING_CONTEXT, voteHash(vote), signature))
    throw new InvalidTransaction('BadProof');
  const data = height === current ? now : before;
  const distance = checkSolution(storage, params, solution, slot, vote.proofOfTime, data.votingRange);
  if (distance <= data.range / 2n) throw new InvalidTransaction('Call');
  if (!context.host.isProofOfTimeValid(slot, vote.proofOfTime)) throw new InvalidTransaction('Future');
  const futureSlot = slot + BigInt(params.blockAuthoringDelay);
  if (inBlock && !context.host.isProofOfTimeValid(futureSlot, vote.futureProofOfTime))
    throw new InvalidTransaction('Call');
  return noteVoter(context, solutionKey(solution, slot), solution, signature, inBlock);
}

function noteVoter(
  context: BlockContext,
  key: Uint8Array,
  solution: Solution,
  signature: Uint8Array,
  inBlock: boolean,
): boolean {
  const parentAuthor = context.storage.get(items.parentAuthor);
  const author = context.read(items.currentAuthor, readAuthor);
  const voters = context.read(items.currentVoters, readVoters) ?? [];
  let equivocates =
    (parentAuthor !== null && equal(parentAuthor, key)) || (author !== null && equal(author.key, key));
  for (const voted of [context.read(items.parentVoters, readVoters) ?? [], voters]) {
    const same = voted.find((voter) => equal(voter.key, key));
    if (equivocates || same === undefined) continue;
    if (equal(same.signature, signature)) throw new InvalidTransaction('Call');
    equivocates = true;
  }
  if (!inBlock) {
    if (equivocates) throw new InvalidTransaction('BadSigner');
    return false;
  }
  const others = voters.filter((voter) => !equal(voter.key, key));
  others.push({ key, rewardAddress: equivocates ? null : solution.rewardAddress, signature });
  if (equivocates) {
    const offends = (other: Uint8Array) => equal(other.subarray(0, 32), solution.publicKey);
    if (author !== null && offends(author.key))
      context.write(items.currentAuthor, (writer) => writeAuthor(writer, { ...author, rewardAddress: null }));
    for (const voter of others) if (offends(voter.key)) voter.rewardAddress = null;
  }
  context.write(items.currentVoters, (writer) => writeVoters(writer, others));
  return equivocates;
}

/**
 * Verifies a solution against the segment commitments in a state. Returns its distance.
 *
 * @throws InvalidTransaction `Call`.
 */
function checkSolution(
  state: State,
  params: NetworkParams,
  solution: Solution,
  slot: SlotNumber,
  proofOfTime: Uint8Array,
  range: SolutionRange,
): SolutionRange {
  try {
    return verifySolutionIn(state, params, solution, slot, proofOfTime, range);
  } catch (error) {
    if (error instanceof ProtocolError) throw new InvalidTransaction('Call');
    throw error;
  }
}
