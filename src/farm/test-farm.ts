/** A farm in memory, for tests. */
import type { AuditWinner } from '../crypto/jobs.ts';
import { CHUNK_BYTES } from '../protocol/constants.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import { Farm, type FarmOptions } from './farm.ts';
import { bytesOfSectors } from './sectors.ts';
import type { FarmSnapshot } from './snapshot.ts';
import {
  fakeIdentity,
  FakeHistory,
  FakeNode,
  FakePool,
  FakeSource,
  named,
  plottingPool,
  slotAt,
  until,
} from './test-support.ts';

/** Sectors of a test's farm. */
export const SECTORS = 2;
/** Pieces in each. */
export const PIECES = 2;

/** What a test's farm lives in. */
export interface World {
  farm: Farm;
  directory: MemoryDirectory;
  node: FakeNode;
  history: FakeHistory;
  pool: FakePool;
  snapshot(): FarmSnapshot;
  plotted(): boolean;
}

const running: Farm[] = [];

/** Stops the farms of a test; to be called after each. */
export async function stopFarms(): Promise<void> {
  for (const farm of running.splice(0)) await farm.stop();
}

/** A pool that plots, and finds the chunks that the test names in every audit. */
export function farmingPool(winners: () => AuditWinner[] = () => []): FakePool {
  return plottingPool({
    'sector.audit': () => ({ winners: winners() }),
    'solution.prove': ({ sBucket }) => ({
      chunk: named(`chunk-${sBucket}`, CHUNK_BYTES),
      chunkWitness: named('witness', 48),
      proofOfSpace: named('proof', 160),
    }),
    'solution.check': () => ({ distance: 1n }),
  });
}

/** Opens a farm; what the test does not name is as `test-support.ts` has it. */
export async function openFarm(change: Partial<FarmOptions> = {}): Promise<World> {
  const directory = (change.directory as MemoryDirectory | undefined) ?? new MemoryDirectory();
  const node = (change.node as FakeNode | undefined) ?? new FakeNode();
  const history = new FakeHistory();
  const pool = (change.pool as FakePool | undefined) ?? farmingPool();
  const farm = await Farm.open({
    directory,
    pool,
    pieces: new FakeSource(),
    history,
    node,
    identity: fakeIdentity(),
    rewardAddress: named('rewards', 32),
    allocatedBytes: bytesOfSectors(SECTORS, PIECES),
    ...change,
  });
  running.push(farm);
  const snapshot = (): FarmSnapshot => farm.snapshot();
  const plotted = (): boolean => snapshot().sectors.every(({ state }) => state === 'plotted');
  return { farm, directory, node, history, pool, snapshot, plotted };
}

/** A farm at work whose sectors are plotted. */
export async function plottedFarm(change: Partial<FarmOptions> = {}): Promise<World> {
  const world = await openFarm(change);
  world.farm.start();
  await until(world.plotted, 'plotting');
  return world;
}

/** A chunk that wins a block. */
export const WINNER: AuditWinner = { sBucket: 0, chunk: 0, distance: 1n };

/**
 * Announces slots from `first` on until one finds chunks in its s-bucket, all of which are said to win; returns its
 * number.
 */
export async function announceWinning({ node, pool, snapshot }: World, first = 10): Promise<number> {
  const before = pool.calls['sector.audit'];
  for (let slot = first; ; slot += 1) {
    const { audited } = snapshot().slots;
    node.announce(slotAt(slot));
    await until(() => snapshot().slots.audited > audited, 'an audit');
    if (pool.calls['sector.audit'] !== before) return slot;
  }
}
