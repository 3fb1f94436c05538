import * as fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { WebSocketServer } from 'ws';
import { DecodeError } from '../protocol/errors.ts';
import type { FarmerAppInfo } from '../protocol/types.ts';
import { farmerAppInfoFromJson, slotInfoFromJson, solutionResponseFromJson } from './farmer-json.ts';
import { parseJson, stringifyJson } from './json.ts';
import { propertiesFromJson, readProofFromJson, runtimeVersionFromJson } from './node-rpc.ts';
import { decodeMessage, encodeRequest, RpcClient } from './rpc.ts';
import { RpcError } from './rpc-error.ts';
import { openNodeSocket } from './socket-node.ts';
import type { OpenSocket, SocketEvents } from './socket.ts';

/** One connection of a client under test. */
class Line {
  readonly sent: { id: number; method: string; params?: unknown[] }[] = [];
  closed = false;

  constructor(readonly events: SocketEvents) {}

  answer(id: number, result: unknown): void {
    this.events.message(stringifyJson({ jsonrpc: '2.0', id, result }));
  }

  refuse(id: number, code: number, message: string): void {
    this.events.message(stringifyJson({ jsonrpc: '2.0', id, error: { code, message } }));
  }

  notify(method: string, subscription: string, result: unknown): void {
    this.events.message(stringifyJson({ jsonrpc: '2.0', method, params: { subscription, result } }));
  }

  last() {
    const request = this.sent.at(-1);
    if (request === undefined) throw new Error('nothing was sent');
    return request;
  }
}

const clients: RpcClient[] = [];

function connect(options: { timeoutMs?: number; maxMessageBytes?: number } = {}) {
  const lines: Line[] = [];
  const openSocket: OpenSocket = (_url, _max, events) => {
    const line = new Line(events);
    lines.push(line);
    return {
      send: (text) => void line.sent.push(parseJson(String(text)) as Line['sent'][number]),
      close: () => {
        line.closed = true;
      },
    };
  };
  const client = new RpcClient('ws://node', { openSocket, random: () => 0.5, ...options });
  clients.push(client);
  const line = (index = lines.length - 1): Line => lines[index] as Line;
  return { client, lines, line };
}

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
  vi.useRealTimers();
});

async function refusalOf(call: Promise<unknown>): Promise<RpcError> {
  const error: unknown = await call.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof RpcError)) throw new Error(`expected an RpcError, got ${String(error)}`);
  return error;
}

