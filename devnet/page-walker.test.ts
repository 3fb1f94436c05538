import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { eventually } from '../tests/support/waiting.ts';
import { LightClient } from '../src/chain/light-client.ts';
import { createInlinePool } from '../src/crypto/pool/inline.ts';
import { loadWasm } from '../src/crypto/wasm.ts';
import { RpcSource } from '../src/network/source.ts';
import { openNodeSocket } from '../src/network/socket-node.ts';
import { encodePotProof } from '../src/protocol/pot-proof.ts';
import { toHex } from '../src/protocol/bytes.ts';
import { Timekeeping } from '../src/node/keep-time.ts';
import { PageWalker } from './page-walker.ts';
import { TestNetwork } from './testing/test-network.ts';
import { walkSlot } from './walk.ts';

const seed = new Uint8Array(16).fill(5);
const proof = (slot: bigint, of = seed, iterations = 160) => ({
  slot,
  seed: of,
  iterations,
  checkpoints: walkSlot(of, iterations),
});

function create(slotDurationMs = 30) {
  const own = vi.fn<(seed: Uint8Array, iterations: number) => Promise<Uint8Array>>(async (...input) =>
    walkSlot(...input),
  );
  const lines: string[] = [];
  const options = {
    own,
    pool: createInlinePool(),
    slotDurationMs,
    patienceMs: slotDurationMs,
    log: (line: string) => lines.push(line),
  };
  return { own, lines, walker: new PageWalker(options) };
}

beforeAll(() => loadWasm());

describe('PageWalker', () => {
  it('walks by itself while no page does', async () => {
    const { own, walker } = create();
    walker.submit(proof(1n));
    expect(await walker.walk(seed, 160)).toEqual(walkSlot(seed, 160));
    expect(own).toHaveBeenCalledTimes(1);
  });

  it('takes what a page walked, before or after it is needed', async () => {
    const { own, walker } = create(5_000);
    walker.take({ end: () => undefined });
    walker.submit(proof(1n));
    expect(await walker.walk(seed, 160)).toEqual(walkSlot(seed, 160));
    const other = seed.map((byte) => byte + 1);
    const needed = walker.walk(other, 320);
    walker.submit(proof(2n, other, 160));
    walker.submit(proof(2n, other, 320));
    expect(await needed).toEqual(walkSlot(other, 320));
    expect(own).not.toHaveBeenCalled();
  });

  it('lets one page keep time at once, and another after it left', async () => {
    const { walker, lines } = create();
    const leave = walker.take({ end: () => undefined });
    expect(walker.take({ end: () => undefined })).toBeNull();
    leave!();
    expect(walker.take({ end: () => undefined })).not.toBeNull();
    expect(lines).toEqual(['A page keeps time.', expect.stringContaining('it left'), 'A page keeps time.']);
  });

  it('walks what does not come in time, and after a few slots without the page', async () => {
    const { own, walker } = create(5);
    const ended: string[] = [];
    walker.take({ end: (reason) => ended.push(reason) });
    for (let slot = 0; slot < 10; slot += 1) await walker.walk(seed, 160);
    expect(own).toHaveBeenCalledTimes(10);
    expect(ended).toEqual(['its proofs come too late']);
  });

  it('lets a page go whose proof is wrong, and walks by itself', async () => {
    const { own, walker } = create();
    const ended: string[] = [];
    walker.take({ end: (reason) => ended.push(reason) });
    const bad = proof(7n);
    bad.checkpoints[40]! ^= 1;
    walker.submit(bad);
    expect(await walker.walk(seed, 160)).toEqual(walkSlot(seed, 160));
    expect(own).toHaveBeenCalledTimes(1);
    expect(ended).toEqual(['its proof of slot 7 is wrong']);
  });
});

describe('a tab that keeps the network’s time', () => {
  let network: TestNetwork;
  let client: LightClient;
  let source: RpcSource;
  const pool = createInlinePool();

  beforeAll(async () => {
    // Slots of this network are shorter than a busy machine's pauses.
    network = await TestNetwork.start({ pagePatienceMs: 5_000 });
    const connect = () =>
      RpcSource.connect(`ws://127.0.0.1:${network.network.port}`, { openSocket: openNodeSocket });
    source = connect();
    client = await LightClient.open({
      sources: [connect()],
      pool,
      store: null,
      network: { genesisHash: null, constants: null, potExternalEntropy: null },
      potBudget: { mode: 'full' },
    });
    client.start();
  });
  afterAll(async () => {
    await client.stop();
    source.client.close();
    await network.remove();
  });

  it('walks its slots through entropy injections, and the network takes them', async () => {
    await eventually(() => expect(client.head()).not.toBeNull());
    const keeping = new Timekeeping(client, pool, source, () => undefined);
    await eventually(() => expect(network.lines).toContain('A page keeps time.'));
    const head = await network.reach(14);
    await eventually(() => expect(client.head()!.header.number).toBeGreaterThanOrEqual(head.number));
    expect(client.snapshot().refusals).toEqual([]);
    expect(keeping.view()).toMatchObject({ phase: 'keeping', sentence: null });
    // Injections come every six blocks; the tab walked across them.
    expect(keeping.view().slots).toBeGreaterThan(20);
    expect(network.lines.filter((line) => line.includes('no more'))).toEqual([]);
    keeping.stop();
    await eventually(() => expect(network.lines.at(-1)).toContain('it left'));
    await network.reach(head.number + 1);
  }, 120_000);

  it('is told that another keeps it, and a stranger’s proof is not taken', async () => {
    const first = new Timekeeping(client, pool, source, () => undefined);
    const other = RpcSource.connect(source.name, { openSocket: openNodeSocket });
    await eventually(() => expect(network.lines.at(-1)).toBe('A page keeps time.'));
    const second = new Timekeeping(client, pool, other, () => undefined);
    await eventually(() => expect(second.view().phase).toBe('refused'));
    expect(second.view().sentence).toContain('another page');
    const stranger = toHex(encodePotProof(proof(1n)));
    await expect(other.client.call('timekeeper_submitProof', [stranger])).rejects.toMatchObject({
      code: 9100,
    });
    await expect(source.client.call('timekeeper_submitProof', ['00'])).rejects.toMatchObject({
      code: -32602,
    });
    first.stop();
    second.stop();
    other.client.close();
  });
});
