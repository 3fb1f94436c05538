/** What of a plotter's work fits the memory that it may take. */
import { BATCHES, ENCODING_BYTES, FIXED_BYTES, PIECES_AT_ONCE } from '../farm/plot-memory.ts';
import { PIECE_BYTES } from '../protocol/constants.ts';
import { ClusterError } from './errors.ts';

const MIB = 1024 * 1024;
/** What a record takes that a native helper encodes: what is sent and what comes back, twice over. */
export const LENT_BYTES = 4 * MIB;
/** With less a plotter cannot work: one record and a piece or two. */
export const LEAST_MEMORY_BYTES = 64 * MIB;

/** Throws ClusterError `memory` for less than a plotter can work with. */
export function requireMemory(memoryBytes: number): void {
  if (memoryBytes >= LEAST_MEMORY_BYTES) return;
  throw new ClusterError(
    'memory',
    `${memoryBytes} bytes, ${LEAST_MEMORY_BYTES} are needed`,
    `A plotter needs ${LEAST_MEMORY_BYTES / MIB} MiB of memory or more.`,
  );
}

/**
 * Encodings under way at once, `wanted` at most, those that a native helper may have in their place, and pieces of a
 * batch, so that all of it fits into `memoryBytes` (`LEAST_MEMORY_BYTES` or more). Half of what is left beside the fixed part goes to encodings.
 */
export function plotterLimits(
  memoryBytes: number,
  wanted: number,
): { concurrency: number; lentAtOnce: number; piecesAtOnce: number } {
  const free = memoryBytes - FIXED_BYTES;
  const concurrency = Math.max(1, Math.min(wanted, Math.floor(free / 2 / ENCODING_BYTES)));
  const left = free - concurrency * ENCODING_BYTES;
  const piecesAtOnce = Math.max(1, Math.min(PIECES_AT_ONCE, Math.floor(left / BATCHES / PIECE_BYTES)));
  return { concurrency, lentAtOnce: Math.floor((concurrency * ENCODING_BYTES) / LENT_BYTES), piecesAtOnce };
}
