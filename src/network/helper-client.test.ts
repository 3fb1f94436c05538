import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { CODE, honest, INFO, ScriptedHelper, type Asked } from '../../tests/support/scripted-helper.ts';
import { webCryptoWalker } from '../crypto/pot.ts';
import { loadWasm } from '../crypto/wasm.ts';
import { HelperClient } from './helper-client.ts';
import type { HelperOptions } from './helper-link.ts';
import type { OpenSocket } from './socket.ts';
import { openNodeSocket } from './socket-node.ts';

const slot = { seed: new Uint8Array(16), iterations: 1600, checkpoints: new Uint8Array(128) };

const ends: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function start(...script: Parameters<typeof ScriptedHelper.start>): Promise<ScriptedHelper> {
  const helper = await ScriptedHelper.start(...script);
  ends.push(() => helper.stop());
  return helper;
}

function connect(port: number, options: Partial<HelperOptions> = {}): HelperClient {
  const client = new HelperClient({
    openSocket: openNodeSocket,
    port,
    code: CODE,
    greetingMs: 5_000,
    backOffMs: 20,
    ...options,
  });
  ends.push(() => client.close());
  return client;
}

/** Waits until the client is in a state, or has failed in a way. */
function until(client: HelperClient, what: string): Promise<void> {
  return new Promise((done) => {
    const look = (): void => {
      if (client.state === what || client.reason?.code === what) done();
    };
    client.onChange(look);
    look();
  });
}

async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

