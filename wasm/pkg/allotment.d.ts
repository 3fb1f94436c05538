/* tslint:disable */
/* eslint-disable */

/**
 * BLAKE3 of bytes that come in parts.
 */
export class Blake3 {
    free(): void;
    [Symbol.dispose](): void;
    /**
     * 32 bytes; begins anew.
     */
    digest(): Uint8Array;
    /**
     * A hash of nothing yet.
     */
    constructor();
    /**
     * Takes the next part.
     */
    update(part: Uint8Array | number[]): void;
}

/**
 * Openings to be verified together, decoded once.
 */
export class Openings {
    free(): void;
    [Symbol.dispose](): void;
    /**
     * Whether the points and the scalar of opening `index` decode; one that does not can not hold.
     */
    decodes(index: number): boolean;
    /**
     * Whether all these openings hold. `seed`: 32 random bytes that the supplier of the openings could not know.
     */
    hold(indices: Uint32Array | number[], seed: Uint8Array | number[]): boolean;
    /**
     * n openings: commitments and witnesses n·48 bytes, values n·32, one domain and index each.
     */
    constructor(commitments: Uint8Array | number[], domains: Uint32Array | number[], indices: Uint32Array | number[], values: Uint8Array | number[], witnesses: Uint8Array | number[]);
}

/**
 * Checks many pieces with one commitment and one pairing product.
 */
export class PieceBatch {
    free(): void;
    [Symbol.dispose](): void;
    add(bytes: Uint8Array | number[], segment_commitment: Uint8Array | number[], position: number): void;
    holds(): boolean;
    /**
     * For at most `count` pieces; `seed`: 32 random bytes that the supplier of the pieces could not know.
     */
    constructor(seed: Uint8Array | number[], count: number);
}

/**
 * A proof-of-space table; `build` makes another one in the same memory.
 */
export class PosTable {
    free(): void;
    [Symbol.dispose](): void;
    build(seed: Uint8Array | number[]): void;
    /**
     * Encodes a record of 32768 scalars: its bitfield of 8192 bytes, then its 32768 stored chunks.
     */
    encode_record(source: Uint8Array | number[]): Uint8Array;
    /**
     * The proof of a challenge index, or nothing.
     */
    find_proof(challenge_index: number): Uint8Array | undefined;
    constructor();
    /**
     * A record's 32768 stored chunks without their masks, spread over the 65536 positions of the extended
     * record (2 MiB, zero where nothing is known), then one byte a position: 1 where it is known.
     */
    unmask(bitfield: Uint8Array | number[], stored: Uint8Array | number[]): Uint8Array;
}

/**
 * A raw record in memory of its own, whose parts are hashed where they are.
 */
export class RawRecord {
    free(): void;
    [Symbol.dispose](): void;
    /**
     * BLAKE3 of `length` bytes from byte `from` on: 32 bytes.
     */
    hash(from: number, length: number): Uint8Array;
    /**
     * Leaves out the first byte of every chunk of a record; all of them have to be zero.
     */
    constructor(record: Uint8Array | number[]);
    /**
     * Where its bytes begin in this module's memory, until it is freed.
     */
    pointer(): number;
}

/**
 * Adds weighted records one by one, so that a record is recombined in bounded memory.
 */
export class RecordSum {
    free(): void;
    [Symbol.dispose](): void;
    add(record: Uint8Array | number[], weight: Uint8Array | number[]): void;
    constructor();
    record(): Uint8Array;
}

/**
 * Winning chunks of an s-bucket as [position, distance low, distance high] triples of 32-bit numbers, nearest
 * first.
 */
export function audit_s_bucket(chunks: Uint8Array | number[], sector_slot_challenge: Uint8Array | number[], global_challenge: Uint8Array | number[], solution_range: bigint): Uint32Array;

/**
 * The message behind what was sealed, or nothing where it was changed or is of another key.
 */
export function chacha20poly1305_open(key: Uint8Array | number[], nonce: Uint8Array | number[], ad: Uint8Array | number[], sealed: Uint8Array | number[]): Uint8Array | undefined;

