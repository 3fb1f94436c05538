/**
 * One member's connection to the NATS server of a cluster: the protocol's patterns (broadcast, notification, request,
 * stream) over whatever transport the place has. Connects again by itself; what was subscribed stays so.
 */
import {
  headers as natsHeaders,
  type ConnectionOptions,
  type Msg,
  type NatsConnection,
  type PublishOptions,
  type Status,
  type TlsOptions,
} from '@nats-io/nats-core';
import { onAbort } from '../async/on-abort.ts';
import { pause } from '../async/pause.ts';
import {
  messageOfSubject,
  MINIMAL_MAX_PAYLOAD,
  subjectOf,
  type Publication,
  type Request,
  type StreamRequest,
} from '../protocol/cluster/messages.ts';
import { decodeWith, encodeWith } from '../protocol/codec.ts';
import { Complaints } from './complaints.ts';
import { authenticatorOf, type Credentials } from './credentials.ts';
import { ClusterError } from './errors.ts';
import { connectionError, decodeAnswer, requestError } from './failures.ts';
import { receiveStream, sendStream, type StreamLink, type StreamOptions } from './streams.ts';

/** `connect` of a transport: TCP under Node.js, WebSocket in a browser. */
export type Connect = (options: ConnectionOptions) => Promise<NatsConnection>;

export interface ConnectionSettings {
  connect: Connect;
  servers: string[];
  credentials: Credentials;
  /** Files or texts of certificates; Node.js only. */
  tls?: TlsOptions;
  /** Shown by the server's own tools, e.g. `allotment-plotter`. */
  name: string;
  /** What went wrong with what others sent: at most one line a cause and minute. */
  log?: (line: string) => void;
}

export type LinkState = 'connected' | 'reconnecting' | 'closed';

export interface RequestSettings {
  signal?: AbortSignal;
  /** Of one attempt. */
  timeoutMs?: number;
  /** How long to try again when nobody answers; 0 for once only. */
  retryMs?: number;
}

/** An answer is waited for so long, and asked for again for so long, as native members do. */
const REQUEST_TIMEOUT_MS = 5 * 60_000;
const RETRY_MS = 60_000;
const FIRST_BACK_OFF_MS = 500;
const LAST_BACK_OFF_MS = 10_000;
const RECONNECT_MS = 1_000;
const PING_MS = 15_000;
const CONNECT_TIMEOUT_MS = 10_000;
/** Messages kept while the server is away, broadcasts not among them: by then they are no news. */
const MAX_KEPT = 64;

export class ClusterConnection implements StreamLink {
  private readonly stateListeners = new Set<(state: LinkState) => void>();
  private readonly complaints: Complaints;
  private readonly closing = new AbortController();
  private link: LinkState = 'connected';
  private limitTooSmall: ClusterError | null = null;
  private kept: (() => void)[] = [];
  private payloadLimit: number;

  private constructor(
    private readonly nats: NatsConnection,
    settings: ConnectionSettings,
  ) {
    this.complaints = new Complaints((line) => settings.log?.(line));
    this.payloadLimit = nats.info?.max_payload ?? 0;
    void this.watch();
  }

  /**
   * Throws ClusterError `unreachable`, `refused` (credentials), `payload-limit` (the server carries less in one
   * message than the protocol needs), `credentials`.
   */
  static async connect(settings: ConnectionSettings): Promise<ClusterConnection> {
    const { connect, servers, credentials, tls, name } = settings;
    let nats: NatsConnection;
    try {
      nats = await connect({
        servers,
        authenticator: authenticatorOf(credentials),
        ...(tls === undefined ? {} : { tls }),
        name,
        // A member's own broadcasts are not news; those of another one that says it is the same are.
        noEcho: true,
        maxReconnectAttempts: -1,
        reconnectTimeWait: RECONNECT_MS,
        pingInterval: PING_MS,
        timeout: CONNECT_TIMEOUT_MS,
        ignoreAuthErrorAbort: true,
      });
    } catch (error) {
      if (error instanceof ClusterError) throw error;
      throw connectionError(error, servers);
    }
    const connection = new ClusterConnection(nats, settings);
    try {
      connection.requirePayload();
    } catch (error) {
      await connection.close();
      throw error;
    }
    return connection;
  }

  /** Bytes that the server carries in one message. */
  get maxPayload(): number {
    return this.payloadLimit;
  }

  get state(): LinkState {
    return this.link;
  }

  /** What is wrong with the server since it was restarted, or null. */
  get trouble(): ClusterError | null {
    return this.limitTooSmall;
  }

  /** Address of the server; no secrets in it. */
  get server(): string {
    return this.nats.getServer();
  }

  /** Aborted when the connection is closed. */
  get closed(): AbortSignal {
    return this.closing.signal;
  }

  /** Calls `listener` at every change of the link; returns what stops that. */
  onState(listener: (state: LinkState) => void): () => void {
    this.stateListeners.add(listener);
    return () => this.stateListeners.delete(listener);
  }

