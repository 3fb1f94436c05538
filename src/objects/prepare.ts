/** Makes the nodes of files and folders that are to be stored. */
import { FileBuilder, folderNodes, PLAIN_UPLOAD, type StoredNode } from '../protocol/dag-builder.ts';
import type { UploadOptions } from '../protocol/dag.ts';
import { compress } from './compression.ts';
import { encrypt } from './encryption.ts';

export interface PrepareOptions {
  /** 0..9; not compressed when left out. */
  compressionLevel?: number;
  /** Encrypts with it. What is stored is public and stays for ever: a weak password will be guessed. */
  password?: string;
}

/** Head of what was prepared. */
export interface PreparedHead {
  /** 32 bytes. */
  hash: Uint8Array;
  /** Stored bytes. */
  size: bigint;
}

const COMPRESSION_CHUNK = 1024 * 1024;

function uploadOptionsOf({ compressionLevel, password }: PrepareOptions): UploadOptions {
  return {
    compression:
      compressionLevel === undefined
        ? PLAIN_UPLOAD.compression
        : { algorithm: 'zlib', level: compressionLevel, chunkSize: COMPRESSION_CHUNK },
    encryption:
      password === undefined ? PLAIN_UPLOAD.encryption : { algorithm: 'aes-256-gcm', chunkSize: null },
  };
}

/**
 * The nodes of a file as its bytes are read, the head last; returns the head. Memory holds one leaf and 32 bytes for
 * every leaf before it.
 *
 * @throws RangeError for a name that is too long.
 */
export async function* prepareFile(
  bytes: AsyncIterable<Uint8Array>,
  name: string | null,
  options: PrepareOptions = {},
): AsyncGenerator<StoredNode, PreparedHead> {
  const builder = new FileBuilder({ name, uploadOptions: uploadOptionsOf(options) });
  const { compressionLevel, password } = options;
  const compressed = compressionLevel === undefined ? bytes : compress(bytes, compressionLevel);
  const stored = password === undefined ? compressed : encrypt(compressed, password);
  let size = 0n;
  let hash = new Uint8Array(32);
  for await (const part of stored) {
    size += BigInt(part.length);
    yield* builder.push(part);
  }
  for (const node of builder.finish()) {
    hash = new Uint8Array(node.hash);
    yield node;
  }
  return { hash, size };
}

/** A file or folder to be stored. */
export type PrepareEntry =
  | { kind: 'file'; name: string; bytes: () => AsyncIterable<Uint8Array> }
  | { kind: 'folder'; name: string; entries: PrepareEntry[] };

/** The nodes of a file, or of a folder with everything in it, heads after what is below them; returns the head. */
export async function* prepareTree(
  entry: PrepareEntry,
  options: PrepareOptions = {},
): AsyncGenerator<StoredNode, PreparedHead> {
  if (entry.kind === 'file') return yield* prepareFile(entry.bytes(), entry.name, options);
  const heads: PreparedHead[] = [];
  for (const child of entry.entries) heads.push(yield* prepareTree(child, options));
  const size = heads.reduce((sum, head) => sum + head.size, 0n);
  let hash = new Uint8Array(32);
  const children = heads.map((head) => head.hash);
  for (const node of folderNodes(children, { name: entry.name, size, uploadOptions: PLAIN_UPLOAD })) {
    hash = new Uint8Array(node.hash);
    yield node;
  }
  return { hash, size };
}
