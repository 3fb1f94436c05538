/** Parameters of calls, checked. Each throws RpcFailure `Invalid params`. */
import { fromHex, toHex } from '../../src/protocol/bytes.ts';
import { DecodeError } from '../../src/protocol/errors.ts';
import type { SignedBlock } from '../../src/protocol/block.ts';
import type { Trie } from '../../src/protocol/trie.ts';
import type { Block, ChainEvents } from '../chain.ts';
import type { StorageChange } from '../runtime/storage.ts';
import { invalidParams, RpcFailure, unknownBlock } from './failure.ts';
import type { Connection, Params } from './server.ts';

const MAX_KEYS = 4096;

/** What the methods that any chain has are answered from: the consensus chain's node or a domain's. */
export interface ReadableChain {
  readonly best: Block;
  readonly finalized: Block;
  block(hash: string): Block | null;
  hashAt(number: number): string | null;
  signedBlock(hash: string): SignedBlock | null;
  stateOf(hash: string): Trie;
  changesOf(hash: string): StorageChange[];
  on<E extends keyof ChainEvents>(event: E, listener: ChainEvents[E]): () => void;
}

/** Bytes written as hex, with or without prefix. */
export function bytes(value: unknown, what: string, length?: number): Uint8Array {
  if (typeof value !== 'string') throw invalidParams(`${what} must be a hex string`);
  try {
    return fromHex(value, length);
  } catch (error) {
    if (error instanceof DecodeError) throw invalidParams(`${what}: ${error.message}`);
    throw error;
  }
}

export function text(value: unknown, what: string): string {
  if (typeof value !== 'string') throw invalidParams(`${what} must be a string`);
  return value;
}

export function list(value: unknown, what: string, limit = MAX_KEYS): readonly unknown[] {
  if (!Array.isArray(value)) throw invalidParams(`${what} must be a list`);
  if (value.length > limit) throw invalidParams(`${what}: at most ${limit} items`);
  return value;
}

/** A non-negative integer up to 2^53, also written as hex. */
export function integer(value: unknown, what: string): number {
  const number = typeof value === 'string' && /^0x[0-9a-f]{1,13}$/i.test(value) ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < 0)
    throw invalidParams(`${what} must be an unsigned integer`);
  return number;
}

export function isMissing(value: unknown): value is null | undefined {
  return value === null || value === undefined;
}

/** The block of a hash parameter, the best one when it is left out. */
export function blockAt(chain: ReadableChain, value: unknown): Block {
  if (isMissing(value)) return chain.best;
  const hash = toHex(bytes(value, 'hash', 32));
  const block = chain.block(hash);
  if (block === null) throw unknownBlock(`Header was not found in the database: 0x${hash}`);
  return block;
}

/** The connection of a call that subscribes. */
export function requireConnection(connection: Connection | null): Connection {
  if (connection === null) throw new RpcFailure(-32_601, 'Method not found');
  return connection;
}

/** A pair of methods that begin and end a subscription. */
export function unsubscriber(params: Params, connection: Connection | null): boolean {
  return connection?.unsubscribe(String(params[0])) ?? false;
}
