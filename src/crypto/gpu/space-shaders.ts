/**
 * The making of proof-of-space tables as WebGPU compute shaders, one kernel a step. A table's entries lie bucket by
 * bucket, in as many slots as a bucket can have; they come in any order and are then sorted by y and position, so that
 * tables are the same whatever the processor does first. Positions are those of the network: matches are counted
 * before they are made into entries.
 */
import {
  B,
  BC,
  BUCKET_SLOTS,
  BUCKETS,
  C,
  CAPACITY,
  M,
  META_BITS,
  POSITION_BITS,
  PROOF_XS,
  TABLES,
  type BufferName,
} from './space-layout.ts';
import { BLAKE3_BLOCK, BLAKE3_FLAGS, BLAKE3_IV, CHACHA_BLOCK, F1, f, PROOF_WORDS } from './text.ts';

/** Invocations of the workgroups that share a bucket; few, because they wait for each other again and again. */
const SHARING = 64;
const SLOT_BITS = Math.log2(BUCKET_SLOTS);

/** A step: its shader, the buffers that it binds in order, and its workgroups. */
export interface Kernel {
  name: string;
  code: string;
  buffers: readonly BufferName[];
  workgroups: number;
}

type Access = 'read' | 'write' | 'atomic';

interface Binding {
  name: string;
  buffer: BufferName;
  access: Access;
  type: string;
}

const bind = (name: string, buffer: BufferName, access: Access, type = 'u32'): Binding => ({
  name,
  buffer,
  access,
  type,
});

function kernel(
  name: string,
  bindings: readonly Binding[],
  size: number,
  workgroups: number,
  body: string,
  declarations = '',
): Kernel {
  const declared = bindings.map(({ name: variable, access, type }, binding) => {
    const mode = access === 'read' ? 'read' : 'read_write';
    const element = access === 'atomic' ? `atomic<${type}>` : type;
    return `@group(0) @binding(${binding}) var<storage, ${mode}> ${variable}: array<${element}>;`;
  });
  return {
    name,
    buffers: bindings.map(({ buffer }) => buffer),
    workgroups,
    code: `${declared.join('\n')}
${declarations}
@compute @workgroup_size(${size})
fn main(
  @builtin(global_invocation_id) global: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
  @builtin(workgroup_id) group: vec3<u32>,
) {
${body}
}
`,
  };
}

/** The buffers of a table's entries, sizes and metadata: those of odd and even tables take turns. */
const turn = (table: number): 'A' | 'B' => (table % 2 === 1 ? 'A' : 'B');
const metaType = (table: number): string => `vec${META_BITS[table]! > 64 ? 4 : 2}<u32>`;
const COMPONENTS = ['x', 'y', 'z'];

/** Puts an entry into its bucket; needs `sizes` and `entries`. */
const PUT = `
fn put(y: u32, position: u32) {
  let bucket = y / ${BC}u;
  let slot = atomicAdd(&sizes[bucket], 1u);
  if (slot < ${BUCKET_SLOTS}u) { entries[(bucket << ${SLOT_BITS}u) | slot] = vec2(y, position); }
}`;

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

/** Values summed by one invocation on the way to `before`. */
const PART = Math.sqrt(SHARING);

/** `before`: what the invocations before this one of a workgroup have, together; `total`: what all have. */
const SUMS = `
var<workgroup> values: array<u32, ${SHARING}>;
var<workgroup> parts: array<u32, ${SHARING / PART}>;

fn before(local: u32, value: u32) -> u32 {
  workgroupBarrier();
  values[local] = value;
  workgroupBarrier();
  if (local < ${SHARING / PART}u) {
    var part = 0u;
    for (var i = 0u; i < ${PART}u; i++) { part += values[${PART}u * local + i]; }
    parts[local] = part;
  }
  workgroupBarrier();
  var sum = 0u;
  for (var i = 0u; i < local / ${PART}u; i++) { sum += parts[i]; }
  for (var i = local - local % ${PART}u; i < local; i++) { sum += values[i]; }
  return sum;
}

fn total() -> u32 {
  var sum = 0u;
  for (var i = 0u; i < ${SHARING / PART}u; i++) { sum += parts[i]; }
  return sum;
}`;

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

/** Bits and words of a row of the bitmap of residues, whose columns stand there twice. */
const ROW_BITS = 256;
const ROW_WORDS = ROW_BITS / 32;
/** Its rows, the first ones again at the end: what an entry matches never lies beyond a border. */
const ROWS = B + M - 1;

/**
 * Matches of each bucket with the next, in the network's order: left entries in order, targets ascending, right entries
 * in order. An entry has a target in each of the M rows from its own on, so that targets ascend from the m at which
 * rows begin anew.
 */
