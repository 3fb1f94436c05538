import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { untilClient as until } from '../../tests/support/waiting.ts';
import { recordedChain, type RecordedBlock } from '../../tests/support/recorded-chain.ts';
import { recordedMetadata, recordedStates } from '../../tests/support/recorded-states.ts';
import { HeaderRange, MountainSource } from '../../tests/support/mountain-source.ts';
import { MemoryChainStore } from '../../tests/support/verified-chain.ts';
import { createInlinePool } from '../crypto/pool/inline.ts';
import { loadWasm } from '../crypto/wasm.ts';
import { PUBLIC_CONSTANTS } from '../network/presets.ts';
import { RpcError } from '../network/rpc-error.ts';
import { toHex } from '../protocol/bytes.ts';
import { buildDigest, subspaceDigests } from '../protocol/digest.ts';
import { headerHash, sealOf } from '../protocol/header.ts';
import type { Trie } from '../protocol/trie.ts';
import { EXAMINATION, isExaminable } from './examination.ts';
import { LightClient, type LightClientOptions } from './light-client.ts';

const HEAD = 200;
const chain = recordedChain('chain');
const main = chain.blocks.filter(({ branch }) => branch === 'main').slice(0, HEAD + 20);
const genesisHash = headerHash(chain.facts.header);
const network = {
  genesisHash,
  constants: { ...PUBLIC_CONSTANTS, confirmationDepthK: 40 },
  potExternalEntropy: null,
};
const pool = createInlinePool();
const clients: LightClient[] = [];
const states = new Map<string, Trie>();

beforeAll(async () => {
  await loadWasm();
  for (const { hash, state } of recordedStates(HEAD + 20)) states.set(toHex(hash), state);
}, 120_000);

afterEach(async () => {
  for (const client of clients.splice(0)) await client.stop();
});

async function open(sources: MountainSource[], options: Partial<LightClientOptions> = {}) {
  const client = await LightClient.open({
    sources,
    pool,
    store: null,
    network,
    examination: { ...EXAMINATION, threshold: 50 },
    potBudget: { mode: 'full' },
    ...options,
  });
  clients.push(client);
  client.start();
  return client;
}

const honest = (name = 'honest', head = HEAD) =>
  new MountainSource(name, chain.facts, main.slice(0, head), states);
const headNumber = (client: LightClient) => client.head()?.header.number ?? -1;
const rules = (client: LightClient) => client.snapshot().refusals.map(({ rule }) => rule);

/** A block that claims what it does not hold: the farmer's seal is missing. */
function forged(block: RecordedBlock): RecordedBlock {
  const digests = subspaceDigests(block.header);
  const digest = buildDigest({ ...digests, seal: new Uint8Array(64) });
  return { ...block, header: { ...block.header, digest } };
}

/**
 * A chain with forged blocks from 1 to `last` under a head of the attacker's own, whose state has the range of that
 * chain.
 */
function attacker(last: number): MountainSource {
  const blocks = main.slice(0, HEAD).map((block) => (block.number <= last ? forged(block) : block));
  const range = new HeaderRange([chain.facts.header, ...blocks.map(({ header }) => header)]);
  const genuine = blocks[HEAD - 1]!;
  const entry = recordedMetadata().storage('Mmr', 'RootHash');
  const state = states
    .get(toHex(headerHash(genuine.header)))!
    .set(entry.key(), entry.encode(range.root(HEAD)))
    .set(new Uint8Array(32), new Uint8Array(8));
  const digests = subspaceDigests(genuine.header);
  const header = { ...genuine.header, stateRoot: state.root() };
  header.digest = buildDigest({ ...digests, seal: sealOf(genuine.header) });
  const own = new Map([...states, [toHex(headerHash(header)), state]]);
  blocks[HEAD - 1] = { ...genuine, header };
  return new MountainSource('attacker', chain.facts, blocks, own);
}

