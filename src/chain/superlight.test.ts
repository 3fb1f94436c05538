import { describe, expect, it } from 'vitest';
import { recordedChain, recordedMutants } from '../../tests/support/recorded-chain.ts';
import { recordedMetadata } from '../../tests/support/recorded-states.ts';
import { SyntheticChain } from '../../tests/support/synthetic-chain.ts';
import { JobPriority } from '../crypto/jobs.ts';
import { createInlinePool } from '../crypto/pool/inline.ts';
import { PotVerifier } from '../crypto/pot-verifier.ts';
import { loadWasm } from '../crypto/wasm.ts';
import { PUBLIC_CONSTANTS } from '../network/presets.ts';
import { buildDigest, subspaceDigests } from '../protocol/digest.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { blake3Hash } from '../protocol/hash.ts';
import { headerHash } from '../protocol/header.ts';
import { littleEndian } from '../protocol/bytes.ts';
import { mmrQuery } from './state/consensus.ts';
import { StateReader } from './state/reader.ts';
import {
  ClaimedWork,
  drawSamples,
  examineHistory,
  hitChance,
  samplesFor,
  soundness,
  workOf,
  type SuperLightOptions,
  type SuperLightSource,
} from './superlight.ts';
import { BlockVerifier } from './verifier.ts';

const constants = { ...PUBLIC_CONSTANTS, eraDurationInBlocks: 50 };
const RANGE = 10n ** 12n;
const HEAD = 400;

/** Numbers in [0, 1) that are the same in every run. */
function randomFrom(seed: number): () => number {
  let count = 0;
  return () => {
    count += 1;
    const hash = blake3Hash(littleEndian(seed, 8), littleEndian(count, 8));
    return new DataView(hash.buffer, hash.byteOffset).getUint32(0) / 2 ** 32;
  };
}

function chainOf(isForged?: (number: number) => boolean, head = HEAD): SyntheticChain {
  return new SyntheticChain({ seed: new Uint8Array(32).fill(1), head, constants, range: RANGE, isForged });
}

function optionsFor(chain: SyntheticChain, seed = 1): SuperLightOptions {
  return {
    constants,
    genesisHash: headerHash(chain.header(0)),
    genesisRange: RANGE,
    adjusting: true,
    recent: 20,
    share: 1 / 3,
    bits: 40,
    random: randomFrom(seed),
    verifyAlone: chain.verifyAlone,
  };
}

describe('soundness', () => {
  it('is that of the arithmetic: 10 million blocks, a third of the space, the last 100 in full', () => {
    expect(hitChance(1 / 3, 1e-5)).toBeCloseTo(Math.log(2) / Math.log(1e5), 12);
    expect(samplesFor(40, 1 / 3, 1e-5)).toBe(447);
    expect(soundness(447, 1 / 3, 1e-5)).toBeGreaterThan(40);
    for (const share of [0, 0.5]) expect(() => hitChance(share, 0.1)).toThrow(RangeError);
  });

  it('is certain where more of the work is recent than can be valid', () => {
    expect([samplesFor(40, 1 / 3, 0.6), soundness(1, 1 / 3, 0.6)]).toEqual([1, Number.POSITIVE_INFINITY]);
  });

  it('draws from the first block to the last one that is not read anyway', () => {
    const work = new ClaimedWork([{ first: 0, range: RANGE }]);
    const drawn = (at: number) => drawSamples(work, 1_000, 900, 1, () => at);
    expect([drawn(0), drawn(1 - Number.EPSILON)]).toEqual([[1], [899]]);
  });

  it('is what samples reach against the best forgery of any length', () => {
    const head = 10_000_000;
    const fullFrom = head - 100;
    const work = new ClaimedWork([{ first: 0, range: RANGE }]);
    const hit = hitChance(1 / 3, 1e-5);
    for (const [length, seed] of [
      [head, 1],
      [100_000, 2],
      [2_000, 3],
    ] as const) {
      // The adversary's own work is spent where the samples are densest: at the end.
      const isForged = (number: number) => number > head - length && number <= head - length / 2;
      const random = randomFrom(seed);
      let hits = 0;
      for (let round = 0; round < 1_500; round += 1) {
        const [number] = drawSamples(work, head, fullFrom, 1, random);
        if (isForged(number as number)) hits += 1;
      }
      expect(hits / 1_500).toBeGreaterThan(hit - 4 * Math.sqrt((hit * (1 - hit)) / 1_500));
    }
  });

  it('counts work by the range of each era', () => {
    const work = new ClaimedWork([
      { first: 0, range: 1000n },
      { first: 10, range: 500n },
    ]);
    expect(work.upTo(20)).toBeCloseTo(3 * work.upTo(10), 0);
    for (const number of [1, 5, 10, 11, 20]) {
      expect(work.blockAt((work.upTo(number - 1) + work.upTo(number)) / 2)).toBe(number);
    }
  });
});

