/**
 * Cuts files into nodes and puts folders together, with the same result as the network's own library, so that equal
 * content has equal identifiers everywhere.
 */
import {
  encodeNode,
  hashOfNode,
  LINK_BYTES,
  MAX_NAME_LENGTH,
  MAX_NODE_BYTES,
  NODE_RESERVE_BYTES,
  type DagNode,
  type UploadOptions,
} from './dag.ts';

/** A node as it is stored. */
export interface StoredNode {
  /** 32 bytes. */
  hash: Uint8Array;
  bytes: Uint8Array;
}

/** How large a node may be, and how many links it may have. */
export interface DagLimits {
  /** Bytes. */
  maxNodeBytes: number;
  maxLinks: number;
}

const DEFAULT_DAG_LIMITS: DagLimits = {
  maxNodeBytes: MAX_NODE_BYTES,
  maxLinks: Math.floor((MAX_NODE_BYTES - NODE_RESERVE_BYTES) / LINK_BYTES),
};

/** Bytes of content in a full leaf. */
export function leafBytes({ maxNodeBytes }: DagLimits = DEFAULT_DAG_LIMITS): number {
  return maxNodeBytes - NODE_RESERVE_BYTES;
}

function node(fields: Partial<DagNode> & Pick<DagNode, 'type'>): DagNode {
  return { linkDepth: 0, size: null, name: null, data: null, uploadOptions: null, links: [], ...fields };
}

function requireName(name: string | null): void {
  if (name !== null && name.length > MAX_NAME_LENGTH) {
    throw new RangeError(`a name of ${name.length} characters, at most ${MAX_NAME_LENGTH} allowed`);
  }
}

/** What the head of a file says beside its content. */
export interface FileOptions {
  name: string | null;
  /** What was done to the bytes before; null writes no such field, as low-level builders do. */
  uploadOptions: UploadOptions | null;
  limits?: DagLimits;
  /** `metadata` makes a description of an object in the same way. */
  kind?: 'file' | 'metadata';
}

/** Options that the library's pipelines write when nothing was done to a file. */
export const PLAIN_UPLOAD: UploadOptions = { compression: null, encryption: null };

/** Builds a file's nodes while its stored bytes come in; holds one leaf and the hashes of those before it. */
export class FileBuilder {
  private readonly leaf: Uint8Array;
  private filled = 0;
  private size = 0n;
  private readonly hashes: Uint8Array[] = [];
  private readonly limits: DagLimits;

  /** Throws RangeError for a name that is too long. */
  constructor(private readonly options: FileOptions) {
    requireName(options.name);
    this.limits = options.limits ?? DEFAULT_DAG_LIMITS;
    this.leaf = new Uint8Array(leafBytes(this.limits));
  }

  /** Takes the next bytes; yields the leaves that are decided by them. */
  *push(bytes: Uint8Array): Generator<StoredNode> {
    this.size += BigInt(bytes.length);
    for (let at = 0; at < bytes.length;) {
      // A leaf that stays the only one is no leaf but the file's one node: it waits for more bytes.
      if (this.filled === this.leaf.length) yield this.flush();
      const part = bytes.subarray(at, at + this.leaf.length - this.filled);
      this.leaf.set(part, this.filled);
      this.filled += part.length;
      at += part.length;
    }
  }

  private flush(): StoredNode {
    const data = this.leaf.slice(0, this.filled);
    this.filled = 0;
    const type = this.options.kind === 'metadata' ? 'metadataChunk' : 'fileChunk';
    const stored = this.store(node({ type, size: BigInt(data.length), data }));
    this.hashes.push(stored.hash);
    return stored;
  }

  private store(fields: DagNode): StoredNode {
    const bytes = encodeNode(fields, this.limits.maxNodeBytes);
    return { hash: hashOfNode(bytes), bytes };
  }

  /** Yields the nodes that are left, the head last. Throws RangeError when the head does not fit a node. */
  *finish(): Generator<StoredNode> {
    const { name, kind = 'file' } = this.options;
    const uploadOptions = kind === 'file' ? this.options.uploadOptions : null;
    if (this.hashes.length === 0 && this.filled > 0) {
      const data = this.leaf.slice(0, this.filled);
      yield this.store(node({ type: kind, size: this.size, name, data, uploadOptions }));
      return;
    }
    if (this.filled > 0) yield this.flush();
    let depth = 1;
    let level = this.hashes;
    for (; level.length > this.limits.maxLinks; depth += 1) {
      const above: Uint8Array[] = [];
      for (const links of runs(level, this.limits.maxLinks)) {
        const size = BigInt(links.length);
        const stored = this.store(node({ type: 'fileInlink', linkDepth: depth, size, links }));
        above.push(stored.hash);
        yield stored;
      }
      level = above;
    }
    yield this.store(
      node({ type: kind, linkDepth: depth, size: this.size, name, uploadOptions, links: level }),
    );
  }
}

/** What the head of a folder says beside its children. */
export interface FolderOptions {
  name: string;
  /** Sum of the sizes that the children's heads state. */
  size: bigint;
  uploadOptions: UploadOptions | null;
  limits?: DagLimits;
}

/**
 * The nodes of a folder of these children (hashes of their heads, 32 bytes each), the head last. Throws RangeError
 * for a name that is too long.
 */
export function* folderNodes(children: readonly Uint8Array[], options: FolderOptions): Generator<StoredNode> {
  const { name, size, uploadOptions, limits = DEFAULT_DAG_LIMITS } = options;
  requireName(name);
  const store = (fields: DagNode): StoredNode => {
    const bytes = encodeNode(fields, limits.maxNodeBytes);
    return { hash: hashOfNode(bytes), bytes };
  };
  let linkDepth = 0;
  let level = [...children];
  for (; level.length > limits.maxLinks; linkDepth += 1) {
    const above: Uint8Array[] = [];
    for (const links of runs(level, limits.maxLinks)) {
      const stored = store(node({ type: 'folderInlink', linkDepth, links }));
      above.push(stored.hash);
      yield stored;
    }
    level = above;
  }
  yield store(node({ type: 'folder', linkDepth, size, name, uploadOptions, links: level }));
}

function* runs<T>(items: readonly T[], length: number): Generator<T[]> {
  for (let at = 0; at < items.length; at += length) yield items.slice(at, at + length);
}
