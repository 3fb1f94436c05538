/** The one question of the network's Kademlia: who is near a key (`FIND_NODE`), as protocol buffers. */
import { DecodeError } from './errors.ts';
import { protobufFields, ProtobufWriter, type ProtobufField } from './protobuf.ts';

/** Largest message, in bytes. */
export const MAX_FIND_NODE_BYTES = 2 * 1_048_672;
/** Most peers in an answer. */
export const CLOSEST_PEERS = 20;

const FIND_NODE = 4n;
const WHAT = 'find-node';
/** Of more peers and addresses than any honest answer has the rest is left out. */
const MAX_PEERS = 64;
const MAX_ADDRESSES = 32;

/** A peer in an answer: its addresses may or may not end in its id, or be missing. */
export interface FoundPeer {
  /** Multihash. */
  peerId: Uint8Array;
  /** Binary multiaddresses. */
  addresses: Uint8Array[];
}

/** Question for the peers closest to a key: a multihash, not its place in the key space. */
export function encodeFindNodeRequest(key: Uint8Array): Uint8Array {
  return new ProtobufWriter().varint(1, FIND_NODE).bytesField(2, key).bytes();
}

/** The key asked for. Throws DecodeError for anything but this question. */
export function decodeFindNodeRequest(bytes: Uint8Array): Uint8Array {
  let key: Uint8Array | null = null;
  requireType(bytes);
  for (const field of protobufFields(bytes, WHAT)) {
    if (field.number === 2 && 'bytes' in field) key = field.bytes.slice();
  }
  if (key === null || key.length === 0) throw new DecodeError(WHAT, 'a question without a key');
  return key;
}

/** Answer: peers close to the key. */
export function encodeFindNodeResponse(peers: readonly FoundPeer[]): Uint8Array {
  const writer = new ProtobufWriter().varint(1, FIND_NODE);
  for (const { peerId, addresses } of peers) {
    const peer = new ProtobufWriter().bytesField(1, peerId);
    for (const address of addresses) peer.bytesField(2, address);
    writer.bytesField(8, peer.bytes());
  }
  return writer.bytes();
}

/** Peers in an answer. Throws DecodeError. */
export function decodeFindNodeResponse(bytes: Uint8Array): FoundPeer[] {
  requireType(bytes);
  const peers: FoundPeer[] = [];
  for (const field of protobufFields(bytes, WHAT)) {
    if (field.number === 8 && peers.length < MAX_PEERS) peers.push(decodePeer(bytesOf(field)));
  }
  return peers;
}

function requireType(bytes: Uint8Array): void {
  let type = 0n;
  for (const field of protobufFields(bytes, WHAT))
    if (field.number === 1 && 'varint' in field) type = field.varint;
  if (type !== FIND_NODE) throw new DecodeError(WHAT, `message type ${type}`);
}

function bytesOf(field: ProtobufField): Uint8Array {
  if ('bytes' in field) return field.bytes;
  throw new DecodeError(WHAT, `field ${field.number} is no byte string`);
}

function decodePeer(bytes: Uint8Array): FoundPeer {
  let peerId: Uint8Array | null = null;
  const addresses: Uint8Array[] = [];
  for (const field of protobufFields(bytes, WHAT)) {
    if (field.number === 1) peerId = bytesOf(field).slice();
    if (field.number === 2 && addresses.length < MAX_ADDRESSES) addresses.push(bytesOf(field).slice());
  }
  if (peerId === null) throw new DecodeError(WHAT, 'a peer without an id');
  return { peerId, addresses };
}
