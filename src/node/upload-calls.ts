/** What an upload is made of: the entries that were chosen, and the calls that store their nodes. */
import { prepareTree, type PrepareEntry, type PrepareOptions } from '../objects/prepare.ts';
import { toHex } from '../protocol/bytes.ts';
import type { StoredNode } from '../protocol/dag-builder.ts';
import { NodeError } from './errors.ts';
import type { CallInput } from './payments.ts';

/** A file that the person chose; `path` has the names of the folders it lies in. */
export interface UploadFile {
  path: string;
  content: Blob;
}

/** Bytes of nodes in a transaction; a block takes 3.75 MiB. */
const BATCH_BYTES = 1_000_000;

/** Nodes in the order in which they are stored, as many together as a transaction takes. */
export function batchesOf(nodes: readonly StoredNode[]): StoredNode[][] {
  const batches: StoredNode[][] = [];
  let size = 0;
  for (const node of nodes) {
    if (batches.length === 0 || size + node.bytes.length > BATCH_BYTES) {
      batches.push([]);
      size = 0;
    }
    batches.at(-1)!.push(node);
    size += node.bytes.length;
  }
  return batches;
}

/** One node is a remark; several are a batch of remarks that is stored whole or not at all. */
export function callOf(batch: readonly StoredNode[]): CallInput {
  const [first] = batch;
  if (batch.length === 1) return { pallet: 'System', call: 'remark', args: { remark: first!.bytes } };
  const calls = batch.map(({ bytes }) => ({
    type: 'System',
    value: { type: 'remark', value: { remark: bytes } },
  }));
  return { pallet: 'Utility', call: 'batch_all', args: { calls } };
}

/** One file as it is; several, or one in a folder, as the folder they lie in. */
export function entryOf(files: readonly UploadFile[]): PrepareEntry {
  const [only] = files;
  if (files.length === 1 && !only!.path.includes('/')) return fileOf(only!.path, only!.content);
  const root: PrepareEntry & { kind: 'folder' } = { kind: 'folder', name: '', entries: [] };
  for (const { path, content } of files) {
    const names = path.split('/').filter((name) => name !== '');
    let at = root;
    for (const name of names.slice(0, -1)) at = folderIn(at, name);
    at.entries.push(fileOf(names.at(-1) ?? 'unnamed', content));
  }
  const [top] = root.entries;
  if (root.entries.length === 1 && top!.kind === 'folder') return top!;
  return { ...root, name: 'files' };
}

function folderIn(
  parent: PrepareEntry & { kind: 'folder' },
  name: string,
): PrepareEntry & { kind: 'folder' } {
  for (const entry of parent.entries) if (entry.kind === 'folder' && entry.name === name) return entry;
  const made: PrepareEntry & { kind: 'folder' } = { kind: 'folder', name, entries: [] };
  parent.entries.push(made);
  return made;
}

function fileOf(name: string, content: Blob): PrepareEntry {
  return { kind: 'file', name, bytes: () => partsOf(content) };
}

async function* partsOf(content: Blob): AsyncGenerator<Uint8Array> {
  const reader = content.stream().getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
}

/** What is to be stored, each node once. Throws NodeError `choice` for a name that does not fit. */
export async function nodesOf(
  entry: PrepareEntry,
  options: PrepareOptions,
): Promise<{ hash: Uint8Array; nodes: StoredNode[] }> {
  const nodes = new Map<string, StoredNode>();
  const tree = prepareTree(entry, options);
  try {
    let step = await tree.next();
    for (; !step.done; step = await tree.next()) nodes.set(toHex(step.value.hash), step.value);
    return { hash: step.value.hash, nodes: [...nodes.values()] };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const most = 'At most 255 characters are stored, of some scripts fewer.';
    throw new NodeError('choice', `The name of a file or folder among these is too long. ${most}`, error);
  }
}
