/** `get`: a file, or a folder as a zip file or as files, out of the chain's history, every byte verified. */
import { mkdir, rename, unlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pause } from '../async/pause.ts';
import { ObjectError, type ObjectErrorCode } from '../objects/errors.ts';
import type { ObjectLink } from '../objects/link.ts';
import type { RetrievalEvent } from '../objects/nodes.ts';
import type { ByteRange, OpenedObject } from '../objects/object.ts';
import type { ObjectService } from '../objects/service.ts';
import type { ZipOptions } from '../objects/zip.ts';
import type { SearchView } from '../node/searches.ts';
import { parseLink, requireRange, type GetOptions } from './get-options.ts';
import { Patience } from './patience.ts';
import { partOf, refuseExisting, saveResumed, sizeOf } from './save.ts';
import { StatusLine } from './status-line.ts';
import { UsageError } from './usage.ts';
import { OtherZip, zipFrom } from './zip-from.ts';

/** What is needed of the node's desk of objects. */
export interface GetDesk {
  serviceWatchedBy(watch: (event: RetrievalEvent) => void): ObjectService;
  network: { originOf(index: string): { from: string }; view(): { connections: readonly unknown[] } };
  /** Looks through all of history; resolves to whether it was found. */
  searchFor(cid: string, signal: AbortSignal): Promise<boolean>;
  searchView(): Pick<SearchView, 'pieces' | 'totalPieces' | 'missingPieces' | 'secondsLeft' | 'path'> | null;
}

export interface GotObject {
  cid: string;
  name: string | null;
  kind: string;
  bytes: number;
  /** Bytes that an earlier, interrupted run had fetched and verified. */
  resumedFrom: number;
  file: string;
  /** Parts whose hash was right. */
  nodes: number;
  /** Pieces they lay in, by whom they came from. */
  pieces: Record<string, number>;
  seconds: number;
}

/** What peers and rebuilding may take before there is any news. */
const PATIENCE_MS = 120_000;
const PASSWORD_TRIES = 3;
const SEARCH_LINE_MS = 500;
/** Times that those are asked who may know where the object lies, while some do not answer, and the pauses between. */
const ASK_TRIES = 3;
const ASK_AGAIN_MS = 3_000;
const NOWHERE: ReadonlySet<ObjectErrorCode> = new Set(['not-located', 'not-answered']);

/**
 * Retrieves an object into a file or folder. Progress goes to standard error.
 *
 * @throws UsageError for what is no identifier or link, or no range; ObjectError; the file system's errors.
 */
export async function getObject(desk: GetDesk, text: string, options: GetOptions): Promise<GotObject> {
  const getting = new Getting(desk, parseLink(text), options);
  try {
    return await getting.run();
  } finally {
    getting.close();
  }
}

class Getting {
  private readonly began = performance.now();
  private readonly nodes = new Set<string>();
  private readonly pieces = new Set<string>();
  private readonly service: ObjectService;
  private readonly status: StatusLine;
  private readonly patience: Patience;
  private readonly signal: AbortSignal;
  private bytes = 0;
  private resumedFrom = 0;
  private total: number | null = null;
  private located = false;
  private password: string | undefined;

  constructor(
    private readonly desk: GetDesk,
    private readonly link: ObjectLink,
    private readonly options: GetOptions,
  ) {
    this.password = options.password;
    this.status = options.status ?? new StatusLine();
    const { patienceMs = PATIENCE_MS } = options;
    this.patience = new Patience(
      patienceMs,
      () => nothingCame(patienceMs, this.bytes > 0),
      () => this.tell(),
    );
    this.signal = AbortSignal.any([options.signal, this.patience.signal]);
    this.service = desk.serviceWatchedBy((event) => {
      this.patience.news();
      if (event.kind === 'located') this.located = true;
      if (event.kind !== 'verified') return;
      this.nodes.add(event.cid);
      this.pieces.add(String(event.pieceIndex));
    });
  }

  close(): void {
    this.patience.close();
    this.status.end();
  }

  /** What is waited for. */
  private tell(): void {
    const peers = this.desk.network.view().connections.length;
    const asked = `${peers} ${peers === 1 ? 'peer' : 'peers'} connected`;
    if (this.bytes > 0) this.status.say('Fetching', this.progress());
    else if (this.located) this.status.say('Its place is known, fetching it', asked);
    else this.status.say('Asking where the object lies', asked);
  }

