/** Attends to the sources: meets each, fetches what it claims, waits for what it announces. */
import type { Wakeup } from '../async/wakeup.ts';
import { headerHash } from '../protocol/header.ts';
import type { FollowedChain } from './followed-chain.ts';
import type { Peer } from './peer.ts';
import { UnreliableSource } from './unreliable.ts';

/** How often a quiet source is asked for its best block. */
const POLL_MS = 15_000;
/** How often one that waits for its turn looks whether it has come. */
const TURN_MS = 1_000;
/** Blocks behind the verified head beyond which a source is not used, where finality is not nearer. */
const MAX_BEHIND = 20;

export interface AttendanceOptions {
  /** The chain that is followed, or null before the network is known. */
  chain: () => FollowedChain | null;
  /** Makes sure that a source serves the network, and learns the network from it if nobody else told. */
  meet: (peer: Peer) => Promise<void>;
  /** Nothing is left to fetch from a source. */
  settled: (peer: Peer, chain: FollowedChain) => Promise<void>;
  judge: (peer: Peer, error: unknown) => void;
  changed: () => void;
  wakeup: Wakeup;
  /** Milliseconds of a clock that nobody sets. */
  elapsed: () => number;
  signal: AbortSignal;
}

export class Attendance {
  private busyWith: Peer | null = null;

  constructor(private readonly options: AttendanceOptions) {}

  /** Whether a source is being read in the way that only one at a time is. */
  get busy(): boolean {
    return this.busyWith !== null;
  }

  /** Attends to a source until the signal ends it. Never rejects. */
  async serve(peer: Peer): Promise<void> {
    const { wakeup, elapsed, signal, judge } = this.options;
    while (!signal.aborted) {
      if (!peer.usable) {
        await wakeup.wait(Math.max(100, Math.min(POLL_MS, peer.wakesAt - elapsed())));
        continue;
      }
      try {
        await this.greet(peer);
        while (peer.usable && !signal.aborted) await this.attend(peer);
      } catch (error) {
        judge(peer, error);
      }
    }
  }

  /** Runs work that only one source at a time may be used for. Rejects once the signal has ended attendance. */
  async exclusively(peer: Peer, work: () => Promise<void>): Promise<void> {
    const { wakeup, signal, changed } = this.options;
    while (this.busyWith !== null) await wakeup.wait(TURN_MS);
    signal.throwIfAborted();
    this.busyWith = peer;
    changed();
    try {
      await work();
    } finally {
      this.busyWith = null;
      changed();
    }
  }

  private async greet(peer: Peer): Promise<void> {
    await this.options.meet(peer);
    await this.askBest(peer);
  }

  /** One step with a connected source: what it claims is fetched, or it is waited for. */
  private async attend(peer: Peer): Promise<void> {
    const { signal, wakeup, elapsed, settled } = this.options;
    const chain = this.options.chain();
    if (chain === null) return this.greet(peer);
    const { sync } = chain;
    const claimed = peer.claimedBest;
    if (claimed !== null && sync.wants(peer) && sync.isFar(claimed)) {
      await this.exclusively(peer, async () => {
        if (!sync.wants(peer)) return;
        await sync.catchUp(peer, signal);
        peer.doneWith(claimed);
      });
      return;
    }
    const announcement = peer.nextAnnouncement() ?? (sync.wants(peer) ? claimed : null);
    if (announcement !== null) {
      if (!sync.isFar(announcement)) await sync.follow(peer, announcement, signal);
      peer.doneWith(announcement);
      return;
    }
    await settled(peer, chain);
    await wakeup.wait(POLL_MS);
    if (elapsed() - peer.askedAt >= POLL_MS && peer.usable) await this.askBest(peer);
  }

  private async askBest(peer: Peer): Promise<void> {
    const { chain, changed, elapsed, signal } = this.options;
    peer.askedAt = elapsed();
    const header = await peer.source.bestHeader(signal);
    peer.claimedBest = { header, hash: headerHash(header) };
    const { tree, constants } = chain() ?? {};
    const behind = (tree?.best.context.number ?? 0) - header.number;
    if (behind > Math.min(MAX_BEHIND, constants?.confirmationDepthK ?? MAX_BEHIND)) {
      throw new UnreliableSource(
        `The source is ${behind} blocks behind. Either it is catching up, or its network was started anew: then begin the chain anew in the settings.`,
      );
    }
    changed();
  }
}
