import { expect, test } from 'vitest';
import { backOff, spread } from './back-off.ts';

test('waits double with every failure, up to the longest', () => {
  expect([0, 1, 2, 3, 4, 2_000].map((failures) => backOff(failures, 10, 100))).toEqual([
    10, 20, 40, 80, 100, 100,
  ]);
});

test('waits are spread by a quarter both ways', () => {
  expect([0, 0.5, 1].map((random) => spread(100, () => random))).toEqual([75, 100, 125]);
});
