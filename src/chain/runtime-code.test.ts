import { afterAll, describe, expect, it } from 'vitest';
import { tinyRuntime } from '../../tests/support/tiny-runtime.ts';
import type { ComputePool } from '../crypto/jobs.ts';
import { createInlinePool } from '../crypto/pool/inline.ts';
import { createNodePool } from '../crypto/pool/node.ts';
import { metadataOfCode } from './runtime-code.ts';

const metadata = Uint8Array.of(1, 2, 3);
const pool = createInlinePool();
const threads = createNodePool(1);
const nothing = () => Promise.reject(new Error('nothing is to be read'));

/** Asks for so many values of the state. */
const reading = (values: number) => {
  const keys = Array.from({ length: values }, (_, index) => Uint8Array.of(index));
  return tinyRuntime(metadata, { calls: { name: 'ext_storage_get_version_1', arguments: keys } });
};

/** The pool, whose jobs may run for so long instead of as long as they are given. */
const hurried = (limitMs: number): ComputePool => ({
  run: (job, input, options) => threads.run(job, input, { ...options, limitMs }),
  resize: (workers) => threads.resize(workers),
  status: () => threads.status(),
  close: () => threads.close(),
});

afterAll(() => threads.close());

describe('the metadata of a runtime’s code', () => {
  it('may rest on values of the state, each read once, 64 at most', async () => {
    const asked: Uint8Array[] = [];
    const readState = async (keys: Uint8Array[]) => {
      asked.push(...keys);
      return [keys[0]![0]! % 2 === 0 ? Uint8Array.of(1, 2) : null];
    };
    expect(await metadataOfCode(pool, reading(64), readState)).toEqual(metadata);
    expect(asked.map(([first]) => first)).toEqual(Array.from({ length: 64 }, (_, index) => index));
    await expect(metadataOfCode(pool, reading(65), async () => [null])).rejects.toThrow(
      'too much of the state',
    );
    const lost = metadataOfCode(pool, reading(1), () => Promise.reject(new Error('the state is gone')));
    await expect(lost).rejects.toThrow('the state is gone');
  });

  it('is refused where the code runs for ever, and the worker does other work again', async () => {
    const endless = tinyRuntime(metadata, { ends: 'never' });
    await expect(metadataOfCode(hurried(300), endless, nothing)).rejects.toMatchObject({
      code: 'bad-runtime',
      rule: 'runtime-code',
    });
    expect(await metadataOfCode(threads, tinyRuntime(metadata), nothing)).toEqual(metadata);
  });

  it('is not waited for by whoever gives it up, nor refused for that', async () => {
    const giver = new AbortController();
    const run = metadataOfCode(threads, tinyRuntime(metadata, { ends: 'never' }), nothing, giver.signal);
    giver.abort(new Error('not wanted'));
    await expect(run).rejects.toThrow('not wanted');
    expect(await metadataOfCode(threads, tinyRuntime(metadata), nothing)).toEqual(metadata);
  });
});
