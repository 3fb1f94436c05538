/** Hashes, proof of time, sectors and solution ranges, digests: everything that needs no heavy work. */
import {
  expandMiniSecret,
  miniSecretFromEntropy,
  publicKeyOf,
  sign,
  verifySignature,
} from '../../src/crypto/sr25519.ts';
import { loadWasm } from '../../src/crypto/wasm.ts';
import { wasmWalker, webCryptoWalker, type PotWalker } from '../../src/crypto/pot.ts';
import { concat, fromHex, littleEndian, toHex, utf8 } from '../../src/protocol/bytes.ts';
import {
  EXTRINSIC_SIGNING_CONTEXT,
  REWARD_SIGNING_CONTEXT,
  SCALAR_MODULUS,
  SUBSPACE_ENGINE,
} from '../../src/protocol/constants.ts';
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
import { blake2b256, blake3Hash, blake3KeyedHash, hashToScalar } from '../../src/protocol/hash.ts';
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
import { isCanonicalScalar, scalarFromSafeBytes, scalarToSafeBytes } from '../../src/protocol/scalar.ts';
import { decodeAll, ScaleWriter } from '../../src/protocol/scale.ts';
import {
  auditedSBucket,
  evaluationSeed,
  expirationHistorySize,
  expiryCheckHistorySize,
  interleavedPieces,
  pieceIndexOf,
  recentPolicyActive,
  sectorId,
  sectorSlotChallenge,
} from '../../src/protocol/sector.ts';
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  isSourcePiece,
  nextSourcePiece,
  pieceIndexesSourceFirst,
  positionOfPiece,
  previousSourcePiece,
  segmentHeaderFromJson,
  segmentHeaderHash,
  segmentHeaderToJson,
  segmentOfPiece,
  sourcePosition,
} from '../../src/protocol/segment.ts';
import {
  decodeSolution,
  encodeSolution,
  solutionFromJson,
  solutionToJson,
} from '../../src/protocol/solution.ts';
import {
  bidirectionalDistance,
  blockWeight,
  isWithinSolutionRange,
  nextSolutionRange,
  piecesToSolutionRange,
  solutionDistance,
  solutionRangeToPieces,
} from '../../src/protocol/solution-range.ts';
import { decodeVote, encodeVote, voteHash } from '../../src/protocol/vote.ts';
import {
  casesOf,
  expectFacts,
  expectSame,
  fromJson,
  joinHex,
  namedBytes,
  refusal,
  splitHex,
  type Recorded,
} from './protocol-support.ts';
import type { ConformanceCase, ConformanceSuite } from './types.ts';

interface HashesFile {
  label: string;
  key: string;
  hashes: (Recorded & { len: number; data_name: string; split_points: [number, number] })[];
  scalar_modulus_be: string;
  scalars_full: (Recorded & { name: string; bytes: string; valid: boolean; error?: string })[];
  scalars_from_safe_bytes: (Recorded & { safe_bytes: string })[];
}

export const hashes: ConformanceSuite = {
  files: [/^hashes\.json$/],
  cases: (ctx, files) =>
    fromJson<HashesFile>(ctx, files, 'hashes.json', (file) => [
      {
        name: 'key and modulus',
        rule: 'hashes',
        run: () =>
          expectFacts(
            file as unknown as Recorded,
            ['label', 'hashes', 'scalars_full', 'scalars_from_safe_bytes'],
            {
              key: namedBytes(file.label, 'hash-key', 32),
              scalar_modulus_be: SCALAR_MODULUS.toString(16),
            },
          ),
      },
      ...casesOf(
        file.hashes,
        ({ len }) => ({ name: `hashes of ${len} bytes`, rule: 'blake3' }),
        (record) => {
          const key = fromHex(file.key, 32);
          const data = namedBytes(file.label, record.data_name, record.len);
          const [a, b] = record.split_points;
          const parts = [data.subarray(0, a), data.subarray(a, b), data.subarray(b)];
          expectFacts(record, ['len', 'data_name', 'split_points'], {
            data,
            blake3: blake3Hash(data),
            blake3_with_key: blake3KeyedHash(key, data),
            blake3_list: blake3Hash(...parts),
            blake3_list_with_key: blake3KeyedHash(key, ...parts),
            blake3_254_scalar_be: hashToScalar(data),
          });
        },
      ),
      ...casesOf(
        file.scalars_full,
        ({ name }) => ({ name: `scalar ${name}`, rule: 'canonical-scalar' }),
        (record) => {
          const bytes = fromHex(record.bytes, 32);
          const valid = isCanonicalScalar(bytes);
          expectFacts(record, ['name', 'bytes', 'error'], {
            valid,
            to_bytes: valid ? bytes : null,
            safe_bytes: scalarToSafeBytes(bytes),
          });
          expectSame('error', valid ? null : 'Invalid scalar', record.error ?? null);
        },
      ),
      ...casesOf(
        file.scalars_from_safe_bytes,
        (_, index) => ({ name: `scalar from safe bytes ${index}`, rule: 'safe-bytes-scalar' }),
        (record) =>
          expectFacts(record, ['safe_bytes'], {
            scalar_be: scalarFromSafeBytes(fromHex(record.safe_bytes, 31)),
          }),
      ),
    ]),
};

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
    parameters_change: { slot: number; slot_iterations: number; entropy: string };
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
  expectFacts(record, ['seed_name', 'iterations'], {
    seed,
    key: potKey(seed),
    iterations_per_checkpoint: record.iterations / 8,
    checkpoints: splitHex(checkpoints, 16),
    output: slotOutput(checkpoints),
    valid: (await walker.verify(seed, record.iterations, joinHex(record.checkpoints))) === null,
  });
}

