/**
 * A tab among peers that speak TCP only: it takes pieces from them and gives pieces to them, by a gateway over each of
 * its transports and by its socket bridge; tabs among themselves over WebRTC. Without Go there is no gateway, and
 * nothing to test.
 */
import { chromium, expect, test, type Browser, type Page } from '@playwright/test';
import { bridgeOf } from '../src/dsn/gateway.ts';
import { DsnPeer } from '../src/dsn/peer.ts';
import { nodePlatform } from '../src/dsn/platform-node.ts';
import { REFUSING_SERVER } from '../src/dsn/server.ts';
import { fromHex } from '../src/protocol/bytes.ts';
import { PIECE_BYTES } from '../src/protocol/constants.ts';
import { cachedPieceByIndex, pieceByIndex } from '../src/protocol/dsn.ts';
import { haveGo, startGateway, type RunningGateway } from '../tests/support/gateway.ts';
import type { DsnPage } from './support/dsn-page.ts';
import { serveLibraryPage, type LibraryPage } from './support/library-page.ts';

declare const dsnPage: DsnPage;
declare const iceServers: unknown[];

const GENESIS = '5a'.repeat(32);
const CACHED = 3n;
const PLOTTED = 200n;
const SIGNAL = new AbortController().signal;

test.skip(!haveGo, 'Go is not installed: the gateway cannot be built');

let native: DsnPeer;
let gateway: RunningGateway;
/** A peer of go-libp2p that speaks TCP only. */
let tcpOnly: RunningGateway;
let served: LibraryPage;
let browser: Browser;

test.beforeAll(async () => {
  const piece = (index: bigint, known: bigint[]) =>
    Promise.resolve(known.includes(index) ? new Uint8Array(PIECE_BYTES).fill(Number(index)) : null);
  native = await DsnPeer.start({
    ...nodePlatform(['/ip4/127.0.0.1/tcp/0']),
    genesisHash: fromHex(GENESIS),
    kademliaServer: true,
    server: {
      ...REFUSING_SERVER,
      hasCached: (index) => index === CACHED,
      cachedPiece: (index) => piece(index, [CACHED]),
      piece: (index) => piece(index, [CACHED, PLOTTED]),
    },
  });
  gateway = await startGateway(GENESIS, native.addresses());
  tcpOnly = await startGateway(GENESIS, native.addresses(), ['/ip4/127.0.0.1/tcp/0']);
  served = await serveLibraryPage('dsn-page.ts');
  browser = await chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu'],
  });
});

test.afterAll(async () => {
  await browser?.close();
  served?.close();
  await gateway?.stop();
  await tcpOnly?.stop();
  await native?.stop();
});

/** Notes which servers a page asks for the addresses that it has: libraries name public ones by themselves. */
function noteServers(): void {
  const servers: unknown[] = [];
  const Real = RTCPeerConnection;
  class Noted extends Real {
    constructor(configuration?: RTCConfiguration) {
      super(configuration);
      servers.push(configuration?.iceServers ?? 'the library’s own');
    }
  }
  Object.assign(globalThis, { RTCPeerConnection: Noted, iceServers: servers });
}

async function tab(): Promise<Page> {
  const page = await (await browser.newContext()).newPage();
  page.on('pageerror', (error) => expect(error.message).toBe(''));
  await page.addInitScript(noteServers);
  await page.goto(served.url);
  await page.waitForFunction(() => 'dsnPage' in globalThis);
  return page;
}

const join = (page: Page, cached: number | null, bridge: { url: string; code: string } | null = null) =>
  page.evaluate(([genesis, own, to]) => dsnPage.join(genesis, own, to), [GENESIS, cached, bridge] as const);

/** Peers that are connected come to know what the other serves a moment later; a gateway tries its own after 30 s. */
const finds = (page: Page, index: bigint, where: 'caches' | 'plots', giver?: string) =>
  expect
    .poll(
      () => page.evaluate(([wanted, place]) => dsnPage.find(wanted, place), [Number(index), where] as const),
      { timeout: 90_000 },
    )
    .toBe(giver);

async function findsBoth(page: Page, giver?: string): Promise<void> {
  await finds(page, CACHED, 'caches', giver);
  await finds(page, PLOTTED, 'plots', giver);
}

/** Asks a peer by TCP, until it has it, for a piece that only a tab has; every byte of it is its index. */
const askByTcp = (addresses: string[], index: number) =>
  expect(() => askOnceByTcp(addresses, index)).toPass({ timeout: 60_000 });

