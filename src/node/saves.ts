/**
 * Objects on their way to a file of the person's. The stored bytes come into the browser's own space first, where they
 * outlive the tab; once all are there they are decrypted, unpacked or zipped into the file that the person picked, or
 * into a download.
 */
import { inFrames } from '../objects/encryption.ts';
import { ObjectError } from '../objects/errors.ts';
import { objectPath, parseObjectLink, type ObjectLink } from '../objects/link.ts';
import { savedName } from '../objects/media.ts';
import type { OpenedObject, StoredReader } from '../objects/object.ts';
import { PartFile } from '../objects/part-file.ts';
import { downloadResponse, type ResponseOptions } from '../objects/response.ts';
import type { ObjectService } from '../objects/service.ts';
import type { FarmDirectory } from '../storage/directory.ts';
import { StorageError, type StorageErrorCode } from '../storage/errors.ts';
import { mayWrite, writePicked } from '../storage/picked-file.ts';
import type { NodeStore } from '../storage/store.ts';
import { explained } from './causes.ts';
import { NodeError } from './errors.ts';
import { filesOf } from './files-of.ts';
import type { ResumeInput, SaveInput, SaveRecord, SaveState, SaveView } from './save-view.ts';
import { Watched, type RetrievalSource, type WatchedView } from './watched.ts';

interface Save {
  record: SaveRecord;
  view: Omit<SaveView, keyof WatchedView | keyof SaveRecord | 'cid' | 'to'>;
  link: ObjectLink;
  watched: Watched;
  password: string | undefined;
  stop: AbortController;
  /** The present run, which never rejects. */
  run: Promise<void>;
  /** Open while something is done with it. */
  part: Promise<PartFile> | null;
}

export interface SavesOptions extends RetrievalSource {
  store: Pick<NodeStore, 'setting' | 'putSetting'>;
  /** Where objects wait until all of them is here. */
  directory: FarmDirectory;
  /** Passwords that are known to open objects, or files in a folder, by identifier. */
  passwords: Map<string, string>;
}

const SETTINGS = 'saves';
const MAX_SAVES = 20;
const PAUSED = 'paused';
/** While these last nothing can be begun with a save. */
const LIVE: ReadonlySet<SaveState> = new Set(['running', 'checking', 'writing']);
/** Written to a file at once: a write costs some milliseconds, however short. */
const WRITTEN_BYTES = 4 * 2 ** 20;

export class Saves {
  private readonly saves = new Map<string, Save>();

  private constructor(private readonly options: SavesOptions) {}

  /** Those of earlier runs, paused; what was handed over then is removed. Throws StorageError. */
  static async open(options: SavesOptions): Promise<Saves> {
    const saves = new Saves(options);
    for (const record of (await options.store.setting<SaveRecord[]>(SETTINGS)) ?? []) {
      const save = saves.add(record);
      if (record.handedOver) await saves.cancel(record.id);
      else save.view.bytes = await saves.claimed(save);
    }
    return saves;
  }

  /** Newest first. */
  views(): SaveView[] {
    return [...this.saves.values()].reverse().map(({ record, view, link, watched }) => ({
      ...view,
      ...watched.view(),
      id: record.id,
      cid: link.cid,
      path: record.path,
      name: record.name,
      kind: record.kind,
      totalBytes: record.totalBytes,
      to: record.target === null ? 'download' : 'file',
    }));
  }

  /** Begins to save an object, or goes on with it where that was begun. Returns the id. */
  async start({ link: text, target }: SaveInput): Promise<string> {
    const link = parseObjectLink(text);
    const begun = [...this.saves.values()].find(
      (one) => one.link.cid === link.cid && one.view.state !== 'done' && !one.record.handedOver,
    );
    if (begun !== undefined) {
      await this.resume({ id: begun.record.id, target });
      return begun.record.id;
    }
    for (const [id, { view }] of this.saves) {
      if (this.saves.size < MAX_SAVES) break;
      if (view.state === 'done') await this.cancel(id);
    }
    if (this.saves.size >= MAX_SAVES)
      throw new NodeError('too-many', `${MAX_SAVES} objects are being saved. Wait for one, or cancel one.`);
    const record: SaveRecord = {
      id: crypto.randomUUID(),
      path: objectPath(link),
      name: target?.name ?? '',
      kind: 'file',
      totalBytes: null,
      target,
      handedOver: false,
    };
    this.begin(this.add(record));
    await this.remember();
    return record.id;
  }

  pause(id: string): void {
    this.saves.get(id)?.stop.abort(new DOMException(PAUSED, 'AbortError'));
  }

