/**
 * What running components taught about the transports (numbered as they were found), and the test of each:
 *
 *  1 small write before a large one breaks a WebRTC message   here: the length travels with the first part
 *  2 a half close that is never acknowledged                   network/streams.test.ts: is not waited for to be acknowledged
 *  3 a stream that stands still for 24 s                       here: a piece that stops coming
 *  4 identify's protocol version is no option                  peer.test.ts: says which network it is of
 *  5 a ping in the first second loses the contact              here: pings from the first moment on
 *  6 Node.js 20 lacks what the library takes from a newer one  here: runs under Node.js 20
 *  7 parts split anywhere, caps on streams                     network/streams.test.ts: however the transport splits it;
 *                                                              here: more streams than the library allows by itself
 *  8 large answers in parts of 64 KiB, waiting for the drain   network/streams.test.ts: is sent in parts of 64 KiB at most
 *  9 whatever may hang has a signal                            hostile.test.ts: stalls; here: whoever never answers
 * 10 public STUN servers by default                            e2e/transports.spec.ts: tabs meet over a relay
 * 11 React Native comes along with WebRTC                      here: what is installed
 * 12 WebRTC cannot be imported under Node.js                   here: what Node.js loads
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Stream } from '@libp2p/interface';
import { describe, expect, it } from 'vitest';
import { equal } from '../protocol/bytes.ts';
import { encodeWith } from '../protocol/codec.ts';
import {
  cachedPieceByIndex,
  frame,
  KADEMLIA_PROTOCOL,
  pieceByIndex,
  pieceMultihash,
} from '../protocol/dsn.ts';
import { decodeFindNodeRequest, encodeFindNodeResponse } from '../protocol/find-node.ts';
import { PING_PROTOCOL } from '../network/ping.ts';
import { PART_BYTES, receiveFrame, sendFrame } from '../network/streams.ts';
import { peerCaches } from './search.ts';
import { REFUSING_SERVER } from './server.ts';
import { addressesOf, failure, join, pieceOf, plainPeer } from './test-support.ts';

const { signal } = new AbortController();
const root = resolve(import.meta.dirname, '../..');

/** What a peer that has this piece answers. */
const answerWith = (index: bigint): Uint8Array =>
  frame(
    encodeWith(cachedPieceByIndex.response, {
      result: { kind: 'piece', piece: pieceOf(index) },
      cachedPieces: [],
    }),
  );

async function sendAll(stream: Stream, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; at += 60_000)
    if (!stream.send(bytes.subarray(at, at + 60_000))) await stream.onDrain();
}

describe('1: the length of a message', () => {
  it('travels with the first part of it, never alone', async () => {
    const sizes: number[] = [];
    const stream = { send: (part: Uint8Array) => sizes.push(part.length) > 0 } as unknown as Stream;
    await sendFrame(stream, new Uint8Array(200_000), signal);
    expect(sizes[0]).toBe(PART_BYTES);
  });
});

