/** How the light client stands, in a word, and what is wrong when nothing goes on. */
import type { ChainConstants } from '../protocol/types.ts';
import { blockIntervalMs } from './followed-chain.ts';
import type { Clocks } from './clock.ts';
import type { Peer } from './peer.ts';
import type { ChainCause, ChainPhase } from './snapshot.ts';

/** Block intervals without a new head after which the chain counts as standing still: once in 10^9. */
const STALLED_INTERVALS = 20;
const LEAST_STALLED_MS = 30_000;
/** Milliseconds between two looks at the clock beyond which the device slept. */
const SLEPT_MS = 10_000;

/** What a phase follows from, besides what was noted. */
export interface StandingNow {
  started: boolean;
  /** Whether a history is being examined. */
  examining: boolean;
  /** Constants of the network; null: it is not known. */
  constants: ChainConstants | null;
  /** Whether a source is being read. */
  reading: boolean;
}

export class Standing {
  /** Whether everything that the sources claim was fetched once. */
  synced = false;
  /** What is wrong with this device's clock, or null. */
  clockCause: ChainCause | null = null;
  /** Whether a block is waited for that is not due yet by this device's clock. */
  early = false;
  private lastHeadAt: number;
  private lastLookAt: number;
  private cause: ChainCause | null = null;

  constructor(
    private readonly peers: readonly Peer[],
    private readonly clocks: Clocks,
  ) {
    this.lastHeadAt = clocks.elapsed();
    this.lastLookAt = clocks.elapsed();
  }

  /** A new head came, or it cannot be held against the network that none did. */
  headCame(): void {
    this.lastHeadAt = this.clocks.elapsed();
  }

  /** To be called every second or so: a device that slept saw no blocks. */
  lookAtClock(): void {
    const now = this.clocks.elapsed();
    if (now - this.lastLookAt > SLEPT_MS) this.lastHeadAt = now;
    this.lastLookAt = now;
  }

  /** The word for how it stands. */
  phase({ started, examining, constants, reading }: StandingNow): ChainPhase {
    const { peers } = this;
    if (!started) return 'connecting';
    if (peers.every(({ dropped }) => dropped) && peers.length > 0) return 'refused';
    // A source that is tried again is no news until it answers.
    if (!peers.some(({ usable }) => usable))
      return peers.some(({ awaited }) => awaited) ? 'connecting' : 'offline';
    if (examining) return 'syncing';
    if (constants === null) return 'connecting';
    if (this.early || this.isStalled(constants)) return 'stalled';
    return reading || !this.synced ? 'syncing' : 'following';
  }

  /** What is wrong; a cause that lasts keeps its time. `lesser`: what is said where nothing worse is. */
  causeOf(phase: ChainPhase, lesser: ChainCause | null): ChainCause | null {
    const trouble = troubleOf(phase, this.peers);
    const found = this.clockCause ?? (trouble === null ? lesser : { ...trouble, since: this.clocks.now() });
    if (found === null) this.cause = null;
    else if (this.cause?.code !== found.code) this.cause = found;
    return this.cause;
  }

  private isStalled(constants: ChainConstants): boolean {
    const limit = Math.max(LEAST_STALLED_MS, STALLED_INTERVALS * blockIntervalMs(constants));
    return this.clocks.elapsed() - this.lastHeadAt > limit;
  }
}

/** Why nothing goes on, or null where it does. */
function troubleOf(phase: ChainPhase, peers: readonly Peer[]): Omit<ChainCause, 'since'> | null {
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
