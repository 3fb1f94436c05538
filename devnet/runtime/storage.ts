/** State as a block's execution sees it: a trie below, the changes so far above, layers that can be undone. */
import { toHex, fromHex } from '../../src/protocol/bytes.ts';
import type { TrieChange } from '../../src/protocol/trie.ts';

/** What a layer of changes lies on. */
export interface StorageReader {
  get(key: Uint8Array): Uint8Array | null;
}

export type StorageChange = TrieChange;

/** Layout of state and of lists of extrinsics. */
export const STATE_VERSION = 1;

/** Storage of one block under execution. */
export class Storage {
  private layers: Map<string, Uint8Array | null>[] = [new Map()];

  constructor(private readonly below: StorageReader) {}

  get(key: Uint8Array): Uint8Array | null {
    const name = toHex(key);
    for (let depth = this.layers.length - 1; depth >= 0; depth -= 1) {
      const found = this.layers[depth]!.get(name);
      if (found !== undefined) return found;
    }
    return this.below.get(key);
  }

  set(key: Uint8Array, value: Uint8Array): void {
    this.layers.at(-1)!.set(toHex(key), value);
  }

  remove(key: Uint8Array): void {
    this.layers.at(-1)!.set(toHex(key), null);
  }

  /** Runs `body`; when it throws, none of its changes remain. */
  transaction<T>(body: () => T): T {
    this.layers.push(new Map());
    const layer = this.layers.at(-1)!;
    try {
      const result = body();
      this.layers.pop();
      for (const [name, value] of layer) this.layers.at(-1)!.set(name, value);
      return result;
    } catch (error) {
      this.layers.pop();
      throw error;
    }
  }

  /** All changes against the state below, those that restore its values left out, sorted by key. */
  changes(): StorageChange[] {
    const names = [...this.layers[0]!.keys()].sort();
    const changes: StorageChange[] = [];
    for (const name of names) {
      const key = fromHex(name);
      const value = this.layers[0]!.get(name) ?? null;
      const before = this.below.get(key);
      const same = value === null ? before === null : before !== null && toHex(before) === toHex(value);
      if (!same) changes.push({ key, value });
    }
    return changes;
  }
}
