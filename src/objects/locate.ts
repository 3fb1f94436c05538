/** Where objects lie in history. Nothing that a locator says is believed: the hash of what is found decides. */
import { base64urlnopad } from '@scure/base';
import { Later } from '../async/later.ts';
import { onAbort } from '../async/on-abort.ts';
import { decodeWith, encodeWith, list, struct, u32, u64, u8 } from '../protocol/codec.ts';
import { DecodeError } from '../protocol/errors.ts';
import type { GlobalObject, PieceIndex } from '../protocol/types.ts';
import { keyOf } from './tree.ts';

/** Somebody who may know where objects lie. */
export interface Locator {
  /** What to call it in messages. */
  readonly name: string;
  /** Where these objects (32-byte hashes) lie, as far as it knows; it may be wrong. Rejects when it cannot be asked. */
  locate(hashes: Uint8Array[], signal: AbortSignal): Promise<GlobalObject[]>;
}

export interface Hint {
  place: GlobalObject;
  /** Who gave it. */
  giver: string;
}

/** Why a locator is stopped whose answer is not needed any more, other than because nobody waits. */
export const OTHERS_KNEW = new DOMException('others knew', 'AbortError');
const NOBODY_WAITS = new DOMException('nobody waits any more', 'AbortError');

/** Objects whose places are remembered: parts of some six gigabytes of files. The oldest are forgotten. */
export const MAX_PLACES = 100_000;
/** Places remembered of one object. */
const MAX_HINTS_PER_OBJECT = 8;
/** Hints of a giver that turned out wrong until it is not asked any more. */
const MAX_WRONG_HINTS = 8;
/** Objects asked for in one question. */
const BATCH = 100;
/** Questions are collected for so long, in milliseconds, unless none is under way: then those of the same turn. */
const COLLECT_MS = 5;

const NOBODY_LISTENS = (): void => undefined;

/**
 * Somebody who waits to be told where an object lies. Thousands of them wait during one retrieval: what they do are
 * methods, since engines compile a function anew that lives as shortly as a question does.
 */
class Question {
  /** Of the object. */
  readonly key: string;
  readonly answer: Promise<Hint[]>;
  /** Called once when the question ends, with what is known then. */
  ended: (hints: readonly Hint[]) => void = NOBODY_LISTENS;
  private resolve!: (hints: Hint[]) => void;
  private reject!: (reason: unknown) => void;
  private readonly leave: () => void;

  /**
   * @param hash Of the object, 32 bytes.
   * @param without Whose hints are not wanted.
   * @param open Where it is kept until it ends.
   */
  constructor(
    readonly hash: Uint8Array,
    readonly without: ReadonlySet<string>,
    private readonly open: Map<string, Set<Question>>,
    signal: AbortSignal,
  ) {
    this.key = keyOf(hash);
    this.answer = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.leave = onAbort(signal, () => {
      this.end([]);
      this.reject(signal.reason);
    });
    open.set(this.key, (open.get(this.key) ?? new Set()).add(this));
  }

  get isOpen(): boolean {
    return this.open.get(this.key)?.has(this) === true;
  }

  /** Ends it; harmless when it has ended. */
  settle(hints: Hint[]): void {
    this.end(hints);
    this.resolve(hints);
  }

  /** Ends it if some of the hints are wanted. */
  offer(hints: readonly Hint[]): void {
    const wanted: Hint[] = [];
    for (const hint of hints) if (!this.without.has(hint.giver)) wanted.push(hint);
    if (wanted.length > 0) this.settle(wanted);
  }

  private end(hints: readonly Hint[]): void {
    this.leave();
    const others = this.open.get(this.key);
    if (others?.delete(this) !== true) return;
    if (others.size === 0) this.open.delete(this.key);
    this.ended(hints);
  }
}

/** Collects hints from all locators and drops what turns out wrong. */
export class HintBook {
  private readonly hints = new Map<string, Hint[]>();
  private readonly wrong = new Map<string, number>();
  /** Who failed to answer the last question. */
  private readonly silent = new Set<string>();
  /** Not asked yet. */
  private questions: Question[] = [];
  /** Not answered yet, by the object's key. */
  private readonly open = new Map<string, Set<Question>>();
  private readonly flushing = new Later(() => this.flush());

  constructor(private readonly locators: readonly Locator[]) {}

  /** Takes hints, e.g. out of a link. Whoever asks for these objects has an answer. */
  add(places: readonly GlobalObject[], giver: string): void {
    for (const place of places) {
      const key = keyOf(place.hash);
      const before = this.hints.get(key) ?? [];
      const isNew = before.length < MAX_HINTS_PER_OBJECT && !isAmong(place, before);
      const known = isNew ? [...before, { place, giver }] : before;
      if (isNew) this.hints.set(key, known);
      if (this.hints.size > MAX_PLACES) this.hints.delete(this.hints.keys().next().value ?? '');
      for (const question of this.open.get(key) ?? []) question.offer(known);
    }
  }