describe('examination of a chain', () => {
  it('passes an honest one, and says what it rests on', async () => {
    const chain = chainOf();
    const head = chain.headState();
    const report = await examineHistory(chain, head, optionsFor(chain));
    expect(report.bits).toBeGreaterThanOrEqual(40);
    expect(report).toMatchObject({ boundaries: 7, fullFrom: 380, drops: [] });
    expect(report.samples).toBeGreaterThan(50);
    expect(report.work).toBeCloseTo(379 * workOf(RANGE), -3);
    const metadata = recordedMetadata();
    const state = chain.stateOf(metadata, head);
    const source = {
      readProof: (keys: readonly Uint8Array[]) => Promise.resolve({ proof: state.prove(keys) }),
    };
    const block = { number: HEAD, hash: new Uint8Array(32), stateRoot: state.root() };
    const proven = await new StateReader(source, metadata, block).read(mmrQuery(metadata));
    expect(proven.value).toEqual({ root: head.root, leaves: head.leaves });
  });

  it('finds a forged half of any suffix', async () => {
    for (const length of [400, 200, 60]) {
      const chain = chainOf((number) => number > HEAD - length && number <= HEAD - length / 2);
      await expect(examineHistory(chain, chain.headState(), optionsFor(chain, length))).rejects.toThrow(
        'forged',
      );
    }
  });

  const lies: [string, string, (honest: SyntheticChain) => Partial<SuperLightSource>][] = [
    [
      'headers of another chain',
      'mmr-proof',
      () => {
        const other = new SyntheticChain({
          seed: new Uint8Array(32).fill(2),
          head: HEAD,
          constants,
          range: RANGE,
        });
        return { headers: (numbers) => other.headers(numbers) };
      },
    ],
    [
      'other blocks than asked for',
      'superlight',
      (honest) => ({
        blocks: (numbers) => honest.blocks(numbers.map((number) => number + 1)),
      }),
    ],
    ['fewer blocks', 'superlight', (honest) => ({ headers: (numbers) => honest.headers(numbers.slice(1)) })],
    [
      'a proof of a shorter range',
      'superlight',
      (honest) => ({
        mmrProof: (numbers, size) => honest.mmrProof(numbers, size - 1),
      }),
    ],
  ];

  it.each(lies)('refuses %s', async (_, rule, lie) => {
    const chain = chainOf();
    const source: SuperLightSource = {
      headers: (numbers) => chain.headers(numbers),
      blocks: (numbers) => chain.blocks(numbers),
      mmrProof: (numbers, size) => chain.mmrProof(numbers, size),
      ...lie(chain),
    };
    const examined = examineHistory(source, chain.headState(), optionsFor(chain));
    await expect(examined).rejects.toMatchObject({ rule });
    await expect(examined).rejects.toBeInstanceOf(ProtocolError);
  });

  it.each([
    ['another range than its era', 'a range that is not its era', { range: 2n * RANGE }],
    ['the slot in which its era began', 'a slot outside its era', { slot: 0 }],
    ['a slot after its era', 'a slot outside its era', { slot: 6 * constants.eraDurationInBlocks + 1 }],
  ])('refuses a block with %s', async (_, reason, lie: { range?: bigint; slot?: number }) => {
    class Lying extends SyntheticChain {
      override header(number: number) {
        const honest = super.header(number);
        if (number % constants.eraDurationInBlocks === 0) return honest;
        const digests = subspaceDigests(honest);
        const era = 6 * (number - (number % constants.eraDurationInBlocks));
        const slot = lie.slot === undefined ? digests.preDigest.slot : BigInt(era + lie.slot);
        const preDigest = { ...digests.preDigest, slot };
        const solutionRange = lie.range ?? digests.solutionRange;
        return { ...honest, digest: buildDigest({ ...digests, preDigest, solutionRange }) };
      }
    }
    const chain = new Lying({ seed: new Uint8Array(32).fill(1), head: HEAD, constants, range: RANGE });
    await expect(examineHistory(chain, chain.headState(), optionsFor(chain))).rejects.toThrow(reason);
  });

  it('refuses a chain that is no longer than what is verified in full', async () => {
    for (const head of [3, 20, 21]) {
      const chain = chainOf(undefined, head);
      await expect(examineHistory(chain, chain.headState(), optionsFor(chain))).rejects.toThrow('no history');
    }
    const chain = chainOf(undefined, 22);
    expect(await examineHistory(chain, chain.headState(), optionsFor(chain))).toMatchObject({ samples: 1 });
  });

  it('refuses ranges that do not follow from the slots, and a range of another size', async () => {
    const chain = chainOf();
    const head = chain.headState();
    await expect(
      examineHistory(chain, head, { ...optionsFor(chain), genesisRange: RANGE / 2n }),
    ).rejects.toThrow('range');
    for (const leaves of [7n, BigInt(HEAD - 1), BigInt(HEAD + 1)])
      await expect(examineHistory(chain, { ...head, leaves }, optionsFor(chain))).rejects.toThrow('leaves');
  });
});

describe('rules of many headers by themselves', () => {
  it('hold for genuine blocks, and one mutant among them is named by its rule', async () => {
    await loadWasm();
    const pool = createInlinePool();
    const verifier = new BlockVerifier(pool, new PotVerifier(pool, { mode: 'full' }), PUBLIC_CONSTANTS);
    const genuine = recordedChain('chain').blocks.slice(0, 2);
    const options = { priority: JobPriority.catchUp };
    await expect(verifier.verifyEachAlone(genuine, options)).resolves.toBeUndefined();
    const mutant = recordedMutants().find(({ rule }) => rule === 'seal-signature')!;
    const mixed = verifier.verifyEachAlone([...genuine, mutant], options);
    await expect(mixed).rejects.toMatchObject({ rule: 'seal-signature' });
  });
});
