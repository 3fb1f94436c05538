/** Sectors: identity, which pieces they hold, when they expire, how they are challenged and laid out. */
import { fromLittleEndian, littleEndian, xor } from './bytes.ts';
import {
  PIECES_IN_SEGMENT,
  POINT_BYTES,
  RECORD_BYTES,
  S_BUCKETS,
  SECTOR_EXPIRY_HISTORY_FACTOR,
  U64_MAX,
} from './constants.ts';
import { blake3Hash, blake3KeyedHash } from './hash.ts';
import type { HistorySize, PieceIndex, PieceOffset, SBucket, SectorIndex } from './types.ts';

/** What piece derivation needs of the network's rules. */
export interface PieceDerivation {
  /** The protocol's value, not the number of pieces of this sector. */
  maxPiecesInSector: number;
  recentSegments: HistorySize;
  recentHistoryFraction: [bigint, bigint];
}

/** Sector id: BLAKE3 keyed by the hash of the farmer's public key (32 bytes). 32 bytes. */
export function sectorId(
  publicKey: Uint8Array,
  sectorIndex: SectorIndex,
  historySize: HistorySize,
): Uint8Array {
  return blake3KeyedHash(blake3Hash(publicKey), littleEndian(sectorIndex, 2), littleEndian(historySize, 8));
}

/** Seed of the proof-of-space table that encodes the record at `offset` of a sector (id of 32 bytes). 32 bytes. */
export function evaluationSeed(id: Uint8Array, offset: PieceOffset): Uint8Array {
  return blake3Hash(id, littleEndian(offset, 2));
}

/** Pieces of a history, saturating at 64 bits as the protocol's integers do. */
function inPieces(historySize: HistorySize): bigint {
  const pieces = historySize * BigInt(PIECES_IN_SEGMENT);
  return pieces > U64_MAX ? U64_MAX : pieces;
}

/** What is left of an integer in 64 bits, where the protocol's integers wrap: in every product and difference below. */
function wrapped(value: bigint): bigint {
  return BigInt.asUintN(64, value);
}

/** Number of a sector's leading pieces of which every other one comes from recent history. */
export function interleavedPieces(rules: PieceDerivation): bigint {
  const [numerator, denominator] = rules.recentHistoryFraction;
  const pieces = wrapped(BigInt(rules.maxPiecesInSector) * inPieces(numerator)) / inPieces(denominator);
  const doubled = wrapped(pieces * 2n);
  return doubled < 1n ? 1n : doubled;
}

/** Whether history is long enough for the recent-history policy to apply. */
export function recentPolicyActive(historySize: HistorySize, rules: PieceDerivation): boolean {
  const [numerator, denominator] = rules.recentHistoryFraction;
  const minimum = wrapped(inPieces(rules.recentSegments) * inPieces(denominator)) / inPieces(numerator);
  return inPieces(historySize) > minimum;
}

/** Index of the piece at `offset` of a sector (id of 32 bytes), 64 bits (`derive_piece_index`). */
export function pieceIndexOf(
  id: Uint8Array,
  offset: PieceOffset,
  historySize: HistorySize,
  rules: PieceDerivation,
): PieceIndex {
  const key = new Uint8Array(32);
  key.set(littleEndian(offset, 2));
  const input = fromLittleEndian(blake3KeyedHash(key, id));
  const history = inPieces(historySize);
  const recent = inPieces(rules.recentSegments);
  const fromRecent =
    recentPolicyActive(historySize, rules) && BigInt(offset) < interleavedPieces(rules) && offset % 2 === 1;
  return fromRecent ? (input % recent) + wrapped(history - recent) : input % history;
}

/** History size whose last segment decides a sector's expiry, or null beyond 64 bits. */
export function expiryCheckHistorySize(
  historySize: HistorySize,
  minSectorLifetime: HistorySize,
): HistorySize | null {
  const size = historySize + minSectorLifetime;
  return size > U64_MAX ? null : size;
}

/**
 * History size at which a sector expires (`derive_expiration_history_size`): a pseudo-random one between the
 * check and four times the sector's history plus the minimum lifetime. Null when it overflows 64 bits.
 */
export function expirationHistorySize(
  id: Uint8Array,
  historySize: HistorySize,
  checkSegmentCommitment: Uint8Array,
  minSectorLifetime: HistorySize,
): HistorySize | null {
  const check = expiryCheckHistorySize(historySize, minSectorLifetime);
  const last = minSectorLifetime + historySize * SECTOR_EXPIRY_HISTORY_FACTOR;
  if (check === null || last > U64_MAX || last <= check) return null;
  const input = fromLittleEndian(blake3Hash(id, checkSegmentCommitment));
  return (input % (last - check)) + check;
}

/** Challenge of a sector at a slot: its id XOR the global challenge, 32 bytes each. 32 bytes. */
export function sectorSlotChallenge(id: Uint8Array, challenge: Uint8Array): Uint8Array {
  return xor(id, challenge);
}

/** The s-bucket that a sector slot challenge (32 bytes) audits: its first two bytes, little-endian. */
export function auditedSBucket(challenge: Uint8Array): SBucket {
  return (challenge[0] as number) | ((challenge[1] as number) << 8);
}

/** Bytes of a record’s bitfield: which s-buckets hold an encoded chunk. */
export const BITFIELD_BYTES = S_BUCKETS / 8;
/** Bytes of a record’s metadata: commitment, witness, BLAKE3 of the piece. */
export const RECORD_METADATA_BYTES = 2 * POINT_BYTES + 32;
/** SCALE of SectorMetadataChecksummed. */
export const SECTOR_METADATA_BYTES = 2 + 2 + 2 * S_BUCKETS + 8 + 32;

/** Bytes of the contents map at a sector's start: bitfields and their hash. */
export function contentsMapBytes(piecesInSector: number): number {
  return BITFIELD_BYTES * piecesInSector + 32;
}

/** Where the parts of a plotted sector begin, in bytes from its start. */
export interface SectorLayout {
  /** Chunks in s-bucket order, after the contents map. */
  recordChunks: number;
  /** Commitment, witness and piece hash per record. */
  recordMetadata: number;
  /** BLAKE3 of everything before. */
  checksum: number;
  /** Bytes of the whole sector. */
  end: number;
}

/** Where the parts of a sector’s file begin, in bytes. */
export function sectorLayout(piecesInSector: number): SectorLayout {
  const recordChunks = contentsMapBytes(piecesInSector);
  const recordMetadata = recordChunks + piecesInSector * RECORD_BYTES;
  const checksum = recordMetadata + piecesInSector * RECORD_METADATA_BYTES;
  return { recordChunks, recordMetadata, checksum, end: checksum + 32 };
}

/** Bytes of a plotted sector of that many pieces, without its metadata. */
export function sectorBytes(piecesInSector: number): number {
  return sectorLayout(piecesInSector).end;
}
