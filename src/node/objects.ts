/**
 * Objects behind the node: the storage network, retrievals that can be paused, and answers for the page's own
 * addresses. Opened once the chain is followed: what it fetches is checked against that chain.
 */
import { onAbort } from '../async/on-abort.ts';
import type { LightClient } from '../chain/light-client.ts';
import type { ComputePool } from '../crypto/jobs.ts';
import type { PeerPlatform } from '../dsn/peer.ts';
import type { RpcSource } from '../network/source.ts';
import { sentenceResponse } from '../objects/guarded.ts';
import { HistoryIndex, indexLocator } from '../objects/history-index.ts';
import { parseObjectLink } from '../objects/link.ts';
import type { ResponseOptions } from '../objects/response.ts';
import type { RetrievalEvent } from '../objects/nodes.ts';
import type { ObjectService } from '../objects/service.ts';
import { sentenceOf } from '../protocol/errors.ts';
import type { FarmDirectory } from '../storage/directory.ts';
import type { NodeStore } from '../storage/store.ts';
import type { GatewaySettings } from './gateway.ts';
import { KeptObjects, type KeptView } from './kept-objects.ts';
import type { ObjectView } from './object-view.ts';
import { ObjectOpener, type OpenInput } from './object-opener.ts';
import type { OpeningView } from './openings.ts';
import type { Payments } from './payments.ts';
import { samplesOf, type SampleView } from './samples.ts';
import type { ResumeInput, SaveInput, SaveView } from './save-view.ts';
import { Saves } from './saves.ts';
import { Searches, type SearchView } from './searches.ts';
import { StorageNetwork, type FarmShare, type StorageNetworkView } from './storage-network.ts';
import { Transfers, type TransferView } from './transfers.ts';
import type { UploadView } from './upload-records.ts';
import { Uploads, type UploadInput } from './uploads.ts';
import type { RetrievalSource } from './watched.ts';

export interface ObjectsStatus {
  /** What is being opened. */
  openings: OpeningView[];
  network: StorageNetworkView;
  /** What was fetched and is kept for the next time. */
  cache: ReturnType<KeptObjects['cacheView']>;
  transfers: TransferView[];
  /** Newest first. */
  saves: SaveView[];
  /** The search through all of history, if there is one. */
  search: SearchView | null;
  /** Newest first. */
  uploads: UploadView[];
  kept: KeptView[];
  samples: SampleView[];
}

export interface ObjectDeskOptions {
  client: LightClient;
  pool: ComputePool;
  sources: readonly RpcSource[];
  store: NodeStore;
  platform: PeerPlatform;
  /** Where pieces are kept; null keeps none. */
  pieces: FarmDirectory | null;
  /** Where pieces kept for others lie. */
  nearDirectory: FarmDirectory;
  /** Where it is remembered what was looked through. */
  indexDirectory: FarmDirectory;
  /** Where objects wait that are being saved. */
  savesDirectory: FarmDirectory;
  /** Where nodes wait that are being sent. */
  uploadsDirectory: FarmDirectory;
  farms: FarmShare;
  /** What signs and sends uploads. */
  payments(): Promise<Payments>;
  /** Multiaddresses to begin with beside those that the nodes name. */
  peers?: readonly string[];
}

/** Commands of the page, by name. */
export type ObjectCommands = Pick<ObjectDesk, (typeof COMMANDS)[number]>;

const COMMANDS = [
  'status',
  'open',
  'cancelOpen',
  'fetch',
  'pause',
  'resume',
  'cancel',
  'save',
  'pauseSave',
  'continueSave',
  'cancelSave',
  'saveTarget',
  'search',
  'pauseSearch',
  'forgetSearch',
  'setIndexers',
  'pin',
  'forget',
  'setCache',
  'setNear',
  'checkKept',
  'connect',
  'setGateway',
  'forgetGateway',
  'prepareUpload',
  'sendUpload',
  'forgetUpload',
] as const;

type Command = (input: unknown) => Promise<unknown>;

export class ObjectDesk {
  private samples: SampleView[] = [];
  transfers!: Transfers;
  private saves!: Saves;
  private uploads!: Uploads;
  private searches!: Searches;

  private constructor(
    readonly network: StorageNetwork,
    private readonly kept: KeptObjects,
    private readonly opener: ObjectOpener,
  ) {}

