/** Sizes and numbers that the protocol fixes. What a network may choose stands in `ChainConstants`. */

/** Order of the scalar field of BLS12-381. */
export const SCALAR_MODULUS = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001n;

/** Bytes of a chunk: a scalar. */
export const CHUNK_BYTES = 32;
/** Bytes of history that one chunk carries: a scalar's low 31. */
export const SAFE_CHUNK_BYTES = 31;
/** Chunks of a record. */
export const RECORD_CHUNKS = 2 ** 15;
/** Bytes of a record in a piece. */
export const RECORD_BYTES = RECORD_CHUNKS * CHUNK_BYTES;
/** Bytes of history that a record carries. */
export const RAW_RECORD_BYTES = RECORD_CHUNKS * SAFE_CHUNK_BYTES;
/** Bytes of a commitment or witness: a compressed G1 point. */
export const POINT_BYTES = 48;
/** Bytes of a piece: record, commitment, witness. */
export const PIECE_BYTES = RECORD_BYTES + 2 * POINT_BYTES;
/** Pieces of a segment that hold history; as many are parity. */
export const SOURCE_PIECES_IN_SEGMENT = 128;
/** Pieces of a segment. */
export const PIECES_IN_SEGMENT = 256;
/** Bytes of history in a segment. */
export const RECORDED_SEGMENT_BYTES = SOURCE_PIECES_IN_SEGMENT * RAW_RECORD_BYTES;
/** S-buckets of a sector, and chunks of a record with its parity. */
export const S_BUCKETS = 2 ** 16;
/** Bytes of a proof of space. */
export const PROOF_OF_SPACE_BYTES = 160;
/** Checkpoints of a slot’s proof of time. */
export const CHECKPOINTS_IN_SLOT = 8;
/** Bytes of a seed, key or checkpoint of proof of time: an AES block. */
export const POT_BLOCK_BYTES = 16;
/** Bytes of a slot’s checkpoints. */
export const CHECKPOINTS_BYTES = CHECKPOINTS_IN_SLOT * POT_BLOCK_BYTES;
/** Bytes of an encoded solution. */
export const SOLUTION_BYTES = 412;
/** Largest encoded block body. */
export const MAX_BLOCK_BYTES = 5 * 2 ** 20;
/** A sector expires before history has grown by so many times what it was when the sector was plotted. */
export const SECTOR_EXPIRY_HISTORY_FACTOR = 4n;
/** Context of sr25519 signatures under blocks and votes. */
export const REWARD_SIGNING_CONTEXT = 'subspace_reward';
/** Context of sr25519 signatures under transactions. */
export const EXTRINSIC_SIGNING_CONTEXT = 'substrate';
/** Consensus engine of the network's digest items and justifications: `SUB_`. */
export const SUBSPACE_ENGINE = new Uint8Array([0x53, 0x55, 0x42, 0x5f]);
/** Largest 64-bit unsigned integer. */
export const U64_MAX = 0xffffffffffffffffn;
/** Largest 128-bit unsigned integer. */
export const U128_MAX = (1n << 128n) - 1n;
