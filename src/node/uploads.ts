/**
 * Uploads: files and folders become nodes, nodes become remarks in transactions of the wallet, and an upload is
 * watched until it has been read back out of history and compared.
 */
import { prepareTree, type PrepareEntry, type PrepareOptions } from '../objects/prepare.ts';
import type { ObjectService } from '../objects/service.ts';
import { objectPath } from '../objects/link.ts';
import { toHex } from '../protocol/bytes.ts';
import { cidOfHash } from '../protocol/cid.ts';
import type { StoredNode } from '../protocol/dag-builder.ts';
import { sentenceOf } from '../protocol/errors.ts';
import type { NodeStore } from '../storage/store.ts';
import { NodeError } from './errors.ts';
import type { CallInput, Payments } from './payments.ts';

/** A file that the person chose; `path` has the names of the folders it lies in. */
export interface UploadFile {
  path: string;
  content: Blob;
}

export interface UploadInput {
  files: UploadFile[];
  compress: boolean;
  /** Encrypts with it when not empty. */
  password: string;
  /** SS58 address that pays and signs. */
  account: string;
}

/** How far an upload is. */
export type UploadStep =
  /** Its price is known; nothing was sent. */
  | 'ready'
  | 'sending'
  /** In verified blocks that could still be undone. */
  | 'included'
  /** Deep enough to be archived; its segment is not closed yet. */
  | 'deep'
  /** In archived history, and being read back. */
  | 'archived'
  /** Read back and compared. */
  | 'checked'
  | 'failed';

export interface UploadView {
  id: string;
  cid: string;
  /** Path that opens it in this app. */
  path: string;
  name: string;
  kind: 'file' | 'folder';
  step: UploadStep;
  /** Bytes that the person chose, and those that are stored. */
  bytes: number;
  storedBytes: number;
  nodes: number;
  transactions: number;
  /** Transactions that were sent so far. */
  sent: number;
  account: string;
  /** Expected in all, smallest unit, as the node tells; what was paid once that is proven. */
  fee: string;
  /** Block that holds the last of it, and blocks on top of it. */
  block: number | null;
  depth: number;
  /** Depth at which blocks are archived. */
  archivedDepth: number;
  encrypted: boolean;
  error: string | null;
}

/** What is remembered of an upload between runs. */
interface UploadRecord {
  view: UploadView;
  /** Ids of its transactions. */
  payments: string[];
  /** BLAKE3 of the nodes that must come back, hex. */
  hashes: string[];
}

export interface UploadsOptions {
  store: NodeStore;
  payments(): Promise<Payments>;
  /** A service that knows nothing yet, so that what comes back comes out of history. */
  freshService(): ObjectService;
  archivedDepth(): number;
}

const SETTINGS = 'uploads';
/** All of an upload is held in memory until it is sent. */
const MAX_UPLOAD_BYTES = 64 * 2 ** 20;
const MAX_FILES = 2_000;
/** Bytes of nodes in a transaction; a block takes 3.75 MiB. */
const BATCH_BYTES = 1_000_000;
const LOOK_MS = 4_000;
const LOOK_FOR_ARCHIVED_MS = 15_000;
const MAX_RECORDS = 50;
const COMPRESSION_LEVEL = 9;

export class Uploads {
  private readonly pending = new Map<string, StoredNode[]>();
  private timer: ReturnType<typeof setInterval> | null = null;
  private looking = false;
  private lookedForArchived = 0;
  private readonly stop = new AbortController();

  private constructor(
    private readonly options: UploadsOptions,
    private readonly records: UploadRecord[],
  ) {
    this.timer = setInterval(() => void this.look(), LOOK_MS);
    (this.timer as { unref?: () => void }).unref?.();
  }

  /** Goes on with uploads of earlier runs; those that were not sent are forgotten. Throws StorageError. */
  static async open(options: UploadsOptions): Promise<Uploads> {
    const saved = (await options.store.setting<UploadRecord[]>(SETTINGS)) ?? [];
    for (const { view, payments } of saved) {
      if (view.step !== 'sending' || payments.length === view.transactions) continue;
      view.step = 'failed';
      view.error = 'The app was closed before everything was sent.';
    }
    return new Uploads(
      options,
      saved.filter(({ view }) => view.step !== 'ready'),
    );
  }

