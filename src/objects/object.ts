/** Files and folders by their identifier: what they are, and their content as verified bytes. */
import { hashOfCid } from '../protocol/cid.ts';
import type { DagNode, UploadOptions } from '../protocol/dag.ts';
import { concat } from '../protocol/bytes.ts';
import { decompress, looksCompressed } from './compression.ts';
import {
  decryptFrames,
  frameAt,
  keyOfPassword,
  plaintextSize,
  requireFrameBytes,
  SALT_BYTES,
} from './encryption.ts';
import { ObjectError } from './errors.ts';
import {
  folderEntries,
  nodesAhead,
  readNode,
  storedBytes,
  storedSize,
  type FetchedNode,
  type NodeSource,
} from './tree.ts';

/** Children that a folder may have: what a screen and a zip file can still handle. */
const MAX_ENTRIES = 100_000;
/** Folders in folders. */
const MAX_NESTING = 32;

/** An object whose head has arrived and is verified. */
export interface OpenedObject {
  kind: 'file' | 'folder' | 'metadata';
  /** 32 bytes. */
  hash: Uint8Array;
  head: DagNode;
  name: string | null;
  /** Bytes in history, as the head states; checked against what is read. */
  storedBytes: number;
  /** Bytes of the content; null where only decompression will tell. */
  contentBytes: number | null;
  compressed: boolean;
  encrypted: boolean;
}

/** Part of a content: from byte `from` to before byte `to`. */
export interface ByteRange {
  from: number;
  to: number;
}

/** Gives a file's stored bytes, known to be right, from where it is told; the reader stops at the range's end. */
export type StoredReader = (range: ByteRange) => AsyncGenerator<Uint8Array>;

export interface ReadOptions {
  /** Part of the content; the whole when left out. */
  range?: ByteRange | undefined;
  /** Needed for encrypted files. */
  password?: string | undefined;
  /** Where the stored bytes are already; out of the file's nodes when left out. */
  stored?: StoredReader | undefined;
}

const PLAIN: UploadOptions = { compression: null, encryption: null };

/**
 * Fetches the head of an object.
 *
 * @param cid Text of the identifier.
 * @throws DecodeError for an identifier of another kind; ObjectError.
 */
export function openObject(source: NodeSource, cid: string, signal: AbortSignal): Promise<OpenedObject> {
  return openHash(source, hashOfCid(cid), signal);
}

/** The same by hash (32 bytes). */
export async function openHash(
  source: NodeSource,
  hash: Uint8Array,
  signal: AbortSignal,
): Promise<OpenedObject> {
  return openNode({ hash, bytes: await (source.head?.(hash, signal) ?? source.node(hash, signal)) });
}

function openNode({ hash, bytes }: FetchedNode): OpenedObject {
  const head = readNode(hash, bytes);
  const { type } = head;
  if (type !== 'file' && type !== 'folder' && type !== 'metadata') {
    throw new ObjectError({
      code: 'wrong-kind',
      message: `a ${type} is a part of an object`,
      sentence: 'This identifier names a part of a file, not a file or folder.',
      node: hash,
    });
  }
  const { compression, encryption } = head.uploadOptions ?? PLAIN;
  const stored = storedSize(hash, head);
  return {
    kind: type,
    hash,
    head,
    name: head.name,
    storedBytes: stored,
    contentBytes: compression === null ? contentSize(stored, head) : null,
    compressed: compression !== null,
    encrypted: encryption !== null,
  };
}

function contentSize(stored: number, head: DagNode): number | null {
  const encryption = head.uploadOptions?.encryption;
  return encryption ? plaintextSize(stored, requireFrameBytes(encryption.chunkSize)) : stored;
}

/**
 * The content of a file, decrypted and decompressed, as it is read; nothing is given out before its hash has been
 * verified.
 *
 * @throws ObjectError, which names a file inside a folder.
 */
