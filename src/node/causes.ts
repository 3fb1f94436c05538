import type { ChainCause } from '../chain/snapshot.ts';
import { codeOf } from '../farm/reports.ts';
import { ObjectError } from '../objects/errors.ts';
import { sentenceOf } from '../protocol/errors.ts';

/** What is wrong, in a sentence, and what the person can do about it. */
export type Cause = ChainCause;

/** What is wrong as the screen shows it. `action`: what the person can do; null when the node recovers alone. */
export function causeOf(error: unknown, action: string | null): Cause {
  return { code: codeOf(error), sentence: sentenceOf(error), action, since: Date.now() };
}

/** The sentence of a failure and, on a line of its own, where exactly it happened, as far as that is known. */
export function explained(error: unknown): string {
  const where = error instanceof ObjectError ? error.where : '';
  return where === '' ? sentenceOf(error) : `${sentenceOf(error)}\n${where}`;
}
