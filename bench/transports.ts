/**
 * Pieces over the transports of tabs, in Chromium, from a peer that speaks TCP only and through the gateway. Each is
 * set beside WebSocket in the same tab. Without Go there is no gateway and nothing is measured.
 */
import { chromium } from '@playwright/test';
import type { DsnPage } from '../e2e/support/dsn-page.ts';
import { serveLibraryPage } from '../e2e/support/library-page.ts';
import { DsnPeer } from '../src/dsn/peer.ts';
import { nodePlatform } from '../src/dsn/platform-node.ts';
import { REFUSING_SERVER } from '../src/dsn/server.ts';
import { fromHex } from '../src/protocol/bytes.ts';
import { PIECE_BYTES } from '../src/protocol/constants.ts';
import { haveGo, startGateway } from '../tests/support/gateway.ts';
import type { Benchmark, BenchmarkResult } from './types.ts';

declare const dsnPage: DsnPage;

const GENESIS = '5b'.repeat(32);
const INDEX = 7;
const PIECES = 32;
const AT_ONCE = 4;

/** MB/s over a transport, and over WebSocket. */
async function measure(transport: string): Promise<BenchmarkResult> {
  const piece = new Uint8Array(PIECE_BYTES).fill(INDEX);
  const native = await DsnPeer.start({
    ...nodePlatform(['/ip4/127.0.0.1/tcp/0']),
    genesisHash: fromHex(GENESIS),
    kademliaServer: true,
    server: { ...REFUSING_SERVER, piece: () => Promise.resolve(piece) },
  });
  const gateway = await startGateway(GENESIS, native.addresses());
  const served = await serveLibraryPage('dsn-page.ts');
  const browser = await chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu'],
  });
  try {
    const page = await browser.newPage();
    await page.goto(served.url);
    await page.waitForFunction(() => 'dsnPage' in globalThis);
    const over = async (way: string): Promise<number> => {
      await page.evaluate((genesis) => dsnPage.join(genesis, null, null), GENESIS);
      const addresses = gateway.addresses.filter((address) => address.includes(way));
      await page.evaluate((all) => dsnPage.connect(all), addresses);
      const input = [INDEX, PIECES, AT_ONCE] as const;
      return page.evaluate(([index, count, atOnce]) => dsnPage.speed(index, count, atOnce), input);
    };
    const value = await over(transport);
    return {
      value,
      runs: 1,
      peer: 'WebSocket, same tab',
      ratio: value / (await over('/ws')),
    };
  } finally {
    await browser.close();
    served.close();
    await gateway.stop();
    await native.stop();
  }
}

function benchmark(name: string, transport: string): Benchmark {
  return {
    group: 'dsn',
    name,
    unit: 'MB/s',
    better: 'higher',
    where: 'chromium',
    run: () => measure(transport),
  };
}

export const benchmarks: Benchmark[] = haveGo
  ? [benchmark('dsn.piece.webtransport', '/webtransport'), benchmark('dsn.piece.webrtc', '/webrtc-direct')]
  : [];
