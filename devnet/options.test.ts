import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readOptions, type StartOptions } from './options.ts';

const read = (...args: string[]): StartOptions | 'help' => readOptions(args, () => undefined);

test('options that cannot be meant are refused with the option’s name', () => {
  expect(() => read('--port', '65536')).toThrow('--port takes a number up to 65535');
  expect(() => read('--nats-port', '99999', '--cluster')).toThrow('--nats-port takes a number up to 65535');
  expect(() => read('--era', '-1')).toThrow(/--era/);
  expect(() => read('--own-sectors', 'two')).toThrow('--own-sectors takes a number');
  expect(() => read('--timekeeper', 'ws://10.0.0.1:9955')).toThrow('--timekeeper takes own, helper');
  expect(() => read('--forest')).toThrow('--forest');
  expect(() => read('now')).toThrow('now');
});

test('reading the options deletes nothing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'allotment-options-'));
  try {
    await writeFile(join(folder, 'letter.txt'), 'dear');
    expect(read('--data', folder, '--reset')).toMatchObject({ node: { dataDir: folder, reset: true } });
    expect(await readdir(folder)).toEqual(['letter.txt']);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('farmers are told more time than the slots nominally leave where time waits for the network’s own farmer', () => {
  expect(read('--slot-duration', '1000')).toMatchObject({ node: { farmingTimeoutMs: 16_000 } });
  expect(read('--own-sectors', '0')).not.toHaveProperty('node.farmingTimeoutMs');
});