  async run(): Promise<GotObject> {
    const { unpack, range } = this.options;
    this.tell();
    const object = await this.open();
    const isFolder = object.kind === 'folder';
    if (isFolder && range !== undefined) throw new UsageError('--range is of a file, and this is a folder');
    if (!isFolder && unpack === true) throw new UsageError('--unpack is of a folder, and this is a file');
    await this.unlock(object);
    const file = this.options.output ?? fileNameOf(object, this.link.cid, unpack === true);
    if (file === '-') await this.print(this.contentOf(object));
    else if (!isFolder) await this.saveFile(object, file);
    else if (unpack === true) await this.unpack(object, file);
    else await this.saveZip(object, file);
    this.status.close(`Fetched: ${this.progress()}`);
    return this.outcome(object, file);
  }

  private async open(): Promise<OpenedObject> {
    const { signal, search } = this.options;
    try {
      return await this.asked();
    } catch (error) {
      if (!(error instanceof ObjectError) || !NOWHERE.has(error.code)) throw error;
      if (search !== true) {
        this.status.close(
          '--search looks through all of history; --indexer URL names an index that may know.',
        );
        throw error;
      }
      const path = await this.patience.aside(this.searched(signal));
      if (path === null) throw error;
      return this.service.open(path, this.signal);
    }
  }