describe('3: a piece that stops coming', () => {
  /** A peer that gives its first piece whole, and begins the next one and stands still for 24 s. */
  async function halting() {
    let answers = 0;
    const timers: ReturnType<typeof setTimeout>[] = [];
    const peer = await plainPeer(true, {
      [cachedPieceByIndex.name]: (stream) => {
        void (async () => {
          await receiveFrame(stream, 2 ** 20, signal);
          answers += 1;
          const bytes = answerWith(BigInt(answers + 2));
          if (answers === 1) await sendAll(stream, bytes);
          else {
            await sendAll(stream, bytes.subarray(0, 300_000));
            const goOn = (): void => void sendAll(stream, bytes.subarray(300_000)).catch(() => undefined);
            timers.push(setTimeout(goOn, 24_000).unref());
          }
        })().catch(() => undefined);
      },
    });
    return { peer, id: peer.peerId.toString(), asked: () => answers };
  }

  it('is given up after a while, without blame, and comes from somebody else', async () => {
    const { peer, id, asked } = await halting();
    const banned: string[] = [];
    const tab = await join({ stallMs: 1_000, onBan: (one) => banned.push(one) }, []);
    await tab.connect(addressesOf(peer));
    const found = new Map<bigint, string>();
    const find = (index: bigint): Promise<void> =>
      peerCaches(tab).find(
        [index],
        (_, piece, from) => {
          const valid = equal(piece, pieceOf(index));
          if (valid) found.set(index, from);
          return Promise.resolve(valid);
        },
        signal,
      );
    await find(3n);
    expect(found.get(3n)).toBe(id);
    const other = await join({
      server: { ...REFUSING_SERVER, cachedPiece: (index) => Promise.resolve(pieceOf(index)) },
    });
    await tab.connect(other.addresses());
    const begun = performance.now();
    await find(4n);
    expect(found.get(4n)).toBe(other.id);
    expect(performance.now() - begun).toBeLessThan(12_000);
    expect(asked()).toBeLessThanOrEqual(2);
    expect(banned).toEqual([]);
  }, 30_000);

  it('fails as what took too long, with the peer’s name', async () => {
    const { peer, id } = await halting();
    const tab = await join({ stallMs: 500 }, []);
    await tab.connect(addressesOf(peer));
    const ask = (index: bigint) =>
      tab.request(id, cachedPieceByIndex, { pieceIndex: index, cachedPieces: [] });
    await ask(3n);
    const error = await failure(ask(4n));
    expect([error.code, error.peer]).toEqual(['timeout', id]);
  }, 20_000);

  it('is waited for as long as it comes, however slowly', async () => {
    const slow = await plainPeer(true, {
      [cachedPieceByIndex.name]: (stream) => {
        void (async () => {
          const bytes = answerWith(5n);
          // Nothing for longer than a pause may last: what has not begun is being read from a disk.
          for (const [from, until] of [
            [0, 1],
            [1, 400_000],
            [400_000, 800_000],
            [800_000, bytes.length],
          ]) {
            await new Promise((done) => setTimeout(done, from === 0 ? 1_500 : 500));
            await sendAll(stream, bytes.subarray(from, until));
          }
        })().catch(() => undefined);
      },
    });
    const tab = await join({ stallMs: 1_200 }, []);
    await tab.connect(addressesOf(slow));
    const question = { pieceIndex: 5n, cachedPieces: [] };
    const { result } = await tab.request(slow.peerId.toString(), cachedPieceByIndex, question);
    expect(result.kind === 'piece' && equal(result.piece, pieceOf(5n))).toBe(true);
  }, 20_000);
});

describe('5: pings', () => {
  it('from the first moment on are answered, and lookups of that moment as well', async () => {
    let pinged = 0;
    const server = await plainPeer(true, {
      [KADEMLIA_PROTOCOL]: (stream) => {
        void (async () => {
          decodeFindNodeRequest((await receiveFrame(stream, 2 ** 20, signal))!);
          await sendFrame(stream, encodeFindNodeResponse([]), signal);
          await stream.close();
        })().catch(() => undefined);
      },
    });
    await server.handle(PING_PROTOCOL, () => void (pinged += 1), { maxInboundStreams: 1 });
    const tab = await join({}, []);
    const echoed: boolean[] = [];
    const pinging = new Promise<void>((done) =>
      server.addEventListener('connection:open', ({ detail }) => {
        void (async () => {
          const stream = await detail.newStream(PING_PROTOCOL);
          const payload = new Uint8Array(32).fill(9);
          stream.send(payload);
          for await (const part of stream) {
            echoed.push(equal(part instanceof Uint8Array ? part : part.subarray(), payload));
            break;
          }
          await stream.close();
          done();
        })().catch(() => done());
      }),
    );
    await tab.connect(addressesOf(server));
    const id = server.peerId.toString();
    const key = pieceMultihash(7n);
    // All at once and at once: none may lose a race and be left out of the table.
    const found = await Promise.all([
      ...Array.from({ length: 20 }, () => tab.findNode(id, key)),
      tab.closest(key, AbortSignal.timeout(10_000)).then((ids) => expect(ids).toEqual([id])),
    ]);
    expect(found).toHaveLength(21);
    await pinging;
    expect(echoed).toEqual([true]);
    await new Promise((done) => setTimeout(done, 1_200));
    expect(pinged).toBe(0);
    expect(tab.book.speakers(KADEMLIA_PROTOCOL)).toEqual([id]);
  }, 20_000);
});

describe('6: a peer under Node.js 20', () => {
  it('runs without what only newer ones have', () => {
    const program = `
      delete Promise.withResolvers;
      delete globalThis.WebSocket;
      const { nodePlatform } = await import('./src/dsn/platform-node.ts');
      const { DsnPeer } = await import('./src/dsn/peer.ts');
      const genesisHash = new Uint8Array(32);
      const listen = ['/ip4/127.0.0.1/tcp/0/ws'];
      const one = await DsnPeer.start({ ...nodePlatform(listen), genesisHash, kademliaServer: true });
      const other = await DsnPeer.start({ ...nodePlatform(), genesisHash });
      console.log((await other.connect(one.addresses())).length);
      await other.stop();
      await one.stop();
      process.exit(0);`;
    const run = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
      cwd: root,
      encoding: 'utf8',
      timeout: 50_000,
    });
    expect([run.stdout.trim(), run.status, run.stderr]).toEqual(['1', 0, '']);
  }, 60_000);
});