  /** Broadcasts a value, or sends it to the instance. */
  publish<T>(message: Publication<T>, value: T, instance?: string): void {
    const id = message.messageId?.(value);
    const options = id === undefined ? {} : { headers: messageIdHeader(id) };
    if (message.kind === 'broadcast' && this.link !== 'connected') return;
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
    const end = Date.now() + (settings.retryMs ?? RETRY_MS);
    for (let backOff = FIRST_BACK_OFF_MS; ; backOff = Math.min(2 * backOff, LAST_BACK_OFF_MS)) {
      try {
        const answer = await this.ask(subject, payload, settings);
        return decodeAnswer(message.response, answer);
      } catch (error) {
        settings.signal?.throwIfAborted();
        const again = error instanceof ClusterError && (error.code === 'nobody' || error.code === 'silence');
        if (!again || Date.now() + backOff > end) throw error;
        await pause(backOff, settings.signal);
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
      if (!this.closing.signal.aborted) this.complaints.say(pattern, error);
    }
  }

  /** Sends a payload; while the server is away it is kept for when it is back. Throws ClusterError `too-large`. */
  send(subject: string, payload: Uint8Array, options: PublishOptions = {}): void {
    this.requireSize(payload);
    if (this.link === 'connected') this.nats.publish(subject, payload, options);
    else if (this.link === 'reconnecting' && this.kept.length < MAX_KEPT)
      this.kept.push(() => this.send(subject, payload, options));
  }

  /** Calls `listener` with every message of a subject of this member's own. */
  receive(subject: string, listener: (payload: Uint8Array, statusCode: number) => void): () => void {
    const subscription = this.nats.subscribe(subject, {
      callback: (error, msg) => {
        if (error === null) listener(plain(msg.data), msg.headers?.code ?? 0);
      },
    });
    return () => {
      if (!subscription.isClosed()) subscription.unsubscribe();
    };
  }

  private requireSize(payload: Uint8Array): void {
    if (payload.length <= this.maxPayload) return;
    throw new ClusterError(
      'too-large',
      `${payload.length} bytes where the server carries ${this.maxPayload}`,
      'A message is larger than the NATS server carries (max_payload).',
    );
  }

  private requirePayload(): void {
    if (this.maxPayload >= MINIMAL_MAX_PAYLOAD) return;
    throw new ClusterError(
      'payload-limit',
      `max_payload is ${this.maxPayload}, ${MINIMAL_MAX_PAYLOAD} are needed`,
      `The NATS server carries ${Math.floor(this.maxPayload / 1024)} KiB in one message; a cluster needs 2048 KiB. ` +
        'Set “max_payload: 2MB” in its configuration and restart it.',
    );
  }

  private async watch(): Promise<void> {
    try {
      for await (const status of this.nats.status()) this.onStatus(status);
    } catch (error) {
      this.complaints.say('server', error);
    }
    this.setState('closed');
    this.closing.abort(new ClusterError('closed', 'the connection is closed', 'The cluster was left.'));
  }

  private onStatus(status: Status): void {
    if (status.type === 'disconnect') this.setState('reconnecting');
    if (status.type === 'error') this.complaints.say('server', status.error);
    if (status.type !== 'reconnect') return;
    this.payloadLimit = this.nats.info?.max_payload ?? this.payloadLimit;
    try {
      this.requirePayload();
      this.limitTooSmall = null;
    } catch (error) {
      this.limitTooSmall = error as ClusterError;
      this.complaints.say('server', error);
    }
    this.setState('connected');
  }

  private setState(state: LinkState): void {
    if (this.link === state) return;
    this.link = state;
    for (const send of state === 'connected' ? this.kept.splice(0) : []) {
      try {
        send();
      } catch (error) {
        // The server may carry less than it did.
        this.complaints.say('server', error);
      }
    }
    for (const listener of this.stateListeners) listener(state);
  }

  /** Resolves once the server has taken note of every subscription and message so far. */
  async flush(): Promise<void> {
    await this.nats.flush();
  }

  /** Sends what was published and ends the connection. */
  async close(): Promise<void> {
    if (!this.closing.signal.aborted)
      this.closing.abort(new ClusterError('closed', 'the connection is closed', 'The cluster was left.'));
    if (this.link === 'connected')
      await Promise.race([this.nats.flush().catch(() => undefined), pause(1_000)]);
    await this.nats.close();
    this.setState('closed');
  }
}

/** The same bytes as what the protocol's codecs expect: a `Buffer` would share memory where they copy. */
function plain(data: Uint8Array): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.length);
}

function subjectFor(message: Parameters<typeof subjectOf>[0], instance: string | undefined): string {
  return instance === undefined ? subjectOf(message) : subjectOf(message, instance);
}

function messageIdHeader(id: string): ReturnType<typeof natsHeaders> {
  const header = natsHeaders();
  header.set('Nats-Msg-Id', id);
  return header;
}
