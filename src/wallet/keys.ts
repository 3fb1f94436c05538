/** From the recovery phrase to every key: accounts by Substrate's rule, identity keys by HKDF. */
import { p256 } from '@noble/curves/nist.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { entropyToMnemonic, mnemonicToEntropy, mnemonicToSeedSync, validateMnemonic } from '@scure/bip39';
import { wordlist } from '@scure/bip39/wordlists/english.js';
import { randomBytes } from '../crypto/random.ts';
import { deriveSecret, expandMiniSecret, miniSecretFromEntropy, publicKeyOf } from '../crypto/sr25519.ts';
import { U64_MAX } from '../protocol/constants.ts';
import { concat, littleEndian, utf8 } from '../protocol/bytes.ts';
import { blake2b256 } from '../protocol/hash.ts';
import { ScaleWriter } from '../protocol/scale.ts';
import { Refusal } from './errors.ts';

const KEY_SALT = utf8('autonomys-tab/keys/v1');
const CHAIN_CODE_BYTES = 32;
const P256_ORDER = p256.Point.Fn.ORDER;

/** A new recovery phrase of 12 or 24 words. */
export function newPhrase(words: 12 | 24): string {
  return entropyToMnemonic(randomBytes(words === 12 ? 16 : 32), wordlist);
}

/**
 * A phrase as it is stored: lower case, single spaces. Throws Refusal `phrase` naming what is wrong: the number
 * of words, a word that is not on the list, or the checksum.
 */
export function normalisedPhrase(text: string): string {
  const words = text.normalize('NFKD').trim().toLowerCase().split(/\s+/);
  if (![12, 15, 18, 21, 24].includes(words.length)) {
    throw new Refusal('phrase', `${words.length} words`, 'A recovery phrase has 12 or 24 words.');
  }
  const at = words.findIndex((word) => !wordlist.includes(word));
  if (at >= 0) {
    throw new Refusal('phrase', `word ${at + 1} is unknown`, `Word ${at + 1} is not on the list of words.`);
  }
  const phrase = words.join(' ');
  if (!validateMnemonic(phrase, wordlist)) {
    throw new Refusal('phrase', 'checksum', 'The words do not fit together: one is wrong or out of place.');
  }
  return phrase;
}

/** Entropy (16 to 32 bytes) of a valid phrase. */
export function phraseEntropy(phrase: string): Uint8Array {
  return mnemonicToEntropy(phrase, wordlist);
}

/** Standard BIP-39 seed (64 bytes), from the phrase's text. */
export function phraseSeed(phrase: string, passphrase: string): Uint8Array {
  return mnemonicToSeedSync(phrase, passphrase);
}

/** Substrate's mini secret (32 bytes), from the phrase's entropy. Needs `loadWasm`. */
export function phraseMiniSecret(phrase: string, passphrase: string): Uint8Array {
  return miniSecretFromEntropy(phraseEntropy(phrase), passphrase.normalize('NFKD'));
}

interface Junction {
  hard: boolean;
  chainCode: Uint8Array;
}

/** Junctions of a path such as `//0` or `//a/b`; empty for the root. Throws Refusal `path`. */
function parsePath(path: string): Junction[] {
  if (!/^(\/\/?[^/]+)*$/.test(path)) {
    throw new Refusal('path', path, 'A derivation path is made of parts such as //0 or /a.');
  }
  return Array.from(path.matchAll(/(\/\/?)([^/]+)/g), ([, slashes, name]) => ({
    hard: slashes === '//',
    chainCode: chainCode(name!),
  }));
}

function chainCode(name: string): Uint8Array {
  const numeric = /^\d+$/.test(name) && BigInt(name) <= U64_MAX;
  const encoded = numeric ? littleEndian(BigInt(name), 8) : new ScaleWriter().text(name).bytes();
  if (encoded.length > CHAIN_CODE_BYTES) return blake2b256(encoded);
  return concat(encoded, new Uint8Array(CHAIN_CODE_BYTES - encoded.length));
}

export interface AccountKey {
  /** sr25519 secret, 64 bytes. */
  secret: Uint8Array;
  /** 32 bytes. */
  publicKey: Uint8Array;
}

/** sr25519 key of a mini secret under a derivation path. Needs `loadWasm`. Throws Refusal `path`. */
export function accountKey(miniSecret: Uint8Array, path: string): AccountKey {
  const secret = parsePath(path).reduce(
    (parent, { chainCode: code, hard }) => deriveSecret(parent, code, hard),
    expandMiniSecret(miniSecret),
  );
  return { secret, publicKey: publicKeyOf(secret) };
}

function derived(seed: Uint8Array, info: string, length: number): Uint8Array {
  return hkdf(sha512, seed, KEY_SALT, utf8(info), length);
}

function requireIndex(index: number): number {
  if (!Number.isSafeInteger(index) || index < 0) throw new RangeError(`${index} is no key index`);
  return index;
}

/** Ed25519 seed (32 bytes) of identity key `index`. */
export function ed25519Seed(seed: Uint8Array, index: number): Uint8Array {
  return derived(seed, `autoid/ed25519/${requireIndex(index)}`, 32);
}

/** P-256 secret (32 bytes, big-endian) of identity key `index`. */
export function p256Secret(seed: Uint8Array, index: number): Uint8Array {
  let value = 0n;
  for (const byte of derived(seed, `autoid/p256/${requireIndex(index)}`, 48))
    value = (value << 8n) | BigInt(byte);
  return p256.Point.Fn.toBytes((value % (P256_ORDER - 1n)) + 1n);
}

/** Key material (48 bytes) for BBS KeyGen of identity key `index`. */
export function bbsKeyMaterial(seed: Uint8Array, index: number): Uint8Array {
  return derived(seed, `autoid/bbs/${requireIndex(index)}`, 48);
}

/** Key material (48 bytes) of the secret that credentials which cannot be linked are bound to. */
export function linkMaterial(seed: Uint8Array): Uint8Array {
  return derived(seed, 'autoid/bbs-link', 48);
}

/** Key (32 bytes) of backups kept in the network's storage. */
export function storageRootKey(seed: Uint8Array): Uint8Array {
  return derived(seed, 'storage/root', 32);
}

/** Key (32 bytes) that blinding factors of commitments to a score are made from. */
export function scoreBlindingKey(seed: Uint8Array): Uint8Array {
  return derived(seed, 'pedersen/score', 32);
}
