/**
 * Uploads: files and folders become nodes, nodes become remarks in transactions of the wallet, and an upload is
 * watched until it has been read back out of history and compared.
 */
import { within } from '../async/within.ts';
import type { PrepareOptions } from '../objects/prepare.ts';
import type { ObjectService } from '../objects/service.ts';
import { objectPath } from '../objects/link.ts';
import { toHex } from '../protocol/bytes.ts';
import { cidOfHash } from '../protocol/cid.ts';
import type { StoredNode } from '../protocol/dag-builder.ts';
import { sentenceOf } from '../protocol/errors.ts';
import type { FarmDirectory } from '../storage/directory.ts';
import type { NodeStore } from '../storage/store.ts';
import { Refusal } from '../wallet/errors.ts';
import { NodeError } from './errors.ts';
import type { Payments } from './payments.ts';
import { UnsentNodes } from './unsent-nodes.ts';
import {
  cutShort,
  fail,
  isUnsure,
  settleNext,
  type UploadRecord,
  type UploadStep,
  type UploadView,
} from './upload-records.ts';
import { batchesOf, callOf, entryOf, nodesOf, type UploadFile } from './upload-calls.ts';

export interface UploadInput {
  files: UploadFile[];
  compress: boolean;
  /** Encrypts with it when not empty. */
  password: string;
  /** SS58 address that pays and signs. */
  account: string;
}

export interface UploadsOptions {
  store: NodeStore;
  /** Where nodes wait until all of them were sent. */
  directory: FarmDirectory;
  payments(): Promise<Pick<Payments, 'prepare' | 'requireSpare' | 'pay' | 'list'>>;
  /** A service that knows nothing yet, so that what comes back comes out of history. */
  freshService(): Pick<ObjectService, 'open' | 'linkTo' | 'nodesOf'>;
  archivedDepth(): number;
}

const SETTINGS = 'uploads';
/** All of an upload is held in memory until its price is shown, and while it is sent. */
const MAX_UPLOAD_BYTES = 64 * 2 ** 20;
const MAX_FILES = 2_000;
const LOOK_MS = 4_000;
const LOOK_FOR_ARCHIVED_MS = 15_000;
/** How long an upload may take to be found in history before the next has its turn. */
const FIND_MS = 60_000;
const MAX_RECORDS = 50;
const COMPRESSION_LEVEL = 9;

/** Steps that the chain decides: another branch of it can hold what failed on this one. */
const UNDER_WAY: ReadonlySet<UploadStep> = new Set(['sending', 'included', 'failed']);

export class Uploads {
  private readonly pending = new Map<string, StoredNode[]>();
  /** Nodes of those that were sent in part. */
  private readonly unsent: UnsentNodes;
  /** Ids of those that are being sent. */
  private readonly sending = new Set<string>();
  private timer: ReturnType<typeof setInterval> | null = null;
  private looking = false;
  /** Whether one is being read back. */
  private reading = false;
  /** When each was last read back, or tried to be, by id. */
  private readonly readAt = new Map<string, number>();
  private readonly stop = new AbortController();

  private constructor(
    private readonly options: UploadsOptions,
    private readonly records: UploadRecord[],
  ) {
    this.unsent = new UnsentNodes(options.directory);
    this.timer = setInterval(() => void this.look(), LOOK_MS);
    (this.timer as { unref?: () => void }).unref?.();
  }

  /**
   * Goes on with uploads of earlier runs, whenever they ended; of those that were sent in part the rest can be sent, those
   * of which nothing was are forgotten. Throws StorageError.
   */
  static async open(options: UploadsOptions): Promise<Uploads> {
    const saved = (await options.store.setting<UploadRecord[]>(SETTINGS)) ?? [];
    const uploads = new Uploads(
      options,
      saved.filter((record) => record.view.step !== 'ready' || isUnsure(record)),
    );
    await uploads.resume();
    return uploads;
  }

