import { expect, it } from 'vitest';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import { SectorTable } from './sectors.ts';
import { FakeHistory, named } from './test-support.ts';

it('a sector is not given up while an audit may still have to read it', async () => {
  const table = await SectorTable.load({
    directory: new MemoryDirectory(),
    publicKey: named('farmer', 32),
    piecesInSector: 1,
    minSectorLifetime: 4n,
    history: new FakeHistory(),
    count: 2,
  });
  let over: () => void = () => undefined;
  table.usedBy(new Promise<void>((done) => (over = done)));
  let smaller = false;
  const resized = table.resize(1).then(() => (smaller = true));
  await new Promise((done) => setTimeout(done, 10));
  expect(smaller).toBe(false);
  over();
  await resized;
  expect(table.length).toBe(1);
});
