/** What becomes of slots that win: what is counted, what the person is told, and which slot a reward is put down to. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { BITFIELD_BYTES } from '../protocol/sector.ts';
import type { FarmNotice, SlotOutcome } from './snapshot.ts';
import { announceWinning, farmingPool, plottedFarm, stopFarms, WINNER, type World } from './test-farm.ts';
import { fakeEncoding, fakeIdentity, FakeNode, type FakePool, named, slotAt, until } from './test-support.ts';

afterEach(async () => {
  vi.useRealTimers();
  await stopFarms();
});

interface Watched extends World {
  notices: FarmNotice[];
  decided: SlotOutcome[];
  /** Asks for a signature in this farm's name. */
  askToSign(): void;
}

/** A farm whose slots win `winners`, and what it tells. */
async function winning(
  pool: FakePool = farmingPool(() => [WINNER]),
  node = new FakeNode(),
): Promise<Watched> {
  const world = await plottedFarm({ pool, node });
  const notices: FarmNotice[] = [];
  const decided: SlotOutcome[] = [];
  world.farm.onNotice((notice) => notices.push(notice));
  world.farm.onOutcome((outcome) => decided.push(outcome));
  const askToSign = (): void =>
    node.askToSign({ hash: named('signed', 32), publicKey: fakeIdentity().publicKey });
  return { ...world, notices, decided, askToSign };
}

/** A node that waits so long for proofs, milliseconds. */
function nodeThatWaits(farmingTimeoutMs: number): FakeNode {
  const node = new FakeNode();
  node.info = { ...node.info, farmingTimeoutMs };
  return node;
}

/** Proofs that take until they are too late, and `more` milliseconds. */
function lateProofs(pool: FakePool, more = 0): FakePool {
  pool.handlers['solution.prove'] = (_, { signal }) =>
    new Promise((_done, failed) => {
      signal!.addEventListener('abort', () => setTimeout(() => failed(signal!.reason as Error), more));
    });
  return pool;
}

const texts = (notices: FarmNotice[], category: FarmNotice['category']): string[] =>
  notices.filter((notice) => notice.category === category).map(({ text }) => text);

describe('proofs that come too late', () => {
  it('are counted each, and told of once in ten minutes', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const world = await winning(lateProofs(farmingPool(() => [WINNER])), nodeThatWaits(20));
    const { notices, decided, node, snapshot } = world;
    let slot = 9;
    const loseOne = async (): Promise<void> => {
      const { late } = snapshot().proofs;
      slot = await announceWinning(world, slot + 1);
      await until(() => snapshot().proofs.late > late, 'the end of a proof');
    };
    await loseOne();
    expect(snapshot().history[0]).toMatchObject({
      outcome: 'missed',
      reason: 'The proof was not ready in time.',
    });
    expect(texts(notices, 'missed')).toEqual([expect.stringMatching(/^A winning solution came too late/)]);
    await loseOne();
    vi.advanceTimersByTime(599_000);
    await loseOne();
    expect(texts(notices, 'missed')).toHaveLength(1);
    vi.advanceTimersByTime(2_000);
    await loseOne();
    expect(texts(notices, 'missed')[1]).toMatch(/^3 winning solutions came too late/);
    expect(snapshot()).toMatchObject({ slots: { missed: 4 }, proofs: { underWay: 0, made: 0, late: 4 } });
    expect(decided.map(({ outcome }) => outcome)).toEqual(Array(4).fill('missed'));
    expect(node.solutions).toHaveLength(0);
  });

  it('leave no time for what else the slot won', async () => {
    const pool = lateProofs(
      farmingPool(() => [WINNER, { ...WINNER, distance: 2n }]),
      30,
    );
    const world = await winning(pool, nodeThatWaits(20));
    await announceWinning(world);
    await until(() => world.snapshot().proofs.late === 2, 'the end of the slot');
    expect(pool.calls['solution.prove']).toBe(1);
    expect(world.snapshot().history.map(({ reason }) => reason)).toEqual([
      'There was no time left to prove: earlier proofs took too long.',
      'The proof was not ready in time.',
    ]);
  });
});

