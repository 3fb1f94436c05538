/** What the network pays at the moment and how often, read by storage proof and from the verified head. */
import type { LightClient } from '../chain/light-client.ts';
import { rewardsQuery } from '../chain/state/accounts.ts';
import { VerifiedBlocks } from '../chain/verified-blocks.ts';
import { subspaceDigests } from '../protocol/digest.ts';
import { subsidyAt } from '../protocol/rewards.ts';
import type { RewardRates } from './api.ts';
import { NodeError } from './errors.ts';

/** Throws NoProof where no source gives a proof that holds. */
export async function readRewards(client: LightClient): Promise<RewardRates> {
  const blocks = new VerifiedBlocks(client);
  const { head, metadata } = await blocks.ready();
  const constants = client.constants();
  if (constants === null) throw new NodeError('too-early', 'The chain is not being followed yet.');
  const { enabled, proposer, voter } = await blocks.read(rewardsQuery(metadata), head);
  const [numerator, denominator] = constants.slotProbability;
  return {
    block: String(enabled ? subsidyAt(proposer, head.number) : 0n),
    vote: String(enabled ? subsidyAt(voter, head.number) : 0n),
    solutionRange: String(subspaceDigests(head.header).solutionRange),
    slotProbability: [String(numerator), String(denominator)],
    slotDurationMs: constants.slotDurationMs,
    expectedVotesPerBlock: constants.expectedVotesPerBlock,
    trust: { kind: 'verified', atBlock: head.number },
  };
}
