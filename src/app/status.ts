import type { FarmPhase } from '../farm/snapshot.ts';
import type { Cause, ChainView } from '../node/api.ts';
import { counted } from './format.ts';

export interface StatusWord {
  text: string;
  tone: 'good' | 'info' | 'warn' | 'bad' | 'plain';
  /** Whether work is going on that the badge should show as alive. */
  live: boolean;
}

/** The chain's state in two words. */
export function chainStatus(chain: ChainView | null): StatusWord {
  switch (chain?.phase) {
    case 'following':
      return { text: 'Head verified', tone: 'good', live: true };
    case 'syncing':
      return { text: 'Verifying history', tone: 'info', live: true };
    case 'connecting':
      return { text: 'Connecting', tone: 'info', live: true };
    case 'stalled':
      return { text: 'Waiting for blocks', tone: 'warn', live: false };
    case 'refused':
      return { text: 'Sources refused', tone: 'bad', live: false };
    default:
      return { text: 'Chain offline', tone: 'plain', live: false };
  }
}

/** The state of a farm, or of all together, in two words. */
export function farmStatus(farm: {
  phase: FarmPhase | 'off';
  cause: Cause | null;
  failed?: number;
}): StatusWord {
  if (farm.phase !== 'failed' && (farm.failed ?? 0) > 0)
    return {
      text: `${counted(farm.failed ?? 0, 'farm')} stopped`,
      tone: 'bad',
      live: true,
    };
  // Of one farm, whatever it does besides.
  if (farm.failed === undefined || farm.phase === 'failed') {
    if (farm.cause?.code === 'no-permission') return { text: 'Needs access', tone: 'warn', live: false };
    if (farm.cause?.code === 'place-lost') return { text: 'Out of reach', tone: 'warn', live: false };
  }
  switch (farm.phase) {
    case 'farming':
      return { text: 'Farming', tone: 'good', live: true };
    case 'plotting':
      return { text: 'Plotting', tone: 'info', live: true };
    case 'starting':
      return { text: 'Farm starting', tone: 'info', live: true };
    case 'paused':
      return { text: 'Farm paused', tone: 'warn', live: false };
    case 'waiting':
      return { text: 'Plotting waits', tone: 'info', live: false };
    case 'failed':
      return { text: 'Farm stopped', tone: 'bad', live: false };
    default:
      return { text: 'Not farming', tone: 'plain', live: false };
  }
}
