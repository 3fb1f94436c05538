/**
 * Connection to the person's own native timekeeper on this machine. It pairs with a code that the helper printed,
 * verifies proofs of time at the processor's speed, and connects again by itself when the helper comes back.
 */
import { DecodeError } from '../protocol/errors.ts';
import { HelperError, type HelperFailure } from './helper-error.ts';
import {
  decodeHelperAnswer,
  decodeHelperInfo,
  decodeVerdicts,
  encodeHelperCall,
  MAX_ANSWER_BYTES,
  MAX_ITERATIONS,
  MAX_SLOTS,
  verifyCall,
  type HelperCall,
  type HelperInfo,
  type HelperSlot,
} from './helper-messages.ts';
import type { OpenSocket, Socket } from './socket.ts';

/** Port on 127.0.0.1 that the helper listens on unless told otherwise. */
export const HELPER_PORT = 9955;

/** `waiting`: to connect again; `stopped`: for good, until a new client is made. */
export type HelperState = 'connecting' | 'ready' | 'waiting' | 'stopped';

export interface HelperOptions {
  openSocket: OpenSocket;
  port: number;
  /** What the helper printed. Sent to it only after it showed to be one, and never logged. */
  code: string;
  /** Milliseconds for each step of the greeting; differs in tests only. */
  greetingMs?: number;
  /** Milliseconds of grace beside the work of a call; differs in tests only. */
  graceMs?: number;
  /** Pause before the first new connection, milliseconds; differs in tests only. */
  backOffMs?: number;
  /** Randomness of the pauses, 0..1. */
  random?: () => number;
}

const GREETING_MS = 20_000;
const GRACE_MS = 5_000;
const FIRST_BACK_OFF_MS = 1_000;
const LAST_BACK_OFF_MS = 30_000;
/** Seconds of work, by the helper's own word, that one message carries, so that a stalled one is soon noticed. */
const BATCH_SECONDS = 2;
/** How much slower than its word the helper may be. */
const PATIENCE = 8;
/** Iterations a second that any helper reaches: a tab alone does as many. */
const LEAST_RATE = 50_000_000;
const MAX_WAITING_SLOTS = 65_536;

/** A call of `verify` until all its slots are judged. */
interface Request {
  verdicts: (number | null)[];
  missing: number;
  done(): void;
  failed(error: unknown): void;
}

interface WaitingSlot {
  request: Request;
  index: number;
  slot: HelperSlot;
}

/** The one question that is under way. */
interface Question {
  id: number;
  answered(result: unknown): void;
  failed(error: Error): void;
  timer: ReturnType<typeof setTimeout>;
}

/** The helper said no. */
class Refusal extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

export class HelperClient {
  readonly maxIterations = MAX_ITERATIONS;
  private readonly listeners = new Set<() => void>();
  private queue: WaitingSlot[] = [];
  private socket: Socket | null = null;
  private question: Question | null = null;
  /** Runs out when a connection takes too long, or when the next one is due. */
  private timer: ReturnType<typeof setTimeout> | undefined;
  private nextId = 1;
  private failures = 0;
  private current: HelperState = 'connecting';
  private known: HelperInfo | null = null;
  private why: HelperError | null = null;

  constructor(private readonly options: HelperOptions) {
    this.connect();
  }

  get state(): HelperState {
    return this.current;
  }

  /** What the helper said of itself when it was last connected. */
  get info(): HelperInfo | null {
    return this.known;
  }

  /** Why it is waiting or stopped. */
  get reason(): HelperError | null {
    return this.why;
  }

  /** What it is called in the app. */
  get name(): string {
    return this.known === null ? 'timekeeper' : `${this.known.name} ${this.known.version}`;
  }