/**
 * The message encrypted, 16 bytes of tag behind it. `key`: 32 bytes, `nonce`: 12.
 */
export function chacha20poly1305_seal(key: Uint8Array | number[], nonce: Uint8Array | number[], ad: Uint8Array | number[], message: Uint8Array | number[]): Uint8Array;

export function erasure_extend(source: Uint8Array | number[]): Uint8Array;

/**
 * Locator of the missing shards: what of a recovery does not depend on the others' values. Only for
 * the doors below, of the same build.
 */
export function erasure_locate(present: Uint8Array | number[]): Uint8Array;

/**
 * All shards from those present: `present` has one byte a shard, zero where it is missing.
 */
export function erasure_recover(shards: Uint8Array | number[], present: Uint8Array | number[]): Uint8Array;

/**
 * Coefficients behind the shards, trailing zeros trimmed.
 */
export function erasure_recover_poly(shards: Uint8Array | number[], present: Uint8Array | number[]): Uint8Array;

/**
 * Value of the polynomial behind shards at one of their positions (32 bytes), then the coefficients of the
 * polynomial that the witness of this value commits to. With the locator made ahead.
 */
export function erasure_recover_quotient(shards: Uint8Array | number[], present: Uint8Array | number[], locator: Uint8Array | number[], position: number): Uint8Array;

/**
 * Source values (even positions) behind shards, with the locator made ahead.
 */
export function erasure_recover_source(shards: Uint8Array | number[], present: Uint8Array | number[], locator: Uint8Array | number[]): Uint8Array;

export function extend_commitments(commitments: Uint8Array | number[]): Uint8Array;

/**
 * Whether 48 bytes are a point that the network accepts.
 */
export function g1_is_decodable(bytes: Uint8Array | number[]): boolean;

export function g1_sum(points: Uint8Array | number[]): Uint8Array;

/**
 * Loads powers of τ in G1 from 96-byte uncompressed points.
 */
export function init_srs(uncompressed: Uint8Array | number[]): void;

export function kzg_commit(coefficients: Uint8Array | number[]): Uint8Array;

export function kzg_create_witness(coefficients: Uint8Array | number[], domain: number, index: number): Uint8Array;

/**
 * Weights (n·32 bytes) by which records at `positions` of a segment combine to the one at `wanted`.
 */
export function lagrange_weights(positions: Uint32Array | number[], wanted: number): Uint8Array;

/**
 * Part of a commitment: these scalars with the powers from `from` on; parts are added with `g1_sum`.
 */
export function msm_partial(scalars: Uint8Array | number[], from: number): Uint8Array;

/**
 * Verdict on a piece: 0 valid, 1 record not canonical, 2 commitment mismatch, 3 witness invalid.
 */
export function piece_is_valid(bytes: Uint8Array | number[], segment_commitment: Uint8Array | number[], position: number): number;

export function poly_evaluate_at(coefficients: Uint8Array | number[], domain: number, index: number): Uint8Array;

export function poly_interpolate(values: Uint8Array | number[]): Uint8Array;

/**
 * A column of table `number` (1..=7) of a seed, entry by entry. 0: y and position in bucket order; 1: y, left
 * and right parent by position; both as little-endian 32-bit numbers; 2: metadata by position, big-endian.
 */
export function pos_table_column(seed: Uint8Array | number[], number: number, column: number): Uint8Array;

/**
 * Whether a proof of space answers a challenge, as leniently as the network judges.
 */
export function pos_verify(seed: Uint8Array | number[], challenge_index: number, proof: Uint8Array | number[]): boolean;

/**
 * Walks a slot: its eight checkpoints, 128 bytes.
 */
export function pot_prove(seed: Uint8Array | number[], iterations: number): Uint8Array;

/**
 * Index of the first wrong checkpoint (0..7), or −1 when all hold; only those whose bit is set in `only` count.
 */
export function pot_verify(seed: Uint8Array | number[], iterations: number, checkpoints: Uint8Array | number[], only: number): number;

export function record_commitment(record: Uint8Array | number[]): Uint8Array;

export function record_commitment_is_valid(commitment: Uint8Array | number[], witness: Uint8Array | number[], segment_commitment: Uint8Array | number[], position: number): boolean;

