/** Waiting in tests, as long as a machine under load may take. */
import { vi } from 'vitest';
import type { LightClient } from '../../src/chain/light-client.ts';

/** Waits until what `holds` expects is so. */
export function eventually<T>(holds: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(holds, { timeout: 60_000, interval: 5 });
}

/** Waits until the client shows what is asked for; throws with what it shows after a minute. */
export async function untilClient(client: LightClient, check: () => boolean): Promise<void> {
  const started = Date.now();
  while (!check()) {
    if (Date.now() - started > 60_000)
      throw new Error(`still waiting: ${JSON.stringify({ ...client.snapshot(), blocks: [] }, null, 1)}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
