/** Claims as a person reads them: every value by its place, and which of them a showing gives away. */
import type { ClaimPath } from './sd-jwt-disclosures.ts';

/** Members that say how a credential is to be read, not what it says. */
export const ENVELOPE: ReadonlySet<string> = new Set([
  'iss',
  'vct',
  'iat',
  'nbf',
  'exp',
  'sub',
  'cnf',
  'status',
  'commitments',
]);

/** A claim with its value as text. */
export interface ClaimText {
  path: ClaimPath;
  text: string;
}

/** Whether `path` lies at or within `place`. */
function isWithin(path: ClaimPath, place: ClaimPath): boolean {
  return place.every((part, at) => path[at] === part);
}

/** Members by name: digests put hidden ones in an order of their own, another in every credential. */
function sorted(members: object): [string, unknown][] {
  return Object.entries(members).toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/**
 * Every claim that stands by itself: members of objects one by one, elements of a list where parts of it can be kept
 * back. `hideable`: the places of claims that can be kept back.
 */
export function claimTexts(
  claims: Record<string, unknown>,
  hideable: readonly ClaimPath[] = [],
): ClaimText[] {
  const texts: ClaimText[] = [];
  const read = (value: unknown, path: ClaimPath): void => {
    const isList =
      Array.isArray(value) && hideable.some((one) => one.length > path.length && isWithin(one, path));
    if (isList) value.forEach((element, index) => read(element, [...path, index]));
    else if (typeof value === 'object' && value !== null && !Array.isArray(value))
      for (const [name, inner] of sorted(value)) read(inner, [...path, name]);
    else texts.push({ path, text: typeof value === 'string' ? value : JSON.stringify(value) });
  };
  for (const [name, value] of sorted(claims)) if (!ENVELOPE.has(name)) read(value, [name]);
  return texts;
}

/** Whether a claim can be kept back, by itself or with what it lies in. */
export function isHideable(path: ClaimPath, hideable: readonly ClaimPath[]): boolean {
  return hideable.some((place) => isWithin(path, place));
}

/** Whether a claim is given away when the claims at `chosen` are shown, with all that those lie in. */
export function isGiven(
  path: ClaimPath,
  hideable: readonly ClaimPath[],
  chosen: readonly ClaimPath[],
): boolean {
  return hideable
    .filter((place) => isWithin(path, place))
    .every((place) => chosen.some((one) => isWithin(one, place)));
}