describe('RpcClient', () => {
  it('pipelines calls and gives each its answer, in whatever order they come', async () => {
    const { client, line } = connect();
    const [first, second] = [client.call('a', [1]), client.call('b')];
    line().events.open();
    expect(line().sent).toEqual([
      { jsonrpc: '2.0', id: 1, method: 'a', params: [1] },
      { jsonrpc: '2.0', id: 2, method: 'b' },
    ]);
    line().answer(2, 'two');
    line().answer(1, 18446744073709551615n);
    expect(await Promise.all([first, second])).toEqual([18446744073709551615n, 'two']);
  });

  it('says what the node refused, with code and sentence', async () => {
    const { client, line } = connect();
    const call = client.call('subspace_submitSolutionResponse', [{}]);
    line().events.open();
    line().refuse(1, 9001, 'Solution was ignored');
    const error = await refusalOf(call);
    expect(error).toMatchObject({ code: 9001, method: 'subspace_submitSolutionResponse' });
    expect(error.sentence).toContain('too late');
  });

  it('reconnects with growing pauses, keeps what was not sent and fails what was', async () => {
    vi.useFakeTimers();
    const { client, lines, line } = connect();
    line().events.open();
    const sent = refusalOf(client.call('sent'));
    line().events.close('gone');
    expect(client.state).toBe('waiting');
    expect(await sent).toMatchObject({ code: 'disconnected' });
    const unsent = client.call('unsent');
    await vi.advanceTimersByTimeAsync(250);
    expect(lines.length).toBe(2);
    line().events.close('still gone');
    await vi.advanceTimersByTimeAsync(499);
    expect(lines.length).toBe(2);
    await vi.advanceTimersByTimeAsync(1);
    line().events.open();
    line().answer(line().last().id, 'done');
    expect(await unsent).toBe('done');
  });

  it('subscribes again after a reconnection', async () => {
    vi.useFakeTimers();
    const { client, lines, line } = connect();
    const seen: unknown[] = [];
    const subscription = client.subscribe('sub', 'unsub', [], (value) => seen.push(value));
    line().events.open();
    line().answer(1, 'A');
    await vi.advanceTimersByTimeAsync(0);
    line().notify('note', 'A', 1n);
    line().events.close('gone');
    await vi.advanceTimersByTimeAsync(300);
    expect(lines.length).toBe(2);
    line().events.open();
    line().answer(line().last().id, 'B');
    await vi.advanceTimersByTimeAsync(0);
    line().notify('note', 'A', 'of the old connection');
    line().notify('note', 'B', 2n);
    expect(seen).toEqual([1, 2]);
    subscription.close();
    expect(line().last()).toMatchObject({ method: 'unsub', params: ['B'] });
    line().notify('note', 'B', 3n);
    expect(seen).toEqual([1, 2]);
  });

  it('keeps notifications that come before the name of their subscription, but not without end', async () => {
    const { client, line } = connect();
    const seen: unknown[] = [];
    client.subscribe('sub', 'unsub', [], (value) => seen.push(value));
    line().events.open();
    for (let index = 0; index < 1_000; index += 1) line().notify('note', 'A', index);
    line().answer(1, 'A');
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(seen.length).toBe(64);
    expect(seen[0]).toBe(0);
  });

  it('keeps as many bytes of them as one message may have', async () => {
    const { client, line } = connect({ maxMessageBytes: 2_000 });
    const seen: unknown[] = [];
    client.subscribe('sub', 'unsub', [], (value) => seen.push(value));
    line().events.open();
    for (const name of ['A', 'A', 'A', 'A']) line().notify('note', name, 'x'.repeat(500));
    line().answer(1, 'A');
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(seen.length).toBe(3);
  });

  it('has room for them however many came that nobody waited for', async () => {
    const { client, line } = connect();
    const seen: unknown[] = [];
    const ended = client.subscribe('sub', 'unsub', [], () => undefined);
    line().events.open();
    for (let index = 0; index < 100; index += 1) line().notify('note', 'nobody’s', index);
    line().answer(1, 'A');
    await new Promise((resolve) => setTimeout(resolve, 0));
    ended.close();
    for (let index = 0; index < 100; index += 1) line().notify('note', 'A', index);
    client.subscribe('sub', 'unsub', [], (value) => seen.push(value));
    line().notify('note', 'B', 'early');
    line().answer(line().last().id, 'B');
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(seen).toEqual(['early']);
  });

  it('gives up on a call in time, and on a connection that went silent', async () => {
    vi.useFakeTimers();
    const { client, line } = connect({ timeoutMs: 1_000 });
    line().events.open();
    const slow = refusalOf(client.call('slow'));
    line().notify('note', 'x', 1);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await slow).toMatchObject({ code: 'timeout' });
    expect(client.state).toBe('connected');
    const silent = refusalOf(client.call('silent'));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await silent).toMatchObject({ code: 'timeout' });
    expect(client.state).toBe('waiting');
    expect(line().closed).toBe(true);
  });

  it('gives a call up when its signal aborts', async () => {
    const { client, line } = connect();
    line().events.open();
    const stop = new AbortController();
    const call = client.call('a', [], { signal: stop.signal });
    stop.abort(new Error('enough'));
    await expect(call).rejects.toThrow('enough');
    line().answer(1, 'late');
    await expect(client.call('b', [], { signal: stop.signal })).rejects.toThrow('enough');
  });

  it('drops a connection that sends what is not JSON-RPC', async () => {
    const nested = '['.repeat(200_000);
    for (const garbage of ['', '{', '[]', '"x"', '{"id":1}', '{"method":"m","params":{}}', nested]) {
      const { client, line } = connect();
      line().events.open();
      const call = refusalOf(client.call('a'));
      line().events.message(garbage);
      expect([garbage.slice(0, 20), client.state]).toEqual([garbage.slice(0, 20), 'waiting']);
      expect(await call).toMatchObject({ code: 'disconnected' });
    }
  });

  it('fails what waits when it is closed', async () => {
    const { client } = connect();
    const call = refusalOf(client.call('a'));
    client.close();
    expect(await call).toMatchObject({ code: 'closed' });
    expect(await refusalOf(client.call('b'))).toMatchObject({ code: 'closed' });
  });

  it('does not let calls pile up without end', async () => {
    const { client } = connect();
    for (let index = 0; index < 4_096; index += 1) client.call('a').catch(() => undefined);
    expect(await refusalOf(client.call('a'))).toMatchObject({ code: 'overloaded' });
  });
});

