import { expect, test, vi } from 'vitest';
import { GpuError } from '../crypto/gpu/device.ts';
import { JobPriority, type ComputePool } from '../crypto/jobs.ts';
import type { TableMaker } from '../crypto/table-maker.ts';
import { plottingPool } from '../farm/test-support.ts';
import { PIECE_BYTES } from '../protocol/constants.ts';
import { createTablePool } from './tables.ts';

/** Tables at no time at all, beside workers that take a while. */
function scene() {
  const workers = plottingPool();
  const encode = workers.handlers['record.encode']!;
  workers.handlers['record.encode'] = async (input, options) => {
    if (input.masks === undefined) await new Promise((done) => setTimeout(done, 30));
    return encode(input, options);
  };
  let lost = false;
  const maker: TableMaker = {
    adapter: 'a card',
    masks: async () => {
      if (lost) throw new GpuError('the device was lost');
      return { masks: new Uint8Array(), samples: [] };
    },
    distrust: () => undefined,
    close: () => undefined,
  };
  const journal = { log: vi.fn<(level: string, line: string) => void>(), notify: vi.fn<() => void>() };
  const platform = { createPool: async () => workers as ComputePool, openTables: async () => maker };
  return { journal, platform, lose: () => (lost = true) };
}

const input = { evaluationSeed: new Uint8Array(32), piece: new Uint8Array(PIECE_BYTES) };
const options = { priority: JobPriority.plot };

test('what was measured is logged, and a person is told that the processor is gone, once', async () => {
  const { journal, platform, lose } = scene();
  const changed = vi.fn<() => void>();
  const pool = await createTablePool(platform, 2, journal, changed);
  await pool.run('record.encode', input, options);
  expect(pool.view().state).toBe('used');
  expect(changed).toHaveBeenCalled();
  expect(journal.log).toHaveBeenCalledWith('info', expect.stringMatching(/a card.*makes a table in/));
  expect(journal.notify).not.toHaveBeenCalled();
  lose();
  await pool.run('record.encode', input, options);
  await pool.run('record.encode', input, options);
  expect(pool.view()).toMatchObject({ state: 'failed', reason: 'the device was lost' });
  expect(journal.notify).toHaveBeenCalledTimes(1);
});

test('a place without one has workers only', async () => {
  const { journal, platform } = scene();
  const pool = await createTablePool({ createPool: platform.createPool }, 2, journal, () => undefined);
  await pool.run('record.encode', input, options);
  expect(pool.view().state).toBe('untried');
  expect(journal.log).not.toHaveBeenCalled();
});
