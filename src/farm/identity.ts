/** The farmer's key: 32 bytes of entropy, from which the network's farmers derive an sr25519 pair. */
import { randomBytes } from '../crypto/random.ts';
import { expandMiniSecret, miniSecretFromEntropy, publicKeyOf, sign } from '../crypto/sr25519.ts';
import { loadWasm } from '../crypto/wasm.ts';
import { REWARD_SIGNING_CONTEXT } from '../protocol/constants.ts';
import { decodeAll, ScaleWriter } from '../protocol/scale.ts';
import { readSmall, type FarmDirectory } from '../storage/directory.ts';
import type { NodeStore } from '../storage/store.ts';
import { FarmError } from './errors.ts';

const ENTROPY_BYTES = 32;
const HASH_BYTES = 32;
/** A farm's own key, in its folder, as the native farmer keeps it. */
export const IDENTITY_FILE = 'identity.bin';
const MAX_FILE_BYTES = 64;
/** Where it lies, there is a farm. */
export const DESCRIPTION_FILE = 'farm.json';

export interface FarmerIdentity {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Signature (64 bytes) of a block's or vote's hash (32 bytes) under the context `subspace_reward`. */
  signReward(hash: Uint8Array): Uint8Array;
}

/** The identity of 32 bytes of entropy. Loads the WebAssembly module. */
export async function identityFromEntropy(entropy: Uint8Array): Promise<FarmerIdentity> {
  requireEntropy(entropy);
  await loadWasm();
  const secret = expandMiniSecret(miniSecretFromEntropy(entropy));
  return {
    publicKey: publicKeyOf(secret),
    signReward: (hash) => {
      // Anything but a hash could be a message of another protocol that the key must not sign.
      if (hash.length !== HASH_BYTES)
        throw new RangeError(`${hash.length} bytes to sign where 32 are needed`);
      return sign(secret, REWARD_SIGNING_CONTEXT, hash);
    },
  };
}

/** The stored identity; a new one is made and stored first when there is none. */
export async function loadOrCreateIdentity(store: NodeStore): Promise<FarmerIdentity> {
  let entropy = await store.identity();
  if (entropy === null) {
    entropy = randomBytes(ENTROPY_BYTES);
    await store.putIdentity(entropy);
  }
  return identityFromEntropy(entropy);
}

/**
 * Entropy (32 bytes) of the key in a farm's folder; for a new farm one is made. Throws StorageError, and FarmError
 * `identity` for a file that is damaged, or missing beside a farm.
 */
export async function loadOrCreateFolderEntropy(directory: FarmDirectory): Promise<Uint8Array> {
  const file = await readSmall(directory, IDENTITY_FILE, MAX_FILE_BYTES);
  if (file === null) {
    if ((await directory.list()).some(({ name }) => name === DESCRIPTION_FILE)) throw lostKey(directory);
    const entropy = randomBytes(ENTROPY_BYTES);
    await directory.write(IDENTITY_FILE, [encodeIdentityFile(entropy)]);
    return entropy;
  }
  try {
    return decodeIdentityFile(file);
  } catch (error) {
    throw new FarmError({
      code: 'identity',
      message: `${IDENTITY_FILE} in ${directory.place} does not decode`,
      sentence: `The farmer’s key in ${directory.place} is damaged. The sectors there cannot win without it.`,
      action: 'Put a copy of identity.bin back, or remove the farm',
      cause: error,
    });
  }
}

function lostKey(directory: FarmDirectory): FarmError {
  return new FarmError({
    code: 'identity',
    message: `${IDENTITY_FILE} is missing in ${directory.place}`,
    sentence: `The farmer’s key is missing in ${directory.place}. The sectors there cannot win without it.`,
    action: 'Put a copy of identity.bin back, or remove the farm',
  });
}

/** The stored identity as the native farmer's `identity.bin`. Throws FarmError `identity` when there is none. */
export async function exportIdentity(store: NodeStore): Promise<Uint8Array> {
  const entropy = await store.identity();
  if (entropy !== null) return encodeIdentityFile(entropy);
  throw new FarmError({
    code: 'identity',
    message: 'no identity is stored',
    sentence: 'There is no farmer’s key in this browser yet.',
  });
}

/** Replaces the stored identity by the one of an `identity.bin`. Throws DecodeError. */
export async function importIdentity(store: NodeStore, file: Uint8Array): Promise<FarmerIdentity> {
  const entropy = decodeIdentityFile(file);
  const identity = await identityFromEntropy(entropy);
  await store.putIdentity(entropy);
  return identity;
}

/** `identity.bin`: the entropy as a SCALE byte vector, 33 bytes. */
export function encodeIdentityFile(entropy: Uint8Array): Uint8Array {
  requireEntropy(entropy);
  return new ScaleWriter().byteVector(entropy).bytes();
}

/** The 32 bytes of entropy of an `identity.bin`. Throws DecodeError. */
export function decodeIdentityFile(file: Uint8Array): Uint8Array {
  return decodeAll(file, 'identity', (reader) => {
    const entropy = reader.byteVector(ENTROPY_BYTES);
    if (entropy.length !== ENTROPY_BYTES)
      reader.fail(`${entropy.length} bytes of entropy where 32 are needed`);
    return entropy;
  });
}

function requireEntropy(entropy: Uint8Array): void {
  if (entropy.length !== ENTROPY_BYTES)
    throw new RangeError(`${entropy.length} bytes of entropy where 32 are needed`);
}
