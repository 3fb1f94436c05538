/** Where headers come from. Nothing a source says is believed; the light client verifies all of it. */
import { equal } from '../protocol/bytes.ts';
import { SUBSPACE_ENGINE } from '../protocol/constants.ts';
import type { EngineJustification } from '../protocol/justification.ts';
import type { PotProof } from '../protocol/pot-proof.ts';
import type { Header } from '../protocol/types.ts';
import { FarmerRpc } from './farmer-rpc.ts';
import { NodeRpc, type MmrProof, type ReadProof, type SystemProperties } from './node-rpc.ts';
import { RpcClient, type ConnectionState, type RpcOptions } from './rpc.ts';

/** A header and the proof of time that travels beside it, as a source gave them. */
export interface ImportableBlock {
  header: Header;
  /** Payload of the justification of engine `SUB_`, undecoded; null when the block came without one. */
  justification: Uint8Array | null;
}

/** What a source can be asked. Calls reject with RpcError, DecodeError or the signal's reason. */
export interface ChainSource {
  /** What to call it in messages, e.g. its address. */
  readonly name: string;
  readonly state: ConnectionState;
  /** Why it is not connected. */
  readonly reason: string | null;
  /** Calls `listener` at every change of the connection; returns what stops that. */
  onState(listener: () => void): () => void;
  /** 32 bytes. */
  genesisHash(signal?: AbortSignal): Promise<Uint8Array>;
  properties(signal?: AbortSignal): Promise<SystemProperties>;
  /** Hash of the block of that number on the source's best chain, null if it has none. */
  hashAt(number: number, signal?: AbortSignal): Promise<Uint8Array | null>;
  /** The header of its best block. */
  bestHeader(signal?: AbortSignal): Promise<Header>;
  header(hash: Uint8Array, signal?: AbortSignal): Promise<Header | null>;
  /** A block of any branch by its hash; null if the source does not have it. */
  block(hash: Uint8Array, signal?: AbortSignal): Promise<ImportableBlock | null>;
  /**
   * Blocks of the source's best chain from number `from` on, ascending, at most `count`; fewer where its chain
   * ends or where they are large. They need not hang together: the chain may change while it is read.
   */
  blocks(from: number, count: number, signal?: AbortSignal): Promise<ImportableBlock[]>;
  /** Every header that the source imports, forks included; returns what stops that. */
  onHeader(listener: (header: Header) => void, malformed: (error: Error) => void): () => void;
  /** Every proof of time that the source gossips, where it does; returns what stops that. */
  onProof?(listener: (proof: PotProof) => void, malformed: (error: Error) => void): () => void;
  /** Trie nodes that prove what the keys hold in the state of block `at`. */
  readProof(keys: readonly Uint8Array[], at: Uint8Array, signal?: AbortSignal): Promise<ReadProof>;
  /**
   * Proof that the parents of these blocks are leaves of the Merkle mountain range as of block number `best`, from
   * the state of block `at`.
   */
  mmrProof(
    blocks: readonly number[],
    best: number,
    at: Uint8Array,
    signal?: AbortSignal,
  ): Promise<Pick<MmrProof, 'proof'>>;
  /** Result of a runtime call, unproven. */
  stateCall(method: string, data: Uint8Array, at: Uint8Array, signal?: AbortSignal): Promise<Uint8Array>;
  /** Value in the state of block `at`, unproven. */
  storage(key: Uint8Array, at: Uint8Array, signal?: AbortSignal): Promise<Uint8Array | null>;
  /** Runtime metadata as of block `at`, unproven. */
  metadata(at: Uint8Array, signal?: AbortSignal): Promise<Uint8Array>;
  close(): void;
}

/** Blocks asked for at the same time; each answer may hold a whole body. */
const PIPELINE = 24;

/** Headers and proofs of time of one batch; the last blocks of a batch that has more are left out. */
export const MAX_BATCH_BYTES = 16 * 2 ** 20;

/** Bytes that a block takes here, about. */
export function payloadBytes({ header, justification }: ImportableBlock): number {
  const items = header.digest.reduce((sum, item) => sum + ('data' in item ? item.data.length : 0), 0);
  return items + (justification?.length ?? 0);
}

/** The `SUB_` payload among a block's justifications. */
export function subspacePayload(justifications: EngineJustification[] | null): Uint8Array | null {
  return justifications?.find(({ engine }) => equal(engine, SUBSPACE_ENGINE))?.data ?? null;
}

