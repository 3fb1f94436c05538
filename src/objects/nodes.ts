/** Nodes out of history: located, fetched piece by piece, and accepted by their hash alone. */
import { toHex } from '../protocol/bytes.ts';
import { cidOfHash } from '../protocol/cid.ts';
import { MAX_NODE_BYTES } from '../protocol/dag.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { fetchObject, type ObjectFault } from '../protocol/object-retrieval.ts';
import type { PieceWish } from '../dsn/supply.ts';
import { isSourcePiece, nextSourcePiece } from '../protocol/segment.ts';
import type { GlobalObject, PieceIndex } from '../protocol/types.ts';
import { ObjectError } from './errors.ts';
import { HintBook, type Hint, type Locator } from './locate.ts';
import { NeighbourLocator } from './scan.ts';
import { keyOf, type NodeSource } from './tree.ts';
import { PieceWindow, type PieceAccess } from './window.ts';

/** What happens while an object is retrieved, for those who watch. */
export type RetrievalEvent =
  /** Nobody told a place so far that is right: these are asked. */
  | { kind: 'asking'; cid: string; whom: string[] }
  | { kind: 'fetching'; cid: string; giver: string; place: GlobalObject }
  /** A piece was looked through, for whatever lies in it. */
  | { kind: 'looked'; pieceIndex: PieceIndex }
  | { kind: 'located'; cid: string; giver: string; place: GlobalObject }
  | { kind: 'hint-wrong'; cid: string; giver: string; code: string }
  | { kind: 'verified'; cid: string; bytes: number; pieceIndex: PieceIndex };

export interface NodeStoreOptions {
  pieces: PieceAccess;
  /** Asked where nodes lie, all at once. The history around known places is looked through besides. */
  locators: readonly Locator[];
  /** Bytes of nodes kept in memory. */
  cacheBytes?: number;
  watch?(event: RetrievalEvent): void;
}

/** A node whose hash is right. */
interface Kept {
  bytes: Uint8Array;
  /** Where it was found. */
  place: GlobalObject;
  /** Whether those who watch know. */
  told: boolean;
}

/** What a locator knows it tells within this time, which is cheaper than to look through history. */
const HEAD_START_MS = 400;
const CACHE_BYTES = 16 * 1024 * 1024;

/** Hints say nothing about whoever gave them while pieces are missing. */
const NOBODYS_FAULT: ReadonlySet<string> = new Set<ObjectFault>(['piece-not-found']);

export class NodeStore implements NodeSource {
  readonly hints: HintBook;
  private readonly neighbours: NeighbourLocator;
  private readonly pieces: PieceWindow;
  private readonly cache = new Map<string, Kept>();
  private cached = 0;

  constructor(private readonly options: NodeStoreOptions) {
    this.pieces = new PieceWindow(options.pieces);
    this.neighbours = new NeighbourLocator(this.pieces, {
      came: (place, bytes) => this.meet(place, bytes),
      looked: (pieceIndex) => options.watch?.({ kind: 'looked', pieceIndex }),
      headStartMs: options.locators.length > 0 ? HEAD_START_MS : 0,
    });
    this.hints = new HintBook([...options.locators, this.neighbours]);
  }

  /** Takes places out of a link: the first is the object's own. */
  addLinkHints(hash: Uint8Array, places: readonly Pick<GlobalObject, 'pieceIndex' | 'offset'>[]): void {
    const [own] = places;
    if (own !== undefined) this.hints.add([{ hash, ...own }], 'the link');
    for (const { pieceIndex } of places) if (pieceIndex % 2n === 0n) this.neighbours.near(pieceIndex);
  }

  expect(hash: Uint8Array, bytesBefore: number): void {
    const [known] = this.hints.known(hash);
    if (known !== undefined) this.neighbours.expect(known.place, bytesBefore);
  }

  /** Takes a node that the search through history came across, wanted or not; its hash was computed. */
  private meet(place: GlobalObject, bytes: Uint8Array): void {
    this.keep(keyOf(place.hash), { bytes, place, told: false });
    this.hints.add([place], this.neighbours.name);
  }

  /**
   * Bytes of a node by its hash (32 bytes).
   *
   * @throws ObjectError `not-located`, `not-answered`, `hints-wrong` or `pieces-missing`, naming node and piece; the signal's reason.
   */
  node(hash: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    return this.get(hash, signal, true);
  }

  /**
   * The same of the head of an object. It lies near no other object that is known: where nobody tells a place, history
   * is not looked through for it.
   */
  head(hash: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    return this.get(hash, signal, this.hints.known(hash).length > 0);
  }

  /** `around`: whether to look through the history around known places where nobody knows one. */
  private async get(hash: Uint8Array, signal: AbortSignal, around: boolean): Promise<Uint8Array> {
    signal.throwIfAborted();
    const key = keyOf(hash);
    const kept = this.cache.get(key) ?? (await this.fetch(hash, signal, around));
    this.keep(key, kept);
    if (!kept.told) {
      const { bytes, place } = kept;
      const { pieceIndex } = place;
      this.options.watch?.({ kind: 'verified', cid: cidOfHash(hash), bytes: bytes.length, pieceIndex });
      kept.told = true;
    }
    return kept.bytes;
  }

