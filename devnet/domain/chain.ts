/**
 * The chain of the Auto ID domain: every block follows from a consensus block, its bundles and its time, so that
 * the consensus chain's forks are the domain's forks.
 */
import { join } from 'node:path';
import { concat, equal, fromHex, toHex, utf8 } from '../../src/protocol/bytes.ts';
import type { SignedBlock } from '../../src/protocol/block.ts';
import { decodeExtrinsic, extrinsicHash } from '../../src/protocol/extrinsic.ts';
import { blake2b256 } from '../../src/protocol/hash.ts';
import { headerHash } from '../../src/protocol/header.ts';
import { ScaleWriter } from '../../src/protocol/scale.ts';
import { orderedTrieRoot, type Trie } from '../../src/protocol/trie.ts';
import type { Header } from '../../src/protocol/types.ts';
import { BlockStore } from '../block-store.ts';
import type { Block, Chain, ChainEvents } from '../chain.ts';
import { StateCache, STATES_IN_MEMORY } from '../state-cache.ts';
import type { ReadableChain } from '../rpc/params.ts';
import { decodeCall } from '../runtime/calls.ts';
import { InvalidTransaction } from '../runtime/context.ts';
import { domainCreatedAt } from '../runtime/domain-registry.ts';
import { transactionByteFee } from '../runtime/fees.ts';
import { STATE_VERSION, Storage, type StorageChange } from '../runtime/storage.ts';
import { transfersTo, type IncomingTransfer } from '../runtime/transporter.ts';
import { domainGenesis, DOMAIN_ID } from './genesis.ts';
import { receiptHash, traceRootOf, type Bundle, type InboxedBundle, type Receipt } from './receipt.ts';
import { parseSigned } from './calls.ts';
import { DomainExecution, type BlockInput } from './runtime.ts';

/** Engine of the digest item that names the consensus block. */
const ENGINE = utf8('RGTR');
const SUBMIT_BUNDLE = new Uint8Array([12, 0]);
const STATE_INTERVAL = 256;

/** What came of executing a block. */
interface Executed {
  header: Header;
  extrinsics: Uint8Array[];
  changes: StorageChange[];
  receipt: Receipt;
}

export class DomainChain implements ReadableChain {
  readonly genesis: Block;
  private readonly store: BlockStore;
  /** Domain blocks by the consensus block (hex) whose state they are the newest of. */
  private readonly derived = new Map<string, Block>();
  private readonly states: StateCache;
  private readonly receipts = new Map<string, Receipt>();
  /** Hashes of the blocks stored at the start by the number of their consensus block. */
  private readonly stored: Map<bigint, string[]>;
  private readonly listeners: { [E in keyof ChainEvents]: Set<ChainEvents[E]> } = {
    imported: new Set(),
    best: new Set(),
    finalized: new Set(),
  };
  private created: number | null = null;
  private bestBlock: Block;
  private canonical: string[];

  /** Needs `loadWasm`. `folder`: of the network's data. */
  constructor(
    private readonly consensus: Chain,
    folder: string,
  ) {
    this.store = new BlockStore(join(folder, 'domain'));
    this.stored = byConsensusBlock(this.store);
    const { header, hash, state, receipt } = domainGenesis();
    this.genesis = { hash: toHex(hash), parent: toHex(header.parentHash), number: 0, weight: 0n, header };
    this.states = new StateCache(
      this.store,
      (one) => one === this.genesis.hash || one === this.bestBlock.hash,
    );
    this.states.keep(this.genesis.hash, state);
    this.receipts.set(this.genesis.hash, receipt);
    this.derived.set(consensus.genesis.hash, this.genesis);
    this.bestBlock = this.genesis;
    this.canonical = [this.genesis.hash];
    this.follow(consensus.best);
  }

  get best(): Block {
    return this.bestBlock;
  }

  /** The block that the final consensus block gives. */
  get finalized(): Block {
    return this.blockAfter(this.consensus.finalized);
  }

  on<E extends keyof ChainEvents>(event: E, listener: ChainEvents[E]): () => void {
    this.listeners[event].add(listener);
    return () => this.listeners[event].delete(listener);
  }

  block(hash: string): Block | null {
    if (hash === this.genesis.hash) return this.genesis;
    const entry = this.store.entry(hash);
    return entry && { ...entry, header: this.store.read(hash)!.block.header };
  }

  hashAt(number: number): string | null {
    return this.canonical[number] ?? null;
  }

  signedBlock(hash: string): SignedBlock | null {
    if (hash === this.genesis.hash)
      return { header: this.genesis.header, extrinsics: [], justifications: null };
    return this.store.read(hash)?.block ?? null;
  }

  changesOf(hash: string): StorageChange[] {
    return this.store.read(hash)?.changes ?? [];
  }

  stateOf(hash: string): Trie {
    return this.states.of(hash);
  }

