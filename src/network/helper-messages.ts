/** Messages between a page, or another program, and the native helper: JSON, one object a frame, answered by `id`. */
import * as v from 'valibot';
import { fromHex, toHex } from '../protocol/bytes.ts';
import { CHECKPOINTS_BYTES, CHECKPOINTS_IN_SLOT } from '../protocol/constants.ts';
import { DecodeError } from '../protocol/errors.ts';

/** Slots that one message may carry. */
export const MAX_SLOTS = 1024;
/** Iterations of a slot that the helper takes. */
export const MAX_ITERATIONS = 2_100_000_000;
/** Longest answer: a verdict for each slot. */
export const MAX_ANSWER_BYTES = 64 * 1024;
/** What the helper calls itself. */
const NAME = 'allotment-helper';

/** A slot's claim as the helper verifies it. */
export interface HelperSlot {
  /** 16 bytes. */
  seed: Uint8Array;
  iterations: number;
  /** 128 bytes. */
  checkpoints: Uint8Array;
}

export type HelperCall =
  | { method: 'pair'; params: { code: string } }
  | { method: 'info'; params: Record<string, never> }
  | { method: 'prove'; params: { seed: string; iterations: number } }
  | { method: 'verify'; params: { slots: { seed: string; iterations: number; checkpoints: string }[] } };

/** What the helper says of itself; reported, never proven. */
export interface HelperInfo {
  name: string;
  version: string;
  cores: number;
  /** Instructions that it walks with, such as `aes-ni`. */
  implementation: string;
  /** Iterations a second of one walk. */
  proveRate: number;
  /** Iterations a second that one core verifies. */
  verifyRate: number;
  plotting: {
    /** Records that it encodes at once; 0: it does not plot. */
    encodings: number;
    /** Vectors of the processor that it uses, such as `AVX2`. */
    vectors: string;
  };
}

export type HelperAnswer =
  | { kind: 'result'; id: number; result: unknown }
  | { kind: 'refusal'; id: number | null; code: string; message: string };

const text = (limit: number) => v.pipe(v.string(), v.maxLength(limit));
const rate = v.pipe(v.number(), v.finite(), v.minValue(0));
const id = v.pipe(v.number(), v.safeInteger());

const Answer = v.union([
  v.strictObject({ id, result: v.unknown() }),
  v.strictObject({ id: v.nullable(id), error: v.object({ code: text(64), message: text(1_000) }) }),
]);
const Info = v.object({
  name: v.literal(NAME),
  version: text(64),
  cores: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_536)),
  implementation: text(64),
  proveRate: rate,
  verifyRate: rate,
  plotting: v.object({
    encodings: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65_536)),
    vectors: text(64),
  }),
});
const Verdicts = v.array(
  v.object({
    firstWrong: v.nullable(
      v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(CHECKPOINTS_IN_SLOT - 1)),
    ),
  }),
);

const Walk = v.object({
  checkpoints: v.pipe(v.string(), v.regex(new RegExp(`^[0-9a-f]{${2 * CHECKPOINTS_BYTES}}$`))),
});

function parse<S extends v.GenericSchema>(what: string, schema: S, value: unknown): v.InferOutput<S> {
  const { success, output, issues } = v.safeParse(schema, value);
  if (success) return output;
  throw new DecodeError(`helper-${what}`, issues?.[0]?.message ?? 'another shape');
}

/** Text of a call, named by `id` in its answer. */
export function encodeHelperCall(id: number, call: HelperCall): string {
  return JSON.stringify({ id, ...call });
}

/** The call that verifies slots, at most `MAX_SLOTS` of them. */
export function verifyCall(slots: readonly HelperSlot[]): HelperCall {
  return {
    method: 'verify',
    params: {
      slots: slots.map(({ seed, iterations, checkpoints }) => ({
        seed: toHex(seed),
        iterations,
        checkpoints: toHex(checkpoints),
      })),
    },
  };
}

/** Decodes an answer, whose result is still to be decoded by what was asked. Throws DecodeError. */
export function decodeHelperAnswer(message: string): HelperAnswer {
  let json: unknown;
  try {
    json = JSON.parse(message);
  } catch {
    throw new DecodeError('helper-answer', 'not JSON');
  }
  const answer = parse('answer', Answer, json);
  if ('error' in answer) return { kind: 'refusal', id: answer.id, ...answer.error };
  return { kind: 'result', ...answer };
}

/** Throws DecodeError, also for the description of another program. */
export function decodeHelperInfo(result: unknown): HelperInfo {
  return parse('info', Info, result);
}

/** The 128 bytes of checkpoints of a slot that was walked. Throws DecodeError. */
export function decodeWalk(result: unknown): Uint8Array {
  return fromHex(parse('walk', Walk, result).checkpoints, CHECKPOINTS_BYTES);
}

/** For each of `count` slots the first wrong checkpoint (0..7), or null. Throws DecodeError. */
export function decodeVerdicts(result: unknown, count: number): (number | null)[] {
  const verdicts = parse('verdicts', Verdicts, result);
  if (verdicts.length !== count)
    throw new DecodeError('helper-verdicts', `${verdicts.length} for ${count} slots`);
  return verdicts.map(({ firstWrong }) => firstWrong);
}
