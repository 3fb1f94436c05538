import { afterEach, expect, test, vi } from 'vitest';
import type { NodeSnapshot } from '../node/api.ts';
import { Reporter } from './reporter.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

function snapshot(phase: string, cause: { code: string; sentence: string } | null = null): NodeSnapshot {
  const chain = { phase, cause, best: null, beginning: null, refusals: [], blocks: [] };
  return { chain, farms: [], notices: [], failure: null } as unknown as NodeSnapshot;
}

/** The lines printed about these snapshots, one after the other. */
function printed(...snapshots: NodeSnapshot[]): unknown[] {
  const lines: unknown[] = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    lines.push(JSON.parse(String(text)));
    return true;
  });
  const reporter = new Reporter();
  for (const each of snapshots) reporter.report(each);
  return lines;
}

test('notices are printed once, but for those of earlier runs', () => {
  const errors: string[] = [];
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    errors.push(String(text));
    return true;
  });
  const reporter = new Reporter();
  const notice = (id: number, at: number, text: string) => ({
    id,
    at,
    text,
    level: 'info',
    category: 'farm',
  });
  const notices = [notice(2, Date.now(), 'Now.'), notice(1, performance.timeOrigin - 1, 'Earlier.')];
  const now = { ...snapshot('syncing'), notices } as NodeSnapshot;
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  reporter.report(now);
  reporter.report(now);
  expect(errors).toEqual([expect.stringMatching(/Z Now\.\n$/)]);
});

test('a phase is printed once, and again when it or its cause is another', () => {
  const offline = { code: 'offline', sentence: 'No node can be reached.' };
  const lines = printed(
    snapshot('connecting'),
    snapshot('offline', offline),
    snapshot('offline', { ...offline, sentence: 'No node can be used now.' }),
    snapshot('offline', offline),
    snapshot('offline', { code: 'clock', sentence: 'The clock is wrong.' }),
    snapshot('syncing'),
  );
  expect(lines).toEqual([
    { event: 'phase', chain: 'connecting', farm: 'off' },
    { event: 'phase', chain: 'offline', farm: 'off', cause: 'No node can be reached.' },
    { event: 'phase', chain: 'offline', farm: 'off', cause: 'The clock is wrong.' },
    { event: 'phase', chain: 'syncing', farm: 'off' },
  ]);
});
