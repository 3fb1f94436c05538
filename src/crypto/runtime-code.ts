/**
 * Runs the code of a runtime for what it says of itself. The code gets memory and values of the state; every other
 * call of it into its host ends the run.
 */
import { Decompress } from 'fzstd';
import { concat, equal, toHex } from '../protocol/bytes.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { MAX_METADATA_BYTES } from '../protocol/metadata.ts';
import { decodeAll, ScaleWriter } from '../protocol/scale.ts';

/** What compressed code begins with, before a frame of zstd. */
const COMPRESSED = Uint8Array.of(0x52, 0xbc, 0x53, 0x76, 0x46, 0xdb, 0x8e, 0x05);
const WASM_MAGIC = Uint8Array.of(0x00, 0x61, 0x73, 0x6d);
/** Bytes of code once decompressed; the network accepts no more. */
const MAX_CODE_BYTES = 50 * 2 ** 20;
const CHUNK_BYTES = 64 * 1024;
const PAGE_BYTES = 64 * 1024;
/** Memory that the code gets at first, in pages: more than any runtime asks for at its start. */
const FIRST_PAGES = 512;
/** Memory that the code may take, in pages: 256 MiB. */
const MAX_PAGES = 4_096;
/** Bytes before the first section of a module. */
const MODULE_HEADER_BYTES = 8;
/** The section that memory of a module's own is declared in. */
const MEMORY_SECTION = 5;

/** Why a runtime is not taken at its word: it does not run here, as `message` says. */
export function badRuntime(message: string, cause?: unknown): ProtocolError {
  return new ProtocolError({
    code: 'bad-runtime',
    rule: 'runtime-code',
    message,
    sentence: 'The network’s runtime does not run here, so what the node says of its rules cannot be proven.',
    cause,
  });
}

function refuse(message: string, cause?: unknown): never {
  throw badRuntime(message, cause);
}

/** Whether the code of a state is a runtime that can be run; a local network may keep a text there. */
export function isRunnable(code: Uint8Array): boolean {
  const begins = (with_: Uint8Array) => equal(code.subarray(0, with_.length), with_);
  return begins(COMPRESSED) || begins(WASM_MAGIC);
}

/** WebAssembly of a runtime as the state keeps it. Throws ProtocolError (rule `runtime-code`). */
export function decompressCode(code: Uint8Array): Uint8Array {
  if (!equal(code.subarray(0, COMPRESSED.length), COMPRESSED)) return code;
  const parts: Uint8Array[] = [];
  let size = 0;
  const stream = new Decompress((part) => {
    size += part.length;
    if (size > MAX_CODE_BYTES) refuse('the code is too large');
    parts.push(part);
  });
  try {
    for (let at = COMPRESSED.length; at < code.length; at += CHUNK_BYTES)
      stream.push(code.subarray(at, at + CHUNK_BYTES), at + CHUNK_BYTES >= code.length);
  } catch (error) {
    if (error instanceof ProtocolError) throw error;
    refuse('the code does not decompress', error);
  }
  return concat(...parts);
}

/** Whether a module, which has to be one that compiles, has a section of this kind. */
function hasSection(wasm: Uint8Array, kind: number): boolean {
  let at = MODULE_HEADER_BYTES;
  while (at < wasm.length) {
    if (wasm[at] === kind) return true;
    at += 1;
    let size = 0;
    for (let unit = 1, more = true; more; unit *= 128, at += 1) {
      const byte = wasm[at] ?? 0;
      size += (byte & 0x7f) * unit;
      more = byte >= 0x80;
    }
    at += size;
  }
  return false;
}

/** Hands out memory above the code's own, and never takes any back: a run is short. */
class Heap {
  private next = 0;

  constructor(private readonly memory: WebAssembly.Memory) {}

  /** `base`: address of the first byte that is not the code's own. */
  begin(base: number): void {
    this.next = base;
  }

  /** Address of so many bytes. Throws RangeError when the code takes more than it may. */
  allocate(size: number): number {
    const at = Math.ceil(this.next / 8) * 8;
    this.next = at + (size >>> 0);
    const missing = Math.ceil((this.next - this.memory.buffer.byteLength) / PAGE_BYTES);
    if (missing > 0) this.memory.grow(missing);
    return at;
  }
}

