/** Where pieces may come from, from the person's own disk to strangers. */
import { RpcError } from '../network/rpc-error.ts';
import type { PieceIndex } from '../protocol/types.ts';

/**
 * Takes a piece that somebody sent. Resolves to whether it is taken; a sender of others has lied.
 *
 * @param blame To be called when a piece that was taken, to be checked later, turns out to be wrong.
 */
export type PieceArrived = (
  index: PieceIndex,
  piece: Uint8Array,
  from: string,
  blame: () => void,
) => Promise<boolean>;

/**
 * Is told whom a piece was asked of in vain, and why: a code, such as `timeout`; `resting` of those who were not asked
 * because they had failed before.
 */
export type PieceFailed = (index: PieceIndex, from: string, why: string) => void;

/** Somebody, or many, who may have pieces. Nothing they send is believed. */
export interface PieceProvider {
  /** What to call it in messages. */
  readonly name: string;
  /**
   * Looks for pieces and hands over each as it arrives; ends when all were accepted or there is nowhere left to look.
   * A piece that was refused may be looked for elsewhere. Rejects only with the signal's reason.
   */
  find(
    wanted: readonly PieceIndex[],
    arrived: PieceArrived,
    signal: AbortSignal,
    failed?: PieceFailed,
  ): Promise<void>;
}

/** One source that is asked for one piece at a time, such as a node's RPC. */
export interface SinglePieceSource {
  readonly name: string;
  /** 1 048 672 bytes, or null when it does not have the piece. */
  piece(index: PieceIndex, signal: AbortSignal): Promise<Uint8Array | null>;
}

/** Pieces that a single source sent and that were wrong until it is not asked any more. */
const MAX_WRONG = 3;

/** A single source as a provider. Its failures count as not having the piece. */
export function providerOf(source: SinglePieceSource, concurrency = 4): PieceProvider {
  let wrong = 0;
  const blame = (): void => void (wrong += 1);
  return {
    name: source.name,
    async find(wanted, arrived, signal, failed) {
      const queue = [...wanted];
      const work = async (): Promise<void> => {
        for (let index = queue.shift(); index !== undefined; index = queue.shift()) {
          if (wrong >= MAX_WRONG) return;
          const piece = await source.piece(index, signal).catch((error: unknown) => {
            const isLate = error instanceof RpcError && error.code === 'timeout';
            failed?.(index, source.name, isLate ? 'timeout' : 'unreachable');
            return null;
          });
          signal.throwIfAborted();
          if (piece !== null && !(await arrived(index, piece, source.name, blame))) blame();
        }
      };
      await Promise.all(Array.from({ length: Math.min(concurrency, queue.length) }, work));
    },
  };
}
