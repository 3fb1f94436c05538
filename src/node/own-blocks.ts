/** Tells the person of the blocks that this node's farmer won, each once. */
import type { BlockView } from '../chain/snapshot.ts';
import type { Journal } from './journal.ts';

/** Blocks remembered as told. */
const TOLD = 256;

export class OwnBlocks {
  private readonly told = new Set<string>();

  constructor(private readonly journal: Journal) {}

  /** Looks at the blocks that the chain shows. */
  look(blocks: readonly BlockView[]): void {
    for (const { own, pot, hash, number } of blocks) {
      // What was verified in an earlier run was told in it.
      if (!own || pot === 'stored' || this.told.has(hash)) continue;
      this.told.add(hash);
      const [oldest = ''] = this.told;
      if (this.told.size > TOLD) this.told.delete(oldest);
      this.journal.notify('success', 'reward', `Block ${number} is this farm’s own, and verified.`);
    }
  }
}
