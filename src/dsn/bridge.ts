/**
 * TCP through the gateway's socket bridge: a tab has no TCP, so the bridge carries the bytes. Noise runs between the
 * tab and the peer, so that the bridge can neither read nor alter them.
 */
import {
  transportSymbol,
  type Connection,
  type CreateListenerOptions,
  type DialTransportOptions,
  type Listener,
  type Logger,
  type Transport,
} from '@libp2p/interface';
import { AbstractMultiaddrConnection } from '@libp2p/utils';
import type { Multiaddr } from '@multiformats/multiaddr';
import type { Libp2pOptions } from 'libp2p';
import type { Uint8ArrayList } from 'uint8arraylist';
import * as v from 'valibot';
import { DsnError } from './errors.ts';

type TransportFactory = NonNullable<Libp2pOptions['transports']>[number];

export interface BridgeSettings {
  /** The bridge's WebSocket, e.g. `ws://127.0.0.1:30545/bridge`. */
  url: string;
  /** What the gateway printed; sent inside the connection, never in its address. */
  code: string;
}

/** The bridge in use at the moment, which may change while a peer runs; null: none. */
export interface BridgeHolder {
  settings: BridgeSettings | null;
}

/** Waits of the socket for a slow peer; what is written beyond stays with the sender. */
const MAX_BUFFERED_BYTES = 4 * 2 ** 20;
const DRAIN_POLL_MS = 10;
const HOSTS = new Set(['ip4', 'ip6', 'dns', 'dns4', 'dns6']);

const answerShape = v.object({
  open: v.boolean(),
  error: v.optional(v.string()),
  message: v.optional(v.pipe(v.string(), v.maxLength(300))),
});

/** `/HOST/…/tcp/PORT` of an address that is this and nothing more but its peer, or null. */
function targetOf(address: Multiaddr): string | null {
  const parts = address.getComponents().filter(({ name }) => name !== 'p2p');
  const [host, port] = parts;
  if (parts.length !== 2 || host === undefined || port === undefined) return null;
  return HOSTS.has(host.name) && port.name === 'tcp' ? `/${host.name}/${host.value}/tcp/${port.value}` : null;
}

/** A transport of libp2p that dials TCP addresses over the bridge, and listens nowhere. */
export function bridgedTcp(holder: BridgeHolder): TransportFactory {
  return (components) => new BridgedTcp(holder, components.logger.forComponent('allotment:bridge'));
}

class BridgedTcp implements Transport {
  readonly [transportSymbol] = true;
  readonly [Symbol.toStringTag] = 'allotment/bridged-tcp';

  constructor(
    private readonly holder: BridgeHolder,
    private readonly log: Logger,
  ) {}

  /** Throws DsnError: `unreachable` for a bridge or a peer that does not answer, `refused` where the bridge says no. */
  async dial(address: Multiaddr, options: DialTransportOptions): Promise<Connection> {
    return options.upgrader.upgradeOutbound(await this.open(address, options.signal), options);
  }

  private async open(address: Multiaddr, signal: AbortSignal): Promise<BridgedConnection> {
    const target = targetOf(address);
    if (target === null) throw new DsnError('unreachable', String(address), 'it is no address of a TCP port');
    const { settings } = this.holder;
    if (settings === null) throw new DsnError('unreachable', String(address), 'there is no socket bridge');
    signal.throwIfAborted();
    const socket = new WebSocket(settings.url);
    socket.binaryType = 'arraybuffer';
    const once = { once: true };
    try {
      return await new Promise<BridgedConnection>((resolve, reject) => {
        const failed = (): void =>
          reject(new DsnError('unreachable', String(address), 'the socket bridge does not answer'));
        socket.addEventListener('error', failed, once);
        socket.addEventListener('close', failed, once);
        signal.addEventListener('abort', () => reject(signal.reason as Error), once);
        const request = JSON.stringify({ code: settings.code, target });
        socket.addEventListener('open', () => socket.send(request), once);
        const answered = ({ data }: MessageEvent): void => {
          const refused = refusalOf(data);
          // Made here and now, lest it miss what the peer says first.
          if (refused === null) resolve(new BridgedConnection(socket, address, this.log));
          else reject(new DsnError('refused', String(address), refused));
        };
        socket.addEventListener('message', answered, once);
      });
    } catch (error) {
      socket.close();
      throw error;
    }
  }

