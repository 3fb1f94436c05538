import { sha256 } from '@noble/hashes/sha2.js';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../protocol/bytes.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { createMemoryWalletStore, type WalletStore } from '../storage/wallet-store.ts';
import { LOWEST_COST, type PasswordKey } from './kdf.ts';
import { openNetworkBackup, sealNetworkBackup } from './network-backup.ts';
import { encodeWallet, sealRecord, type SealedWallet } from './sealing.ts';
import { WalletService } from './service.ts';

const PHRASE = 'bottom drive obey lake curtain smoke basket hold race lonely fit walk';
const OTHER = 'legal winner thank year wave sausage worth useful legal winner thank yellow';
const PASSWORD = 'correct horse battery';
const quick: PasswordKey = async (password, kdf) => sha256(utf8(`${password}/${kdf.salt}`));
const open = (store: WalletStore = createMemoryWalletStore()) =>
  WalletService.open(store, { passwordKey: quick, cost: LOWEST_COST });

async function made(phrase = PHRASE, passphrase = '', store?: WalletStore): Promise<WalletService> {
  const wallet = await open(store);
  await wallet.create({ phrase, passphrase, password: PASSWORD });
  await wallet.putContact({ name: 'Ada', address: (await wallet.status()).accounts[0]!.address });
  return wallet;
}

