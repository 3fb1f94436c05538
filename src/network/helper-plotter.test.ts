import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { helperIsBuilt, startHelper } from '../../devnet/helper-program.ts';
import { CODE, honest, ScriptedHelper, type Plot } from '../../tests/support/scripted-helper.ts';
import { eventually } from '../../tests/support/waiting.ts';
import { SpaceTable } from '../crypto/space.ts';
import { loadWasm } from '../crypto/wasm.ts';
import { concat, equal, fromHex, littleEndian } from '../protocol/bytes.ts';
import { CHUNK_BYTES, RECORD_BYTES, RECORD_CHUNKS } from '../protocol/constants.ts';
import { ContentsMap } from '../protocol/contents-map.ts';
import { BITFIELD_BYTES, sectorLayout } from '../protocol/sector.ts';
import { HelperPlotter, type HelperPlotterOptions } from './helper-plotter.ts';
import { openNodeSocket } from './socket-node.ts';

const SEED = new Uint8Array(32).fill(5);
const RECORD = new Uint8Array(RECORD_BYTES).fill(7);

const ends: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function connected(port: number, options: Partial<HelperPlotterOptions> = {}): Promise<HelperPlotter> {
  const plotter = new HelperPlotter({
    openSocket: openNodeSocket,
    port,
    code: CODE,
    greetingMs: 60_000,
    backOffMs: 20,
    ...options,
  });
  ends.push(() => plotter.close());
  await eventually(() => expect(plotter.plots).toBe(true));
  return plotter;
}

async function scripted(plot: Plot, options: Partial<HelperPlotterOptions> = {}): Promise<HelperPlotter> {
  const helper = await ScriptedHelper.start(honest, { plot });
  ends.push(() => helper.stop());
  return connected(helper.port, options);
}

const idOf = (message: Uint8Array): Uint8Array => message.slice(1, 5);

/** What a helper says that encoded a record to the first byte of its chunks everywhere. */
function encoded(id: Uint8Array, byte: number, bits = 0x0f): Uint8Array {
  const bitfield = new Uint8Array(BITFIELD_BYTES).fill(bits);
  return concat(Uint8Array.of(1), id, littleEndian(1, 4), bitfield, new Uint8Array(RECORD_BYTES).fill(byte));
}

