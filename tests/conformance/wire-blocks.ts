/** The blocks that a node handed out, verified as a light client verifies them. */
import { blockId } from '../../src/chain/block.ts';
import { decodeRuntimeConstants } from '../../src/chain/constants.ts';
import type { GenesisFacts } from '../../src/chain/genesis.ts';
import { claimedSlots } from '../../src/chain/rules/proof-of-time.ts';
import type { VerifiedBlock } from '../../src/chain/verifier.ts';
import { JobPriority } from '../../src/crypto/jobs.ts';
import { createInlinePool } from '../../src/crypto/pool/inline.ts';
import { PotVerifier, type PotVerdict } from '../../src/crypto/pot-verifier.ts';
import { randomBelow } from '../../src/crypto/random.ts';
import { parseJson } from '../../src/network/json.ts';
import { PUBLIC_CONSTANTS } from '../../src/network/presets.ts';
import { subspacePayload } from '../../src/network/source.ts';
import {
  decodeSignedBlock,
  encodeSignedBlock,
  fromRpcSignedBlock,
  toRpcSignedBlock,
} from '../../src/protocol/block.ts';
import { SUBSPACE_ENGINE } from '../../src/protocol/constants.ts';
import { subspaceDigests } from '../../src/protocol/digest.ts';
import { decodeExtrinsic, encodeExtrinsic } from '../../src/protocol/extrinsic.ts';
import { headerHash } from '../../src/protocol/header.ts';
import { decodeAll } from '../../src/protocol/scale.ts';
import { orderedTrieRoot } from '../../src/protocol/trie.ts';
import type { ChainConstants } from '../../src/protocol/types.ts';
import { Replay, unprefixed } from './chain-support.ts';
import { expectSame } from './protocol-support.ts';
import type { ConformanceCase } from './types.ts';
import { bytes, type BlocksFile, type CallsFile } from './wire-recordings.ts';

/**
 * Accepts the proof of time of recorded blocks unseen: a slot of the real pace takes seconds on one core. Two
 * checkpoints drawn at random are verified for real by a case of their own.
 */
class UnseenTime extends PotVerifier {
  override async verify(slots: readonly unknown[]): Promise<PotVerdict> {
    return { mode: 'sampled', slots: slots.length, iterations: 0 };
  }
}

const SAMPLED_SLOTS = 2;

/** Of the trie of extrinsics, in the runtime of that release. */
const EXTRINSICS_STATE_VERSION = 1;

/** What the node answered to a call of the runtime, by the call's name, and of which block's state; null: nothing. */
function answerOf({ calls }: CallsFile, method: string): { value: Uint8Array; at: string | null } | null {
  const call = calls.find(({ request }) => request.includes(`"${method}"`));
  if (call === undefined || typeof call.reply !== 'string') return null;
  const { result } = parseJson(call.reply) as { result?: string };
  const [, , at = null] = (parseJson(call.request) as { params: (string | null)[] }).params;
  return result === undefined ? null : { value: bytes(result), at };
}

/** The chain's constants; those that no call tells are the ones that all networks of the runtime share. */
function constantsOf(long: CallsFile): ChainConstants {
  const constants = answerOf(long, 'SubspaceApi_chain_constants');
  const pieces = answerOf(long, 'SubspaceApi_max_pieces_in_sector');
  return {
    ...PUBLIC_CONSTANTS,
    ...(constants && decodeRuntimeConstants(constants.value)),
    ...(pieces && { maxPiecesInSector: decodeAll(pieces.value, 'pieces', (reader) => reader.u16()) }),
  };
}