/** A node reached by JSON-RPC. `client`, `node` and `farmer` give its other calls. */
export class RpcSource implements ChainSource {
  readonly node: NodeRpc;
  readonly farmer: FarmerRpc;

  constructor(readonly client: RpcClient) {
    this.node = new NodeRpc(client);
    this.farmer = new FarmerRpc(client, client.url);
  }

  /** Connects to a node's WebSocket, e.g. `ws://127.0.0.1:9944`. */
  static connect(url: string, options: RpcOptions): RpcSource {
    return new RpcSource(new RpcClient(url, options));
  }

  get name(): string {
    return this.client.url;
  }

  get state(): ConnectionState {
    return this.client.state;
  }

  get reason(): string | null {
    return this.client.reason;
  }

  onState(listener: () => void): () => void {
    return this.client.onState(listener);
  }

  async genesisHash(signal?: AbortSignal): Promise<Uint8Array> {
    const hash = await this.node.blockHash(0, { signal });
    if (hash === null) throw new Error(`${this.name} has no genesis block`);
    return hash;
  }

  properties(signal?: AbortSignal): Promise<SystemProperties> {
    return this.node.properties({ signal });
  }

  hashAt(number: number, signal?: AbortSignal): Promise<Uint8Array | null> {
    return this.node.blockHash(number, { signal });
  }

  async bestHeader(signal?: AbortSignal): Promise<Header> {
    const header = await this.node.header(undefined, { signal });
    if (header === null) throw new Error(`${this.name} has no best block`);
    return header;
  }

  header(hash: Uint8Array, signal?: AbortSignal): Promise<Header | null> {
    return this.node.header(hash, { signal });
  }

  async block(hash: Uint8Array, signal?: AbortSignal): Promise<ImportableBlock | null> {
    const block = await this.node.provenHeader(hash, { signal });
    return block && { header: block.header, justification: subspacePayload(block.justifications) };
  }

  async blocks(from: number, count: number, signal?: AbortSignal): Promise<ImportableBlock[]> {
    const found: (ImportableBlock | null)[] = Array.from({ length: count }, () => null);
    let next = 0;
    let bytes = 0;
    const work = async (): Promise<void> => {
      for (let index = next++; index < count; index = next++) {
        const hash = await this.hashAt(from + index, signal);
        if (hash === null) {
          next = count;
          return;
        }
        const block = await this.block(hash, signal);
        found[index] = block;
        bytes += block === null ? 0 : payloadBytes(block);
        // What is left out now is asked for with the next batch.
        if (bytes > MAX_BATCH_BYTES) next = count;
      }
    };
    await Promise.all(Array.from({ length: Math.min(PIPELINE, count) }, work));
    const end = found.indexOf(null);
    return (end < 0 ? found : found.slice(0, end)) as ImportableBlock[];
  }

  onHeader(listener: (header: Header) => void, malformed: (error: Error) => void): () => void {
    // A node that keeps the stream of all headers to itself still tells its best ones.
    let fallback: (() => void) | null = null;
    const failed = (): void => {
      if (fallback !== null) return;
      const best = this.node.onHeader('new', listener, malformed);
      fallback = () => best.close();
    };
    const all = this.node.onHeader('all', listener, malformed, { failed });
    return () => {
      all.close();
      fallback?.();
    };
  }

  readProof(keys: readonly Uint8Array[], at: Uint8Array, signal?: AbortSignal): Promise<ReadProof> {
    return this.node.readProof(keys, at, { signal });
  }

  mmrProof(blocks: readonly number[], best: number, at: Uint8Array, signal?: AbortSignal): Promise<MmrProof> {
    return this.node.mmrProof(blocks, best, at, { signal });
  }

  stateCall(method: string, data: Uint8Array, at: Uint8Array, signal?: AbortSignal): Promise<Uint8Array> {
    return this.node.stateCall(method, data, at, { signal });
  }

  storage(key: Uint8Array, at: Uint8Array, signal?: AbortSignal): Promise<Uint8Array | null> {
    return this.node.storage(key, at, { signal });
  }

  metadata(at: Uint8Array, signal?: AbortSignal): Promise<Uint8Array> {
    return this.node.metadata(at, { signal });
  }

  close(): void {
    this.client.close();
  }
}
