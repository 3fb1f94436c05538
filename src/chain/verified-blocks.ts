/** The verified chain as the code above it reads it: state, events and bodies of blocks, all proven. */
import { RpcSource } from '../network/source.ts';
import { equal } from '../protocol/bytes.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { headerHash } from '../protocol/header.ts';
import type { RuntimeMetadata } from '../protocol/metadata.ts';
import { decodeMmrProof, mmrLeafOf, verifyMmrProof } from '../protocol/mmr.ts';
import { orderedTrieRoot } from '../protocol/trie.ts';
import type { Header } from '../protocol/types.ts';
import type { LightClient } from './light-client.ts';
import { Missing, noHead, NoProof, noRuntime, tooNew } from './no-proof.ts';
import { upgradesRuntime, type Provenance, type RuntimeFacts } from './runtime.ts';
import { mmrQuery, runtimeVersionQuery } from './state/consensus.ts';
import { blockHashCount, runtimeIdentity } from './state/constants.ts';
import { itemQuery, StateReader, type KeySource, type Proven, type Query } from './state/reader.ts';
import { octets, optional, shaped } from './state/shape.ts';

/** A block of the verified best chain. */
export interface ChainBlock {
  header: Header;
  number: number;
  /** 32 bytes. */
  hash: Uint8Array;
}

/** What is read of the verified chain; `VerifiedBlocks` is the one over the light client. */
export interface BlockReader {
  /**
   * Waits for a connected source and a verified head whose runtime is described. Throws NoProof, which says what is
   * lacking, after ten seconds without a source or a minute in all.
   */
  ready(): Promise<{ head: ChainBlock; metadata: RuntimeMetadata }>;
  /** The best verified block, null before there is one. */
  head(): ChainBlock | null;
  /** Number of the newest final block, 0 before there is one. */
  finalNumber(): number;
  /** Description of the head's runtime, null until a source gave it. */
  metadata(): RuntimeMetadata | null;
  /** Description of the runtime that left a block's state, which may be older than the head's. */
  metadataOf(block: ChainBlock, signal?: AbortSignal): Promise<RuntimeMetadata>;
  /** What stands behind that description. */
  provenance(): Provenance | null;
  /** The best chain's block of that number. Throws NoProof where it cannot be proven any more. */
  block(number: number, signal?: AbortSignal): Promise<ChainBlock>;
  read<T>(query: Query<T>, at: ChainBlock, signal?: AbortSignal): Promise<T>;
  /** A read that lists keys; what a source leaves out is noticed by the proof. */
  list<T>(read: (reader: StateReader, source: KeySource) => Promise<Proven<T>>, at: ChainBlock): Promise<T>;
  /** All extrinsics of a block, length prefixes included. */
  body(block: ChainBlock, signal?: AbortSignal): Promise<Uint8Array[]>;
}

/** Where the runtime does not say how many blocks a state names: a few less than the 250 of every runtime so far. */
const STEP = 240;
/** Steps back, each of which needs a node that keeps such an old state. */
const MAX_STEPS = 200;
const MAX_PAST = 4_096;
/** How long somebody who waits is left without any source. */
const UNCONNECTED_MS = 10_000;
/** A busy machine verifies its first block, and a busy node describes its runtime, a while after they connect. */
const READY_MS = 60_000;
const LOOK_MS = 500;

function missingBlock(source: RpcSource, number: number): Missing {
  return new Missing(
    `${source.name} does not have block ${number}`,
    `No node that is connected has block ${number} any more.`,
  );
}

function tooOld(number: number, message: string): NoProof {
  return new NoProof(new Missing(message, `Block ${number} is too old to be proven.`));
}

function wrongBlock(source: RpcSource, number: number): ProtocolError {
  return new ProtocolError({
    code: 'wrong-block',
    rule: 'block-hash',
    message: `${source.name} gave another block than ${number}`,
    sentence: 'The source gave another block than it was asked for.',
    values: { number },
  });
}

/** What is needed of the light client. */
export type FollowedChain = Pick<
  LightClient,
  'head' | 'finalized' | 'header' | 'runtime' | 'metadataAt' | 'sources' | 'onChange'