/** A value of the state that a run wants and was not given. */
class Wanted {
  constructor(readonly key: Uint8Array) {}
}

/** Values of the state by their keys in hex, null where nothing is. */
export type KnownValues = ReadonlyMap<string, Uint8Array | null>;

/** What a run ended with: metadata (`meta` magic included), or the key of a value that it was not given. */
export type RuntimeAnswer = { metadata: Uint8Array; wanted: null } | { metadata: null; wanted: Uint8Array };

/** What the code may call; whatever else it wants ends the run. */
function hostFor(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  heap: Heap,
  known: KnownValues,
): WebAssembly.Imports {
  const read = (packed: bigint): Uint8Array => {
    const [at, size] = unpack(packed);
    if (at + size > memory.buffer.byteLength) refuse('a key out of bounds');
    return new Uint8Array(memory.buffer.slice(at, at + size));
  };
  const write = (bytes: Uint8Array): bigint => {
    const at = heap.allocate(bytes.length);
    new Uint8Array(memory.buffer).set(bytes, at);
    return (BigInt(bytes.length) << 32n) | BigInt(at);
  };
  const storage = (packed: bigint): bigint => {
    const key = read(packed);
    const value = known.get(toHex(key));
    if (value === undefined) throw new Wanted(key);
    const result = new ScaleWriter((value?.length ?? 0) + 8);
    return write(result.option(value, (some, bytes) => some.byteVector(bytes)).bytes());
  };
  const answers: Record<string, (...values: never[]) => unknown> = {
    ext_allocator_malloc_version_1: (size: number) => heap.allocate(size),
    ext_allocator_free_version_1: () => undefined,
    ext_logging_log_version_1: () => undefined,
    ext_logging_max_level_version_1: () => 0,
    ext_storage_get_version_1: storage,
  };
  const host: Record<string, WebAssembly.ImportValue> = { memory };
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    if (from !== 'env') refuse(`an import of ${from}`);
    if (kind === 'function') host[name] = answers[name] ?? (() => refuse(`a call of ${name}`));
  }
  return { env: host };
}

/** Address and length, as the code packs them. */
function unpack(packed: bigint): [at: number, size: number] {
  const bits = BigInt.asUintN(64, packed);
  return [Number(bits & 0xffff_ffffn), Number(bits >> 32n)];
}

async function runFor(module: WebAssembly.Module, known: KnownValues): Promise<Uint8Array> {
  const memory = new WebAssembly.Memory({ initial: FIRST_PAGES, maximum: MAX_PAGES });
  const heap = new Heap(memory);
  const { exports } = await WebAssembly.instantiate(module, hostFor(module, memory, heap, known));
  const base = exports['__heap_base'];
  const describe = exports['Metadata_metadata'];
  if (!(base instanceof WebAssembly.Global) || typeof describe !== 'function')
    return refuse('no runtime with metadata');
  heap.begin(Number(base.value));
  const [at, size] = unpack((describe as (at: number, size: number) => bigint)(0, 0));
  if (size > MAX_METADATA_BYTES || at + size > memory.buffer.byteLength) refuse('metadata out of bounds');
  const result = new Uint8Array(memory.buffer.slice(at, at + size));
  return decodeAll(result, 'metadata', (reader) => reader.byteVector(MAX_METADATA_BYTES));
}

/**
 * Runs a runtime for its metadata. It is not bounded in time: whoever has it run must be able to end its thread.
 *
 * @param code as the state keeps it under `:code`.
 * @throws ProtocolError (rule `runtime-code`).
 */
export async function describeRuntime(code: Uint8Array, known: KnownValues): Promise<RuntimeAnswer> {
  const wasm = decompressCode(code);
  const module = await WebAssembly.compile(wasm.slice()).catch((error: unknown) =>
    refuse('the code does not compile', error),
  );
  if (hasSection(wasm, MEMORY_SECTION)) refuse('a memory of its own, which nothing bounds');
  try {
    return { metadata: await runFor(module, known), wanted: null };
  } catch (error) {
    if (error instanceof Wanted) return { metadata: null, wanted: error.key };
    if (error instanceof ProtocolError) throw error;
    return refuse(error instanceof Error ? error.message : 'the run ended', error);
  }
}
