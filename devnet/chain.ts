/**
 * The chain as a full node has it: a tree of blocks, each executed here before it counts, the heaviest branch
 * best, blocks of the confirmation depth below it final.
 */
import { loadWasm } from '../src/crypto/wasm.ts';
import { equal, fromHex, toHex } from '../src/protocol/bytes.ts';
import type { SignedBlock } from '../src/protocol/block.ts';
import { subspaceDigests } from '../src/protocol/digest.ts';
import { encodeDigestItem, headerHash } from '../src/protocol/header.ts';
import { genesisSeed, nextPotInput, type PotInput } from '../src/protocol/pot.ts';
import { blockWeight } from '../src/protocol/solution-range.ts';
import { orderedTrieRoot, Trie } from '../src/protocol/trie.ts';
import type { DigestItem, Header, SlotNumber, SubspaceDigests } from '../src/protocol/types.ts';
import { storagePrefix } from '../src/protocol/storage-key.ts';
import { checkHeader, refusal, type ProofsOfTime } from './block-rules.ts';
import { BlockStore } from './block-store.ts';
import type { NetworkParams } from './config.ts';
import { genesisState } from './genesis.ts';
import { BlockContext, InvalidTransaction, readValue } from './runtime/context.ts';
import { Execution } from './runtime/executive.ts';
import { STATE_VERSION, Storage, type StorageChange } from './runtime/storage.ts';
import { currentSlot, potParameters } from './runtime/subspace-state.ts';
import { StateCache, STATES_IN_MEMORY } from './state-cache.ts';

/** A block of the tree. */
export interface Block {
  /** Hex. */
  readonly hash: string;
  /** Hex. */
  readonly parent: string;
  readonly number: number;
  /** Sum of the weights from the genesis block on. */
  readonly weight: bigint;
  readonly header: Header;
}

export interface ChainEvents {
  /** Every block that was executed and added, best or not. */
  imported(block: Block): void;
  /** The best block changed; `retracted` are blocks that were on the best branch before, newest first. */
  best(block: Block, retracted: Block[]): void;
  finalized(block: Block): void;
}

const TIMESTAMP = storagePrefix('Timestamp', 'Now');
/** A whole state is written to disk every so many blocks. */
const STATE_INTERVAL = 256;
export class Chain {
  readonly genesis: Block;
  private readonly genesisTrie: Trie;
  private readonly headers = new Map<string, Block>();
  private readonly states: StateCache;
  /** Hashes of the best branch by number. */
  private canonical: string[] = [];
  private bestBlock: Block;
  private finalBlock: Block;
  private readonly listeners: { [E in keyof ChainEvents]: Set<ChainEvents[E]> } = {
    imported: new Set(),
    best: new Set(),
    finalized: new Set(),
  };
  private proofs: ProofsOfTime = { outputAt: () => null };

  private constructor(
    readonly params: NetworkParams,
    private readonly store: BlockStore,
  ) {
    this.genesisTrie = Trie.from(STATE_VERSION, genesisState(params));
    const header: Header = {
      parentHash: new Uint8Array(32),
      number: 0,
      stateRoot: this.genesisTrie.root(),
      extrinsicsRoot: orderedTrieRoot([], STATE_VERSION),
      digest: [],
    };
    const hash = toHex(headerHash(header));
    this.genesis = { hash, parent: toHex(header.parentHash), number: 0, weight: 0n, header };
    this.headers.set(hash, this.genesis);
    this.states = new StateCache(
      this.store,
      (one) => one === this.genesis.hash || one === this.bestBlock.hash,
    );
    this.states.keep(hash, this.genesisTrie);
    this.canonical = [hash];
    this.bestBlock = this.genesis;
    this.finalBlock = this.genesis;
  }

  /** Opens the chain of a folder. Loads the WebAssembly module. */
  static async open(params: NetworkParams, folder: string): Promise<Chain> {
    await loadWasm();
    const chain = new Chain(params, new BlockStore(folder));
    chain.restore(folder);
    return chain;
  }

  /** Finds the best block among those stored: the heaviest, of equals the one that came first. */
  private restore(folder: string): void {
    let best: { hash: string; weight: bigint } = this.genesis;
    for (const entry of this.store.entries()) if (entry.weight > best.weight) best = entry;
    const path: string[] = [];
    for (let hash = best.hash; hash !== this.genesis.hash;) {
      path.push(hash);
      const entry = this.store.entry(hash);
      if (entry === null)
        throw new Error(
          `${folder} holds a network of other parameters, or a damaged one; start with --reset or another --data`,
        );
      hash = entry.parent;
    }
    this.canonical = [this.genesis.hash, ...path.reverse()];
    this.bestBlock = this.block(best.hash)!;
    this.finalBlock = this.block(this.canonical[this.finalNumber()]!)!;
  }