  /** Goes on where it stopped; a password or another target are used from now on. */
  async resume(input: ResumeInput): Promise<void> {
    const save = this.saves.get(input.id);
    if (save === undefined || LIVE.has(save.view.state)) return;
    save.password = input.password ?? save.password;
    if (input.target !== undefined) save.record.target = input.target;
    save.record.name = save.record.target?.name ?? save.record.name;
    this.begin(save);
    await this.remember();
  }

  /** Ends it and removes what it kept here. */
  async cancel(id: string): Promise<void> {
    const save = this.saves.get(id);
    if (save === undefined) return;
    this.saves.delete(id);
    save.stop.abort(new DOMException(PAUSED, 'AbortError'));
    await save.run;
    await this.discard(save);
    await this.remember();
  }

  /** The file that the person picked for it, with which the page asks for access. */
  targetOf(id: string): FileSystemFileHandle | null {
    return this.saves.get(id)?.record.target ?? null;
  }

  /** All of it as a download, once it is ready. Throws ObjectError, StorageError, Error for one that is not ready. */
  async respond(id: string, { signal }: Pick<ResponseOptions, 'signal'>): Promise<Response> {
    const save = this.saves.get(id);
    if (save === undefined || (save.view.state !== 'ready' && save.view.state !== 'done'))
      throw new NodeError('too-early', 'This is not ready to be saved. Look at the screen of objects.');
    const service = save.watched.service();
    const object = await service.open(save.link, signal);
    const whole = this.content(save, service, object, signal);
    const handedOver = async (): Promise<void> => {
      save.view.state = 'done';
      save.record.handedOver = true;
      await this.remember();
    };
    async function* counted(): AsyncGenerator<Uint8Array> {
      yield* whole;
      await handedOver();
    }
    const size = object.kind === 'folder' ? null : object.contentBytes;
    return downloadResponse(counted(), save.record.name, size);
  }

  async close(): Promise<void> {
    for (const id of this.saves.keys()) this.pause(id);
    for (const save of this.saves.values()) {
      await save.run;
      await this.closePart(save);
    }
  }

  private add(record: SaveRecord): Save {
    const link = parseObjectLink(record.path);
    const save: Save = {
      record,
      view: { state: 'paused', bytes: 0, through: 0, resumedFrom: 0, needs: null, error: null },
      link,
      watched: new Watched(this.options),
      password: undefined,
      stop: new AbortController(),
      run: Promise.resolve(),
      part: null,
    };
    this.saves.set(record.id, save);
    return save;
  }

  private begin(save: Save): void {
    const { view } = save;
    save.stop = new AbortController();
    const { signal } = save.stop;
    Object.assign(view, { state: 'running', error: null, needs: null });
    save.run = this.work(save, signal).catch((error: unknown) => {
      const writing = view.state === 'writing';
      view.state = signal.aborted ? 'paused' : 'failed';
      if (signal.aborted) return;
      view.error = troubleOf(error, writing);
      if (error instanceof ObjectError && error.code.includes('password')) view.needs = 'password';
      if (!(error instanceof StorageError)) return;
      if (writing && error.code !== 'damaged') view.needs = 'place';
      else if (error.code === 'disk-full') view.needs = 'room';
    });
  }

  private async work(save: Save, signal: AbortSignal): Promise<void> {
    const { record, view, watched, link } = save;
    const service = watched.service();
    const object = await service.open(link, signal);
    record.kind = object.kind;
    record.totalBytes = object.storedBytes;
    record.name = record.target?.name ?? savedName(object);
    await this.remember();
    const part = await this.partOf(save);
    if (view.bytes > 0) view.state = 'checking';
    const { bytes, whole } = await part.check(signal, (through) => (view.through = through));
    view.state = 'running';
    view.bytes = bytes;
    view.resumedFrom = bytes;
    if (!whole) {
      await this.requireRoom(object.storedBytes - bytes);
      try {
        await part.append(bytes, this.arriving(save, service, object, signal));
      } catch (error) {
        if (bytes === 0 || !(error instanceof ObjectError) || error.code !== 'size-lies') throw error;
        // Where a file's parts differ in size, what stands at a byte is known from the first one on only.
        await this.discard(save);
        return this.work(save, signal);
      }
    }
    record.totalBytes = view.bytes;
    await this.deliver(save, service, object, signal);
  }

  /** Into the file, if the page may write to it; else it is for the person to do something. */
  private async deliver(
    save: Save,
    service: ObjectService,
    object: OpenedObject,
    signal: AbortSignal,
  ): Promise<void> {
    const { target } = save.record;
    const { view } = save;
    if (target === null || !(await mayWrite(target))) {
      view.state = 'ready';
      view.needs = target === null ? null : 'permission';
      return;
    }
    view.state = 'writing';
    view.through = 0;
    await writePicked(target, inFrames(this.content(save, service, object, signal), WRITTEN_BYTES));
    view.state = 'done';
    await this.discard(save);
    await this.remember();
  }

