import { expect, test } from 'vitest';
import { NoProof } from '../chain/no-proof.ts';
import type { AccountBalance } from '../node/api.ts';
import { patientBalance } from './balance.ts';

const { signal } = new AbortController();
const nobody = () => Promise.reject(new NoProof(undefined));

test('a node that is not ready to be asked is asked again, for a while', async () => {
  let tries = 0;
  const found = { free: '5' } as AccountBalance;
  const read = (): Promise<AccountBalance> => ((tries += 1) < 3 ? nobody() : Promise.resolve(found));
  expect(await patientBalance(read, signal, 10_000, 1)).toBe(found);
  expect(tries).toBe(3);
  await expect(patientBalance(nobody, signal, 5, 1)).rejects.toThrow(NoProof);
});

test('a lie is not asked for again, and a signal ends the wait', async () => {
  let tries = 0;
  const lie = (): Promise<AccountBalance> => {
    tries += 1;
    return Promise.reject(new Error('a proof that does not hold'));
  };
  await expect(patientBalance(lie, signal)).rejects.toThrow('does not hold');
  expect(tries).toBe(1);
  const ending = new AbortController();
  const waiting = patientBalance(nobody, ending.signal, 60_000, 30_000);
  setTimeout(() => ending.abort(new Error('told to end')), 20);
  await expect(waiting).rejects.toThrow('told to end');
});
