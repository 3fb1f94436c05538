/** Proof of time: the walk over a slot's checkpoints, and its verification checkpoint by checkpoint. */
import { concat, equal } from '../protocol/bytes.ts';
import { CHECKPOINTS_BYTES, CHECKPOINTS_IN_SLOT } from '../protocol/constants.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { checkpoint, potKey, requireIterations } from '../protocol/pot.ts';
import { tuneWebCrypto, walkWebCrypto } from './pot-webcrypto.ts';
import { guarded, loadWasm, wasm } from './wasm.ts';

/** One way to compute proofs of time on this machine. */
export interface PotWalker {
  readonly name: 'webcrypto' | 'wasm';
  /** Walks a slot: its 8 checkpoints, 128 bytes. Throws ProtocolError on a bad number of iterations. */
  prove(seed: Uint8Array, iterations: number, signal?: AbortSignal): Promise<Uint8Array>;
  /**
   * Index of the first of the checkpoints `only` (all eight unless told) that does not follow from the one
   * before it, or null when all do. Throws ProtocolError on a bad number of iterations or bytes.
   */
  verify(
    seed: Uint8Array,
    iterations: number,
    checkpoints: Uint8Array,
    only?: readonly number[],
    signal?: AbortSignal,
  ): Promise<number | null>;
}

const ALL_CHECKPOINTS: readonly number[] = Array.from({ length: CHECKPOINTS_IN_SLOT }, (_, index) => index);

function requireCheckpoints(checkpoints: Uint8Array): void {
  if (checkpoints.length === CHECKPOINTS_BYTES) return;
  throw new ProtocolError({
    code: 'bad-checkpoints',
    rule: 'pot-checkpoints',
    message: `${checkpoints.length} bytes of checkpoints where ${CHECKPOINTS_BYTES} are needed`,
  });
}

/** What the walk to checkpoint 0..7 starts from: the seed, or the checkpoint before. */
function startOf(seed: Uint8Array, checkpoints: Uint8Array, index: number): Uint8Array {
  return index === 0 ? seed : checkpoint(checkpoints, index - 1);
}

/** The walk by WebCrypto: one chain after the other, on the calling thread. */
export const webCryptoWalker: PotWalker = {
  name: 'webcrypto',
  async prove(seed, iterations, signal) {
    requireIterations(iterations);
    const key = potKey(seed);
    const found: Uint8Array[] = [];
    for (let block = seed; found.length < CHECKPOINTS_IN_SLOT; found.push(block)) {
      block = await walkWebCrypto(key, block, iterations / CHECKPOINTS_IN_SLOT, signal);
    }
    return concat(...found);
  },
  async verify(seed, iterations, checkpoints, only = ALL_CHECKPOINTS, signal) {
    requireIterations(iterations);
    requireCheckpoints(checkpoints);
    const key = potKey(seed);
    for (const index of [...only].sort((a, b) => a - b)) {
      const start = startOf(seed, checkpoints, index);
      const end = await walkWebCrypto(key, start, iterations / CHECKPOINTS_IN_SLOT, signal);
      if (!equal(end, checkpoint(checkpoints, index))) return index;
    }
    return null;
  },
};

/** The walk in WebAssembly: all checkpoints of a slot side by side. Needs `loadWasm`. */
export const wasmWalker: PotWalker = {
  name: 'wasm',
  async prove(seed, iterations, signal) {
    signal?.throwIfAborted();
    requireIterations(iterations);
    return guarded('pot-checkpoints', () => wasm.pot_prove(seed, iterations));
  },
  async verify(seed, iterations, checkpoints, only, signal) {
    signal?.throwIfAborted();
    requireIterations(iterations);
    requireCheckpoints(checkpoints);
    const mask = (only ?? ALL_CHECKPOINTS).reduce((bits, index) => bits | (1 << index), 0);
    const wrong = guarded('pot-checkpoints', () => wasm.pot_verify(seed, iterations, checkpoints, mask));
    return wrong < 0 ? null : wrong;
  },
};

/** Iterations of a slot that both walkers are timed with: some milliseconds. */
const TRIAL_ITERATIONS = 400_000;

/** Seconds that one walker took for a trial, by what it was tried with. */
interface Trials {
  prove: Record<PotWalker['name'], number>;
  verify: Record<PotWalker['name'], number>;
}

let measured: Promise<Trials | null> | null = null;

/**
 * The walker that is faster on this machine, for proving or for verifying so many checkpoints of a slot, by
 * measuring both once on this thread. Loads the module. Where WebCrypto is missing, as in insecure contexts, it is
 * the other one.
 */
export async function chooseWalker(task: 'prove' | number): Promise<PotWalker> {
  measured ??= measureWalkers();
  const trials = await measured;
  if (trials === null) return wasmWalker;
  // WebCrypto walks one checkpoint after the other; side by side, a few take as long as all.
  const share = task === 'prove' ? 1 : task / CHECKPOINTS_IN_SLOT;
  const { webcrypto, wasm: sideBySide } = task === 'prove' ? trials.prove : trials.verify;
  return share * webcrypto <= sideBySide ? webCryptoWalker : wasmWalker;
}

async function measureWalkers(): Promise<Trials | null> {
  await loadWasm();
  if (globalThis.crypto?.subtle === undefined) return null;
  await tuneWebCrypto();
  const seed = new Uint8Array(16);
  const iterations = TRIAL_ITERATIONS;
  const checkpoints = await webCryptoWalker.prove(seed, iterations);
  return {
    prove: await timed((walker) => walker.prove(seed, iterations / CHECKPOINTS_IN_SLOT)),
    verify: await timed((walker) => walker.verify(seed, iterations, checkpoints)),
  };
}

async function timed(
  walk: (walker: PotWalker) => Promise<unknown>,
): Promise<Record<PotWalker['name'], number>> {
  const seconds = { webcrypto: 0, wasm: 0 };
  for (const walker of [webCryptoWalker, wasmWalker]) {
    // The first time warms up.
    await walk(walker);
    const started = performance.now();
    await walk(walker);
    seconds[walker.name] = (performance.now() - started) / 1000;
  }
  return seconds;
}