>;

/** Reads through whatever sources the light client has, best behaved first; the next one where one fails. */
export class VerifiedBlocks implements BlockReader {
  /** Final blocks that the light client does not remember. */
  private readonly past = new Map<number, ChainBlock>();
  /** Runtimes before the head's, by version. */
  private readonly olderRuntimes = new Map<number, RuntimeMetadata>();

  constructor(private readonly client: FollowedChain) {}

  ready(): Promise<{ head: ChainBlock; metadata: RuntimeMetadata }> {
    const begun = performance.now();
    let connected = begun;
    return new Promise((done, failed) => {
      const look = (): void => {
        const now = performance.now();
        if (this.sources().length > 0) connected = now;
        try {
          const found = this.found();
          finish();
          done(found);
        } catch (lacking) {
          if (now - connected < UNCONNECTED_MS && now - begun < READY_MS) return;
          finish();
          failed(lacking);
        }
      };
      const timer = setInterval(look, LOOK_MS);
      const stop = this.client.onChange(look);
      const finish = (): void => {
        clearInterval(timer);
        stop();
      };
      look();
    });
  }

  /** What is there to prove with. Throws NoProof, which says what is lacking. */
  private found(): { head: ChainBlock; metadata: RuntimeMetadata } {
    if (this.sources().length === 0) throw new NoProof(null);
    return { head: this.requiredHead(), metadata: this.required() };
  }

  head(): ChainBlock | null {
    const head = this.client.head();
    return head && { header: head.header, number: head.context.number, hash: head.context.hash };
  }

  finalNumber(): number {
    return this.client.finalized()?.context.number ?? 0;
  }

  metadata(): RuntimeMetadata | null {
    return this.client.runtime()?.metadata ?? null;
  }

  /**
   * An older runtime is described by its code where that can be run, else by a source. A block that changes the code was
   * still executed by the runtime before.
   */
  async metadataOf(block: ChainBlock, signal?: AbortSignal): Promise<RuntimeMetadata> {
    const { metadata: newest, specVersion: present } = this.facts();
    const version = (await this.read(runtimeVersionQuery(newest), block, signal))?.specVersion ?? present;
    const known = version === present ? newest : this.olderRuntimes.get(version);
    if (known !== undefined) return known;
    const at = upgradesRuntime(block.header) ? await this.block(block.number - 1, signal) : block;
    const state = { number: at.number, hash: at.hash, stateRoot: at.header.stateRoot };
    const metadata = await this.ask((source) => this.client.metadataAt(source, state, signal), signal);
    this.olderRuntimes.set(version, metadata);
    return metadata;
  }

  provenance(): Provenance | null {
    return this.client.runtime()?.provenance ?? null;
  }

  /** Sources that speak JSON-RPC. */
  sources(): RpcSource[] {
    return this.client.sources().filter((source): source is RpcSource => source instanceof RpcSource);
  }

  private facts(): RuntimeFacts {
    const facts = this.client.runtime();
    if (facts === null) throw noRuntime();
    return facts;
  }

  private required(): RuntimeMetadata {
    return this.facts().metadata;
  }

  private requiredHead(): ChainBlock {
    const head = this.head();
    if (head === null) throw noHead();
    return head;
  }

  private async ask<T>(work: (source: RpcSource) => Promise<T>, signal?: AbortSignal): Promise<T> {
    let reason: unknown = null;
    for (const source of this.sources()) {
      try {
        return await work(source);
      } catch (error) {
        signal?.throwIfAborted();
        reason = error;
      }
    }
    throw new NoProof(reason);
  }

  read<T>(query: Query<T>, at: ChainBlock, signal?: AbortSignal): Promise<T> {
    const { number, hash, header } = at;
    const block = { number, hash, stateRoot: header.stateRoot };
    return this.ask(
      async (source) => (await new StateReader(source, this.required(), block).read(query, signal)).value,
      signal,
    );
  }

