import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { untilClient as until } from '../../tests/support/waiting.ts';
import {
  recordedChain,
  recordedContinuation,
  recordedMetadata,
  recordedMutants,
  type RecordedBlock,
  type RecordedMutant,
} from '../../tests/support/recorded-chain.ts';
import { ScriptedSource } from '../../tests/support/scripted-source.ts';
import { MemoryChainStore, VerifiedChain } from '../../tests/support/verified-chain.ts';
import { createInlinePool } from '../crypto/pool/inline.ts';
import { PUBLIC_CONSTANTS } from '../network/presets.ts';
import { RpcError } from '../network/rpc-error.ts';
import { concat, equal, littleEndian, toHex, utf8 } from '../protocol/bytes.ts';
import { DecodeError } from '../protocol/errors.ts';
import { headerHash } from '../protocol/header.ts';
import { decodeJustification } from '../protocol/justification.ts';
import { RuntimeMetadata } from '../protocol/metadata.ts';
import { parseCheckpoint, formatCheckpoint } from './checkpoint-text.ts';
import { LightClient, type LightClientOptions } from './light-client.ts';
import type { Provenance } from './runtime.ts';
import { RuntimeWatch, type RuntimeNews } from './runtime-watch.ts';

const chain = recordedChain('chain');
const main = chain.blocks.filter(({ branch }) => branch === 'main');
const genesisHash = headerHash(chain.facts.header);
const UNKNOWN = { genesisHash: null, constants: null, potExternalEntropy: null };
/** Finality three blocks deep, so that the recorded forks leave below it. */
const SHALLOW = { ...UNKNOWN, constants: { ...PUBLIC_CONSTANTS, confirmationDepthK: 3 } };

const clients: LightClient[] = [];
const pool = createInlinePool();
let verified: VerifiedChain;
let shallow: VerifiedChain;

beforeAll(async () => {
  verified = await VerifiedChain.open(chain, 153);
  shallow = await VerifiedChain.open(chain, 64, SHALLOW.constants);
});

async function open(options: Partial<LightClientOptions>): Promise<LightClient> {
  const client = await LightClient.open({
    sources: [],
    pool,
    store: null,
    network: UNKNOWN,
    potBudget: { mode: 'full' },
    ...options,
  });
  clients.push(client);
  client.start();
  return client;
}

/** A client that has verified the chain up to a block in an earlier run. */
function openAt(number: number, sources: ScriptedSource[], options: Partial<LightClientOptions> = {}) {
  return open({ sources, store: new MemoryChainStore(verified.record(number)), ...options });
}

const source = (name: string, count: number): ScriptedSource =>
  new ScriptedSource(name, chain.facts).extend(main.slice(0, count));

afterEach(async () => {
  for (const client of clients.splice(0)) await client.stop();
});

/** Metadata of the next version of the runtime, with another constant. */
function otherRuntime(metadata: Uint8Array): Uint8Array {
  const other = metadata.slice();
  const set = (behind: string, from: number, to: number) => {
    const at = Buffer.from(other).indexOf(littleEndian(from, 4), Buffer.from(other).indexOf(behind));
    other.set(littleEndian(to, 4), at);
  };
  set('ExpectedVotesPerBlock', 9, 5);
  const version = concat(utf8('subspace'), littleEndian(0, 4), littleEndian(6, 4));
  other[Buffer.from(other).indexOf(version) + version.length - 4] = 7;
  return other;
}

const headNumber = (client: LightClient): number => client.head()?.header.number ?? -1;
const rules = (client: LightClient): string[] => client.snapshot().refusals.map(({ rule }) => rule);
const tampered = (proof: Uint8Array[]): Uint8Array[] => proof.map((node) => node.map((byte) => byte ^ 1));
const byHash = new Map(main.map(({ header, number }) => [toHex(headerHash(header)), number]));
/** Number of a block's parent on the main branch; of the block before where the parent is not known. */
const parentNumber = ({ parentHash }: RecordedBlock['header'], number: number): number =>
  equal(parentHash, genesisHash) ? 0 : (byHash.get(toHex(parentHash)) ?? number - 1);
const hashOf = ({ header }: { header: RecordedBlock['header'] }): Uint8Array => headerHash(header);

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
    expect(client.snapshot().blocks[0]).toMatchObject({ number: 150, pot: 'stored' });
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
    const client = await open({ sources: [source('node', 40)], store });
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
    const client = await openAt(3, [node], { now: () => now });
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

