/** The step that finds which entries of neighbouring buckets match. */
import { bind, kernel, SHARING, SLOT_BITS, SUMS, turn, type Kernel } from './kernel.ts';
import { B, BC, BUCKET_SLOTS, BUCKETS, C, M } from './space-layout.ts';

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
export function match(table: number): Kernel {
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
