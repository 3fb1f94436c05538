import { describe, expect, it } from 'vitest';
import { verifySignature } from '../crypto/sr25519.ts';
import { REWARD_SIGNING_CONTEXT } from '../protocol/constants.ts';
import { DecodeError } from '../protocol/errors.ts';
import type { NodeStore } from '../storage/store.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import {
  decodeIdentityFile,
  encodeIdentityFile,
  exportIdentity,
  identityFromEntropy,
  importIdentity,
  loadOrCreateFolderEntropy,
  loadOrCreateIdentity,
} from './identity.ts';
import { named } from './test-support.ts';

const ENTROPY = named('entropy', 32);

function emptyStore(): NodeStore {
  let kept: Uint8Array | null = null;
  return {
    identity: async () => kept,
    putIdentity: async (entropy: Uint8Array) => void (kept = entropy),
  } as unknown as NodeStore;
}

describe('a farmer’s key', () => {
  it('signs hashes and nothing else', async () => {
    const identity = await identityFromEntropy(ENTROPY);
    const hash = named('block', 32);
    const signature = identity.signReward(hash);
    expect(verifySignature(identity.publicKey, REWARD_SIGNING_CONTEXT, hash, signature)).toBe(true);
    for (const length of [0, 31, 33])
      expect(() => identity.signReward(named('x', length))).toThrow(RangeError);
    for (const length of [31, 33])
      await expect(identityFromEntropy(named('x', length))).rejects.toThrow(RangeError);
  });

  it('is made once, leaves as a file and comes back from it', async () => {
    const store = emptyStore();
    await expect(exportIdentity(store)).rejects.toMatchObject({ code: 'identity' });
    const { publicKey } = await loadOrCreateIdentity(store);
    expect((await loadOrCreateIdentity(store)).publicKey).toEqual(publicKey);
    const file = await exportIdentity(store);
    expect(file).toHaveLength(33);
    const other = emptyStore();
    expect((await importIdentity(other, file)).publicKey).toEqual(publicKey);
    expect((await loadOrCreateIdentity(other)).publicKey).toEqual(publicKey);
    // A damaged file changes nothing.
    await expect(importIdentity(other, file.subarray(1))).rejects.toThrow(DecodeError);
    expect(await exportIdentity(other)).toEqual(file);
  });

  it('in a folder is made for a new farm only, and never in place of one that is damaged or lost', async () => {
    const directory = new MemoryDirectory();
    const made = await loadOrCreateFolderEntropy(directory);
    expect(decodeIdentityFile(directory.files.get('identity.bin')!)).toEqual(made);
    directory.files.set('farm.json', new Uint8Array(1));
    expect(await loadOrCreateFolderEntropy(directory)).toEqual(made);
    const whole = encodeIdentityFile(ENTROPY);
    const shorter = Uint8Array.from([31 << 2, ...whole.subarray(2)]);
    for (const damaged of [whole.subarray(1), Uint8Array.from([...whole, 0]), shorter, new Uint8Array(0)]) {
      directory.files.set('identity.bin', damaged);
      await expect(loadOrCreateFolderEntropy(directory)).rejects.toMatchObject({ code: 'identity' });
    }
    directory.files.delete('identity.bin');
    await expect(loadOrCreateFolderEntropy(directory)).rejects.toMatchObject({ code: 'identity' });
    expect(directory.files.has('identity.bin')).toBe(false);
  });
});
