/** Sectors, pieces in them, solution ranges and distances, rewards’ signatures. */
import {
  expandMiniSecret,
  miniSecretFromEntropy,
  publicKeyOf,
  sign,
  verifySignature,
} from '../../src/crypto/sr25519.ts';
import { loadWasm } from '../../src/crypto/wasm.ts';
import { fromHex, littleEndian } from '../../src/protocol/bytes.ts';
import { EXTRINSIC_SIGNING_CONTEXT, REWARD_SIGNING_CONTEXT } from '../../src/protocol/constants.ts';
import { blake3Hash, blake3KeyedHash } from '../../src/protocol/hash.ts';
import { ScaleWriter } from '../../src/protocol/scale.ts';
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
  isSourcePiece,
  nextSourcePiece,
  pieceIndexesSourceFirst,
  positionOfPiece,
  previousSourcePiece,
  segmentOfPiece,
  sourcePosition,
} from '../../src/protocol/segment.ts';
import {
  bidirectionalDistance,
  blockWeight,
  isWithinSolutionRange,
  nextSolutionRange,
  piecesToSolutionRange,
  solutionDistance,
  solutionRangeToPieces,
} from '../../src/protocol/solution-range.ts';
import { casesOf, expectFacts, expectSame, fromJson, type Recorded } from './protocol-support.ts';
import type { ConformanceCase, ConformanceSuite } from './types.ts';

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
  expectFacts(record, {
    public_key_hash: blake3Hash(publicKey),
    sector_id: id,
  });
  for (const seed of record.evaluation_seeds) {
    expectFacts(seed, { evaluation_seed: evaluationSeed(id, seed.piece_offset) });
  }
  for (const slot of record.slot_challenges) {
    const challenge = sectorSlotChallenge(id, fromHex(slot.global_challenge, 32));
    expectFacts(slot, {
      sector_slot_challenge: challenge,
      s_bucket_audit_index: auditedSBucket(challenge),
    });
  }
  for (const expiry of record.expirations) {
    const size = BigInt(expiry.history_size);
    const lifetime = BigInt(expiry.min_sector_lifetime);
    expectFacts(expiry, {
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
  expectFacts(record, {
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
  expectFacts(record, {
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
  expectFacts(record, {
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
      expectFacts(record, {
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
          expectFacts(record, {
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
          expectFacts(record, {
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
          expectFacts(record, {
            distance: bidirectionalDistance(BigInt(record.a), BigInt(record.b)),
          }),
      ),
      ...casesOf(
        file.block_fork_weight,
        ({ solution_range: range }) => ({ name: `weight at range ${range}`, rule: 'fork-weight' }),
        (record) => expectFacts(record, { weight: blockWeight(BigInt(record.solution_range)) }),
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