  private async resume(): Promise<void> {
    const kept = await this.unsent.kept();
    for (const record of this.records) {
      if (isUnsure(record)) record.view.step = 'sending';
      else cutShort(record.view, kept);
    }
    const unfinished = this.views().filter(({ sent, transactions }) => sent < transactions);
    for (const id of kept) if (!unfinished.some((view) => view.id === id)) await this.unsent.remove(id);
  }

  /** Finds out whether the transaction that was being sent when the app was closed was sent. */
  private async clearUp(record: UploadRecord): Promise<void> {
    const { view } = record;
    settleNext(record, await (await this.options.payments()).list());
    if (view.sent === 0) return this.forget(view);
    if (view.sent === view.transactions) view.step = 'sending';
    else cutShort(view, await this.unsent.kept());
    await this.save();
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
    const { hash, nodes: all } = await nodesOf(entry, options);
    const batches = batchesOf(all);
    const payments = await this.options.payments();
    let fee = 0n;
    for (const batch of batches) {
      const plan = await payments.prepare({ account: input.account, call: callOf(batch) });
      fee += BigInt(plan.fee.total);
    }
    await payments.requireSpare({ account: input.account, amount: fee });
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
    await this.drop((other) => other.step === 'ready' && !this.sending.has(other.id));
    this.pending.set(view.id, all);
    this.records.unshift({ view, payments: [], hashes: all.map((node) => toHex(node.hash)) });
    const tooMany = this.views().slice(MAX_RECORDS);
    await this.drop((other) => tooMany.includes(other));
    return view;
  }

  private async drop(which: (view: UploadView) => boolean): Promise<void> {
    const dropped = this.views().filter(which);
    for (const view of dropped) {
      this.pending.delete(view.id);
      this.readAt.delete(view.id);
      this.records.splice(this.views().indexOf(view), 1);
    }
    for (const { id, sent, transactions } of dropped) if (sent < transactions) await this.unsent.remove(id);
  }

  /**
   * Signs and sends what was prepared, or the rest of what was sent in part. Rejects with the wallet's Refusal, e.g.
   * while it is locked, and StorageError.
   */
  async send(input: { id: string }): Promise<void> {
    const record = this.record(input.id);
    const { view } = record;
    if (this.sending.has(view.id) || (view.step !== 'ready' && view.step !== 'stopped')) return;
    this.sending.add(view.id);
    try {
      await this.sendFrom(record, await this.nodesOf(record));
    } catch (error) {
      if (view.sent > 0 && view.sent < view.transactions) {
        view.step = 'stopped';
        const locked = error instanceof Refusal && error.code === 'locked';
        view.error = locked ? 'The wallet was locked before everything was sent.' : sentenceOf(error);
        await this.save();
      }
      throw error;
    } finally {
      this.sending.delete(view.id);
    }
  }

  private async nodesOf({ view, hashes }: UploadRecord): Promise<StoredNode[]> {
    const nodes = this.pending.get(view.id) ?? (await this.unsent.read(view.id, hashes));
    if (nodes === null) throw new NodeError('unknown', 'What was to be sent is not here any more.');
    return nodes;
  }

  /** Until the first transaction is sent nothing has happened, and all of it can be tried again. */
  private async sendFrom(record: UploadRecord, nodes: readonly StoredNode[]): Promise<void> {
    const { view } = record;
    if (view.transactions > 1 && view.sent === 0) await this.unsent.keep(view.id, nodes);
    const payments = await this.options.payments();
    for (const batch of batchesOf(nodes).slice(view.sent)) {
      // Taken off the list meanwhile.
      if (!this.records.includes(record)) return;
      try {
        await payments.pay(view.account, callOf(batch), async (id) => {
          record.next = id;
          await this.save();
        });
      } finally {
        settleNext(record, await payments.list());
      }
      await this.save();
    }
    this.pending.delete(view.id);
    if (view.transactions > 1) await this.unsent.remove(view.id);
  }