export async function* readObject(
  source: NodeSource,
  object: OpenedObject | FolderEntry,
  signal: AbortSignal,
  options: ReadOptions = {},
): AsyncGenerator<Uint8Array> {
  try {
    yield* content(source, object, signal, options);
  } catch (error) {
    throw error instanceof ObjectError && 'path' in object ? error.inside(object.path, object.hash) : error;
  }
}

/** The bytes of a file as they are stored: neither decrypted nor decompressed, but verified. Throws ObjectError. */
export function readStored(
  source: NodeSource,
  object: OpenedObject,
  signal: AbortSignal,
  range: ByteRange,
): AsyncGenerator<Uint8Array> {
  if (object.kind === 'folder') throw wrongKind(object, 'a folder has no bytes of its own');
  return storedBytes(source, object.hash, object.head, range, signal);
}

async function* content(
  source: NodeSource,
  object: OpenedObject,
  signal: AbortSignal,
  { range, password, stored }: ReadOptions,
): AsyncGenerator<Uint8Array> {
  const read = stored ?? ((part: ByteRange) => readStored(source, object, signal, part));
  if (object.kind === 'folder') throw wrongKind(object, 'a folder has no bytes of its own');
  const from = range?.from ?? 0;
  const to = range?.to ?? Number.POSITIVE_INFINITY;
  if (from < 0 || to < from) throw new RangeError(`bytes ${from} to ${to}`);
  if (!object.compressed) {
    yield* limited(plaintext(object, { from, to }, password, read), to - from);
    return;
  }
  // A compressed stream can only be read from its beginning, and how much of it is needed cannot be told.
  const all = { from: 0, to: Number.POSITIVE_INFINITY };
  const begin = await peeked(plaintext(object, all, password, read), 2);
  const isCompressed = object.encrypted || looksCompressed(begin.head);
  const whole = isCompressed ? decompress(begin.all) : begin.all;
  yield* limited(skipped(whole, from), to - from);
}

/** Stored bytes from byte `from` on, decrypted; the reader will stop before byte `to`. */
async function* plaintext(
  object: OpenedObject,
  { from, to }: ByteRange,
  password: string | undefined,
  read: StoredReader,
): AsyncGenerator<Uint8Array> {
  const encryption = object.head.uploadOptions?.encryption;
  if (!encryption) {
    yield* read({ from, to });
    return;
  }
  if (password === undefined) throw passwordNeeded(object);
  const frameBytes = requireFrameBytes(encryption.chunkSize);
  if (plaintextSize(object.storedBytes, frameBytes) === null) throw cutOff(object);
  const start = frameAt(from, frameBytes);
  const end = to === Number.POSITIVE_INFINITY ? to : frameAt(to + frameBytes, frameBytes).stored;
  // The first frame follows the salt: they are read in one go.
  const atBegin = start.plaintext === 0;
  const begin = await peeked(read({ from: 0, to: atBegin ? end : SALT_BYTES }), SALT_BYTES);
  const key = await keyOfPassword(password, begin.head.subarray(0, SALT_BYTES));
  const frames = atBegin ? skipped(begin.all, SALT_BYTES) : read({ from: start.stored, to: end });
  if (!atBegin) await begin.stop();
  yield* skipped(decryptFrames(frames, key, frameBytes), from - start.plaintext);
}

/** Leaves out the first `count` bytes. */
async function* skipped(parts: AsyncIterable<Uint8Array>, count: number): AsyncGenerator<Uint8Array> {
  let left = count;
  for await (const part of parts) {
    if (part.length > left) yield part.subarray(left);
    left = Math.max(0, left - part.length);
  }
}

/** Ends after `count` bytes. */
async function* limited(parts: AsyncIterable<Uint8Array>, count: number): AsyncGenerator<Uint8Array> {
  let left = count;
  if (left <= 0) return;
  for await (const part of parts) {
    yield part.subarray(0, Math.min(part.length, left));
    left -= part.length;
    if (left <= 0) return;
  }
}