describe('HelperClient', () => {
  test('pairs, and asks for slots of several calls in one message', async () => {
    const helper = await start((asked, paired) =>
      asked.method === 'verify'
        ? { id: asked.id, result: asked.params.slots!.map((_, at) => ({ firstWrong: at === 2 ? 5 : null })) }
        : honest(asked, paired),
    );
    const client = connect(helper.port);
    await until(client, 'ready');
    expect(client.info).toEqual(INFO);
    expect(client.name).toBe('allotment-helper 0.1.0');
    const other = { ...slot, seed: new Uint8Array(16).fill(0xab) };
    expect(
      await Promise.all([client.verify([slot, other]), client.verify([slot]), client.verify([])]),
    ).toEqual([[null, null], [5], []]);
    const verify = helper.asked.filter(({ method }) => method === 'verify');
    expect(verify).toHaveLength(1);
    expect(verify[0]!.params.slots![1]).toEqual({
      seed: 'ab'.repeat(16),
      iterations: 1600,
      checkpoints: '00'.repeat(128),
    });
  });

  test('sends no more at once than the helper takes, or does in a while', async () => {
    const helper = await start();
    const client = connect(helper.port);
    await until(client, 'ready');
    expect(await client.verify(Array.from({ length: 1_030 }, () => slot))).toHaveLength(1_030);
    await client.verify([0, 1, 2].map(() => ({ ...slot, iterations: 2_000_000_000 })));
    const sizes = helper.asked.flatMap(({ params }) => params.slots?.length ?? []);
    expect(sizes).toEqual([1_024, 6, 2, 1]);
  });

  test('lets no more than 65 536 slots wait', async () => {
    const helper = await start();
    const client = connect(helper.port);
    await until(client, 'ready');
    const enough = new AbortController();
    const all = client.verify(
      Array.from({ length: 65_536 }, () => slot),
      enough.signal,
    );
    await expect(client.verify([slot])).rejects.toMatchObject({ code: 'refused' });
    enough.abort(new Error('enough'));
    await expect(all).rejects.toThrow('enough');
    expect(await client.verify([slot])).toHaveLength(1);
  });

  test('gives the code to nothing but an unpaired helper', async () => {
    for (const answer of [
      { id: 1, result: INFO },
      'hello',
      { id: 1, error: { code: 'busy', message: '' } },
    ]) {
      const stranger = await start(() => answer);
      const client = connect(stranger.port);
      await until(client, 'not-a-helper');
      expect(client.reason!.sentence).toContain(`port ${stranger.port}`);
      expect(JSON.stringify(stranger.asked)).not.toContain(CODE);
      client.close();
    }
  });

  test('knows a web server, a program that is no web server, and nobody at all', async () => {
    const web: Server = createServer((_, answer) => answer.end('hello')).listen(0, '127.0.0.1');
    const other = createTcpServer((socket) => socket.end('SSH-2.0-other\r\n')).listen(0, '127.0.0.1');
    ends.push(
      () => void web.close(),
      () => void other.close(),
    );
    await new Promise((done) => web.once('listening', done));
    for (const [port, code] of [
      [(web.address() as AddressInfo).port, 'not-a-helper'],
      [(other.address() as AddressInfo).port, 'not-a-helper'],
      [await freePort(), 'unreachable'],
    ] as const) {
      const client = connect(port);
      await until(client, 'waiting');
      expect(client.reason).toMatchObject({ name: 'HelperError', code });
      client.close();
    }
  });

  test('says that this page is refused', async () => {
    const helper = await start(honest, { allowed: false });
    const client = connect(helper.port);
    await until(client, 'waiting');
    expect(client.reason).toMatchObject({
      code: 'origin-refused',
      sentence: expect.stringContaining('--origin'),
    });
  });

  test('tries a wrong code once only, and tells nobody what it was', async () => {
    const helper = await start();
    const client = connect(helper.port, { code: 'f'.repeat(32) });
    await until(client, 'stopped');
    expect(client.reason!.code).toBe('wrong-code');
    expect(`${client.reason!.message} ${client.reason!.sentence}`).not.toContain('ffff');
    await new Promise((done) => setTimeout(done, 200));
    expect(helper.asked.filter(({ method }) => method === 'pair')).toHaveLength(1);
    await expect(client.verify([slot])).rejects.toMatchObject({ code: 'disconnected' });
  });

  test('gives up on a helper that stalls, and on what never answers the greeting', async () => {
    const stalled = await start((asked, paired) =>
      asked.method === 'verify' ? undefined : honest(asked, paired),
    );
    const client = connect(stalled.port, { graceMs: 50 });
    await until(client, 'ready');
    const both = await Promise.allSettled([client.verify([slot]), client.verify([slot])]);
    for (const { reason } of both as PromiseRejectedResult[])
      expect(reason).toMatchObject({ name: 'HelperError', code: 'stalled' });
    const silent = createTcpServer(() => undefined).listen(0, '127.0.0.1');
    ends.push(() => void silent.close());
    await new Promise((done) => silent.once('listening', done));
    const waiting = connect((silent.address() as AddressInfo).port, { greetingMs: 50 });
    await until(waiting, 'waiting');
    expect(waiting.reason!.code).toBe('stalled');
  });

  test.each([
    ['no JSON', () => 'nonsense'],
    ['another id', ({ id }: Asked) => ({ id: id + 1, result: [{ firstWrong: null }] })],
    ['too few verdicts', ({ id }: Asked) => ({ id, result: [] })],
    ['a checkpoint that there is not', ({ id }: Asked) => ({ id, result: [{ firstWrong: 8 }] })],
    ['no verdict', ({ id }: Asked) => ({ id, result: [{}] })],
    ['result and error', ({ id }: Asked) => ({ id, result: [], error: { code: 'x', message: 'y' } })],
  ])('lets a helper go that answers %s', async (_, answer: (asked: Asked) => object | string) => {
    const helper = await start((asked, paired) =>
      asked.method === 'verify' ? answer(asked) : honest(asked, paired),
    );
    const client = connect(helper.port);
    await until(client, 'ready');
    await expect(client.verify([slot])).rejects.toMatchObject({ code: 'not-a-helper' });
    expect(client.state).not.toBe('ready');
  });

  test('passes on that the helper refuses', async () => {
    const helper = await start((asked, paired) =>
      asked.method === 'verify'
        ? { id: asked.id, error: { code: 'iterations', message: 'too many' } }
        : honest(asked, paired),
    );
    const client = connect(helper.port);
    await until(client, 'ready');
    await expect(client.verify([slot])).rejects.toMatchObject({ code: 'refused' });
  });

  test('comes back when the helper does', async () => {
    const helper = await start((asked, paired) =>
      asked.method === 'verify' ? undefined : honest(asked, paired),
    );
    const { port } = helper;
    const client = connect(port);
    await until(client, 'ready');
    const lost = client.verify([slot]);
    await expect(Promise.all([lost, helper.stop()])).rejects.toMatchObject({ code: 'disconnected' });
    await until(client, 'unreachable');
    await start(honest, { port });
    await until(client, 'ready');
    expect(await client.verify([slot])).toEqual([null]);
  });

  test('is not asked again once it lied', async () => {
    const helper = await start();
    const client = connect(helper.port);
    await until(client, 'ready');
    client.distrust('it let checkpoint 3 of slot 7 pass, which is wrong');
    expect(client.reason).toMatchObject({ code: 'lied', message: expect.stringContaining('slot 7') });
    await new Promise((done) => setTimeout(done, 100));
    expect(client.state).toBe('stopped');
    await expect(client.verify([slot])).rejects.toMatchObject({ name: 'HelperError' });
  });

  test('lets a call go when nobody waits for it, and answers the others', async () => {
    const helper = await start();
    const client = connect(helper.port);
    await until(client, 'ready');
    const abort = new AbortController();
    const gone = client.verify([slot], abort.signal);
    const kept = client.verify([slot]);
    abort.abort(new Error('not needed'));
    await expect(gone).rejects.toThrow('not needed');
    expect(await kept).toEqual([null]);
    await expect(client.verify([slot], abort.signal)).rejects.toThrow('not needed');
    expect(helper.asked.at(-1)!.params.slots).toHaveLength(1);
  });

  test('many calls under one signal are no leak that Node.js warns of', async () => {
    const warnings: string[] = [];
    const heard = ({ name }: Error): unknown => warnings.push(name);
    process.on('warning', heard);
    ends.push(() => void process.off('warning', heard));
    const helper = await start();
    const client = connect(helper.port);
    await until(client, 'ready');
    const { signal } = new AbortController();
    await Promise.all(Array.from({ length: 12 }, () => client.verify([slot], signal)));
    expect(warnings).toEqual([]);
  });
});

