/**
 * The making of proof-of-space tables as WebGPU compute shaders, one kernel a step. A table's entries lie bucket by
 * bucket, in as many slots as a bucket can have; they come in any order and are then sorted by y and position, so that
 * tables are the same whatever the processor does first. Positions are those of the network: matches are counted
 * before they are made into entries.
 */
import { bind, kernel, PUT, SHARING, SLOT_BITS, SUMS, turn, type Kernel } from './kernel.ts';
import { match } from './match-shader.ts';
import {
  BC,
  BUCKET_SLOTS,
  BUCKETS,
  CAPACITY,
  META_BITS,
  POSITION_BITS,
  PROOF_XS,
  TABLES,
  type BufferName,
} from './space-layout.ts';
import { BLAKE3_BLOCK, BLAKE3_FLAGS, BLAKE3_IV, CHACHA_BLOCK, F1, f, PROOF_WORDS } from './text.ts';

const metaType = (table: number): string => `vec${META_BITS[table]! > 64 ? 4 : 2}<u32>`;
const COMPONENTS = ['x', 'y', 'z'];

const WORKGROUP = 64;

const chacha = kernel(
  'chacha',
  [bind('seed', 'seed', 'read'), bind('keystream', 'keystream', 'write')],
  WORKGROUP,
  (2 ** 20 * 20) / 512 / WORKGROUP,
  `  let counter = global.x;
${Array.from({ length: 8 }, (_, index) => `  let k${index} = seed[${index}];`).join('\n')}
${CHACHA_BLOCK}
${Array.from({ length: 16 }, (_, index) => `  keystream[16u * counter + ${index}u] = s${index};`).join('\n')}`,
);

const f1 = kernel(
  'f1',
  [
    bind('keystream', 'keystream', 'read'),
    bind('sizes', 'sizesA', 'atomic'),
    bind('entries', 'entriesA', 'write', 'vec2<u32>'),
  ],
  SHARING,
  2 ** 20 / SHARING,
  `  let x = global.x;
  let first = 20u * x;
  let at = first & 31u;
  let high = keystream[first >> 5u];
  // Behind the last word there is none; what is read in its place is shifted out.
  let low = keystream[min((first >> 5u) + 1u, arrayLength(&keystream) - 1u)];
${F1}
  put(y, x);`,
  PUT,
);

/** Bins of a bucket, and residues of a bin: about one entry is in each. */
const BINS = 256;
const BIN_BITS = Math.ceil(Math.log2(BC / BINS));

/** Sorts each bucket by y and position: first into bins of neighbouring y, then within each of those few. */
function sort(table: number): Kernel {
  const side = turn(table);
  return kernel(
    `sort${side}`,
    [
      bind('sizes', `sizes${side}`, 'read'),
      bind('entries', `entries${side}`, 'write', 'vec2<u32>'),
      bind('overflow', 'overflow', 'atomic'),
    ],
    SHARING,
    BUCKETS,
    `  let bucket = group.x;
  let all = sizes[bucket];
  let size = min(all, ${BUCKET_SLOTS}u);
  if (all > size && local == 0u) { atomicOr(&overflow[0], 1u); }
  let base = bucket << ${SLOT_BITS}u;
  let least = bucket * ${BC}u;
  for (var i = local; i < size; i += ${SHARING}u) {
    atomicAdd(&bins[(entries[base | i].x - least) >> ${BIN_BITS}u], 1u);
  }
  workgroupBarrier();
  let first_bin = local * ${BINS / SHARING}u;
  var own = 0u;
  for (var i = 0u; i < ${BINS / SHARING}u; i++) { own += atomicLoad(&bins[first_bin + i]); }
  var sum = before(local, own);
  // From the size of a bin to where it starts; what is put there moves that to its end.
  for (var i = 0u; i < ${BINS / SHARING}u; i++) {
    sum += atomicExchange(&bins[first_bin + i], sum);
  }
  workgroupBarrier();
  for (var i = local; i < size; i += ${SHARING}u) {
    let entry = entries[base | i];
    sorted[atomicAdd(&bins[(entry.x - least) >> ${BIN_BITS}u], 1u)] = entry;
  }
  workgroupBarrier();
  for (var i = local; i < size; i += ${SHARING}u) {
    let entry = sorted[i];
    let bin = (entry.x - least) >> ${BIN_BITS}u;
    var first = 0u;
    if (bin > 0u) { first = atomicLoad(&bins[bin - 1u]); }
    let end = atomicLoad(&bins[bin]);
    var rank = first;
    for (var j = first; j < end; j++) {
      let other = sorted[j];
      rank += u32(other.x < entry.x || (other.x == entry.x && other.y < entry.y));
    }
    entries[base | rank] = entry;
  }`,
    `var<workgroup> bins: array<atomic<u32>, ${BINS}>;
var<workgroup> sorted: array<vec2<u32>, ${BUCKET_SLOTS}>;
${SUMS}`,
  );
}