describe('a slot', () => {
  it('that wins with more chunks than an honest range gives is proven for 64 of them only', async () => {
    const many = Array.from({ length: 70 }, (_, index) => ({ ...WINNER, distance: BigInt(70 - index) }));
    let winners = many;
    const world = await winning(
      farmingPool(() => winners),
      nodeThatWaits(600_000),
    );
    const { node } = world;
    const first = await announceWinning(world);
    winners = [WINNER];
    // Slots are proven one after the other.
    const second = BigInt(await announceWinning(world, first + 1));
    await until(() => node.solutions.at(-1)?.slot === second, 'a proof of the slot after');
    expect(node.solutions.filter(({ slot }) => slot === BigInt(first))).toHaveLength(64);
  });

  it('that comes while the one before is still audited is missed, and said to be', async () => {
    const { node, snapshot, decided } = await winning(farmingPool());
    node.announce(slotAt(10));
    node.announce(slotAt(11));
    await until(() => snapshot().slots.audited === 1, 'an audit');
    expect(decided).toEqual([
      expect.objectContaining({
        slot: '11',
        outcome: 'missed',
        reason: 'The audit of the slot before took too long.',
      }),
    ]);
    expect(snapshot().slots).toMatchObject({ audited: 1, missed: 1 });
  });

  it('is remembered until two hundred others had something to tell', async () => {
    const { node, snapshot } = await winning(farmingPool());
    for (let slot = 10; slot < 250; slot += 1) node.announce(slotAt(slot));
    await until(() => snapshot().slots.audited === 1, 'an audit');
    const { history, slots } = snapshot();
    expect([history.length, history[0]?.slot, slots.missed]).toEqual([200, '249', 239]);
  });

  it('that won with a chunk stored as it is has won nothing', async () => {
    const pool = farmingPool(() => [WINNER]);
    pool.handlers['record.encode'] = (input) => ({
      ...fakeEncoding(input),
      bitfield: new Uint8Array(BITFIELD_BYTES),
    });
    const world = await winning(pool);
    const { snapshot, decided, node } = world;
    await announceWinning(world);
    await until(() => snapshot().proofs.underWay === 0, 'the end of the slot');
    expect(snapshot()).toMatchObject({ history: [], proofs: { made: 0, late: 0, rejected: 0 } });
    expect(decided).toEqual([]);
    expect(node.solutions).toHaveLength(0);
  });

  it('being proven when the farm stops is neither waited for nor called missed', async () => {
    const pool = lateProofs(farmingPool(() => [WINNER]));
    const world = await winning(pool, nodeThatWaits(600_000));
    await announceWinning(world);
    await until(() => pool.calls['solution.prove'] === 1, 'a proof under way');
    await world.farm.stop();
    expect(world.node.solutions).toHaveLength(0);
    expect(world.decided).toEqual([]);
    expect(world.snapshot()).toMatchObject({ slots: { missed: 0 }, proofs: { underWay: 0, late: 0 } });
  });
});

describe('a reward', () => {
  it('is paid to the account that was chosen last', async () => {
    const world = await winning();
    world.farm.setRewardAddress(named('another account', 32));
    await announceWinning(world);
    await until(() => world.node.solutions.length === 1, 'a solution');
    expect(world.node.solutions[0]!.solution.rewardAddress).toEqual(named('another account', 32));
  });

  it('is not put down to a solution that the node refused', async () => {
    const world = await winning();
    const { node, snapshot } = world;
    node.refuse = () => {
      throw Object.assign(new Error('no'), { code: -32_000 });
    };
    const refused = await announceWinning(world);
    await until(() => snapshot().proofs.rejected === 1, 'the refusal');
    node.refuse = () => undefined;
    const taken = await announceWinning(world, refused + 1);
    await until(() => snapshot().proofs.accepted === 1, 'a solution');
    world.askToSign();
    await until(() => snapshot().rewards.blocks === 1, 'a reward');
    expect(snapshot().history.map(({ slot, outcome }) => [Number(slot), outcome])).toEqual([
      [taken, 'won-block'],
      [refused, 'rejected'],
    ]);
    expect(world.decided.map(({ outcome }) => outcome)).toEqual(['rejected', 'won-block']);
  });

  it('is not put down to an earlier solution that the node made nothing of', async () => {
    let distance = 1n;
    const world = await winning(farmingPool(() => [{ ...WINNER, distance }]));
    const { snapshot } = world;
    const unused = await announceWinning(world);
    await until(() => snapshot().proofs.accepted === 1, 'a solution');
    distance = 1n << 55n;
    const used = await announceWinning(world, unused + 20);
    await until(() => snapshot().proofs.accepted === 2, 'another solution');
    world.askToSign();
    await until(() => snapshot().rewards.votes === 1, 'a reward');
    expect(snapshot().rewards).toEqual({ blocks: 0, votes: 1 });
    expect(snapshot().history.find(({ slot }) => slot === String(used))).toMatchObject({
      outcome: 'won-vote',
    });
  });

  it('is put down to the oldest solution that the node may still use', async () => {
    let distance = 1n;
    const world = await winning(farmingPool(() => [{ ...WINNER, distance }]));
    const { snapshot } = world;
    const first = await announceWinning(world);
    await until(() => snapshot().proofs.accepted === 1, 'a solution');
    distance = 1n << 55n;
    const second = await announceWinning(world, first + 5);
    expect(second).toBeLessThan(first + 8);
    await until(() => snapshot().proofs.accepted === 2, 'another solution');
    world.askToSign();
    await until(() => snapshot().rewards.blocks + snapshot().rewards.votes === 1, 'a reward');
    expect(snapshot().rewards).toEqual({ blocks: 1, votes: 0 });
  });

  it('that cannot be signed is said not to be, and is one once it was', async () => {
    const world = await winning();
    const { node, notices, snapshot } = world;
    await announceWinning(world);
    await until(() => snapshot().proofs.accepted === 1, 'a solution');
    const sign = node.submitRewardSignature.bind(node);
    node.submitRewardSignature = () => Promise.reject(new Error('not connected'));
    world.askToSign();
    await until(() => texts(notices, 'reward').length === 1, 'a notice');
    expect(texts(notices, 'reward')[0]).toMatch(/^A reward could not be signed: /);
    expect(snapshot().rewards).toEqual({ blocks: 0, votes: 0 });
    node.submitRewardSignature = sign;
    world.askToSign();
    await until(() => snapshot().rewards.blocks === 1, 'a reward');
  });

  it('for a solution from before a restart is signed, told of and not called a block or a vote', async () => {
    const { askToSign, node, notices, snapshot } = await winning();
    askToSign();
    await until(() => notices.length === 1, 'a notice');
    expect(node.signatures).toHaveLength(1);
    expect(texts(notices, 'reward')[0]).toMatch(/from before the farm was restarted/);
    expect(snapshot().rewards).toEqual({ blocks: 0, votes: 0 });
  });
});
