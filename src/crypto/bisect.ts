/**
 * Finds what fails in a batch that is cheap to check as a whole: halves the batch until the culprits stand
 * alone. Yields lists of indices, to be told whether every item of one holds.
 *
 * @returns Those of the indices whose items fail, in their order.
 */
export function* culprits(indices: readonly number[]): Generator<readonly number[], number[], boolean> {
  if (indices.length === 0 || (yield indices)) return [];
  if (indices.length === 1) return [...indices];
  const half = indices.length >> 1;
  return [...(yield* culprits(indices.slice(0, half))), ...(yield* culprits(indices.slice(half)))];
}

/**
 * Indices of the items that fail, ascending.
 *
 * @param candidate Whether an item can hold at all; one that cannot would spoil the batch it is in.
 * @param allHold Whether every item of a non-empty list holds.
 */
export function bisect<T>(
  items: readonly T[],
  candidate: (item: T) => boolean,
  allHold: (items: readonly T[]) => boolean,
): number[] {
  const bad: number[] = [];
  const good: number[] = [];
  items.forEach((item, index) => (candidate(item) ? good : bad).push(index));
  const search = culprits(good);
  let step = search.next();
  while (!step.done) step = search.next(allHold(step.value.map((index) => items[index] as T)));
  return [...bad, ...step.value].sort((a, b) => a - b);
}
