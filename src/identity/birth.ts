/** Days of birth as the numbers that credentials commit to, and the bounds of them that an age is. */
import { Refusal } from '../wallet/errors.ts';
import type { PredicateQuery } from './dcql.ts';
import { ATTRIBUTE_BITS } from './attributes.ts';

const DAY_MS = 86_400_000;
/** Shift that makes days since 1970 positive for everybody alive. */
const SHIFT_DAYS = 36_525;
const MAX_AGE = 150;

/** Number of a date such as `1990-05-01`. Throws Refusal `birth-date`. */
export function birthDays(date: string): number {
  const at = /^\d{4}-\d{2}-\d{2}$/.test(date) ? Date.parse(`${date}T00:00:00Z`) : NaN;
  const days = at / DAY_MS + SHIFT_DAYS;
  const real = Number.isFinite(at) && new Date(at).toISOString().startsWith(date);
  if (!real || days < 0 || days >= 2 ** ATTRIBUTE_BITS.birth_days)
    throw new Refusal('birth-date', date.slice(0, 40), 'A date of birth is written like 1990-05-01.');
  return days;
}

/** The date of a number, such as `1990-05-01`. */
export function birthDate(days: number): string {
  return new Date((days - SHIFT_DAYS) * DAY_MS).toISOString().slice(0, 10);
}

/** Midnight (UTC) of the day `years` before; of 29 February the day before where there is none. */
function yearsBefore(now: number, years: number): number {
  const today = new Date(now);
  const [year, month, day] = [today.getUTCFullYear() - years, today.getUTCMonth(), today.getUTCDate()];
  const last = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  return Date.UTC(year, month, Math.min(day, last));
}

/**
 * The bound that “at least” or “at most so many years old today” is.
 *
 * @param now Milliseconds since the epoch; the day is that of UTC.
 * @throws Refusal `age`
 */
export function ageBound(kind: PredicateQuery['kind'], years: number, now: number): PredicateQuery {
  if (!Number.isInteger(years) || years < 0 || years > MAX_AGE)
    throw new Refusal('age', `${years}`, `An age is a whole number of years, at most ${MAX_AGE}.`);
  const born = (at: number) => at / DAY_MS + SHIFT_DAYS;
  return kind === 'at-least'
    ? { attribute: 'birth_days', kind: 'at-most', value: born(yearsBefore(now, years)) }
    : { attribute: 'birth_days', kind: 'at-least', value: born(yearsBefore(now, years + 1)) + 1 };
}