describe('a lying source', () => {
  /** Mutants on top of one block, a handful at a time; each is another source's lie. */
  const GROUP = 25;
  const groups: { parent: number; mutants: RecordedMutant[] }[] = [];
  for (const mutant of recordedMutants()) {
    const parent = parentNumber(mutant.header, mutant.number);
    const group = groups.find((one) => one.parent === parent && one.mutants.length < GROUP);
    if (group) group.mutants.push(mutant);
    else groups.push({ parent, mutants: [mutant] });
  }

  it.each(groups)(
    'is refused for the rule that it breaks: blocks on top of $parent',
    async ({ parent, mutants }) => {
      const liars = mutants.map(({ name }) => source(name, parent));
      const honest = source('honest', parent);
      const network = { ...UNKNOWN, constants: PUBLIC_CONSTANTS, genesis: chain.facts };
      const client = await openAt(parent, [...liars, honest], { network });
      await until(client, () => client.snapshot().phase === 'following');
      liars.forEach((liar, index) => liar.extend([mutants[index]!], true));
      await until(client, () => client.snapshot().refusals.length === mutants.length);
      const shown = client.snapshot();
      for (const [index, { name, rule, number }] of mutants.entries()) {
        const refusal = shown.refusals.find((one) => one.source === name);
        // Without knowing segment 0 beforehand, what contradicts it fails to open the record.
        const unknown = rule === 'segment-commitment-digest' && number === 1;
        expect([name, refusal?.rule]).toEqual([name, unknown ? 'solution-record-witness' : rule]);
        expect(refusal?.sentence.length).toBeGreaterThan(20);
        expect(shown.sources[index]).toMatchObject({ state: 'dropped', reason: refusal?.sentence });
      }
      expect(headNumber(client)).toBe(parent);
      honest.extend(main.slice(parent, parent + 1), true);
      await until(client, () => headNumber(client) === parent + 1);
    },
  );

  it('of another network is not asked for anything more', async () => {
    const stranger = new ScriptedSource('stranger', recordedChain('forks').facts);
    const pretender = source('pretender', 10);
    pretender.misbehaviour.genesisHash = () => new Uint8Array(32).fill(3);
    const client = await open({
      sources: [stranger, pretender],
      network: { ...UNKNOWN, genesisHash },
    });
    await until(client, () => client.snapshot().refusals.length === 2);
    expect(rules(client)).toEqual(['genesis', 'genesis']);
    expect(client.snapshot()).toMatchObject({
      phase: 'refused',
      best: null,
      cause: { code: 'sources-refused' },
    });
    expect(stranger.calls).toEqual({ genesisHash: 1 });
  });

  it('about the genesis state or the rules is refused before the first block', async () => {
    const tampering = source('tampering', 5);
    tampering.misbehaviour.readProof = ({ at, proof }) => ({ at, proof: tampered(proof) });
    const garbled = source('garbled', 5);
    garbled.misbehaviour.metadata = () => new Uint8Array(100);
    const client = await open({ sources: [tampering, garbled] });
    await until(client, () => client.snapshot().refusals.length === 2);
    expect(rules(client).sort()).toEqual(['decode-metadata', 'storage-proof']);
    expect(client.head()).toBe(null);
  });

  it('about what nothing proves spoils nothing for an honest one', async () => {
    const facts = { ...chain.facts, externalEntropy: 'made up' };
    const liar = new ScriptedSource('liar', facts).extend(main.slice(0, 5));
    const client = await open({ sources: [liar] });
    await until(client, () => client.snapshot().refusals.length > 0);
    expect(rules(client)).toEqual(['justification-seed']);
    expect(client.head()).toBe(null);
  });

  it('about the runtime is refused once the state says otherwise, and the chain begun anew', async () => {
    const liar = source('liar', 100);
    const told = otherRuntime(recordedMetadata());
    liar.misbehaviour.metadata = () => told;
    const honest = source('honest', 100);
    honest.setState('waiting');
    const store = new MemoryChainStore();
    const network = { ...UNKNOWN, genesis: chain.facts };
    const client = await open({ sources: [liar, honest], network, store });
    await until(client, () => client.snapshot().refusals.length > 0);
    expect(rules(client)).toEqual(['runtime-metadata']);
    expect([client.head(), client.snapshot().blocks]).toEqual([null, []]);
    honest.setState('connected');
    await until(client, () => client.runtime() !== null && headNumber(client) === 100);
    expect(client.constants()?.expectedVotesPerBlock).toBe(9);
    expect(client.snapshot().rules?.provenance).toEqual({ kind: 'told', by: ['honest'], disputedBy: [] });
  });

  it('about the rules does not move those that come with the app, their proof does', async () => {
    const constants = { ...PUBLIC_CONSTANTS, expectedVotesPerBlock: 5 };
    const look = vi.spyOn(RuntimeWatch.prototype, 'look');
    const found = (provenance: Provenance) => {
      const facts = { metadata: RuntimeMetadata.decode(recordedMetadata()), specVersion: 7, timestampMs: 0 };
      return {
        facts: { source: 'node', ...facts, constants, provenance },
        differing: ['expectedVotesPerBlock'],
      };
    };
    look.mockImplementation(async () => found({ kind: 'told', by: ['node'], disputedBy: [] }) as RuntimeNews);
    const node = source('node', 10);
    const network = { ...UNKNOWN, constants: PUBLIC_CONSTANTS, genesis: chain.facts };
    const client = await openAt(10, [node], { network });
    await until(client, () => look.mock.calls.length > 0 && client.snapshot().phase === 'following');
    expect(client.constants()).toEqual(PUBLIC_CONSTANTS);
    look.mockImplementation(async () => found({ kind: 'proven', atBlock: 0 }) as RuntimeNews);
    node.extend(main.slice(10, 11), true);
    await until(client, () => client.constants()?.expectedVotesPerBlock === 5);
    expect(headNumber(client)).toBeGreaterThanOrEqual(10);
    look.mockRestore();
  });

  it('that leaves below the final block is not followed', async () => {
    const fork = chain.blocks.filter(({ branch }) => branch === 'fork-60-tie');
    const attacker = source('attacker', 60).extend(fork);
    const honest = source('honest', 64);
    const client = await open({
      sources: [attacker, honest],
      network: SHALLOW,
      store: new MemoryChainStore(shallow.record(64)),
    });
    await until(client, () => client.snapshot().refusals.length > 0);
    expect(client.snapshot().refusals[0]).toMatchObject({ source: 'attacker', rule: 'finality' });
    expect(client.snapshot().refusals[0]?.sentence).toContain('attack');
    expect(client.head()?.context.hash).toEqual(hashOf(main[63]!));
  });

  it('that answers with other blocks than asked for is refused', async () => {
    const numbers = source('numbers', 40);
    numbers.misbehaviour.blocks = async (blocks) => blocks.slice(1);
    const hashes = source('hashes', 10);
    const client = await openAt(10, [numbers, hashes]);
    await until(client, () => rules(client).includes('block-number'));
    hashes.misbehaviour.block = async () => main[3]!;
    hashes.extend(main.slice(10, 11), true);
    await until(client, () => rules(client).includes('block-hash'));
    expect(headNumber(client)).toBe(10);
  });

  it('that withholds what it announced is left alone for a while, and the others are not', async () => {
    const miser = source('miser', 10);
    const honest = source('honest', 10);
    const client = await openAt(10, [miser, honest]);
    await until(client, () => client.snapshot().phase === 'following');
    miser.misbehaviour.block = async () => null;
    miser.extend(main.slice(10, 11), true);
    await until(client, () => client.snapshot().sources[0]?.state === 'waiting');
    expect(client.snapshot().sources[0]?.reason).toContain('hand out');
    expect(client.snapshot().refusals).toEqual([]);
    honest.extend(main.slice(10, 12), true);
    await until(client, () => headNumber(client) === 12);
  });

  it('that is stale is named and not asked, until it has caught up', async () => {
    let now = 1_700_000_000_000;
    const stale = source('stale', 20);
    const client = await openAt(60, [stale, source('honest', 62)], { now: () => now });
    await until(client, () => client.snapshot().sources[0]?.state === 'waiting');
    await until(client, () => headNumber(client) === 62);
    expect(client.snapshot().sources[0]).toMatchObject({
      best: 20,
      reason: expect.stringContaining('behind'),
    });
    expect(client.sources().map(({ name }) => name)).toEqual(['honest']);
    expect(client.snapshot().refusals).toEqual([]);
    stale.extend(main.slice(20, 62));
    now += 61_000;
    stale.setState('connected');
    await until(client, () => client.sources().length === 2);
  });

  it('that claims a longer chain than it has holds nobody up', async () => {
    const boaster = source('boaster', 12);
    boaster.misbehaviour.bestHeader = () => main[120]!.header;
    const honest = source('honest', 40);
    const client = await openAt(10, [boaster, honest]);
    await until(client, () => headNumber(client) === 40);
    await until(client, () => client.snapshot().sources[0]?.state === 'waiting');
    expect(client.snapshot().sources[0]?.reason).toContain('longer chain');
  });

  it('that answers too late makes way', async () => {
    const slow = source('slow', 40);
    slow.misbehaviour.blocks = (_blocks, _from, signal) =>
      new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
    const honest = source('honest', 40);
    const client = await openAt(10, [slow, honest], { patienceMs: 50 });
    await until(client, () => headNumber(client) === 40);
    expect(client.snapshot().refusals).toEqual([]);
  });

  it('that drips blocks one by one is followed as far as it gets', async () => {
    const dripping = source('dripping', 30);
    dripping.misbehaviour.blocks = async (blocks) => blocks.slice(0, 1);
    const client = await openAt(10, [dripping]);
    await until(client, () => headNumber(client) === 30);
    expect(client.snapshot().refusals).toEqual([]);
  });

  it('that floods with announcements is put off', async () => {
    const flooder = source('flooder', 10);
    const client = await openAt(10, [flooder]);
    await until(client, () => client.snapshot().phase === 'following');
    for (let index = 0; index < 500; index += 1) flooder.announce(main[11 + (index % 50)]!.header);
    await until(client, () => rules(client).includes('flood'));
    expect(headNumber(client)).toBe(10);
  });

  it('that goes on sending what does not decode while it is left out is told of once', async () => {
    const garbled = source('garbled', 10);
    const client = await openAt(10, [garbled]);
    await until(client, () => client.snapshot().phase === 'following');
    for (let index = 0; index < 100; index += 1) garbled.gossip(new DecodeError('pot-proof', 'cut off'));
    await until(client, () => client.snapshot().phase === 'refused');
    expect(rules(client)).toEqual(['decode-proof-of-time']);
  });

  it('that gossips proofs of time is ahead of its blocks; one that gossips false ones is put off', async () => {
    const [honest, liar, garbled] = [source('honest', 10), source('liar', 10), source('garbled', 10)];
    const client = await openAt(10, [honest, liar, garbled]);
    await until(client, () => client.snapshot().phase === 'following');
    const { provenSlot, childSlotIterations: iterations } = client.head()!.context;
    const { seed, checkpoints } = decodeJustification(main[10]!.justification!);
    const proof = { slot: provenSlot + 1n, seed, iterations, checkpoints: checkpoints[0]! };
    garbled.gossip(new DecodeError('pot-proof', 'cut off'));
    liar.gossip({ ...proof, checkpoints: proof.checkpoints.toReversed() });
    await until(client, () => client.snapshot().refusals.length === 2);
    expect(rules(client).sort()).toEqual(['decode-proof-of-time', 'pot-checkpoints']);
    expect(client.snapshot().pot.slot).toBeNull();
    honest.gossip(proof);
    await until(client, () => client.snapshot().pot.slot === String(proof.slot));
    const walked = client.snapshot().pot.slotsVerified;
    honest.extend(main.slice(10, 11), true);
    await until(client, () => headNumber(client) === 11);
    expect(client.snapshot().pot.slotsVerified).toBe(walked + checkpoints.length - 1);
    expect(client.snapshot().pot.slot).toBeNull();
  });

  it('that announces what does not decode, or answers it, is put off', async () => {
    const garbled = source('garbled', 10);
    const oversized = source('oversized', 10);
    const client = await openAt(10, [garbled, oversized]);
    await until(client, () => client.snapshot().phase === 'following');
    garbled.announceGarbage(new DecodeError('header', 'not a header'));
    oversized.misbehaviour.block = async () => {
      throw new RpcError('oversized', 'chain_getBlock', 'too long');
    };
    oversized.extend(main.slice(10, 11), true);
    await until(client, () => client.snapshot().refusals.length === 2);
    expect(rules(client).sort()).toEqual(['decode-header', 'rpc']);
    expect(client.snapshot().phase).toBe('refused');
  });

  it('that equivocates shows both blocks, and one head', async () => {
    const twice = chain.blocks.filter(({ number, branch }) => number === 61 && branch !== 'main');
    const node = source('node', 60);
    const client = await openAt(60, [node]);
    await until(client, () => client.snapshot().phase === 'following');
    node.extend([main[60]!], true);
    await until(client, () => headNumber(client) === 61);
    for (const block of twice) node.keep([block]).announce(block.header);
    await until(client, () => client.snapshot().forks.length === twice.length);
    expect(client.head()?.context.hash).toEqual(hashOf(main[60]!));
  });

  it('is listened to again after its penalty, which grows', async () => {
    let now = 1_700_000_000_000;
    const mutant = recordedMutants().find(({ rule, number }) => rule === 'seal-signature' && number === 40)!;
    const node = source('node', 39);
    const client = await openAt(39, [node], { now: () => now });
    await until(client, () => client.snapshot().phase === 'following');
    node.extend([mutant], true);
    await until(client, () => client.snapshot().phase === 'refused');
    now += 61_000;
    node.setState('connected');
    await until(client, () => client.snapshot().refusals.length === 2);
    now += 61_000;
    expect(client.snapshot().phase).toBe('refused');
    node.extend(main.slice(39, 41));
    now += 61_000;
    node.setState('connected');
    await until(client, () => headNumber(client) === 41);
  });
});

describe('time', () => {
  it('of the device is compared with the network’s, by proof', async () => {
    const node = source('node', 100);
    const client = await openAt(100, [node], { now: () => 1_000_000 });
    await until(client, () => client.snapshot().cause?.code === 'clock-behind');
    expect(client.snapshot().cause?.action).toBe('Set the clock');
    expect(client.runtime()).toMatchObject({ specVersion: 6, source: 'node' });
    expect(equal(client.genesisHash()!, genesisHash)).toBe(true);
  });
});