  /** Joins the storage network. Throws NodeError `too-early` before the network is known; unreachable peers are no failure. */
  static async open(options: ObjectDeskOptions): Promise<ObjectDesk> {
    const { client, sources, store, pieces, peers = [] } = options;
    const kept = await KeptObjects.open(store, pieces);
    let index: Promise<HistoryIndex> | null = null;
    const openIndex = (): Promise<HistoryIndex> =>
      (index ??= HistoryIndex.open(options.indexDirectory, client));
    const locators = [indexLocator(openIndex)];
    const opener = new ObjectOpener(() => network.service);
    const network = await StorageNetwork.open({
      ...options,
      cache: kept.cache,
      peers,
      locators,
      watch: (event) => opener.note(event),
    });
    const desk = new ObjectDesk(network, kept, opener);
    desk.transfers = await Transfers.open({
      ...desk.retrievals(),
      store,
      settled: () => network.settled(),
      here: (found) => kept.settledHere(found),
      roomFor: (cid) => kept.roomFor(cid),
      done: (view, link, found) => kept.add(view, link, found),
    });
    desk.saves = await Saves.open({
      ...desk.retrievals(),
      store,
      directory: options.savesDirectory,
      passwords: opener.passwords,
    });
    desk.searches = await Searches.open({
      store,
      pieces: network.pieces,
      openIndex,
      historySize: () => client.historySize(),
      found: (place) => desk.service.addPlace(place),
    });
    desk.samples = await samplesOf(sources);
    desk.uploads = await Uploads.open({
      store,
      directory: options.uploadsDirectory,
      payments: options.payments,
      freshService: () => desk.serviceWatchedBy(() => undefined),
      archivedDepth: () => client.constants()?.confirmationDepthK ?? 0,
    });
    return desk;
  }

  private retrievals(): RetrievalSource {
    return {
      originOf: (index) => this.network.originOf(index),
      serviceWatchedBy: (watch) => this.serviceWatchedBy(watch),
    };
  }

  /** For code of the node and for programs: the objects themselves. */
  get service(): ObjectService {
    return this.network.service;
  }

  /** A service of its own for who wants to watch one retrieval. */
  serviceWatchedBy(watch: (event: RetrievalEvent) => void): ObjectService {
    return this.network.serviceWatchedBy(watch);
  }

  async close(): Promise<void> {
    this.transfers.close();
    await this.saves.close();
    this.searches.pause();
    this.uploads.close();
    await this.network.close();
  }

  /** Runs a command of the page. Throws RangeError for a name that is none. */
  command(name: string, input: unknown): Promise<unknown> {
    const known = COMMANDS.find((command) => command === name);
    if (known === undefined) throw new RangeError(`${name.slice(0, 40)} is no command of objects`);
    return (this[known] as Command).call(this, input);
  }

  async status(): Promise<ObjectsStatus> {
    return {
      openings: this.opener.views(),
      network: this.network.view(),
      cache: this.kept.cacheView(),
      transfers: this.transfers.views(),
      saves: this.saves.views(),
      search: this.searches.view(),
      uploads: this.uploads.views(),
      kept: this.kept.views(),
      samples: this.samples,
    };
  }

  /** Finds and verifies an object's head; see `ObjectOpener`. */
  open(input: OpenInput): Promise<ObjectView> {
    return this.opener.open(input);
  }

  /** Gives up what is being opened. */
  async cancelOpen(input: { id: string }): Promise<void> {
    this.opener.cancel(input.id);
  }

  /** All of a small file, verified; null where it cannot be had soon. */
  smallContent(cid: string): Promise<Uint8Array | null> {
    return this.service.small(cid);
  }

  /** Fetches all of an object into the cache, verified. Returns the retrieval's id. */
  async fetch(input: { link: string }): Promise<string> {
    return this.transfers.start(parseObjectLink(input.link));
  }

  async pause(input: { id: string }): Promise<void> {
    this.transfers.pause(input.id);
  }

  async resume(input: { id: string }): Promise<void> {
    this.transfers.resume(input.id);
  }

  async cancel(input: { id: string }): Promise<void> {
    this.transfers.cancel(input.id);
  }

  /** Begins to save an object to a file or as a download, or goes on with that. Returns the save's id. */
  save(input: SaveInput): Promise<string> {
    return this.saves.start(input);
  }

  async pauseSave(input: { id: string }): Promise<void> {
    this.saves.pause(input.id);
  }

  continueSave(input: ResumeInput): Promise<void> {
    return this.saves.resume(input);
  }

