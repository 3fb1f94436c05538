/** What the steps of a table have in common: how a shader is put together, and sums within a workgroup. */
import { BC, BUCKET_SLOTS, type BufferName } from './space-layout.ts';

/** Invocations of the workgroups that share a bucket; few, because they wait for each other again and again. */
export const SHARING = 64;
/** Bits of a place within a bucket. */
export const SLOT_BITS = Math.log2(BUCKET_SLOTS);

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

/** A buffer that a step reads or writes, and its name in the shader. */
export const bind = (name: string, buffer: BufferName, access: Access, type = 'u32'): Binding => ({
  name,
  buffer,
  access,
  type,
});

/** A step of so many workgroups of `size` invocations. `body`: WGSL; `declarations`: WGSL before it. */
export function kernel(
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
export const turn = (table: number): 'A' | 'B' => (table % 2 === 1 ? 'A' : 'B');
/** Puts an entry into its bucket; needs `sizes` and `entries`. */
export const PUT = `
fn put(y: u32, position: u32) {
  let bucket = y / ${BC}u;
  let slot = atomicAdd(&sizes[bucket], 1u);
  if (slot < ${BUCKET_SLOTS}u) { entries[(bucket << ${SLOT_BITS}u) | slot] = vec2(y, position); }
}`;

/** Values summed by one invocation on the way to `before`. */
const PART = Math.sqrt(SHARING);

/** `before`: what the invocations before this one of a workgroup have, together; `total`: what all have. */
export const SUMS = `
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
