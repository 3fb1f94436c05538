/** Waiting in tests of the light client. */
import type { LightClient } from '../../src/chain/light-client.ts';

/** Waits until the client shows what is asked for; throws with what it shows after `ms`. */
export async function untilClient(client: LightClient, check: () => boolean, ms: number): Promise<void> {
  const started = Date.now();
  while (!check()) {
    if (Date.now() - started > ms)
      throw new Error(`still waiting: ${JSON.stringify({ ...client.snapshot(), blocks: [] }, null, 1)}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