function match(table: number): Kernel {
  const side = turn(table);
  return kernel(
    `match${side}`,
    [
      bind('sizes', `sizes${side}`, 'read'),
      bind('entries', `entries${side}`, 'read', 'vec2<u32>'),
      bind('matches', 'matches', 'write'),
      bind('starts', 'starts', 'write'),
      bind('overflow', 'overflow', 'atomic'),
    ],
    SHARING,
    BUCKETS - 1,
    `  let bucket = group.x;
  let parity = bucket & 1u;
  let left_base = bucket << ${SLOT_BITS}u;
  let right_base = left_base + ${BUCKET_SLOTS}u;
  let left_y = bucket * ${BC}u;
  if (local == 0u) {
    left_size = min(sizes[bucket], ${BUCKET_SLOTS}u);
    right_size = min(sizes[bucket + 1u], ${BUCKET_SLOTS}u);
  }
  let lefts = workgroupUniformLoad(&left_size);
  let rights = workgroupUniformLoad(&right_size);
  for (var i = local; i < rights; i += ${SHARING}u) {
    let residue = entries[right_base | i].x - left_y - ${BC}u;
    right[i] = residue;
    let row = residue / ${C}u;
    let column = residue - row * ${C}u;
    mark(row, column);
    mark(row, column + ${C}u);
    if (row < ${ROWS - B}u) {
      mark(row + ${B}u, column);
      mark(row + ${B}u, column + ${C}u);
    }
  }
  workgroupBarrier();
  for (var i = local; i <= rights; i += ${SHARING}u) {
    // Rows from that of the entry before on begin with this one, up to its own.
    var row = 0u;
    if (i > 0u) { row = right[i - 1u] / ${C}u + 1u; }
    var end = ${B}u;
    if (i < rights) { end = right[i] / ${C}u; }
    for (; row <= end; row++) { row_starts[row] = i; }
  }
  workgroupBarrier();

  // Each invocation has entries that follow each other, so that its matches do.
  let each = (lefts + ${SHARING - 1}u) / ${SHARING}u;
  let first = local * each;
  let end = min(first + each, lefts);
  var hits: array<vec2<u32>, ${BUCKET_SLOTS / SHARING}>;
  var count = 0u;
  for (var index = first; index < end; index++) {
    let l = entries[left_base | index].x - left_y;
    let row = l / ${C}u;
    let column = l - row * ${C}u;
    let own = row * ${ROW_BITS}u + column;
    // (2m + parity)² modulo C and how much it grows by.
    var shift = parity;
    var growth = 4u * parity + 4u;
    var found = vec2(0u);
    for (var m = 0u; m < ${M}u; m++) {
      let at = own + m * ${ROW_BITS}u + shift;
      if (((atomicLoad(&places[at >> 5u]) >> (at & 31u)) & 1u) != 0u) {
        found[m >> 5u] |= 1u << (m & 31u);
        count += equals(row, column, m, shift).y;
      }
      shift += growth;
      shift -= select(0u, ${C}u, shift >= ${C}u);
      growth += 8u;
      growth -= select(0u, ${C}u, growth >= ${C}u);
    }
    hits[index - first] = found;
  }
  var at = before(local, count);
  for (var index = first; index < end; index++) {
    let l = entries[left_base | index].x - left_y;
    let row = l / ${C}u;
    let column = l - row * ${C}u;
    let wrap = min(${B}u - row, ${M}u);
    let found = hits[index - first];
    // The m from the wrapping one on, then those below it.
    for (var part = 0u; part < 4u; part++) {
      let word = part & 1u;
      let below = min(max(wrap, 32u * word) - 32u * word, 32u);
      let mask = select((1u << (below & 31u)) - 1u, 0xffffffffu, below == 32u);
      var bits = found[word] & select(mask, ~mask, part < 2u);
      while (bits != 0u) {
        let m = 32u * word + firstTrailingBit(bits);
        bits &= bits - 1u;
        let places = equals(row, column, m, (2u * m + parity) * (2u * m + parity) % ${C}u);
        for (var i = 0u; i < places.y; i++) {
          if (at < ${BUCKET_SLOTS}u) { matches[left_base | at] = (index << 16u) | (places.x + i); }
          at++;
        }
      }
    }
  }
  if (local == 0u) {
    starts[bucket] = min(total(), ${BUCKET_SLOTS}u);
    if (total() > ${BUCKET_SLOTS}u) { atomicOr(&overflow[0], 2u); }
  }`,
    `var<workgroup> places: array<atomic<u32>, ${ROW_WORDS * ROWS}>;
var<workgroup> row_starts: array<u32, ${B + 1}>;
var<workgroup> right: array<u32, ${BUCKET_SLOTS}>;
var<workgroup> left_size: u32;
var<workgroup> right_size: u32;
${SUMS}

fn mark(row: u32, column: u32) {
  let at = row * ${ROW_BITS}u + column;
  atomicOr(&places[at >> 5u], 1u << (at & 31u));
}

/** Where the first right entry at the target of m stands, and how many do. */
fn equals(left_row: u32, left_column: u32, m: u32, shift: u32) -> vec2<u32> {
  var row = left_row + m;
  row -= select(0u, ${B}u, row >= ${B}u);
  var column = left_column + shift;
  column -= select(0u, ${C}u, column >= ${C}u);
  let residue = row * ${C}u + column;
  var first = row_starts[row];
  let end = row_starts[row + 1u];
  while (first < end && right[first] < residue) { first++; }
  var count = 0u;
  while (first + count < end && right[first + count] == residue) { count++; }
  return vec2(first, count);
}`,
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