const PER_INVOCATION = Math.ceil((BUCKETS - 1) / SHARING);

/** From the matches of each bucket to those before it. */
const count = kernel(
  'count',
  [bind('starts', 'starts', 'write'), bind('overflow', 'overflow', 'atomic')],
  SHARING,
  1,
  `  let first = local * ${PER_INVOCATION}u;
  let end = min(first + ${PER_INVOCATION}u, ${BUCKETS - 1}u);
  var own = 0u;
  for (var i = first; i < end; i++) { own += starts[i]; }
  var sum = before(local, own);
  for (var i = first; i < end; i++) {
    let matches = starts[i];
    starts[i] = sum;
    sum += matches;
  }
  if (local == 0u) {
    starts[${BUCKETS - 1}u] = total();
    if (total() > ${CAPACITY}u) { atomicOr(&overflow[0], 4u); }
  }`,
  SUMS,
);

/** Makes the entries of table 2..7 of the matches of the one before. */
function next(table: number): Kernel {
  const last = table === TABLES;
  const before = table - 1;
  const from = turn(before);
  const to = turn(table);
  const words = (bits: number): number[] => Array.from({ length: Math.ceil(bits / 32) }, (_, index) => index);
  const read = (side: string): string =>
    before === 1
      ? `  let ${side}0 = ${side}_entry.y;`
      : [
          `  let ${side}_meta = meta_in[${side}_entry.y];`,
          ...words(META_BITS[before]!).map(
            (index) => `  let ${side}${index} = ${side}_meta.${COMPONENTS[index]};`,
          ),
        ].join('\n');
  const lanes = META_BITS[table]! > 64 ? 4 : 2;
  const made = Array.from({ length: lanes }, (_, index) =>
    32 * index < META_BITS[table]! ? `meta${index}` : '0u',
  );
  const keep = last
    ? // Of table 7 only what answers an s-bucket is wanted, and of that the first by y and position.
      `  let challenge = y >> 6u;
  if ((challenge & 15u) == 0u) {
    let s_bucket = ((challenge & 0xff0u) << 4u) | (challenge >> 12u);
    atomicMax(&firsts[s_bucket], 0xffffffffu - (((y & 63u) << ${POSITION_BITS}u) | position));
  }`
    : `  meta_out[position] = ${metaType(table)}(${made.join(', ')});
  put(y, position);`;
  return kernel(
    `f${table}`,
    [
      bind('previous', `entries${from}`, 'read', 'vec2<u32>'),
      bind('matches', 'matches', 'read'),
      bind('starts', 'starts', 'read'),
      bind('parents', 'parents', 'write', 'vec2<u32>'),
      ...(before === 1 ? [] : [bind('meta_in', `meta${from}`, 'read', metaType(before))]),
      ...(last
        ? [bind('firsts', 'firsts', 'atomic')]
        : [
            bind('meta_out', `meta${to}`, 'write', metaType(table)),
            bind('sizes', `sizes${to}`, 'atomic'),
            bind('entries', `entries${to}`, 'write', 'vec2<u32>'),
          ]),
    ],
    SHARING,
    BUCKETS - 1,
    `  let bucket = group.x;
  let start = starts[bucket];
  let end = min(starts[bucket + 1u], ${CAPACITY}u);
  for (var position = start + local; position < end; position += ${SHARING}u) {
  let found = matches[(bucket << ${SLOT_BITS}u) + position - start];
  let left_entry = previous[(bucket << ${SLOT_BITS}u) | (found >> 16u)];
  let right_entry = previous[((bucket + 1u) << ${SLOT_BITS}u) | (found & 0xffffu)];
  parents[${(table - 2) * CAPACITY}u + position] = vec2(left_entry.y, right_entry.y);
  let left_y = left_entry.x;
${read('left')}
${read('right')}
${f(table)}
${keep}
  }`,
    last ? '' : PUT,
  );
}