/** What the recorded chain began with, as its first block has it; adjusting as the node's answer has it. */
function genesisOf({ blocks }: BlocksFile, long: CallsFile): GenesisFacts {
  const [header, first] = blocks.slice(0, 2).map(({ reply }) => fromRpcSignedBlock(reply).header);
  if (header === undefined || first === undefined) throw new Error('a chain of one block');
  const { solutionRange, potSlotIterations } = subspaceDigests(first);
  return {
    header,
    solutionRange,
    potSlotIterations,
    externalEntropy: '',
    restricted: false,
    adjusting: answerOf(long, 'SubspaceApi_should_adjust_solution_range')?.value[0] === 1,
    firstCommitment: null,
  };
}

/** Compares what the node said of the state after a block of the chain with what follows from its headers. */
function checkAnswers(long: CallsFile, { contexts }: Replay): void {
  const contextAt = (at: string | null | undefined) => contexts.get(blockId(bytes(at ?? '0x')));
  const ranges = answerOf(long, 'SubspaceApi_solution_ranges');
  const range = contextAt(ranges?.at)?.childSolutionRange;
  if (ranges !== null && range !== undefined)
    expectSame('solution range', new DataView(ranges.value.buffer).getBigUint64(0, true), range);
  const pot = answerOf(long, 'SubspaceApi_pot_parameters');
  const iterations = contextAt(pot?.at)?.childSlotIterations;
  if (pot !== null && iterations !== undefined)
    expectSame('iterations', new DataView(pot.value.buffer).getUint32(1, true), iterations);
}

export async function* blockCases(file: BlocksFile, long: CallsFile | null): AsyncGenerator<ConformanceCase> {
  const name = 'wire/blocks';
  for (const { number, hash, reply } of file.blocks) {
    yield {
      name: `${name}: ${number}`,
      rule: 'signed-block',
      run: () => {
        const block = fromRpcSignedBlock(reply);
        expectSame('JSON', toRpcSignedBlock(block), reply);
        expectSame('SCALE', toRpcSignedBlock(decodeSignedBlock(encodeSignedBlock(block))), reply);
        expectSame('number', block.header.number, number);
        expectSame('hash', headerHash(block.header), unprefixed(hash));
        const { extrinsics, justifications, header } = block;
        expectSame(
          'extrinsics root',
          orderedTrieRoot(extrinsics, EXTRINSICS_STATE_VERSION),
          header.extrinsicsRoot,
        );
        const engines = justifications?.map(({ engine }) => engine) ?? null;
        expectSame('engines', engines, number === 0 ? null : [SUBSPACE_ENGINE]);
        for (const extrinsic of extrinsics) {
          expectSame('extrinsic', encodeExtrinsic(decodeExtrinsic(extrinsic)), extrinsic);
        }
      },
    };
  }
  if (long === null) return;
  const blocks = file.blocks.slice(1).map(({ reply }) => {
    const { header, justifications } = fromRpcSignedBlock(reply);
    return { header, justification: subspacePayload(justifications) };
  });
  const constants = constantsOf(long);
  const replay = await Replay.open(
    genesisOf(file, long),
    constants,
    (pool) => new UnseenTime(pool, { mode: 'full' }),
  );
  const verified: VerifiedBlock[] = [];
  yield {
    name: `${name}: all rules but the walk of time`,
    rule: 'import',
    run: async () => {
      verified.push(...(await replay.import(blocks)));
      expectSame('best', replay.tree.best.context.hash, unprefixed(file.blocks.at(-1)?.hash));
      checkAnswers(long, replay);
    },
  };
  for (let index = 0; index < SAMPLED_SLOTS; index += 1) {
    yield {
      name: `${name}: a checkpoint of a slot drawn at random (${index})`,
      rule: 'pot-checkpoints',
      run: async () => {
        const { block } = verified[randomBelow(verified.length)] as VerifiedBlock;
        const slots = claimedSlots(block, constants.blockAuthoringDelay);
        const slot = slots[randomBelow(slots.length)] as (typeof slots)[number];
        const pot = new PotVerifier(createInlinePool(), { mode: 'sampled', checkpointsPerSlot: 1 });
        await pot.verify([slot], { priority: JobPriority.catchUp });
      },
    };
  }
}
