import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { untilClient as until } from '../../tests/support/waiting.ts';
import { recordedChain, recordedContinuation } from '../../tests/support/recorded-chain.ts';
import {
  chain,
  genesisHash,
  hashOf,
  headNumber,
  main,
  open,
  openAt,
  pool,
  rules,
  source,
  stopClients,
  tampered,
  UNKNOWN,
  verifiedChain,
} from '../../tests/support/recorded-clients.ts';
import { ScriptedSource } from '../../tests/support/scripted-source.ts';
import { MemoryChainStore, RECEIVED_AT, VerifiedChain } from '../../tests/support/verified-chain.ts';
import { PUBLIC_CONSTANTS } from '../network/presets.ts';
import { equal, toHex } from '../protocol/bytes.ts';
import { subspaceDigests } from '../protocol/digest.ts';
import { DecodeError } from '../protocol/errors.ts';
import { parseCheckpoint, formatCheckpoint } from './checkpoint-text.ts';

let verified: VerifiedChain;

beforeAll(async () => {
  verified = await verifiedChain();
});
afterEach(stopClients);

describe('following a chain', () => {
  it('syncs from genesis, follows, and says what it knows', async () => {
    const node = source('node', 60);
    const client = await open({ sources: [node] });
    await until(client, () => headNumber(client) === 60 && client.snapshot().phase === 'following');
    node.extend(main.slice(60, 63), true);
    await until(client, () => headNumber(client) === 63);
    const shown = client.snapshot();
    expect(shown).toMatchObject({
      phase: 'following',
      cause: null,
      genesisHash: toHex(genesisHash),
      best: { number: 63, hash: toHex(hashOf(main[62]!)) },
      finalized: { number: 0 },
      beginning: { kind: 'genesis', reason: null },
      refusals: [],
      reorgs: [],
      historySize: '1',
      sources: [{ url: 'node', state: 'connected', reason: null }],
    });
    expect(shown.blocks[0]).toMatchObject({ number: 63, pot: 'full', onBestChain: true, final: false });
    expect(shown.blocks[0]?.checks.map(({ rule }) => rule)).toContain('kzg-openings');
    expect(client.segmentCommitment(0n)).toEqual(verified.blocks[0]?.context.commitments[0]);
    expect(client.segmentCommitment(1n)).toBe(null);
    expect(client.header(hashOf(main[20]!))?.header.number).toBe(21);
    expect(structuredClone(shown)).toEqual(shown);
  });

  it('goes on from what is stored, without asking for what it has', async () => {
    const store = new MemoryChainStore(verified.record(150));
    const node = source('node', 153);
    const client = await open({ sources: [node], store });
    expect(headNumber(client)).toBe(150);
    expect(client.snapshot().blocks[0]).toMatchObject({
      number: 150,
      pot: 'stored',
      receivedAt: RECEIVED_AT,
    });
    expect(client.snapshot().best?.receivedAt).toBe(RECEIVED_AT);
    await until(client, () => headNumber(client) === 153);
    expect(node.calls['blocks']).toBeUndefined();
    await client.stop();
    const again = await open({ store });
    expect(headNumber(again)).toBe(153);
  });

  it('resyncs when what is stored is damaged or of another network', async () => {
    const damaged = verified.record(20);
    damaged[500]! ^= 1;
    const foreign = { ...UNKNOWN, genesisHash: new Uint8Array(32).fill(7) };
    const client = await open({ sources: [source('node', 5)], store: new MemoryChainStore(damaged) });
    await until(client, () => headNumber(client) === 5);
    const other = await open({ store: new MemoryChainStore(verified.record(20)), network: foreign });
    expect(other.head()).toBe(null);
  });

  it('saves while it works and when it stops', async () => {
    const store = new MemoryChainStore();
    const client = await open({ sources: [source('node', 40)], store, now: () => RECEIVED_AT });
    await until(client, () => headNumber(client) === 40);
    await client.stop();
    expect(store.record).toEqual(verified.record(40));
  });

  it('follows every fork and takes the heaviest', async () => {
    const node = source('node', 89);
    const client = await openAt(89, [node]);
    await until(client, () => client.snapshot().phase === 'following');
    for (const block of chain.blocks.filter(({ number }) => number > 89 && number < 101)) {
      node.keep([block]).announce(block.header);
    }
    await until(client, () => client.snapshot().blocks.length === 64 && headNumber(client) >= 100);
    expect(client.head()?.context.hash).toEqual(hashOf(main[99]!));
    const branches = client.snapshot().forks.map(({ number, length }) => [number, length]);
    expect(branches).toContainEqual([99, 7]);
    expect(branches).toContainEqual([94, 4]);
  });

  it('reorganises, says so, and verifies the deepest of recorded reorganisations', async () => {
    const forks = recordedChain('forks');
    const node = new ScriptedSource('node', forks.facts);
    const client = await open({
      sources: [node],
      network: { ...UNKNOWN, constants: PUBLIC_CONSTANTS, genesis: forks.facts },
    });
    await until(client, () => client.snapshot().phase === 'following');
    for (const block of forks.blocks) {
      node.extend([block], true);
      await until(client, () => client.header(hashOf(block)) !== null);
    }
    const depths = client.snapshot().reorgs.map(({ depth }) => depth);
    expect(Math.max(...depths)).toBeGreaterThan(20);
    expect(client.snapshot().refusals).toEqual([]);
  });

  it('keeps going when one of two sources falls silent', async () => {
    const [first, second] = [source('first', 20), source('second', 22)];
    const client = await open({ sources: [first, second] });
    await until(client, () => headNumber(client) === 22);
    first.setState('waiting', 'the connection ended');
    second.extend(main.slice(22, 24), true);
    await until(client, () => headNumber(client) === 24);
    expect(client.sources()).toEqual([second]);
    first.extend(main.slice(20, 25)).setState('connected');
    await until(client, () => headNumber(client) === 25);
  });

  it('is offline without a connection, and stalled when no block comes', async () => {
    let now = 1_700_000_000_000;
    const node = source('node', 3);
    const client = await openAt(3, [node], { elapsed: () => now });
    await until(client, () => client.snapshot().phase === 'following');
    now += 600_000;
    expect(client.snapshot()).toMatchObject({ phase: 'stalled', cause: { code: 'stalled' } });
    node.setState('waiting', 'refused');
    expect(client.snapshot()).toMatchObject({ phase: 'offline', cause: { code: 'offline' } });
    // Tried again, and again without an answer.
    for (const state of ['connecting', 'waiting', 'connecting'] as const) {
      node.setState(state);
      expect(client.snapshot()).toMatchObject({ phase: 'offline', cause: { code: 'offline' } });
    }
    node.setState('connected');
    await until(client, () => client.snapshot().phase !== 'offline');
  });

  it('verifies a head in full even under a sampling budget', async () => {
    const node = source('node', 30);
    const client = await openAt(28, [node], { potBudget: { mode: 'sampled', checkpointsPerSlot: 1 } });
    await until(client, () => headNumber(client) === 30);
    expect(client.snapshot().blocks[0]?.pot).toBe('full');
    expect(client.snapshot().pot.head).toEqual({ mode: 'full' });
  });

  it('samples the head where the machine does not keep up, and says so', async () => {
    // A hundred times the slots of the real network, and a pool that takes its time.
    const hasty = await VerifiedChain.open(chain, 28, { ...PUBLIC_CONSTANTS, slotDurationMs: 10 });
    const run: typeof pool.run = async (name, input, options) => {
      if (name === 'pot.verify') await new Promise((resolve) => setTimeout(resolve, 100));
      return pool.run(name, input, options);
    };
    const slow = { run, status: () => pool.status(), resize: () => undefined, close: async () => undefined };
    const node = source('node', 29);
    const client = await open({ sources: [node], pool: slow, store: new MemoryChainStore(hasty.record(28)) });
    expect(client.snapshot().pot.due).toBe(100 * client.head()!.context.childSlotIterations);
    await until(client, () => headNumber(client) === 29);
    expect(client.snapshot().blocks[0]?.pot).toBe('full');
    expect(client.snapshot().pot.head).toMatchObject({ mode: 'sampled' });
    node.extend(main.slice(29, 30), true);
    await until(client, () => headNumber(client) === 30);
    expect(client.snapshot().blocks[0]?.pot).toBe('sampled');
    expect(client.snapshot().pot.slotsSampled).toBeGreaterThan(0);
  });
});

