/** What agents may do, in words. */
import * as v from 'valibot';
import { parseJson } from '../../wallet/json.ts';
import { exact } from '../format.ts';
import type { Token } from '../../protocol/notation.ts';

/** Resource whose amounts are tokens, counted in their smallest unit. */
const PAY = 'auto:pay';

/** What agents are mostly allowed; anything else is written by its own names. */
export const POWERS = [
  { id: 'pay', text: 'Spend tokens', res: PAY, act: ['spend'] },
  { id: 'sign', text: 'Sign files', res: 'auto:sign:content', act: ['sign'] },
  { id: 'other', text: 'Something else', res: '', act: [] },
] as const;

/** Whether the limits of this resource are amounts of tokens. */
export const countsTokens = (res: string): boolean => res.trim() === PAY;

/** A permission, e.g. “Spend tokens”, or “read” and its resource. */
export function powerWords(res: string, act: readonly string[]): string {
  const known = POWERS.find((power) => power.res === res && power.act.join() === act.join());
  return known === undefined ? `${act.join(', ')} ${res}` : known.text;
}

const LIMITS: Record<string, string> = { per_tx: 'each time', total: 'in all' };

/** A limit of a permission, e.g. “in all at most 5 AI3 (2 AI3 used)”. `amount` and `used`: as they are counted. */
export function limitWords(res: string, limit: string, amount: string, token: Token, used?: string): string {
  const words = (value: string): string => (countsTokens(res) ? exact(value, token) : value);
  const spent = limit === 'total' && used !== undefined ? ` (${words(used)} used)` : '';
  return `${LIMITS[limit] ?? limit.replaceAll('_', ' ')} at most ${words(amount)}${spent}`;
}

const questionSchema = v.object({ audience: v.string(), nonce: v.string() });

/** The question that somebody makes, to be answered once. Throws Error with a sentence. */
export function parseQuestion(text: string): v.InferOutput<typeof questionSchema> {
  try {
    return v.parse(questionSchema, parseJson(text, 'question'));
  } catch {
    throw new Error('This is no question as a wallet makes it.');
  }
}