async function askOnceByTcp(addresses: string[], index: number): Promise<void> {
  const asker = await DsnPeer.start({ ...nodePlatform(), genesisHash: fromHex(GENESIS) });
  try {
    const [peer] = await asker.connect(addresses.filter((address) => /\/tcp\/\d+\/p2p\//.test(address)));
    const wanted = { pieceIndex: BigInt(index), cachedPieces: [] };
    const cached = await asker.request(peer!, cachedPieceByIndex, wanted, SIGNAL);
    expect(cached.result.kind === 'piece' && cached.result.piece.every((byte) => byte === index)).toBe(true);
    const { piece } = await asker.request(peer!, pieceByIndex, wanted, SIGNAL);
    expect(piece?.length).toBe(PIECE_BYTES);
  } finally {
    await asker.stop();
  }
}

for (const transport of ['/webtransport', '/webrtc-direct', '/ws']) {
  test(`pieces come through the gateway over ${transport}`, async () => {
    const page = await tab();
    await join(page, null);
    const addresses = gateway.addresses.filter((address) => address.includes(transport));
    const [peer] = await page.evaluate((all) => dsnPage.connect(all), addresses);
    expect(peer).toBeDefined();
    await findsBoth(page, peer);
    const ways = await page.evaluate(() => dsnPage.ways());
    expect(ways.filter((way) => !way.includes(transport))).toEqual([]);
    await page.context().close();
  });
}

test('a tab speaks to a TCP peer itself, through the bridge', async () => {
  const page = await tab();
  await join(page, null, bridgeOf(gateway.url, gateway.code));
  const [peer] = await page.evaluate((all) => dsnPage.connect(all), native.addresses());
  expect(peer).toBe(native.id);
  await finds(page, CACHED, 'caches', native.id);
  await page.context().close();
});

for (const [transport, own] of [
  ['/webtransport', 91],
  ['/webrtc-direct', 92],
  ['/ws', 93],
] as const) {
  test(`a tab gives its pieces through the gateway over ${transport}`, async () => {
    const page = await tab();
    await join(page, own);
    const addresses = gateway.addresses.filter((address) => address.includes(transport));
    expect(await page.evaluate((all) => dsnPage.connect(all), addresses)).toHaveLength(1);
    await askByTcp(gateway.addresses, own);
    expect((await page.evaluate(() => dsnPage.ways())).filter((way) => !way.includes(transport))).toEqual([]);
    await page.context().close();
  });
}

test('a tab and a go-libp2p peer that speaks TCP only give each other pieces through the bridge', async () => {
  const page = await tab();
  await join(page, 94, bridgeOf(gateway.url, gateway.code));
  const [peer] = await page.evaluate((all) => dsnPage.connect(all), tcpOnly.addresses);
  await findsBoth(page, peer);
  await askByTcp(tcpOnly.addresses, 94);
  await page.context().close();
});

test('a page whose code is wrong is not bridged', async () => {
  const page = await tab();
  await join(page, null, bridgeOf(gateway.url, 'AAAAAAAAAAAAAAAA'));
  expect(await page.evaluate((all) => dsnPage.connect(all), native.addresses())).toEqual([]);
  await page.context().close();
});

test('tabs meet over a relay and give each other pieces by WebRTC', async () => {
  const [giver, taker] = [await tab(), await tab()];
  const giverId = await join(giver, 77);
  await join(taker, null);
  const relay = gateway.addresses.filter((address) => address.includes('/ws'));
  await giver.evaluate((all) => dsnPage.connect(all), relay);
  const address = await giver.waitForFunction(() =>
    dsnPage.addresses().find((one) => one.includes('/p2p-circuit/webrtc')),
  );
  const [peer] = await taker.evaluate((to) => dsnPage.connect([to!]), await address.jsonValue());
  expect(peer).toBe(giverId);
  // The relay would give it, too: it takes pieces from its tabs.
  expect(await taker.evaluate((id) => dsnPage.gives(id, 77), giverId)).toBe(true);
  expect((await taker.evaluate(() => dsnPage.ways())).some((way) => way.includes('/webrtc'))).toBe(true);
  for (const page of [giver, taker]) expect(await page.evaluate(() => iceServers)).toEqual([[]]);
  await giver.context().close();
  await taker.context().close();
});
