/** sr25519 keys and signatures: seals, votes, transactions. Needs `loadWasm`. */
import { concat, utf8 } from '../protocol/bytes.ts';
import { bisect } from './bisect.ts';
import { guarded, wasm } from './wasm.ts';

const RULE = 'sr25519';

/** Mini secret (32 bytes) of 16 to 32 bytes of entropy, as Substrate derives it from a phrase's entropy. */
export function miniSecretFromEntropy(entropy: Uint8Array, password = ''): Uint8Array {
  return guarded(RULE, () => wasm.sr25519_mini_secret_from_entropy(entropy, password));
}

/** Secret key (64 bytes) of a mini secret (32 bytes), expanded as Ed25519 does. */
export function expandMiniSecret(miniSecret: Uint8Array): Uint8Array {
  return guarded(RULE, () => wasm.sr25519_expand(miniSecret));
}

/** Public key (32 bytes) of a secret key (64 bytes). */
export function publicKeyOf(secret: Uint8Array): Uint8Array {
  return guarded(RULE, () => wasm.sr25519_public_key(secret));
}

/** Child (64 bytes) of a secret key by a hard (`//`) or soft (`/`) junction's chain code (32 bytes). */
export function deriveSecret(secret: Uint8Array, chainCode: Uint8Array, hard: boolean): Uint8Array {
  return guarded(RULE, () => wasm.sr25519_derive(secret, chainCode, hard));
}

/** Signature (64 bytes) of a message under a context such as `subspace_reward` or `substrate`. */
export function sign(secret: Uint8Array, context: string, message: Uint8Array): Uint8Array {
  return guarded(RULE, () => wasm.sr25519_sign(secret, utf8(context), message));
}

/** Whether a signature holds; bytes that are no key or no signature do not. */
export function verifySignature(
  publicKey: Uint8Array,
  context: string,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  return guarded(RULE, () => wasm.sr25519_verify(publicKey, utf8(context), message, signature));
}

/** A signature over a 32-byte message, to be checked with others. */
export interface SignatureClaim {
  /** 32 bytes. */
  publicKey: Uint8Array;
  /** 32 bytes. */
  message: Uint8Array;
  /** 64 bytes. */
  signature: Uint8Array;
}

function hasRightLengths({ publicKey, message, signature }: SignatureClaim): boolean {
  return publicKey.length === 32 && message.length === 32 && signature.length === 64;
}

/** Checks many signatures of one context together. Returns the indices of those that fail, ascending. */
export function badSignatures(context: string, claims: readonly SignatureClaim[]): number[] {
  const contextBytes = utf8(context);
  return bisect(claims, hasRightLengths, (some) =>
    guarded(RULE, () =>
      wasm.sr25519_verify_batch(
        concat(...some.map(({ publicKey }) => publicKey)),
        contextBytes,
        concat(...some.map(({ message }) => message)),
        concat(...some.map(({ signature }) => signature)),
      ),
    ),
  );
}
