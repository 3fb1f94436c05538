/** The role of a cache: keeps the pieces that the controller gives it and hands them out. */
import { clusterMessages, DEFAULT_CACHE_GROUP } from '../protocol/cluster/messages.ts';
import type { Result } from '../protocol/codec.ts';
import { createUlid } from '../farm/ulid.ts';
import { sentenceOf } from '../protocol/errors.ts';
import { Announcer } from './announcer.ts';
import type { CacheStore } from './cache-store.ts';
import type { ClusterConnection } from './connection.ts';
import { IdentityWatch } from './identity-watch.ts';

export interface CacheOptions {
  connection: ClusterConnection;
  store: CacheStore;
  /** The controllers that it belongs to. */
  group?: string;
  log?: (line: string) => void;
}

export class CacheMember {
  /**
   * `ClusterCacheId` of this program; new with every start, since native controllers ask a program once for the size
   * of its caches.
   */
  private readonly programId = createUlid();
  private readonly announcer: Announcer;
  private readonly watch: IdentityWatch;
  private readonly off: (() => void)[] = [];

  constructor(private readonly options: CacheOptions) {
    this.announcer = new Announcer(options.connection, () => this.announce());
    this.watch = new IdentityWatch(
      'cache',
      (text) => options.log?.(text),
      () => this.announcer.again(),
    );
  }

  private get group(): string {
    return this.options.group ?? DEFAULT_CACHE_GROUP;
  }

  /** Begins to serve. */
  start(): void {
    const { connection, store } = this.options;
    const { programId } = this;
    const pieceCacheId = store.id;
    const own = { instance: pieceCacheId, queue: pieceCacheId };
    const messages = clusterMessages;
    this.off.push(
      connection.respondStream(
        messages.cacheDetails,
        { instance: programId, queue: programId },
        async function* details() {
          yield { pieceCacheId, maxNumElements: store.capacity };
        },
      ),
      connection.respond(messages.writePiece, own, ({ offset, pieceIndex, piece }) =>
        attempt(async () => {
          await store.write(offset, pieceIndex, piece);
          return null;
        }),
      ),
      connection.respond(messages.readPieceIndex, own, (offset) =>
        attempt(async () => store.indexAt(offset)),
      ),
      connection.respond(messages.readPiece, own, (offset) => attempt(() => store.read(offset))),
      connection.respondStream(messages.readPieces, own, async function* read(offsets, signal) {
        for (const offset of offsets) {
          signal.throwIfAborted();
          yield await attempt(async (): Promise<[number, [bigint, Uint8Array] | null]> => [
            offset,
            await store.read(offset),
          ]);
        }
      }),
      connection.respondStream(messages.contents, own, async function* contents(_, signal) {
        for (let offset = 0; offset < store.capacity; offset += 1) {
          if (signal.aborted) return;
          yield { ok: true as const, value: [offset, store.indexAt(offset)] as [number, bigint | null] };
        }
      }),
      connection.listen(messages.pieceCacheIdentify, (other) => {
        if (other.pieceCacheId === pieceCacheId) this.watch.seen(pieceCacheId);
      }),
    );
    this.announcer.start((again) =>
      connection.listen(messages.identifyCaches, again, { instance: this.group }),
    );
  }

  private announce(): void {
    const { connection, store } = this.options;
    const identity = { pieceCacheId: store.id, maxNumElements: store.capacity };
    connection.publish(clusterMessages.cacheIdentify, this.programId, this.group);
    connection.publish(clusterMessages.pieceCacheIdentify, identity, this.group);
  }

  async stop(): Promise<void> {
    this.announcer.stop();
    for (const off of this.off.splice(0)) off();
    await this.options.store.close();
  }
}

async function attempt<T>(work: () => Promise<T>): Promise<Result<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    return { ok: false, error: sentenceOf(error) };
  }
}
