/** Proof of time, walked and verified in both ways, and what follows from its outputs. */
import { wasmWalker, webCryptoWalker, type PotWalker } from '../../src/crypto/pot.ts';
import { loadWasm } from '../../src/crypto/wasm.ts';
import { fromHex, toHex } from '../../src/protocol/bytes.ts';
import { ProtocolError } from '../../src/protocol/errors.ts';
import {
  blockEntropy,
  genesisSeed,
  globalChallenge,
  globalRandomness,
  nextPotInput,
  nextSeed,
  potKey,
  requireIterations,
  slotOutput,
} from '../../src/protocol/pot.ts';
import {
  casesOf,
  expectFacts,
  expectRefusal,
  expectSame,
  fromJson,
  joinHex,
  namedBytes,
  refusal,
  splitHex,
  type Recorded,
} from './protocol-support.ts';
import type { ConformanceSuite } from './types.ts';

interface PotFile {
  label: string;
  proofs: (Recorded & { seed_name: string; seed: string; iterations: number; checkpoints: string[] })[];
  verify_cases: { what: string; seed: string; iterations: number; checkpoints: string[]; valid: boolean }[];
  iterations_validity: { iterations: number; ok: boolean; error?: string | null }[];
  seed_from_genesis: (Recorded & { genesis_block_hash: string; external_entropy: string })[];
  keys: (Recorded & { seed: string })[];
  outputs: (Recorded & {
    output: string;
    entropy: string;
    chunk: string;
    global_challenges: (Recorded & { slot: string })[];
  })[];
  slot_chain: {
    genesis_block_hash: string;
    external_entropy: string;
    base_slot_iterations: number;
    parameters_change: { slot: number; slot_iterations: number; entropy: string } | null;
    slots: (Recorded & { slot: number })[];
  };
}

/** Both ways to walk have to agree with the recording. */
const WALKERS: PotWalker[] = [webCryptoWalker, wasmWalker];

async function checkProof(
  label: string,
  walker: PotWalker,
  record: PotFile['proofs'][number],
): Promise<void> {
  const seed = record.seed_name === 'zero' ? new Uint8Array(16) : namedBytes(label, record.seed_name, 16);
  const checkpoints = await walker.prove(seed, record.iterations);
  expectFacts(record, {
    seed,
    key: potKey(seed),
    iterations_per_checkpoint: record.iterations / 8,
    checkpoints: splitHex(checkpoints, 16),
    output: slotOutput(checkpoints),
    valid: (await walker.verify(seed, record.iterations, joinHex(record.checkpoints))) === null,
  });
}

async function checkSlotChain(chain: PotFile['slot_chain']): Promise<void> {
  const recorded = chain.parameters_change;
  const change = recorded && {
    slot: BigInt(recorded.slot),
    slotIterations: recorded.slot_iterations,
    entropy: fromHex(recorded.entropy, 32),
  };
  const entropy = fromHex(chain.external_entropy);
  let input = {
    slot: 1n,
    seed: genesisSeed(fromHex(chain.genesis_block_hash, 32), entropy),
    iterations: chain.base_slot_iterations,
  };
  for (const record of chain.slots) {
    const checkpoints = await webCryptoWalker.prove(input.seed, input.iterations);
    const output = slotOutput(checkpoints);
    const next = nextPotInput(input.slot, input.iterations, output, change);
    expectFacts(record, {
      slot: input.slot,
      seed: input.seed,
      key: potKey(input.seed),
      iterations: input.iterations,
      checkpoints: splitHex(checkpoints, 16),
      output,
      global_randomness: globalRandomness(output),
      global_challenge: globalChallenge(output, input.slot),
      next_slot: next.slot,
      next_iterations: next.iterations,
      next_seed: next.seed,
      next_seed_has_entropy_injected: toHex(next.seed) !== toHex(output),
    });
    input = next;
  }
}

export const pot: ConformanceSuite = {
  files: [/^pot\.json$/],
  async cases(ctx, files) {
    await loadWasm();
    return fromJson<PotFile>(ctx, files, 'pot.json', (file) => [
      ...WALKERS.flatMap((walker) => [
        ...casesOf(
          file.proofs,
          (record) => ({
            name: `${walker.name}: ${record.seed_name}, ${record.iterations} iterations`,
            rule: 'pot-checkpoints',
          }),
          (record) => checkProof(file.label, walker, record),
        ),
        ...casesOf(
          file.verify_cases,
          ({ what }) => ({ name: `${walker.name}: ${what}`, rule: 'pot-checkpoints' }),
          async (record) => {
            const { seed, iterations, checkpoints, valid } = record;
            let wrong: number | null = null;
            // A number of iterations that is not allowed is no proof either.
            const refused = await refusal(async () => {
              wrong = await walker.verify(fromHex(seed, 16), iterations, joinHex(checkpoints));
            });
            if (refused !== null && !(refused instanceof ProtocolError)) throw refused;
            expectSame('valid', refused === null && wrong === null, valid);
          },
        ),
        ...casesOf(
          file.iterations_validity,
          ({ iterations }) => ({
            name: `${walker.name}: ${iterations} iterations allowed`,
            rule: 'pot-iterations',
          }),
          async (record) => {
            const refused = await refusal(() => walker.prove(new Uint8Array(16), record.iterations));
            expectSame('ok', refused === null, record.ok);
            expectSame(
              'same verdict',
              (await refusal(() => requireIterations(record.iterations))) === null,
              record.ok,
            );
            if (record.error === undefined) return;
            const reason = `Iterations ${record.iterations} are not multiple of number of checkpoints 8 times two`;
            expectRefusal(refused, record.error, { [reason]: /^bad-iterations: / });
          },
        ),
      ]),
      ...casesOf(
        file.seed_from_genesis,
        (_, index) => ({ name: `genesis seed ${index}`, rule: 'pot-genesis-seed' }),
        (record) =>
          expectFacts(record, {
            seed: genesisSeed(fromHex(record.genesis_block_hash, 32), fromHex(record.external_entropy)),
          }),
      ),
      ...casesOf(
        file.keys,
        ({ seed }) => ({ name: `key of ${seed}`, rule: 'pot-key' }),
        (record) => expectFacts(record, { key: potKey(fromHex(record.seed, 16)) }),
      ),
      ...casesOf(
        file.outputs,
        ({ output }) => ({ name: `what follows from ${output}`, rule: 'pot-output' }),
        (record) => {
          const output = fromHex(record.output, 16);
          expectFacts(record, {
            global_randomness: globalRandomness(output),
            seed_without_entropy: nextSeed(output, null),
            seed_with_entropy: nextSeed(output, fromHex(record.entropy, 32)),
            derive_pot_entropy_of_chunk_and_output: blockEntropy(fromHex(record.chunk, 32), output),
          });
          for (const challenge of record.global_challenges) {
            expectFacts(challenge, {
              global_challenge: globalChallenge(output, BigInt(challenge.slot)),
            });
          }
        },
      ),
      {
        name: 'chain of slots with a change of parameters',
        rule: 'pot-next-input',
        run: () => checkSlotChain(file.slot_chain),
      },
    ]);
  },
};
