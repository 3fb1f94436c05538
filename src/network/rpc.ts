/** JSON-RPC 2.0 over one WebSocket: calls and subscriptions that outlive the connection they began on. */
import { backOff, spread } from '../async/back-off.ts';
import { onAbort } from '../async/on-abort.ts';
import { DecodeError, messageOf } from '../protocol/errors.ts';
import { parseJson, stringifyJson } from './json.ts';
import { RpcError } from './rpc-error.ts';
import type { OpenSocket, Socket } from './socket.ts';

export interface CallOptions {
  signal?: AbortSignal;
  /** Milliseconds until the call fails with `timeout`; counts the wait for the connection. */
  timeoutMs?: number;
}

/** A subscription kept up over reconnections until it is closed. */
export interface Subscription {
  /** Stops it, here and at the node. */
  close(): void;
}

/** What becomes of a subscription at the node. */
export interface SubscriptionNews {
  /** The node has taken it, once for each connection; what it told before that was handed on. */
  begun?(): void;
  /** The node refuses, or does not answer, once for each attempt; the next connection tries again. */
  failed?(error: RpcError): void;
}

/** What typed calls need of a connection. */
export interface RpcCaller {
  /** Result of a call. Throws RpcError. `params` left out: none are sent. */
  call(method: string, params?: readonly unknown[], options?: CallOptions): Promise<unknown>;
  /** Subscribes, and again after every reconnection. */
  subscribe(
    method: string,
    unsubscribeMethod: string,
    params: readonly unknown[] | undefined,
    listener: (result: unknown) => void,
    news?: SubscriptionNews,
  ): Subscription;
}

export type ConnectionState = 'connecting' | 'connected' | 'waiting' | 'closed';

export interface RpcOptions {
  openSocket: OpenSocket;
  /** Longest message accepted, in characters. */
  maxMessageBytes?: number;
  /** Of every call that names none. */
  timeoutMs?: number;
  /** Randomness of the back-off, 0..1. */
  random?: () => number;
}

/** Blocks of 5 MiB in hex, and their justifications as lists of numbers, stay below. */
export const MAX_MESSAGE_BYTES = 24 * 2 ** 20;
const DEFAULT_TIMEOUT_MS = 20_000;
const MAX_WAITING_CALLS = 4_096;
/** Notifications kept that arrive before the reply that names their subscription. */
const MAX_EARLY_NOTIFICATIONS = 64;
const FIRST_BACK_OFF_MS = 250;
const LAST_BACK_OFF_MS = 20_000;

/** Text of a request. Without parameters the key is left out, as the reference client does. */
export function encodeRequest(id: number, method: string, params?: readonly unknown[]): string {
  return stringifyJson({ jsonrpc: '2.0', id, method, ...(params === undefined ? {} : { params }) });
}

/** A message from a node: the answer to a call, or a notification of a subscription. */
export type RpcMessage =
  | { kind: 'result'; id: number; result: unknown }
  | { kind: 'error'; id: number | null; code: number; message: string; data: unknown }
  | { kind: 'notification'; method: string; subscription: string; result: unknown };

/** Decodes a message from a node. Throws DecodeError. */
export function decodeMessage(text: string): RpcMessage {
  const message = parseJson(text);
  if (typeof message !== 'object' || message === null) throw new DecodeError('rpc', 'not an object');
  const { id, method, params, error } = message as Record<string, unknown>;
  if (typeof method === 'string') {
    const { subscription, result } = (params ?? {}) as Record<string, unknown>;
    if (typeof subscription !== 'string' && typeof subscription !== 'number') {
      throw new DecodeError('rpc', 'a notification without a subscription');
    }
    return { kind: 'notification', method, subscription: String(subscription), result };
  }
  const known = typeof id === 'number' ? id : null;
  if (error !== undefined && error !== null) {
    const { code, message: why, data } = error as Record<string, unknown>;
    if (typeof code !== 'number') throw new DecodeError('rpc', 'an error without a code');
    return { kind: 'error', id: known, code, message: String(why).slice(0, 1_000), data };
  }
  if (known === null || !('result' in message)) throw new DecodeError('rpc', 'neither result nor error');
  return { kind: 'result', id: known, result: message.result };
}