  private finalNumber(): number {
    return Math.max(0, this.bestBlock.number - this.params.confirmationDepthK);
  }

  /** Where proofs of time come from that do not have to be walked again. */
  useProofs(proofs: ProofsOfTime): void {
    this.proofs = proofs;
  }

  get best(): Block {
    return this.bestBlock;
  }

  get finalized(): Block {
    return this.finalBlock;
  }

  on<E extends keyof ChainEvents>(event: E, listener: ChainEvents[E]): () => void {
    this.listeners[event].add(listener);
    return () => this.listeners[event].delete(listener);
  }

  /** A block of the tree, or null. `hash`: hex. */
  block(hash: string): Block | null {
    const known = this.headers.get(hash);
    if (known !== undefined) return known;
    const entry = this.store.entry(hash);
    if (entry === null) return null;
    const block = { ...entry, header: this.store.read(hash)!.block.header };
    this.remember(block);
    return block;
  }

  private remember(block: Block): void {
    this.headers.set(block.hash, block);
    if (this.headers.size <= 4 * STATES_IN_MEMORY) return;
    for (const hash of this.headers.keys()) {
      if (hash !== this.genesis.hash) {
        this.headers.delete(hash);
        return;
      }
    }
  }

  /** Hash (hex) of the block of a number on the best branch, or null. */
  hashAt(number: number): string | null {
    return this.canonical[number] ?? null;
  }

  /** Whether a block is on the best branch. */
  isCanonical(block: Block): boolean {
    return this.canonical[block.number] === block.hash;
  }

  /** Header, extrinsics and justifications of a block, or null. */
  signedBlock(hash: string): SignedBlock | null {
    if (hash === this.genesis.hash)
      return { header: this.genesis.header, extrinsics: [], justifications: null };
    return this.store.read(hash)?.block ?? null;
  }

  /** Keys that a block changed, with their new values. */
  changesOf(hash: string): StorageChange[] {
    if (hash === this.genesis.hash)
      return [...this.genesisTrie.entries()].map(([key, value]) => ({ key, value }));
    return this.store.read(hash)?.changes ?? [];
  }

  /** State after a block. Throws Error for a block that is unknown. */
  stateOf(hash: string): Trie {
    return this.states.of(hash);
  }

  slotOf(block: Block): SlotNumber {
    return block.number === 0 ? 0n : currentSlot(this.stateOf(block.hash));
  }

  /** Milliseconds since the epoch, 0 for the genesis block. */
  timestampOf(block: Block): bigint {
    return readValue(this.stateOf(block.hash), TIMESTAMP, (reader) => reader.u64()) ?? 0n;
  }

  digestsOf(block: Block): SubspaceDigests | null {
    return block.number === 0 ? null : subspaceDigests(block.header);
  }

  /** Input of slot 1. */
  firstPotInput(): PotInput {
    const { potExternalEntropy, potSlotIterations } = this.params;
    const seed = genesisSeed(fromHex(this.genesis.hash, 32), potExternalEntropy);
    return { slot: 1n, seed, iterations: potSlotIterations };
  }

  /** Input of the first slot whose checkpoints a child of `parent` justifies. */
  justifiedFrom(parent: Block): PotInput {
    const digests = this.digestsOf(parent);
    if (digests === null) return this.firstPotInput();
    const { slotIterations, nextChange } = potParameters(
      this.stateOf(parent.hash),
      parent.number,
      this.params,
    );
    const { slot, futureProofOfTime } = digests.preDigest;
    const futureSlot = slot + BigInt(this.params.blockAuthoringDelay);
    return nextPotInput(futureSlot, slotIterations, futureProofOfTime, nextChange);
  }

  /** Begins a block on top of `parent`; the caller applies extrinsics and finishes it. */
  beginBlock(parent: Block, preRuntime: DigestItem): { execution: Execution; context: BlockContext } {
    const context = this.contextOn(parent, preRuntime);
    return { execution: Execution.begin(context), context };
  }

  /** Context in which transactions for the block after `parent` are validated. */
  poolExecution(parent: Block): Execution {
    return Execution.forPool(this.contextOn(parent, { kind: 'runtimeEnvironmentUpdated' }));
  }

  private contextOn(parent: Block, preRuntime: DigestItem): BlockContext {
    return new BlockContext(
      this.params,
      new Storage(this.stateOf(parent.hash)),
      {
        isProofOfTimeValid: (slot, output) => {
          const known = this.proofs.outputAt(slot);
          return known !== null && equal(known, output);
        },
        parentRoots: {
          stateRoot: parent.header.stateRoot,
          extrinsicsRoot: parent.header.extrinsicsRoot,
        },
      },
      parent.number + 1,
      fromHex(parent.hash, 32),
      fromHex(this.genesis.hash, 32),
      preRuntime,
    );
  }

