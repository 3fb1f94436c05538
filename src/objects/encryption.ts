/**
 * Encryption of files with a password: 32 bytes of salt, then frames of a 16-byte initialisation vector, ciphertext
 * and a 16-byte tag (AES-256-GCM), the key by PBKDF2 with SHA-256 and 100 000 iterations.
 *
 * Frames are bound neither to their place nor to their number. A reader who trusts the object's identifier is safe
 * from frames that were moved or left out, because the identifier covers all stored bytes.
 */
import { randomBytes } from '../crypto/random.ts';
import { concat, utf8 } from '../protocol/bytes.ts';
import { ObjectError } from './errors.ts';

export const SALT_BYTES = 32;
const IV_BYTES = 16;
const TAG_BYTES = 16;
const ITERATIONS = 100_000;
/** Plaintext bytes of a frame unless the file says otherwise. */
const DEFAULT_FRAME_BYTES = 1024 * 1024;
/** Largest frame that is read: a frame has to be held whole before any of it is verified. */
const MAX_FRAME_BYTES = 16 * 1024 * 1024;
const FRAME_OVERHEAD = IV_BYTES + TAG_BYTES;

/** The 32 bytes of the key that a password (UTF-8) and a salt give. */
export async function keyBytesOfPassword(password: string, salt: Uint8Array): Promise<Uint8Array> {
  const secret = utf8(password) as BufferSource;
  const material = await crypto.subtle.importKey('raw', secret, 'PBKDF2', false, ['deriveBits']);
  const parameters = {
    name: 'PBKDF2',
    hash: 'SHA-256',
    iterations: ITERATIONS,
    salt: salt as BufferSource,
  };
  return new Uint8Array(await crypto.subtle.deriveBits(parameters, material, 256));
}

/** The key of a password, which cannot be read out again. */
export async function keyOfPassword(password: string, salt: Uint8Array): Promise<CryptoKey> {
  const bytes = await keyBytesOfPassword(password, salt);
  return crypto.subtle.importKey('raw', bytes as BufferSource, 'AES-GCM', false, ['encrypt', 'decrypt']);
}

/** Plaintext bytes in stored ones; null when no plaintext has so many. */
export function plaintextSize(stored: number, frameBytes: number): number | null {
  const rest = stored - SALT_BYTES;
  if (rest < 0) return null;
  const full = frameBytes + FRAME_OVERHEAD;
  const last = rest % full;
  const whole = Math.floor(rest / full);
  if (last === 0) return whole * frameBytes;
  return last > FRAME_OVERHEAD ? whole * frameBytes + last - FRAME_OVERHEAD : null;
}

/** Where in the stored bytes the frame begins that holds a plaintext byte, and where it begins in plaintext. */
export function frameAt(offset: number, frameBytes: number): { stored: number; plaintext: number } {
  const frame = Math.floor(offset / frameBytes);
  return { stored: SALT_BYTES + frame * (frameBytes + FRAME_OVERHEAD), plaintext: frame * frameBytes };
}

/** Checks the frame size that a file states. Throws ObjectError `malformed`. */
export function requireFrameBytes(chunkSize: number | null): number {
  const size = chunkSize ?? DEFAULT_FRAME_BYTES;
  if (size > 0 && size <= MAX_FRAME_BYTES) return size;
  throw new ObjectError({
    code: 'malformed',
    message: `encrypted in frames of ${size} bytes`,
    sentence: 'This file is encrypted in a way that cannot be read.',
  });
}

/** Encrypts: salt, then frames. */
export async function* encrypt(
  plaintext: AsyncIterable<Uint8Array>,
  password: string,
  frameBytes: number = DEFAULT_FRAME_BYTES,
): AsyncGenerator<Uint8Array> {
  const salt = randomBytes(SALT_BYTES);
  const key = await keyOfPassword(password, salt);
  yield salt;
  for await (const frame of inFrames(plaintext, frameBytes)) {
    const iv = randomBytes(IV_BYTES);
    const algorithm = { name: 'AES-GCM', iv: iv as BufferSource };
    const ciphertext = await crypto.subtle.encrypt(algorithm, key, frame as BufferSource);
    yield concat(iv, new Uint8Array(ciphertext));
  }
}

/**
 * Decrypts stored bytes that begin at a frame's border. The bytes are known to be the right ones, so that a first
 * frame that does not open means another password.
 *
 * @throws ObjectError `wrong-password` or `damaged`.
 */
export async function* decryptFrames(
  frames: AsyncIterable<Uint8Array>,
  key: CryptoKey,
  frameBytes: number,
): AsyncGenerator<Uint8Array> {
  let decrypted = 0;
  for await (const frame of inFrames(frames, frameBytes + FRAME_OVERHEAD)) {
    if (frame.length <= FRAME_OVERHEAD) {
      throw new ObjectError({
        code: 'damaged',
        message: `a frame of ${frame.length} bytes`,
        sentence: 'The encrypted file ends in the middle of a part; whoever stored it stored it damaged.',
      });
    }
    const algorithm = { name: 'AES-GCM', iv: frame.subarray(0, IV_BYTES) as BufferSource };
    let plaintext: ArrayBuffer;
    try {
      plaintext = await crypto.subtle.decrypt(algorithm, key, frame.subarray(IV_BYTES) as BufferSource);
    } catch (cause) {
      throw decrypted === 0 ? wrongPassword(cause) : damagedFrame(decrypted, cause);
    }
    decrypted += 1;
    yield new Uint8Array(plaintext);
  }
}

function wrongPassword(cause: unknown): ObjectError {
  return new ObjectError({
    code: 'wrong-password',
    message: 'the first frame does not decrypt',
    sentence: 'The password does not open this file.',
    cause,
  });
}

function damagedFrame(frame: number, cause: unknown): ObjectError {
  return new ObjectError({
    code: 'damaged',
    message: `frame ${frame} after the first one read does not decrypt`,
    sentence: 'A part of the encrypted file is damaged; whoever stored it stored it damaged.',
    values: { frame },
    cause,
  });
}

/** Regroups bytes into parts of `size`, the last one shorter. */
export async function* inFrames(
  parts: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  size: number,
): AsyncGenerator<Uint8Array> {
  let frame = new Uint8Array(size);
  let filled = 0;
  for await (const part of parts) {
    for (let at = 0; at < part.length;) {
      const taken = part.subarray(at, at + size - filled);
      frame.set(taken, filled);
      filled += taken.length;
      at += taken.length;
      if (filled < size) continue;
      yield frame;
      frame = new Uint8Array(size);
      filled = 0;
    }
  }
  if (filled > 0) yield frame.subarray(0, filled);
}