  private async fetch(hash: Uint8Array, signal: AbortSignal, around: boolean): Promise<Kept> {
    const failures: ObjectError[] = [];
    const tried = new Set(around ? [] : [this.neighbours.name]);
    let hints = this.hints.known(hash);
    do {
      // The search for hints comes across the nodes themselves.
      const met = this.cache.get(keyOf(hash));
      if (met !== undefined) return met;
      const found = await this.tryHints(hash, hints, failures, signal);
      if (found !== null) return found;
      for (const { giver } of hints) tried.add(giver);
      this.options.watch?.({ kind: 'asking', cid: cidOfHash(hash), whom: this.hints.askable(tried) });
      hints = await this.hints.ask(hash, signal, tried);
    } while (hints.length > 0);
    throw (
      failures.find(({ code }) => code === 'pieces-missing') ??
      failures[0] ??
      notLocated(hash, this.hints.unanswering())
    );
  }

  private async tryHints(
    hash: Uint8Array,
    hints: Hint[],
    failures: ObjectError[],
    signal: AbortSignal,
  ): Promise<Kept | null> {
    const cid = cidOfHash(hash);
    for (const hint of hints) {
      const { place, giver } = hint;
      this.options.watch?.({ kind: 'fetching', cid, giver, place });
      try {
        const bytes = await this.fetchFrom(place, signal);
        this.neighbours.near(place.pieceIndex);
        this.options.watch?.({ kind: 'located', cid, giver, place });
        return { bytes, place, told: false };
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof ProtocolError)) throw error;
        failures.push(failureOf(hash, hint, error, this.troublesAt(place)));
        if (NOBODYS_FAULT.has(error.code)) continue;
        this.hints.drop(hint);
        this.options.watch?.({ kind: 'hint-wrong', cid, giver, code: error.code });
      }
    }
    return null;
  }

  /** Whom the pieces at a place were asked of in vain; null: of nobody. */
  private troublesAt({ pieceIndex }: GlobalObject): string | null {
    const troubles = this.options.pieces.troublesOf?.([pieceIndex, nextSourcePiece(pieceIndex)]) ?? '';
    return troubles === '' ? null : troubles;
  }

  /** Where a node lies, as far as that is known. */
  placeOf(hash: Uint8Array): GlobalObject | null {
    return this.cache.get(keyOf(hash))?.place ?? this.hints.known(hash)[0]?.place ?? null;
  }

  /** With pieces as they arrive; with verified ones when that gives something else than the node. */
  private async fetchFrom(place: GlobalObject, signal: AbortSignal): Promise<Uint8Array> {
    const there = !isSourcePiece(place.pieceIndex) || (await this.neighbours.look(place, signal));
    const met = this.cache.get(keyOf(place.hash));
    // A node that lies elsewhere says nothing about this place.
    if (met?.place.pieceIndex === place.pieceIndex && met.place.offset === place.offset) return met.bytes;
    const as = (wish: PieceWish) => (indices: PieceIndex[]) => this.pieces.pieces(indices, signal, wish);
    if (!there) return fetchObject(place, (indices) => Promise.resolve(indices.map(() => null)));
    try {
      return await fetchObject(place, as({ quick: true }), MAX_NODE_BYTES);
    } catch (error) {
      if (!(error instanceof ProtocolError) || NOBODYS_FAULT.has(error.code)) throw error;
      return fetchObject(place, as({}), MAX_NODE_BYTES);
    }
  }

  private keep(key: string, kept: Kept): void {
    if (this.cache.has(key)) return;
    this.cache.set(key, kept);
    this.cached += kept.bytes.length;
    for (const [oldest, old] of this.cache) {
      if (this.cached <= (this.options.cacheBytes ?? CACHE_BYTES)) break;
      this.cache.delete(oldest);
      this.cached -= old.bytes.length;
    }
  }
}

function failureOf(
  hash: Uint8Array,
  { place, giver }: Hint,
  error: ProtocolError,
  peers: string | null,
): ObjectError {
  const missing = NOBODYS_FAULT.has(error.code);
  return new ObjectError({
    code: missing ? 'pieces-missing' : 'hints-wrong',
    message: `${giver} says piece ${place.pieceIndex}, offset ${place.offset}: ${error.message}`,
    sentence: missing
      ? 'A piece of history that this object lies in cannot be reached at the moment. Try again once more peers are connected.'
      : 'This object is not where it was said to be.',
    node: hash,
    values: { pieceIndex: place.pieceIndex, offset: place.offset, giver, peers, fault: error.code },
    cause: error,
  });
}

function notLocated(hash: Uint8Array, unanswering: readonly string[]): ObjectError {
  const names = unanswering.join(', ');
  return new ObjectError({
    code: unanswering.length === 0 ? 'not-located' : 'not-answered',
    message: `nobody knows where ${toHex(hash)} lies`,
    sentence:
      names === ''
        ? 'Nobody who was asked knows where in history this object lies.'
        : `Nobody who answered knows where in history this object lies. No answer came from ${names}; try again.`,
    node: hash,
  });
}