  /**
   * Adds a block: checks its header against its parent, executes it, and compares what comes out. A block that
   * is known already is returned as it is.
   *
   * @throws ProtocolError naming the rule that it breaks.
   */
  import(block: SignedBlock): Block {
    const hash = toHex(headerHash(block.header));
    const known = this.block(hash);
    if (known !== null) return known;
    const parent = this.block(toHex(block.header.parentHash));
    if (parent === null) throw refusal('parent-known', 'the parent is unknown');
    if (parent.number < this.finalBlock.number || !this.extendsFinal(parent))
      throw refusal('finality', 'the block forks off below the final block');
    const state = this.stateOf(parent.hash);
    const before = {
      number: parent.number,
      slot: this.slotOf(parent),
      state,
      input: this.justifiedFrom(parent),
    };
    const digests = checkHeader(block, before, this.params, this.proofs);
    const changes = this.execute(block, parent);
    const entry = {
      hash,
      parent: parent.hash,
      number: block.header.number,
      weight: parent.weight + blockWeight(digests.solutionRange),
    };
    this.store.append(entry, { block, changes });
    const added: Block = { ...entry, header: block.header };
    this.remember(added);
    this.states.keep(hash, this.stateOf(parent.hash).apply(changes));
    for (const listener of this.listeners.imported) listener(added);
    if (added.weight > this.bestBlock.weight) this.setBest(added);
    return added;
  }

  private extendsFinal(block: Block): boolean {
    let at = block;
    while (at.number > this.finalBlock.number) at = this.block(at.parent)!;
    return at.hash === this.finalBlock.hash;
  }

  /** Executes a block and compares state root, extrinsics root and digest. */
  private execute(block: SignedBlock, parent: Block): StorageChange[] {
    const { header, extrinsics } = block;
    const preRuntime = header.digest[0];
    if (preRuntime?.kind !== 'preRuntime')
      throw refusal('digest-items', 'the pre-digest is not the first item');
    const { execution, context } = this.beginBlock(parent, preRuntime);
    try {
      for (const extrinsic of extrinsics) execution.apply(extrinsic);
      execution.finalise();
    } catch (error) {
      if (error instanceof InvalidTransaction) throw refusal('execution', error.message);
      throw error;
    }
    const digest = header.digest.slice(0, -1).map(encodeDigestItem);
    const computed = context.digest.map(encodeDigestItem);
    if (digest.length !== computed.length || !digest.every((item, index) => equal(item, computed[index]!)))
      throw refusal('digest', 'the digest is not what execution deposits');
    if (!equal(header.extrinsicsRoot, orderedTrieRoot(extrinsics, STATE_VERSION)))
      throw refusal('extrinsics-root', 'the extrinsics root does not match the extrinsics');
    const changes = context.storage.changes();
    if (!equal(header.stateRoot, this.stateOf(parent.hash).apply(changes).root()))
      throw refusal('state-root', 'the state root is not what execution gives');
    return changes;
  }

  private setBest(block: Block): void {
    const retracted: Block[] = [];
    const enacted: Block[] = [];
    let at = block;
    while (!this.isCanonical(at)) {
      enacted.push(at);
      at = this.block(at.parent)!;
    }
    for (let number = this.bestBlock.number; number > at.number; number -= 1)
      retracted.push(this.block(this.canonical[number]!)!);
    this.canonical.length = at.number + 1;
    for (const added of enacted.reverse()) this.canonical.push(added.hash);
    this.bestBlock = block;
    for (const listener of this.listeners.best) listener(block, retracted);
    this.finalise();
  }

  private finalise(): void {
    while (this.finalBlock.number < this.finalNumber()) {
      this.finalBlock = this.block(this.canonical[this.finalBlock.number + 1]!)!;
      const { number, hash } = this.finalBlock;
      if (number % STATE_INTERVAL === 0) this.store.putState(number, hash, this.stateOf(hash));
      for (const listener of this.listeners.finalized) listener(this.finalBlock);
    }
  }

  /** Blocks of the tree without children, best first. */
  leaves(): Block[] {
    const parents = new Set<string>();
    const recent = this.store.entries().filter(({ number }) => number >= this.finalBlock.number);
    for (const { parent } of recent) parents.add(parent);
    const leaves = recent.filter(({ hash }) => !parents.has(hash)).map(({ hash }) => this.block(hash)!);
    return leaves.length === 0 ? [this.genesis] : leaves.toSorted((a, b) => (a.weight > b.weight ? -1 : 1));
  }

  close(): void {
    this.store.close();
  }
}
