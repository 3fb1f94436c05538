/** Peers of earlier runs, to begin with when nobody names any: a node may be away that named them. */
import type { NodeStore } from '../storage/store.ts';
import type { DsnPeer } from './peer.ts';

const SETTING = 'met-peers';
const MAX_ADDRESSES = 100;
const SAVE_MS = 60_000;

export class MetPeers {
  private readonly timer: ReturnType<typeof setInterval>;
  private saved: readonly string[] = [];

  private constructor(
    private readonly store: NodeStore,
    private readonly peer: DsnPeer,
  ) {
    this.timer = setInterval(() => void this.save().catch(() => undefined), SAVE_MS);
  }

  /** Dials the peers met before, beside everything else, and remembers those met from now on. */
  static async open(store: NodeStore, peer: DsnPeer): Promise<MetPeers> {
    const met = new MetPeers(store, peer);
    met.saved = (await store.setting<string[]>(SETTING)) ?? [];
    if (met.saved.length > 0) void peer.connect(met.saved).catch(() => undefined);
    return met;
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.save();
  }

  /** The ones connected now come first, and the oldest are forgotten. What is bound to a certificate soon is none. */
  private async save(): Promise<void> {
    const now = this.peer.reachable().filter((address) => !address.includes('/certhash/'));
    const all = [...new Set([...now, ...this.saved])].slice(0, MAX_ADDRESSES);
    if (all.join() === this.saved.join()) return;
    this.saved = all;
    await this.store.putSetting(SETTING, all);
  }
}
