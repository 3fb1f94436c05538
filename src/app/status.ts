import type { ChainView, FarmView } from '../node/api.ts';

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

/** The farm's state in two words. */
export function farmStatus(farm: FarmView | null): StatusWord {
  switch (farm?.phase) {
    case 'farming':
      return { text: 'Farming', tone: 'good', live: true };
    case 'plotting':
      return { text: 'Plotting', tone: 'info', live: true };
    case 'starting':
      return { text: 'Farm starting', tone: 'info', live: true };
    case 'paused':
      return { text: 'Farm paused', tone: 'warn', live: false };
    case 'failed':
      return { text: 'Farm stopped', tone: 'bad', live: false };
    default:
      return { text: 'Not farming', tone: 'plain', live: false };
  }
}
