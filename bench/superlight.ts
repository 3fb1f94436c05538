/** Super-light sync of a long chain, and storage proofs. */
import { randomBytes } from 'node:crypto';
import { JobPriority } from '../src/crypto/jobs.ts';
import { createInlinePool } from '../src/crypto/pool/inline.ts';
import { PotVerifier } from '../src/crypto/pot-verifier.ts';
import { loadWasm } from '../src/crypto/wasm.ts';
import { PUBLIC_CONSTANTS } from '../src/network/presets.ts';
import { blake2b256 } from '../src/protocol/hash.ts';
import { headerHash } from '../src/protocol/header.ts';
import { bytesOfNibbles, encodeTrieNode, nibblesOf } from '../src/protocol/trie-node.ts';
import { readProof } from '../src/protocol/trie-proof.ts';
import {
  ClaimedWork,
  drawSamples,
  examineHistory,
  samplesFor,
  type SuperLightSource,
} from '../src/chain/superlight.ts';
import { BlockVerifier } from '../src/chain/verifier.ts';
import { recordedChain } from '../tests/support/recorded-chain.ts';
import { SyntheticChain } from '../tests/support/synthetic-chain.ts';
import { cpuSeconds } from './measure.ts';
import { median, RUNS } from './statistics.ts';
import type { Benchmark } from './types.ts';

const HEAD = 10_000_000;
const RANGE = 10n ** 12n;
const RECENT = PUBLIC_CONSTANTS.confirmationDepthK;
const SHARE = 1 / 3;
const BITS = 40;
const GOAL = { seconds: 10, megabytes: 5 };

/** The same numbers in [0, 1) at every call, so that the blocks that will be asked for are known beforehand. */
function randomAgain(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** The chain of the goal, of which only what will be asked for is made. */
function longChain(): SyntheticChain {
  const { eraDurationInBlocks: duration } = PUBLIC_CONSTANTS;
  const boundaries = Array.from(
    { length: Math.floor((HEAD - RECENT - 1) / duration) },
    (_, i) => (i + 1) * duration,
  );
  const work = new ClaimedWork([{ first: 0, range: RANGE }]);
  const count = samplesFor(BITS, SHARE, RECENT / HEAD) + 2;
  const samples = drawSamples(work, HEAD, HEAD - RECENT, count, randomAgain());
  const only = [...new Set([0, ...boundaries, ...samples])].sort((a, b) => a - b);
  return new SyntheticChain({
    seed: randomBytes(32),
    head: HEAD,
    constants: PUBLIC_CONSTANTS,
    range: RANGE,
    only,
  });
}

/** A source whose own seconds of CPU are not counted. */
function timedSource(chain: SyntheticChain): { source: SuperLightSource; spent: () => number } {
  let spent = 0;
  const timed = async <T>(work: () => Promise<T>): Promise<T> => {
    const started = cpuSeconds();
    const result = await work();
    spent += cpuSeconds() - started;
    return result;
  };
  return {
    source: {
      headers: (numbers) => timed(() => chain.headers(numbers)),
      blocks: (numbers) => timed(() => chain.blocks(numbers)),
      mmrProof: (numbers, size) => timed(() => chain.mmrProof(numbers, size)),
    },
    spent: () => spent,
  };
}

let measured: Promise<{ seconds: number; megabytes: number }> | null = null;

async function measure(): Promise<{ seconds: number; megabytes: number }> {
  await loadWasm();
  const pool = createInlinePool();
  const verifier = new BlockVerifier(pool, new PotVerifier(pool, { mode: 'full' }), PUBLIC_CONSTANTS);
  // Genuine blocks take the place of the sampled ones where a header's own rules are checked.
  const { blocks } = recordedChain('chain');
  let next = 0;
  const verifyAlone = async (sampled: readonly unknown[]): Promise<void> => {
    const genuine = sampled.map(() => blocks[next++ % blocks.length]!);
    await verifier.verifyEachAlone(genuine, { priority: JobPriority.catchUp });
  };
  const chain = longChain();
  const head = chain.headState();
  const seconds: number[] = [];
  for (let run = 0; run <= RUNS; run += 1) {
    chain.sent = 0;
    const { source, spent } = timedSource(chain);
    const started = cpuSeconds();
    await examineHistory(source, head, {
      constants: PUBLIC_CONSTANTS,
      genesisHash: headerHash(chain.header(0)),
      genesisRange: RANGE,
      adjusting: true,
      recent: RECENT,
      share: SHARE,
      bits: BITS,
      random: randomAgain(),
      verifyAlone,
    });
    if (run > 0) seconds.push(cpuSeconds() - started - spent());
  }
  return { seconds: median(seconds), megabytes: chain.sent / 1e6 };
}

/** Proof of one account among 16^5, by the five full branches above its leaf. */
function accountProof(): { root: Uint8Array; nodes: Uint8Array[]; key: Uint8Array } {
  const key = new Uint8Array(randomBytes(80));
  const nibbles = nibblesOf(key);
  const prefix = nibblesOf(key.subarray(0, 32)).length;
  const depth = 5;
  const value = new Uint8Array(randomBytes(80));
  const leaf = encodeTrieNode({
    path: nibbles.subarray(prefix + depth),
    value: { kind: 'hashed', hash: blake2b256(value) },
    children: null,
  });
  const nodes = [value, leaf];
  let below: Uint8Array = blake2b256(leaf);
  for (let level = depth - 1; level >= 0; level -= 1) {
    const children = Array.from({ length: 16 }, (): Uint8Array => new Uint8Array(randomBytes(32)));
    children[nibbles[prefix + level] as number] = below;
    const path = level === 0 ? nibbles.subarray(0, prefix) : new Uint8Array();
    const node = encodeTrieNode({ path, value: null, children });
    nodes.push(node);
    below = blake2b256(node);
  }
  return { root: below, nodes, key: bytesOfNibbles(nibbles) };
}

const PROOFS = 200;

export const benchmarks: Benchmark[] = [
  {
    group: 'chain',
    name: 'chain.superlight',
    unit: 's',
    better: 'lower',
    goal: `${GOAL.seconds} s of compute for 10 million blocks`,
    run: async () => {
      const { seconds } = await (measured ??= measure());
      return { value: seconds, peer: 'goal', ratio: GOAL.seconds / seconds, runs: RUNS };
    },
  },
  {
    group: 'chain',
    name: 'chain.superlight.bytes',
    unit: 'MB',
    better: 'lower',
    goal: `${GOAL.megabytes} MB for 10 million blocks`,
    run: async () => {
      const { megabytes } = await (measured ??= measure());
      return { value: megabytes, peer: 'goal', ratio: GOAL.megabytes / megabytes, runs: 1 };
    },
  },
  {
    group: 'chain',
    name: 'chain.proof',
    unit: 'proofs/s',
    better: 'higher',
    run: () => {
      const proofs = Array.from({ length: PROOFS }, accountProof);
      const rates: number[] = [];
      for (let run = 0; run <= RUNS; run += 1) {
        const started = process.cpuUsage();
        for (const { root, nodes, key } of proofs) {
          if (readProof(root, nodes, [key])[0] === null) throw new Error('not proven');
        }
        const { user, system } = process.cpuUsage(started);
        if (run > 0) rates.push(PROOFS / ((user + system) / 1e6));
      }
      return Promise.resolve({ value: median(rates), runs: RUNS });
    },
  },
];
