/** The protocol's patterns over a link to the NATS server of a cluster: broadcast, notification, request, stream. */
import { headers as natsHeaders, type Msg } from '@nats-io/nats-core';
import { onAbort } from '../async/on-abort.ts';
import { backOff } from '../async/back-off.ts';
import { pause } from '../async/pause.ts';
import {
  messageOfSubject,
  subjectOf,
  type Publication,
  type Request,
  type StreamRequest,
} from '../protocol/cluster/messages.ts';
import { REQUEST_RETRY_MS, REQUEST_TIMEOUT_MS } from '../protocol/cluster/times.ts';
import { decodeWith, encodeWith } from '../protocol/codec.ts';
import { ClusterError } from './errors.ts';
import { decodeAnswer, requestError } from './failures.ts';
import { ClusterLink, dialServer, plain, type ConnectionSettings } from './link.ts';
import { receiveStream, sendStream, type StreamOptions } from './streams.ts';

export interface RequestSettings {
  signal?: AbortSignal;
  /** Of one attempt. */
  timeoutMs?: number;
  /** How long to try again when nobody answers; 0 for once only. */
  retryMs?: number;
}

/** Wait before a request that nobody answered is made again: the first time, and at most. */
const FIRST_BACK_OFF_MS = 500;
const LAST_BACK_OFF_MS = 10_000;

/** What was subscribed stays so while the server is away. */
export class ClusterConnection extends ClusterLink {
  /** Throws ClusterError `unreachable`, `refused` (credentials), `payload-limit`, `credentials`. */
  static async connect(settings: ConnectionSettings): Promise<ClusterConnection> {
    const connection = new ClusterConnection(await dialServer(settings), settings);
    try {
      connection.requirePayload();
    } catch (error) {
      await connection.close();
      throw error;
    }
    return connection;
  }

  /**
   * Broadcasts a value, or sends it to the instance. A broadcast while the server is away is left out, but for one that
   * is `lasting`: still news when the server is back.
   */
  publish<T>(message: Publication<T>, value: T, instance?: string, lasting = false): void {
    const id = message.messageId?.(value);
    const options = id === undefined ? {} : { headers: messageIdHeader(id) };
    if (message.kind === 'broadcast' && this.state !== 'connected' && !lasting) return;
    this.send(subjectFor(message, instance), encodeWith(message.payload, value), options);
  }

  /** Calls `listener` with every value published and the instance that its subject names. */
  listen<T>(
    message: Publication<T>,
    listener: (value: T, instance: string) => void,
    options: { instance?: string; queue?: string } = {},
  ): () => void {
    return this.subscribe(message, options.instance, options.queue, (payload, _reply, instance) => {
      listener(decodeWith(message.payload, payload, 'cluster-broadcast'), instance);
    });
  }

  /**
   * Asks one member. Throws ClusterError `nobody`, `silence`, `malformed`; the signal's reason.
   */
  async request<Q, R>(
    message: Request<Q, R>,
    value: Q,
    { instance, ...settings }: RequestSettings & { instance?: string } = {},
  ): Promise<R> {
    const subject = subjectFor(message, instance);
    const payload = encodeWith(message.payload, value);
    const end = performance.now() + (settings.retryMs ?? REQUEST_RETRY_MS);
    for (let failures = 0; ; failures += 1) {
      try {
        const answer = await this.ask(subject, payload, settings);
        return decodeAnswer(message.response, answer);
      } catch (error) {
        settings.signal?.throwIfAborted();
        const again = error instanceof ClusterError && (error.code === 'nobody' || error.code === 'silence');
        const wait = backOff(failures, FIRST_BACK_OFF_MS, LAST_BACK_OFF_MS);
        if (!again || performance.now() + wait > end) throw error;
        await pause(wait, settings.signal);
      }
    }
  }

