/** A connection to a cluster that is not there, for tests of what members make of what they hear. */
import { unlessAborted } from '../async/unless-aborted.ts';
import { within } from '../async/within.ts';
import type { ClusterConnection, RequestSettings } from './connection.ts';
import type { LinkState } from './link.ts';

type Listener = (value: unknown) => void;
type Answer = (value: unknown, instance: string | undefined) => unknown;
/** Options of a subscription; `of` is the message. */
interface Subscribed {
  of: object;
  instance?: string | undefined;
  queue?: string | undefined;
}
type Wishes = RequestSettings & { instance?: string };
type Handler = (value: unknown, signal: AbortSignal, giveUp: (reason: unknown) => void) => unknown;

/** Says what a test has it say, and answers questions as the test wants; who asks for more is not answered. */
export class FakeConnection {
  /** Broadcasts that were sent, what they said, and whether that is still news later. */
  readonly published: unknown[] = [];
  readonly told: { value: unknown; lasting: boolean }[] = [];
  /** Whom each was sent to, or who it was of. */
  readonly instances: (string | undefined)[] = [];
  /** Instances asked, by the message. */
  readonly asked = new Map<object, (string | undefined)[]>();
  /** How each message was asked last. */
  readonly wishes = new Map<object, Wishes>();
  private readonly listeners = new Map<object, Set<Listener>>();
  private readonly states = new Set<(state: LinkState) => void>();
  private readonly answers = new Map<object, Answer>();
  /** What is subscribed to now: message, instance and queue group. */
  readonly subscribed = new Set<Subscribed>();
  private readonly handlers = new Map<object, Handler>();
  readonly closed = new AbortController().signal;
  maxPayload = 2 * 1024 * 1024;

  get connection(): ClusterConnection {
    return this as unknown as ClusterConnection;
  }

  /** Has members hear a broadcast. */
  say(message: object, value: unknown): void {
    for (const listener of this.listeners.get(message) ?? []) listener(value);
  }

  /** Sets how a request is answered, or with what values a stream. */
  answer(message: object, answer: Answer): void {
    this.answers.set(message, answer);
  }

  change(state: LinkState): void {
    for (const listener of this.states) listener(state);
  }

  /** How many listen, for whatever. */
  get listening(): number {
    return [...this.listeners.values(), this.states].reduce((sum, { size }) => sum + size, 0);
  }

  listen(message: object, listener: Listener, options: Omit<Subscribed, 'of'> = {}): () => void {
    const listeners = this.listeners.get(message) ?? new Set();
    this.listeners.set(message, listeners.add(listener));
    const off = this.subscribe({ of: message, ...options });
    return () => {
      listeners.delete(listener);
      off();
    };
  }

  private subscribe(one: Subscribed): () => void {
    this.subscribed.add(one);
    return () => void this.subscribed.delete(one);
  }

  onState(listener: (state: LinkState) => void): () => void {
    this.states.add(listener);
    return () => void this.states.delete(listener);
  }

  publish(message: object, value: unknown, instance?: string, lasting = false): void {
    this.published.push(message);
    this.instances.push(instance);
    this.told.push({ value, lasting });
  }

  respond(message: object, options: Omit<Subscribed, 'of'>, handler: Handler): () => void {
    this.handlers.set(message, handler);
    const off = this.subscribe({ of: message, ...options });
    return () => {
      this.handlers.delete(message);
      off();
    };
  }

  respondStream(message: object, options: Omit<Subscribed, 'of'>, handler: Handler): () => void {
    return this.respond(message, options, handler);
  }

  /** What a member answers; a stream's items, or undefined where nobody answers. `gone`: told that nobody takes them. */
  ask(message: object, value: unknown, gone = new AbortController()): unknown {
    return this.handlers.get(message)?.(value, gone.signal, (reason) => gone.abort(reason));
  }

  async request(message: object, value: unknown, options: Wishes = {}): Promise<unknown> {
    this.wishes.set(message, options);
    this.asked.set(message, [...(this.asked.get(message) ?? []), options.instance]);
    const answer = this.answers.get(message);
    if (answer === undefined) throw new Error('nobody answers');
    return answer(value, options.instance);
  }

  /** Gives a member up that says nothing for `idleMs`, as streams do. */
  async *stream(
    message: object,
    value: unknown,
    { idleMs = Infinity, ...options }: Wishes & { idleMs?: number } = {},
  ): AsyncGenerator {
    const asked = this.request(message, value, options);
    const answered =
      idleMs === Infinity ? asked : within(idleMs, undefined, (limit) => unlessAborted(limit, asked));
    yield* (await answered) as Iterable<unknown>;
  }
}
