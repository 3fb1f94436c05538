/** How credentials are worded. */
import { birthDate } from '../../identity/birth.ts';
import type { PredicateQuery } from '../../identity/dcql.ts';

/** A bound of a hidden number, in words. */
export function boundText({ attribute, kind, value }: PredicateQuery): string {
  if (attribute === 'birth_days')
    return `born on or ${kind === 'at-most' ? 'before' : 'after'} ${birthDate(value)}`;
  return `${attribute} ${kind.replace('-', ' ')} ${value}`;
}

/** Number that bounds can be proved of, in words. */
export const numberText = (attribute: PredicateQuery['attribute']): string =>
  attribute === 'birth_days' ? 'age' : attribute;

/** Where a claim lies, in words. */
export const pathText = (path: readonly (string | number)[]) =>
  path.join(' › ').replace(/^birth_days$/, 'birth_date as a number');

/** Last part of a type's name, as people would say it. */
export function typeText(type: string): string {
  const isWeb = /^https?:\/\//.test(type);
  const parts = type.split(isWeb ? /[/?#]/ : ':').filter((part) => part !== '' && !/^\d+$/.test(part));
  return (parts.at(-1) ?? type).replaceAll('-', ' ');
}

/** Who issued a credential: by its name where it is known, by its host where it is a web address. */
export function issuerText({ issuer, issuerName }: { issuer: string; issuerName: string | null }): string {
  if (issuerName !== null) return issuerName;
  return /^https?:\/\//.test(issuer) ? new URL(issuer).host : 'somebody not in your list';
}
