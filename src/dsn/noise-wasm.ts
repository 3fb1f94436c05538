/** What connections are encrypted with in browsers, which offer no such cipher: three times as fast as in JavaScript. */
import { pureJsCrypto, type ICryptoInterface } from '@libp2p/noise';
import { guarded, wasm } from '../crypto/wasm.ts';

const RULE = 'noise-cipher';

/** Noise with ChaCha20-Poly1305 in WebAssembly. Needs `loadWasm`. */
export const wasmNoise: ICryptoInterface = {
  ...pureJsCrypto,
  chaCha20Poly1305Encrypt: (plaintext, nonce, ad, key) =>
    guarded(RULE, () => wasm.chacha20poly1305_seal(key, nonce, ad, plaintext.subarray())),
  chaCha20Poly1305Decrypt: (ciphertext, nonce, ad, key) => {
    const opened = guarded(RULE, () => wasm.chacha20poly1305_open(key, nonce, ad, ciphertext.subarray()));
    if (opened === undefined)
      throw new Error('what came was changed on its way, or is not meant for this key');
    return opened;
  },
};