async function checkSlotChain(chain: PotFile['slot_chain']): Promise<void> {
  const change = {
    slot: BigInt(chain.parameters_change.slot),
    slotIterations: chain.parameters_change.slot_iterations,
    entropy: fromHex(chain.parameters_change.entropy, 32),
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
    expectFacts(record, [], {
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
            const wrong = await walker.verify(fromHex(seed, 16), iterations, joinHex(checkpoints));
            expectSame('valid', wrong === null, valid);
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
            const reason = `Iterations ${record.iterations} are not multiple of number of checkpoints 8 times two`;
            expectSame('error', refused === null ? null : reason, record.error ?? null);
          },
        ),
      ]),
      ...casesOf(
        file.seed_from_genesis,
        (_, index) => ({ name: `genesis seed ${index}`, rule: 'pot-genesis-seed' }),
        (record) =>
          expectFacts(record, ['genesis_block_hash', 'external_entropy'], {
            seed: genesisSeed(fromHex(record.genesis_block_hash, 32), fromHex(record.external_entropy)),
          }),
      ),
      ...casesOf(
        file.keys,
        ({ seed }) => ({ name: `key of ${seed}`, rule: 'pot-key' }),
        (record) => expectFacts(record, ['seed'], { key: potKey(fromHex(record.seed, 16)) }),
      ),
      ...casesOf(
        file.outputs,
        ({ output }) => ({ name: `what follows from ${output}`, rule: 'pot-output' }),
        (record) => {
          const output = fromHex(record.output, 16);
          expectFacts(record, ['output', 'entropy', 'chunk', 'global_challenges'], {
            global_randomness: globalRandomness(output),
            seed_without_entropy: nextSeed(output, null),
            seed_with_entropy: nextSeed(output, fromHex(record.entropy, 32)),
            derive_pot_entropy_of_chunk_and_output: blockEntropy(fromHex(record.chunk, 32), output),
          });
          for (const challenge of record.global_challenges) {
            expectFacts(challenge, ['slot'], {
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

interface Selection extends Recorded {
  public_key: string;
  sector_index: number;
  sector_id: string;
  history_size: number;
  max_pieces_in_sector: number;
  recent_segments: number;
  recent_history_fraction: [number, number];
  piece_indexes: number[];
}

interface ConsensusFile {
  sectors: (Recorded & {
    public_key: string;
    sector_index: number;
    history_size: number | string;
    evaluation_seeds: (Recorded & { piece_offset: number })[];
    slot_challenges: (Recorded & { global_challenge: string })[];
    expirations: (Recorded & {
      history_size: string;
      min_sector_lifetime: number;
      segment_commitment: string;
    })[];
  })[];
  piece_index_derivation: Selection[];
  pieces_to_solution_range: (Recorded & { pieces: string; slot_probability: [number, number] })[];
  derive_next_solution_range: (Recorded & {
    start_slot: string;
    current_slot: string;
    slot_probability: [number, number];
    current_solution_range: string;
    era_duration: number;
  })[];
  solution_distance: (Recorded & {
    global_challenge: string;
    chunk: string;
    sector_id: string;
    ranges: { solution_range: string; within: boolean }[];
  })[];
  bidirectional_distance: (Recorded & { a: string; b: string })[];
  block_fork_weight: (Recorded & { solution_range: string })[];
  piece_index_helpers: (Recorded & { piece_index: number })[];
  segment_3_piece_indexes_source_first: number[];
  identity_and_reward_signing: (Recorded & {
    entropy: string;
    cases: { what: string; hash: string; signature: string; public_key: string; valid: boolean }[];
  })[];
}

const fraction = ([a, b]: [number, number]): [bigint, bigint] => [BigInt(a), BigInt(b)];

function checkSector(record: ConsensusFile['sectors'][number]): void {
  const publicKey = fromHex(record.public_key, 32);
  const historySize = BigInt(record.history_size);
  const id = sectorId(publicKey, record.sector_index, historySize);
  const inputs = ['public_key', 'sector_index', 'history_size'];
  expectFacts(record, [...inputs, 'evaluation_seeds', 'slot_challenges', 'expirations'], {
    public_key_hash: blake3Hash(publicKey),
    sector_id: id,
  });
  for (const seed of record.evaluation_seeds) {
    expectFacts(seed, ['piece_offset'], { evaluation_seed: evaluationSeed(id, seed.piece_offset) });
  }
  for (const slot of record.slot_challenges) {
    const challenge = sectorSlotChallenge(id, fromHex(slot.global_challenge, 32));
    expectFacts(slot, ['global_challenge'], {
      sector_slot_challenge: challenge,
      s_bucket_audit_index: auditedSBucket(challenge),
    });
  }
  for (const expiry of record.expirations) {
    const size = BigInt(expiry.history_size);
    const lifetime = BigInt(expiry.min_sector_lifetime);
    expectFacts(expiry, ['history_size', 'min_sector_lifetime', 'segment_commitment'], {
      sector_expiration_check: expiryCheckHistorySize(size, lifetime),
      expiration_history_size: expirationHistorySize(
        id,
        size,
        fromHex(expiry.segment_commitment, 48),
        lifetime,
      ),
      panicked: false,
    });
  }
}

function checkSelection(record: Selection): void {
  const historySize = BigInt(record.history_size);
  const id = sectorId(fromHex(record.public_key, 32), record.sector_index, historySize);
  const rules = {
    maxPiecesInSector: record.max_pieces_in_sector,
    recentSegments: BigInt(record.recent_segments),
    recentHistoryFraction: fraction(record.recent_history_fraction),
  };
  const inputs = ['public_key', 'sector_index', 'history_size', 'max_pieces_in_sector'];
  expectFacts(record, [...inputs, 'recent_segments', 'recent_history_fraction'], {
    sector_id: id,
    num_interleaved_pieces: interleavedPieces(rules),
    recent_policy_active: recentPolicyActive(historySize, rules),
    piece_indexes: record.piece_indexes.map((_, offset) => pieceIndexOf(id, offset, historySize, rules)),
  });
}

function checkDistance(record: ConsensusFile['solution_distance'][number]): void {
  const challenge = fromHex(record.global_challenge, 32);
  const chunk = fromHex(record.chunk, 32);
  const slotChallenge = sectorSlotChallenge(fromHex(record.sector_id, 32), challenge);
  const distance = solutionDistance(challenge, chunk, slotChallenge);
  expectFacts(record, ['global_challenge', 'chunk', 'sector_id', 'ranges'], {
    sector_slot_challenge: slotChallenge,
    audit_chunk: blake3KeyedHash(slotChallenge, chunk),
    solution_distance: distance,
  });
  for (const { solution_range: range, within } of record.ranges) {
    expectSame(`within ${range}`, isWithinSolutionRange(distance, BigInt(range)), within);
  }
}

function checkHelpers(record: ConsensusFile['piece_index_helpers'][number]): void {
  const index = BigInt(record.piece_index);
  const source = isSourcePiece(index);
  expectFacts(record, ['piece_index'], {
    segment_index: segmentOfPiece(index),
    position: positionOfPiece(index),
    is_source: source,
    source_position: source ? sourcePosition(index) : null,
    next_source_index: source ? nextSourcePiece(index) : null,
    prev_source_index: source ? previousSourcePiece(index) : null,
    le_bytes: littleEndian(index, 8),
  });
}

function identityCases(record: ConsensusFile['identity_and_reward_signing'][number]): ConformanceCase[] {
  const entropy = fromHex(record.entropy, 32);
  const identity: ConformanceCase = {
    name: `identity of entropy ${record.entropy.slice(0, 8)}`,
    rule: 'farmer-identity',
    run: () => {
      const miniSecret = miniSecretFromEntropy(entropy);
      const secret = expandMiniSecret(miniSecret);
      const publicKey = publicKeyOf(secret);
      expectFacts(record, ['entropy', 'cases'], {
        identity_bin: new ScaleWriter().byteVector(entropy).bytes(),
        mini_secret: miniSecret,
        public_key: publicKey,
        context: REWARD_SIGNING_CONTEXT,
      });
      const message = blake3Hash(entropy);
      const signature = sign(secret, REWARD_SIGNING_CONTEXT, message);
      expectSame(
        'own signature',
        verifySignature(publicKey, REWARD_SIGNING_CONTEXT, message, signature),
        true,
      );
      const elsewhere = verifySignature(publicKey, EXTRINSIC_SIGNING_CONTEXT, message, signature);
      expectSame('own signature in another context', elsewhere, false);
    },
  };
  const signatures = casesOf(
    record.cases,
    ({ what }) => ({ name: `reward signature: ${what}`, rule: 'seal-signature' }),
    ({ hash, signature, public_key: publicKey, valid }) =>
      expectSame(
        'valid',
        verifySignature(fromHex(publicKey, 32), REWARD_SIGNING_CONTEXT, fromHex(hash), fromHex(signature)),
        valid,
      ),
  );
  return [identity, ...signatures];
}

export const consensus: ConformanceSuite = {
  files: [/^consensus\.json$/],
  async cases(ctx, files) {
    await loadWasm();
    return fromJson<ConsensusFile>(ctx, files, 'consensus.json', (file) => [
      ...casesOf(
        file.sectors,
        ({ sector_index: index }) => ({ name: `sector ${index}`, rule: 'sector' }),
        checkSector,
      ),
      ...casesOf(
        file.piece_index_derivation,
        (record) => ({
          name: `pieces of a sector of ${record.max_pieces_in_sector} at history ${record.history_size}`,
          rule: 'piece-index-derivation',
        }),
        checkSelection,
      ),
      ...casesOf(
        file.pieces_to_solution_range,
        ({ pieces }) => ({ name: `solution range of ${pieces} pieces`, rule: 'solution-range' }),
        (record) => {
          const probability = fraction(record.slot_probability);
          const range = piecesToSolutionRange(BigInt(record.pieces), probability);
          expectFacts(record, ['pieces', 'slot_probability'], {
            solution_range: range,
            back_to_pieces: solutionRangeToPieces(range, probability),
          });
        },
      ),
      ...casesOf(
        file.derive_next_solution_range,
        (record) => ({
          name: `range ${record.current_solution_range} after slots ${record.start_slot}..${record.current_slot}`,
          rule: 'next-solution-range-digest',
        }),
        (record) => {
          const inputs = [
            'start_slot',
            'current_slot',
            'slot_probability',
            'current_solution_range',
            'era_duration',
          ];
          expectFacts(record, inputs, {
            next_solution_range: nextSolutionRange(
              BigInt(record.start_slot),
              BigInt(record.current_slot),
              BigInt(record.current_solution_range),
              fraction(record.slot_probability),
              record.era_duration,
            ),
          });
        },
      ),
      ...casesOf(
        file.solution_distance,
        (_, index) => ({ name: `distance ${index}`, rule: 'solution-distance' }),
        checkDistance,
      ),
      ...casesOf(
        file.bidirectional_distance,
        ({ a, b }) => ({ name: `distance of ${a} and ${b}`, rule: 'bidirectional-distance' }),
        (record) =>
          expectFacts(record, ['a', 'b'], {
            distance: bidirectionalDistance(BigInt(record.a), BigInt(record.b)),
          }),
      ),
      ...casesOf(
        file.block_fork_weight,
        ({ solution_range: range }) => ({ name: `weight at range ${range}`, rule: 'fork-weight' }),
        (record) =>
          expectFacts(record, ['solution_range'], { weight: blockWeight(BigInt(record.solution_range)) }),
      ),
      ...casesOf(
        file.piece_index_helpers,
        ({ piece_index: index }) => ({ name: `piece ${index}`, rule: 'piece-index' }),
        checkHelpers,
      ),
      {
        name: 'pieces of segment 3, source first',
        rule: 'piece-index',
        run: () =>
          expectSame('order', pieceIndexesSourceFirst(3n), file.segment_3_piece_indexes_source_first),
      },
      ...file.identity_and_reward_signing.flatMap(identityCases),
    ]);
  },
};

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
  if (item.kind === 'consensus') {
    const consensus = decodeConsensusItem(payload);
    expectSame('fields', fieldsOf(consensus), record.fields ?? null);
    expectSame('payload', encodeConsensusItem(consensus), record.payload);
    expectSame('item of the payload', encodeDigestItem(consensusDigestItem(consensus)), record.digest_item);
  } else if (item.kind === 'preRuntime') {
    const preDigest = decodePreDigest(payload);
    const { solution } = preDigest;
    expectFacts(record.fields ?? {}, [], {
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
  expectFacts(record, ['seal_signer_public_key'], {
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
  expectFacts(record, [], {
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
          expectFacts(file.vote, [], { scale: encodeVote(vote), hash_blake2_256: voteHash(vote) });
          expectSame('hash of the bytes', blake2b256(fromHex(file.vote.scale)), file.vote['hash_blake2_256']);
        },
      },
      ...casesOf(
        file.segment_headers,
        (_, index) => ({ name: `segment header ${index}`, rule: 'segment-header' }),
        (record) => {
          const header = decodeSegmentHeader(fromHex(record.scale));
          expectFacts(record, [], {
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
