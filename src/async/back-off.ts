/** Milliseconds to wait after so many failures in a row before this one: `first`, twice as long each time, at most `last`. */
export function backOff(failures: number, first: number, last: number): number {
  return Math.min(last, first * 2 ** failures);
}

/** A wait a quarter shorter to a quarter longer, so that those who lost the same at once do not come back at once. */
export function spread(ms: number, random: () => number = Math.random): number {
  return ms * (0.75 + random() / 2);
}