interface Waiting {
  method: string;
  text: string;
  sent: boolean;
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

class LiveSubscription {
  /** The node's name for it on this connection. */
  id: string | null = null;

  constructor(
    readonly method: string,
    readonly unsubscribeMethod: string,
    readonly params: readonly unknown[] | undefined,
    readonly listener: (result: unknown) => void,
    readonly news: SubscriptionNews,
  ) {}
}

/** One node. Connects at once, and again with growing pauses whenever the connection is lost. */
export class RpcClient implements RpcCaller {
  private readonly maxMessageBytes: number;
  private readonly timeoutMs: number;
  private readonly waiting = new Map<number, Waiting>();
  private readonly subscriptions = new Set<LiveSubscription>();
  private readonly listeners = new Set<(state: ConnectionState, reason: string | null) => void>();
  /** Subscriptions whose name the node has not told yet; without any, nothing that comes early is waited for. */
  private beginning = 0;
  private early: { subscription: string; result: unknown }[] = [];
  private earlyBytes = 0;
  private socket: Socket | null = null;
  private current: ConnectionState = 'connecting';
  private why: string | null = null;
  private nextId = 1;
  private failures = 0;
  private lastMessageAt = 0;
  private retry: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly url: string,
    private readonly options: RpcOptions,
  ) {
    this.maxMessageBytes = options.maxMessageBytes ?? MAX_MESSAGE_BYTES;
    this.timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.connect();
  }

  get state(): ConnectionState {
    return this.current;
  }

  /** Why it is waiting or closed. */
  get reason(): string | null {
    return this.why;
  }

