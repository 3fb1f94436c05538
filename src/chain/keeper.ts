/** Keeps the verified chain between runs. */
import { InOrder } from '../async/in-order.ts';
import { equal } from '../protocol/bytes.ts';
import { messageOf, sentenceOf } from '../protocol/errors.ts';
import type { ChainStore } from '../storage/chain-store.ts';
import type { Clocks } from './clock.ts';
import { decodeChainRecord, encodeChainRecord, type ChainRecord } from './record.ts';
import type { ChainCause } from './snapshot.ts';

export class ChainKeeper {
  /** Why nothing can be stored now. */
  cause: ChainCause | null = null;
  private savedAt = Number.NEGATIVE_INFINITY;
  private readonly changes = new InOrder();

  /** `store`: null keeps nothing. */
  constructor(
    private readonly store: ChainStore | null,
    private readonly clocks: Clocks,
    private readonly log: (line: string) => void,
  ) {}

  /** Milliseconds since the chain was saved. */
  get sinceSave(): number {
    return this.clocks.elapsed() - this.savedAt;
  }

  /**
   * Gives what is stored to `use`; what is damaged, of another version or of another network than expected (32
   * bytes) is dropped, and the chain verified again.
   */
  async restore(genesisHash: Uint8Array | null, use: (record: ChainRecord) => void): Promise<void> {
    const { store } = this;
    if (store === null) return;
    try {
      const bytes = await store.load();
      if (bytes === null) return;
      const record = decodeChainRecord(bytes);
      if (genesisHash !== null && !equal(genesisHash, record.genesisHash)) return;
      use(record);
    } catch (error) {
      this.log(`the stored chain is not used: ${messageOf(error)}`);
      await store.clear().catch(() => undefined);
    }
  }

  /** Forgets what is stored, once earlier savings are done. */
  clear(): Promise<void> {
    return this.changes.run(() => this.store?.clear().catch(() => undefined));
  }

  /** Saves what `current` gives once earlier savings are done; null: there is nothing worth it. */
  save(current: () => ChainRecord | null): Promise<void> {
    const { store } = this;
    if (store === null) return Promise.resolve();
    this.savedAt = this.clocks.elapsed();
    return this.changes.run(async () => {
      const record = current();
      if (record === null) return;
      try {
        await store.save(encodeChainRecord(record));
        this.cause = null;
      } catch (error) {
        this.cause ??= {
          code: 'chain-not-saved',
          sentence: `The verified chain cannot be stored. ${sentenceOf(error)}`,
          action: null,
          since: this.clocks.now(),
        };
      }
    });
  }
}
