/** The runner tells of what it does not know. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

const RUNNER = join(import.meta.dirname, 'run.ts');
const VECTORS = join(import.meta.dirname, '../vectors');

let sets: string;

beforeAll(async () => {
  sets = await mkdtemp(join(tmpdir(), 'allotment-sets-'));
});

afterAll(() => rm(sets, { recursive: true }));

function replay(dir: string): Promise<{ code: number; lines: string[] }> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['--import', 'tsx', RUNNER, dir], (error, output) =>
      resolve({ code: Number(error?.code ?? 0), lines: output.split('\n') }),
    );
  });
}

it('names files, kinds of records and fields that no suite knows', async () => {
  const set = join(sets, 'unknown');
  await mkdir(set);
  const recorded = JSON.parse(await readFile(join(VECTORS, 'hashes.json'), 'utf8')) as {
    hashes: Record<string, unknown>[];
  };
  recorded.hashes[0]!['blake3_derive_key'] = '00';
  const scalars_from_hashes = [{ hash: '00' }, { hash: '01' }];
  await writeFile(join(set, 'hashes.json'), JSON.stringify({ ...recorded, scalars_from_hashes }));
  const known = await replay(set);
  expect(known.code).toBe(0);
  expect(known.lines.filter((line) => line.startsWith('unread '))).toEqual([
    'unread hashes.json: .hashes[].blake3_derive_key: 1 of 1',
    'unread hashes.json: .scalars_from_hashes[].hash: 2 of 2',
  ]);
  await writeFile(join(set, 'hashes-2.json'), '{}');
  const { code, lines } = await replay(set);
  expect(code).toBe(1);
  expect(lines).toContain('FAIL hashes-2.json [claimed]: no suite consumes this file');
});

it('replays a folder of a set alone, and says what a file without those it needs lacks', async () => {
  const folder = join(sets, 'chain');
  await mkdir(folder);
  await cp(join(VECTORS, 'chain/timings.json'), join(folder, 'timings.json'));
  expect((await replay(folder)).code).toBe(0);
  await cp(join(VECTORS, 'chain/negative-headers.json.gz'), join(folder, 'negative-headers.json.gz'));
  const { code, lines } = await replay(folder);
  expect(code).toBe(1);
  expect(lines).toContain('FAIL chain [suite]: this set lacks chain.json.gz, which its other files continue');
});