  /** Calls `listener` at every change of the connection; returns what stops that. */
  onState(listener: (state: ConnectionState, reason: string | null) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  call(method: string, params?: readonly unknown[], options: CallOptions = {}): Promise<unknown> {
    const { timeoutMs = this.timeoutMs, signal } = options;
    if (this.current === 'closed')
      return Promise.reject(new RpcError('closed', method, 'the client is closed'));
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    if (this.waiting.size >= MAX_WAITING_CALLS) {
      return Promise.reject(new RpcError('overloaded', method, `${MAX_WAITING_CALLS} calls are waiting`));
    }
    const id = this.nextId++;
    const startedAt = performance.now();
    return new Promise((resolve, reject) => {
      const settle = <T>(how: (value: T) => void) => {
        return (value: T): void => {
          this.waiting.delete(id);
          clearTimeout(timer);
          leave();
          how(value);
        };
      };
      const waiting: Waiting = {
        method,
        text: encodeRequest(id, method, params),
        sent: false,
        resolve: settle(resolve),
        reject: settle(reject),
      };
      const timer = setTimeout(() => {
        waiting.reject(new RpcError('timeout', method, `no answer in ${timeoutMs} ms`));
        // Nothing at all came meanwhile: the connection is dead without saying so.
        if (waiting.sent && this.lastMessageAt < startedAt) this.drop('the node went silent');
      }, timeoutMs);
      const leave = onAbort(signal, () => waiting.reject(signal?.reason));
      this.waiting.set(id, waiting);
      if (this.current === 'connected') this.send(waiting);
    });
  }

  subscribe(
    method: string,
    unsubscribeMethod: string,
    params: readonly unknown[] | undefined,
    listener: (result: unknown) => void,
    news: SubscriptionNews = {},
  ): Subscription {
    const subscription = new LiveSubscription(method, unsubscribeMethod, params, listener, news);
    this.subscriptions.add(subscription);
    if (this.current === 'connected') void this.begin(subscription);
    return { close: () => this.end(subscription) };
  }

  /** Ends the connection for good; calls that wait fail with `closed`. */
  close(): void {
    clearTimeout(this.retry);
    this.become('closed', null);
    const socket = this.socket;
    this.socket = null;
    socket?.close();
    this.rejectAll('closed', 'the client was closed');
    this.subscriptions.clear();
    this.listeners.clear();
  }

  private become(state: ConnectionState, reason: string | null): void {
    this.current = state;
    this.why = reason;
    for (const listener of this.listeners) listener(state, reason);
  }

  private connect(): void {
    this.become('connecting', null);
    let mine: Socket | null = null;
    const isCurrent = (): boolean => mine !== null && this.socket === mine;
    try {
      mine = this.options.openSocket(this.url, this.maxMessageBytes, {
        open: () => {
          if (isCurrent()) this.opened();
        },
        message: (text) => {
          if (isCurrent()) this.receive(text);
        },
        close: (reason) => {
          if (isCurrent()) this.lost(reason);
        },
      });
      this.socket = mine;
    } catch (error) {
      this.socket = null;
      this.lost(messageOf(error));
    }
  }

  private opened(): void {
    this.lastMessageAt = performance.now();
    this.become('connected', null);
    for (const waiting of this.waiting.values()) this.send(waiting);
    for (const subscription of this.subscriptions) void this.begin(subscription);
  }

  private send(waiting: Waiting): void {
    waiting.sent = true;
    this.socket?.send(waiting.text);
  }

  /** Ends this connection; the next one follows after the back-off. */
  private drop(reason: string): void {
    const socket = this.socket;
    this.socket = null;
    socket?.close();
    this.lost(reason);
  }

  private lost(reason: string): void {
    if (this.current === 'closed') return;
    this.socket = null;
    this.forgetEarly();
    for (const subscription of this.subscriptions) subscription.id = null;
    // What was not sent yet waits for the next connection; the rest may have been carried out.
    for (const waiting of this.waiting.values()) {
      if (waiting.sent) waiting.reject(new RpcError('disconnected', waiting.method, reason));
    }
    const pause = spread(backOff(this.failures, FIRST_BACK_OFF_MS, LAST_BACK_OFF_MS), this.options.random);
    this.failures += 1;
    this.retry = setTimeout(() => this.connect(), pause);
    this.become('waiting', reason);
  }

  private rejectAll(code: 'closed', message: string): void {
    for (const waiting of this.waiting.values()) waiting.reject(new RpcError(code, waiting.method, message));
  }

  private receive(text: string): void {
    this.lastMessageAt = performance.now();
    let message: RpcMessage;
    try {
      message = decodeMessage(text);
    } catch (error) {
      this.drop(messageOf(error));
      return;
    }
    this.failures = 0;
    if (message.kind === 'notification') {
      this.notify(message.subscription, message.result, text.length);
      return;
    }
    const waiting = message.id === null ? undefined : this.waiting.get(message.id);
    if (waiting === undefined) return;
    if (message.kind === 'result') waiting.resolve(message.result);
    else waiting.reject(new RpcError(message.code, waiting.method, message.message, message.data));
  }

  private notify(id: string, result: unknown, bytes: number): void {
    const subscription = [...this.subscriptions].find((one) => one.id === id);
    if (subscription !== undefined) {
      subscription.listener(result);
    } else if (
      this.beginning > 0 &&
      this.early.length < MAX_EARLY_NOTIFICATIONS &&
      this.earlyBytes + bytes <= this.maxMessageBytes
    ) {
      this.early.push({ subscription: id, result });
      this.earlyBytes += bytes;
    }
  }

  private async begin(subscription: LiveSubscription): Promise<void> {
    this.beginning += 1;
    try {
      const id = await this.call(subscription.method, subscription.params);
      if (typeof id !== 'string' && typeof id !== 'number') {
        throw new RpcError('malformed', subscription.method, 'no name of a subscription');
      }
      if (!this.subscriptions.has(subscription)) {
        this.cancel(subscription.unsubscribeMethod, String(id));
        return;
      }
      subscription.id = String(id);
      const early = this.early.filter((one) => one.subscription === subscription.id);
      this.early = this.early.filter((one) => one.subscription !== subscription.id);
      for (const { result } of early) subscription.listener(result);
      subscription.news.begun?.();
    } catch (error) {
      if (error instanceof RpcError && error.code !== 'disconnected' && error.code !== 'closed') {
        subscription.news.failed?.(error);
      }
    } finally {
      this.beginning -= 1;
      if (this.beginning === 0) this.forgetEarly();
    }
  }

  private forgetEarly(): void {
    this.early = [];
    this.earlyBytes = 0;
  }

  private end(subscription: LiveSubscription): void {
    this.subscriptions.delete(subscription);
    if (subscription.id !== null) this.cancel(subscription.unsubscribeMethod, subscription.id);
  }

  private cancel(method: string, id: string): void {
    if (this.current === 'connected') this.call(method, [id]).catch(() => undefined);
  }
}
