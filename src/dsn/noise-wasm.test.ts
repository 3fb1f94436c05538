import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { Uint8ArrayList } from 'uint8arraylist';
import { loadWasm } from '../crypto/wasm.ts';
import { equal } from '../protocol/bytes.ts';
import { pieceByIndex } from '../protocol/dsn.ts';
import { wasmNoise } from './noise-wasm.ts';
import { REFUSING_SERVER } from './server.ts';
import { join, pieceOf } from './test-support.ts';

beforeAll(() => loadWasm());

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

describe('the cipher of connections', () => {
  it('is ChaCha20-Poly1305, and refuses what was changed', () => {
    fc.assert(
      fc.property(
        bytes(32),
        bytes(12),
        fc.uint8Array({ maxLength: 40 }),
        fc.integer({ min: 0, max: 65_519 }),
        fc.nat(),
        (key, nonce, ad, length, at) => {
          const message = Uint8Array.from({ length }, (_, index) => index * 31);
          const sealed = wasmNoise.chaCha20Poly1305Encrypt(message, nonce, ad, key) as Uint8Array;
          expect(equal(sealed, chacha20poly1305(key, nonce, ad).encrypt(message))).toBe(true);
          const half = sealed.length >> 1;
          const parts = new Uint8ArrayList(sealed.subarray(0, half), sealed.subarray(half));
          const opened = wasmNoise.chaCha20Poly1305Decrypt(parts, nonce, ad, key) as Uint8Array;
          expect(equal(opened, message)).toBe(true);
          sealed[at % sealed.length]! ^= 1 << (at % 8);
          expect(() => wasmNoise.chaCha20Poly1305Decrypt(sealed, nonce, ad, key)).toThrow('changed');
        },
      ),
      { numRuns: 30 },
    );
  });

  it('is understood by peers that have another implementation of it', async () => {
    const piece = (): Promise<Uint8Array> => Promise.resolve(pieceOf(7n));
    const giver = await join({ server: { ...REFUSING_SERVER, piece } });
    const asker = await join({ noise: wasmNoise }, []);
    await asker.connect(giver.addresses());
    const question = { pieceIndex: 7n, cachedPieces: [] };
    const { piece: given } = await asker.request(giver.id, pieceByIndex, question);
    expect(given !== null && equal(given, pieceOf(7n))).toBe(true);
  });
});
