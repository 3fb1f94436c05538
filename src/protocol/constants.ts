/** Sizes and numbers that the protocol fixes. What a network may choose stands in `ChainConstants`. */

/** Order of the scalar field of BLS12-381. */
export const SCALAR_MODULUS = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001n;

export const CHUNK_BYTES = 32;
/** Bytes of history that one chunk carries: a scalar's low 31. */
export const SAFE_CHUNK_BYTES = 31;
export const RECORD_CHUNKS = 2 ** 15;
export const RECORD_BYTES = RECORD_CHUNKS * CHUNK_BYTES;
export const RAW_RECORD_BYTES = RECORD_CHUNKS * SAFE_CHUNK_BYTES;
export const POINT_BYTES = 48;
export const PIECE_BYTES = RECORD_BYTES + 2 * POINT_BYTES;
export const SOURCE_PIECES_IN_SEGMENT = 128;
export const PIECES_IN_SEGMENT = 256;
export const RECORDED_SEGMENT_BYTES = SOURCE_PIECES_IN_SEGMENT * RAW_RECORD_BYTES;
export const S_BUCKETS = 2 ** 16;
export const PROOF_OF_SPACE_BYTES = 160;
export const CHECKPOINTS_IN_SLOT = 8;
export const POT_BLOCK_BYTES = 16;
export const CHECKPOINTS_BYTES = CHECKPOINTS_IN_SLOT * POT_BLOCK_BYTES;
export const SOLUTION_BYTES = 412;
/** Largest encoded block body. */
export const MAX_BLOCK_BYTES = 5 * 2 ** 20;
/** Slots whose solutions a farmer's sector may expire after: 4 × history size (`sector_expiration_check`). */
export const SECTOR_EXPIRY_HISTORY_FACTOR = 4n;
export const REWARD_SIGNING_CONTEXT = 'subspace_reward';
export const EXTRINSIC_SIGNING_CONTEXT = 'substrate';
/** Consensus engine of the network's digest items and justifications: `SUB_`. */
export const SUBSPACE_ENGINE = new Uint8Array([0x53, 0x55, 0x42, 0x5f]);
export const U64_MAX = 0xffffffffffffffffn;
export const U128_MAX = (1n << 128n) - 1n;
