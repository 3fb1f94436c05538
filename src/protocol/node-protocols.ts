/**
 * What full nodes say to each other over libp2p, as far as a light client asks: announcements of blocks, the block
 * relay's download of blocks, proofs of state (`light/2`), and the gossip of proofs of time.
 */
import { toHex } from './bytes.ts';
import { byteVector, bytes, list, option, struct, u32, u8, type Codec } from './codec.ts';
import { DecodeError } from './errors.ts';
import { readHeader, writeHeader } from './header.ts';
import {
  readEngineJustifications,
  writeEngineJustification,
  type EngineJustification,
} from './justification.ts';
import { protobufFields, ProtobufWriter } from './protobuf.ts';
import { decodeAll, ScaleWriter } from './scale.ts';
import type { Header } from './types.ts';

/** Value of identify's protocol version among nodes. */
export const NODE_PROTOCOL_VERSION = '/substrate/1.0';
/** The block relay, which stands in place of the usual block requests; no genesis hash in its name. */
export const BLOCK_RELAY_PROTOCOL = '/subspace/consensus-block-relay/1';
/** Gossip of proofs of time, each as `pot-proof.ts` has it; no genesis hash in its name. */
export const PROOF_OF_TIME_PROTOCOL = '/subspace/subspace-proof-of-time/1';
/** Largest message of it, in bytes. */
export const MAX_PROOF_OF_TIME_BYTES = 1024;
/** Largest announcement, and largest question and answer about state, in bytes. */
export const MAX_ANNOUNCEMENT_BYTES = 2 ** 20;
export const MAX_LIGHT_REQUEST_BYTES = 2 ** 20;
export const MAX_LIGHT_RESPONSE_BYTES = 2 ** 24;
/** Largest question to the block relay, and largest answer: 8 MiB of blocks and what one more may add. */
export const MAX_RELAY_REQUEST_BYTES = 2 ** 20;
export const MAX_RELAY_RESPONSE_BYTES = 2 ** 24;
/** Most blocks of one answer. */
export const MAX_RELAYED_BLOCKS = 128;

const MAX_EXTRINSICS = 1_000_000;
const MAX_PROOF_NODES = 1_000_000;

/** Protocols of one network, by its genesis hash (32 bytes). */
export function nodeProtocols(genesisHash: Uint8Array): { announces: string; light: string } {
  const network = toHex(genesisHash);
  return { announces: `/${network}/block-announces/1`, light: `/${network}/light/2` };
}

/** The genesis hash (32 bytes, hex) that a peer's list of protocols names, or null for a peer that is no node. */
export function genesisNamedBy(protocols: readonly string[]): string | null {
  const names = protocols.flatMap((name) => /^\/([0-9a-f]{64})\/block-announces\/1$/.exec(name)?.[1] ?? []);
  return names[0] ?? null;
}

/** What a node is: whether it executes blocks, only verifies, or authors too. */
export const ROLES = { full: 1, light: 2, authority: 4 } as const;

/** First message of both sides of a stream of proofs of time: the sender's roles. */
export const gossipHandshake: Codec<number> = u8;

/** First message of both sides of a stream of announcements. */
export interface AnnounceHandshake {
  roles: number;
  bestNumber: number;
  /** 32 bytes. */
  bestHash: Uint8Array;
  /** 32 bytes. */
  genesisHash: Uint8Array;
}

/** `BlockAnnouncesHandshake`. 69 bytes. */
export const announceHandshake: Codec<AnnounceHandshake> = struct<AnnounceHandshake>({
  roles: u8,
  bestNumber: u32,
  bestHash: bytes(32),
  genesisHash: bytes(32),
});

/** A block that a node has imported; `best`: whether it is its best. */
export interface BlockAnnouncement {
  header: Header;
  best: boolean;
}

/** Reads an announcement; its last two fields may be missing. Throws DecodeError. */
export function decodeAnnouncement(message: Uint8Array): BlockAnnouncement {
  return decodeAll(message, 'block-announcement', (reader) => {
    const header = readHeader(reader);
    const state = reader.remaining > 0 ? reader.u8() : 0;
    if (state > 1) reader.fail(`block state ${state}`);
    if (reader.remaining > 0) reader.byteVector();
    return { header, best: state === 1 };
  });
}

/** Bytes of an announcement. */
export function encodeAnnouncement({ header, best }: BlockAnnouncement): Uint8Array {
  const writer = new ScaleWriter(1024);
  writeHeader(writer, header);
  return writer
    .u8(best ? 1 : 0)
    .byteVector(new Uint8Array(0))
    .bytes();
}

/** Parts of a block that an answer is to hold, added up. */
export const BLOCK_PART = { header: 1, body: 2, justification: 0x10 } as const;

/** The block that an answer begins with; `hash`: 32 bytes. */
export type RelayFrom = { kind: 'hash'; hash: Uint8Array } | { kind: 'number'; number: number };

/** Question for blocks from one on, upwards along the node's best chain unless `descending`. */
export interface RelayRequest {
  id: bigint;
  /** Sum of `BLOCK_PART`s. */
  parts: number;
  from: RelayFrom;
  descending: boolean;
  max: number | null;
}

const FULL_BLOCK_DOWNLOAD = 2;

/** Question to the block relay (`FullBlockDownload`). */
export function encodeRelayRequest({ id, parts, from, descending, max }: RelayRequest): Uint8Array {
  const writer = new ScaleWriter(64).u8(FULL_BLOCK_DOWNLOAD).u64(id).u8(parts);
  if (from.kind === 'hash') writer.u8(0).raw(from.hash, 32);
  else writer.u8(1).u32(from.number);
  return writer
    .u8(descending ? 1 : 0)
    .option(max, (some, value) => some.u32(value))
    .bytes();
}