describe('a copy of the wallet on the network', () => {
  it('comes back by the phrase on another device, under a new password', async () => {
    const wallet = await made(PHRASE, 'extra');
    await wallet.addAccount({ name: 'Farm' });
    const passkey = { credential: 'Y3JlZA', rp: 'tab.example', prfOutput: new Uint8Array(32).fill(9) };
    await wallet.addPasskey({ password: PASSWORD, ...passkey });
    const copy = await wallet.networkBackup();
    const store = createMemoryWalletStore();
    const other = await open(store);
    const found = {
      copy,
      phrase: ` ${PHRASE.toUpperCase()}`,
      passphrase: 'extra',
      password: 'another password',
    };
    await other.restoreFromNetwork(found);
    expect((await other.status()).accounts.map(({ name }) => name)).toEqual(['Main account', 'Farm']);
    expect(await other.contacts()).toEqual(await wallet.contacts());
    const again = await open(store);
    await expect(again.unlock({ password: PASSWORD })).rejects.toThrow('wrong-password');
    await again.unlock({ password: 'another password' });
    expect(await again.revealPhrase({ password: 'another password' })).toEqual({
      phrase: PHRASE,
      passphrase: 'extra',
    });
    // A passkey of the old device is no way into the new one.
    expect((await again.status()).methods).toEqual([{ kind: 'password', kid: 'pw-1' }]);
  });

  it('is as long as a copy can be, and of the version that is read', () => {
    const key = new Uint8Array(32).fill(1);
    const copy = (length: number, version = 1) => {
      const bytes = new Uint8Array(length);
      bytes[0] = version;
      return () => openNetworkBackup(key, bytes);
    };
    const most = 32 * 1024 * 1024;
    expect(copy(most + 1)).toThrow(`${most + 1} bytes`);
    expect(copy(most, 2)).toThrow('no copy of a wallet');
    for (const length of [0, 1, 1 + 12 + 32 + 16]) expect(copy(length)).toThrow('no copy of a wallet');
    expect(copy(1 + 12 + 32 + 16 + 1)).toThrow('backup-phrase');
  });

  it('needs an open wallet, and is remembered in it', async () => {
    const wallet = await made();
    await wallet.noteNetworkBackup({ cid: 'one' });
    await wallet.noteNetworkBackup({ cid: 'two' });
    expect((await wallet.networkBackups()).map(({ cid }) => cid)).toEqual(['two', 'one']);
    await wallet.lock();
    await expect(wallet.networkBackup()).rejects.toThrow('locked');
    await expect(wallet.networkBackups()).rejects.toThrow('locked');
  });

  it('tells nothing: neither words nor names nor how much there is', async () => {
    const wallet = await made();
    const first = await wallet.networkBackup();
    const second = await wallet.networkBackup();
    expect(first).not.toEqual(second);
    expect((first.length - 29) % 4096).toBe(0);
    await wallet.putContact({ name: 'Grace', address: (await wallet.status()).accounts[0]!.address });
    expect(await wallet.networkBackup()).toHaveLength(first.length);
    const text = new TextDecoder('latin1').decode(first);
    for (const word of ['mnemonic', 'slots', 'argon2id', 'phrase']) expect(text).not.toContain(word);
  });

  it('leaves everything as it was when it is not restored', async () => {
    const copy = await (await made()).networkBackup();
    const store = createMemoryWalletStore();
    const mine = await made(OTHER, '', store);
    const before = JSON.stringify(await store.load());
    const flipped = (at: number) => copy.map((byte, index) => (index === at ? byte ^ 1 : byte));
    const given = { copy, phrase: PHRASE, password: 'another password', replace: true };
    const attempts: [Partial<typeof given> & { passphrase?: string }, string][] = [
      [{ replace: false }, 'wallet-exists'],
      [{ phrase: OTHER }, 'backup-phrase'],
      [{ passphrase: 'extra' }, 'backup-phrase'],
      [{ phrase: 'one two' }, 'phrase'],
      [{ password: 'short' }, 'weak-password'],
      [{ copy: flipped(0) }, 'network-backup'],
      [{ copy: flipped(5) }, 'backup-phrase'],
      [{ copy: flipped(100) }, 'backup-phrase'],
      [{ copy: flipped(copy.length - 1) }, 'backup-phrase'],
      [{ copy: copy.slice(0, -1) }, 'backup-phrase'],
      [{ copy: copy.slice(0, 61) }, 'network-backup'],
      [{ copy: new Uint8Array() }, 'network-backup'],
      [{ copy: utf8('{"v":1}') }, 'network-backup'],
    ];
    for (const [change, reason] of attempts) {
      await expect(mine.restoreFromNetwork({ ...given, ...change })).rejects.toThrow(reason);
      expect(JSON.stringify(await store.load())).toBe(before);
      expect(await mine.contacts()).toHaveLength(1);
    }
    await mine.restoreFromNetwork(given);
    expect((await mine.revealPhrase({ password: 'another password' })).phrase).toBe(PHRASE);
  });

  it('is not restored with a record that does not open, or as something else than a wallet', async () => {
    const key = new Uint8Array(32).fill(1);
    const dataKey = new Uint8Array(32).fill(2);
    const { slots } = JSON.parse(new TextDecoder().decode(await (await made()).backup())) as SealedWallet;
    const wrong = sealRecord(new Uint8Array(32).fill(3), 'rec', 'contact', { name: 'Ada' });
    const wallet: SealedWallet = { v: 1, slots, records: [wrong] };
    const copy = sealNetworkBackup(key, { wallet, dataKey });
    const { keystore } = await open();
    await expect(keystore.restoreFromNetwork(copy, key, PASSWORD, false)).rejects.toThrow('damaged-record');
    expect(keystore.exists).toBe(false);
    const twice = sealNetworkBackup(key, { wallet: { ...wallet, records: [wrong, wrong] }, dataKey });
    expect(() => openNetworkBackup(key, twice)).toThrow('given twice');
  });

  it('is read back as it was written, and refused in every other form', () => {
    const wallet = JSON.parse(
      '{"v":1,"slots":[{"header":{"v":1,"kid":"pw-1","alg":"A256GCM","kdf":{"name":"argon2id","m_kib":65536,"t":3,"p":1,"salt":"AAAAAAAAAAAAAAAAAAAAAA"}},"nonce":"AAAAAAAAAAAAAAAA","ct":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}],"records":[]}',
    ) as SealedWallet;
    const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
    fc.assert(
      fc.property(
        bytes(32),
        bytes(32),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (key, dataKey, at, by) => {
          const sealed = sealNetworkBackup(key, { wallet, dataKey });
          const opened = openNetworkBackup(key, sealed);
          expect(opened.dataKey).toEqual(dataKey);
          expect(encodeWallet(opened.wallet)).toEqual(encodeWallet(wallet));
          const changed = sealed.slice();
          changed[at % sealed.length]! ^= by;
          expect(() => openNetworkBackup(key, changed)).toThrow(ProtocolError);
        },
      ),
      { numRuns: 50 },
    );
  });
});