  cancelSave(input: { id: string }): Promise<void> {
    return this.saves.cancel(input.id);
  }

  /** The file that a save goes to, with which the page asks for access; null: a download. */
  async saveTarget(input: { id: string }): Promise<FileSystemFileHandle | null> {
    return this.saves.targetOf(input.id);
  }

  /** Looks through all of history for an object that nobody knows a place of, or goes on with that. */
  async search(input: { link: string }): Promise<void> {
    const { cid } = parseObjectLink(input.link);
    this.searches.search(cid).catch(() => undefined);
  }

  async pauseSearch(): Promise<void> {
    this.searches.pause();
  }

  forgetSearch(): Promise<void> {
    return this.searches.forget();
  }

  /** The same for a program, which waits: resolves to whether it was found. Rejects when it is stopped. */
  async searchFor(cid: string, signal: AbortSignal): Promise<boolean> {
    const leave = onAbort(signal, () => this.searches.pause());
    try {
      return (await this.searches.search(cid)) !== null;
    } finally {
      leave();
    }
  }

  searchView(): SearchView | null {
    return this.searches.view();
  }

  /** Indexes that are asked where objects lie, besides nodes. */
  setIndexers(input: { addresses: string[] }): Promise<void> {
    return this.network.setIndexers(input.addresses);
  }

  /** Keeps an object's pieces whatever else is fetched, or lets them go with the oldest. */
  pin(input: { cid: string; pinned: boolean }): Promise<void> {
    return this.kept.pin(input.cid, input.pinned);
  }

  /** Takes an object off the list; its pieces go when the cache needs their space. */
  forget(input: { cid: string }): Promise<void> {
    return this.kept.forget(input.cid);
  }

  /** Gives the cache more or less space. */
  setCache(input: { bytes: number }): Promise<void> {
    return this.kept.resize(input.bytes);
  }

  setNear(input: { bytes: number | null }): Promise<void> {
    return this.network.setNear(input);
  }

  /**
   * Reads every piece that is kept, for others and of what was opened; damaged ones are removed and come again when
   * they are wanted, unless it is a dry run. Throws StorageError.
   */
  async checkKept({ dryRun }: { dryRun: boolean }): Promise<{ whole: number; damaged: number }> {
    const near = await this.network.checkNear(dryRun);
    const opened = await this.kept.check(dryRun);
    return { whole: near.whole + opened.whole, damaged: near.damaged.length + opened.damaged.length };
  }

  connect(input: { address: string }): Promise<void> {
    return this.network.connect(input);
  }

  setGateway(input: GatewaySettings): Promise<void> {
    return this.network.setGateway(input);
  }

  forgetGateway(): Promise<void> {
    return this.network.forgetGateway();
  }

  /** Makes a file or folder ready to be stored and tells its price; nothing is sent. */
  prepareUpload(input: UploadInput): Promise<UploadView> {
    return this.uploads.prepare(input);
  }

  /** Signs and sends what was prepared, or the rest of what was sent in part. */
  sendUpload(input: { id: string }): Promise<void> {
    return this.uploads.send(input);
  }

  forgetUpload(input: { id: string }): Promise<void> {
    return this.uploads.forget(input);
  }

  /**
   * The answer for one of the app's own addresses, `/object/CID/PATH…?at=…`: verified bytes, ranges included.
   * Failures are answers, too.
   */
  async respond(url: URL, options: Omit<ResponseOptions, 'password'>): Promise<Response> {
    try {
      const link = parseObjectLink(url.href);
      const names = url.pathname
        .split('/')
        .slice(3)
        .filter((name) => name !== '');
      const path = names.map((name) => decodeURIComponent(name));
      const password = this.opener.passwords.get(link.cid);
      const saved = url.searchParams.get('saved');
      if (saved !== null) return await this.saves.respond(saved, options);
      const folder = url.searchParams.has('zip');
      if (folder) return await this.service.respondZip(link, { ...options, password });
      const response = await this.service.respond(link, path, { ...options, password });
      if (url.searchParams.has('download')) asDownload(response.headers);
      return response;
    } catch (error) {
      if (options.signal.aborted) throw error;
      return sentenceResponse(sentenceOf(error), 400);
    }
  }
}

function asDownload(headers: Headers): void {
  const disposition = headers.get('Content-Disposition') ?? 'attachment';
  headers.set('Content-Disposition', disposition.replace(/^inline/, 'attachment'));
}
