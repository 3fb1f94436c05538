import { expect, test, vi } from 'vitest';
import { createNodePool } from './node.ts';

test('many jobs that wait for one signal are not taken for a leak', async () => {
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  await createNodePool(1).close();
  const { signal } = new AbortController();
  for (let job = 0; job < 64; job += 1) signal.addEventListener('abort', () => undefined);
  await new Promise(setImmediate);
  expect(warned).not.toHaveBeenCalled();
  warned.mockRestore();
});
