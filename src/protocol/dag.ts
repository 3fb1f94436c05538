/**
 * Nodes of files and folders: a DAG-PB block whose data says what the node is (protobuf message `IPLDNodeData`). The
 * BLAKE3-256 of a node's bytes is the digest of its identifier and, since nodes are archived as the argument of a
 * remark, the hash in its object mapping.
 */
import { readableTextOf, utf8 } from './bytes.ts';
import { cidBytesOfHash, hashOfCidBytes } from './cid.ts';
import { DecodeError } from './errors.ts';
import { blake3Hash } from './hash.ts';
import { asInt32, protobufFields, ProtobufWriter, type ProtobufField } from './protobuf.ts';

/** In the order of their numbers. */
const NODE_TYPES = [
  'file',
  'fileInlink',
  'fileChunk',
  'folder',
  'folderInlink',
  'metadata',
  'metadataInlink',
  'metadataChunk',
] as const;

/** Kind of a node. */
export type NodeType = (typeof NODE_TYPES)[number];

/** Largest node, in bytes. */
export const MAX_NODE_BYTES = 65_535;
/** What a node reserves for everything but its content. */
export const NODE_RESERVE_BYTES = 469;
/** Bytes that a link takes in a node. */
export const LINK_BYTES = 40;
/** Longest name, in UTF-16 code units. */
export const MAX_NAME_LENGTH = 255;
/** Most links that fit a node. */
export const MAX_LINKS = Math.floor(MAX_NODE_BYTES / LINK_BYTES);

/** How a file was compressed. */
export interface CompressionOptions {
  algorithm: 'zlib';
  /** 0..9. */
  level: number | null;
  /** Bytes that the compressor is fed at a time; of no meaning to readers. */
  chunkSize: number | null;
}

/** How a file was encrypted. */
export interface EncryptionOptions {
  algorithm: 'aes-256-gcm';
  /** Plaintext bytes of a frame. */
  chunkSize: number | null;
}

/** What was done to a file before it was cut into chunks. */
export interface UploadOptions {
  compression: CompressionOptions | null;
  encryption: EncryptionOptions | null;
}

/** A node; null is an absent field, which is not the same as an empty one. */
export interface DagNode {
  type: NodeType;
  /** Levels below: 0 for a leaf. */
  linkDepth: number;
  /** Depends on the type: bytes of content, links of an inlink. A claim of whoever made the node. */
  size: bigint | null;
  name: string | null;
  data: Uint8Array | null;
  uploadOptions: UploadOptions | null;
  /** Hashes (32 bytes each) of the nodes below, in the order of the content. */
  links: Uint8Array[];
}

const WHAT = 'object-node';
/** First of the three bytes that half of a surrogate pair is written as. */
const HALF_LEAD = 0xed;
/** U+FFFD, as long as what it stands for. */
const REPLACEMENT = utf8('\ufffd');

/** BLAKE3-256 of a node's bytes: 32 bytes. */
export function hashOfNode(bytes: Uint8Array): Uint8Array {
  return blake3Hash(bytes);
}

/** Canonical bytes of a node, the same as those of the network's own library. Throws RangeError if it is too large. */
export function encodeNode(node: DagNode, maxBytes: number = MAX_NODE_BYTES): Uint8Array {
  const writer = new ProtobufWriter();
  for (const hash of node.links) {
    writer.bytesField(2, new ProtobufWriter().bytesField(1, cidBytesOfHash(hash)).bytes());
  }
  const bytes = writer.bytesField(1, encodeNodeData(node)).bytes();
  if (bytes.length > maxBytes)
    throw new RangeError(`a node of ${bytes.length} bytes, at most ${maxBytes} allowed`);
  return bytes;
}

function encodeNodeData(node: DagNode): Uint8Array {
  const writer = new ProtobufWriter();
  const type = NODE_TYPES.indexOf(node.type);
  if (type !== 0) writer.varint(1, type);
  if (node.linkDepth !== 0) writer.varint(2, node.linkDepth);
  if (node.size !== null) writer.varint(3, node.size);
  if (node.name !== null) writer.text(4, node.name);
  if (node.data !== null) writer.bytesField(5, node.data);
  if (node.uploadOptions !== null) writer.bytesField(6, encodeUploadOptions(node.uploadOptions));
  return writer.bytes();
}

function encodeUploadOptions({ compression, encryption }: UploadOptions): Uint8Array {
  const writer = new ProtobufWriter();
  if (compression !== null) {
    const inner = new ProtobufWriter();
    if (compression.level !== null) inner.varint(2, compression.level);
    if (compression.chunkSize !== null) inner.varint(3, compression.chunkSize);
    writer.bytesField(1, inner.bytes());
  }
  if (encryption !== null) {
    const inner = new ProtobufWriter();
    if (encryption.chunkSize !== null) inner.varint(2, encryption.chunkSize);
    writer.bytesField(2, inner.bytes());
  }
  return writer.bytes();
}

/**
 * Decodes a node; unknown fields are skipped, byte strings are views. What its type allows is checked too: leaves
 * hold data and no links, others links and no data, sizes are not negative.
 *
 * @throws DecodeError
 */
export function decodeNode(bytes: Uint8Array): DagNode {
  if (bytes.length > MAX_NODE_BYTES) {
    throw new DecodeError(WHAT, `${bytes.length} bytes where at most ${MAX_NODE_BYTES} are allowed`);
  }
  const links: Uint8Array[] = [];
  let data: Uint8Array | null = null;
  let linksEnded = false;
  for (const field of protobufFields(bytes, WHAT)) {
    if (field.number === 1 && data === null) {
      data = bytesOf(field);
      linksEnded = links.length > 0;
    } else if (field.number === 2 && !linksEnded) links.push(decodeLink(bytesOf(field)));
    else throw new DecodeError(WHAT, `unexpected field ${field.number} of a DAG-PB node`);
  }
  if (data === null) throw new DecodeError(WHAT, 'a node without data');
  const node = decodeNodeData(data, links);
  requireShape(node);
  return node;
}

