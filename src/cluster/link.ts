/** One member's link to the NATS server of a cluster, whatever is said over it. Connects again by itself. */
import type {
  ConnectionOptions,
  NatsConnection,
  PublishOptions,
  Status,
  TlsOptions,
} from '@nats-io/nats-core';
import { pause } from '../async/pause.ts';
import { MINIMAL_MAX_PAYLOAD } from '../protocol/cluster/messages.ts';
import { Complaints } from './complaints.ts';
import { authenticatorOf, type Credentials } from './credentials.ts';
import { ClusterError } from './errors.ts';
import { connectionError } from './failures.ts';
import type { StreamLink } from './streams.ts';

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

const RECONNECT_MS = 1_000;
const PING_MS = 15_000;
const CONNECT_TIMEOUT_MS = 10_000;
/** Messages kept while the server is away, of broadcasts only those that are still news by then. */
const MAX_KEPT = 64;

/**
 * Connects to the first server that answers.
 *
 * @throws ClusterError `unreachable`, `refused` (credentials), `credentials`.
 */
export async function dialServer(settings: ConnectionSettings): Promise<NatsConnection> {
  const { connect, servers, credentials, tls, name } = settings;
  try {
    return await connect({
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
    throw await connectionError(error, servers);
  }
}

export class ClusterLink implements StreamLink {
  private readonly stateListeners = new Set<(state: LinkState) => void>();
  protected readonly complaints: Complaints;
  private readonly closing = new AbortController();
  private link: LinkState = 'connected';
  private limitTooSmall: ClusterError | null = null;
  private kept: (() => void)[] = [];
  private payloadLimit: number;

  protected constructor(
    protected readonly nats: NatsConnection,
    settings: ConnectionSettings,
  ) {
    this.complaints = new Complaints((line) => settings.log?.(line));
    this.payloadLimit = nats.info?.max_payload ?? 0;
    void this.watch();
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

  /** Throws ClusterError `too-large`. */
  protected requireSize(payload: Uint8Array): void {
    if (payload.length <= this.maxPayload) return;
    throw new ClusterError(
      'too-large',
      `${payload.length} bytes where the server carries ${this.maxPayload}`,
      'A message is larger than the NATS server carries (max_payload).',
    );
  }

  /** Throws ClusterError `payload-limit`: the server carries less in one message than the protocol needs. */
  protected requirePayload(): void {
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
export function plain(data: Uint8Array): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.length);
}
