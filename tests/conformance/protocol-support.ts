/** What the protocol's suites share: comparison of whole records, deterministic inputs, cases. */
import { blake3 } from '@noble/hashes/blake3.js';
import { concat, fromHex, toHex, utf8 } from '../../src/protocol/bytes.ts';
import { ProtocolError } from '../../src/protocol/errors.ts';
import { scalarFromSafeBytes } from '../../src/protocol/scalar.ts';
import type { ConformanceCase, ConformanceContext } from './types.ts';

/** A JSON object of a recorded file. */
export type Recorded = Record<string, unknown>;

/** Bytes as lower-case hex and integers as decimals, so that computed and recorded values compare. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return toHex(value);
  if (typeof value === 'bigint' || typeof value === 'number') return String(value);
  if (Array.isArray(value)) return value.map(plain);
  if (value !== null && typeof value === 'object') {
    const entries = Object.entries(value).map(([key, inner]): [string, unknown] => [key, plain(inner)]);
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  }
  return value;
}

function shown(value: unknown): string {
  const text = JSON.stringify(plain(value)) ?? 'undefined';
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

/** Throws unless both are the same: bytes against hex, integers against numbers or decimal strings. */
export function expectSame(what: string, computed: unknown, recorded: unknown): void {
  if (JSON.stringify(plain(computed)) !== JSON.stringify(plain(recorded))) {
    throw new Error(`${what}: recorded ${shown(recorded)}, computed ${shown(computed)}`);
  }
}

function isRecord(value: unknown): value is Recorded {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
  );
}

/** What of a recorded value something was computed for; other fields of objects inside it stay unread. */
function computedPart(computed: unknown, recorded: unknown): unknown {
  if (Array.isArray(computed) && Array.isArray(recorded))
    return recorded.map((item: unknown, index) => computedPart(computed[index], item));
  if (!isRecord(computed) || !isRecord(recorded)) return recorded;
  const both = Object.keys(computed).filter((field) => field in recorded);
  return Object.fromEntries(both.map((field) => [field, computedPart(computed[field], recorded[field])]));
}

/**
 * Compares every fact of a record that was computed (undefined: absent). A field for which nothing was, as another
 * recorder may write, is no disagreement; the runner tells what no case read.
 */
export function expectFacts(record: Recorded, computed: Recorded): void {
  for (const field of Object.keys(record)) {
    if (field in computed) expectSame(field, computed[field], computedPart(computed[field], record[field]));
  }
}

/** Some fields of a record; those that it lacks are undefined. */
export function pick(record: Recorded, fields: readonly string[]): Recorded {
  return Object.fromEntries(fields.map((field) => [field, record[field]]));
}

/** Throws unless inputs were made by the rule that the suite makes them by; a set may leave the rule out. */
export function expectRule(rule: string, recorded: string | undefined): void {
  if (recorded) expectSame('rule', rule, recorded);
}

/** Deterministic bytes of a set: BLAKE3 extendable output of `label/name`. */
export function namedBytes(label: string, name: string, length: number): Uint8Array {
  return blake3(utf8(`${label}/${name}`), { dkLen: length });
}

/** Deterministic scalars of a set, one after the other, 32 bytes each. */
export function namedScalars(label: string, name: string, count: number): Uint8Array {
  const safe = namedBytes(label, name, 31 * count);
  return concat(
    ...Array.from({ length: count }, (_, i) => scalarFromSafeBytes(safe.subarray(31 * i, 31 * (i + 1)))),
  );
}

/** One byte string from a list of hex strings. */
export function joinHex(parts: readonly string[]): Uint8Array {
  return concat(...parts.map((part) => fromHex(part)));
}

/** Hex strings of consecutive pieces of `size` bytes. */
export function splitHex(bytes: Uint8Array, size: number): string[] {
  return Array.from({ length: bytes.length / size }, (_, i) =>
    toHex(bytes.subarray(i * size, (i + 1) * size)),
  );
}

/** What a call refuses with, or null when it accepts. */
export async function refusal(call: () => unknown): Promise<Error | null> {
  try {
    await call();
    return null;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/**
 * Compares a refusal with what the reference said: nothing where it accepted, else words that stand in `reasons` with
 * what `code: message` of ours has to match. Of other words only that there was a refusal is compared.
 */
export function expectRefusal(
  refused: Error | null,
  recorded: string | null | undefined,
  reasons: Readonly<Record<string, RegExp>>,
): void {
  if (refused === null || typeof recorded !== 'string') {
    expectSame('refusal', refused?.message ?? null, recorded ?? null);
    return;
  }
  if (!(refused instanceof ProtocolError)) throw refused;
  const said = `${refused.code}: ${refused.message}`;
  if (reasons[recorded]?.test(said) === false)
    throw new Error(`refused as “${said}”, recorded “${recorded}”`);
}

/** A case per record of a list. */
export function casesOf<T>(
  records: readonly T[],
  describe: (record: T, index: number) => { name: string; rule: string },
  run: (record: T, index: number) => void | Promise<void>,
): ConformanceCase[] {
  return records.map((record, index) => ({ ...describe(record, index), run: () => run(record, index) }));
}

/** A suite of one JSON file, if the set has it. */
export async function fromJson<T>(
  ctx: ConformanceContext,
  files: string[],
  name: string,
  build: (data: T) => ConformanceCase[],
): Promise<ConformanceCase[]> {
  return files.includes(name) ? build(await ctx.json<T>(name)) : [];
}
