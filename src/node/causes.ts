import { codeOf } from '../farm/reports.ts';
import { sentenceOf } from '../protocol/errors.ts';
import type { Cause } from './api.ts';

/** What is wrong as the screen shows it. `action`: what the person can do; null when the node recovers alone. */
export function causeOf(error: unknown, action: string | null): Cause {
  return { code: codeOf(error), sentence: sentenceOf(error), action, since: Date.now() };
}
