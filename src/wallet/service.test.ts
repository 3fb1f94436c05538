import { sha256 } from '@noble/hashes/sha2.js';
import { describe, expect, it, vi } from 'vitest';
import { fromHex, utf8 } from '../protocol/bytes.ts';
import { decodeAddress } from '../protocol/ss58.ts';
import { createMemoryWalletStore, type WalletStore } from '../storage/wallet-store.ts';
import { LOWEST_COST, type PasswordKey } from './kdf.ts';
import { WalletService } from './service.ts';
import type { WalletSessionOptions } from './session.ts';
import { verifyMessage } from './signing.ts';

const PASSWORD = 'correct horse battery';
const PHRASE = 'bottom drive obey lake curtain smoke basket hold race lonely fit walk';
const quick: PasswordKey = async (password, kdf) => sha256(utf8(`${password}/${kdf.salt}`));

const open = (store: WalletStore = createMemoryWalletStore(), more: WalletSessionOptions = {}) =>
  WalletService.open(store, { passwordKey: quick, cost: LOWEST_COST, ...more });

async function created(more: WalletSessionOptions = {}): Promise<WalletService> {
  const wallet = await open(createMemoryWalletStore(), more);
  await wallet.create({ phrase: PHRASE, password: PASSWORD });
  return wallet;
}