  /** Where somebody may know its place who did not answer, that one is asked again. */
  private async asked(): Promise<OpenedObject> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.service.open(this.link, this.signal);
      } catch (error) {
        if (tries === ASK_TRIES || !(error instanceof ObjectError) || error.code !== 'not-answered')
          throw error;
        this.status.say('Not everybody answered where the object lies, asking again');
        await pause(this.options.askAgainMs ?? ASK_AGAIN_MS, this.signal);
      }
    }
  }

  /** Path with the place that a search through history found; null: none. */
  private async searched(signal: AbortSignal): Promise<string | null> {
    const timer = setInterval(() => this.tellSearch(), SEARCH_LINE_MS);
    try {
      this.status.say('Looking through all of history');
      const found = await this.desk.searchFor(this.link.cid, signal);
      this.tellSearch();
      return found ? (this.desk.searchView()?.path ?? null) : null;
    } finally {
      clearInterval(timer);
      this.status.end();
    }
  }

  private tellSearch(): void {
    const view = this.desk.searchView();
    if (view === null) return;
    const { pieces, totalPieces, missingPieces, secondsLeft } = view;
    const left = secondsLeft === null ? '' : `, at most some ${secondsLeft} s left`;
    const missing = missingPieces === 0 ? '' : `, ${missingPieces} were not to be had`;
    this.status.say('Looking through all of history', `${pieces} of ${totalPieces} pieces${missing}${left}`);
  }

  private contentOf(object: OpenedObject): AsyncGenerator<Uint8Array> {
    const content = object.kind === 'folder' ? this.zipOf(object) : this.read(object, this.rangeIn(object));
    return this.counted(content);
  }

  private zipOf(folder: OpenedObject, begun: ZipOptions = {}): AsyncGenerator<Uint8Array> {
    return this.service.zip(folder, this.signal, { ...begun, password: this.password });
  }

  private read(file: OpenedObject, range: ByteRange): AsyncGenerator<Uint8Array> {
    const { password } = this;
    return this.service.read(file, this.signal, {
      range,
      ...(password === undefined ? {} : { password }),
    });
  }

  private async saveFile(object: OpenedObject, file: string): Promise<void> {
    const { from, to } = this.rangeIn(object);
    this.total = Number.isFinite(to) ? to - from : object.contentBytes;
    const what = this.options.range === undefined ? this.link.cid : `${this.link.cid} ${from}-${to}`;
    this.resumedFrom = await saveResumed(file, what, this.total, (there) => {
      this.bytes = there;
      return this.counted(this.read(object, { from: from + there, to }));
    });
  }

  /** What an earlier run wrote is gone on with, unless it is not what would be written now. */
  private async saveZip(folder: OpenedObject, file: string): Promise<void> {
    const what = `${this.link.cid} zip`;
    const part = partOf(file, what);
    const save = (): Promise<number> =>
      saveResumed(file, what, null, (there) => {
        this.bytes = there;
        return this.counted(
          there === 0 ? this.zipOf(folder) : zipFrom(part, there, (begun) => this.zipOf(folder, begun)),
        );
      });
    try {
      this.resumedFrom = await save();
    } catch (error) {
      if (!(error instanceof OtherZip)) throw error;
      await unlink(part);
      this.resumedFrom = await save();
    }
  }

  /** Into a folder beside the final one, which gets its name once it is whole. */
  private async unpack(folder: OpenedObject, target: string): Promise<void> {
    await refuseExisting(target);
    const part = partOf(target, this.link.cid);
    await mkdir(part, { recursive: true });
    for await (const entry of this.service.entries(folder, this.signal, true)) {
      const path = join(part, ...entry.path.split('/'));
      if (entry.kind === 'folder') await mkdir(path, { recursive: true });
      else await this.unpackFile(entry, path);
    }
    await rename(part, target);
  }

  private async unpackFile(entry: OpenedObject, path: string): Promise<void> {
    const before = this.bytes;
    // It has its name only once it was whole.
    const there = await sizeOf(path);
    if (there !== null) {
      this.bytes += there;
      this.resumedFrom += there;
      return;
    }
    const everything = { from: 0, to: Number.POSITIVE_INFINITY };
    this.resumedFrom += await saveResumed(path, this.link.cid, entry.contentBytes, (from) => {
      this.bytes = before + from;
      return this.counted(this.read(entry, { ...everything, from }));
    });
  }

  private rangeIn({ contentBytes }: OpenedObject): ByteRange {
    const { range: text } = this.options;
    if (text === undefined) return { from: 0, to: Number.POSITIVE_INFINITY };
    if (contentBytes === null && text.startsWith('-'))
      throw new UsageError('--range of a compressed file has to say where it begins');
    const range = requireRange(text, contentBytes ?? Number.POSITIVE_INFINITY);
    if (range !== 'unsatisfiable') return range;
    throw new ObjectError({
      code: 'range',
      message: `bytes ${text} of ${contentBytes}`,
      sentence: `The file ends before these bytes: it has ${contentBytes}.`,
    });
  }

  /** Finds out the password where one is needed, before anything is written. */
  private async unlock(object: OpenedObject): Promise<void> {
    const locked = await this.firstLocked(object);
    if (locked === null) return;
    for (let tries = 1; ; tries += 1) {
      const given = this.password;
      this.status.end();
      this.password ??= (await this.patience.aside(this.options.ask('Password: '))) ?? undefined;
      try {
        for await (const _ of this.read(locked, { from: 0, to: 1 })) break;
        return;
      } catch (error) {
        const again = given === undefined && this.password !== undefined && tries < PASSWORD_TRIES;
        if (!(error instanceof ObjectError) || error.code !== 'wrong-password' || !again) throw error;
        process.stderr.write(`${error.sentence}\n`);
        this.password = undefined;
      }
    }
  }

  private async firstLocked(object: OpenedObject): Promise<OpenedObject | null> {
    if (object.kind !== 'folder') return object.encrypted ? object : null;
    for await (const entry of this.service.entries(object, this.signal, true))
      if (entry.encrypted) return entry;
    return null;
  }

  private async *counted(content: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const part of content) {
      this.bytes += part.length;
      this.patience.news();
      this.tell();
      yield part;
    }
  }

  private async print(content: AsyncGenerator<Uint8Array>): Promise<void> {
    for await (const part of content) if (!process.stdout.write(part)) await this.patience.aside(drained());
  }

  private progress(): string {
    const { bytes, total, nodes, pieces } = this;
    const part = total === null || total === 0 ? '' : ` of ${total} (${Math.floor((100 * bytes) / total)} %)`;
    return `${bytes} bytes${part}, ${counted(nodes.size, 'verified part')} from ${counted(pieces.size, 'piece')}`;
  }

  private outcome({ kind, name }: OpenedObject, file: string): GotObject {
    const from: Record<string, number> = {};
    for (const index of this.pieces) {
      const { from: origin } = this.desk.network.originOf(index);
      from[origin] = (from[origin] ?? 0) + 1;
    }
    return {
      cid: this.link.cid,
      name,
      kind,
      bytes: this.bytes,
      resumedFrom: this.resumedFrom,
      file,
      nodes: this.nodes.size,
      pieces: from,
      seconds: (performance.now() - this.began) / 1000,
    };
  }
}

function counted(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

function nothingCame(ms: number, begun: boolean): Error {
  const seconds = Math.round(ms / 1000);
  const what = begun ? 'Nothing more of the object came' : 'Nobody gave the object';
  return new Error(
    `${what} within ${seconds} s. The same command goes on later; --peer ADDRESS names a peer that has it.`,
  );
}

function fileNameOf({ kind, name }: OpenedObject, cid: string, unpack: boolean): string {
  // A name out of history must not lead into another folder.
  const safe = basename((name ?? '').replaceAll('\\', '/')).replace(/^\.+$/, '');
  return `${safe === '' ? cid : safe}${kind === 'folder' && !unpack ? '.zip' : ''}`;
}

function drained(): Promise<void> {
  return new Promise((resolve) => process.stdout.once('drain', () => resolve()));
}
