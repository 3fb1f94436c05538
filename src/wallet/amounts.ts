/** Amounts of tokens, as people write and read them. */
import { Refusal } from './errors.ts';

/** Decimal places of the token. */
const TOKEN_DECIMALS = 18;
const ONE = 10n ** BigInt(TOKEN_DECIMALS);

/** Every digit of an amount (smallest unit) in whole tokens, e.g. `1.05`. */
export function exactTokens(amount: bigint): string {
  const size = amount < 0n ? -amount : amount;
  const fraction = (size % ONE).toString().padStart(TOKEN_DECIMALS, '0').replace(/0+$/, '');
  return `${amount < 0n ? '-' : ''}${size / ONE}${fraction === '' ? '' : `.${fraction}`}`;
}

/**
 * Smallest units of an amount that a person typed in tokens, with a point or a comma before the decimals. Throws
 * Refusal `amount` for what is no amount, nothing, or finer than the token is.
 */
export function parseTokens(text: string): bigint {
  const match = /^(\d{1,20})(?:[.,](\d{1,40}))?$/.exec(text.trim());
  if (match === null)
    throw new Refusal('amount', text.slice(0, 40), 'Write the amount in digits, for example 1.5.');
  const [, whole = '0', decimals = ''] = match;
  if (decimals.length > TOKEN_DECIMALS && !/^0*$/.test(decimals.slice(TOKEN_DECIMALS)))
    throw new Refusal('amount', text.slice(0, 40), `A token has ${TOKEN_DECIMALS} decimal places at most.`);
  const amount = BigInt(whole) * ONE + BigInt(decimals.slice(0, TOKEN_DECIMALS).padEnd(TOKEN_DECIMALS, '0'));
  if (amount === 0n) throw new Refusal('amount', 'zero', 'Choose an amount above zero.');
  return amount;
}
