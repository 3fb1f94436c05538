/** JSON-RPC 2.0 over WebSocket and HTTP POST on one loopback port, within bounds. */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { WebSocketServer, type WebSocket } from 'ws';
import { DecodeError } from '../../src/protocol/errors.ts';
import { parseJson, stringifyJson } from '../../src/network/json.ts';
import { INVALID_REQUEST, METHOD_NOT_FOUND, PARSE_ERROR, RpcFailure } from './failure.ts';

/** Longest message taken; nodes allow 15 MiB. */
const MAX_MESSAGE_BYTES = 15 * 2 ** 20;
const MAX_CONNECTIONS = 100;
const MAX_SUBSCRIPTIONS = 1024;
const MAX_BATCH = 1000;
/** A client that reads so slowly that this many bytes pile up is cut off. */
const MAX_BUFFERED_BYTES = 256 * 2 ** 20;

/** A subscription as the method that begins it sees it. */
export interface Sink {
  /** Sends a notification. */
  notify(result: unknown): void;
  /** Called when the client unsubscribes or goes. */
  onClose(listener: () => void): void;
}

/** The connection that a call came over; null for HTTP, which has no subscriptions. */
export interface Connection {
  /** Begins a subscription; what is notified before the reply to the call is sent after it. */
  subscribe(notification: string): Sink & { readonly id: string };
  unsubscribe(id: string): boolean;
  /** State that methods keep for a connection. */
  readonly session: Map<string, unknown>;
  onClose(listener: () => void): void;
}

export type Params = readonly unknown[];
/** A method: returns its result or a promise of it, throws RpcFailure. */
export type Method = (params: Params, connection: Connection | null) => unknown;

interface Request {
  id: string | number | null;
  method: string;
  params: Params;
}

interface Subscription {
  closed: (() => void)[];
}

class SocketConnection implements Connection {
  readonly session = new Map<string, unknown>();
  private readonly subscriptions = new Map<string, Subscription>();
  private readonly closed: (() => void)[] = [];
  /** Notifications that wait for the reply which names their subscription. */
  private held: string[] | null = null;

  constructor(private readonly socket: WebSocket) {}

  send(text: string): void {
    if (this.socket.bufferedAmount > MAX_BUFFERED_BYTES) this.socket.terminate();
    else if (this.socket.readyState === this.socket.OPEN) this.socket.send(text);
  }

  /** Holds notifications back until `release`. */
  hold(): void {
    this.held ??= [];
  }

  release(): void {
    const held = this.held ?? [];
    this.held = null;
    for (const text of held) this.send(text);
  }

  subscribe(notification: string): Sink & { readonly id: string } {
    if (this.subscriptions.size >= MAX_SUBSCRIPTIONS)
      throw new RpcFailure(-32_006, 'Too many subscriptions on the connection');
    const id = randomBytes(12).toString('base64url');
    const subscription: Subscription = { closed: [] };
    this.subscriptions.set(id, subscription);
    return {
      id,
      notify: (result) => {
        if (!this.subscriptions.has(id)) return;
        const params = { subscription: id, result };
        const text = stringifyJson({ jsonrpc: '2.0', method: notification, params });
        if (this.held === null) this.send(text);
        else this.held.push(text);
      },
      onClose: (listener) => subscription.closed.push(listener),
    };
  }

  unsubscribe(id: string): boolean {
    const subscription = this.subscriptions.get(id);
    if (subscription === undefined) return false;
    this.subscriptions.delete(id);
    for (const listener of subscription.closed) listener();
    return true;
  }

  onClose(listener: () => void): void {
    this.closed.push(listener);
  }

  close(): void {
    for (const id of this.subscriptions.keys()) this.unsubscribe(id);
    for (const listener of this.closed) listener();
  }
}

export class RpcServer {
  private readonly http: Server;
  private readonly sockets: WebSocketServer;

  /** `origins`: pages beside loopback ones that may connect, e.g. `https://example.org`. */
  constructor(
    private readonly methods: ReadonlyMap<string, Method>,
    private readonly origins: readonly string[],
    private readonly log: (line: string) => void,
  ) {
    this.http = createServer((request, response) => void this.onHttp(request, response));
    this.sockets = new WebSocketServer({
      noServer: true,
      maxPayload: MAX_MESSAGE_BYTES,
      perMessageDeflate: false,
    });
    this.http.on('upgrade', (request, socket, head) => {
      if (!this.allowed(request) || this.sockets.clients.size >= MAX_CONNECTIONS) {
        socket.end('HTTP/1.1 403 Forbidden\r\n\r\n', () => socket.destroy());
        return;
      }
      this.sockets.handleUpgrade(request, socket, head, (webSocket) => this.onSocket(webSocket));
    });
  }

