/** A source that serves whatever a test gives it, and misbehaves on demand. */
import type { GenesisFacts } from '../../src/chain/genesis.ts';
import type { ReadProof, SystemProperties } from '../../src/network/node-rpc.ts';
import type { ConnectionState } from '../../src/network/rpc.ts';
import { RpcError } from '../../src/network/rpc-error.ts';
import type { ChainSource, ImportableBlock } from '../../src/network/source.ts';
import { equal, fromHex, toHex } from '../../src/protocol/bytes.ts';
import { headerHash } from '../../src/protocol/header.ts';
import { CODE_KEY } from '../../src/protocol/storage-key.ts';
import type { PotProof } from '../../src/protocol/pot-proof.ts';
import type { Header } from '../../src/protocol/types.ts';
import { recordedMetadata, recordedProofs } from './recorded-chain.ts';

/** What a source does instead of answering honestly; each gets the honest answer. */
export interface Misbehaviour {
  genesisHash?: (hash: Uint8Array) => Uint8Array;
  blocks?: (blocks: ImportableBlock[], from: number, signal?: AbortSignal) => Promise<ImportableBlock[]>;
  block?: (
    block: ImportableBlock | null,
    hash: Uint8Array,
    signal?: AbortSignal,
  ) => Promise<ImportableBlock | null>;
  bestHeader?: (header: Header) => Header;
  stateCall?: (method: string) => Uint8Array;
  readProof?: (proof: ReadProof) => ReadProof;
  metadata?: () => Uint8Array;
}

export class ScriptedSource implements ChainSource {
  state: ConnectionState = 'connected';
  reason: string | null = null;
  misbehaviour: Misbehaviour = {};
  /** Calls answered so far, by name. */
  readonly calls: Record<string, number> = {};
  closed = false;
  private readonly byId = new Map<string, ImportableBlock>();
  /** Hash of each number on the best chain. */
  private bestChain: string[];
  private readonly stateListeners = new Set<() => void>();
  private readonly headerListeners = new Set<(header: Header) => void>();
  private readonly malformedListeners = new Set<(error: Error) => void>();
  private readonly proofListeners = new Set<{
    told: (proof: PotProof) => void;
    malformed: (error: Error) => void;
  }>();

  constructor(
    readonly name: string,
    private readonly facts: GenesisFacts,
  ) {
    const id = toHex(headerHash(facts.header));
    this.byId.set(id, { header: facts.header, justification: null });
    this.bestChain = [id];
  }

  /** Takes blocks, the last of which is its best one from now on, and announces them if told to. */
  extend(blocks: readonly ImportableBlock[], announce = false): this {
    for (const block of blocks) {
      const id = toHex(headerHash(block.header));
      this.byId.set(id, block);
      this.chooseBest(id);
      if (announce) this.announce(block.header);
    }
    return this;
  }

  /** Keeps blocks without making them part of the best chain. */
  keep(blocks: readonly ImportableBlock[]): this {
    for (const block of blocks) this.byId.set(toHex(headerHash(block.header)), block);
    return this;
  }

  announce(header: Header): void {
    for (const listener of this.headerListeners) listener(header);
  }

  announceGarbage(error: Error): void {
    for (const listener of this.malformedListeners) listener(error);
  }

  /** Gossips a proof of time, or what does not decode as one. */
  gossip(proof: PotProof | Error): void {
    for (const { told, malformed } of this.proofListeners)
      if (proof instanceof Error) malformed(proof);
      else told(proof);
  }

  setState(state: ConnectionState, reason: string | null = null): void {
    this.state = state;
    this.reason = reason;
    for (const listener of this.stateListeners) listener();
  }

  private chooseBest(id: string): void {
    const line: string[] = [];
    for (let at: string | undefined = id; at !== undefined;) {
      line.unshift(at);
      const block: ImportableBlock | undefined = this.byId.get(at);
      if (block === undefined || block.header.number === 0) break;
      at = toHex(block.header.parentHash);
    }
    const first = this.byId.get(line[0] as string)?.header.number ?? 1;
    this.bestChain = [...this.bestChain.slice(0, first), ...line];
  }

  protected async answer<T>(call: string, value: () => T | Promise<T>, signal?: AbortSignal): Promise<T> {
    this.calls[call] = (this.calls[call] ?? 0) + 1;
    await Promise.resolve();
    signal?.throwIfAborted();
    if (this.state !== 'connected') throw new RpcError('disconnected', call, 'not connected');
    return value();
  }

