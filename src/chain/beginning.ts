/** Where a chain is begun, and what the conviction that it is the right one rests on. */
import * as v from 'valibot';
import type { ScaleReader, ScaleWriter } from '../protocol/scale.ts';
import type { TrustedBlock } from './checkpoint-text.ts';

/** How a chain of which nothing is stored is to be begun. */
export type BeginChoice =
  /** From genesis where the chain is short enough, by samples where it is not. */
  { kind: 'auto' } | { kind: 'genesis' } | { kind: 'examine' } | { kind: 'checkpoint'; block: TrustedBlock };

const beginning = v.variant('kind', [
  v.object({
    kind: v.literal('genesis'),
    /** Why samples were asked for and not used. */
    reason: v.nullable(v.string()),
  }),
  v.object({ kind: v.literal('checkpoint'), number: v.number(), hash: v.string() }),
  v.object({
    kind: v.literal('examined'),
    /** The head whose history was examined. */
    number: v.number(),
    hash: v.string(),
    /** First block that was verified in full. */
    fullFrom: v.number(),
    samples: v.number(),
    boundaries: v.number(),
    /** A forged history passes with the chance 2^-bits, against an adversary with `share` of the space. */
    bits: v.number(),
    share: v.number(),
    /** First boundary from which on solution ranges follow from the slots. */
    adjustingFrom: v.number(),
    /** Eras in which the space behind the chain fell below half of the era before. */
    drops: v.number(),
    /** Whether the proofs of time of the samples were verified whole. */
    potInFull: v.boolean(),
  }),
]);

/** How the chain that is held was begun; hashes in hex. */
export type Beginning = v.InferOutput<typeof beginning>;

/** What an examination is doing. */
export interface ExaminationView {
  /** Name of the source that is examined. */
  source: string;
  step: 'history' | 'checkpoint' | 'recent';
  done: number;
  of: number;
}

/** Writes how a chain was begun, as JSON text. */
export function writeBeginning(writer: ScaleWriter, value: Beginning): void {
  writer.text(JSON.stringify(value));
}

/** Throws DecodeError. */
export function readBeginning(reader: ScaleReader): Beginning {
  const text = reader.text(4096);
  try {
    return v.parse(beginning, JSON.parse(text));
  } catch {
    return reader.fail('not a beginning');
  }
}
