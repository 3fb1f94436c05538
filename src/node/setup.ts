/** The person's choices: which of them cannot work, and what follows from them. */
import type { FarmerIdentity } from '../farm/identity.ts';
import { decodeAddress } from '../protocol/ss58.ts';
import type { Setup } from './api.ts';
import { beginChoice } from './begin.ts';
import { NodeError } from './errors.ts';
import { requireSchedule } from './schedule.ts';

/** Refuses choices that cannot work, by NodeError `choice`. */
export function checkSetup(setup: Setup): void {
  beginChoice(setup.begin, setup.network);
  if (setup.network.endpoints.length === 0)
    throw new NodeError('choice', 'Name at least one node to talk to.');
  const strange = setup.network.endpoints.find((endpoint) => !isNodeAddress(endpoint));
  if (strange !== undefined)
    throw new NodeError(
      'choice',
      `“${strange}” is no address of a node: one begins with ws://, wss:// or /ip4/.`,
    );
  if (!Number.isInteger(setup.cores) || setup.cores < 1)
    throw new NodeError('choice', 'Allow at least one core.');
  if (setup.schedule !== undefined) requireSchedule(setup.schedule);
  const address = setup.farm?.rewardAddress ?? null;
  if (address === null) return;
  try {
    decodeAddress(address);
  } catch (error) {
    throw new NodeError(
      'choice',
      'The reward address is not an account address of this network: a character is wrong.',
      error,
    );
  }
}

/** Whether it can be the address of a node: of its RPC, or as a peer. */
function isNodeAddress(text: string): boolean {
  return text.startsWith('/') || isRpcAddress(text);
}

/** Whether it can be the address of a node's RPC. */
export function isRpcAddress(text: string): boolean {
  return URL.canParse(text) && /^wss?:$/.test(new URL(text).protocol);
}

/** Account (32 bytes) that rewards go to: the chosen one, or the farmer's own. */
export function rewardAccount(setup: Setup, identity: FarmerIdentity): Uint8Array {
  const address = setup.farm?.rewardAddress ?? null;
  return address === null ? identity.publicKey : decodeAddress(address).account;
}
