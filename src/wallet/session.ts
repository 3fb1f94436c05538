/**
 * A wallet that is locked or open: ways to unlock, the clock that locks it again, what the recovery phrase gives,
 * backups. Seeds are wiped with the lock.
 */
import { Refusal } from './errors.ts';
import { Keystore, type KeystoreOptions } from './keystore.ts';
import {
  bbsKeyMaterial,
  ed25519Seed,
  linkMaterial,
  newPhrase,
  normalisedPhrase,
  p256Secret,
  phraseMiniSecret,
  phraseSeed,
  scoreBlindingKey,
  storageRootKey,
} from './keys.ts';

export const SETTINGS = 'wallet-settings';
export const PRIMARY_PHRASE = 'phrase-1';
export const DEFAULT_AUTO_LOCK_MINUTES = 5;
const MAX_AUTO_LOCK_MINUTES = 24 * 60;

const NETWORK_BACKUPS = 'network-backups';
const MAX_NETWORK_BACKUPS = 10;

/** A copy of the wallet on the storage network. */
export interface NetworkBackup {
  cid: string;
  /** Seconds since the epoch. */
  at: number;
}

/** A recovery phrase as the wallet keeps it. */
export interface PhraseRecord {
  type: 'mnemonic';
  value: string;
  passphrase?: string;
  /** Seconds since the epoch. */
  created: number;
}

interface Settings {
  autoLockMinutes: number;
}

/** Kinds of identity key that a phrase gives. */
export type DerivedKind = 'ed25519' | 'p256';

export interface WalletSessionOptions extends KeystoreOptions {
  /** Milliseconds since the epoch. */
  now?: () => number;
  /** Called when the wallet was locked or unlocked. */
  changed?: () => void;
}

/** The session of one wallet. */
export class WalletSession {
  protected readonly now: () => number;
  protected readonly changed: () => void;
  private readonly seeds = new Map<string, { seed: Uint8Array; mini: Uint8Array }>();
  private timer: ReturnType<typeof setTimeout> | null = null;
  private lastUse = 0;

  protected constructor(
    readonly keystore: Keystore,
    options: WalletSessionOptions,
  ) {
    this.now = options.now ?? Date.now;
    this.changed = options.changed ?? (() => undefined);
  }

  /** A new recovery phrase, to be written down before a wallet is made of it. */
  async newPhrase(words: 12 | 24): Promise<string> {
    return newPhrase(words === 24 ? 24 : 12);
  }

  async unlock(input: { password: string }): Promise<void> {
    await this.keystore.unlock(input.password);
    this.use();
    this.changed();
  }

  /** Unlocks by what a passkey's PRF gave for `prfInput()`. */
  async unlockWithPasskey(input: { kid: string; prfOutput: Uint8Array }): Promise<void> {
    this.keystore.unlockWithPasskey(input.kid, input.prfOutput);
    input.prfOutput.fill(0);
    this.use();
    this.changed();
  }

  /** Wipes every key from memory. */
  async lock(): Promise<void> {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.wipeSeeds();
    const was = this.keystore.unlocked;
    this.keystore.lock();
    if (was) this.changed();
  }

  protected wipeSeeds(): void {
    for (const { seed, mini } of this.seeds.values()) {
      seed.fill(0);
      mini.fill(0);
    }
    this.seeds.clear();
  }

  /** Notes that the person is here, which puts off the automatic lock; after too long without them it locks instead. */
  async touch(): Promise<void> {
    this.lockIfIdle();
    if (this.keystore.unlocked) this.use();
  }

