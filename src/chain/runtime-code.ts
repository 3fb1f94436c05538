/** What a runtime says of itself: its code, read from the state by proof, is run on a worker for its metadata. */
import { JobPriority, type ComputePool } from '../crypto/jobs.ts';
import { ComputeError } from '../crypto/pool/errors.ts';
import { badRuntime } from '../crypto/runtime-code.ts';
import { toHex } from '../protocol/bytes.ts';

/** Milliseconds that a run may take: a hundred times what the network’s own takes on a core. */
const RUN_MS = 60_000;
/** Values of the state that a run may read. */
const MAX_VALUES = 64;

/**
 * Metadata (`meta` magic included) that a runtime gives of itself.
 *
 * @param code as the state keeps it under `:code`.
 * @param readState values of that block's state, proven; null where nothing is.
 * @throws ProtocolError (rule `runtime-code`) for code that does not run or does not end; what `readState` throws.
 */
export async function metadataOfCode(
  pool: ComputePool,
  code: Uint8Array,
  readState: (keys: Uint8Array[]) => Promise<(Uint8Array | null)[]>,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const known = new Map<string, Uint8Array | null>();
  const options = { priority: JobPriority.verifyHead, limitMs: RUN_MS, signal };
  for (;;) {
    const { metadata, wanted } = await pool
      .run('runtime.describe', { code, known }, options)
      .catch((error: unknown) => {
        const overran = error instanceof ComputeError && error.code === 'job-overran';
        throw overran ? badRuntime(`the code runs for more than ${RUN_MS / 1000} s`, error) : error;
      });
    if (metadata !== null) return metadata;
    if (known.size >= MAX_VALUES) throw badRuntime('too much of the state is wanted');
    const [value] = await readState([wanted]);
    known.set(toHex(wanted), value ?? null);
  }
}