/**
 * From 128 source commitments: 256 commitments, the segment commitment, 256 witnesses, one after the other.
 */
export function segment_from_commitments(source: Uint8Array | number[]): Uint8Array;

/**
 * Witness of the record at `wanted` in a segment of which the commitments at 128 positions are known: the
 * record's commitment, then its witness, 48 bytes each.
 */
export function segment_recover_points(positions: Uint32Array | number[], commitments: Uint8Array | number[], wanted: number): Uint8Array;

export function sr25519_derive(secret: Uint8Array | number[], chain_code: Uint8Array | number[], hard: boolean): Uint8Array;

export function sr25519_expand(mini_secret: Uint8Array | number[]): Uint8Array;

export function sr25519_mini_secret_from_entropy(entropy: Uint8Array | number[], password: string): Uint8Array;

export function sr25519_public_key(secret: Uint8Array | number[]): Uint8Array;

export function sr25519_sign(secret: Uint8Array | number[], context: Uint8Array | number[], message: Uint8Array | number[]): Uint8Array;

export function sr25519_verify(_public: Uint8Array | number[], context: Uint8Array | number[], message: Uint8Array | number[], signature: Uint8Array | number[]): boolean;

export function sr25519_verify_batch(publics: Uint8Array | number[], context: Uint8Array | number[], messages: Uint8Array | number[], signatures: Uint8Array | number[]): boolean;

export type InitInput = RequestInfo | URL | Response | BufferSource | WebAssembly.Module;

