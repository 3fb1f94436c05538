/** Objects for whoever wants them: the page, the service worker, the command line. */
import type { PieceSupply } from '../dsn/supply.ts';
import { within } from '../async/within.ts';
import { concat } from '../protocol/bytes.ts';
import { hashOfCid } from '../protocol/cid.ts';
import type { GlobalObject } from '../protocol/types.ts';
import { ObjectError } from './errors.ts';
import { parseObjectLink, type ObjectLink } from './link.ts';
import type { Locator } from './locate.ts';
import { NodeStore, type RetrievalEvent } from './nodes.ts';
import {
  listFolder,
  openObject,
  readObject,
  readStored,
  type ByteRange,
  type FolderEntry,
  type OpenedObject,
  type ReadOptions,
} from './object.ts';
import { errorResponse, objectResponse, zipResponse, type ResponseOptions } from './response.ts';
import { allNodes } from './tree.ts';
import { zipFolder, type ZipOptions } from './zip.ts';

/** Largest file that other parts of the node read whole. */
const MAX_SMALL_BYTES = 1024 * 1024;
const SMALL_TIMEOUT_MS = 30_000;

export interface ObjectServiceOptions {
  pieces: Pick<PieceSupply, 'pieces'> & Partial<Pick<PieceSupply, 'troublesOf'>>;
  locators: readonly Locator[];
  watch?(event: RetrievalEvent): void;
}

export class ObjectService {
  private readonly nodes: NodeStore;

  constructor(options: ObjectServiceOptions) {
    this.nodes = new NodeStore(options);
  }

  /** Takes a place of an object's node, e.g. from a search through history; it is believed no more than others. */
  addPlace(place: GlobalObject): void {
    this.nodes.hints.add([place], 'a search through history');
  }

  /**
   * Fetches and verifies the head of what a link or identifier names.
   *
   * @throws DecodeError, ObjectError
   */
  async open(link: string | ObjectLink, signal: AbortSignal): Promise<OpenedObject> {
    const { cid, hints } = typeof link === 'string' ? parseObjectLink(link) : link;
    const hash = hashOfCid(cid);
    this.nodes.addLinkHints(hash, hints);
    return openObject(this.nodes, cid, signal).catch((error: unknown) => {
      throw this.placed(error, hash);
    });
  }

  /** The link to an opened object, with the place where its head was found. */
  linkTo({ hash }: OpenedObject, cid: string): ObjectLink {
    return {
      cid,
      hints: this.nodes.hints
        .known(hash)
        .slice(0, 1)
        .map(({ place }) => place),
    };
  }

  /** Who told the place where an opened object's head was found; null where nobody did. */
  giverOf({ hash }: OpenedObject): string | null {
    return this.nodes.hints.known(hash)[0]?.giver ?? null;
  }

  /** The entries of a folder. Throws ObjectError. */
  entries(folder: OpenedObject, signal: AbortSignal, deep = false): AsyncGenerator<FolderEntry> {
    return this.placing(listFolder(this.nodes, folder, signal, { deep }), folder);
  }

  /** The content of a file, verified. Throws ObjectError. */
  read(object: OpenedObject, signal: AbortSignal, options: ReadOptions = {}): AsyncGenerator<Uint8Array> {
    return this.placing(readObject(this.nodes, object, signal, options), object);
  }

  /** The bytes of a file as they are stored, verified. Throws ObjectError. */
  readStored(object: OpenedObject, signal: AbortSignal, range: ByteRange): AsyncGenerator<Uint8Array> {
    return this.placing(readStored(this.nodes, object, signal, range), object);
  }

  /** All of a small file, verified; null if it is none, is too large, or cannot be had within half a minute. */
  async small(cid: string): Promise<Uint8Array | null> {
    return within(SMALL_TIMEOUT_MS, undefined, async (signal) => {
      const parts: Uint8Array[] = [];
      let length = 0;
      try {
        const object = await this.open({ cid, hints: [] }, signal);
        if (object.kind !== 'file') return null;
        for await (const part of this.read(object, signal)) {
          length += part.length;
          if (length > MAX_SMALL_BYTES) return null;
          parts.push(part);
        }
      } catch (error) {
        if (error instanceof ObjectError || signal.aborted) return null;
        throw error;
      }
      return concat(...parts);
    });
  }

  /** Hashes of all nodes of an object, each fetched and verified, those of files in a folder too. Throws ObjectError. */
  nodesOf(object: OpenedObject, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    return this.placing(allNodes(this.nodes, object.hash, object.head, signal), object);
  }

  /** A folder as a zip file. Throws ObjectError. */
  zip(folder: OpenedObject, signal: AbortSignal, options: ZipOptions = {}): AsyncGenerator<Uint8Array> {
    return this.placing(zipFolder(this.nodes, folder, signal, options), folder);
  }

  /**
   * Answers a request for an object, or for a file inside a folder by its path. Failures are responses too.
   *
   * @param path Names from the object down; empty for the object itself.
   */
  async respond(
    link: string | ObjectLink,
    path: readonly string[],
    options: ResponseOptions,
  ): Promise<Response> {
    try {
      const object = await this.open(link, options.signal);
      return await objectResponse(this.nodes, await this.inside(object, path, options.signal), options);
    } catch (error) {
      if (options.signal.aborted) throw error;
      return errorResponse(error);
    }
  }

  /** Answers a request for a folder as a zip file. Failures are responses too. */
  async respondZip(
    link: string | ObjectLink,
    { password, signal }: Pick<ResponseOptions, 'password' | 'signal'>,
  ): Promise<Response> {
    try {
      const folder = await this.open(link, signal);
      return await zipResponse(this.zip(folder, signal, { password }), folder);
    } catch (error) {
      if (signal.aborted) throw error;
      return errorResponse(error);
    }
  }

  /** The same, whose failures say where they happened. */
  private async *placing<T>(work: AsyncGenerator<T>, { hash }: OpenedObject): AsyncGenerator<T> {
    try {
      yield* work;
    } catch (error) {
      throw this.placed(error, hash);
    }
  }

  private placed(error: unknown, hash: Uint8Array): unknown {
    if (!(error instanceof ObjectError)) return error;
    return error.at(hash, (cid) => this.nodes.placeOf(hashOfCid(cid)));
  }

  private async inside(
    object: OpenedObject,
    path: readonly string[],
    signal: AbortSignal,
  ): Promise<OpenedObject> {
    let at = object;
    for (const [depth, name] of path.entries()) {
      // The last part of a file's own address only gives it a name.
      if (at.kind === 'file' && depth === path.length - 1) return at;
      at = await this.child(at, name, signal);
    }
    return at;
  }

  private async child(folder: OpenedObject, name: string, signal: AbortSignal): Promise<OpenedObject> {
    for await (const entry of this.entries(folder, signal)) if (entry.path === name) return entry;
    throw new ObjectError({
      code: 'not-located',
      message: `no entry “${name}”`,
      sentence: `There is no “${name}” in this folder.`,
      node: folder.hash,
    });
  }
}
