/**
 * Finds what fails in a batch that is cheap to check as a whole: halves the batch until the culprits stand
 * alone.
 *
 * @param candidate Whether an item can hold at all; one that cannot would spoil the batch it is in.
 * @param allHold Whether every item of a non-empty list holds.
 * @returns Indices of the items that fail, ascending.
 */
export function bisect<T>(
  items: readonly T[],
  candidate: (item: T) => boolean,
  allHold: (items: readonly T[]) => boolean,
): number[] {
  const bad: number[] = [];
  const good: number[] = [];
  items.forEach((item, index) => (candidate(item) ? good : bad).push(index));
  const search = (indices: number[]): void => {
    if (indices.length === 0 || allHold(indices.map((index) => items[index] as T))) return;
    if (indices.length === 1) {
      bad.push(...indices);
      return;
    }
    const half = indices.length >> 1;
    search(indices.slice(0, half));
    search(indices.slice(half));
  };
  search(good);
  return bad.sort((a, b) => a - b);
}
