/** `balance`: what an account has, proven against the verified head. */
import { NoProof } from '../chain/no-proof.ts';
import { pause } from '../async/pause.ts';
import type { AccountBalance } from '../node/api.ts';

/** A node that is busy describes its runtime, without which nothing is read, a while after it is connected. */
const PATIENCE_MS = 60_000;
const RETRY_MS = 1_000;

/** Asks again while nobody could be asked, for a minute at most. Throws what the last try threw; the signal's reason. */
export async function patientBalance(
  read: () => Promise<AccountBalance>,
  signal: AbortSignal,
  patienceMs = PATIENCE_MS,
  retryMs = RETRY_MS,
): Promise<AccountBalance> {
  const end = performance.now() + patienceMs;
  for (;;) {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof NoProof) || error.refused || performance.now() >= end) throw error;
    }
    await pause(retryMs, signal);
  }
}