  /** Listens on 127.0.0.1; returns the port. Rejects with the listener's error. */
  listen(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.http.once('error', reject);
      this.http.listen(port, '127.0.0.1', () => {
        this.http.off('error', reject);
        const address = this.http.address();
        resolve(typeof address === 'object' && address !== null ? address.port : port);
      });
    });
  }

  async close(): Promise<void> {
    for (const socket of this.sockets.clients) socket.terminate();
    this.http.closeAllConnections();
    await new Promise<void>((resolve) => this.http.close(() => resolve()));
  }

  /** Programs send no origin; pages must be of this machine or allowed by name. */
  private allowed({ headers }: IncomingMessage): boolean {
    const { origin } = headers;
    return origin === undefined || isLoopback(origin) || this.origins.includes(origin);
  }

  private onSocket(socket: WebSocket): void {
    const connection = new SocketConnection(socket);
    socket.on('message', (data, isBinary) => {
      const text = isBinary ? '' : String(data);
      connection.hold();
      void this.answer(text, connection).then((reply) => {
        if (reply !== null) connection.send(reply);
        connection.release();
      });
    });
    socket.on('error', (error) => this.log(`A connection failed: ${error.message}`));
    socket.on('close', () => connection.close());
  }

  private async onHttp(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { origin } = request.headers;
    if (!this.allowed(request)) {
      // What is left of the request is not read.
      response.writeHead(403, { Connection: 'close' }).end();
      return;
    }
    if (origin !== undefined) {
      response.setHeader('Access-Control-Allow-Origin', origin);
      response.setHeader('Access-Control-Allow-Headers', 'content-type');
      response.setHeader('Vary', 'Origin');
    }
    if (request.method === 'OPTIONS') {
      response.writeHead(204).end();
      return;
    }
    if (request.method !== 'POST') {
      response.writeHead(405).end('Used HTTP Method is not allowed. POST is required\n');
      return;
    }
    const body = await readBody(request);
    if (body === null) {
      response.writeHead(413, { Connection: 'close' }).end();
      return;
    }
    const reply = await this.answer(body, null);
    response.writeHead(200, { 'Content-Type': 'application/json; charset=utf-8' }).end(reply ?? '');
  }

  /** Text of the reply to a message; null when it asks for none. */
  private async answer(text: string, connection: Connection | null): Promise<string | null> {
    let message: unknown;
    try {
      message = parseJson(text);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      return reply(null, PARSE_ERROR);
    }
    if (!Array.isArray(message)) return this.answerOne(message, connection);
    if (message.length === 0 || message.length > MAX_BATCH) return reply(null, INVALID_REQUEST);
    const replies: string[] = [];
    for (const one of message) {
      const answer = await this.answerOne(one, connection);
      if (answer !== null) replies.push(answer);
    }
    return replies.length === 0 ? null : `[${replies.join(',')}]`;
  }

  private async answerOne(message: unknown, connection: Connection | null): Promise<string | null> {
    const request = readRequest(message);
    if (request === null) return reply(null, INVALID_REQUEST);
    const method = this.methods.get(request.method);
    if (method === undefined) return reply(request.id, METHOD_NOT_FOUND);
    try {
      const result = (await method(request.params, connection)) ?? null;
      return `{"jsonrpc":"2.0","id":${JSON.stringify(request.id)},"result":${stringifyJson(result)}}`;
    } catch (error) {
      return reply(request.id, this.failureOf(error, request.method));
    }
  }

  private failureOf(error: unknown, method: string): RpcFailure {
    if (error instanceof RpcFailure) return error;
    if (error instanceof DecodeError) return new RpcFailure(-32_602, 'Invalid params', error.message);
    this.log(`${method} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    return new RpcFailure(-32_603, 'Internal error');
  }
}

function isLoopback(origin: string): boolean {
  return /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(origin);
}

function readRequest(message: unknown): Request | null {
  if (typeof message !== 'object' || message === null || Array.isArray(message)) return null;
  const { id = null, method, params = [] } = message as Record<string, unknown>;
  const named = id === null || typeof id === 'number' || typeof id === 'string';
  if (typeof method !== 'string' || !named || !Array.isArray(params ?? [])) return null;
  return { id, method, params: (params ?? []) as Params };
}

function reply(id: string | number | null, { code, message, data }: RpcFailure): string {
  const error = data === undefined ? { code, message } : { code, message, data };
  return `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"error":${stringifyJson(error)}}`;
}

/** The body of a request, or null when it is too long. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > MAX_MESSAGE_BYTES) return null;
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
