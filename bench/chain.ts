/** The light client: headers through all rules but proof of time, and the start of a client that was there before. */
import { genesisContext } from '../src/chain/genesis.ts';
import { LightClient } from '../src/chain/light-client.ts';
import { BlockVerifier } from '../src/chain/verifier.ts';
import { JobPriority } from '../src/crypto/jobs.ts';
import { createInlinePool } from '../src/crypto/pool/inline.ts';
import { PotVerifier, type PotVerdict } from '../src/crypto/pot-verifier.ts';
import { loadWasm } from '../src/crypto/wasm.ts';
import { PUBLIC_CONSTANTS } from '../src/network/presets.ts';
import { headerHash } from '../src/protocol/header.ts';
import { recordedChain } from '../tests/support/recorded-chain.ts';
import { ScriptedSource } from '../tests/support/scripted-source.ts';
import { MemoryChainStore, VerifiedChain } from '../tests/support/verified-chain.ts';
import { cpuSeconds } from './measure.ts';
import { median, RUNS } from './statistics.ts';
import type { Benchmark, BenchmarkResult } from './types.ts';
import { warmStartSeconds } from './warm-start.ts';

/** Headers a second that the reference's own crates verify, one by one, on the machine of the baselines. */
const NATIVE_HEADERS_PER_SECOND = 456;
const HEADERS = 128;
const WARM_START_GOAL_SECONDS = 2;

/** Leaves the proof of time out, which is measured by itself. */
class NoProofOfTime extends PotVerifier {
  override async verify(slots: readonly unknown[]): Promise<PotVerdict> {
    return { mode: 'sampled', slots: slots.length, iterations: 0 };
  }
}

/** Headers a second of one thread, in runs of `batch` blocks that are verified together. */
async function headerRate(batch: number): Promise<BenchmarkResult> {
  await loadWasm();
  const pool = createInlinePool();
  const verifier = new BlockVerifier(pool, new NoProofOfTime(pool, { mode: 'full' }), PUBLIC_CONSTANTS);
  const chain = recordedChain('chain');
  const main = chain.blocks.filter(({ branch }) => branch === 'main').slice(0, HEADERS);
  const options = { priority: JobPriority.catchUp };
  const run = async (): Promise<number> => {
    const started = cpuSeconds();
    let parent = genesisContext(chain.facts);
    for (let from = 0; from < main.length; from += batch) {
      const { verified, refused } = await verifier.verify(main.slice(from, from + batch), parent, options);
      if (refused !== null) throw refused.error;
      parent = verified.at(-1)?.context ?? parent;
    }
    return main.length / (cpuSeconds() - started);
  };
  await run();
  const rates: number[] = [];
  for (let index = 0; index < RUNS; index += 1) rates.push(await run());
  const value = median(rates);
  return { value, peer: 'native verification 456/s', ratio: value / NATIVE_HEADERS_PER_SECOND, runs: RUNS };
}

/** Seconds from opening a client with a stored chain to a head that is verified and up to date. */
async function warmStartInNode(): Promise<BenchmarkResult> {
  const chain = recordedChain('chain');
  const main = chain.blocks.filter(({ branch }) => branch === 'main');
  const verified = await VerifiedChain.open(chain, 150);
  const record = verified.record(150);
  const head = 156;
  const run = async (): Promise<number> => {
    const source = new ScriptedSource('node', chain.facts).extend(main.slice(0, head));
    const started = performance.now();
    const client = await LightClient.open({
      sources: [source],
      pool: createInlinePool(),
      store: new MemoryChainStore(record),
      network: {
        genesisHash: headerHash(chain.facts.header),
        constants: PUBLIC_CONSTANTS,
        potExternalEntropy: '',
      },
      potBudget: { mode: 'full' },
    });
    const following = new Promise<void>((resolve) => {
      client.onChange(() => {
        if (client.head()?.header.number === head) resolve();
      });
    });
    client.start();
    await following;
    const seconds = (performance.now() - started) / 1_000;
    await client.stop();
    return seconds;
  };
  await run();
  const times: number[] = [];
  for (let index = 0; index < RUNS; index += 1) times.push(await run());
  return { value: median(times), runs: RUNS };
}

export const benchmarks: Benchmark[] = [
  {
    group: 'chain',
    name: 'chain.header',
    unit: 'headers/s',
    better: 'higher',
    run: () => headerRate(1),
  },
  {
    group: 'chain',
    name: 'chain.header.batch',
    unit: 'headers/s',
    better: 'higher',
    goal: '>= 1',
    run: () => headerRate(HEADERS),
  },
  {
    group: 'chain',
    name: 'chain.start.warm',
    unit: 's',
    better: 'lower',
    where: 'chromium',
    goal: '>= 1',
    async run() {
      const value = await warmStartSeconds();
      const peer = `${WARM_START_GOAL_SECONDS} s`;
      return { value, peer, ratio: WARM_START_GOAL_SECONDS / value, runs: RUNS };
    },
  },
  {
    group: 'chain',
    name: 'chain.start.warm.node',
    unit: 's',
    better: 'lower',
    run: warmStartInNode,
  },
];