/** The first bytes of a stream, at least `count` unless it is shorter, and all of it. */
async function peeked(
  parts: AsyncGenerator<Uint8Array>,
  count: number,
): Promise<{ head: Uint8Array; all: AsyncIterable<Uint8Array>; stop(): Promise<void> }> {
  let head = new Uint8Array(0);
  while (head.length < count) {
    const next = await parts.next();
    if (next.done) break;
    head = new Uint8Array(concat(head, next.value));
  }
  async function* all(): AsyncGenerator<Uint8Array> {
    if (head.length > 0) yield head;
    yield* parts;
  }
  return { head, all: all(), stop: async () => void (await parts.return(undefined)) };
}

/** A file or folder inside a folder. */
export interface FolderEntry extends OpenedObject {
  /** Names from the folder down, without a beginning slash. Nameless entries are called by their identifier's end. */
  path: string;
}

/**
 * The entries of a folder with their heads, in order; with `deep` those of folders inside too. Names that could
 * leave a folder are changed.
 *
 * @throws ObjectError
 */
export async function* listFolder(
  source: NodeSource,
  folder: OpenedObject,
  signal: AbortSignal,
  { deep = false }: { deep?: boolean } = {},
): AsyncGenerator<FolderEntry> {
  if (folder.kind !== 'folder') throw wrongKind(folder, `a ${folder.kind} has no entries`);
  let count = 0;
  async function* list(parent: OpenedObject, prefix: string, nesting: number): AsyncGenerator<FolderEntry> {
    if (nesting > MAX_NESTING) throw tooLarge(parent, `folders nested ${nesting} deep`);
    const used = new Map<string, number>();
    const hashes = folderEntries(source, parent.hash, parent.head, signal);
    for await (const node of nodesAhead(hashes, source, signal)) {
      count += 1;
      if (count > MAX_ENTRIES) throw tooLarge(folder, `more than ${MAX_ENTRIES} entries`);
      const entry = openNode(node);
      const path = prefix + uniqueName(entry, used);
      yield { ...entry, path };
      if (deep && entry.kind === 'folder') yield* list(entry, `${path}/`, nesting + 1);
    }
  }
  yield* list(folder, '', 0);
}

/**
 * A name that is safe as a file's name and not used yet among its siblings. `used`: by name, how many were called so but
 * for a number; a folder may hold one name a hundred thousand times.
 */
function uniqueName({ name, hash }: OpenedObject, used: Map<string, number>): string {
  // oxlint-disable-next-line no-control-regex
  const safe = (name ?? '').replace(/[/\\:\u0000-\u001f\u007f]/g, '_').replace(/^\.+$/, '_');
  const base = safe === '' ? `unnamed-${hash[0]!.toString(16)}${hash[1]!.toString(16)}` : safe;
  let unique = base;
  let count = used.get(base) ?? 0;
  for (; used.has(unique); count += 1) unique = `${base} (${count + 1})`;
  used.set(base, Math.max(1, count));
  if (unique !== base) used.set(unique, 1);
  return unique;
}

function wrongKind(object: OpenedObject, message: string): ObjectError {
  const sentence =
    object.kind === 'folder' ? 'This is a folder, not a file.' : 'This is a file, not a folder.';
  return new ObjectError({ code: 'wrong-kind', message, sentence, node: object.hash });
}

function tooLarge(object: OpenedObject, message: string): ObjectError {
  const sentence = 'This folder holds more than can be shown.';
  return new ObjectError({ code: 'out-of-bounds', message, sentence, node: object.hash });
}

function passwordNeeded(object: OpenedObject): ObjectError {
  return new ObjectError({
    code: 'password-needed',
    message: 'the file is encrypted',
    sentence: 'This file is encrypted. Enter its password.',
    node: object.hash,
  });
}

function cutOff(object: OpenedObject): ObjectError {
  return new ObjectError({
    code: 'damaged',
    message: `${object.storedBytes} bytes are no whole number of frames`,
    sentence: 'The encrypted file is cut off; whoever stored it stored it damaged.',
    node: object.hash,
  });
}
