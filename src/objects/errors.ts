import { cidOfHash } from '../protocol/cid.ts';
import type { GlobalObject } from '../protocol/types.ts';

type Values = Record<string, string | number | bigint | null>;

export type ObjectErrorCode =
  /** Nobody knows where in history the object lies. */
  | 'not-located'
  /** Nobody of those who answered knows, and somebody did not answer. */
  | 'not-answered'
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

/** Failures that are over once the person asks otherwise. */
const OF_THE_PERSON: ReadonlySet<ObjectErrorCode> = new Set([
  'password-needed',
  'wrong-password',
  'wrong-kind',
  'range',
]);

/** What is said of a file inside a folder where its own sentence speaks of “this file”. */
const OF_AN_ENTRY: Partial<Record<ObjectErrorCode, (path: string) => string>> = {
  'password-needed': (path) => `“${path}” is encrypted. Enter its password.`,
  'wrong-password': (path) => `The password does not open “${path}”.`,
};

/** A failure to get an object: `code` for programs, `sentence` for the person, `values` which node and piece. */
export class ObjectError extends Error {
  readonly code: ObjectErrorCode;
  readonly sentence: string;
  readonly values: Readonly<Values>;

  constructor(details: {
    code: ObjectErrorCode;
    message: string;
    sentence: string;
    /** The node it happened at: 32 bytes. */
    node?: Uint8Array;
    values?: Values;
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

  /** The same failure with where its node lies, and what it is about where nothing said so. */
  at(node: Uint8Array, places: (node: string) => Omit<GlobalObject, 'hash'> | null): this {
    const values = this.values as Values;
    values['cid'] ??= cidOfHash(node);
    if (values['pieceIndex'] !== undefined) return this;
    const { pieceIndex, offset } = places(String(values['cid'])) ?? {};
    if (pieceIndex !== undefined) Object.assign(values, { pieceIndex, offset });
    return this;
  }

  /** The same failure, of a file inside a folder (its hash, 32 bytes): its sentence names it. */
  inside(path: string, node: Uint8Array): ObjectError {
    const { code, message, values, cause } = this;
    const sentence = OF_AN_ENTRY[code]?.(path) ?? `In “${path}”: ${this.sentence}`;
    const named = new ObjectError({ code, message: `${path}: ${message}`, sentence, node, cause });
    Object.assign(named.values, values, { file: path });
    return named;
  }

  /** Which part, in which piece, who told the place, and what became of those who were asked for the piece. */
  get where(): string {
    if (OF_THE_PERSON.has(this.code)) return '';
    const { cid, pieceIndex, offset, giver, peers } = this.values;
    return [
      cid == null ? '' : `part ${cid}`,
      pieceIndex == null ? '' : `piece ${pieceIndex}, offset ${offset}`,
      giver == null ? '' : `as told by ${giver}`,
      peers == null ? '' : `asked in vain: ${peers}`,
    ]
      .filter((text) => text !== '')
      .join('; ');
  }
}