  /** Stored bytes from where it stopped, file after file, counted. A password is tried before anything is fetched. */
  private async *arriving(
    { view, link, password = this.options.passwords.get(link.cid) }: Save,
    service: ObjectService,
    object: OpenedObject,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const { bytes: from } = view;
    let begin = 0;
    for await (const file of filesOf(service, object, signal)) {
      if (file.encrypted && begin + file.storedBytes > from) {
        await opens(service, file, password, signal);
        if (password !== undefined) this.options.passwords.set(link.cid, password);
      }
      const range = { from: Math.max(0, from - begin), to: Number.POSITIVE_INFINITY };
      for await (const part of service.readStored(file, signal, range)) {
        view.bytes += part.length;
        yield part;
      }
      begin += file.storedBytes;
    }
  }

  /** What the person wanted, out of what is here. */
  private async *content(
    save: Save,
    service: ObjectService,
    object: OpenedObject,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const { link, password = this.options.passwords.get(link.cid) } = save;
    const part = await this.partOf(save);
    let at = 0;
    const storedOf = ({ storedBytes }: OpenedObject): StoredReader => {
      const begin = at;
      at += storedBytes;
      return async function* ({ from, to }) {
        for await (const bytes of part.read(begin + from, begin + Math.min(to, storedBytes))) {
          save.view.through = begin + from;
          yield bytes;
          from += bytes.length;
        }
        save.view.through = begin + from;
      };
    };
    const whole =
      object.kind === 'folder'
        ? service.zip(object, signal, { password, storedOf })
        : service.read(object, signal, { password, stored: storedOf(object) });
    for await (const bytes of whole) {
      signal.throwIfAborted();
      yield bytes;
    }
  }

  private async requireRoom(bytes: number): Promise<void> {
    const { available } = await this.options.directory.space();
    if (available !== null && available < bytes)
      throw new StorageError('disk-full', SETTINGS, `${bytes} bytes wanted, ${available} left`);
  }

  private partOf(save: Save): Promise<PartFile> {
    save.part ??= PartFile.open(this.options.directory, save.record.id);
    save.part.catch(() => (save.part = null));
    return save.part;
  }

  private async closePart(save: Save): Promise<void> {
    const part = await save.part?.catch(() => null);
    save.part = null;
    await part?.close();
  }

  /** Bytes that an earlier run says to have brought; 0 where another tab has them open. */
  private async claimed(save: Save): Promise<number> {
    try {
      return await (await this.partOf(save)).claimed();
    } catch {
      return 0;
    } finally {
      await this.closePart(save);
    }
  }

  private async discard(save: Save): Promise<void> {
    const part = await this.partOf(save).catch(() => null);
    save.part = null;
    await part?.discard();
  }

  /** What is over and needs nothing more is not remembered. */
  private remember(): Promise<void> {
    const records = [...this.saves.values()]
      .filter(({ view, record }) => view.state !== 'done' || record.handedOver)
      .map(({ record }) => record);
    return this.options.store.putSetting(SETTINGS, records);
  }
}

/** Throws ObjectError unless the password opens the file. */
async function opens(
  service: ObjectService,
  file: OpenedObject,
  password: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  for await (const _ of service.read(file, signal, { password, range: { from: 0, to: 1 } })) return;
}

const SENTENCES: Partial<Record<StorageErrorCode, string>> = {
  'disk-full':
    'The disk, or the space that the browser gives this app, has no room for this. Free some, then continue: what is here stays.',
  'no-permission': 'The browser does not let this page write to the file. Continue asks you again.',
  'not-found': 'The file or its folder is not there any more. Save it to another place.',
  'place-lost':
    'The file’s folder or drive cannot be reached. Connect it again, or save it to another place.',
  'in-use': 'Another tab or program has the file open. Close it there, then continue.',
  damaged: 'A part of what was kept here is not as it was written. Continue fetches it again.',
};

/** The same while the person's file is written. */
const WRITING: Partial<Record<StorageErrorCode, string>> = {
  'disk-full':
    'The drive that the file lies on is full. Free some space there, then continue, or save it to another place: what is here stays.',
  'not-empty':
    'Something was written to this file after you picked it. It stays as it is: save it to another place.',
  'in-use':
    'Another tab or program has the file open, or put another in its place. Continue tries again, or save it to another place.',
};

function troubleOf(error: unknown, writing: boolean): string {
  if (!(error instanceof StorageError)) return explained(error);
  return (writing ? WRITING[error.code] : undefined) ?? SENTENCES[error.code] ?? explained(error);
}