describe('a connection under Node.js', () => {
  it('carries calls, and ends at a message that is too long', async () => {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
    await new Promise((resolve) => server.once('listening', resolve));
    server.on('connection', (socket) => {
      socket.on('message', (data) => {
        const { id, method } = JSON.parse(String(data)) as { id: number; method: string };
        const result = method === 'long' ? 'x'.repeat(4_096) : method;
        socket.send(JSON.stringify({ jsonrpc: '2.0', id, result }));
      });
    });
    const { port } = server.address() as { port: number };
    const options = { openSocket: openNodeSocket, maxMessageBytes: 2_048 };
    const client = new RpcClient(`ws://127.0.0.1:${port}`, options);
    clients.push(client);
    expect(await client.call('echo')).toBe('echo');
    expect(await refusalOf(client.call('long'))).toMatchObject({ code: 'disconnected' });
    expect(client.reason).toMatch(/payload|too long|size/i);
    expect(await client.call('again')).toBe('again');
    server.close();
    for (const socket of server.clients) socket.terminate();
  });
});

describe('JSON of nodes', () => {
  it('keeps 64-bit integers both ways', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), (value) => {
        const back = (parseJson(stringifyJson({ value })) as { value: number | bigint }).value;
        expect(BigInt(back)).toBe(value);
      }),
    );
    expect(encodeRequest(7, 'm', [18446744073709551615n])).toBe(
      '{"jsonrpc":"2.0","id":7,"method":"m","params":[18446744073709551615]}',
    );
  });

  it('tells farmers of a history and of a share of it that can be', () => {
    const protocolInfo = {
      historySize: 1,
      maxPiecesInSector: 1000,
      recentSegments: 5,
      recentHistoryFraction: [1, 10],
      minSectorLifetime: 4,
    };
    const told = (change: object): FarmerAppInfo =>
      farmerAppInfoFromJson({
        genesisHash: '11'.repeat(32),
        dsnBootstrapNodes: [],
        syncing: false,
        farmingTimeout: { secs: 4, nanos: 0 },
        protocolInfo: { ...protocolInfo, ...change },
      });
    expect(told({}).protocolInfo).toMatchObject({ historySize: 1n, recentHistoryFraction: [1n, 10n] });
    for (const impossible of [
      { historySize: 0 },
      { recentHistoryFraction: [1, 0] },
      { recentHistoryFraction: [1] },
      { recentHistoryFraction: [1, 2, 3] },
      { maxPiecesInSector: 0 },
      { maxPiecesInSector: 65_536 },
    ])
      expect(() => told(impossible)).toThrow(DecodeError);
  });

  it('proves with 100 000 nodes of a trie at most', () => {
    const proofOf = (nodes: number) =>
      readProofFromJson({ at: '0x'.padEnd(66, '1'), proof: Array.from({ length: nodes }, () => '0x00') });
    expect(proofOf(100_000).proof).toHaveLength(100_000);
    expect(() => proofOf(100_001)).toThrow(DecodeError);
  });

  it('is refused with DecodeError and nothing else, whatever it holds', () => {
    const decoders: ((json: unknown) => unknown)[] = [
      farmerAppInfoFromJson,
      slotInfoFromJson,
      solutionResponseFromJson,
      propertiesFromJson,
      readProofFromJson,
      runtimeVersionFromJson,
    ];
    const errorOf = (work: () => unknown): unknown => {
      try {
        work();
        return null;
      } catch (error) {
        return error;
      }
    };
    const tolerant = (work: () => unknown): void => {
      expect(errorOf(work) ?? new DecodeError('x', '')).toBeInstanceOf(DecodeError);
    };
    expect(decoders).toHaveLength(6);
    fc.assert(
      fc.property(fc.jsonValue(), (json) => {
        for (const decode of decoders) tolerant(() => decode(json));
        tolerant(() => decodeMessage(JSON.stringify(json)));
      }),
      { numRuns: 2_000 },
    );
    fc.assert(
      fc.property(fc.string(), (text) => tolerant(() => decodeMessage(text))),
      { numRuns: 2_000 },
    );
  });
});
