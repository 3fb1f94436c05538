/** Who walks the local network's slots: its own thread, or a native helper with the thread in reserve. */
import { HelperWalker, type FindHelper } from './helper-walker.ts';
import { requireHelperProgram, startHelper, type HelperAddress } from './helper-program.ts';
import { watchingLateness } from './lateness.ts';
import { WalkerThread, type WalkSlot } from './timekeeper.ts';

/** `helper`: one that the network starts; an address: one that runs. */
export type TimeSource = 'own' | 'helper' | HelperAddress;

export interface Walker {
  walk: WalkSlot;
  close(): Promise<void>;
}

export interface WalkerOptions {
  timeSource: TimeSource;
  log(line: string): void;
}

/** Rejects where the helper is wanted but not built. */
export async function startWalker(slotDurationMs: number, options: WalkerOptions): Promise<Walker> {
  const { timeSource, log } = options;
  if (timeSource === 'helper') requireHelperProgram();
  const thread = new WalkerThread();
  const lateness = { slotDurationMs, log };
  if (timeSource === 'own')
    return { walk: watchingLateness(thread.walk, lateness), close: () => thread.close() };
  const find: FindHelper = timeSource === 'helper' ? () => startHelper() : () => Promise.resolve(timeSource);
  const helper = await HelperWalker.start({ find, fallback: thread.walk, log });
  return {
    walk: watchingLateness(helper.walk, lateness),
    close: () => {
      helper.close();
      return thread.close();
    },
  };
}
