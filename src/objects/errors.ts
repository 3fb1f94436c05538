import { cidOfHash } from '../protocol/cid.ts';

export type ObjectErrorCode =
  /** Nobody knows where in history the object lies. */
  | 'not-located'
  /** Every hint where the object lies is wrong. */
  | 'hints-wrong'
  /** A piece that the object lies in is not to be had at the moment. */
  | 'pieces-missing'
  /** A node is not what its place in the tree asks for. */
  | 'malformed'
  /** The tree is deeper or wider than a file or folder can be. */
  | 'out-of-bounds'
  /** The sizes that the tree states are not those of its content. */
  | 'size-lies'
  | 'password-needed'
  | 'wrong-password'
  /** Stored bytes that cannot be decrypted or decompressed although they are the right ones. */
  | 'damaged'
  /** What was asked for is not a file, or not a folder. */
  | 'wrong-kind'
  | 'range';

/** A failure to get an object: `code` for programs, `sentence` for the person, `values` which node and piece. */
export class ObjectError extends Error {
  readonly code: ObjectErrorCode;
  readonly sentence: string;
  readonly values: Readonly<Record<string, string | number | bigint | null>>;

  constructor(details: {
    code: ObjectErrorCode;
    message: string;
    sentence: string;
    /** The node it happened at: 32 bytes. */
    node?: Uint8Array;
    values?: Record<string, string | number | bigint | null>;
    cause?: unknown;
  }) {
    super(
      `${details.code}: ${details.message}`,
      details.cause === undefined ? undefined : { cause: details.cause },
    );
    this.name = 'ObjectError';
    this.code = details.code;
    this.sentence = details.sentence;
    this.values = { ...details.values, ...(details.node ? { cid: cidOfHash(details.node) } : {}) };
  }
}
