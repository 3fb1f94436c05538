/** Amounts of tokens, as people write and read them. */
import type { Token } from '../protocol/notation.ts';
import { Refusal } from './errors.ts';

/** One token in the smallest unit. */
export function oneToken({ decimals }: Token): bigint {
  return 10n ** BigInt(decimals);
}

/** Every digit of an amount (smallest unit) in whole tokens, e.g. `1.05`. */
export function exactTokens(amount: bigint, token: Token): string {
  const one = oneToken(token);
  const size = amount < 0n ? -amount : amount;
  const fraction = (one + (size % one)).toString().slice(1).replace(/0+$/, '');
  return `${amount < 0n ? '-' : ''}${size / one}${fraction === '' ? '' : `.${fraction}`}`;
}

/** The same with the token's name, e.g. `1.05 AI3`. */
export function inTokens(amount: bigint, token: Token): string {
  return `${exactTokens(amount, token)} ${token.symbol}`;
}

/**
 * Smallest units of an amount that a person typed in tokens, with a point or a comma before the decimals. Throws
 * Refusal `amount` for what is no amount, nothing, or finer than the token is.
 */
export function parseTokens(text: string, token: Token): bigint {
  const match = /^(\d{1,20})(?:[.,](\d{1,40}))?$/.exec(text.trim());
  if (match === null)
    throw new Refusal('amount', text.slice(0, 40), 'Write the amount in digits, for example 1.5.');
  const { decimals } = token;
  const [, whole = '0', fraction = ''] = match;
  if (!/^0*$/.test(fraction.slice(decimals)))
    throw new Refusal('amount', text.slice(0, 40), `A token has ${decimals} decimal places at most.`);
  const amount = BigInt(`${whole}${fraction.slice(0, decimals).padEnd(decimals, '0')}`);
  if (amount === 0n) throw new Refusal('amount', 'zero', 'Choose an amount above zero.');
  return amount;
}
