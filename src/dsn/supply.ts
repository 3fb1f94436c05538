/**
 * The supply of pieces: own cache, then whoever may have them, then reconstruction out of any 128 pieces of the
 * segment. What leaves here is verified against the chain's commitments, unless its taker can do without.
 */
import { Later } from '../async/later.ts';
import { onAbort } from '../async/on-abort.ts';
import { pause } from '../async/pause.ts';
import type { ComputePool } from '../crypto/jobs.ts';
import { PIECE_BYTES } from '../protocol/constants.ts';
import type { PieceIndex } from '../protocol/types.ts';
import type { PieceArrived, PieceProvider } from './provider.ts';
import { Rebuilder, type RebuildEvent } from './rebuilder.ts';
import { PieceTroubles } from './troubles.ts';
import { PieceVerifier, type SegmentCommitments } from './verifier.ts';

/** Pieces that are kept here. */
export interface OwnPieces {
  get(index: PieceIndex): Promise<Uint8Array | null>;
  /** Is told of every verified piece and keeps it, or not. `guest`: nobody wanted it for itself. */
  put(index: PieceIndex, piece: Uint8Array, guest: boolean): Promise<void>;
}

export interface PieceSupplyOptions {
  pool: ComputePool;
  commitments: SegmentCommitments;
  cache: OwnPieces | null;
  /** Asked one after the other for what is still missing. */
  providers: readonly PieceProvider[];
  /** Whether to rebuild pieces that nobody has; takes 128 MiB of downloads, as much memory, and half a minute. */
  reconstruct?: boolean;
  watch?(event: PieceEvent): void;
}

/** What happens to pieces, for those who watch. */
export type PieceEvent =
  /** It came, and is checked now or later. */
  | { kind: 'received'; index: PieceIndex; from: string }
  /** It is right. */
  | { kind: 'arrived'; index: PieceIndex; from: string }
  /** The sender lied or its disk is damaged. */
  | { kind: 'invalid'; index: PieceIndex; from: string }
  | RebuildEvent
  | { kind: 'missing'; index: PieceIndex };

/** Pieces looked for at once. */
const MAX_WANTED = 64;
/** Pieces looked for, or found and not checked yet: bounds memory to so many MiB. What comes then waits for checks. */
const MAX_HELD = 160;
/**
 * Requests of the same moment are looked for together, in milliseconds; with those of the same turn only where so few are
 * under way that nothing might come meanwhile.
 */
const COLLECT_MS = 5;
const FEW_WANTED = 4;
/**
 * Pauses before a piece is asked for again that somebody was too slow to give. Half a segment would be asked of the same
 * ones; together they outlast the first rest of a peer that failed.
 */
const LATE_PAUSES_MS = [3_000, 9_000];
/** Failures of who is there and may give a piece yet. */
const TOO_SLOW: ReadonlySet<string> = new Set(['timeout', 'resting']);
/** Whom a piece comes from that was kept here. */
export const OWN_CACHE = 'own cache';

type Answer = (index: PieceIndex, piece: Uint8Array) => void;
const RIGHT = Promise.resolve(true);

/** How a piece is wanted. */
export interface PieceWish {
  /**
   * As it arrives, unverified, for those who verify by other means what they take out of it, such as an object's
   * hash. It is checked all the same, later and together with others: to find out who sends wrong ones, and before
   * it is kept.
   */
  quick?: boolean;
  /** Only if somebody has it: it is not rebuilt. */
  speculative?: boolean;
  /** To look whether something lies in it: it is kept as a guest. */
  passing?: boolean;
  /** Told once whether a piece that was given is right; false, too, where it could not be checked. */
  verdict?(index: PieceIndex, valid: boolean): void;
}

interface Waiter {
  index: PieceIndex;
  quick: boolean;
  speculative: boolean;
  passing: boolean;
  signal: AbortSignal;
  /** Only the first answer counts. `verdict`: of a piece that is not checked yet. */
  resolve(piece: Uint8Array | null, verdict?: Promise<boolean>): void;
  reject(reason: unknown): void;
}