  close(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.stop.abort(new DOMException('the node stops', 'AbortError'));
  }

  views(): UploadView[] {
    return this.records.map(({ view }) => view);
  }

  /** Makes the nodes and asks for their price; nothing is sent. Throws NodeError `choice`. */
  async prepare(input: UploadInput): Promise<UploadView> {
    const bytes = input.files.reduce((sum, { content }) => sum + content.size, 0);
    if (input.files.length === 0) throw new NodeError('choice', 'Choose a file or a folder first.');
    if (bytes > MAX_UPLOAD_BYTES) throw new NodeError('choice', 'At most 64 MB can be stored in one go.');
    if (input.files.length > MAX_FILES)
      throw new NodeError('choice', `At most ${MAX_FILES} files can be stored in one go.`);
    const entry = entryOf(input.files);
    const options: PrepareOptions = {
      ...(input.compress ? { compressionLevel: COMPRESSION_LEVEL } : {}),
      ...(input.password === '' ? {} : { password: input.password }),
    };
    const nodes = new Map<string, StoredNode>();
    const tree = prepareTree(entry, options);
    let step = await tree.next();
    // A node that occurs twice is stored once.
    for (; !step.done; step = await tree.next()) nodes.set(toHex(step.value.hash), step.value);
    const { hash } = step.value;
    const all = [...nodes.values()];
    const batches = batchesOf(all);
    const payments = await this.options.payments();
    let fee = 0n;
    for (const batch of batches) {
      const plan = await payments.prepare({ account: input.account, call: callOf(batch) });
      fee += BigInt(plan.fee.total);
    }
    const cid = cidOfHash(hash);
    const view: UploadView = {
      id: crypto.randomUUID(),
      cid,
      path: objectPath({ cid, hints: [] }),
      name: entry.name,
      kind: entry.kind,
      step: 'ready',
      bytes,
      storedBytes: all.reduce((sum, node) => sum + node.bytes.length, 0),
      nodes: all.length,
      transactions: batches.length,
      sent: 0,
      account: input.account,
      fee: String(fee),
      block: null,
      depth: 0,
      archivedDepth: this.options.archivedDepth(),
      encrypted: input.password !== '',
      error: null,
    };
    this.drop((other) => other.step === 'ready');
    this.pending.set(view.id, all);
    this.records.unshift({ view, payments: [], hashes: [...nodes.keys()] });
    this.records.length = Math.min(this.records.length, MAX_RECORDS);
    return view;
  }

  private drop(which: (view: UploadView) => boolean): void {
    for (let at = this.records.length - 1; at >= 0; at -= 1) {
      const { view } = this.records[at]!;
      if (!which(view)) continue;
      this.pending.delete(view.id);
      this.records.splice(at, 1);
    }
  }

  /** Signs and sends what was prepared. Rejects with the wallet's Refusal, e.g. while it is locked. */
  async send(input: { id: string }): Promise<void> {
    const record = this.record(input.id);
    const { view } = record;
    const nodes = this.pending.get(view.id);
    if (nodes === undefined || view.step !== 'ready') return;
    view.step = 'sending';
    const payments = await this.options.payments();
    try {
      for (const batch of batchesOf(nodes).slice(view.sent)) {
        const { id } = await payments.pay(view.account, callOf(batch));
        record.payments.push(id);
        view.sent += 1;
      }
    } catch (error) {
      // What was not sent can be sent once more.
      view.step = 'ready';
      throw error;
    }
    this.pending.delete(view.id);
    await this.save();
  }

  /** Takes an upload off the list. What was sent stays in the chain. */
  async forget(input: { id: string }): Promise<void> {
    this.drop(({ id }) => id === input.id);
    await this.save();
  }

  private record(id: string): UploadRecord {
    const record = this.records.find(({ view }) => view.id === id);
    if (record === undefined) throw new NodeError('unknown', 'This upload is not on the list any more.');
    return record;
  }

