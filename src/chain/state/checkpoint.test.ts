import { beforeAll, describe, expect, it } from 'vitest';
import { recordedChain, recordedContexts } from '../../../tests/support/recorded-chain.ts';
import {
  recordedMetadata,
  recordedStates,
  stateSource,
  type RecordedState,
} from '../../../tests/support/recorded-states.ts';
import { loadWasm } from '../../crypto/wasm.ts';
import { PUBLIC_CONSTANTS } from '../../network/presets.ts';
import { equal } from '../../protocol/bytes.ts';
import { buildDigest, subspaceDigests } from '../../protocol/digest.ts';
import { ProtocolError } from '../../protocol/errors.ts';
import { headerHash, sealOf } from '../../protocol/header.ts';
import { decodeJustification, encodeJustification } from '../../protocol/justification.ts';
import type { RuntimeMetadata } from '../../protocol/metadata.ts';
import type { Justification, SubspaceDigests } from '../../protocol/types.ts';
import type { BlockContext } from '../block.ts';
import { readBlock } from '../rules/header.ts';
import { contextAfter } from '../rules/import.ts';
import { readCheckpoint } from './checkpoint.ts';

const LAST = 170;
let metadata: RuntimeMetadata;
let states: RecordedState[];
/** What header rules alone know after each block of the main branch. */
let contexts: readonly BlockContext[];

beforeAll(async () => {
  await loadWasm();
  metadata = recordedMetadata();
  states = recordedStates(LAST);
  contexts = recordedContexts(LAST);
});

