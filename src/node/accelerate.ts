import type { LightClient } from '../chain/light-client.ts';
import type { ComputePool } from '../crypto/jobs.ts';
import type { NodePlatform } from './platform.ts';

/**
 * Lets a chain catch up on the graphics processor where the platform has one and a measurement shows that it pays.
 * Returns what gives the processor back.
 */
export function accelerate(
  chain: Pick<LightClient, 'usePotAccelerator'>,
  pool: ComputePool,
  platform: Pick<NodePlatform, 'openAccelerator'>,
  log: (line: string) => void,
): () => void {
  let stopped = false;
  const opened = platform.openAccelerator?.(pool, log).then((accelerator) => {
    if (stopped) accelerator?.verifier.close();
    else chain.usePotAccelerator(accelerator);
    return accelerator;
  });
  opened?.catch((error: unknown) => log(`no accelerator: ${String(error)}`));
  return () => {
    stopped = true;
    chain.usePotAccelerator(null);
    void opened?.then(
      (accelerator) => accelerator?.verifier.close(),
      () => undefined,
    );
  };
}
