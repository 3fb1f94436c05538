/** Digests, headers and justifications, and what else is encoded around them. */
import { verifySignature } from '../../src/crypto/sr25519.ts';
import { loadWasm } from '../../src/crypto/wasm.ts';
import { concat, equal, fromHex, toHex, utf8 } from '../../src/protocol/bytes.ts';
import { REWARD_SIGNING_CONTEXT, SUBSPACE_ENGINE } from '../../src/protocol/constants.ts';
import {
  buildDigest,
  consensusDigestItem,
  decodeConsensusItem,
  decodePreDigest,
  encodeConsensusItem,
  encodePreDigest,
  preRuntimeDigestItem,
  sealDigestItem,
  subspaceDigests,
  type ConsensusItem,
} from '../../src/protocol/digest.ts';
import { blake2b256 } from '../../src/protocol/hash.ts';
import {
  decodeDigestItem,
  decodeHeader,
  encodeDigestItem,
  encodeHeader,
  headerHash,
  preSealHash,
  sealOf,
  unsealed,
} from '../../src/protocol/header.ts';
import {
  decodeJustification,
  encodeJustification,
  readEngineJustifications,
  subspaceJustification,
  writeEngineJustification,
} from '../../src/protocol/justification.ts';
import {
  decodeBlockObjectMapping,
  encodeBlockObjectMapping,
  globalObjectMappingFromJson,
  globalObjectMappingToJson,
} from '../../src/protocol/object-mapping.ts';
import { decodeAll, ScaleWriter } from '../../src/protocol/scale.ts';
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  segmentHeaderFromJson,
  segmentHeaderHash,
  segmentHeaderToJson,
} from '../../src/protocol/segment.ts';
import {
  decodeSolution,
  encodeSolution,
  solutionFromJson,
  solutionToJson,
} from '../../src/protocol/solution.ts';
import { decodeVote, encodeVote, voteHash } from '../../src/protocol/vote.ts';
import { casesOf, expectFacts, expectSame, fromJson, splitHex, type Recorded } from './protocol-support.ts';
import type { ConformanceSuite } from './types.ts';

interface DigestsFile {
  engine_id: string;
  items: { name: string; digest_item: string; payload?: string; fields?: Recorded | null }[];
  header: Recorded & { unsealed_scale: string; sealed_scale: string; seal_signer_public_key: string };
  justification: Recorded & { payload: string; checkpoints: string[][] };
  vote: Recorded & { scale: string };
  segment_headers: (Recorded & { scale: string; json: unknown })[];
  object_mapping_json: unknown;
  block_object_mapping_scale: string;
}

/** Recorded fields of a consensus item, as the item itself names them. */
function fieldsOf(item: ConsensusItem): Recorded | null {
  switch (item.kind) {
    case 'potSlotIterations':
      return { slot_iterations: item.iterations };
    case 'solutionRange':
    case 'nextSolutionRange':
      return { solution_range: item.range };
    case 'potParametersChange':
      return { slot: item.slot, slot_iterations: item.slotIterations, entropy: item.entropy };
    case 'segmentCommitment':
      return { segment_index: item.segmentIndex, segment_commitment: item.commitment };
    case 'enableSolutionRangeAdjustment':
      return item.override === null ? null : { solution_range: item.override };
    case 'rootPlotPublicKeyUpdate':
      return item.key === null ? null : { public_key: item.key };
  }
}

function checkDigestItem(record: DigestsFile['items'][number]): void {
  const bytes = fromHex(record.digest_item);
  const item = decodeDigestItem(bytes);
  expectSame('digest_item', encodeDigestItem(item), record.digest_item);
  if (record.payload === undefined) {
    expectSame(
      'carries nothing of the network',
      item.kind === 'other' || item.kind === 'runtimeEnvironmentUpdated',
      true,
    );
    return;
  }
  const payload = fromHex(record.payload);
  if ('engine' in item && !equal(item.engine, SUBSPACE_ENGINE)) {
    expectSame('payload of another engine', item.data, record.payload);
  } else if (item.kind === 'consensus') {
    const consensus = decodeConsensusItem(payload);
    expectSame('fields', fieldsOf(consensus), record.fields ?? null);
    expectSame('payload', encodeConsensusItem(consensus), record.payload);
    expectSame('item of the payload', encodeDigestItem(consensusDigestItem(consensus)), record.digest_item);
  } else if (item.kind === 'preRuntime') {
    const preDigest = decodePreDigest(payload);
    const { solution } = preDigest;
    expectFacts(record.fields ?? {}, {
      slot: preDigest.slot,
      proof_of_time: preDigest.proofOfTime,
      future_proof_of_time: preDigest.futureProofOfTime,
      solution: solutionToJson(solution),
      solution_scale: encodeSolution(solution),
    });
    expectSame(
      'solution from JSON',
      solutionToJson(solutionFromJson(record.fields?.['solution'])),
      solutionToJson(solution),
    );
    expectSame('solution from SCALE', decodeSolution(encodeSolution(solution)), solution);
    expectSame('payload', encodePreDigest(preDigest), record.payload);
    expectSame('item of the payload', encodeDigestItem(preRuntimeDigestItem(preDigest)), record.digest_item);
  } else {
    expectSame('item of the payload', encodeDigestItem(sealDigestItem(payload)), record.digest_item);
  }
}