describe('a checkpoint', () => {
  const long = recordedContinuation();
  const trusted = { genesisHash, number: 230, hash: hashOf(main[229]!) };

  it('starts a chain that verifies the same', async () => {
    const node = source('node', 230).extend(long.slice(0, 40));
    const client = await open({ sources: [node], begin: { kind: 'checkpoint', block: trusted } });
    await until(client, () => headNumber(client) === 270);
    expect(client.snapshot()).toMatchObject({
      beginning: { kind: 'checkpoint', number: 230 },
      refusals: [],
      historySize: '1',
    });
    expect(client.head()?.context.hash).toEqual(hashOf(long[39]!));
    expect(node.calls['block']).toBeLessThan(10);
  });

  it('is not believed beyond its hash', async () => {
    const liars: [string, ScriptedSource][] = [
      ['storage-proof', source('tampers with the state', 230)],
      ['checkpoint', source('gives another block', 230)],
      ['checkpoint', source('has no such block', 100)],
    ];
    liars[0]![1].misbehaviour.readProof = ({ at, proof }) => ({ at, proof: tampered(proof) });
    liars[1]![1].misbehaviour.block = async () => main[228]!;
    for (const [rule, liar] of liars) {
      const client = await open({ sources: [liar], begin: { kind: 'checkpoint', block: trusted } });
      await until(client, () => client.snapshot().refusals.length > 0);
      expect([liar.name, rules(client)]).toEqual([liar.name, [rule]]);
      expect(client.head()).toBe(null);
    }
  });

  it('that the chain contradicts is refused, and said to be', async () => {
    const branch = chain.blocks.filter(({ branch: name }) => name === 'fork-148-across-150');
    const node = source('node', 148).keep(main.slice(148, 150)).extend(branch);
    const block = { genesisHash, number: 150, hash: hashOf(main[149]!) };
    const client = await open({ sources: [node], begin: { kind: 'checkpoint', block } });
    await until(client, () => client.snapshot().refusals.length > 0);
    expect(client.snapshot().refusals[0]).toMatchObject({
      rule: 'checkpoint',
      sentence: expect.stringContaining('does not contain the checkpoint'),
    });
    const numbered = await open({
      sources: [source('other', 230)],
      begin: { kind: 'checkpoint', block: { ...trusted, number: 229 } },
    });
    await until(numbered, () => numbered.snapshot().refusals.length > 0);
    expect(numbered.snapshot().refusals[0]?.sentence).toContain('do not belong together');
    const foreign = await open({
      sources: [source('foreign', 230)],
      begin: { kind: 'checkpoint', block: { ...trusted, genesisHash: new Uint8Array(32) } },
    });
    await until(foreign, () => foreign.snapshot().refusals.length > 0);
    expect(foreign.snapshot().refusals[0]?.rule).toBe('genesis');
  });

  it('is read as people pass it on', () => {
    const text = formatCheckpoint(genesisHash, 230, trusted.hash);
    expect(parseCheckpoint(` ${text}\n`)).toEqual(trusted);
    expect(parseCheckpoint(`0x${toHex(trusted.hash)}`)).toEqual({
      ...trusted,
      genesisHash: null,
      number: null,
    });
    for (const wrong of ['', 'abc', `${text}0`, text.slice(1), toHex(trusted.hash).slice(2)]) {
      expect(() => parseCheckpoint(wrong)).toThrow(DecodeError);
    }
  });
});

