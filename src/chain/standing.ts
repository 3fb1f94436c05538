/** How the light client stands, in a word, and what is wrong when nothing goes on. */
import type { Peer } from './peer.ts';
import type { ChainCause, ChainPhase } from './snapshot.ts';

export interface Standing {
  started: boolean;
  peers: readonly Peer[];
  /** Whether a history is being examined. */
  examining: boolean;
  /** Whether the network is known. */
  known: boolean;
  /** Whether no block came for longer than the network needs. */
  stalled: boolean;
  /** Whether something remains to be fetched. */
  behind: boolean;
}

export function phaseOf({ started, peers, examining, known, stalled, behind }: Standing): ChainPhase {
  if (!started) return 'connecting';
  if (peers.every(({ dropped }) => dropped) && peers.length > 0) return 'refused';
  if (!peers.some(({ usable }) => usable))
    return peers.some((peer) => peer.status().state === 'connecting') ? 'connecting' : 'offline';
  if (examining) return 'syncing';
  if (!known) return 'connecting';
  if (stalled) return 'stalled';
  return behind ? 'syncing' : 'following';
}

/** Why nothing goes on, or null where it does. */
export function troubleOf(phase: ChainPhase, peers: readonly Peer[]): Omit<ChainCause, 'since'> | null {
  switch (phase) {
    case 'refused':
      return {
        code: 'sources-refused',
        sentence: `No source can be trusted now. ${peers[0]?.status().reason ?? ''}`.trim(),
        action: 'Choose another node',
      };
    case 'offline':
      return { code: 'offline', sentence: offlineSentence(peers), action: 'Check the node' };
    case 'stalled':
      return {
        code: 'stalled',
        sentence: 'No new block came for longer than this network needs.',
        action: null,
      };
    default:
      return null;
  }
}

function offlineSentence(peers: readonly Peer[]): string {
  const resting = peers.find(({ source, dropped }) => source.state === 'connected' && !dropped);
  const reason = resting?.status().reason ?? null;
  return reason === null
    ? 'No node can be reached. The connection is tried again by itself.'
    : `No node can be used now. ${reason} It is asked again by itself.`;
}