  createListener(_options: CreateListenerOptions): Listener {
    throw new RangeError('the socket bridge has no listeners');
  }

  listenFilter(): Multiaddr[] {
    return [];
  }

  dialFilter(addresses: Multiaddr[]): Multiaddr[] {
    return this.holder.settings === null ? [] : addresses.filter((address) => targetOf(address) !== null);
  }
}

/** Why the bridge does not open, or null when bytes follow from now on. */
function refusalOf(data: unknown): string | null {
  const answer = answerOf(data);
  if (answer === null) return 'what answered is no socket bridge';
  return answer.open ? null : (answer.message ?? answer.error ?? 'the socket bridge refused');
}

function answerOf(data: unknown): v.InferOutput<typeof answerShape> | null {
  try {
    const { success, output } = v.safeParse(answerShape, JSON.parse(String(data)));
    return success ? output : null;
  } catch {
    return null;
  }
}

const PROBE_MS = 5_000;

/** Whether a bridge answers and takes the code; it is asked to connect to nowhere. */
export function probeBridge({ url, code }: BridgeSettings): Promise<'ready' | 'wrong-code' | 'no-bridge'> {
  return new Promise((resolve) => {
    const socket = new WebSocket(url);
    const done = (outcome: 'ready' | 'wrong-code' | 'no-bridge'): void => {
      clearTimeout(timer);
      resolve(outcome);
      socket.close();
    };
    const timer = setTimeout(() => done('no-bridge'), PROBE_MS);
    socket.addEventListener('open', () => socket.send(JSON.stringify({ code, target: '' })));
    socket.addEventListener('error', () => done('no-bridge'));
    socket.addEventListener('close', () => done('no-bridge'));
    socket.addEventListener('message', ({ data }) => {
      const error = answerOf(data)?.error;
      done(error === 'malformed' ? 'ready' : error === 'wrong-code' ? error : 'no-bridge');
    });
  });
}

class BridgedConnection extends AbstractMultiaddrConnection {
  private draining: ReturnType<typeof setInterval> | null = null;

  constructor(
    private readonly socket: WebSocket,
    remoteAddr: Multiaddr,
    log: Logger,
  ) {
    super({ remoteAddr, direction: 'outbound', log });
    socket.addEventListener('close', ({ wasClean }) => {
      this.stopDraining();
      if (wasClean) this.onTransportClosed();
      else this.onRemoteReset();
    });
    socket.addEventListener('message', ({ data }) => {
      if (data instanceof ArrayBuffer) this.onData(new Uint8Array(data));
      else this.abort(new DsnError('malformed', String(remoteAddr), 'the bridge sent text among bytes'));
    });
  }

  sendData(data: Uint8ArrayList): { sentBytes: number; canSendMore: boolean } {
    for (const part of data) this.socket.send(new Uint8Array(part));
    const canSendMore = this.socket.bufferedAmount < MAX_BUFFERED_BYTES;
    if (!canSendMore) this.draining ??= setInterval(() => this.drain(), DRAIN_POLL_MS);
    return { sentBytes: data.byteLength, canSendMore };
  }

  private drain(): void {
    if (this.socket.bufferedAmount > 0) return;
    this.stopDraining();
    this.safeDispatchEvent('drain');
  }

  private stopDraining(): void {
    if (this.draining !== null) clearInterval(this.draining);
    this.draining = null;
  }

  sendReset(): void {
    this.socket.close();
  }

  sendClose(): Promise<void> {
    this.socket.close();
    return Promise.resolve();
  }

  /** WebSockets cannot be told to wait. */
  sendPause(): void {}

  sendResume(): void {}
}
