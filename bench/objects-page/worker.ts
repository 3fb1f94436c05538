/** Reads objects in a browser's worker, for the benchmarks of objects. */
import * as Comlink from 'comlink';
import { createWebPool } from '../../src/crypto/pool/web.ts';
import { compileWasm, loadWasm } from '../../src/crypto/wasm.ts';
import { browserPlatform } from '../../src/dsn/platform-browser.ts';
import type { GiverOrder, GiverReady } from '../dsn-giver/messages.ts';
import { ObjectReading, type BothWays } from '../object-reading.ts';

/** What is read, and how often. */
interface Asked {
  order: GiverOrder;
  file: GiverReady;
  rounds: number;
}

async function withReading<T>(
  { order, file }: Asked,
  work: (reading: ObjectReading) => Promise<T>,
): Promise<T> {
  const module = await compileWasm();
  await loadWasm(module);
  const pool = createWebPool(navigator.hardwareConcurrency, module);
  const reading = await ObjectReading.start(order, file, () => browserPlatform(false, false), pool);
  try {
    return await work(reading);
  } finally {
    await reading.stop();
  }
}

const work = {
  /** Median seconds, verified and unverified. */
  bothWays: (asked: Asked): Promise<BothWays> =>
    withReading(asked, (reading) => reading.bothWays(asked.rounds)),
  /** Median seconds until the first byte. */
  firstByte: (asked: Asked): Promise<number> =>
    withReading(asked, (reading) => reading.firstByte(asked.rounds)),
};

export type ObjectsWork = typeof work;
Comlink.expose(work);