describe('a long chain', () => {
  it('is examined by samples, shown only once its recent blocks are verified, and followed', async () => {
    const node = honest();
    const store = new MemoryChainStore();
    const client = await open([node], { store });
    const steps = new Set<string>();
    client.onChange(() => {
      const { examination, best } = client.snapshot();
      if (examination === null) return;
      steps.add(examination.step);
      expect(best).toBeNull();
    });
    await until(client, () => headNumber(client) === HEAD && client.snapshot().phase === 'following');
    expect([...steps]).toEqual(['history', 'checkpoint', 'recent']);
    const { beginning, refusals, finalized, examination } = client.snapshot();
    expect({ refusals, finalized: finalized?.number, examination }).toEqual({
      refusals: [],
      finalized: HEAD - 40,
      examination: null,
    });
    expect(beginning).toMatchObject({ kind: 'examined', number: HEAD, fullFrom: HEAD - 40, boundaries: 0 });
    if (beginning?.kind !== 'examined') throw new Error('not examined');
    expect(beginning.bits).toBeGreaterThanOrEqual(40);
    // Fewer blocks than the chain has: samples, and the recent ones in full.
    expect(node.calls['block']).toBeLessThan(40 + 2 + beginning.samples + 10);
    node.extend(main.slice(HEAD, HEAD + 3), true);
    await until(client, () => headNumber(client) === HEAD + 3);
    await client.stop();
    const again = await open([honest('later', HEAD + 10)], { store });
    expect(again.snapshot().beginning).toEqual(beginning);
    await until(again, () => headNumber(again) === HEAD + 10);
    expect(again.snapshot().refusals).toEqual([]);
  });

  it('is examined by one checkpoint of a block where time is sampled, and that is said', async () => {
    const client = await open([honest()], { potBudget: { mode: 'sampled', checkpointsPerSlot: 4 } });
    await until(client, () => headNumber(client) === HEAD);
    const { beginning, pot, blocks } = client.snapshot();
    expect(beginning).toMatchObject({ kind: 'examined', potInFull: false });
    expect(blocks[0]?.pot).toBe('sampled');
    // One slot of each sample and of each recent block, and those of the checkpoint.
    expect(pot.slotsVerified).toBeLessThan(2 * 41 + 10);
  });

  it('is verified from genesis when it is short, or when the person wants it', async () => {
    const short = await open([honest('short', 30)]);
    await until(short, () => headNumber(short) === 30);
    expect(short.snapshot().beginning).toEqual({ kind: 'genesis', reason: null });
    const chosen = await open([honest('chosen', 60)], { begin: { kind: 'genesis' } });
    await until(chosen, () => headNumber(chosen) === 60);
    expect(chosen.snapshot().beginning?.kind).toBe('genesis');
  });

  it('has a history once blocks lie below those that are verified in full', () => {
    const constants = { ...PUBLIC_CONSTANTS, confirmationDepthK: 40 };
    expect([42, 43].map((number) => isExaminable(number, constants))).toEqual([false, true]);
  });

  it('is examined although it is short when the person wants that', async () => {
    const client = await open([honest('short', 45)], { begin: { kind: 'examine' } });
    await until(client, () => headNumber(client) === 45);
    expect(client.snapshot().beginning).toMatchObject({ kind: 'examined', fullFrom: 5 });
  });

  it('is verified from genesis where no source serves samples, and the reason is told', async () => {
    const node = honest('pruned', 60);
    node.mmrProof = () => Promise.reject(new RpcError(-32601, 'mmr_generateProof', 'Method not found'));
    const client = await open([node]);
    await until(client, () => headNumber(client) === 60);
    const { beginning, refusals } = client.snapshot();
    expect(refusals).toEqual([]);
    expect(beginning).toMatchObject({ kind: 'genesis' });
    expect(beginning?.kind === 'genesis' && beginning.reason).toContain('pruned does not answer mmr_');
  });
});

