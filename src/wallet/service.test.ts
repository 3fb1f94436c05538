import { ristretto255 } from '@noble/curves/ed25519.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { describe, expect, it, vi } from 'vitest';
import { verifySignature } from '../crypto/sr25519.ts';
import { concat, fromHex, utf8 } from '../protocol/bytes.ts';
import { EXTRINSIC_SIGNING_CONTEXT } from '../protocol/constants.ts';
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
    // Under the neutral element R = S · B holds over every text.
    const base = ristretto255.Point.BASE.toBytes();
    const forged = concat(base, Uint8Array.of(1), new Uint8Array(30), Uint8Array.of(0x80));
    const nobody = new Uint8Array(32);
    expect(verifySignature(nobody, EXTRINSIC_SIGNING_CONTEXT, utf8('any'), forged)).toBe(true);
    expect(verifyMessage(nobody, 'hello', forged)).toBe(false);
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
    for (const minutes of [0, 1.5, 1441])
      await expect(wallet.setAutoLock({ minutes })).rejects.toThrow('auto-lock');
    for (const minutes of [1, 1440]) await wallet.setAutoLock({ minutes });
  });

  it('does nothing more for who comes back after that time, nor takes their coming for use', async () => {
    let now = 1_000_000;
    const wallet = await created({ now: () => now });
    const [account] = (await wallet.status()).accounts;
    const { id } = await wallet.putContact({ name: 'Me', address: account!.address });
    const passkey = { credential: 'Y3JlZA', rp: 'localhost', prfOutput: new Uint8Array(32) };
    const attempts: (() => Promise<unknown>)[] = [
      () => wallet.addAccount({ name: 'Farm' }),
      () => wallet.watchAccount({ name: 'Farm', address: account!.address }),
      () => wallet.renameAccount({ id: account!.id, name: 'Farm' }),
      () => wallet.removeAccount({ id: account!.id }),
      () => wallet.contacts(),
      () => wallet.putContact({ name: 'Farm', address: account!.address }),
      () => wallet.removeContact({ id }),
      () => wallet.signMessage({ account: account!.id, message: 'hello' }),
      () => wallet.revealPhrase({ password: PASSWORD }),
      () => wallet.setAutoLock({ minutes: 5 }),
      () => wallet.addPasskey({ password: PASSWORD, ...passkey }),
      () => wallet.removePasskey({ kid: 'prf-1' }),
      () => wallet.networkBackup(),
      () => wallet.networkBackups(),
      () => wallet.touch().then(() => wallet.contacts()),
    ];
    for (const attempt of attempts) {
      await wallet.unlock({ password: PASSWORD });
      now += 300_000;
      await expect(attempt()).rejects.toThrow('locked');
    }
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

  it('derives no key of a wallet that was replaced or forgotten', async () => {
    const OTHER = 'legal winner thank year wave sausage worth useful legal winner thank yellow';
    const other = await open();
    await other.create({ phrase: OTHER, password: PASSWORD });
    const theirs = other.identitySecret('ed25519', 0);
    const [file, copy] = [await other.backup(), await other.networkBackup()];
    const replaced = { password: PASSWORD, replace: true };
    for (const replace of [
      (wallet: WalletService) => wallet.restore({ file, ...replaced }),
      (wallet: WalletService) => wallet.restoreFromNetwork({ copy, phrase: OTHER, ...replaced }),
      (wallet: WalletService) => wallet.create({ phrase: OTHER, ...replaced }),
      async (wallet: WalletService) => {
        await wallet.forget({ password: PASSWORD });
        await wallet.create({ phrase: OTHER, password: PASSWORD });
      },
    ]) {
      const wallet = await created();
      expect(wallet.identitySecret('ed25519', 0)).not.toEqual(theirs);
      await replace(wallet);
      expect(wallet.identitySecret('ed25519', 0)).toEqual(theirs);
    }
  });

  it('unlocks by passkey', async () => {
    const wallet = await created();
    const prf = () => new Uint8Array(32).fill(5);
    const wrong = { password: 'wrong password', credential: 'Y3JlZA', rp: 'localhost', prfOutput: prf() };
    await expect(wallet.addPasskey(wrong)).rejects.toThrow('wrong-password');
    expect((await wallet.status()).methods).toHaveLength(1);
    await wallet.addPasskey({ password: PASSWORD, credential: 'Y3JlZA', rp: 'localhost', prfOutput: prf() });
    await wallet.lock();
    await expect(wallet.unlockWithPasskey({ kid: 'prf-1', prfOutput: new Uint8Array(32) })).rejects.toThrow(
      'wrong-passkey',
    );
    await wallet.unlockWithPasskey({ kid: 'prf-1', prfOutput: prf() });
    expect((await wallet.status()).unlocked).toBe(true);
    await wallet.removePasskey({ kid: 'prf-1' });
    await wallet.lock();
    await expect(wallet.unlockWithPasskey({ kid: 'prf-1', prfOutput: prf() })).rejects.toThrow(
      'wrong-passkey',
    );
  });

  it('takes another password from who knows the old one', async () => {
    const wallet = await created();
    const change = (old: string) => wallet.changePassword({ old, password: 'another password' });
    await expect(change('wrong password')).rejects.toThrow('wrong-password');
    await change(PASSWORD);
    await wallet.lock();
    await expect(wallet.unlock({ password: PASSWORD })).rejects.toThrow('wrong-password');
    await wallet.unlock({ password: 'another password' });
    await expect(wallet.forget({ password: PASSWORD })).rejects.toThrow('wrong-password');
    expect((await wallet.status()).exists).toBe(true);
  });
});
