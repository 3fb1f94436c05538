import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { parseJson } from '../../src/network/json.ts';
import { RpcFailure } from './failure.ts';
import { requireConnection } from './params.ts';
import { RpcServer, type Method, type Sink } from './server.ts';

const U64 = 18_446_744_073_709_551_615n;
let server: RpcServer;
let port: number;
let sink: Sink | null = null;
const logged: string[] = [];

const methods: Record<string, Method> = {
  echo: (params) => params,
  largest: () => ({ value: U64 }),
  refuse: () => {
    throw new RpcFailure(9001, 'Solution was ignored');
  },
  break: () => {
    throw new TypeError('a bug');
  },
  subscribe: (_, connection) => {
    const begun = requireConnection(connection).subscribe('tick');
    sink = begun;
    begun.notify(0);
    return begun.id;
  },
  unsubscribe: ([id], connection) => requireConnection(connection).unsubscribe(String(id)),
};

beforeAll(async () => {
  server = new RpcServer(new Map(Object.entries(methods)), ['https://allowed.example'], (line) =>
    logged.push(line),
  );
  port = await server.listen(0);
});

afterAll(() => server.close());

async function post(
  body: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; text: string }> {
  const response = await fetch(`http://127.0.0.1:${port}`, { method: 'POST', body, headers });
  return { status: response.status, text: await response.text() };
}

async function call(request: unknown): Promise<unknown> {
  return parseJson((await post(JSON.stringify(request))).text);
}

function open(origin?: string): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, origin === undefined ? {} : { origin });
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve(socket));
    socket.once('error', reject);
  });
}

describe('calls', () => {
  it('have results and errors as JSON-RPC writes them', async () => {
    const base = { jsonrpc: '2.0', id: 1 };
    expect(await call({ ...base, method: 'echo', params: [1, 'a'] })).toEqual({ ...base, result: [1, 'a'] });
    expect((await post('{"jsonrpc":"2.0","id":1,"method":"largest"}')).text).toBe(
      '{"jsonrpc":"2.0","id":1,"result":{"value":18446744073709551615}}',
    );
    expect(await call({ ...base, method: 'refuse' })).toEqual({
      ...base,
      error: { code: 9001, message: 'Solution was ignored' },
    });
    expect(await call({ ...base, method: 'nothing' })).toMatchObject({ error: { code: -32_601 } });
    expect(await call({ ...base, method: 5 })).toMatchObject({ id: null, error: { code: -32_600 } });
    expect(await call({ ...base, method: 'subscribe' })).toMatchObject({ error: { code: -32_601 } });
    expect(parseJson((await post('{"a":')).text)).toMatchObject({ error: { code: -32_700 } });
  });

  it('do not tell what went wrong inside, but log it', async () => {
    const reply = await call({ jsonrpc: '2.0', id: 2, method: 'break' });
    expect(reply).toEqual({ jsonrpc: '2.0', id: 2, error: { code: -32_603, message: 'Internal error' } });
    expect(logged.join('\n')).toContain('a bug');
  });

  it('come in batches', async () => {
    const batch = [
      { jsonrpc: '2.0', id: 1, method: 'echo', params: [1] },
      { jsonrpc: '2.0', id: 2, method: 'nothing' },
    ];
    expect(await call(batch)).toMatchObject([{ result: [1] }, { error: { code: -32_601 } }]);
    expect(await call([])).toMatchObject({ error: { code: -32_600 } });
  });

  it('are bounded in length', async () => {
    expect((await post(`"${'a'.repeat(16 * 2 ** 20)}"`)).status).toBe(413);
  });
});

describe('subscriptions', () => {
  it('notify after the reply that names them, until they are ended', async () => {
    const socket = await open();
    const received: string[] = [];
    const next = () => new Promise<void>((resolve) => socket.once('message', () => resolve()));
    socket.on('message', (data) => received.push(String(data)));
    const first = next();
    socket.send('{"jsonrpc":"2.0","id":7,"method":"subscribe","params":[]}');
    await first;
    if (received.length < 2) await next();
    const { result } = JSON.parse(received[0]!) as { result: string };
    expect(JSON.parse(received[1]!)).toEqual({
      jsonrpc: '2.0',
      method: 'tick',
      params: { subscription: result, result: 0 },
    });
    let ended = false;
    sink!.onClose(() => {
      ended = true;
    });
    const reply = next();
    socket.send(JSON.stringify({ jsonrpc: '2.0', id: 8, method: 'unsubscribe', params: [result] }));
    await reply;
    expect(JSON.parse(received.at(-1)!)).toMatchObject({ id: 8, result: true });
    expect(ended).toBe(true);
    sink!.notify(1);
    socket.close();
  });
});

describe('origins', () => {
  it('are of this machine or allowed by name', async () => {
    for (const origin of [
      'http://localhost:4173',
      'http://127.0.0.1',
      'https://allowed.example',
      undefined,
    ]) {
      (await open(origin)).close();
    }
    await expect(open('https://elsewhere.example')).rejects.toThrow('403');
    await expect(open('http://localhost.elsewhere.example')).rejects.toThrow('403');
    expect((await post('{}', { origin: 'https://elsewhere.example' })).status).toBe(403);
  });
});
