/** Parameters of proof of space with K = 20 as the shaders use them, and what their buffers hold. */
export const K = 20;
/** Bits that y has beyond K. */
export const EXT_BITS = 6;
/** Bits of y. */
export const Y_BITS = K + EXT_BITS;
/** Rows of a bucket’s residues in matching. */
export const B = 119;
/** Columns of a bucket’s residues in matching. */
export const C = 127;
/** Values of y in a bucket. */
export const BC = B * C;
/** Matching targets of an entry. */
export const M = 64;
/** Buckets of a table. */
export const BUCKETS = Math.ceil(2 ** Y_BITS / BC);
/** Bits of metadata of tables 1 to 7, by number. */
export const META_BITS = [0, 20, 40, 80, 80, 60, 40, 0];
/** Tables from x to proof. */
export const TABLES = 7;

/**
 * Entries of a bucket, and matches of a pair of buckets, that the network keeps; some 290 of either happen. A table
 * with more is left to the cores.
 */
export const BUCKET_SLOTS = 512;
/**
 * Entries of table 1, and places for those of the tables after it: what one has more or less than its due, the next
 * has twice over.
 */
export const ENTRIES = 2 ** K;
export const CAPACITY = ENTRIES + 2 ** 18;
/** Bits of a position: those of the entries' number, of which `CAPACITY` needs one more. */
export const POSITION_BITS = K + 1;
/** Leaves of a proof: its x values. */
export const PROOF_XS = 64;

const WORD = 4;

/** Bytes of every buffer. */
export const BUFFER_BYTES = {
  /** The key. */
  seed: 8 * WORD,
  /** Words of the ChaCha8 keystream, most significant byte first. */
  keystream: (ENTRIES * K) / 8,
  /** y and position of the entries of two tables in turn, bucket by bucket. */
  entriesA: BUCKETS * BUCKET_SLOTS * 2 * WORD,
  entriesB: BUCKETS * BUCKET_SLOTS * 2 * WORD,
  /** Entries of each bucket. */
  sizesA: BUCKETS * WORD,
  sizesB: BUCKETS * WORD,
  /** Metadata of two tables in turn, by position, in as many words as it needs or one more. */
  metaA: CAPACITY * 4 * WORD,
  metaB: CAPACITY * 4 * WORD,
  /** Matches of each bucket with the next: left and right place within their buckets, 16 bits each. */
  matches: (BUCKETS - 1) * BUCKET_SLOTS * WORD,
  /** Matches before those of each bucket; at the end, all. */
  starts: BUCKETS * WORD,
  /** Left and right position in the table before, of tables 2 to 7 one after the other. */
  parents: (TABLES - 1) * CAPACITY * 2 * WORD,
  /** By s-bucket: what is left of 2³² − 1 after the low bits of y and the position of its first entry; 0: none. */
  firsts: 65_536 * WORD,
  /** By s-bucket: 160 bytes. */
  proofs: 65_536 * 160,
  /** By s-bucket: BLAKE3 of its proof; zeros where it has none. */
  masks: 65_536 * 32,
  /** Bit 0: a bucket overflowed; bit 1: a pair of buckets did; bit 2: a table did. */
  overflow: WORD,
} as const;

/** Name of a buffer. */
export type BufferName = keyof typeof BUFFER_BYTES;