  private save(): Promise<void> {
    return this.options.store.putSetting(SETTINGS, this.records);
  }

  /** Looks how far the uploads are. */
  private async look(): Promise<void> {
    const open = this.records.filter(({ view, payments }) => isUnderWay(view.step) && payments.length > 0);
    if (this.looking || open.length === 0) return;
    this.looking = true;
    try {
      for (const record of open) await this.advance(record);
    } catch (error) {
      if (!this.stop.signal.aborted) throw error;
    } finally {
      this.looking = false;
    }
  }

  private async advance(record: UploadRecord): Promise<void> {
    const { view } = record;
    const before = view.step;
    if (view.step === 'sending' && view.sent < view.transactions) return;
    if (view.step === 'sending' || view.step === 'included') await this.noteBlocks(record);
    if (view.step === 'deep' || view.step === 'archived') await this.lookInHistory(record);
    if (view.step !== before) await this.save();
  }

  private async noteBlocks({ view, payments }: UploadRecord): Promise<void> {
    const known = await (await this.options.payments()).list();
    const states = payments.map((id) => known.find((payment) => payment.id === id)?.state ?? null);
    for (const state of states) {
      if (state?.kind === 'failed') return fail(view, state.sentence);
      if (state?.kind === 'included' && !state.success)
        return fail(view, state.failure ?? 'The transaction failed.');
    }
    // Settled transactions may have been taken off the wallet's list.
    const included = states.flatMap((state) => (state?.kind === 'included' ? [state] : []));
    if (states.some((state) => state !== null && state.kind !== 'included')) return;
    view.step = 'included';
    if (included.length > 0) {
      view.fee = String(included.reduce((sum, { fee }) => sum + BigInt(fee ?? 0), 0n));
      view.block = Math.max(...included.map(({ block }) => block));
      view.depth = Math.min(...included.map(({ depth }) => depth));
    }
    view.archivedDepth = this.options.archivedDepth();
    if (included.length === 0 || view.depth >= view.archivedDepth) view.step = 'deep';
  }

  /** Tries to read the upload back; that it is not there yet is no failure. */
  private async lookInHistory({ view, hashes }: UploadRecord): Promise<void> {
    if (Date.now() - this.lookedForArchived < LOOK_FOR_ARCHIVED_MS) return;
    const { signal } = this.stop;
    const service = this.options.freshService();
    try {
      const head = await service.open(view.cid, signal);
      view.step = 'archived';
      view.path = objectPath(service.linkTo(head, view.cid));
      // Every part that was stored has to come back with its hash.
      const missing = new Set(hashes);
      for await (const hash of service.nodesOf(head, signal)) missing.delete(toHex(hash));
      if (missing.size > 0) throw new NodeError('failed', `${missing.size} parts did not come back.`);
      view.error = null;
      view.step = 'checked';
    } catch (error) {
      signal.throwIfAborted();
      view.error = view.step === 'archived' ? sentenceOf(error) : null;
    } finally {
      this.lookedForArchived = Date.now();
    }
  }
}

function isUnderWay(step: UploadStep): boolean {
  return step === 'sending' || step === 'included' || step === 'deep' || step === 'archived';
}

function fail(view: UploadView, sentence: string): void {
  view.step = 'failed';
  view.error = sentence;
}

/** Nodes in the order in which they are stored, as many together as a transaction takes. */
function batchesOf(nodes: readonly StoredNode[]): StoredNode[][] {
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
function callOf(batch: readonly StoredNode[]): CallInput {
  const [first] = batch;
  if (batch.length === 1) return { pallet: 'System', call: 'remark', args: { remark: first!.bytes } };
  const calls = batch.map(({ bytes }) => ({
    type: 'System',
    value: { type: 'remark', value: { remark: bytes } },
  }));
  return { pallet: 'Utility', call: 'batch_all', args: { calls } };
}

/** One file as it is; several, or one in a folder, as the folder they lie in. */
function entryOf(files: readonly UploadFile[]): PrepareEntry {
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
