import { expect, test } from 'vitest';
import { FakeNode, fakeSolution, GENESIS } from '../farm/test-support.ts';
import type { FarmerRpc } from '../network/farmer-rpc.ts';
import type { SlotInfo } from '../protocol/types.ts';
import { AuthoringNodes } from './authoring.ts';

class Source {
  readonly node = new FakeNode();
  readonly farmer = this.node as unknown as FarmerRpc;

  constructor(readonly name: string) {}
}

const slot = (slotNumber: bigint) => ({ slotNumber }) as SlotInfo;
const settled = () => new Promise((done) => setTimeout(done));

function between(...names: string[]) {
  const sources = names.map((name) => new Source(name));
  const state = { usable: sources, took: [] as string[], at: 0 };
  const nodes = new AuthoringNodes({
    sources,
    usable: () => state.usable,
    genesisHash: () => GENESIS,
    tookOver: ({ name }) => void state.took.push(name),
    now: () => state.at,
  });
  const heard: bigint[] = [];
  const stop = nodes.onSlot(({ slotNumber }) => heard.push(slotNumber));
  return { nodes, sources, state, heard, stop };
}

test('one node is heard and given solutions, until it is gone', async () => {
  const { nodes, sources, state, heard, stop } = between('one', 'two');
  const [one, two] = sources as [Source, Source];
  await nodes.appInfo();
  for (const { node } of sources) node.announce(slot(1n));
  expect([heard, nodes.name]).toEqual([[1n], 'one']);
  await nodes.submitSolution(1n, fakeSolution(new Uint8Array(32)));
  state.usable = [two];
  nodes.look();
  await settled();
  for (const { node } of sources) node.announce(slot(2n));
  await nodes.submitSolution(2n, fakeSolution(new Uint8Array(32)));
  expect(heard).toEqual([1n, 2n]);
  expect([one.node.solutions.length, two.node.solutions.length]).toEqual([1, 1]);
  // It stays with the one that works.
  state.usable = sources;
  nodes.look();
  await settled();
  expect([nodes.name, state.took]).toEqual(['two', ['two']]);
  stop();
  expect(one.node.listeners + two.node.listeners).toBe(0);
});

test('a node that serves no farmers, or another network, is passed over', async () => {
  const { nodes, sources, state } = between('public', 'stranger', 'own');
  const [open, stranger] = sources as [Source, Source];
  open.node.appInfo = () => Promise.reject(new Error('no farmers here'));
  stranger.node.info = { ...stranger.node.info, genesisHash: new Uint8Array(32) };
  expect((await nodes.appInfo()).genesisHash).toEqual(GENESIS);
  expect([nodes.name, state.took]).toEqual(['own', ['own']]);
});

test('alone it stays, and what it says is what is told; others are not asked all the time', async () => {
  const { nodes, sources, state } = between('one', 'two');
  const [one, two] = sources as [Source, Source];
  for (const { node } of sources) node.appInfo = () => Promise.reject(new Error('busy'));
  state.usable = [];
  await expect(nodes.appInfo()).rejects.toThrow('busy');
  let asked = 0;
  two.node.appInfo = () => Promise.reject(new Error(`asked ${(asked += 1)}`));
  state.usable = [two];
  for (let at = 0; at < 25; at += 1) {
    state.at = 1_000 * at;
    nodes.look();
    await settled();
  }
  expect([asked, nodes.name]).toEqual([3, 'one']);
  expect(one.node.solutions).toEqual([]);
});