/** Where `cargo build --release` puts the helper. */
const BINARY = [
  process.env['TIMEKEEPER'] ?? '',
  join(import.meta.dirname, '../../wasm/target/release/allotment-helper'),
].find((path) => path !== '' && existsSync(path));

describe.skipIf(BINARY === undefined)('the real helper (cargo build --release -p allotment-helper)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'allotment-helper-'));
  let helper: ChildProcess;
  let code = '';
  let port = 0;

  beforeAll(async () => {
    await loadWasm();
    port = await freePort();
    helper = spawn(BINARY!, ['--port', String(port), '--code-file', join(folder, 'code'), '--cores', '1']);
    code = await new Promise<string>((done, failed) => {
      let output = '';
      helper.stdout!.on('data', (chunk: Buffer) => {
        output += String(chunk);
        const printed = /[Cc]ode: ([0-9a-f]{32})/.exec(output);
        if (printed !== null) done(printed[1]!);
      });
      helper.on('exit', () => failed(new Error(`it ended: ${output}`)));
    });
    return () => {
      helper.kill();
      rmSync(folder, { recursive: true, force: true });
    };
  });

  test('pairs, verifies, and names a wrong checkpoint', async () => {
    const client = connect(port, { code, greetingMs: 60_000 });
    await until(client, 'ready');
    expect(client.info!.verifyRate).toBeGreaterThan(client.info!.proveRate);
    const seed = new Uint8Array(16).fill(9);
    const checkpoints = await webCryptoWalker.prove(seed, 160_000);
    const forged = checkpoints.slice();
    forged[16 * 6 + 1]! ^= 4;
    expect(
      await client.verify([
        { seed, iterations: 160_000, checkpoints },
        { seed, iterations: 160_000, checkpoints: forged },
        { seed, iterations: 160_016, checkpoints },
      ]),
    ).toEqual([null, 6, 0]);
  });

  test('refuses a wrong code, and pages of another origin', async () => {
    const wrong = connect(port, { greetingMs: 60_000 });
    await until(wrong, 'stopped');
    expect(wrong.reason!.code).toBe('wrong-code');
    const elsewhere: OpenSocket = (url, _, events) => {
      const socket = new WebSocket(url, { origin: 'https://evil.example' });
      socket.on('open', () => events.open());
      socket.on('close', (_code, why) => events.close(String(why)));
      return { send: (text) => socket.send(text), close: () => socket.terminate() };
    };
    const page = connect(port, { code, openSocket: elsewhere });
    await until(page, 'waiting');
    expect(page.reason!.code).toBe('origin-refused');
  });
});