/** Reads a question for whole blocks. Throws DecodeError, for the relay's compact blocks too. */
export function decodeRelayRequest(message: Uint8Array): RelayRequest {
  return decodeAll(message, 'relay-request', (reader) => {
    const kind = reader.u8();
    if (kind !== FULL_BLOCK_DOWNLOAD) reader.fail(`a request of kind ${kind}`);
    const id = reader.u64();
    const parts = reader.u8();
    const byNumber = reader.u8();
    if (byNumber > 1) reader.fail(`block id of kind ${byNumber}`);
    const from: RelayFrom =
      byNumber === 1 ? { kind: 'number', number: reader.u32() } : { kind: 'hash', hash: reader.raw(32) };
    const direction = reader.u8();
    if (direction > 1) reader.fail(`direction ${direction}`);
    const max = reader.option((some) => some.u32());
    return { id, parts, from, descending: direction === 1, max };
  });
}

/** A block as far as it was asked for. */
export interface RelayedBlock {
  /** 32 bytes, as the node says. */
  hash: Uint8Array;
  header: Header | null;
  /** Each without its length. */
  body: Uint8Array[] | null;
  indexedBody: Uint8Array[] | null;
  receipt: Uint8Array | null;
  messageQueue: Uint8Array | null;
  justification: Uint8Array | null;
  justifications: EngineJustification[] | null;
}

const header: Codec<Header> = { minimum: 1, read: readHeader, write: writeHeader };
const justifications: Codec<EngineJustification[]> = {
  minimum: 1,
  read: readEngineJustifications,
  write: (writer, all) => void writer.vec(all, writeEngineJustification),
};

/** Answer of the block relay. */
export const relayedBlocks: Codec<RelayedBlock[]> = list(
  struct<RelayedBlock>({
    hash: bytes(32),
    header: option(header),
    body: option(list(byteVector, MAX_EXTRINSICS)),
    indexedBody: option(list(byteVector, MAX_EXTRINSICS)),
    receipt: option(byteVector),
    messageQueue: option(byteVector),
    justification: option(byteVector),
    justifications: option(justifications),
  }),
  MAX_RELAYED_BLOCKS,
);

/** Question for a proof of what keys hold in the state of a block (hash, 32 bytes), of a child trie if one is named. */
export interface ReadRequest {
  block: Uint8Array;
  /** Storage key of the child trie, or null. */
  child: Uint8Array | null;
  keys: readonly Uint8Array[];
}

const READ = 2;
const READ_CHILD = 4;
const READ_KEYS = 3;
const READ_CHILD_KEYS = 6;

/** Question to `/light/2`: a proof of what the keys hold in the state, or in a child of it. */
export function encodeReadRequest({ block, child, keys }: ReadRequest): Uint8Array {
  const read = new ProtobufWriter().bytesField(2, block);
  if (child !== null) read.bytesField(3, child);
  for (const key of keys) read.bytesField(child === null ? READ_KEYS : READ_CHILD_KEYS, key);
  return new ProtobufWriter().bytesField(child === null ? READ : READ_CHILD, read.bytes()).bytes();
}

/** Reads a question about state. Throws DecodeError; runtime calls are none of these. */
export function decodeReadRequest(message: Uint8Array): ReadRequest {
  for (const field of protobufFields(message, 'light-request')) {
    if (!('bytes' in field) || (field.number !== READ && field.number !== READ_CHILD)) continue;
    let block: Uint8Array | null = null;
    let child: Uint8Array | null = null;
    const keys: Uint8Array[] = [];
    const isChild = field.number === READ_CHILD;
    for (const part of protobufFields(field.bytes, 'light-request')) {
      if (!('bytes' in part)) continue;
      if (part.number === 2) block = part.bytes.slice();
      else if (isChild && part.number === 3) child = part.bytes.slice();
      else if (part.number === (isChild ? READ_CHILD_KEYS : READ_KEYS)) keys.push(part.bytes.slice());
    }
    if (block?.length !== 32) throw new DecodeError('light-request', 'no block is named');
    if (isChild && child === null) throw new DecodeError('light-request', 'no child trie is named');
    return { block, child, keys };
  }
  throw new DecodeError('light-request', 'no question about state');
}

const proofNodes = list(byteVector, MAX_PROOF_NODES);

/** Answer with trie nodes; null: the node has not kept that state. */
export function encodeReadResponse(proof: readonly Uint8Array[] | null): Uint8Array {
  const read = new ProtobufWriter();
  if (proof !== null) {
    const writer = new ScaleWriter(1024);
    proofNodes.write(writer, [...proof]);
    read.bytesField(2, writer.bytes());
  }
  return new ProtobufWriter().bytesField(READ, read.bytes()).bytes();
}

/** Trie nodes of an answer; null where the node has not kept that state. Throws DecodeError. */
export function decodeReadResponse(message: Uint8Array): Uint8Array[] | null {
  for (const field of protobufFields(message, 'light-response')) {
    if (!('bytes' in field)) continue;
    for (const part of protobufFields(field.bytes, 'light-response'))
      if (part.number === 2 && 'bytes' in part)
        return decodeAll(part.bytes, 'light-response', (reader) => proofNodes.read(reader));
    return null;
  }
  throw new DecodeError('light-response', 'no answer about state');
}