  list<T>(
    read: (reader: StateReader, source: KeySource) => Promise<Proven<T>>,
    { number, hash, header: { stateRoot } }: ChainBlock,
  ): Promise<T> {
    return this.ask(async (source) => {
      const keys: KeySource = {
        readProof: (...parameters) => source.readProof(...parameters),
        keysPaged: (prefix, count, start, at, signal) =>
          source.node.keysPaged(prefix, count, start, at, { signal }),
      };
      return (await read(new StateReader(source, this.required(), { number, hash, stateRoot }), keys)).value;
    });
  }

  body(block: ChainBlock, signal?: AbortSignal): Promise<Uint8Array[]> {
    const { extrinsicsVersion } = runtimeIdentity(this.required());
    return this.ask(async (source) => {
      const found = await source.node.block(block.hash, { signal });
      if (found === null) throw missingBlock(source, block.number);
      if (!equal(orderedTrieRoot(found.extrinsics, extrinsicsVersion), block.header.extrinsicsRoot)) {
        throw new ProtocolError({
          code: 'wrong-body',
          rule: 'extrinsics-root',
          message: `the body given for block ${block.number} is not its own`,
          sentence: 'The source gave other transactions than the verified block holds.',
          values: { number: block.number },
        });
      }
      return found.extrinsics;
    }, signal);
  }

  async block(number: number, signal?: AbortSignal): Promise<ChainBlock> {
    const head = this.requiredHead();
    if (number > head.number) throw tooNew(number, 'verified');
    let at = head;
    while (at.number > number) {
      const parent = this.client.header(at.header.parentHash);
      if (parent === null) return this.older(head, number, signal);
      at = { header: parent.header, number: parent.context.number, hash: parent.context.hash };
    }
    return at;
  }

  /**
   * A final block of any age. It is a leaf of the Merkle mountain range whose root the head's state proves, so that no
   * node has to keep the states in between. Throws NoProof.
   */
  async ancient(number: number, signal?: AbortSignal): Promise<ChainBlock> {
    const head = this.requiredHead();
    if (number < 0 || number > this.finalNumber()) throw tooNew(number, 'final');
    const { root } = await this.read(mmrQuery(this.required()), head, signal);
    return this.ask(async (source) => {
      const named = await source.hashAt(number, signal);
      const header = named && (await source.header(named, signal));
      if (header === null) throw missingBlock(source, number);
      // A leaf is named by the block that appended it, the one after its own.
      const { proof } = await source.mmrProof([number + 1], head.number, head.hash, signal);
      const decoded = decodeMmrProof(proof);
      if (decoded.size !== head.number || decoded.indices[0] !== number) throw wrongBlock(source, number);
      verifyMmrProof(root, [mmrLeafOf(header)], decoded);
      return { header, number, hash: headerHash(header) };
    }, signal);
  }

  /** A block that is not remembered: the states name the hashes of the few hundred blocks before them. */
  private async older(
    head: ChainBlock,
    number: number,
    signal?: AbortSignal,
    step = blockHashCount(this.required()) ?? STEP,
  ): Promise<ChainBlock> {
    const known = this.past.get(number);
    if (known !== undefined) return known;
    if (head.number - number > MAX_STEPS * step)
      throw tooOld(number, `${head.number - number} blocks below the head`);
    const from = head.number - number > step ? await this.older(head, number + step, signal, step) : head;
    const entry = this.required().storage('System', 'BlockHash');
    const query = itemQuery(entry, [number], (value) =>
      shaped(optional(octets(32)), value, 'System.BlockHash'),
    );
    const hash = await this.read(query, from, signal);
    if (hash === null || hash.every((byte) => byte === 0)) {
      // A runtime that began to name more blocks does not name again what those before it let go of.
      if (step > STEP) return this.older(head, number, signal, STEP);
      throw tooOld(number, `the state of block ${from.number} does not name it`);
    }
    const found = await this.ask(async (source) => {
      const header = await source.header(hash, signal);
      if (header === null) throw missingBlock(source, number);
      if (!equal(headerHash(header), hash)) throw wrongBlock(source, number);
      return { header, number, hash };
    }, signal);
    if (number <= this.finalNumber()) {
      this.past.set(number, found);
      if (this.past.size > MAX_PAST) this.past.delete(this.past.keys().next().value as number);
    }
    return found;
  }
}