  /** What is known of an object (32-byte hash) without asking anybody. */
  known(hash: Uint8Array): Hint[] {
    return this.hints.get(keyOf(hash)) ?? [];
  }

  /** Forgets a hint that was wrong; its giver is not asked again after some of them. */
  drop({ place, giver }: Hint): void {
    const key = keyOf(place.hash);
    const left = this.known(place.hash).filter((hint) => hint.place !== place);
    if (left.length > 0) this.hints.set(key, left);
    else this.hints.delete(key);
    this.wrong.set(giver, (this.wrong.get(giver) ?? 0) + 1);
  }

  /** Who gave too many wrong hints to be asked. */
  distrusted(): string[] {
    return [...this.wrong].filter(([, count]) => count >= MAX_WRONG_HINTS).map(([giver]) => giver);
  }

  /** Names of those who gave no answer when they were asked last. */
  unanswering(): string[] {
    return this.locators.map(({ name }) => name).filter((name) => this.silent.has(name));
  }

  /** Names of those who would be asked now, but for some. */
  askable(without: ReadonlySet<string>): string[] {
    const passedOver = new Set([...without, ...this.distrusted()]);
    return this.locators.map(({ name }) => name).filter((name) => !passedOver.has(name));
  }

  /**
   * Asks all locators but some about an object, until one knows; questions of the same moment travel together.
   */
  ask(hash: Uint8Array, signal: AbortSignal, without: ReadonlySet<string> = new Set()): Promise<Hint[]> {
    if (signal.aborted) return Promise.reject(signal.reason as Error);
    const isFirst = this.open.size === 0;
    const question = new Question(hash, without, this.open, signal);
    this.questions.push(question);
    if (this.questions.length >= BATCH) this.flush();
    else this.flushing.plan(isFirst ? 0 : COLLECT_MS);
    return question.answer;
  }

  private flush(): void {
    this.flushing.cancel();
    const groups = new Map<string, Question[]>();
    for (const question of this.questions.splice(0)) {
      question.offer(this.known(question.hash));
      if (!question.isOpen) continue;
      const key = [...question.without].sort().join('\n');
      groups.set(key, [...(groups.get(key) ?? []), question]);
    }
    for (const questions of groups.values()) void this.askAll(questions, questions[0]!.without);
  }

  private async askAll(questions: Question[], without: ReadonlySet<string>): Promise<void> {
    const wanted = new Map<string, Uint8Array>();
    for (const { key, hash } of questions) wanted.set(key, hash);
    const hashes = [...wanted.values()];
    const names = this.askable(without);
    const asked = this.locators.filter(({ name }) => names.includes(name));
    const stop = new AbortController();
    let reason = NOBODY_WAITS;
    let left = questions.length;
    const ended = (hints: readonly Hint[]): void => {
      left -= 1;
      if (hints.length > 0) reason = OTHERS_KNEW;
      if (left === 0) stop.abort(reason);
    };
    for (const question of questions) question.ended = ended;
    const answers = asked.map(async (locator) => {
      try {
        const places = await locator.locate(hashes, stop.signal);
        this.silent.delete(locator.name);
        this.add(
          places.filter((place) => wanted.has(keyOf(place.hash))),
          locator.name,
        );
      } catch {
        if (!stop.signal.aborted) this.silent.add(locator.name);
      }
    });
    await Promise.all(answers);
    for (const question of questions) question.settle([]);
  }
}

function isAmong({ pieceIndex, offset }: GlobalObject, hints: readonly Hint[]): boolean {
  for (const { place } of hints) if (place.pieceIndex === pieceIndex && place.offset === offset) return true;
  return false;
}

const MAX_LINK_HINTS = 1_000;

interface LinkHints {
  version: number;
  places: { pieceIndex: PieceIndex; offset: number }[];
}

const linkHints = struct<LinkHints>({
  version: u8,
  places: list(struct<LinkHints['places'][number]>({ pieceIndex: u64, offset: u32 }), MAX_LINK_HINTS),
});

/**
 * Hints as a link carries them beside an identifier: places without hashes, the object's own first, then others near
 * which parts of it lie.
 */
export function encodeLinkHints(places: readonly Pick<GlobalObject, 'pieceIndex' | 'offset'>[]): string {
  return base64urlnopad.encode(encodeWith(linkHints, { version: 0, places: [...places] }));
}

/** Throws DecodeError. */
export function decodeLinkHints(text: string): LinkHints['places'] {
  let bytes: Uint8Array;
  try {
    bytes = base64urlnopad.decode(text);
  } catch {
    throw new DecodeError('link-hints', 'not base 64');
  }
  const { version, places } = decodeWith(linkHints, bytes, 'link-hints');
  if (version !== 0) throw new DecodeError('link-hints', `unknown version ${version}`);
  return places;
}