describe('a source that lies about history', () => {
  it('with a forged segment is found by the samples, penalised, and another one is examined', async () => {
    const late = honest();
    late.setState('waiting');
    const client = await open([attacker(140), late]);
    await until(client, () => client.snapshot().refusals.length > 0);
    expect(client.head()).toBe(null);
    late.setState('connected');
    await until(client, () => headNumber(client) === HEAD);
    const { refusals, sources, beginning } = client.snapshot();
    expect(refusals[0]).toMatchObject({ source: 'attacker', rule: 'seal-signature' });
    expect(sources[0]).toMatchObject({ state: 'dropped' });
    expect(beginning).toMatchObject({ kind: 'examined', hash: toHex(headerHash(main[HEAD - 1]!.header)) });
  });

  it('with a genuine history under a head of its own is refused before that head is shown', async () => {
    const client = await open([attacker(0)]);
    await until(client, () => client.snapshot().refusals.length > 0);
    expect(rules(client)).toEqual(['seal-signature']);
    expect(client.head()).toBe(null);
    expect(client.snapshot().refusals[0]?.number).toBe(HEAD);
  });

  it('is refused for the rule that it breaks', async () => {
    const lies: [string, (source: MountainSource) => void][] = [
      [
        'mmr-proof',
        (source) => {
          source.forge = (proof) => ({ ...proof, nodes: proof.nodes.map((node) => node.map((b) => b ^ 1)) });
        },
      ],
      [
        'superlight',
        (source) => {
          source.forge = (proof) => ({ ...proof, size: proof.size - 1 });
        },
      ],
      [
        'decode-mmr-proof',
        (source) => {
          source.mmrProof = () => Promise.resolve({ proof: new Uint8Array(40).fill(0xfe) });
        },
      ],
      [
        'storage-proof',
        (source) => {
          source.misbehaviour.readProof = ({ at, proof }) => ({ at, proof: proof.slice(1) });
        },
      ],
      [
        'justification-present',
        (source) => {
          source.misbehaviour.block = async (block) => block && { ...block, justification: null };
        },
      ],
      [
        'superlight',
        (source) => {
          source.misbehaviour.block = async () => main[3]!;
        },
      ],
    ];
    for (const [rule, lie] of lies) {
      const liar = honest(`liar about ${rule}`);
      lie(liar);
      const client = await open([liar]);
      await until(client, () => client.snapshot().refusals.length > 0);
      expect([liar.name, rules(client)[0]]).toEqual([liar.name, rule]);
      expect(client.head()).toBe(null);
      expect(client.snapshot().phase).toBe('refused');
      await client.stop();
    }
  });

  it('by withholding, or by taking its time, makes way for another one without being called a liar', async () => {
    const miser = honest('miser');
    miser.misbehaviour.block = async (block) => (block && block.header.number < 150 ? null : block);
    const slow = honest('slow');
    slow.mmrProof = (_blocks, _best, _at, signal) =>
      new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error)));
    const client = await open([miser, slow, honest()], { patienceMs: 2_000 });
    await until(client, () => headNumber(client) === HEAD);
    const { refusals, sources } = client.snapshot();
    expect(refusals).toEqual([]);
    expect(sources[0]?.reason ?? 'hand out').toContain('hand out');
  });

  it('by moving to another branch meanwhile is left alone for a while, without being called a liar', async () => {
    const mover = honest('mover');
    mover.misbehaviour.block = async (block) => (block?.header.number === HEAD - 10 ? main[3]! : block);
    const client = await open([mover]);
    await until(client, () => client.snapshot().sources[0]?.state === 'waiting');
    const { sources, refusals, best } = client.snapshot();
    expect(sources[0]?.reason).toContain('changed while it was examined');
    expect([refusals, best]).toEqual([[], null]);
  });

  it('by following a chain with less work, though it is as long, gives way to the other, whoever came first', async () => {
    const branch = 'fork-92-wider-longer';
    const fork = chain.blocks.filter((block) => block.branch === branch);
    const own = new Map(recordedStates(99, branch).map(({ hash, state }) => [toHex(hash), state]));
    const shallow = { ...network, constants: { ...PUBLIC_CONSTANTS, confirmationDepthK: 4 } };
    for (const order of [0, 1]) {
      const light = new MountainSource('light', chain.facts, [...main.slice(0, 92), ...fork], own);
      const sources = [light, honest('honest', 99)];
      if (order === 1) sources.reverse();
      const client = await open(sources, { network: shallow });
      await until(client, () => headNumber(client) === 99 && client.snapshot().refusals.length > 0);
      expect(client.head()?.context.hash).toEqual(headerHash(main[98]!.header));
      expect(client.snapshot().refusals).toMatchObject([{ source: 'light', rule: 'superlight' }]);
      await client.stop();
    }
  });
});