  /** Makes the blocks that a consensus block leads to, and the last of them the best. */
  follow(consensusBest: Block): void {
    const best = this.blockAfter(consensusBest);
    if (best.hash === this.bestBlock.hash) return;
    const retracted: Block[] = [];
    let at = best;
    const enacted: Block[] = [];
    while (this.canonical[at.number] !== at.hash) {
      enacted.push(at);
      at = this.block(at.parent)!;
    }
    for (let number = this.bestBlock.number; number > at.number; number -= 1)
      retracted.push(this.block(this.canonical[number]!)!);
    this.canonical.length = at.number + 1;
    for (const { hash } of enacted.reverse()) this.canonical.push(hash);
    this.bestBlock = best;
    for (const listener of this.listeners.best) listener(best, retracted);
  }

  /** The newest block of the domain as of a consensus block. */
  blockAfter(consensusBlock: Block): Block {
    const path: Block[] = [];
    let at = consensusBlock;
    let found = this.known(at);
    while (found === null) {
      path.push(at);
      at = this.consensus.block(at.parent)!;
      found = this.known(at);
    }
    for (const step of path.reverse()) {
      found = this.derive(step, found);
      this.derived.set(step.hash, found);
    }
    if (this.derived.size > 4 * STATES_IN_MEMORY) {
      for (const old of [...this.derived.keys()].slice(0, STATES_IN_MEMORY))
        if (old !== this.consensus.genesis.hash) this.derived.delete(old);
    }
    return found;
  }

  private known(consensusBlock: Block): Block | null {
    const kept = this.derived.get(consensusBlock.hash);
    if (kept !== undefined) return kept;
    if (consensusBlock.number < this.createdAt()) return this.genesis;
    for (const hash of this.stored.get(BigInt(consensusBlock.number)) ?? []) {
      const block = this.block(hash)!;
      if (toHex(consensusHashOf(block.header)) === consensusBlock.hash) return block;
    }
    return null;
  }

  /** Number of the consensus block with which the domain came about, infinite before. */
  private createdAt(): number {
    this.created ??= domainCreatedAt(this.consensus.stateOf(this.consensus.best.hash), DOMAIN_ID);
    return this.created ?? Number.POSITIVE_INFINITY;
  }

  private derive(consensusBlock: Block, parent: Block): Block {
    const bundles = bundlesIn(this.consensus.signedBlock(consensusBlock.hash)!);
    if (bundles.length === 0) return parent;
    const { header, extrinsics, changes, receipt } = this.execute(consensusBlock, parent, bundles);
    const hash = toHex(headerHash(header));
    const entry = {
      hash,
      parent: parent.hash,
      number: header.number,
      weight: BigInt(consensusBlock.number),
    };
    this.store.append(entry, { block: { header, extrinsics, justifications: null }, changes });
    const state = this.stateOf(parent.hash).apply(changes);
    this.states.keep(hash, state);
    if (header.number % STATE_INTERVAL === 0) this.store.putState(header.number, hash, state);
    this.receipts.set(hash, receipt);
    if (this.receipts.size > STATES_IN_MEMORY)
      this.receipts.delete([...this.receipts.keys()].find((old) => old !== this.genesis.hash)!);
    const block = { ...entry, header };
    for (const listener of this.listeners.imported) listener(block);
    return block;
  }

  /** The receipt of a block, made again if it is not at hand. */
  receiptOf(block: Block): Receipt {
    const kept = this.receipts.get(block.hash);
    if (kept !== undefined) return kept;
    const consensusBlock = this.consensus.block(toHex(consensusHashOf(block.header)))!;
    const bundles = bundlesIn(this.consensus.signedBlock(consensusBlock.hash)!);
    const { receipt } = this.execute(consensusBlock, this.block(block.parent)!, bundles);
    this.receipts.set(block.hash, receipt);
    return receipt;
  }

  /** What blocks after `parent` are executed with. */
  inputAfter(parent: Block, consensusHash: Uint8Array): BlockInput {
    return {
      number: parent.number + 1,
      parentHash: fromHex(parent.hash, 32),
      genesisHash: fromHex(this.genesis.hash, 32),
      digest: { kind: 'preRuntime', engine: ENGINE, data: consensusHash },
    };
  }

