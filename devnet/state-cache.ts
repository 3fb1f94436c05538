/** States of a chain: the ones used last in memory, others by the changes since one that is kept. */
import type { Trie } from '../src/protocol/trie.ts';
import type { BlockStore } from './block-store.ts';

/** States of recent blocks that stay in memory. */
export const STATES_IN_MEMORY = 256;

export class StateCache {
  private readonly states = new Map<string, Trie>();

  /** `pinned`: whether the state of a block stays, however long it was not used. */
  constructor(
    private readonly store: BlockStore,
    private readonly pinned: (hash: string) => boolean,
  ) {}

  /** State after a block. Throws Error for a block that is unknown. */
  of(hash: string): Trie {
    const kept = this.states.get(hash);
    if (kept !== undefined) return kept;
    const path: string[] = [];
    let state: Trie | null = null;
    for (let at = hash; state === null;) {
      const entry = this.store.entry(at);
      if (entry === null) throw new Error(`block ${at} is unknown`);
      state = this.states.get(at) ?? this.store.state(entry.number, at);
      if (state !== null) break;
      path.push(at);
      at = entry.parent;
      state = this.states.get(at) ?? null;
    }
    for (const step of path.reverse()) state = state.apply(this.store.read(step)!.changes);
    this.keep(hash, state);
    return state;
  }

  keep(hash: string, state: Trie): void {
    this.states.set(hash, state);
    if (this.states.size <= STATES_IN_MEMORY) return;
    for (const old of this.states.keys()) {
      if (this.pinned(old)) continue;
      this.states.delete(old);
      return;
    }
  }
}