  private async ask(subject: string, payload: Uint8Array, settings: RequestSettings): Promise<Uint8Array> {
    const { signal, timeoutMs = REQUEST_TIMEOUT_MS } = settings;
    signal?.throwIfAborted();
    this.requireSize(payload);
    let stop: () => void = () => undefined;
    const broken = new Promise<never>((_, reject) => {
      const lost = (): void =>
        reject(new ClusterError('silence', `${subject}: the link broke`, 'The NATS server is away.'));
      const off = this.onState((state) => state !== 'connected' && lost());
      const leave = onAbort(signal, () => reject(signal?.reason as Error));
      stop = () => {
        off();
        leave();
      };
    });
    broken.catch(() => undefined);
    try {
      const answer = this.nats.request(subject, payload, { timeout: timeoutMs });
      answer.catch(() => undefined);
      return plain((await Promise.race([answer, broken])).data);
    } catch (error) {
      throw requestError(error, subject);
    } finally {
      stop();
    }
  }

  /** Answers requests. `handler` may be slow; requests are handled side by side. */
  respond<Q, R>(
    message: Request<Q, R>,
    options: { instance?: string; queue: string },
    handler: (value: Q, instance: string) => Promise<R>,
  ): () => void {
    return this.subscribe(message, options.instance, options.queue, async (payload, reply, instance) => {
      if (reply === undefined) return;
      const value = decodeWith(message.payload, payload, 'cluster-request');
      const answer = await handler(value, instance);
      this.send(reply, encodeWith(message.response, answer), {});
    });
  }

  /**
   * Asks for a stream of items. The iteration throws ClusterError `nobody`, `silence` (nothing for `idleMs`) or
   * `malformed` (a gap, bytes that are no message), or the signal's reason.
   */
  stream<Q, R>(
    message: StreamRequest<Q, R>,
    value: Q,
    { instance, ...options }: StreamOptions & { instance?: string } = {},
  ): AsyncGenerator<R, void, void> {
    const payload = encodeWith(message.payload, value);
    this.requireSize(payload);
    return receiveStream(this, subjectFor(message, instance), payload, message.item, options);
  }

  /**
   * Answers requests for streams; `handler` gives the items, is told to end when nobody takes them any more, and may
   * give the receiver up itself.
   */
  respondStream<Q, R>(
    message: StreamRequest<Q, R>,
    options: { instance?: string; queue: string },
    handler: (value: Q, signal: AbortSignal, giveUp: (reason: unknown) => void) => AsyncIterable<R>,
  ): () => void {
    return this.subscribe(message, options.instance, options.queue, async (payload, reply) => {
      if (reply === undefined) return;
      const value = decodeWith(message.payload, payload, 'cluster-request');
      const gone = new AbortController();
      const items = handler(value, gone.signal, (reason) => gone.abort(reason));
      await sendStream(this, reply, message.item, items, gone);
    });
  }

  /** Subscribes; what `handler` makes of a message is logged when it fails, and never ends the subscription. */
  private subscribe(
    message: Parameters<typeof subjectOf>[0],
    instance: string | undefined,
    queue: string | undefined,
    handler: (payload: Uint8Array, reply: string | undefined, instance: string) => void | Promise<void>,
  ): () => void {
    const subscription = this.nats.subscribe(subjectFor(message, instance), {
      ...(queue === undefined ? {} : { queue }),
      callback: (error, msg: Msg) => {
        if (error !== null) return this.complaints.say(message.subject, error);
        void this.handle(message.subject, msg, handler);
      },
    });
    return () => {
      if (!subscription.isClosed()) subscription.unsubscribe();
    };
  }

  private async handle(
    pattern: string,
    msg: Msg,
    handler: (payload: Uint8Array, reply: string | undefined, instance: string) => void | Promise<void>,
  ): Promise<void> {
    try {
      const instance = messageOfSubject(msg.subject).instance ?? '';
      await handler(plain(msg.data), msg.reply, instance);
    } catch (error) {
      if (!this.closed.aborted) this.complaints.say(pattern, error);
    }
  }
}

function subjectFor(message: Parameters<typeof subjectOf>[0], instance: string | undefined): string {
  return instance === undefined ? subjectOf(message) : subjectOf(message, instance);
}

function messageIdHeader(id: string): ReturnType<typeof natsHeaders> {
  const header = natsHeaders();
  header.set('Nats-Msg-Id', id);
  return header;
}