describe('time', () => {
  it('of a device whose clock is ahead is told from blocks that come minutes apart', async () => {
    const slotOf = (number: number) => subspaceDigests(main[number - 1]!.header).preDigest.slot;
    let elapsed = 0;
    const node = source('node', 150);
    const now = () => Date.UTC(2100, 0) + elapsed;
    const client = await openAt(150, [node], { now, elapsed: () => elapsed });
    await until(client, () => client.runtime() !== null);
    expect(client.snapshot().cause).toBeNull();
    const later = Number(slotOf(230) - slotOf(150)) * PUBLIC_CONSTANTS.slotDurationMs;
    // Sooner than the runtime is looked at anyway.
    expect(later).toBeLessThan(600_000);
    elapsed += later;
    node.extend(main.slice(150, 230), true);
    await until(client, () => client.snapshot().cause?.code === 'clock-ahead');
    expect(client.snapshot()).toMatchObject({
      phase: 'following',
      best: { number: 230 },
      cause: { action: null },
    });
  });

  it('of the device is compared with the network’s, by proof', async () => {
    const node = source('node', 100);
    const client = await openAt(100, [node], { now: () => 1_000_000 });
    await until(client, () => client.snapshot().cause?.code === 'clock-behind');
    // Nothing in this app sets it.
    expect(client.snapshot().cause).toMatchObject({
      action: null,
      sentence: expect.stringMatching(/ is \d+ hours behind .* Set it: /),
    });
    expect(client.runtime()).toMatchObject({ specVersion: 6, source: 'node' });
    expect(equal(client.genesisHash()!, genesisHash)).toBe(true);
  });
});