describe('HelperPlotter', () => {
  test('asks for several records at once and takes them in any order', async () => {
    const asked: Uint8Array[] = [];
    const plotter = await scripted((message, say) => {
      asked.push(message);
      if (asked.length === 2) for (const one of asked.toReversed()) say(encoded(idOf(one), one[5]!));
    });
    expect(plotter.concurrency).toBe(4);
    const seeds = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
    const answers = await Promise.all(seeds.map((seed) => plotter.encode(seed, RECORD)));
    expect(answers.map(({ chunks }) => chunks[RECORD_BYTES - 1])).toEqual([1, 2]);
    expect(answers[0]!.bitfield).toHaveLength(BITFIELD_BYTES);
    expect(equal(asked[0]!.subarray(5, 37), seeds[0]!) && equal(asked[0]!.subarray(37), RECORD)).toBe(true);
  });

  test('gives up what nobody waits for, and ignores it when it comes all the same', async () => {
    const asked: Uint8Array[] = [];
    const plotter = await scripted((message, say) => {
      asked.push(message);
      if (message[0] === 2) say(encoded(idOf(message), 1));
      if (asked.length === 3) say(encoded(idOf(message), 3));
    });
    const abort = new AbortController();
    const gone = plotter.encode(SEED, RECORD, abort.signal);
    abort.abort(new Error('not needed'));
    await expect(gone).rejects.toThrow('not needed');
    expect((await plotter.encode(SEED, RECORD)).chunks[0]).toBe(3);
    expect(asked.map(([kind]) => kind)).toEqual([1, 2, 1]);
    expect(equal(idOf(asked[0]!), idOf(asked[1]!))).toBe(true);
    await expect(plotter.encode(SEED, RECORD, abort.signal)).rejects.toThrow('not needed');
  });

  test('passes on that the helper refuses, and goes on', async () => {
    let first = true;
    const plotter = await scripted((message, say) => {
      say(
        first
          ? concat(Uint8Array.of(0), idOf(message), new TextEncoder().encode('busy'))
          : encoded(idOf(message), 1),
      );
      first = false;
    });
    await expect(plotter.encode(SEED, RECORD)).rejects.toMatchObject({
      name: 'HelperError',
      code: 'refused',
    });
    await plotter.encode(SEED, RECORD);
  });

  test.each<[string, (id: Uint8Array) => Uint8Array]>([
    ['half an encoding', (id) => encoded(id, 1).slice(0, 1_000)],
    ['more than one', (id) => concat(encoded(id, 1), Uint8Array.of(0))],
    ['more chunks than a record has', (id) => encoded(id, 1, 0x1f)],
    ['what nobody asked for', () => encoded(littleEndian(99, 4), 1)],
    ['another kind of message', (id) => concat(Uint8Array.of(9), id)],
    ['nothing', () => new Uint8Array(0)],
  ])('lets a helper go that answers %s', async (_, answer) => {
    const plotter = await scripted((message, say) => say(answer(idOf(message))), { backOffMs: 60_000 });
    await expect(plotter.encode(SEED, RECORD)).rejects.toMatchObject({ name: 'HelperError' });
    expect(plotter.plots).toBe(false);
  });

  test('gives up on a helper that is silent, and on one that goes', async () => {
    const plotter = await scripted(() => undefined, { silenceMs: 50, backOffMs: 60_000 });
    const both = await Promise.allSettled([plotter.encode(SEED, RECORD), plotter.encode(SEED, RECORD)]);
    for (const { reason } of both as PromiseRejectedResult[])
      expect(reason).toMatchObject({ name: 'HelperError', code: 'stalled' });
    await expect(plotter.encode(SEED, RECORD)).rejects.toMatchObject({ code: 'disconnected' });
  });
});

interface RecordedSector {
  sector_file: string;
  pieces_in_sector: number;
  records: { evaluation_seed: string }[];
}

describe.skipIf(!helperIsBuilt())('the real helper (cargo build --release -p allotment-helper)', () => {
  test('encodes the recorded sector to the byte', async () => {
    await loadWasm();
    const vectors = new URL('../../tests/vectors/', import.meta.url);
    const { sectors } = JSON.parse(await readFile(new URL('sectors.json', vectors), 'utf8')) as {
      sectors: RecordedSector[];
    };
    const { sector_file, pieces_in_sector, records } = sectors[0]!;
    const sector = new Uint8Array(await promisify(gunzip)(await readFile(new URL(sector_file, vectors))));
    const { recordChunks } = sectorLayout(pieces_in_sector);
    const map = ContentsMap.decode(sector.subarray(0, recordChunks), pieces_in_sector);
    const helper = await startHelper();
    ends.push(() => helper.stop());
    const plotter = await connected(Number(new URL(helper.url).port), { code: helper.code });
    const table = new SpaceTable();
    await Promise.all(
      records.map(async ({ evaluation_seed }, offset) => {
        const seed = fromHex(evaluation_seed);
        const chunks = new Uint8Array(RECORD_BYTES);
        map.chunkLocations(offset).forEach((location, at) => {
          const from = recordChunks + CHUNK_BYTES * location;
          chunks.set(sector.subarray(from, from + CHUNK_BYTES), CHUNK_BYTES * at);
        });
        table.build(seed);
        const bitfield = map.bitfields[offset]!;
        const own = await plotter.encode(seed, table.decode(bitfield, chunks));
        expect(own.chunks).toHaveLength(CHUNK_BYTES * RECORD_CHUNKS);
        expect(equal(own.bitfield, bitfield) && equal(own.chunks, chunks)).toBe(true);
      }),
    );
    table.free();
    // Not a record: a scalar beyond the field's order.
    const wrong = new Uint8Array(RECORD_BYTES).fill(0xff);
    await expect(plotter.encode(SEED, wrong)).rejects.toMatchObject({ code: 'refused' });
  }, 120_000);
});
