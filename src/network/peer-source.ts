/**
 * A node reached as a peer, over libp2p: announcements, the block relay, proofs of state, gossip of proofs of time. It answers
 * fewer questions than JSON-RPC does: no runtime calls, no metadata, no proofs of the Merkle mountain range.
 */
import { equal } from '../protocol/bytes.ts';
import { decodeWith } from '../protocol/codec.ts';
import { DecodeError } from '../protocol/errors.ts';
import { headerHash } from '../protocol/header.ts';
import {
  BLOCK_PART,
  BLOCK_RELAY_PROTOCOL,
  decodeReadResponse,
  encodeReadRequest,
  encodeRelayRequest,
  MAX_LIGHT_RESPONSE_BYTES,
  MAX_RELAYED_BLOCKS,
  MAX_RELAY_RESPONSE_BYTES,
  nodeProtocols,
  relayedBlocks,
  type RelayedBlock,
  type RelayFrom,
} from '../protocol/node-protocols.ts';
import type { PotProof } from '../protocol/pot-proof.ts';
import { readProof as readStorageProof } from '../protocol/trie-proof.ts';
import type { Header } from '../protocol/types.ts';
import type { MmrProof, ReadProof, SystemProperties } from './node-rpc.ts';
import { PeerLink, type PeerLinkOptions } from './peer-link.ts';
import { NO_SUCH_CALL, RpcError } from './rpc-error.ts';
import type { ConnectionState } from './rpc.ts';
import { subspacePayload, type ChainSource, type ImportableBlock } from './source.ts';

const HEADER_AND_PROOF = BLOCK_PART.header | BLOCK_PART.justification;

export class PeerSource implements ChainSource {
  private nextId = 0n;

  private constructor(private readonly link: PeerLink) {}

  /** Connects to a node's multiaddress, and again whenever the connection is lost. */
  static connect(address: string, options: PeerLinkOptions): PeerSource {
    return new PeerSource(PeerLink.connect(address, options));
  }

  /** Multiaddress, e.g. `/ip4/127.0.0.1/tcp/30334/ws/p2p/12D3…`. */
  get name(): string {
    return this.link.address;
  }

  get state(): ConnectionState {
    return this.link.state;
  }

  get reason(): string | null {
    return this.link.reason;
  }

  onState(listener: () => void): () => void {
    return this.link.onState(listener);
  }

  private async relayed(
    from: RelayFrom,
    max: number,
    parts: number,
    signal?: AbortSignal,
  ): Promise<RelayedBlock[]> {
    const question = encodeRelayRequest({ id: this.nextId++, parts, from, descending: false, max });
    const answer = await this.link.ask(
      () => BLOCK_RELAY_PROTOCOL,
      question,
      MAX_RELAY_RESPONSE_BYTES,
      signal,
    );
    const blocks = decodeWith(relayedBlocks, answer, 'block-relay');
    if (blocks.length > max)
      throw new DecodeError('block-relay', `${blocks.length} blocks where ${max} were asked`);
    return blocks;
  }

  /** A block of a relay's answer, held to be the one that it says to be. */
  private importable({ hash, header, justifications }: RelayedBlock): ImportableBlock {
    if (header === null || !equal(headerHash(header), hash))
      throw new DecodeError('block-relay', 'a block without its header');
    return { header, justification: subspacePayload(justifications) };
  }

  genesisHash(): Promise<Uint8Array> {
    const { genesisHash } = this.link;
    return genesisHash === null
      ? Promise.reject(new RpcError('disconnected', 'peer', 'not connected'))
      : Promise.resolve(genesisHash);
  }

  /** Peers do not tell how tokens are called. */
  properties(): Promise<SystemProperties> {
    return Promise.resolve({
      ss58Format: null,
      tokenSymbol: null,
      tokenDecimals: null,
      potExternalEntropy: null,
      dsnBootstrapNodes: [],
    });
  }

  async hashAt(number: number, signal?: AbortSignal): Promise<Uint8Array | null> {
    const [block] = await this.relayed({ kind: 'number', number }, 1, BLOCK_PART.header, signal);
    if (block === undefined) return null;
    const { header } = this.importable(block);
    if (header.number !== number)
      throw new DecodeError('block-relay', `block ${header.number} for ${number}`);
    return headerHash(header);
  }

  async bestHeader(signal?: AbortSignal): Promise<Header> {
    const { bestHash } = this.link;
    const header = bestHash === null ? null : await this.header(bestHash, signal);
    if (header === null) throw new RpcError('disconnected', 'peer', 'it has not said what its best block is');
    return header;
  }

  async header(hash: Uint8Array, signal?: AbortSignal): Promise<Header | null> {
    return (await this.one(hash, BLOCK_PART.header, signal))?.header ?? null;
  }

  block(hash: Uint8Array, signal?: AbortSignal): Promise<ImportableBlock | null> {
    return this.one(hash, HEADER_AND_PROOF, signal);
  }

  private async one(hash: Uint8Array, parts: number, signal?: AbortSignal): Promise<ImportableBlock | null> {
    const [block] = await this.relayed({ kind: 'hash', hash }, 1, parts, signal);
    if (block === undefined) return null;
    if (!equal(block.hash, hash))
      throw new DecodeError('block-relay', 'another block than the one asked for');
    return this.importable(block);
  }

  async blocks(from: number, count: number, signal?: AbortSignal): Promise<ImportableBlock[]> {
    const max = Math.min(count, MAX_RELAYED_BLOCKS);
    const blocks = await this.relayed({ kind: 'number', number: from }, max, HEADER_AND_PROOF, signal);
    return blocks.map((block) => this.importable(block));
  }

  onHeader(told: (header: Header) => void, malformed: (error: Error) => void): () => void {
    const listener = { told, malformed };
    this.link.headers.add(listener);
    return () => this.link.headers.delete(listener);
  }

  onProof(told: (proof: PotProof) => void, malformed: (error: Error) => void): () => void {
    const listener = { told, malformed };
    this.link.proofs.add(listener);
    return () => this.link.proofs.delete(listener);
  }

  async readProof(keys: readonly Uint8Array[], at: Uint8Array, signal?: AbortSignal): Promise<ReadProof> {
    const question = encodeReadRequest({ block: at, child: null, keys });
    const answer = await this.link.ask(
      (genesisHash) => nodeProtocols(genesisHash).light,
      question,
      MAX_LIGHT_RESPONSE_BYTES,
      signal,
    );
    const proof = decodeReadResponse(answer);
    if (proof === null)
      throw new RpcError(NO_SUCH_CALL, 'light', 'the node has not kept the state of that block');
    return { at, proof };
  }

  /** Told and proven alike: what holds it is a proof against the block's own header. */
  async storage(key: Uint8Array, at: Uint8Array, signal?: AbortSignal): Promise<Uint8Array | null> {
    const header = await this.header(at, signal);
    if (header === null) throw new RpcError(NO_SUCH_CALL, 'light', 'the node does not have that block');
    const { proof } = await this.readProof([key], at, signal);
    return readStorageProof(header.stateRoot, proof, [key])[0] ?? null;
  }

  mmrProof(): Promise<Pick<MmrProof, 'proof'>> {
    return notAmongPeers('mmr_generateProof');
  }

  stateCall(): Promise<Uint8Array> {
    return notAmongPeers('state_call');
  }

  metadata(): Promise<Uint8Array> {
    return notAmongPeers('state_getMetadata');
  }

  close(): void {
    this.link.close();
  }
}

function notAmongPeers(call: string): Promise<never> {
  return Promise.reject(new RpcError(NO_SUCH_CALL, call, 'peers do not answer this'));
}