export interface InitOutput {
    readonly memory: WebAssembly.Memory;
    readonly __wbg_blake3_free: (a: number, b: number) => void;
    readonly __wbg_openings_free: (a: number, b: number) => void;
    readonly __wbg_piecebatch_free: (a: number, b: number) => void;
    readonly __wbg_postable_free: (a: number, b: number) => void;
    readonly __wbg_rawrecord_free: (a: number, b: number) => void;
    readonly __wbg_recordsum_free: (a: number, b: number) => void;
    readonly audit_s_bucket: (a: number, b: number, c: number, d: number, e: number, f: number, g: bigint) => [number, number, number, number];
    readonly blake3_digest: (a: number) => [number, number];
    readonly blake3_new: () => number;
    readonly blake3_update: (a: number, b: number, c: number) => void;
    readonly chacha20poly1305_open: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number) => [number, number, number, number];
    readonly chacha20poly1305_seal: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number) => [number, number, number, number];
    readonly erasure_extend: (a: number, b: number) => [number, number, number, number];
    readonly erasure_locate: (a: number, b: number) => [number, number, number, number];
    readonly erasure_recover: (a: number, b: number, c: number, d: number) => [number, number, number, number];
    readonly erasure_recover_poly: (a: number, b: number, c: number, d: number) => [number, number, number, number];
    readonly erasure_recover_quotient: (a: number, b: number, c: number, d: number, e: number, f: number, g: number) => [number, number, number, number];
    readonly erasure_recover_source: (a: number, b: number, c: number, d: number, e: number, f: number) => [number, number, number, number];
    readonly extend_commitments: (a: number, b: number) => [number, number, number, number];
    readonly g1_is_decodable: (a: number, b: number) => number;
    readonly g1_sum: (a: number, b: number) => [number, number, number, number];
    readonly init_srs: (a: number, b: number) => [number, number];
    readonly kzg_commit: (a: number, b: number) => [number, number, number, number];
    readonly kzg_create_witness: (a: number, b: number, c: number, d: number) => [number, number, number, number];
    readonly lagrange_weights: (a: number, b: number, c: number) => [number, number, number, number];
    readonly msm_partial: (a: number, b: number, c: number) => [number, number, number, number];
    readonly openings_decodes: (a: number, b: number) => number;
    readonly openings_hold: (a: number, b: number, c: number, d: number, e: number) => [number, number, number];
    readonly openings_new: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number, i: number, j: number) => [number, number, number];
    readonly piece_is_valid: (a: number, b: number, c: number, d: number, e: number) => [number, number, number];
    readonly piecebatch_add: (a: number, b: number, c: number, d: number, e: number, f: number) => [number, number];
    readonly piecebatch_holds: (a: number) => [number, number, number];
    readonly piecebatch_new: (a: number, b: number, c: number) => [number, number, number];
    readonly poly_evaluate_at: (a: number, b: number, c: number, d: number) => [number, number, number, number];
    readonly poly_interpolate: (a: number, b: number) => [number, number, number, number];
    readonly pos_table_column: (a: number, b: number, c: number, d: number) => [number, number, number, number];
    readonly pos_verify: (a: number, b: number, c: number, d: number, e: number) => [number, number, number];
    readonly postable_build: (a: number, b: number, c: number) => [number, number];
    readonly postable_encode_record: (a: number, b: number, c: number) => [number, number, number, number];
    readonly postable_find_proof: (a: number, b: number) => [number, number];
    readonly postable_new: () => number;
    readonly postable_unmask: (a: number, b: number, c: number, d: number, e: number) => [number, number, number, number];
    readonly pot_prove: (a: number, b: number, c: number) => [number, number, number, number];
    readonly pot_verify: (a: number, b: number, c: number, d: number, e: number, f: number) => [number, number, number];
    readonly rawrecord_hash: (a: number, b: number, c: number) => [number, number, number, number];
    readonly rawrecord_new: (a: number, b: number) => [number, number, number];
    readonly rawrecord_pointer: (a: number) => number;
    readonly record_commitment: (a: number, b: number) => [number, number, number, number];
    readonly record_commitment_is_valid: (a: number, b: number, c: number, d: number, e: number, f: number, g: number) => [number, number, number];
    readonly recordsum_add: (a: number, b: number, c: number, d: number, e: number) => [number, number];
    readonly recordsum_new: () => number;
    readonly recordsum_record: (a: number) => [number, number];
    readonly segment_from_commitments: (a: number, b: number) => [number, number, number, number];
    readonly segment_recover_points: (a: number, b: number, c: number, d: number, e: number) => [number, number, number, number];
    readonly sr25519_derive: (a: number, b: number, c: number, d: number, e: number) => [number, number, number, number];
    readonly sr25519_expand: (a: number, b: number) => [number, number, number, number];
    readonly sr25519_mini_secret_from_entropy: (a: number, b: number, c: number, d: number) => [number, number, number, number];
    readonly sr25519_public_key: (a: number, b: number) => [number, number, number, number];
    readonly sr25519_sign: (a: number, b: number, c: number, d: number, e: number, f: number) => [number, number, number, number];
    readonly sr25519_verify: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number) => number;
    readonly sr25519_verify_batch: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number) => [number, number, number];
    readonly __wbindgen_exn_store: (a: number) => void;
    readonly __externref_table_alloc: () => number;
    readonly __wbindgen_externrefs: WebAssembly.Table;
    readonly __wbindgen_malloc: (a: number, b: number) => number;
    readonly __wbindgen_free: (a: number, b: number, c: number) => void;
    readonly __externref_table_dealloc: (a: number) => void;
    readonly __wbindgen_realloc: (a: number, b: number, c: number, d: number) => number;
    readonly __wbindgen_start: () => void;
}

export type SyncInitInput = BufferSource | WebAssembly.Module;

/**
 * Instantiates the given `module`, which can either be bytes or
 * a precompiled `WebAssembly.Module`.
 *
 * @param {{ module: SyncInitInput }} module - Passing `SyncInitInput` directly is deprecated.
 *
 * @returns {InitOutput}
 */
export function initSync(module: { module: SyncInitInput } | SyncInitInput): InitOutput;

/**
 * If `module_or_path` is {RequestInfo} or {URL}, makes a request and
 * for everything else, calls `WebAssembly.instantiate` directly.
 *
 * @param {{ module_or_path: InitInput | Promise<InitInput> }} module_or_path - Passing `InitInput` directly is deprecated.
 *
 * @returns {Promise<InitOutput>}
 */
export default function __wbg_init (module_or_path?: { module_or_path: InitInput | Promise<InitInput> } | InitInput | Promise<InitInput>): Promise<InitOutput>;
