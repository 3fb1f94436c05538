/** Proof of space: tables step by step, every proof, verdicts. */
import { concat, fromHex, xor } from '../../src/protocol/bytes.ts';
import { S_BUCKETS } from '../../src/protocol/constants.ts';
import { blake3Hash } from '../../src/protocol/hash.ts';
import { SpaceTable, tableColumn, verifyProofOfSpace } from '../../src/crypto/space.ts';
import { loadWasm } from '../../src/crypto/wasm.ts';
import { casesOf, expectFacts, expectSame, namedBytes, type Recorded } from './protocol-support.ts';
import type { ConformanceCase, ConformanceContext, ConformanceSuite } from './types.ts';

interface RecordedEntry extends Recorded {
  position: number;
}

interface RecordedTable extends Recorded {
  table: number;
  first_in_bucket_order: RecordedEntry[];
  first_in_position_order: RecordedEntry[];
}

interface RecordedSeed extends Recorded {
  seed_name: string;
  seed: string;
  presence_bitmap_file: string;
  group_size: number;
  groups: Recorded[];
  first_absent: number[];
  samples: (Recorded & { challenge_index: number })[];
  large_challenge_indices: (Recorded & { challenge_index: number })[];
  verify_cases: { what: string; seed: string; challenge_index: number; proof: string; valid: boolean }[];
  tables?: RecordedTable[];
}

interface SpaceFile {
  label: string;
  seeds: RecordedSeed[];
}

/** The proofs of all s-buckets, ascending; null where there is none. */
type Proofs = (Uint8Array | null)[];

const table = { built: '', of: null as SpaceTable | null };

/** The table of a seed; the last one stays built. */
function tableOf(seed: string): SpaceTable {
  table.of ??= new SpaceTable();
  if (table.built !== seed) table.of.build(fromHex(seed, 32));
  table.built = seed;
  return table.of;
}

function presentOf(proofs: Proofs): Uint8Array[] {
  return proofs.filter((proof): proof is Uint8Array => proof !== null);
}

async function checkProofs(ctx: ConformanceContext, label: string, record: RecordedSeed): Promise<void> {
  expectSame('seed', namedBytes(label, record.seed_name, 32), record.seed);
  const own = tableOf(record.seed);
  const proofs: Proofs = Array.from({ length: S_BUCKETS }, (_, index) => own.proof(index));
  const presence = new Uint8Array(S_BUCKETS / 8);
  proofs.forEach((proof, index) => {
    if (proof !== null) presence[index >> 3]! |= 1 << (index & 7);
  });
  const groups = Array.from({ length: S_BUCKETS / record.group_size }, (_, group) => {
    const present = presentOf(proofs.slice(group * record.group_size, (group + 1) * record.group_size));
    return { proofs: present.length, blake3: blake3Hash(concat(...present)) };
  });
  const all = presentOf(proofs);
  const absent = proofs.flatMap((proof, index) => (proof === null ? [index] : []));
  expectFacts(record, {
    s_buckets_with_proof: all.length,
    presence_bitmap_blake3: blake3Hash(presence),
    all_proofs_blake3: blake3Hash(concat(...all)),
    groups,
    xor_of_proof_hashes: all.map((proof) => blake3Hash(proof)).reduce(xor, new Uint8Array(32)),
    first_absent: absent.slice(0, record.first_absent.length),
  });
  expectSame('k', 20, record['k']);
  expectSame('presence bitmap', presence, await ctx.read(record.presence_bitmap_file));
}

function checkSample(record: RecordedSeed, sample: RecordedSeed['samples'][number]): void {
  const proof = tableOf(record.seed).proof(sample.challenge_index);
  const seed = fromHex(record.seed, 32);
  expectFacts(sample, {
    proof,
    proof_hash: proof && blake3Hash(proof),
    valid: proof && verifyProofOfSpace(seed, sample.challenge_index, proof),
  });
}

function u32(bytes: Uint8Array, index: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(4 * index, true);
}

/** Values of y in a bucket, a parameter of the construction. */
const BUCKET_VALUES = 119 * 127;

function largestBucket(bucketOrder: Uint8Array, entries: number): number {
  const sizes = new Map<number, number>();
  for (let i = 0; i < entries; i += 1) {
    const bucket = Math.floor(u32(bucketOrder, 2 * i) / BUCKET_VALUES);
    sizes.set(bucket, (sizes.get(bucket) ?? 0) + 1);
  }
  return Math.max(...sizes.values());
}

function checkTable(seed: Uint8Array, record: RecordedTable): void {
  const column = (name: Parameters<typeof tableColumn>[2]) => tableColumn(seed, record.table, name);
  const [bucketOrder, positionOrder, metadata] = [
    column('bucketOrder'),
    column('positionOrder'),
    column('metadata'),
  ];
  const entries = metadata.length / 16;
  const entry = (position: number) => ({
    position,
    y: u32(positionOrder, 3 * position),
    left: u32(positionOrder, 3 * position + 1),
    right: u32(positionOrder, 3 * position + 2),
    metadata: metadata.subarray(16 * position, 16 * position + 16),
  });
  const firstInBuckets = record.first_in_bucket_order.map((_, i) => entry(u32(bucketOrder, 2 * i + 1)));
  expectFacts(record, {
    entries,
    bucket_order_blake3: blake3Hash(bucketOrder),
    position_order_blake3: blake3Hash(positionOrder),
    // The last table has none.
    metadata_blake3: record.table === 7 ? null : blake3Hash(metadata),
    first_in_bucket_order: firstInBuckets,
    first_in_position_order: record.first_in_position_order.map((_, i) => entry(i)),
    max_bucket_len: largestBucket(bucketOrder, entries),
  });
}

function seedCases(ctx: ConformanceContext, label: string, record: RecordedSeed): ConformanceCase[] {
  const name = record.seed_name;
  const seed = fromHex(record.seed, 32);
  return [
    {
      name: `${name}: every proof`,
      rule: 'proof-of-space',
      run: () => checkProofs(ctx, label, record),
    },
    ...casesOf(
      [...record.samples, ...record.large_challenge_indices],
      ({ challenge_index }) => ({ name: `${name}: challenge ${challenge_index}`, rule: 'proof-of-space' }),
      (sample) => checkSample(record, sample),
    ),
    ...casesOf(
      record.verify_cases,
      ({ what }) => ({ name: `${name}: verdict on ${what}`, rule: 'proof-of-space' }),
      (verdict) => {
        const proof = fromHex(verdict.proof);
        expectSame(
          'valid',
          verifyProofOfSpace(fromHex(verdict.seed, 32), verdict.challenge_index, proof),
          verdict.valid,
        );
      },
    ),
    ...casesOf(
      record.tables ?? [],
      (recorded) => ({ name: `${name}: table ${recorded.table}`, rule: 'proof-of-space-table' }),
      (recorded) => checkTable(seed, recorded),
    ),
  ];
}

export const space: ConformanceSuite = {
  files: [/^pos\.json$/],
  companions: [/^pos_presence_\d+\.bin$/],
  async cases(ctx) {
    await loadWasm();
    const { label, seeds } = await ctx.json<SpaceFile>('pos.json');
    return seeds.flatMap((record) => seedCases(ctx, label, record));
  },
};