/** What is done with pieces that are found. */
interface Want {
  /** Whether nobody waits for their verification. */
  quick: boolean;
  /** Whether nobody wants this one for itself. */
  isGuest(index: PieceIndex): boolean;
  /** For those who take them unverified. */
  early(index: PieceIndex, piece: Uint8Array, verdict: Promise<boolean>): void;
  /** For all: verified, or, when `quick`, as they arrive. */
  answer: Answer;
}

/** What nobody gave; `late`: those of them that somebody was too slow to give. */
interface Missing {
  missing: PieceIndex[];
  late: PieceIndex[];
}

/** A piece that has arrived and is not known to be right yet. */
interface Unchecked {
  piece: Uint8Array;
  guest: boolean;
  verdict: Promise<boolean>;
  /** Resolves once it is kept, or refused. */
  done: Promise<void>;
}

export class PieceSupply {
  readonly name: string = 'The storage network';
  private readonly verifier: PieceVerifier;
  private waiting: Waiter[] = [];
  private running = 0;
  private readonly unchecked = new Map<PieceIndex, Unchecked>();
  private readonly flushing = new Later(() => this.flush());
  private readonly rebuilder: Rebuilder;
  private readonly troubles = new PieceTroubles();

  constructor(private readonly options: PieceSupplyOptions) {
    this.verifier = new PieceVerifier(options.pool, options.commitments);
    this.rebuilder = new Rebuilder({
      pool: options.pool,
      isRight: (index, piece) => this.verifier.valid(index, piece),
      find: (indices, answer, signal) =>
        this.fetch(indices, { quick: false, isGuest: () => true, early: () => undefined, answer }, signal),
      keep: (index, piece) => void options.cache?.put(index, piece, false).catch(() => undefined),
      watch: options.watch,
    });
  }

