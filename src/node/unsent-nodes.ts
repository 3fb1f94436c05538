/** Nodes of uploads that are being sent, kept so that what was not sent can be sent after the app was closed. */
import { toHex } from '../protocol/bytes.ts';
import type { StoredNode } from '../protocol/dag-builder.ts';
import { hashOfNode } from '../protocol/dag.ts';
import type { FarmDirectory } from '../storage/directory.ts';
import { StorageError } from '../storage/errors.ts';

const LENGTH_BYTES = 4;

/** A file for each upload: every node behind its length (u32, little-endian), in the order of sending. */
export class UnsentNodes {
  constructor(private readonly directory: FarmDirectory) {}

  /** Throws StorageError. */
  async keep(id: string, nodes: readonly StoredNode[]): Promise<void> {
    await this.directory.write(id, framed(nodes));
  }

  /**
   * The nodes of an upload; null where none are kept.
   *
   * @param hashes What they hash to (BLAKE3-256, hex), in the order of sending.
   * @throws StorageError, `damaged` for nodes that are others.
   */
  async read(id: string, hashes: readonly string[]): Promise<StoredNode[] | null> {
    if (!(await this.kept()).includes(id)) return null;
    const file = await this.directory.open(id);
    try {
      const nodes: StoredNode[] = [];
      const length = new Uint8Array(LENGTH_BYTES);
      for (let at = 0; at < file.size;) {
        await file.read(at, length);
        const size = new DataView(length.buffer).getUint32(0, true);
        at += LENGTH_BYTES;
        if (at + size > file.size) throw new StorageError('damaged', id, `a node of ${size} bytes at ${at}`);
        const bytes = new Uint8Array(size);
        await file.read(at, bytes);
        at += size;
        nodes.push({ hash: hashOfNode(bytes), bytes });
      }
      if (nodes.length !== hashes.length || nodes.some(({ hash }, at) => toHex(hash) !== hashes[at]))
        throw new StorageError('damaged', id, 'the nodes are not those that were prepared');
      return nodes;
    } finally {
      await file.close();
    }
  }

  /** Ids of the uploads of which nodes are kept. Throws StorageError. */
  async kept(): Promise<string[]> {
    return (await this.directory.list()).map(({ name }) => name);
  }

  /** Throws StorageError. */
  remove(id: string): Promise<void> {
    return this.directory.remove(id);
  }
}

function* framed(nodes: readonly StoredNode[]): Generator<Uint8Array> {
  for (const { bytes } of nodes) {
    const length = new Uint8Array(LENGTH_BYTES);
    new DataView(length.buffer).setUint32(0, bytes.length, true);
    yield length;
    yield bytes;
  }
}
