/** What the test of tables on WebGPU runs inside the browser's page. */
import { blake3 } from '@noble/hashes/blake3.js';
import { BUCKET_SLOTS, BUCKETS, CAPACITY, META_BITS } from '../../src/crypto/gpu/space-layout.ts';
import { GpuTables } from '../../src/crypto/gpu/space-tables.ts';
import { createInlinePool } from '../../src/crypto/pool/inline.ts';
import { SpaceTable } from '../../src/crypto/space.ts';
import { checkMasks } from '../../src/crypto/table-maker.ts';
import { TablePool, type TablesView } from '../../src/crypto/table-pool.ts';
import { loadWasm } from '../../src/crypto/wasm.ts';
import { fromHex, toHex } from '../../src/protocol/bytes.ts';
import { PROOF_OF_SPACE_BYTES, S_BUCKETS } from '../../src/protocol/constants.ts';

let opened: Promise<GpuTables> | null = null;

function tables(): Promise<GpuTables> {
  opened ??= GpuTables.open(true).then((made) => {
    if (made === null) throw new Error('this browser has no WebGPU adapter');
    return made;
  });
  return opened;
}

const hash = (words: Uint32Array): string => toHex(blake3(new Uint8Array(words.buffer)));

export interface TableFacts {
  entries: number;
  bucketOrder: string;
  positionOrder: string;
  metadata: string;
}

const page = {
  /** Table 1..6 of a seed as the recordings describe it; to be asked for in order. */
  async table(seed: string, number: number): Promise<TableFacts> {
    const side = number % 2 === 1 ? 'A' : 'B';
    const [entriesName, sizesName, metaName] = [`entries${side}`, `sizes${side}`, `meta${side}`] as const;
    const names = [entriesName, sizesName, metaName, 'parents'] as const;
    const held = await (await tables()).inspect(fromHex(seed), number, names);
    const sizes = held[sizesName].subarray(0, BUCKETS);
    const count = sizes.reduce((sum, size) => sum + size, 0);
    const bucketOrder = new Uint32Array(2 * count);
    const positionOrder = new Uint32Array(3 * count);
    let at = 0;
    sizes.forEach((size, bucket) => {
      for (let slot = 0; slot < size; slot += 1, at += 1) {
        const from = 2 * (bucket * BUCKET_SLOTS + slot);
        const [y, position] = held[entriesName].subarray(from, from + 2) as unknown as [number, number];
        bucketOrder.set([y, position], 2 * at);
        const pair = 2 * ((number - 2) * CAPACITY + position);
        const parents = number === 1 ? [0, 0] : held.parents.subarray(pair, pair + 2);
        positionOrder.set([y, ...parents], 3 * position);
      }
    });
    const stride = META_BITS[number]! > 64 ? 4 : 2;
    const metadata = new DataView(new ArrayBuffer(16 * count));
    for (let position = 0; position < count; position += 1) {
      for (let word = 0; word < stride; word += 1) {
        const value = number > 1 ? held[metaName][stride * position + word]! : word === 0 ? position : 0;
        metadata.setUint32(16 * position + 12 - 4 * word, value);
      }
    }
    return {
      entries: count,
      bucketOrder: hash(bucketOrder),
      positionOrder: hash(positionOrder),
      metadata: toHex(blake3(new Uint8Array(metadata.buffer))),
    };
  },

  /** After its tables: which s-buckets of a seed have a proof, as bits, and the hash of all proofs. */
  async proofs(seed: string): Promise<{ presence: string; all: string }> {
    const held = await (await tables()).inspect(fromHex(seed), 7, ['firsts', 'proofs', 'masks']);
    const bytes = new Uint8Array(held.proofs.buffer);
    const masks = new Uint8Array(held.masks.buffer);
    const presence = new Uint8Array(S_BUCKETS / 8);
    const all = blake3.create();
    for (let sBucket = 0; sBucket < S_BUCKETS; sBucket += 1) {
      if (held.firsts[sBucket] === 0) continue;
      presence[sBucket >> 3]! |= 1 << (sBucket & 7);
      const proof = bytes.subarray(sBucket * PROOF_OF_SPACE_BYTES, (sBucket + 1) * PROOF_OF_SPACE_BYTES);
      all.update(proof);
      const mask = masks.subarray(32 * sBucket, 32 * sBucket + 32);
      if (sBucket % 16 === 0 && toHex(blake3(proof)) !== toHex(mask))
        throw new Error(`the mask of s-bucket ${sBucket} is not the hash of its proof`);
    }
    return { presence: toHex(presence), all: toHex(all.digest()) };
  },

  /** Seconds that the masks of a seed take, by the clock, and whose they are; they hold, by their samples. */
  async masks(seed: string): Promise<{ seconds: number; adapter: string }> {
    await loadWasm();
    const made = await tables();
    const started = performance.now();
    const masks = await made.masks(fromHex(seed));
    const seconds = (performance.now() - started) / 1000;
    checkMasks(fromHex(seed), masks);
    return { seconds, adapter: made.adapter };
  },

  /** Whether there is an adapter at all. */
  async has(): Promise<boolean> {
    return (await navigator.gpu?.requestAdapter()) != null;
  },

  /** Whether a program that is no test would compute on the adapter. */
  async isUsed(): Promise<boolean> {
    const opened = await GpuTables.open();
    opened?.close();
    return opened !== null;
  },

  /** Seconds that the table takes a core, by the clock. */
  async wasmSeconds(seed: string): Promise<number> {
    await loadWasm();
    const table = new SpaceTable();
    const started = performance.now();
    table.build(fromHex(seed));
    const seconds = (performance.now() - started) / 1000;
    table.free();
    return seconds;
  },

  /** What a pool with one worker and the adapter makes of the two. */
  async measured(): Promise<TablesView> {
    const pool = new TablePool(createInlinePool(), { open: tables });
    await pool.ready();
    const view = pool.view();
    opened = null;
    await pool.close();
    return view;
  },

  /** How calls end that nobody waits for, and those after the processor was lost. */
  async endings(): Promise<string[]> {
    const made = await GpuTables.open(true);
    const abort = new AbortController();
    const seed = new Uint8Array(32);
    const first = made!.masks(seed, abort.signal).catch((error: Error) => error.message);
    const second = made!.masks(seed).catch((error: Error) => error.name);
    setTimeout(() => abort.abort(new Error('not needed')), 50);
    const aborted = await first;
    setTimeout(() => made!.close(), 50);
    const lost = await second;
    const after = await made!.masks(seed).catch((error: Error) => error.name);
    return [aborted, lost, after].map(String);
  },
};

export type GpuTablesPage = typeof page;
Object.assign(globalThis, { gpuTablesPage: page });
