/** What is made of several runs, anywhere. */

/** Runs of every benchmark that says nothing else, after one to warm up. */
export const RUNS = 5;

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}