  /** Calls `listener` at every change of the connection; returns what stops that. */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /**
   * For each claim the first wrong checkpoint (0..7), or null. Claims of calls side by side travel together.
   *
   * @throws HelperError when the helper is gone, stalled or refuses; the signal's reason.
   */
  verify(slots: readonly HelperSlot[], signal?: AbortSignal): Promise<(number | null)[]> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason);
      if (this.current !== 'ready') return reject(this.error('disconnected', 'not connected'));
      if (this.queue.length + slots.length > MAX_WAITING_SLOTS)
        return reject(this.error('refused', 'too many slots are waiting'));
      if (slots.length === 0) return resolve([]);
      const onAbort = (): void => request.failed(signal?.reason);
      const end = (): void => {
        signal?.removeEventListener('abort', onAbort);
        this.queue = this.queue.filter((waiting) => waiting.request !== request);
      };
      const request: Request = {
        verdicts: slots.map(() => null),
        missing: slots.length,
        done: () => {
          end();
          resolve(request.verdicts);
        },
        failed: (error) => {
          end();
          reject(error);
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      slots.forEach((slot, index) => this.queue.push({ request, index, slot }));
      // Calls made in the same breath go into one message.
      queueMicrotask(() => void this.work());
    });
  }

  /** One of its verdicts was found to be wrong: it is not asked again. */
  distrust(what: string): void {
    this.stop(this.error('lied', what));
  }

  /** Ends the connection for good. */
  close(): void {
    this.stop(this.error('closed', 'closed'));
    this.listeners.clear();
  }

  private error(code: HelperFailure, message: string): HelperError {
    return new HelperError(code, this.options.port, message);
  }

  private become(state: HelperState, reason: HelperError | null): void {
    this.current = state;
    this.why = reason;
    for (const listener of this.listeners) listener();
  }

  private connect(): void {
    const { openSocket, port, greetingMs = GREETING_MS } = this.options;
    this.become('connecting', this.why);
    this.timer = setTimeout(() => this.lost(this.error('stalled', 'no connection')), greetingMs);
    let opened = false;
    let mine: Socket | null = null;
    const isCurrent = (): boolean => mine !== null && this.socket === mine;
    try {
      mine = openSocket(`ws://127.0.0.1:${port}/`, MAX_ANSWER_BYTES, {
        open: () => {
          if (!isCurrent()) return;
          opened = true;
          clearTimeout(this.timer);
          void this.greet();
        },
        message: (text) => {
          if (isCurrent()) this.receive(text);
        },
        close: (reason) => {
          if (isCurrent()) this.lost(opened ? this.ended(reason) : this.neverOpened(reason));
        },
      });
      this.socket = mine;
    } catch (error) {
      this.lost(this.error('unreachable', error instanceof Error ? error.message : String(error)));
    }
  }

  /** The helper lets a page connect before it refuses its origin, so that browsers tell why. */
  private ended(reason: string): HelperError {
    const refused = reason.includes('may not use this helper');
    return this.error(refused ? 'origin-refused' : 'disconnected', reason);
  }

  /** Browsers do not tell why a connection did not come about; Node.js does. */
  private neverOpened(reason: string): HelperError {
    if (/\b403\b/.test(reason)) return this.error('origin-refused', reason);
    const silent = reason === 'the connection ended' || reason.includes('ECONNREFUSED');
    return this.error(silent ? 'unreachable' : 'not-a-helper', reason);
  }

  /** The code is given only to what answers as an unpaired helper does. */
  private async greet(): Promise<void> {
    const { code, greetingMs = GREETING_MS } = this.options;
    try {
      const first = await this.ask({ method: 'info', params: {} }, greetingMs).catch(
        (error: unknown) => error,
      );
      if (first instanceof HelperError) throw first;
      if (!(first instanceof Refusal) || first.code !== 'not-paired')
        throw this.error('not-a-helper', 'it does not ask to be paired');
      const info = decodeHelperInfo(await this.ask({ method: 'pair', params: { code } }, greetingMs));
      this.known = info;
      this.become('ready', null);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Sends what waits, one message at a time. */
  private async work(): Promise<void> {
    if (this.question !== null || this.current !== 'ready' || this.queue.length === 0) return;
    const { cores = 1, verifyRate = 0 } = this.known ?? {};
    const speed = Math.max(LEAST_RATE, cores * verifyRate);
    const batch = this.nextBatch(BATCH_SECONDS * speed);
    const iterations = batch.reduce((sum, { slot }) => sum + slot.iterations, 0);
    const limit =
      (this.options.graceMs ?? GRACE_MS) + (1_000 * iterations) / Math.max(LEAST_RATE, speed / PATIENCE);
    try {
      const call = verifyCall(batch.map(({ slot }) => slot));
      const verdicts = decodeVerdicts(await this.ask(call, limit), batch.length);
      this.failures = 0;
      batch.forEach(({ request, index }, at) => {
        request.verdicts[index] = verdicts[at] as number | null;
        request.missing -= 1;
        if (request.missing === 0) request.done();
      });
      void this.work();
    } catch (error) {
      for (const { request } of batch) request.failed(this.asHelperError(error));
      this.fail(error);
    }
  }

  private nextBatch(most: number): WaitingSlot[] {
    let sum = 0;
    let count = 0;
    for (const { slot } of this.queue.slice(0, MAX_SLOTS)) {
      sum += slot.iterations;
      if (count > 0 && sum > most) break;
      count += 1;
    }
    return this.queue.splice(0, count);
  }

  private ask(call: HelperCall, timeoutMs: number): Promise<unknown> {
    const id = this.nextId++;
    return new Promise((answered, failed) => {
      const timer = setTimeout(() => {
        this.question = null;
        failed(this.error('stalled', `no answer to ${call.method} in ${Math.round(timeoutMs)} ms`));
      }, timeoutMs);
      this.question = { id, answered, failed, timer };
      this.socket?.send(encodeHelperCall(id, call));
    });
  }

  private receive(text: string): void {
    const { question } = this;
    try {
      const answer = decodeHelperAnswer(text);
      if (question === null || answer.id !== question.id) throw new DecodeError('helper-answer', 'unasked');
      this.question = null;
      clearTimeout(question.timer);
      if (answer.kind === 'result') question.answered(answer.result);
      else question.failed(new Refusal(answer.code, answer.message));
    } catch (error) {
      this.fail(error);
    }
  }

  private asHelperError(error: unknown): HelperError {
    if (error instanceof HelperError) return error;
    if (error instanceof Refusal) {
      return this.error(
        error.code === 'wrong-code' ? 'wrong-code' : 'refused',
        `${error.code}: ${error.message}`,
      );
    }
    return this.error('not-a-helper', error instanceof Error ? error.message : String(error));
  }

  private fail(error: unknown): void {
    const reason = this.asHelperError(error);
    // Another try would not change the code, and the helper counts wrong ones.
    if (reason.code === 'wrong-code') this.stop(reason);
    else this.lost(reason);
  }

  private lost(reason: HelperError): void {
    if (this.current === 'stopped' || this.current === 'waiting') return;
    this.become('waiting', reason);
    this.disconnect(reason);
    const { backOffMs = FIRST_BACK_OFF_MS, random = Math.random } = this.options;
    const pause = Math.min(LAST_BACK_OFF_MS, backOffMs * 2 ** this.failures);
    this.failures += 1;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.connect(), pause * (0.75 + random() / 2));
  }

  private stop(reason: HelperError): void {
    if (this.current === 'stopped') return;
    clearTimeout(this.timer);
    this.become('stopped', reason);
    this.disconnect(reason);
  }

  private disconnect(reason: HelperError): void {
    const { socket, question } = this;
    this.socket = null;
    this.question = null;
    socket?.close();
    if (question !== null) {
      clearTimeout(question.timer);
      question.failed(reason);
    }
    for (const request of new Set(this.queue.map((waiting) => waiting.request))) request.failed(reason);
  }
}
