import 'fake-indexeddb/auto';
import { mkdtemp, readFile, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { utf8 } from '../protocol/bytes.ts';
import { openNodeWalletStore } from '../storage/node-wallet-store.ts';
import {
  createMemoryWalletStore,
  openBrowserWalletStore,
  type WalletStore,
} from '../storage/wallet-store.ts';
import { LOWEST_COST, type PasswordKey } from './kdf.ts';
import { sha256 } from '@noble/hashes/sha2.js';
import { Keystore } from './keystore.ts';
import { decodeWallet, encodeWallet, requireStorable } from './sealing.ts';

const PASSWORD = 'correct horse battery';
/** Stands in for Argon2id, whose cost would be most of the time of these tests. */
const quick: PasswordKey = async (password, kdf) => sha256(utf8(`${password}/${kdf.salt}`));
const options = { passwordKey: quick, cost: LOWEST_COST };

async function filled(store: WalletStore = createMemoryWalletStore()): Promise<Keystore> {
  const keystore = await Keystore.open(store, options);
  await keystore.create(PASSWORD);
  await keystore.put('rec-0', 'mnemonic', { value: 'secret words' });
  await keystore.put('rec-1', 'contact', { name: 'Ada' });
  return keystore;
}

describe('keystore', () => {
  it('keeps records across runs and gives them only when unlocked', async () => {
    const store = createMemoryWalletStore();
    await filled(store);
    const again = await Keystore.open(store, options);
    expect(again.exists).toBe(true);
    expect(again.unlocked).toBe(false);
    expect(() => again.get('rec-0', 'mnemonic')).toThrow('locked');
    await expect(again.unlock('wrong password')).rejects.toThrow('wrong-password');
    expect(again.unlocked).toBe(false);
    await again.unlock(PASSWORD);
    expect(again.get('rec-0', 'mnemonic')).toEqual({ value: 'secret words' });
    expect(again.get('rec-0', 'contact')).toBeNull();
    expect(again.list('contact')).toEqual([{ id: 'rec-1', value: { name: 'Ada' } }]);
    again.lock();
    expect(() => again.list('contact')).toThrow('locked');
  });

  it('stores nothing readable', async () => {
    const store = createMemoryWalletStore();
    await filled(store);
    const text = JSON.stringify(await store.load());
    expect(text).not.toContain('secret');
    expect(text).not.toContain('Ada');
    expect(text).not.toContain(PASSWORD);
  });

  it('takes back a wallet that was made in the place of another', async () => {
    const store = createMemoryWalletStore();
    const keystore = await filled(store);
    const undo = await keystore.create('another password', true);
    expect(keystore.list('contact')).toEqual([]);
    await undo();
    expect(keystore.unlocked).toBe(false);
    await expect(keystore.unlock('another password')).rejects.toThrow('wrong-password');
    const again = await Keystore.open(store, options);
    await again.unlock(PASSWORD);
    expect(again.list('contact')).toEqual([{ id: 'rec-1', value: { name: 'Ada' } }]);
  });

  it('refuses a second wallet and a short password', async () => {
    const keystore = await filled();
    await expect(keystore.create(PASSWORD)).rejects.toThrow('wallet-exists');
    await expect(keystore.create('seven..', true)).rejects.toThrow('weak-password');
    const fresh = await Keystore.open(createMemoryWalletStore(), options);
    await expect(fresh.create('seven..')).rejects.toThrow('weak-password');
    expect(fresh.exists).toBe(false);
    await expect(fresh.unlock(PASSWORD)).rejects.toThrow('no-wallet');
  });

  it('changes the password by rewriting one slot', async () => {
    const store = createMemoryWalletStore();
    const keystore = await filled(store);
    const before = await store.load();
    await expect(keystore.changePassword('not that one', 'another password')).rejects.toThrow(
      'wrong-password',
    );
    await keystore.changePassword(PASSWORD, 'another password');
    expect((await store.load())?.records).toEqual(before?.records);
    const again = await Keystore.open(store, options);
    await expect(again.unlock(PASSWORD)).rejects.toThrow('wrong-password');
    await again.unlock('another password');
    expect(again.get('rec-0', 'mnemonic')).toEqual({ value: 'secret words' });
  });

  it('unlocks by passkey as well, and only by the right one', async () => {
    const store = createMemoryWalletStore();
    const keystore = await filled(store);
    const prf = new Uint8Array(32).fill(9);
    const kid = await keystore.addPasskey('Y3JlZA', 'tab.example', prf);
    await expect(keystore.addPasskey('Y3JlZA', 'tab.example', prf.subarray(1))).rejects.toThrow('31 bytes');
    const other = { kind: 'passkey', kid: 'prf-2', credential: 'b3RoZXI', rp: 'tab.example' };
    expect(await keystore.addPasskey(other.credential, other.rp, prf)).toBe(other.kid);
    const again = await Keystore.open(store, options);
    expect(again.methods).toContainEqual({ kind: 'passkey', kid, credential: 'Y3JlZA', rp: 'tab.example' });
    expect(() => again.unlockWithPasskey(kid, new Uint8Array(32))).toThrow('wrong-passkey');
    for (const wrong of ['pw-1', 'prf-3'])
      expect(() => again.unlockWithPasskey(wrong, prf)).toThrow('wrong-passkey');
    await expect(again.removePasskey(kid)).rejects.toThrow('locked');
    await expect(again.remove('rec-1')).rejects.toThrow('locked');
    again.unlockWithPasskey(kid, prf);
    expect(again.get('rec-1', 'contact')).toEqual({ name: 'Ada' });
    await again.changePassword(PASSWORD, 'another password');
    await again.removePasskey(kid);
    await again.removePasskey('pw-1');
    expect(again.methods).toEqual([{ kind: 'password', kid: 'pw-1' }, other]);
  });

  it('restores a backup in a fresh place', async () => {
    const file = (await filled()).backup();
    const store = createMemoryWalletStore();
    const other = await Keystore.open(store, options);
    await other.restore(file, PASSWORD, false);
    expect(other.get('rec-0', 'mnemonic')).toEqual({ value: 'secret words' });
    expect((await Keystore.open(store, options)).backup()).toEqual(file);
  });

  it('leaves everything as it was when a restore fails', async () => {
    const backup = (await filled()).backup();
    const store = createMemoryWalletStore();
    const keystore = await Keystore.open(store, options);
    await keystore.create('my own password');
    await keystore.put('mine', 'contact', { name: 'Grace' });
    const before = JSON.stringify(await store.load());
    const cut = (length: number) => backup.slice(0, length);
    const broken = decodeWallet(new TextDecoder().decode(backup));
    broken.records[1]!.ct = broken.records[1]!.ct.replace(/^./, (first) => (first === 'A' ? 'B' : 'A'));
    const attempts: [Uint8Array, string, boolean, string][] = [
      [backup, PASSWORD, false, 'wallet-exists'],
      [backup, 'wrong password', true, 'wrong-password'],
      [cut(backup.length - 1), PASSWORD, true, 'wallet-backup'],
      [cut(0), PASSWORD, true, 'wallet-backup'],
      [utf8('{"v":1,"slots":[],"records":[]}'), PASSWORD, true, 'wallet-backup'],
      [utf8(JSON.stringify({ ...broken, extra: 1 })), PASSWORD, true, 'wallet-backup'],
      [utf8(JSON.stringify(broken)), PASSWORD, true, 'damaged-record'],
    ];
    for (const [file, password, replace, reason] of attempts) {
      await expect(keystore.restore(file, password, replace)).rejects.toThrow(reason);
      expect(JSON.stringify(await store.load())).toBe(before);
      expect(keystore.get('mine', 'contact')).toEqual({ name: 'Grace' });
    }
    await keystore.restore(backup, PASSWORD, true);
    expect(keystore.get('mine', 'contact')).toBeNull();
    expect(keystore.get('rec-1', 'contact')).toEqual({ name: 'Ada' });
  });

  it('notices every changed byte of a stored record or slot', async () => {
    const backup = (await filled()).backup();
    const text = new TextDecoder().decode(backup);
    const places = Array.from(
      text.matchAll(/"(?:ct|nonce|salt|kid|id)":"/g),
      (match) => match.index + match[0].length,
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...places), fc.nat(10), async (at, offset) => {
        const index = at + offset;
        if (!/[A-Za-z0-9]/.test(text[index] ?? '')) return;
        const changed = text.slice(0, index) + (text[index] === 'x' ? 'y' : 'x') + text.slice(index + 1);
        const keystore = await Keystore.open(createMemoryWalletStore(), options);
        await expect(keystore.restore(utf8(changed), PASSWORD, false)).rejects.toThrow(
          /wallet-backup|wrong-password|damaged-record|nonce|salt|slot/,
        );
        expect(keystore.exists).toBe(false);
      }),
      { numRuns: 60 },
    );
  });

  it('does not lower a cost that was asked for, and refuses slots below the lowest', async () => {
    const text = new TextDecoder().decode((await filled()).backup());
    const keystore = await Keystore.open(createMemoryWalletStore(), options);
    const cheap = text.replace(`"m_kib":${LOWEST_COST.m_kib}`, '"m_kib":8');
    await expect(keystore.restore(utf8(cheap), PASSWORD, false)).rejects.toThrow('m_kib');
  });

  it('asks for less work where the usual work takes too long', async () => {
    let now = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now);
    const costsAt = async (ms: number): Promise<number[]> => {
      const costs: number[] = [];
      const passwordKey: PasswordKey = async (password, kdf) => {
        costs.push(kdf.m_kib);
        now += ms;
        return quick(password, kdf);
      };
      await (await Keystore.open(createMemoryWalletStore(), { passwordKey })).create(PASSWORD);
      return costs;
    };
    expect(await costsAt(2_000)).toEqual([65_536]);
    expect(await costsAt(2_001)).toEqual([65_536, LOWEST_COST.m_kib]);
    clock.mockRestore();
  });

  it('takes back all that it stored, and stores nothing that it would not take back', async () => {
    const store = createMemoryWalletStore();
    const keystore = await filled(store);
    const address = `https://issuer.example/${'a'.repeat(2000)}`;
    await keystore.put(address, 'setting', { revoked: 1 });
    await expect(keystore.put('a'.repeat(4097), 'setting', 1)).rejects.toThrow('id: <=4096');
    await expect(keystore.put('large', 'setting', 'a'.repeat(3 * 1024 * 1024))).rejects.toThrow('ct: <=');
    const prf = new Uint8Array(32).fill(9);
    for (let number = 1; number <= 15; number += 1)
      expect(await keystore.addPasskey('Y3JlZA', 'tab.example', prf)).toBe(`prf-${number}`);
    await expect(keystore.addPasskey('Y3JlZA', 'tab.example', prf)).rejects.toThrow('wallet-full');
    const again = await Keystore.open(store, options);
    expect(again.methods).toHaveLength(16);
    await again.unlock(PASSWORD);
    expect(again.get(address, 'setting')).toEqual({ revoked: 1 });
    expect(again.get('large', 'setting')).toBeNull();
    await (await Keystore.open(createMemoryWalletStore(), options)).restore(again.backup(), PASSWORD, false);
  });

  it('holds 32 MiB in 20,000 records', async () => {
    const wallet = decodeWallet(new TextDecoder().decode((await filled()).backup()));
    const [record] = wallet.records;
    const holding = (count: number, ct: string) => ({
      ...wallet,
      records: Array.from({ length: count }, (_, index) => ({ ...record!, id: `rec-${index}`, ct })),
    });
    const large = 'A'.repeat(4 * 1024 * 1024);
    for (const most of [holding(20_000, ''), holding(7, large)])
      expect(() => requireStorable(most)).not.toThrow();
    const much = holding(2, large).records;
    expect(
      decodeWallet(new TextDecoder().decode(encodeWallet({ ...wallet, records: much }))).records,
    ).toEqual(much);
    for (const more of [holding(20_001, ''), holding(8, large)])
      expect(() => requireStorable(more)).toThrow('wallet-full');
  });

  it('forgets the wallet only with its password', async () => {
    const store = createMemoryWalletStore();
    const keystore = await filled(store);
    await expect(keystore.forget('wrong password')).rejects.toThrow('wrong-password');
    expect(keystore.exists).toBe(true);
    await keystore.forget(PASSWORD);
    expect(await store.load()).toBeNull();
    expect(keystore.exists).toBe(false);
  });
});

describe('wallet stores', () => {
  it('IndexedDB keeps slots and records, and replaces them together', async () => {
    const store = await openBrowserWalletStore('wallet-test');
    expect(await store.load()).toBeNull();
    const keystore = await filled(store);
    await keystore.remove('rec-1');
    await store.close();
    const reopened = await openBrowserWalletStore('wallet-test');
    const again = await Keystore.open(reopened, options);
    await again.unlock(PASSWORD);
    expect(again.list('contact')).toEqual([]);
    await again.forget(PASSWORD);
    expect(await reopened.load()).toBeNull();
    await reopened.close();
  });

  it('a file under Node is readable by its owner only', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'wallet-'));
    const keystore = await filled(await openNodeWalletStore(folder));
    await keystore.remove('rec-1');
    const path = join(folder, 'wallet.json');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(JSON.parse(await readFile(path, 'utf8')).records).toHaveLength(1);
    const again = await Keystore.open(await openNodeWalletStore(folder), options);
    await again.unlock(PASSWORD);
    expect(again.get('rec-0', 'mnemonic')).toEqual({ value: 'secret words' });
  });
});