  /** Takes an upload off the list. What was sent stays in the chain. */
  async forget(input: { id: string }): Promise<void> {
    await this.drop(({ id }) => id === input.id);
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

  /** Looks how far the uploads are. Those in blocks do not wait for one that is read back. */
  private async look(): Promise<void> {
    void this.readBack();
    if (this.looking) return;
    this.looking = true;
    for (const record of this.records) {
      const { view } = record;
      if (isUnsure(record) && !this.sending.has(view.id))
        await this.advance(view, () => this.clearUp(record));
      if (view.sent < view.transactions || !UNDER_WAY.has(view.step)) continue;
      await this.advance(view, () => this.noteBlocks(record));
    }
    this.looking = false;
  }

  /** Reads back the upload whose last try is longest ago, one at a time. */
  private async readBack(): Promise<void> {
    const triedAt = ({ view }: UploadRecord): number => this.readAt.get(view.id) ?? Number.MIN_SAFE_INTEGER;
    const [next] = this.records
      .filter(({ view }) => view.step === 'deep' || view.step === 'archived')
      .sort((one, other) => triedAt(one) - triedAt(other));
    if (this.reading || next === undefined || performance.now() - triedAt(next) < LOOK_FOR_ARCHIVED_MS)
      return;
    this.reading = true;
    await this.advance(next.view, () => this.lookInHistory(next));
    this.readAt.set(next.view.id, performance.now());
    this.reading = false;
  }

  /** Takes a look at an upload, and notes what keeps it from going on; the next look is another try. */
  private async advance(view: UploadView, look: () => Promise<void>): Promise<void> {
    const before = view.step;
    try {
      await look();
      if (view.step !== before) await this.save();
    } catch (error) {
      if (!this.stop.signal.aborted) view.error = sentenceOf(error);
    }
  }

  private async noteBlocks({ view, payments }: UploadRecord): Promise<void> {
    const known = await (await this.options.payments()).list();
    // Settled transactions may have been taken off the wallet's list.
    const sent = payments.flatMap((id) => known.filter((payment) => payment.id === id));
    if (view.step === 'failed' && sent.length < payments.length) return;
    const included = [];
    for (const { state } of sent) {
      if (state.kind === 'failed') return fail(view, state.sentence);
      if (state.kind !== 'included') continue;
      if (!state.success) return fail(view, state.failure ?? 'The transaction failed.');
      included.push(state);
    }
    view.error = sent.find(({ trouble }) => trouble !== null)?.trouble ?? null;
    // Also when the block that held it was left.
    view.step = included.length < sent.length ? 'sending' : 'included';
    if (view.step === 'sending') return;
    view.archivedDepth = this.options.archivedDepth();
    if (included.length > 0) {
      view.fee = String(included.reduce((sum, { fee }) => sum + BigInt(fee ?? 0), 0n));
      view.block = Math.max(...included.map(({ block }) => block));
      view.depth = Math.min(...included.map(({ depth }) => depth));
    }
    // The wallet does not follow a transaction further than until it is final.
    if (included.every(({ depth, final }) => final || depth >= view.archivedDepth)) view.step = 'deep';
  }

  /** Tries to read the upload back; that it is not there yet is no failure. */
  private async lookInHistory({ view, hashes }: UploadRecord): Promise<void> {
    const { signal } = this.stop;
    const service = this.options.freshService();
    const find = (limit: AbortSignal) => service.open(view.cid, limit);
    const head = await within(FIND_MS, signal, find).catch((error: unknown) => {
      if (view.step === 'archived') throw error;
      return null;
    });
    if (head === null) return;
    view.step = 'archived';
    view.path = objectPath(service.linkTo(head, view.cid));
    // Every part that was stored has to come back with its hash.
    const missing = new Set(hashes);
    for await (const hash of service.nodesOf(head, signal)) missing.delete(toHex(hash));
    if (missing.size > 0) throw new NodeError('failed', `${missing.size} parts did not come back.`);
    view.error = null;
    view.step = 'checked';
  }
}
