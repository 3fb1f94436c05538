/** The blocks that a node handed out, verified as a light client verifies them. */
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

/** What the node answered to a call of the runtime, by the call's name. */
function answerOf({ calls }: CallsFile, method: string): Uint8Array {
  const call = calls.find(({ request }) => request.includes(`"${method}"`));
  if (call === undefined || typeof call.reply !== 'string')
    throw new Error(`no answer to ${method} is recorded of this chain`);
  return bytes((parseJson(call.reply) as { result: string }).result);
}

/** The chain's constants; those that no call tells are the ones that all networks of the runtime share. */
function constantsOf(long: CallsFile): ChainConstants {
  const told = decodeRuntimeConstants(answerOf(long, 'SubspaceApi_chain_constants'));
  const pieces = answerOf(long, 'SubspaceApi_max_pieces_in_sector');
  const maxPiecesInSector = decodeAll(pieces, 'pieces', (reader) => reader.u16());
  return { ...PUBLIC_CONSTANTS, ...told, maxPiecesInSector };
}

/** What the recorded chain began with, as the node's later answers about unchanged values have it. */
function genesisOf({ blocks }: BlocksFile, long: CallsFile): GenesisFacts {
  const header = fromRpcSignedBlock(blocks[0]?.reply).header;
  const ranges = answerOf(long, 'SubspaceApi_solution_ranges');
  const pot = answerOf(long, 'SubspaceApi_pot_parameters');
  const adjust = answerOf(long, 'SubspaceApi_should_adjust_solution_range');
  return {
    header,
    solutionRange: new DataView(ranges.buffer).getBigUint64(0, true),
    potSlotIterations: new DataView(pot.buffer).getUint32(1, true),
    externalEntropy: '',
    restricted: false,
    adjusting: adjust[0] === 1,
    firstCommitment: null,
  };
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
