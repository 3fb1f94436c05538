/** Walks on a worker of the browser's, for the benchmarks of proof of time. */
import { wasmWalker, webCryptoWalker } from '../../src/crypto/pot.ts';
import { tuneWebCrypto } from '../../src/crypto/pot-webcrypto.ts';
import { loadWasm } from '../../src/crypto/wasm.ts';

/** `webcrypto` walks one lane, `wasm` the eight checkpoints of a slot, each `iterations` in all. */
export type PotWork = { what: 'tune' } | { what: 'webcrypto' | 'wasm'; iterations: number };

const SEED = new Uint8Array(16);

async function carryOut(work: PotWork): Promise<unknown> {
  switch (work.what) {
    case 'tune':
      await loadWasm();
      return [...(await tuneWebCrypto())];
    case 'webcrypto':
      return webCryptoWalker.prove(SEED, work.iterations);
    case 'wasm':
      // Nothing holds, but every checkpoint is walked before that is known.
      return wasmWalker.verify(SEED, work.iterations, new Uint8Array(128));
  }
}

self.onmessage = ({ data }: MessageEvent<PotWork>) => {
  void carryOut(data).then((result) => self.postMessage(result));
};
