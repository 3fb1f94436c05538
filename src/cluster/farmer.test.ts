/** What a farm tells its cluster of the sectors that it plots. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { clusterMessages as messages, type SectorEvent } from '../protocol/cluster/messages.ts';
import type { SectorPlottingDetails } from '../protocol/cluster/values.ts';
import type { PieceIndex } from '../protocol/types.ts';
import type { Farm } from '../farm/farm.ts';
import { bytesOfSectors } from '../farm/sectors.ts';
import { fakeIdentity, FakeHistory, fakePiece, GENESIS, RULES } from '../farm/test-support.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import { FarmerMember } from './farmer.ts';
import { FakeConnection } from './testing-connection.ts';
import { Encodings, openSeated, until } from './testing.ts';

let fake: FakeConnection;
let member: FarmerMember;
let farm: Farm | null;

beforeEach(async () => {
  fake = new FakeConnection();
  farm = null;
  fake.answer(messages.farmerAppInfo, () => ({
    ok: true,
    value: {
      genesisHash: GENESIS,
      dsnBootstrapNodes: [],
      syncing: false,
      farmingTimeout: 4_000_000_000n,
      protocolInfo: RULES,
    },
  }));
  fake.answer(messages.findPiecesInCache, () => []);
  fake.answer(messages.pieces, (indices) =>
    (indices as PieceIndex[]).map((index) => [index, fakePiece(index)]),
  );
  const pool = new Encodings().pool();
  const history = new FakeHistory();
  member = new FarmerMember({ connection: fake.connection, pool, history, plotWith: 'self' });
  await member.start();
});
afterEach(async () => {
  member.stop();
  await farm?.stop();
});

/** What was told of a sector, and whether it was to outlast the server's being away. */
function told(sector: number): { details: SectorPlottingDetails; lasting: boolean }[] {
  return fake.told.flatMap(({ value, lasting }, at) => {
    if (fake.published[at] !== messages.sectorUpdate) return [];
    const { sectorIndex, update } = value as SectorEvent;
    return sectorIndex === sector && update.kind === 'plotting' ? [{ details: update.details, lasting }] : [];
  });
}

it('is every step, and lasting that it is there: nobody tells that again', async () => {
  const opened = await openSeated(member, {
    directory: new MemoryDirectory(),
    pool: new Encodings().pool(),
    identity: fakeIdentity(),
    allocatedBytes: bytesOfSectors(2, RULES.maxPiecesInSector),
  });
  farm = opened.farm;
  farm.start();
  const last = () => told(1).at(-1)?.details.kind;
  await until(() => last() === 'finished', 'two sectors');
  for (const sector of [0, 1]) {
    const steps = told(sector);
    expect(steps.map(({ details: { kind } }) => kind)).toEqual([
      'starting',
      'downloading',
      'downloaded',
      'encoding',
      'encoded',
      'writing',
      'written',
      'finished',
    ]);
    expect(steps.map(({ lasting }) => lasting)).toEqual([...Array<boolean>(7).fill(false), true]);
    expect(steps[0]!.details).toMatchObject({
      progress: 50 * sector,
      replotting: false,
      lastQueued: sector === 1,
    });
    expect(steps.at(-1)!.details).toMatchObject({
      plottedSector: { sectorIndex: sector },
      oldPlottedSector: null,
    });
  }
});
