import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

const CID = `bafkr6i${'a'.repeat(52)}`;

let data: string;
beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'allotment-cli-'));
});
afterAll(() => rm(data, { recursive: true, force: true }));

function allotment(...args: string[]): Promise<Outcome> {
  const script = new URL('./main.ts', import.meta.url).pathname;
  return new Promise((done) => {
    execFile(
      process.execPath,
      ['--import', 'tsx', script, ...args],
      { timeout: 60_000 },
      (error, stdout, stderr) =>
        done({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr }),
    );
  });
}

describe('allotment', () => {
  test('says how it is used', async () => {
    const { code, stdout } = await allotment('--help');
    expect(code).toBe(0);
    expect(stdout).toContain('Usage:');
  });

  test.each([
    [['plant'], 'there is no command “plant”'],
    [['sync', '--until', 'spring'], '--until takes'],
    [['sync', '--nonsense'], 'nonsense'],
    [['balance'], 'balance takes an address'],
    [['get', CID, '--range', '5-1'], '--range takes bytes'],
    [['get', CID, '--range', '0-9', '--unpack'], '--range is of a file'],
    [['get', CID, '--peer', 'example.org'], '--peer takes an address'],
    [['get', CID, '--indexer', 'example.org'], 'begins with http:// or https://'],
    [['cluster', 'gardener'], 'there is no role “gardener”'],
    [['cluster', 'cache'], '--nats URL is needed'],
    [['cluster', 'farmer', '--nats', 'http://h'], 'looks like nats://'],
    [['cluster', 'controller', '--endpoint', 'here'], '“here” is no address of a node'],
    [['cluster', 'cache', '--cache-group', 'a.b'], '--cache-group takes a name of letters and digits'],
    [['cluster', 'controller', '--cache-group', '_'], '--cache-group takes a name of letters and digits'],
    [['cluster', 'cache', '--pieces', '0'], '--pieces takes a number from 1 on'],
    [['cluster', 'plotter', '--memory', '63'], '--memory takes 64 MiB or more'],
    [['cluster', 'plotter', '--helper', 'here'], '--helper takes the helper’s port'],
    [['cluster', 'farmer', '--reward', 'alice'], '“alice” is no address of an account'],
    [['cluster', 'farmer', '--plot-with', 'luck'], '--plot-with takes cluster, self or both'],
    [['cluster', 'farmer', '--cores', 'two'], '--cores takes a number from 1 on'],
    [['import-farm'], 'import-farm takes a folder'],
    [['remove-farm'], 'remove-farm takes the id of a farm'],
    [['farm', '--hours', '22'], '--hours takes two hours of the day'],
    [['farm', '--helper', 'here'], '--helper takes the helper’s port'],
  ])('refuses %j as wrong usage', async (args, sentence) => {
    const { code, stdout, stderr } = await allotment(...args, '--data', data);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain(sentence);
  });

  test.each([
    [['constructor'], 'there is no command “constructor”; see “npm run allotment -- --help”.\n'],
    [
      ['agent', 'show', 'a', '--tool', 'b'],
      'agent show takes no --tool; see “npm run allotment -- agent --help”.\n',
    ],
    [
      ['cluster', 'cache', '--sectors', '2'],
      'cluster cache takes no --sectors; see “npm run allotment -- cluster --help”.\n',
    ],
  ])('says of %j in one line what is wrong, and where its own commands are explained', async (args, line) => {
    expect((await allotment(...args)).stderr).toBe(line);
  });

  test('get does not wait for the chain where the file to write exists already', async () => {
    const { filename } = import.meta;
    const { code, stderr } = await allotment('get', CID, '-o', filename, '--data', data);
    expect(code).toBe(1);
    expect(stderr).toBe(`${filename} exists already; -o names another.\n`);
  });

  test('states what is stored as one JSON object', async () => {
    const { code, stdout } = await allotment('status', '--data', data);
    expect(code).toBe(0);
    const lines = stdout.trim().split('\n');
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0]!)).toMatchObject({ event: 'status', setup: null, chain: null });
  });

  test('fails with a sentence where there is no key to export', async () => {
    const { code, stderr } = await allotment('export-identity', join(data, 'identity.bin'), '--data', data);
    expect(code).toBe(1);
    expect(stderr).toContain('There is no farmer’s key');
  });

  test('writes no key over a file', async () => {
    const file = join(data, 'letter.txt');
    await writeFile(file, 'dear');
    const { code, stderr } = await allotment('export-identity', file, '--data', data);
    expect(code).toBe(1);
    expect(stderr).toBe(`${file} exists already; name another file.\n`);
    expect(await readFile(file, 'utf8')).toBe('dear');
  });

  test.each([
    [['check-farm'], 'There is no farm yet.\n'],
    [['export-farm', '/tmp', '--farm', 'none'], 'There is no such farm.\n'],
    [['import-farm', '/no/such/folder'], '/no/such/folder'],
    [['import-farm', '/'], 'There is no farm of the native farmer in /.\n'],
  ])('says what %j lacks before it waits for any node', async (args, sentence) => {
    const { code, stderr } = await allotment(...args, '--data', data);
    expect([code, stderr]).toEqual([1, expect.stringContaining(sentence)]);
    expect(stderr).not.toContain('Starting');
  });

  test('a farm on a node that is not there ends with a sentence', async () => {
    const { code, stderr } = await allotment('farm', '--endpoint', 'ws://127.0.0.1:9', '--data', data);
    expect(code).toBe(1);
    expect(stderr).toContain('No node answers at ws://127.0.0.1:9');
  });
});
