/**
 * Metadata that a runtime's code gave, kept between runs under the hash of that code. A node proves in a few hundred
 * bytes which code its state holds, so that megabytes of code are read and run only when they are new.
 */
import type { ChainStore } from '../storage/chain-store.ts';
import { concat, equal } from '../protocol/bytes.ts';
import { ProtocolError, messageOf } from '../protocol/errors.ts';
import { RuntimeMetadata } from '../protocol/metadata.ts';
import { CODE_KEY } from '../protocol/storage-key.ts';
import { TRIE_HASH_BYTES } from '../protocol/trie-node.ts';
import { StorageProof } from '../protocol/trie-proof.ts';
import type { ProofSource, StateBlock } from './state/reader.ts';

/** No such key is there. The proof of that leads to the code's node, and not to the code. */
const BESIDE_CODE = concat(CODE_KEY, Uint8Array.of(0));

export class RuntimeMemory {
  private kept: { codeHash: Uint8Array; metadata: Uint8Array } | null = null;
  private readonly loaded: Promise<void>;

  /** `store`: null keeps nothing between runs. */
  constructor(
    private readonly store: ChainStore | null,
    private readonly log: (line: string) => void,
  ) {
    this.loaded = this.load();
  }

  private async load(): Promise<void> {
    const record = await this.store?.load().catch(() => null);
    if (record === null || record === undefined || record.length <= TRIE_HASH_BYTES) return;
    this.kept = { codeHash: record.slice(0, TRIE_HASH_BYTES), metadata: record.slice(TRIE_HASH_BYTES) };
  }

  /**
   * Metadata of the code that the state of a verified block holds; null when another code was kept, or none, or when
   * the source does not prove it this way. Rejects with what the source rejects with.
   */
  async recall(
    source: ProofSource,
    block: StateBlock,
    signal?: AbortSignal,
  ): Promise<RuntimeMetadata | null> {
    await this.loaded;
    const { kept } = this;
    if (kept === null) return null;
    const { proof } = await source.readProof([BESIDE_CODE], block.hash, signal);
    try {
      const found = new StorageProof(proof).readHash(block.stateRoot, CODE_KEY);
      return found !== null && equal(found, kept.codeHash) ? RuntimeMetadata.decode(kept.metadata) : null;
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return null;
    }
  }

  /** Keeps the metadata of a code, in place of what was kept before. `codeHash`: 32 bytes, BLAKE2b-256. */
  async keep(codeHash: Uint8Array, metadata: Uint8Array): Promise<void> {
    await this.loaded;
    this.kept = { codeHash, metadata };
    try {
      await this.store?.save(concat(codeHash, metadata));
    } catch (error) {
      this.log(`the runtime is not remembered: ${messageOf(error)}`);
    }
  }
}
