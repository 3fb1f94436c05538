/**
 * Retrievals that the person watches: of a file, or of everything in a folder, paused and resumed at will. The bytes are
 * fetched as they are stored, so that no password is needed.
 */
import { objectPath, parseObjectLink, type ObjectLink } from '../objects/link.ts';
import { RAW_RECORD_BYTES } from '../protocol/constants.ts';
import type { NodeStore } from '../storage/store.ts';
import { explained } from './causes.ts';
import { NodeError } from './errors.ts';
import { filesOf } from './files-of.ts';
import { Watched, type RetrievalSource, type WatchedView } from './watched.ts';

export interface TransferView extends WatchedView {
  id: string;
  cid: string;
  name: string;
  kind: 'file' | 'folder' | 'metadata';
  state: 'running' | 'paused' | 'done' | 'failed';
  /** Stored bytes that were verified, and how many there are; null while that is not known. */
  bytes: number;
  totalBytes: number | null;
  /** The sentence of the failure, and where it happened in a second line. */
  error: string | null;
}

interface Transfer {
  view: Omit<TransferView, keyof WatchedView>;
  link: ObjectLink;
  watched: Watched;
  stop: AbortController | null;
}

/** What is remembered of a retrieval between runs. */
type TransferRecord = Pick<TransferView, 'name' | 'kind' | 'bytes' | 'totalBytes'> & { path: string };

export interface TransfersOptions extends RetrievalSource {
  store: Pick<NodeStore, 'setting' | 'putSetting'>;
  /** Waits until the pieces that came are checked and kept. */
  settled(): Promise<void>;
  /** How many pieces of an object there is room for. */
  roomFor(cid: string): number;
  /** How many of these pieces are kept. */
  here(pieces: readonly string[]): Promise<number>;
  /** Called when all of an object was fetched and is kept, with the pieces that it lies in. */
  done(view: Transfer['view'], link: ObjectLink, pieces: string[]): void;
}

/** Retrievals listed; the oldest finished ones are forgotten. */
const MAX_TRANSFERS = 20;
const PAUSED = 'paused';
const SETTINGS = 'transfers';

export class Transfers {
  private readonly transfers = new Map<string, Transfer>();

  private constructor(private readonly options: TransfersOptions) {}

  /** Those of earlier runs that did not come to their end, paused. Throws StorageError. */
  static async open(options: TransfersOptions): Promise<Transfers> {
    const transfers = new Transfers(options);
    for (const { path, ...known } of (await options.store.setting<TransferRecord[]>(SETTINGS)) ?? [])
      Object.assign(transfers.add(parseObjectLink(path)).view, known);
    return transfers;
  }

  views(): TransferView[] {
    return [...this.transfers.values()]
      .reverse()
      .map(({ view, watched }) => ({ ...view, ...watched.view() }));
  }

  private add(link: ObjectLink): Transfer {
    const view: Transfer['view'] = {
      id: crypto.randomUUID(),
      cid: link.cid,
      name: '',
      kind: 'file',
      state: 'paused',
      bytes: 0,
      totalBytes: null,
      error: null,
    };
    const transfer = { view, link, watched: new Watched(this.options), stop: null };
    this.transfers.set(view.id, transfer);
    return transfer;
  }

  /** A full disk, on which nothing can be remembered, keeps nothing from being fetched. */
  private remember(): void {
    const records = [...this.transfers.values()]
      .filter(({ view }) => view.state !== 'done')
      .map(({ link, view: { name, kind, bytes, totalBytes } }): TransferRecord => {
        return { path: objectPath(link), name, kind, bytes, totalBytes };
      });
    this.options.store.putSetting(SETTINGS, records).catch(() => undefined);
  }

  start(link: ObjectLink): string {
    const { id } = this.add(link).view;
    for (const [old, { view: other }] of this.transfers) {
      if (this.transfers.size <= MAX_TRANSFERS) break;
      if (other.state === 'done' || other.state === 'failed') this.transfers.delete(old);
    }
    this.run(id);
    return id;
  }

  pause(id: string): void {
    this.transfers.get(id)?.stop?.abort(new DOMException(PAUSED, 'AbortError'));
  }

  /** Goes on: what was fetched before comes out of the cache. */
  resume(id: string): void {
    if (this.transfers.get(id)?.view.state === 'paused' || this.transfers.get(id)?.view.state === 'failed')
      this.run(id);
  }

  cancel(id: string): void {
    this.pause(id);
    this.transfers.delete(id);
    this.remember();
  }

  close(): void {
    for (const id of this.transfers.keys()) this.pause(id);
  }

  private run(id: string): void {
    const transfer = this.transfers.get(id)!;
    const stop = new AbortController();
    transfer.stop = stop;
    Object.assign(transfer.view, { state: 'running', error: null, bytes: 0 });
    const read = this.read(transfer, stop.signal).then(() => this.requireKept(transfer.watched));
    const over = read.then(
      (pieces) => {
        transfer.view.state = 'done';
        this.options.done(transfer.view, transfer.link, pieces);
      },
      (error: unknown) => {
        transfer.view.state = stop.signal.aborted ? 'paused' : 'failed';
        transfer.view.error = stop.signal.aborted ? null : explained(error);
      },
    );
    void over.then(() => this.remember());
  }

  /** The pieces that all of it lies in. Throws NodeError where there was no room for some. */
  private async requireKept(watched: Watched): Promise<string[]> {
    await this.options.settled();
    const pieces = [...watched.pieces];
    const here = await this.options.here(pieces);
    if (here < pieces.length)
      throw new NodeError(
        'failed',
        `All of it came and was right, but of its ${pieces.length} pieces there was room for ${here} only. Free some space on the disk, or choose more under “Space for what you open”, and try again.`,
      );
    return pieces;
  }

  /** Throws NodeError, before anything is fetched, for what takes more pieces than can be kept. */
  private requireRoom(cid: string, bytes: number): void {
    const pieces = Math.ceil(bytes / RAW_RECORD_BYTES);
    const room = this.options.roomFor(cid);
    if (pieces > room)
      throw new NodeError(
        'failed',
        `It lies in some ${pieces} pieces, and there is room for ${room} beside what is pinned. Choose more under “Space for what you open”, or save it instead.`,
      );
  }

  private async read(transfer: Transfer, signal: AbortSignal): Promise<void> {
    const { view, link, watched } = transfer;
    const service = watched.service();
    const object = await service.open(link, signal);
    view.kind = object.kind;
    view.name = object.name ?? link.cid;
    view.totalBytes = object.storedBytes;
    this.remember();
    this.requireRoom(view.cid, object.storedBytes);
    const everything = { from: 0, to: Number.POSITIVE_INFINITY };
    for await (const file of filesOf(service, object, signal))
      for await (const part of service.readStored(file, signal, everything)) view.bytes += part.length;
    // What a folder says of itself is its writer's word.
    view.totalBytes = view.bytes;
  }
}
