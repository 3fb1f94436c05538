/** A tab that plots for a cluster with the person's native helper: real NATS server and wire, encodings that cost nothing. */
import { connect } from '@nats-io/transport-node';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CODE, honest, ScriptedHelper } from '../../tests/support/scripted-helper.ts';
import type { ClusterConnection } from '../cluster/connection.ts';
import { Controller } from '../cluster/controller.ts';
import { Encodings, TestCluster, TestNode, until } from '../cluster/testing.ts';
import { describeWithNats } from '../cluster/testing-nats.ts';
import { encodeSector } from '../farm/plotter.ts';
import { planSector } from '../farm/plan.ts';
import { fakeEncoding, FakeHistory, named, plotContext, plottingPool, RULES } from '../farm/test-support.ts';
import { openNodeSocket } from '../network/socket-node.ts';
import { concat, equal } from '../protocol/bytes.ts';
import { clusterMessages } from '../protocol/cluster/messages.ts';
import { PIECE_BYTES } from '../protocol/constants.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import { Cluster } from './cluster.ts';
import type { Desk } from './desk.ts';
import { PairedHelper } from './helper.ts';
import type { Journal } from './journal.ts';
import type { NodePlatform } from './platform.ts';

const PIECES = 6;
const order = {
  publicKey: named('farmer', 32),
  sectorIndex: 0,
  protocolInfo: { ...RULES, maxPiecesInSector: PIECES },
  piecesInSector: PIECES,
};

/** The sector as a pool without any helper makes it. */
async function expected(): Promise<Uint8Array> {
  const plan = planSector(order.publicKey, 0, 3n, PIECES, order.protocolInfo);
  const context = plotContext({ pool: new Encodings().pool(), concurrency: 1 });
  const all: Uint8Array[] = [];
  await encodeSector(plan, context, async ({ parts }) => {
    for await (const part of parts) all.push(part.slice());
  });
  return concat(...all);
}

/** Answers an order as the real helper does, with an encoding that costs nothing. */
function encoded(message: Uint8Array, spoil: (chunks: Uint8Array) => void = () => undefined): Uint8Array {
  const piece = new Uint8Array(PIECE_BYTES);
  piece.set(message.subarray(37));
  const { bitfield, chunks } = fakeEncoding({ evaluationSeed: message.slice(5, 37), piece });
  spoil(chunks);
  return concat(Uint8Array.of(1), message.subarray(1, 5), new Uint8Array(4), bitfield, chunks);
}

describeWithNats('a tab that plots for a cluster with a helper', () => {
  let server: TestCluster;
  let controller: Controller;
  let farmer: ClusterConnection;
  let program: ScriptedHelper;
  let paired: PairedHelper;
  let cluster: Cluster;
  let said: string[];
  let own: number;
  let by: Set<string>;
  let plot: (message: Uint8Array, say: (answer: Uint8Array) => void) => void;

  beforeEach(async () => {
    server = await TestCluster.start();
    controller = new Controller({
      connection: await server.connect(),
      node: new TestNode(),
      valid: async () => true,
    });
    await controller.start();
    farmer = await server.connect();
    plot = (message, say) => say(encoded(message));
    program = await ScriptedHelper.start(honest, { plot: (message, say) => plot(message, say) });
    said = [];
    own = 0;
    by = new Set();
    const settings = new Map<string, unknown>();
    const store = {
      setting: async (name: string) => settings.get(name) ?? null,
      putSetting: async (name: string, value: unknown) => void settings.set(name, value),
    };
    const directory = new MemoryDirectory();
    const platform = {
      store,
      openWorkDirectory: async () => directory,
      connectNats: async () => connect,
    } as unknown as NodePlatform;
    const journal = {
      notify: (_level: string, _category: string, text: string) => said.push(text),
      log: (_level: string, text: string) => said.push(text),
    } as unknown as Journal;
    paired = new PairedHelper(platform.store, openNodeSocket, journal, () => undefined);
    const look = (): void => {
      const plotting = cluster.view()?.plotting;
      if (plotting != null) by.add(plotting.by);
    };
    cluster = new Cluster(
      platform,
      journal,
      look,
      async () => ({}) as Desk,
      async () => undefined,
    );
    const pool = new Encodings().pool(undefined, async () => void (own += 1));
    await cluster.serve({ pool, history: new FakeHistory(), helper: paired.plotting });
    await cluster.join({
      server: server.server.url,
      credentials: { kind: 'none' },
      plotter: true,
      farmer: false,
    });
  });

  afterEach(async () => {
    await cluster.stop();
    paired.stop();
    await program.stop();
    await controller.stop();
    await server.stop();
  });

  async function pair(): Promise<void> {
    await paired.pair(program.port, CODE);
    const own = plottingPool();
    await until(() => paired.plotting.assist(own).status().helper === true, 'the helper’s plotter');
  }

  async function sector(): Promise<Uint8Array> {
    const instance = await farmer.request(clusterMessages.freePlotter, null, { timeoutMs: 30_000 });
    const parts: Uint8Array[] = [];
    for await (const item of farmer.stream(clusterMessages.plotSector, order, { instance: instance! })) {
      if (item.kind === 'error') throw new Error(item.error);
      if (item.kind === 'sectorChunk' && item.chunk.ok) parts.push(item.chunk.value.slice());
    }
    return concat(...parts);
  }

  it('leaves encoding to it, checks a sample, and says so', async () => {
    await pair();
    expect(equal(await sector(), await expected())).toBe(true);
    expect(own).toBe(2);
    expect([...by]).toEqual(['helper']);
  });

  it('goes on by itself in the middle of a sector when the helper goes', async () => {
    let asked = 0;
    plot = (message, say) => {
      asked += 1;
      if (asked <= 2) say(encoded(message));
      else void program.stop();
    };
    await pair();
    expect(equal(await sector(), await expected())).toBe(true);
    expect([...by]).toEqual(['helper', 'tab']);
    // What the helper did not do, and the two records that it did.
    expect(own).toBe(PIECES);
  });

  it('delivers nothing of a helper that encodes wrongly', async () => {
    plot = (message, say) => say(encoded(message, (chunks) => void (chunks[777]! ^= 1)));
    await pair();
    expect(equal(await sector(), await expected())).toBe(true);
    expect(said.join('\n')).toContain('encoded sector 0 wrongly');
    expect(paired.view()).toMatchObject({ phase: 'stopped', cause: { code: 'lied' } });
    expect([...by]).toEqual(['helper', 'tab']);
  });
});