describe('7: streams to one peer', () => {
  it('may be more than the library allows by itself', async () => {
    const COUNT = 100;
    const open: Stream[] = [];
    const server = await plainPeer(true, {
      [pieceByIndex.name]: (stream) => {
        open.push(stream);
        // Answered only once all are open.
        if (open.length === COUNT) for (const one of open) void one.close();
      },
    });
    const tab = await join({ questionsAtOnce: COUNT }, []);
    await tab.connect(addressesOf(server));
    const question = { pieceIndex: 1n, cachedPieces: [] };
    const errors = await Promise.all(
      Array.from({ length: COUNT }, () =>
        failure(tab.request(server.peerId.toString(), pieceByIndex, question)),
      ),
    );
    expect(new Set(errors.map(({ code }) => code))).toEqual(new Set(['refused']));
    expect(open).toHaveLength(COUNT);
  }, 20_000);
});

describe('9: whoever never answers', () => {
  it('holds neither a dial nor a lookup for ever', async () => {
    const silent = await plainPeer(true, { [KADEMLIA_PROTOCOL]: () => undefined });
    const tab = await join({ requestTimeoutMs: 500 }, []);
    await tab.connect(addressesOf(silent));
    const stop = AbortSignal.timeout(500);
    await expect(tab.closest(pieceMultihash(1n), stop)).rejects.toThrow(/timeout/);
    const dial = tab.connect(['/ip4/127.0.0.1/tcp/9/ws'], AbortSignal.timeout(500));
    expect(await dial).toEqual([]);
  }, 20_000);
});

describe('11: what is installed', () => {
  interface Lock {
    packages: Record<string, { name?: string; hasInstallScript?: boolean }>;
  }
  const lock = JSON.parse(readFileSync(resolve(root, 'package-lock.json'), 'utf8')) as Lock;
  const names = Object.entries(lock.packages).map(
    ([path, { name }]) => name ?? path.replace(/^.*node_modules\//, ''),
  );

  it('is an empty package where WebRTC asks for React Native’s and for a native one', () => {
    for (const wanted of ['react-native-webrtc', 'node-datachannel']) {
      const places = Object.entries(lock.packages).filter(([path]) =>
        path.endsWith(`node_modules/${wanted}`),
      );
      expect(places.map(([, { name }]) => name)).toEqual(['noop-package']);
      const installed = resolve(root, 'node_modules', wanted, 'package.json');
      expect(JSON.parse(readFileSync(installed, 'utf8'))).toMatchObject({ name: 'noop-package' });
    }
    expect(names.filter((name) => /^(react-native|@react-native|metro)(\/|$)/.test(name))).toEqual([]);
  });
});

describe('12: what Node.js loads', () => {
  const IMPORTS = /^(?:import|export) (?:([^;']*?) from )?'([^']+)';$/gm;
  /** Files that a program loads when it starts, by their imports. */
  function loaded(entry: string): { files: Set<string>; packages: Set<string> } {
    const files = new Set<string>();
    const packages = new Set<string>();
    const visit = (path: string): void => {
      if (files.has(path)) return;
      files.add(path);
      const source = readFileSync(path, 'utf8');
      // Types are gone at run time.
      for (const [, clause = '', from] of source.matchAll(IMPORTS)) {
        if (clause.startsWith('type ')) continue;
        if (from!.startsWith('.')) visit(resolve(dirname(path), from!));
        else packages.add(from!);
      }
      for (const [, from] of source.matchAll(/import\('(\.[^']+)'\)/g)) visit(resolve(dirname(path), from!));
    };
    visit(resolve(root, entry));
    return { files, packages };
  }

  it.each(['src/cli/main.ts', 'devnet/network-thread.ts'])('%s: WebRTC is not among it', (entry) => {
    const { files, packages } = loaded(entry);
    expect([...files].some((path) => path.endsWith('src/dsn/peer.ts'))).toBe(true);
    expect([...packages]).toContain('@libp2p/tcp');
    expect([...packages].filter((name) => /webrtc|webtransport/.test(name))).toEqual([]);
    expect(loaded('src/dsn/platform-browser.ts').packages).toContain('@libp2p/webrtc');
  });
});