  onState(listener: () => void): () => void {
    this.stateListeners.add(listener);
    return () => this.stateListeners.delete(listener);
  }

  genesisHash(signal?: AbortSignal): Promise<Uint8Array> {
    const hash = fromHex(this.bestChain[0] as string);
    return this.answer('genesisHash', () => this.misbehaviour.genesisHash?.(hash) ?? hash, signal);
  }

  properties(signal?: AbortSignal): Promise<SystemProperties> {
    const { externalEntropy: potExternalEntropy } = this.facts;
    const rest = { ss58Format: 6094, tokenSymbol: 'AI3', tokenDecimals: 18, dsnBootstrapNodes: [] };
    return this.answer('properties', () => ({ ...rest, potExternalEntropy }), signal);
  }

  hashAt(number: number, signal?: AbortSignal): Promise<Uint8Array | null> {
    const id = this.bestChain[number];
    return this.answer('hashAt', () => (id === undefined ? null : fromHex(id)), signal);
  }

  bestHeader(signal?: AbortSignal): Promise<Header> {
    const { header } = this.byId.get(this.bestChain.at(-1) as string) as ImportableBlock;
    return this.answer('bestHeader', () => this.misbehaviour.bestHeader?.(header) ?? header, signal);
  }

  header(hash: Uint8Array, signal?: AbortSignal): Promise<Header | null> {
    return this.answer('header', () => this.byId.get(toHex(hash))?.header ?? null, signal);
  }

  block(hash: Uint8Array, signal?: AbortSignal): Promise<ImportableBlock | null> {
    const block = this.byId.get(toHex(hash)) ?? null;
    const { block: instead } = this.misbehaviour;
    return this.answer('block', () => (instead ? instead(block, hash, signal) : block), signal);
  }

  blocks(from: number, count: number, signal?: AbortSignal): Promise<ImportableBlock[]> {
    const ids = this.bestChain.slice(from, from + count);
    const blocks = ids.flatMap((id) => this.byId.get(id) ?? []);
    const { blocks: instead } = this.misbehaviour;
    return this.answer('blocks', () => (instead ? instead(blocks, from, signal) : blocks), signal);
  }

  onHeader(listener: (header: Header) => void, malformed: (error: Error) => void): () => void {
    this.headerListeners.add(listener);
    this.malformedListeners.add(malformed);
    return () => {
      this.headerListeners.delete(listener);
      this.malformedListeners.delete(malformed);
    };
  }

  onProof(told: (proof: PotProof) => void, malformed: (error: Error) => void): () => void {
    const listener = { told, malformed };
    this.proofListeners.add(listener);
    return () => this.proofListeners.delete(listener);
  }

  readProof(keys: readonly Uint8Array[], at: Uint8Array, signal?: AbortSignal): Promise<ReadProof> {
    // The recordings prove everything but the code.
    const proof = keys.some((key) => equal(key, CODE_KEY)) ? undefined : recordedProofs().get(toHex(at));
    const honest = proof && { at, proof };
    const { readProof } = this.misbehaviour;
    const answer = () => honest ?? this.unavailable('state_getReadProof');
    return this.answer('readProof', () => (readProof ? readProof(answer()) : answer()), signal);
  }

  mmrProof(
    _blocks: readonly number[],
    _best: number,
    _at: Uint8Array,
    signal?: AbortSignal,
  ): Promise<{ proof: Uint8Array }> {
    return this.answer('mmrProof', () => this.unavailable('mmr_generateProof'), signal);
  }

  stateCall(method: string, _data: Uint8Array, _at: Uint8Array, signal?: AbortSignal): Promise<Uint8Array> {
    const { stateCall } = this.misbehaviour;
    return this.answer('stateCall', () => stateCall?.(method) ?? this.unavailable(method), signal);
  }

  storage(_key: Uint8Array, _at: Uint8Array, signal?: AbortSignal): Promise<Uint8Array | null> {
    return this.answer('storage', () => this.unavailable('state_getStorage'), signal);
  }

  metadata(_at: Uint8Array, signal?: AbortSignal): Promise<Uint8Array> {
    return this.answer('metadata', () => this.misbehaviour.metadata?.() ?? recordedMetadata(), signal);
  }

  close(): void {
    this.closed = true;
    this.setState('closed');
  }

  protected unavailable(method: string): never {
    throw new RpcError(-32601, method, 'not scripted');
  }
}
