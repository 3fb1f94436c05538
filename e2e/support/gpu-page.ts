/** What the WebGPU test runs inside the browser's page. */
import { GpuVerifier } from '../../src/crypto/gpu/verifier.ts';
import { webCryptoWalker } from '../../src/crypto/pot.ts';
import type { PotSlot } from '../../src/crypto/pot-slot.ts';

async function open(): Promise<GpuVerifier> {
  const verifier = await GpuVerifier.open(true);
  if (verifier === null) throw new Error('this browser has no WebGPU adapter');
  return verifier;
}

async function slots(lengths: readonly number[]): Promise<PotSlot[]> {
  return Promise.all(
    lengths.map(async (iterations, index) => {
      const seed = crypto.getRandomValues(new Uint8Array(16));
      const checkpoints = await webCryptoWalker.prove(seed, iterations);
      return { slot: BigInt(index), seed, iterations, checkpoints };
    }),
  );
}

const page = {
  /** Verdicts on slots of these lengths, after one bit was flipped in the checkpoints named: slot, checkpoint. */
  async verdicts(lengths: number[], flipped: [number, number][]): Promise<(number | null)[]> {
    const verifier = await open();
    const claimed = await slots(lengths);
    for (const [slot, checkpoint] of flipped) claimed[slot]!.checkpoints[16 * checkpoint + 9]! ^= 32;
    // Two calls side by side, as two blocks make them.
    const half = claimed.length >> 1;
    const both = await Promise.all([
      verifier.verify(claimed.slice(0, half)),
      verifier.verify(claimed.slice(half)),
    ]);
    verifier.close();
    return both.flat();
  },

  /** How calls end that nobody waits for, and those after the processor was given back. */
  async endings(): Promise<string[]> {
    const verifier = await open();
    const long = await slots([160]).then(([slot]) => ({ ...slot!, iterations: 2_000_000_000 }));
    const abort = new AbortController();
    const given = verifier.verify([long], abort.signal);
    setTimeout(() => abort.abort(new Error('not needed')), 300);
    const first = await given.catch((error: Error) => error.message);
    const next = await verifier.verify(await slots([160]));
    const waiting = verifier.verify([long]).catch((error: Error) => error.name);
    setTimeout(() => verifier.close(), 100);
    const closed = await waiting;
    const after = await verifier.verify([long]).catch((error: Error) => error.name);
    return [first, next, closed, after].map(String);
  },

  async speed(): Promise<{ adapter: string; iterationsPerSecond: number }> {
    const verifier = await open();
    const iterationsPerSecond = await verifier.measure();
    const { adapter } = verifier;
    verifier.close();
    return { adapter, iterationsPerSecond };
  },
};

export type GpuPage = typeof page;
Object.assign(globalThis, { gpuPage: page });