  protected use(): void {
    this.lastUse = this.now();
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => this.lockIfIdle(), this.settings().autoLockMinutes * 60_000);
    // Under Node a waiting lock must not keep the process alive.
    (this.timer as { unref?: () => void }).unref?.();
  }

  protected lockIfIdle(): void {
    if (!this.keystore.unlocked) return;
    // Timers of hidden tabs run late, so the clock decides.
    if (this.now() - this.lastUse >= this.settings().autoLockMinutes * 60_000) void this.lock();
  }

  /** Throws Refusal `locked` unless the wallet is unlocked; every use of a key comes through here. */
  requireUnlocked(): void {
    this.lockIfIdle();
    if (!this.keystore.unlocked)
      throw new Refusal('locked', 'the wallet is locked', 'Unlock the wallet first.');
    this.use();
  }

  protected settings(): Settings {
    return this.keystore.get<Settings>(SETTINGS, 'setting') ?? { autoLockMinutes: DEFAULT_AUTO_LOCK_MINUTES };
  }

  async setAutoLock(input: { minutes: number }): Promise<void> {
    this.requireUnlocked();
    const { minutes } = input;
    if (!Number.isInteger(minutes) || minutes < 1 || minutes > MAX_AUTO_LOCK_MINUTES)
      throw new Refusal('auto-lock', `${minutes} minutes`, 'Choose between a minute and a day.');
    await this.keystore.put(SETTINGS, 'setting', { ...this.settings(), autoLockMinutes: minutes });
    this.use();
  }

  async changePassword(input: { old: string; password: string }): Promise<void> {
    await this.keystore.changePassword(input.old, input.password);
  }

  /** Adds a passkey as another way to unlock; the password has to be right and stays. */
  async addPasskey(input: {
    password: string;
    credential: string;
    rp: string;
    prfOutput: Uint8Array;
  }): Promise<void> {
    this.requireUnlocked();
    await this.keystore.requirePassword(input.password);
    await this.keystore.addPasskey(input.credential, input.rp, input.prfOutput);
    input.prfOutput.fill(0);
  }

  async removePasskey(input: { kid: string }): Promise<void> {
    this.requireUnlocked();
    await this.keystore.removePasskey(input.kid);
  }

  /** The recovery phrase, for the person to write down. Throws Refusal `wrong-password`. */
  async revealPhrase(input: { password: string }): Promise<{ phrase: string; passphrase: string }> {
    this.requireUnlocked();
    await this.keystore.requirePassword(input.password);
    const { value, passphrase } = this.phrase(PRIMARY_PHRASE);
    return { phrase: value, passphrase: passphrase ?? '' };
  }

  protected phraseRecord(phrase: string, passphrase: string): PhraseRecord {
    return {
      type: 'mnemonic',
      value: phrase,
      ...(passphrase === '' ? {} : { passphrase }),
      created: Math.floor(this.now() / 1000),
    };
  }

  private phrase(id: string): PhraseRecord {
    return this.keystore.get<PhraseRecord>(id, 'mnemonic') ?? missing('phrase', id);
  }

  protected seedsOf(id: string): { seed: Uint8Array; mini: Uint8Array } {
    this.requireUnlocked();
    const known = this.seeds.get(id);
    if (known !== undefined) return known;
    const { value, passphrase = '' } = this.phrase(id);
    const seeds = { seed: phraseSeed(value, passphrase), mini: phraseMiniSecret(value, passphrase) };
    this.seeds.set(id, seeds);
    return seeds;
  }

  /** The backup file: everything, sealed under the password. */
  async backup(): Promise<Uint8Array> {
    return this.keystore.backup();
  }

  /** Restores a backup; nothing changes unless all of it opens. */
  async restore(input: { file: Uint8Array; password: string; replace?: boolean }): Promise<void> {
    await this.keystore.restore(input.file, input.password, input.replace === true);
    this.wipeSeeds();
    this.use();
    this.changed();
  }

  /** The copy for the storage network: everything, under a key of the recovery phrase. */
  async networkBackup(): Promise<Uint8Array> {
    return this.keystore.networkBackup(storageRootKey(this.seedsOf(PRIMARY_PHRASE).seed));
  }

  /** Remembers what was stored on the network, newest first. */
  async noteNetworkBackup(input: { cid: string }): Promise<void> {
    const all = [{ cid: input.cid, at: Math.floor(this.now() / 1000) }, ...(await this.networkBackups())];
    await this.keystore.put(NETWORK_BACKUPS, 'setting', all.slice(0, MAX_NETWORK_BACKUPS));
  }

  /** Copies that were stored on the network, newest first. */
  async networkBackups(): Promise<NetworkBackup[]> {
    this.requireUnlocked();
    return this.keystore.get<NetworkBackup[]>(NETWORK_BACKUPS, 'setting') ?? [];
  }

  /**
   * Restores a copy from the storage network by its wallet's phrase, under a new password; nothing changes unless all of
   * it opens. Throws Refusal `phrase`, `backup-phrase`, `wallet-exists`, `weak-password`; DecodeError.
   */
  async restoreFromNetwork(input: {
    copy: Uint8Array;
    phrase: string;
    passphrase?: string;
    password: string;
    replace?: boolean;
  }): Promise<void> {
    const { copy, phrase, passphrase = '', password, replace = false } = input;
    const key = storageRootKey(phraseSeed(normalisedPhrase(phrase), passphrase));
    await this.keystore.restoreFromNetwork(copy, key, password, replace);
    this.wipeSeeds();
    this.use();
    this.changed();
  }

  /** Forgets the wallet of this browser. */
  async forget(input: { password: string }): Promise<void> {
    await this.keystore.forget(input.password);
    await this.lock();
    this.changed();
  }

  /** Secret (32 bytes) of an identity key, for signing in this thread. */
  identitySecret(kind: DerivedKind, index: number): Uint8Array {
    const { seed } = this.seedsOf(PRIMARY_PHRASE);
    return kind === 'ed25519' ? ed25519Seed(seed, index) : p256Secret(seed, index);
  }

  /** Key material (48 bytes) of BBS key `index`. */
  bbsMaterial(index: number): Uint8Array {
    return bbsKeyMaterial(this.seedsOf(PRIMARY_PHRASE).seed, index);
  }

  /** Key material (48 bytes) of the secret that credentials which cannot be linked are bound to. */
  linkMaterial(): Uint8Array {
    return linkMaterial(this.seedsOf(PRIMARY_PHRASE).seed);
  }

  /** Key (32 bytes) that blinding factors of commitments are made from. */
  blindingKey(): Uint8Array {
    return scoreBlindingKey(this.seedsOf(PRIMARY_PHRASE).seed);
  }
}

/** Refuses what is not in the wallet: `unknown-account`, `unknown-contact`, `unknown-phrase`. */
export function missing(what: string, id: string): never {
  throw new Refusal(`unknown-${what}`, id.slice(0, 80), `This ${what} is not in the wallet.`);
}