const eight = Array.from({ length: 8 }, (_, index) => index);
const sixteen = Array.from({ length: 16 }, (_, index) => index);
const PROOF_WORD_COUNT = (PROOF_XS * 20) / 32;

/** The proof of every s-bucket that has one, and its hash. */
const prove = kernel(
  'prove',
  [
    bind('firsts', 'firsts', 'read'),
    bind('parents', 'parents', 'read', 'vec2<u32>'),
    bind('proofs', 'proofs', 'write'),
    bind('masks', 'masks', 'write'),
  ],
  WORKGROUP,
  65_536 / WORKGROUP,
  `  let s_bucket = global.x;
  let first = firsts[s_bucket];
  if (first == 0u) {
${eight.map((index) => `    masks[8u * s_bucket + ${index}u] = 0u;`).join('\n')}
    return;
  }
  var xs: array<u32, ${PROOF_XS}>;
  xs[0] = (0xffffffffu - first) & ${2 ** POSITION_BITS - 1}u;
  var count = 1u;
  for (var table = ${TABLES}u; table > 1u; table--) {
    for (var i = count; i > 0u; i--) {
      let pair = parents[(table - 2u) * ${CAPACITY}u + xs[i - 1u]];
      xs[2u * i - 2u] = pair.x;
      xs[2u * i - 1u] = pair.y;
    }
    count *= 2u;
  }
  var words: array<u32, ${Math.ceil(PROOF_WORD_COUNT / 16) * 16}>;
  for (var part = 0u; part < ${PROOF_XS / 8}u; part++) {
${eight.map((index) => `    let x${index} = xs[8u * part + ${index}u];`).join('\n')}
${PROOF_WORDS}
${[0, 1, 2, 3, 4].map((index) => `    words[5u * part + ${index}u] = p${index};`).join('\n')}
  }
  for (var i = 0u; i < ${PROOF_WORD_COUNT}u; i++) { proofs[${PROOF_WORD_COUNT}u * s_bucket + i] = words[i]; }
${eight.map((index) => `  var h${index} = ${BLAKE3_IV[index]}u;`).join('\n')}
  for (var block = 0u; block < 3u; block++) {
    let length = select(64u, 32u, block == 2u);
    let flags = select(0u, ${BLAKE3_FLAGS.chunkStart}u, block == 0u)
      | select(0u, ${BLAKE3_FLAGS.chunkEnd | BLAKE3_FLAGS.root}u, block == 2u);
${sixteen.map((index) => `    let m${index} = words[16u * block + ${index}u];`).join('\n')}
${BLAKE3_BLOCK}
${eight.map((index) => `    h${index} = o${index};`).join('\n')}
  }
${eight.map((index) => `  masks[8u * s_bucket + ${index}u] = h${index};`).join('\n')}`,
);

/** Steps of the table of a number, in order. */
export const TABLE_STEPS: readonly (readonly Kernel[])[] = [
  [chacha, f1, sort(1)],
  ...Array.from({ length: TABLES - 1 }, (_, index) => index + 2).map((table) => [
    match(table - 1),
    count,
    next(table),
    ...(table < TABLES ? [sort(table)] : [prove]),
  ]),
];

/** Buffers that the table of a number is begun with empty. */
export function clearedFor(table: number): BufferName[] {
  const sizes: BufferName[] = table < TABLES ? [`sizes${turn(table)}`] : [];
  return table === 1 ? [...sizes, 'overflow', 'firsts'] : sizes;
}
