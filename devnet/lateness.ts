/** Says when walking a slot takes longer than the slot lasts, and when it no longer does. */
import type { WalkSlot } from './timekeeper.ts';

/** Slots in a row that are late before it is said, and in time before it is taken back. */
const IN_A_ROW = 3;

export interface LatenessOptions {
  slotDurationMs: number;
  log(line: string): void;
  /** Milliseconds; differs in tests only. */
  now?: () => number;
}

/** The same walk, watched. */
export function watchingLateness(walk: WalkSlot, options: LatenessOptions): WalkSlot {
  const { slotDurationMs, log, now = () => performance.now() } = options;
  let behind = false;
  let contrary = 0;
  return async (seed, iterations) => {
    const started = now();
    const checkpoints = await walk(seed, iterations);
    const took = now() - started;
    contrary = took > slotDurationMs === behind ? 0 : contrary + 1;
    if (contrary === IN_A_ROW) {
      behind = !behind;
      contrary = 0;
      const seconds = (milliseconds: number): string => (milliseconds / 1000).toFixed(1);
      log(
        behind
          ? `Time falls behind: the ${iterations} iterations of a slot take ${seconds(took)} s, a slot lasts ${seconds(slotDurationMs)} s.`
          : 'Time keeps up again.',
      );
    }
    return checkpoints;
  };
}