  /**
   * A piece (1 048 672 bytes), or null when nobody has it; verified unless wished otherwise. Rejects with the
   * signal's reason.
   */
  piece(index: PieceIndex, signal: AbortSignal, wish: PieceWish = {}): Promise<Uint8Array | null> {
    const { quick = false, speculative = false, passing = false } = wish;
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      let answered = false;
      const waiter: Waiter = {
        index,
        quick,
        speculative,
        passing,
        signal,
        resolve: (piece, verdict = RIGHT) => {
          if (answered) return;
          answered = true;
          settled();
          resolve(piece);
          const { verdict: tell } = wish;
          if (piece !== null && tell !== undefined)
            void verdict.catch(() => false).then((valid) => tell(index, valid));
        },
        reject: (reason) => {
          settled();
          reject(reason);
        },
      };
      const settled = onAbort(signal, () => this.leave(waiter));
      this.waiting.push(waiter);
      this.flushing.plan(this.running < FEW_WANTED ? 0 : COLLECT_MS);
    });
  }

  /** Pieces in the order of their indices, null for those that nobody has; see `piece`. */
  pieces(
    indices: readonly PieceIndex[],
    signal: AbortSignal,
    wish: PieceWish = {},
  ): Promise<(Uint8Array | null)[]> {
    return Promise.all(indices.map((index) => this.piece(index, signal, wish)));
  }

  /** Whom pieces were asked of in vain, and why; empty for pieces that came. */
  troublesOf(indices: readonly PieceIndex[]): string {
    return this.troubles.of(indices);
  }

  private leave(waiter: Waiter): void {
    this.waiting = this.waiting.filter((other) => other !== waiter);
    waiter.reject(waiter.signal.reason);
  }

  private flush(): void {
    this.flushing.cancel();
    const room = Math.min(MAX_WANTED, MAX_HELD - this.unchecked.size) - this.running;
    const taken = new Map<PieceIndex, Waiter[]>();
    const left: Waiter[] = [];
    for (const waiter of this.waiting) {
      const { index } = waiter;
      const held = this.unchecked.get(index);
      if (held !== undefined) this.giveHeld(waiter, held);
      else if (taken.has(index)) taken.get(index)!.push(waiter);
      else if (taken.size < room) taken.set(index, [waiter]);
      else left.push(waiter);
    }
    this.waiting = left;
    // Who takes a piece as it arrives does not wait for the checks, or the making, of others.
    const groups = new Map<string, Waiter[][]>();
    for (const waiters of taken.values()) {
      const kind = `${waiters.every(isQuick)} ${waiters.every(isSpeculative)}`;
      groups.set(kind, [...(groups.get(kind) ?? []), waiters]);
    }
    for (const group of groups.values()) {
      // One that takes long leaves the others' room to who waits.
      const open = new Set(group.map((waiters) => waiters[0]!.index));
      this.running += open.size;
      const over = (index: PieceIndex): void => {
        if (open.delete(index)) this.running -= 1;
        if (this.waiting.length > 0) this.flushing.plan(COLLECT_MS);
      };
      void this.serve(group.flat(), over).finally(() => {
        this.running -= open.size;
        open.clear();
        this.goOn();
      });
    }
  }

  private goOn(): void {
    if (this.waiting.length > 0) this.flush();
  }

  /** Answers with a piece that is here already. */
  private giveHeld(waiter: Waiter, held: Unchecked): void {
    const { piece, verdict } = held;
    if (!waiter.passing) held.guest = false;
    if (waiter.quick) return waiter.resolve(piece, verdict);
    this.verifier.hurry(waiter.index);
    verdict.then(
      (valid) => {
        if (valid) waiter.resolve(piece);
        else if (!waiter.signal.aborted) {
          this.waiting.push(waiter);
          this.goOn();
        }
      },
      (error: unknown) => waiter.reject(error),
    );
  }

  /** `over` is told of every piece that is looked for no more. */
  private async serve(waiters: Waiter[], over: (index: PieceIndex) => void): Promise<void> {
    const { signal: abandoned, leave } = abortedWhenAll(waiters.map(({ signal }) => signal));
    const rebuild = this.options.reconstruct !== false && !waiters.every(isSpeculative);
    const quick = waiters.every(isQuick);
    const answer = (index: PieceIndex, piece: Uint8Array | null): void => {
      for (const waiter of waiters) if (waiter.index === index) waiter.resolve(piece);
      over(index);
    };
    const early: Want['early'] = (index, piece, verdict) => {
      for (const waiter of waiters)
        if (waiter.index === index && waiter.quick) waiter.resolve(piece, verdict);
    };
    try {
      const indices = [...new Set(waiters.map(({ index }) => index))];
      // What the chain does not know cannot be verified, so that it need not be fetched.
      const wanted = indices.filter((index) => this.verifier.knows(index));
      const unknown = indices.filter((index) => !this.verifier.knows(index));
      const isGuest: Want['isGuest'] = (index) =>
        waiters.every((waiter) => waiter.index !== index || waiter.passing);
      const want = { quick, isGuest, early, answer };
      const absent = await this.fetch(wanted, want, abandoned);
      const missing = rebuild ? await this.tryHard(absent, want, abandoned) : absent.missing;
      for (const index of [...unknown, ...missing]) {
        this.options.watch?.({ kind: 'missing', index });
        answer(index, null);
      }
    } catch (error) {
      for (const waiter of waiters) waiter.reject(error);
    } finally {
      leave();
    }
  }

  /** Asks once more for what somebody was too slow to give, and rebuilds the rest. Returns what is missing then. */
  private async tryHard({ missing, late }: Missing, want: Want, signal: AbortSignal): Promise<PieceIndex[]> {
    let wanted = late;
    for (const ms of LATE_PAUSES_MS) {
      if (wanted.length === 0) break;
      await pause(ms, signal);
      wanted = (await this.fetch(wanted, want, signal)).missing;
    }
    const absent = missing.filter((index) => !late.includes(index) || wanted.includes(index));
    return this.rebuilder.rebuild(absent, want.answer, signal);
  }

  /** From the cache and the providers only. Answers what it finds; returns what nobody has. */
  private async fetch(indices: readonly PieceIndex[], want: Want, signal: AbortSignal): Promise<Missing> {
    const missing = new Set(indices);
    const late = new Set<PieceIndex>();
    await Promise.all(indices.map((index) => this.fromCache(index, missing, want)));
    for (const provider of this.options.providers) {
      if (missing.size === 0) break;
      signal.throwIfAborted();
      const arrived: PieceArrived = async (index, piece, from, blame) => {
        this.options.watch?.({ kind: 'received', index, from });
        const whole = piece.length === PIECE_BYTES;
        const verdict = this.check(index, piece, from, want);
        if (whole) want.early(index, piece, verdict);
        if (want.quick && whole) void verdict.then((valid) => valid || blame()).catch(() => undefined);
        else if (!(await verdict)) return false;
        if (missing.delete(index)) want.answer(index, piece);
        return true;
      };
      await provider.find([...missing], arrived, signal, (index, from, why) => {
        this.troubles.note(index, from, why);
        if (TOO_SLOW.has(why)) late.add(index);
      });
    }
    return { missing: [...missing], late: [...missing].filter((index) => late.has(index)) };
  }

  private async fromCache(
    index: PieceIndex,
    missing: Set<PieceIndex>,
    { answer, isGuest }: Want,
  ): Promise<void> {
    const { cache } = this.options;
    const piece = await cache?.get(index);
    if (!piece) return;
    missing.delete(index);
    this.options.watch?.({ kind: 'arrived', index, from: OWN_CACHE });
    answer(index, piece);
    // It may have been a guest so far.
    if (!isGuest(index)) void cache?.put(index, piece, false).catch(() => undefined);
  }

  /** Checks a piece that was sent, and keeps it if it is right. */
  private check(
    index: PieceIndex,
    piece: Uint8Array,
    from: string,
    { quick, isGuest }: Want,
  ): Promise<boolean> {
    const verdict = this.verifier.valid(index, piece, !quick);
    const kept = verdict.then(async (valid) => {
      this.options.watch?.({ kind: valid ? 'arrived' : 'invalid', index, from });
      if (valid) this.troubles.over(index);
      else this.troubles.note(index, from, 'sent a wrong piece');
      if (valid) await this.options.cache?.put(index, piece, held.guest);
    });
    // A full disk keeps no piece from whoever waits for it; a check that could not be made is no verdict.
    const done = kept
      .catch(() => undefined)
      .then(() => {
        if (this.unchecked.get(index) === held) this.unchecked.delete(index);
        this.goOn();
      });
    const held: Unchecked = { piece, guest: isGuest(index), verdict, done };
    this.unchecked.set(index, held);
    return verdict;
  }

  /** Has everything that came so far checked now, and waits until what is right is kept. */
  async settled(): Promise<void> {
    const held = [...this.unchecked];
    for (const [index] of held) this.verifier.hurry(index);
    await Promise.all(held.map(([, { done }]) => done));
  }
}

function isQuick({ quick }: Waiter): boolean {
  return quick;
}

function isSpeculative({ speculative }: Waiter): boolean {
  return speculative;
}

/** A signal that aborts when all of the given ones have, until it is left. */
function abortedWhenAll(signals: readonly AbortSignal[]): { signal: AbortSignal; leave(): void } {
  const controller = new AbortController();
  let left = signals.length;
  const one = ({ reason }: AbortSignal): void => {
    left -= 1;
    if (left === 0) controller.abort(reason);
  };
  for (const signal of signals) if (signal.aborted) one(signal);
  const leavers = signals.map((signal) => onAbort(signal, () => one(signal)));
  return { signal: controller.signal, leave: () => leavers.forEach((leave) => leave()) };
}