  private execute(consensusBlock: Block, parent: Block, bundles: readonly Bundle[]): Executed {
    const consensusState = this.consensus.stateOf(consensusBlock.hash);
    const now = this.consensus.timestampOf(consensusBlock);
    const byteFee = transactionByteFee(consensusState);
    const transfers = this.transfersSince(parent, consensusBlock);
    const input = this.inputAfter(parent, fromHex(consensusBlock.hash, 32));
    const state = this.stateOf(parent.hash);
    const begin = (): DomainExecution => {
      const execution = new DomainExecution(new Storage(state), input);
      execution.initialise();
      return execution;
    };
    const prepare = (execution: DomainExecution): void => {
      execution.applyInherent('now', now);
      execution.applyInherent('byteFee', byteFee);
      for (const { to, value } of transfers) execution.receive(to, value);
    };
    const trial = begin();
    prepare(trial);
    const inboxed = bundles.map((bundle) => judgeBundle(trial, bundle));

    const trace: Uint8Array[] = [];
    const execution = begin();
    const note = (): void => void trace.push(state.apply(execution.storage.changes()).root());
    note();
    prepare(execution);
    note();
    const extrinsics = execution.inherents(now, byteFee);
    for (const [index, bundle] of bundles.entries()) {
      if (inboxed[index]!.illegalTransaction !== null) continue;
      for (const extrinsic of bundle.extrinsics) {
        execution.apply(extrinsic);
        extrinsics.push(extrinsic);
        note();
      }
    }
    execution.finalise();
    note();
    const changes = execution.storage.changes();
    const header: Header = {
      parentHash: input.parentHash,
      number: input.number,
      stateRoot: trace.at(-1)!,
      extrinsicsRoot: orderedTrieRoot(extrinsics, STATE_VERSION),
      digest: [input.digest],
    };
    const { storage, execution: compute } = execution.collected;
    const receipt: Receipt = {
      domainBlock: header.number,
      domainBlockHash: headerHash(header),
      extrinsicsRoot: header.extrinsicsRoot,
      parentReceiptHash: receiptHash(this.receiptOf(parent)),
      consensusBlock: consensusBlock.number,
      consensusBlockHash: fromHex(consensusBlock.hash, 32),
      bundles: inboxed,
      finalStateRoot: header.stateRoot,
      trace,
      traceRoot: traceRootOf(trace),
      fees: { storage, execution: compute, burned: 0n },
      transferredIn: transfers.reduce((sum, { value }) => sum + value, 0n),
    };
    return { header, extrinsics, changes, receipt };
  }

  /** What was sent to the domain after the consensus block of `parent` up to another one. */
  private transfersSince(parent: Block, consensusBlock: Block): IncomingTransfer[] {
    const last = parent.number === 0 ? null : toHex(consensusHashOf(parent.header));
    const first = this.createdAt();
    const found: IncomingTransfer[] = [];
    for (
      let at = consensusBlock;
      at.hash !== last && at.number >= first;
      at = this.consensus.block(at.parent)!
    )
      found.unshift(...transfersTo(DOMAIN_ID, this.consensus.changesOf(at.hash)));
    return found;
  }

  close(): void {
    this.store.close();
  }
}

/** The domain's blocks have no weight: the store keeps the number of their consensus block in its place. */
function byConsensusBlock(store: BlockStore): Map<bigint, string[]> {
  const index = new Map<bigint, string[]>();
  for (const { weight, hash } of store.entries()) index.set(weight, [...(index.get(weight) ?? []), hash]);
  return index;
}

/** Hash (32 bytes) of the consensus block that a header's block is derived from. */
function consensusHashOf({ digest }: Header): Uint8Array {
  const [item] = digest;
  if (item?.kind !== 'preRuntime' || !equal(item.engine, ENGINE))
    throw new Error('a block of the domain names no consensus block');
  return item.data;
}

/** Bundles of the domain in a consensus block. */
function bundlesIn({ extrinsics }: SignedBlock): Bundle[] {
  return extrinsics.flatMap((bytes) => {
    const { call } = decodeExtrinsic(bytes);
    if (!equal(call.subarray(0, 2), SUBMIT_BUNDLE)) return [];
    const decoded = decodeCall(call);
    return decoded.kind === 'domains.submit_bundle' && decoded.bundle.header.domainId === DOMAIN_ID
      ? [decoded.bundle]
      : [];
  });
}

/** Applies a bundle for trial; one with a transaction that may not be in a block counts for nothing. */
function judgeBundle(trial: DomainExecution, { header, extrinsics }: Bundle): InboxedBundle {
  const { extrinsicsRoot } = header;
  const digests: Uint8Array[] = [];
  let index = 0;
  try {
    trial.storage.transaction(() => {
      for (const extrinsic of extrinsics) {
        trial.apply(extrinsic);
        const { signer } = parseSigned(extrinsic);
        digests.push(concat(new Uint8Array([1]), new ScaleWriter().byteVector(signer).bytes()));
        digests.push(extrinsicHash(extrinsic));
        index += 1;
      }
    });
  } catch (error) {
    if (!(error instanceof InvalidTransaction)) throw error;
    return { illegalTransaction: index, digest: new Uint8Array(32), extrinsicsRoot };
  }
  const count = new ScaleWriter().compact(extrinsics.length).bytes();
  return { illegalTransaction: null, digest: blake2b256(concat(count, ...digests)), extrinsicsRoot };
}