describe('checkpoint', () => {
  it.each([1, 2, 3, 7, 49, 50, 99, 100, 101, 149, 150, 151, 155, 160, LAST])(
    'at block %i hands on what the rules from genesis do',
    async (number) => {
      const { hash } = states[number] as RecordedState;
      const { context, blocks } = await readCheckpoint(stateSource(states), metadata, PUBLIC_CONSTANTS, hash);
      const replayed = contexts[number] as BlockContext;
      const { entropies, ...rest } = context;
      const { entropies: known, ...expected } = replayed;
      expect(rest).toEqual({ ...expected, weight: 0n });
      // The state keeps only entropy that is still to be injected.
      const interval = PUBLIC_CONSTANTS.potEntropyInjectionInterval;
      const needed = known.filter((one) => one.number + 2 * interval > number);
      expect(entropies.filter((one) => one.number + 2 * interval > number)).toEqual(needed);
      expect(blocks.at(-1)?.header).toEqual(states[number]?.header);
      // No ancestor is fetched that the outputs after the checkpoint's slot do not take.
      const proven = blocks.slice(1).map((block) => readBlock(block).justification.checkpoints.length);
      expect(proven.reduce((sum, count) => sum + count, 0)).toBeLessThan(
        PUBLIC_CONSTANTS.blockAuthoringDelay,
      );
    },
  );

  it('lets the chain be followed from it', async () => {
    const from = 97;
    const { hash } = states[from] as RecordedState;
    const checkpoint = await readCheckpoint(stateSource(states), metadata, PUBLIC_CONSTANTS, hash);
    let { context } = checkpoint;
    const chain = recordedChain('chain').blocks.filter(({ branch }) => branch === 'main');
    for (const block of chain.slice(from, LAST))
      context = contextAfter(readBlock(block), context, PUBLIC_CONSTANTS);
    expect(context.hash).toEqual(contexts[LAST]?.hash);
    expect(context.entropies).toEqual(contexts[LAST]?.entropies);
  });

  it('refuses another block, a block without a chain, and genesis', async () => {
    const source = stateSource(states);
    const { hash } = states[20] as RecordedState;
    const read = (changed: Partial<typeof source>, at = hash) =>
      readCheckpoint({ ...source, ...changed }, metadata, PUBLIC_CONSTANTS, at);
    await expect(read({ block: () => source.block(states[21]!.hash) })).rejects.toThrow('another block');
    await expect(read({ block: () => Promise.resolve(null) })).rejects.toThrow('does not have');
    await expect(read({}, states[0]!.hash)).rejects.toThrow(ProtocolError);
  });

  /** A recorded block as it would be with other values in its state, items in its header, or another proof of time. */
  function readAltered(
    number: number,
    values: [pallet: string, item: string, value: unknown][],
    change: Partial<SubspaceDigests> = {},
    proofOfTime: (honest: Justification) => Justification = (honest) => honest,
  ) {
    const honest = states[number] as RecordedState;
    const state = values.reduce((changed, [pallet, item, value]) => {
      const entry = metadata.storage(pallet, item);
      return changed.set(entry.key(), entry.encode(value));
    }, honest.state);
    const digests = { ...subspaceDigests(honest.header), seal: sealOf(honest.header), ...change };
    const header = { ...honest.header, stateRoot: state.root(), digest: buildDigest(digests) };
    const hash = headerHash(header);
    const justification = encodeJustification(proofOfTime(decodeJustification(honest.justification!)));
    const source = stateSource([...states, { ...honest, header, hash, state, justification }]);
    return readCheckpoint(source, metadata, PUBLIC_CONSTANTS, hash);
  }

  const rangesOf = (current: bigint, next: bigint | null) => ({
    current,
    next,
    voting_current: current,
    voting_next: next,
  });

  it('hands on what the block changes for its children', async () => {
    const { solutionRange, preDigest } = subspaceDigests(states[20]!.header);
    const { slot } = preDigest;
    const change = { slot, slotIterations: 4_096, entropy: new Uint8Array(32) };
    const { context } = await readAltered(
      20,
      [
        ['Subspace', 'SolutionRanges', rangesOf(solutionRange, 7n)],
        ['Subspace', 'PotSlotIterations', { slot_iterations: 4_096, update: null }],
      ],
      { nextSolutionRange: 7n, potParametersChange: change },
    );
    expect(context).toMatchObject({ childSolutionRange: 7n, childSlotIterations: 4_096, change });
  });

  it('refuses a state that says something else than the header, as false metadata would make it', async () => {
    const { solutionRange } = subspaceDigests(states[20]!.header);
    const lies: [string, [string, string, unknown]][] = [
      ['another solution range', ['Subspace', 'SolutionRanges', rangesOf(solutionRange + 1n, null)]],
      ['another solution range', ['Subspace', 'SolutionRanges', rangesOf(solutionRange, 7n)]],
      ['other iterations', ['Subspace', 'PotSlotIterations', { slot_iterations: 4_096, update: null }]],
      ['another slot', ['Subspace', 'BlockSlots', [[20, 1n]]]],
      [
        'another slot',
        ['Subspace', 'BlockSlots', [[19, subspaceDigests(states[20]!.header).preDigest.slot]]],
      ],
      ['another runtime', ['System', 'LastRuntimeUpgrade', { spec_version: 7, spec_name: 'subspace' }]],
      ['without a commitment', ['Subspace', 'CounterForSegmentCommitment', 2]],
    ];
    for (const [reason, lie] of lies) await expect(readAltered(20, [lie])).rejects.toThrow(reason);
  });

  it('refuses a proof of time with gaps, and blocks between which no time passes', async () => {
    const lineOf = async ({ hash }: RecordedState) =>
      (await readCheckpoint(stateSource(states), metadata, PUBLIC_CONSTANTS, hash)).blocks;
    const lines = await Promise.all(states.slice(30, 60).map(lineOf));
    const number = lines.find(({ length }) => length > 1)!.at(-1)!.header.number;
    const longer = readAltered(number, [], {}, ({ seed, checkpoints }) => ({
      seed,
      checkpoints: [new Uint8Array(128), ...checkpoints],
    }));
    await expect(longer).rejects.toThrow('with gaps');
    const { preDigest } = subspaceDigests(states[number]!.header);
    const { slot } = subspaceDigests(states[number - 1]!.header).preDigest;
    const still = readAltered(number, [], { preDigest: { ...preDigest, slot } }, ({ seed }) => ({
      seed,
      checkpoints: [],
    }));
    await expect(still).rejects.toThrow('do not follow');
  });

  it('refuses a proof of time that does not continue the ancestors’', async () => {
    const source = stateSource(states);
    const lines = await Promise.all(
      states.slice(30, 60).map(({ hash }) => readCheckpoint(source, metadata, PUBLIC_CONSTANTS, hash)),
    );
    const needsAncestors = lines.find(({ blocks }) => blocks.length > 1)!.context;
    const block = async (at: Uint8Array) => {
      const found = await source.block(at);
      const changed = found?.justification?.slice() ?? null;
      if (equal(at, needsAncestors.hash)) changed?.fill(1, 1, 17);
      return found && { ...found, justification: changed };
    };
    const read = readCheckpoint({ ...source, block }, metadata, PUBLIC_CONSTANTS, needsAncestors.hash);
    await expect(read).rejects.toThrow('does not continue');
  });
});
