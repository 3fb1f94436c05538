/** Words and numbers as the person's own locale writes them. */
import type { Token } from '../protocol/notation.ts';
import { duration } from '../async/duration.ts';
import { exactTokens } from '../wallet/amounts.ts';

export { duration };

const integers = new Intl.NumberFormat();
const short = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 });

export function count(value: number | bigint): string {
  return integers.format(value);
}

/** A number of things, e.g. “1 vote”, “2 votes”. */
export function counted(value: number | bigint, thing: string): string {
  return `${count(value)} ${thing}${Number(value) === 1 ? '' : 's'}`;
}

/** How fast headers are verified. */
export function headerRate(perSecond: number): string {
  return perSecond < 0.5
    ? 'less than a header a second'
    : `${counted(Math.round(perSecond), 'header')} a second`;
}

/** Sizes in binary units, as file managers show them. */
export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let unit = 0;
  let rest = value;
  while (rest >= 1024 && unit < units.length - 1) {
    rest /= 1024;
    unit += 1;
  }
  return `${short.format(rest)} ${units[unit]}`;
}

/** Time left until something is done, as far as an estimate can say. */
export function timeLeft(seconds: number): string {
  return seconds < 5 ? 'a few seconds left' : `about ${duration(seconds * 1000)} left`;
}

/** How long ago a moment was, e.g. “12 s ago”. */
export function ago(at: number, now: number): string {
  const seconds = Math.round(Math.max(0, now - at) / 1000);
  if (seconds < 2) return 'now';
  if (seconds < 60) return `${seconds} s ago`;
  return seconds < 3600 ? `${Math.floor(seconds / 60)} min ago` : `${duration(seconds * 1000)} ago`;
}

/** Marks that turn the order of letters round, or end that, or break a line. */
const REORDERING = /[\p{Cc}\u2028\u2029\u202A-\u202E\u2066-\u2069]/gu;

/** A name that somebody else gave, without what would make it read otherwise than it is: “photo\u202Egpj.exe”. */
export function plainName(name: string): string {
  return name.replace(REORDERING, '');
}

/** First and last characters of a hash or key; the whole stands in the element's title. */
export function brief(hex: string, edge = 6): string {
  return hex.length <= 2 * edge + 1 ? hex : `${hex.slice(0, edge)}…${hex.slice(-edge)}`;
}

/** Decimal places that are shown of a balance. */
const SHOWN_DECIMALS = 4;

/** A balance in the token's smallest unit as tokens, cut off after four decimals. */
export function tokens(value: string, token: Token): string {
  const [whole = '', decimals = ''] = exactTokens(BigInt(value), token).split('.');
  const fraction = decimals.slice(0, SHOWN_DECIMALS).replace(/0+$/, '');
  if (whole === '0' && fraction === '' && decimals !== '') return `<0.0001 ${token.symbol}`;
  return `${integers.format(BigInt(whole))}${fraction ? `.${fraction}` : ''} ${token.symbol}`;
}

/** Every digit of an amount in the smallest unit. */
export function exact(amount: string, token: Token): string {
  const [whole = '0', decimals] = exactTokens(BigInt(amount), token).split('.');
  return `${count(BigInt(whole))}${decimals === undefined ? '' : `.${decimals}`} ${token.symbol}`;
}