describe('wallet service', () => {
  it('makes the development phrase’s well-known account', async () => {
    const wallet = await created();
    const { accounts } = await wallet.status();
    expect(accounts).toHaveLength(1);
    expect(decodeAddress(accounts[0]!.address).account).toEqual(
      fromHex('46ebddef8cd9bb167dc30878d7113b7e168e6f0646beffd77d69d39bad76b47a'),
    );
  });

  it('offers new phrases that it accepts, and says what is wrong with others', async () => {
    const wallet = await open();
    const phrase = await wallet.newPhrase(24);
    expect(phrase.split(' ')).toHaveLength(24);
    await wallet.create({ phrase: `  ${phrase.toUpperCase()} `, password: PASSWORD });
    expect(await wallet.revealPhrase({ password: PASSWORD })).toEqual({ phrase, passphrase: '' });
    await expect(wallet.revealPhrase({ password: 'wrong password' })).rejects.toThrow('wrong-password');
    const other = await open();
    await expect(other.create({ phrase: 'one two', password: PASSWORD })).rejects.toThrow('2 words');
    const typo = PHRASE.replace('lake', 'lakee');
    await expect(other.create({ phrase: typo, password: PASSWORD })).rejects.toThrow('word 4');
    const swapped = PHRASE.replace('bottom drive', 'drive bottom');
    await expect(other.create({ phrase: swapped, password: PASSWORD })).rejects.toThrow('checksum');
    expect((await other.status()).exists).toBe(false);
  });

  it('adds, watches, renames and removes accounts', async () => {
    const wallet = await created();
    const first = await wallet.addAccount({ name: ' Farm ' });
    const second = await wallet.addAccount({ name: 'Spare' });
    expect([first.path, second.path, first.name]).toEqual(['//0', '//1', 'Farm']);
    await expect(wallet.addAccount({ name: 'Twice', path: '//1' })).rejects.toThrow('account-exists');
    await expect(wallet.addAccount({ name: 'Bad', path: '0' })).rejects.toThrow('path');
    await expect(wallet.addAccount({ name: ' ' })).rejects.toThrow('name');
    const alice = '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY';
    const watched = await wallet.watchAccount({ name: 'Alice', address: alice });
    expect(watched).toMatchObject({ kind: 'watch', path: '' });
    expect(() => wallet.signer(watched.id)).toThrow('watch-only');
    await expect(wallet.watchAccount({ name: 'X', address: 'nonsense' })).rejects.toThrow('address');
    await wallet.renameAccount({ id: first.id, name: 'Field' });
    await wallet.removeAccount({ id: second.id });
    const names = (await wallet.status()).accounts.map(({ name }) => name);
    expect(names).toEqual(['Main account', 'Field', 'Alice']);
    await expect(wallet.removeAccount({ id: second.id })).rejects.toThrow('unknown-account');
  });

  it('keeps an imported phrase only as long as an account of it is listed', async () => {
    const wallet = await created();
    const phrase = await wallet.newPhrase(12);
    const account = await wallet.importPhrase({ name: 'Old wallet', phrase });
    expect(wallet.keystore.list('mnemonic')).toHaveLength(2);
    await wallet.removeAccount({ id: account.id });
    expect(wallet.keystore.list('mnemonic')).toHaveLength(1);
  });

  it('signs messages that verify under the account, and nothing while locked', async () => {
    const wallet = await created();
    const [account] = (await wallet.status()).accounts;
    const signature = fromHex(await wallet.signMessage({ account: account!.address, message: 'hello' }));
    const key = decodeAddress(account!.address).account;
    expect(verifyMessage(key, 'hello', signature)).toBe(true);
    expect(verifyMessage(key, 'hallo', signature)).toBe(false);
    const signer = wallet.signer(account!.id);
    await wallet.lock();
    expect(() => signer.sign(new Uint8Array(32))).toThrow('locked');
    await expect(wallet.signMessage({ account: account!.id, message: 'hello' })).rejects.toThrow('locked');
    expect((await wallet.status()).accounts).toEqual([]);
  });

  it('locks itself after the time without use, by the clock even where timers sleep', async () => {
    let now = 1_000_000;
    const changed = vi.fn<() => void>();
    const wallet = await created({ now: () => now, changed });
    await wallet.setAutoLock({ minutes: 2 });
    now += 119_000;
    await wallet.touch();
    now += 119_000;
    expect((await wallet.status()).unlocked).toBe(true);
    now += 1_000;
    expect((await wallet.status()).unlocked).toBe(false);
    expect(changed).toHaveBeenCalledTimes(2);
    await wallet.unlock({ password: PASSWORD });
    now += 120_000;
    expect(() => wallet.identitySecret('ed25519', 0)).toThrow('locked');
    await wallet.unlock({ password: PASSWORD });
    await expect(wallet.setAutoLock({ minutes: 0 })).rejects.toThrow('auto-lock');
  });

  it('restores on another device with the same accounts, contacts and keys', async () => {
    const wallet = await created();
    await wallet.addAccount({ name: 'Farm' });
    const { address } = (await wallet.status()).accounts[1]!;
    const contact = await wallet.putContact({ name: 'Me', address });
    const secret = wallet.identitySecret('p256', 3);
    const other = await open();
    await other.restore({ file: await wallet.backup(), password: PASSWORD });
    expect(await other.status()).toEqual(await wallet.status());
    expect(await other.contacts()).toEqual([contact]);
    expect(other.identitySecret('p256', 3)).toEqual(secret);
    await other.removeContact({ id: contact.id });
    expect(await other.contacts()).toEqual([]);
    await expect(other.restore({ file: await wallet.backup(), password: PASSWORD })).rejects.toThrow(
      'wallet-exists',
    );
    await other.forget({ password: PASSWORD });
    expect((await other.status()).exists).toBe(false);
  });

  it('unlocks by passkey', async () => {
    const wallet = await created();
    const prf = () => new Uint8Array(32).fill(5);
    await wallet.addPasskey({ password: PASSWORD, credential: 'Y3JlZA', rp: 'localhost', prfOutput: prf() });
    await wallet.lock();
    await expect(wallet.unlockWithPasskey({ kid: 'prf-1', prfOutput: new Uint8Array(32) })).rejects.toThrow(
      'wrong-passkey',
    );
    await wallet.unlockWithPasskey({ kid: 'prf-1', prfOutput: prf() });
    expect((await wallet.status()).unlocked).toBe(true);
  });
});