function bytesOf(field: ProtobufField): Uint8Array {
  if ('bytes' in field) return field.bytes;
  throw new DecodeError(WHAT, `field ${field.number} is no byte string`);
}

function varintOf(field: ProtobufField): bigint {
  if ('varint' in field) return field.varint;
  throw new DecodeError(WHAT, `field ${field.number} is no number`);
}

/** Hash that a link names. Its fields stand in their order, each once at most: hash, name, size. */
function decodeLink(bytes: Uint8Array): Uint8Array {
  let hash: Uint8Array | null = null;
  let last = 0;
  for (const field of protobufFields(bytes, WHAT)) {
    const { number } = field;
    if (number <= last || number > 3) throw new DecodeError(WHAT, `a link's field ${number}`);
    last = number;
    if (number === 1) hash = hashOfCidBytes(bytesOf(field));
    else if (number === 2) bytesOf(field);
    else varintOf(field);
  }
  if (hash === null) throw new DecodeError(WHAT, 'a link to nothing');
  return hash;
}

function decodeNodeData(data: Uint8Array, links: Uint8Array[]): DagNode {
  const node: DagNode = {
    type: 'file',
    linkDepth: 0,
    size: null,
    name: null,
    data: null,
    uploadOptions: null,
    links,
  };
  for (const field of protobufFields(data, WHAT)) {
    switch (field.number) {
      case 1:
        node.type = typeOf(varintOf(field));
        break;
      case 2:
        node.linkDepth = asInt32(varintOf(field));
        break;
      case 3:
        node.size = BigInt.asIntN(64, varintOf(field));
        break;
      case 4:
        node.name = nameOf(bytesOf(field));
        break;
      case 5:
        node.data = bytesOf(field);
        break;
      case 6:
        node.uploadOptions = decodeUploadOptions(bytesOf(field));
        break;
      default:
    }
  }
  return node;
}

function typeOf(number: bigint): NodeType {
  const type = NODE_TYPES[Number(number)];
  if (type === undefined) throw new DecodeError(WHAT, `unknown node type ${number}`);
  return type;
}

/** A name is cut by UTF-16 units and written as it is, so that it may end in half of a character, which is no UTF-8. */
function nameOf(bytes: Uint8Array): string {
  const whole = bytes.slice();
  for (let at = whole.indexOf(HALF_LEAD); at !== -1; at = whole.indexOf(HALF_LEAD, at + 1)) {
    const isHalf = (whole[at + 1]! & 0xe0) === 0xa0 && (whole[at + 2]! & 0xc0) === 0x80;
    if (isHalf) whole.set(REPLACEMENT, at);
  }
  return readableTextOf(whole);
}

function decodeUploadOptions(bytes: Uint8Array): UploadOptions {
  const options: UploadOptions = { compression: null, encryption: null };
  for (const field of protobufFields(bytes, WHAT)) {
    if (field.number === 1) {
      const { level, chunkSize } = decodeStep(bytesOf(field), { level: 2, chunkSize: 3 });
      options.compression = { algorithm: 'zlib', level: level ?? null, chunkSize: chunkSize ?? null };
    } else if (field.number === 2) {
      const { chunkSize } = decodeStep(bytesOf(field), { chunkSize: 2 });
      options.encryption = { algorithm: 'aes-256-gcm', chunkSize: chunkSize ?? null };
    }
  }
  return options;
}

/** Integers of a compression or encryption message by name. Its only known algorithm is number 0. */
function decodeStep<K extends string>(bytes: Uint8Array, names: Record<K, number>): { [name in K]?: number } {
  const values: { [name in K]?: number } = {};
  for (const field of protobufFields(bytes, WHAT)) {
    if (field.number === 1 && varintOf(field) !== 0n) {
      throw new DecodeError(WHAT, `unknown algorithm ${varintOf(field)}`);
    }
    for (const [name, number] of Object.entries(names) as [K, number][]) {
      if (field.number === number) values[name] = asInt32(varintOf(field));
    }
  }
  return values;
}

/** Types whose content stands in `data` when they have no links. */
const WITH_DATA: ReadonlySet<NodeType> = new Set(['file', 'fileChunk', 'metadata', 'metadataChunk']);
const LEAVES: ReadonlySet<NodeType> = new Set(['fileChunk', 'metadataChunk']);

function requireShape(node: DagNode): void {
  const { type, linkDepth, size, name, data, links } = node;
  const fail = (why: string): never => {
    throw new DecodeError(WHAT, `${type}: ${why}`, { type, linkDepth, size, links: links.length });
  };
  if (linkDepth < 0) fail('a negative depth');
  if (size !== null && size < 0n) fail('a negative size');
  if (name !== null && name.length > MAX_NAME_LENGTH) fail(`a name of ${name.length} characters`);
  if (LEAVES.has(type) && (links.length > 0 || data === null)) fail('a leaf has data and no links');
  if (data !== null && (links.length > 0 || !WITH_DATA.has(type))) fail('data beside links');
  if (data !== null && size !== null && size !== BigInt(data.length)) fail(`${data.length} bytes of data`);
  if (data !== null && linkDepth !== 0) fail('data above other nodes');
}
