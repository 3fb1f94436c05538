/** Runtimes of a few hundred bytes and their metadata, assembled by hand, for tests of what runs them. */
import { concat, utf8 } from '../../src/protocol/bytes.ts';
import { ScaleWriter } from '../../src/protocol/scale.ts';

const DATA_AT = 1024;
const I32 = 0x7f;
const I64 = 0x7e;

function unsigned(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push((rest % 128) + (rest >= 128 ? 128 : 0));
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return Uint8Array.from(bytes);
}

function signed(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asIntN(64, value);
  for (;;) {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    const done = (rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0);
    bytes.push(done ? low : low | 0x80);
    if (done) return Uint8Array.from(bytes);
  }
}

const named = (name: string) => concat(unsigned(name.length), utf8(name));
const list = (...items: Uint8Array[]) => concat(unsigned(items.length), ...items);
const section = (id: number, body: Uint8Array) => concat(Uint8Array.of(id), unsigned(body.length), body);
const bytes = (...values: number[]) => Uint8Array.from(values);
const constant = (value: bigint) => concat(bytes(0x42), signed(value));

export interface TinyRuntimeOptions {
  /** A host function from 64 bits to 64 bits that it calls first, once with the place of each argument. */
  calls?: { name: string; arguments: Uint8Array[] };
  /** Has memory of its own instead of its host's. */
  ownMemory?: boolean;
  /** What it returns instead of the place of its metadata: address and length packed into 64 bits. */
  returns?: bigint;
  /** Ends in a trap, or never. */
  ends?: 'in a trap' | 'never';
}

/** WebAssembly whose `Metadata_metadata` gives this metadata. */
export function tinyRuntime(metadata: Uint8Array, options: TinyRuntimeOptions = {}): Uint8Array {
  const { calls, ends, ownMemory } = options;
  const result = new ScaleWriter(metadata.length + 8).byteVector(metadata).bytes();
  const pack = (at: number, size: number) => (BigInt(size) << 32n) | BigInt(at);
  let end = DATA_AT;
  const made = (calls?.arguments ?? []).map((argument) => {
    const call = concat(constant(pack(end, argument.length)), bytes(0x10, 0, 0x1a));
    end += argument.length;
    return call;
  });
  const data = concat(...(calls?.arguments ?? []), result);
  const packed = options.returns ?? pack(end, result.length);
  const before = { 'in a trap': bytes(0x00), never: bytes(0x03, 0x40, 0x0c, 0, 0x0b) };
  const body = concat(...made, ends ? before[ends] : bytes(), constant(packed), bytes(0x0b));
  const code = concat(unsigned(0), body);
  const hosts = calls ? [concat(named('env'), named(calls.name), bytes(0x00, 1))] : [];
  const memory = ownMemory ? [] : [concat(named('env'), named('memory'), bytes(0x02, 0x00, 1))];
  const base = concat(bytes(0x41), signed(BigInt(Math.ceil((DATA_AT + data.length) / 8) * 8)), bytes(0x0b));
  return concat(
    bytes(0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0),
    section(1, list(bytes(0x60, 2, I32, I32, 1, I64), bytes(0x60, 1, I64, 1, I64))),
    section(2, list(...memory, ...hosts)),
    section(3, list(unsigned(0))),
    ownMemory ? section(5, list(bytes(0x00, 1))) : bytes(),
    section(6, list(concat(bytes(I32, 0), base))),
    section(
      7,
      list(
        concat(named('Metadata_metadata'), bytes(0x00, hosts.length)),
        concat(named('__heap_base'), bytes(0x03, 0)),
      ),
    ),
    section(10, list(concat(unsigned(code.length), code))),
    section(
      11,
      list(concat(bytes(0, 0x41), signed(BigInt(DATA_AT)), bytes(0x0b), unsigned(data.length), data)),
    ),
  );
}
