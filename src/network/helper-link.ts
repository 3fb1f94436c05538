/**
 * A connection to the person's own native helper on this machine: it pairs with the code that the helper printed, and
 * connects again by itself when the helper comes back. What is asked over it is up to those who extend it.
 */
import { backOff, spread } from '../async/back-off.ts';
import { DecodeError, messageOf } from '../protocol/errors.ts';
import { HelperError, type HelperFailure } from './helper-error.ts';
import { KEPT_FROM } from './local-access.ts';
import {
  decodeHelperAnswer,
  decodeHelperInfo,
  encodeHelperCall,
  type HelperCall,
  type HelperInfo,
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
const FIRST_BACK_OFF_MS = 1_000;
const LAST_BACK_OFF_MS = 30_000;

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

export abstract class HelperLink {
  private readonly listeners = new Set<() => void>();
  private socket: Socket | null = null;
  private question: Question | null = null;
  /** Runs out when a connection takes too long, or when the next one is due. */
  private timer: ReturnType<typeof setTimeout> | undefined;
  private nextId = 1;
  private failures = 0;
  private current: HelperState = 'connecting';
  private known: HelperInfo | null = null;
  private why: HelperError | null = null;

  /** Connects only when `connect` is called. `maxBytes`: longest message that is taken. */
  protected constructor(
    protected readonly options: HelperOptions,
    private readonly maxBytes: number,
  ) {}

  /** The connection is gone: fails all that waits for an answer. */
  protected abstract released(reason: HelperError): void;

  /** Takes a binary message; throws DecodeError for one that was not asked for. */
  protected abstract receiveBytes(message: Uint8Array): void;

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
    return this.known === null ? 'helper' : `${this.known.name} ${this.known.version}`;
  }

  /** Calls `listener` at every change of the connection; returns what stops that. */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** One of its answers was found to be wrong: it is not asked again. */
  distrust(what: string): void {
    this.stop(this.error('lied', what));
  }

  /** Ends the connection for good. */
  close(): void {
    this.stop(this.error('closed', 'closed'));
    this.listeners.clear();
  }

  protected error(code: HelperFailure, message: string): HelperError {
    return new HelperError(code, this.options.port, message);
  }

  private become(state: HelperState, reason: HelperError | null): void {
    this.current = state;
    this.why = reason;
    for (const listener of this.listeners) listener();
  }

  protected connect(): void {
    const { openSocket, port, greetingMs = GREETING_MS } = this.options;
    this.become('connecting', this.why);
    this.timer = setTimeout(() => this.lost(this.error('stalled', 'no connection')), greetingMs);
    let opened = false;
    let mine: Socket | null = null;
    const isCurrent = (): boolean => mine !== null && this.socket === mine;
    try {
      mine = openSocket(`ws://127.0.0.1:${port}/`, this.maxBytes, {
        open: () => {
          if (!isCurrent()) return;
          opened = true;
          clearTimeout(this.timer);
          void this.greet();
        },
        message: (text) => {
          if (isCurrent()) this.taking(() => this.receive(text));
        },
        bytes: (message) => {
          if (isCurrent()) this.taking(() => this.receiveBytes(message));
        },
        close: (reason) => {
          if (isCurrent()) this.lost(opened ? this.ended(reason) : this.neverOpened(reason));
        },
      });
      this.socket = mine;
    } catch (error) {
      this.lost(this.error('unreachable', messageOf(error)));
    }
  }

  /** The helper lets a page connect before it refuses its origin, so that browsers tell why. */
  private ended(reason: string): HelperError {
    const refused = reason.includes('may not use this helper');
    return this.error(refused ? 'origin-refused' : 'disconnected', reason);
  }

  /** Browsers do not tell why a connection did not come about; Node.js does. */
  private neverOpened(reason: string): HelperError {
    if (reason === KEPT_FROM.machine) return this.error('kept-away', reason);
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

  /** Asks one question; the one before has to be answered. */
  protected ask(call: HelperCall, timeoutMs: number): Promise<unknown> {
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

  /** Whether a question is under way. */
  protected get asking(): boolean {
    return this.question !== null;
  }

  protected send(message: Uint8Array<ArrayBuffer>): void {
    this.socket?.send(message);
  }

  /** It did as it should: the next pause is a short one. */
  protected worked(): void {
    this.failures = 0;
  }

  private taking(take: () => void): void {
    try {
      take();
    } catch (error) {
      this.fail(error);
    }
  }

  private receive(text: string): void {
    const { question } = this;
    const answer = decodeHelperAnswer(text);
    if (question === null || answer.id !== question.id) throw new DecodeError('helper-answer', 'unasked');
    this.question = null;
    clearTimeout(question.timer);
    if (answer.kind === 'result') question.answered(answer.result);
    else question.failed(new Refusal(answer.code, answer.message));
  }

  protected asHelperError(error: unknown): HelperError {
    if (error instanceof HelperError) return error;
    if (error instanceof Refusal) {
      return this.error(
        error.code === 'wrong-code' ? 'wrong-code' : 'refused',
        `${error.code}: ${error.message}`,
      );
    }
    return this.error('not-a-helper', messageOf(error));
  }

  protected fail(error: unknown): void {
    const reason = this.asHelperError(error);
    // Another try would not change the code, and the helper counts wrong ones.
    if (reason.code === 'wrong-code') this.stop(reason);
    else this.lost(reason);
  }

  private lost(reason: HelperError): void {
    if (this.current === 'stopped' || this.current === 'waiting') return;
    this.become('waiting', reason);
    this.disconnect(reason);
    const { backOffMs = FIRST_BACK_OFF_MS, random } = this.options;
    const pause = spread(backOff(this.failures, backOffMs, LAST_BACK_OFF_MS), random);
    this.failures += 1;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.connect(), pause);
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
    this.released(reason);
  }
}