function checkHeader(record: DigestsFile['header']): void {
  const sealed = decodeHeader(fromHex(record.sealed_scale));
  const open = decodeHeader(fromHex(record.unsealed_scale));
  const hash = preSealHash(sealed);
  expectFacts(record, {
    parent_hash: sealed.parentHash,
    number: sealed.number,
    state_root: sealed.stateRoot,
    extrinsics_root: sealed.extrinsicsRoot,
    unsealed_scale: encodeHeader(unsealed(sealed)),
    pre_hash_blake2_256: hash,
    sealed_scale: encodeHeader({ ...open, digest: [...open.digest, sealDigestItem(sealOf(sealed))] }),
    hash_blake2_256: headerHash(sealed),
  });
  expectSame('hash of the unsealed header', headerHash(open), record['pre_hash_blake2_256']);
  const signer = fromHex(record.seal_signer_public_key, 32);
  expectSame('seal', verifySignature(signer, REWARD_SIGNING_CONTEXT, hash, sealOf(sealed)), true);
  expectSame(
    'seal by another key',
    verifySignature(hash, REWARD_SIGNING_CONTEXT, hash, sealOf(sealed)),
    false,
  );
  const rebuilt = buildDigest(subspaceDigests(sealed)).map((item) => toHex(encodeDigestItem(item)));
  const carried = sealed.digest.map((item) => toHex(encodeDigestItem(item)));
  expectSame('items of the network', rebuilt.sort(), carried.filter((item) => rebuilt.includes(item)).sort());
}

function checkJustification(record: DigestsFile['justification']): void {
  const payload = fromHex(record.payload);
  const justification = decodeJustification(payload);
  const tuple = new ScaleWriter();
  writeEngineJustification(tuple, subspaceJustification(justification));
  expectFacts(record, {
    engine_id: new TextDecoder().decode(SUBSPACE_ENGINE),
    seed: justification.seed,
    checkpoints: justification.checkpoints.map((set) => splitHex(set, 16)),
    payload: encodeJustification(justification),
    scale_tuple: tuple.bytes(),
  });
  const list = concat(Uint8Array.of(1 << 2), tuple.bytes());
  const [read] = decodeAll(list, 'justifications', readEngineJustifications);
  expectSame('payload in a list', read?.data, record.payload);
}

export const digests: ConformanceSuite = {
  files: [/^digests\.json$/],
  async cases(ctx, files) {
    await loadWasm();
    return fromJson<DigestsFile>(ctx, files, 'digests.json', (file) => [
      {
        name: 'engine id',
        rule: 'digest-items',
        run: () => expectSame('engine_id', SUBSPACE_ENGINE, utf8(file.engine_id)),
      },
      ...casesOf(
        file.items,
        ({ name }) => ({ name: `digest item ${name}`, rule: 'digest-items' }),
        checkDigestItem,
      ),
      { name: 'sealed header', rule: 'seal-signature', run: () => checkHeader(file.header) },
      {
        name: 'justification',
        rule: 'justification-decode',
        run: () => checkJustification(file.justification),
      },
      {
        name: 'vote',
        rule: 'vote',
        run: () => {
          const vote = decodeVote(fromHex(file.vote.scale));
          expectFacts(file.vote, { scale: encodeVote(vote), hash_blake2_256: voteHash(vote) });
          expectSame('hash of the bytes', blake2b256(fromHex(file.vote.scale)), file.vote['hash_blake2_256']);
        },
      },
      ...casesOf(
        file.segment_headers,
        (_, index) => ({ name: `segment header ${index}`, rule: 'segment-header' }),
        (record) => {
          const header = decodeSegmentHeader(fromHex(record.scale));
          expectFacts(record, {
            scale: encodeSegmentHeader(header),
            hash: segmentHeaderHash(header),
            json: segmentHeaderToJson(header),
          });
          expectSame('from JSON', encodeSegmentHeader(segmentHeaderFromJson(record.json)), record.scale);
        },
      ),
      {
        name: 'object mappings',
        rule: 'object-mapping',
        run: () => {
          const objects = globalObjectMappingFromJson(file.object_mapping_json);
          expectSame('object_mapping_json', globalObjectMappingToJson(objects), file.object_mapping_json);
          const inBlock = decodeBlockObjectMapping(fromHex(file.block_object_mapping_scale));
          expectSame(
            'block_object_mapping_scale',
            encodeBlockObjectMapping(inBlock),
            file.block_object_mapping_scale,
          );
          // Both are of the same objects.
          expectSame(
            'objects of the block',
            inBlock.map(({ hash, offset }) => ({ hash, offset })),
            objects.map(({ hash, offset }) => ({ hash, offset })),
          );
        },
      },
    ]);
  },
};
