/**
 * The wallet as a person uses it: commands with structured-cloneable arguments and results for the page, and
 * signers for the code that runs beside it. Secrets stay in this thread; only a phrase that the person asks to
 * see with the password leaves it.
 */
import { loadWasm } from '../crypto/wasm.ts';
import { fromHex, toHex } from '../protocol/bytes.ts';
import { decodeAddress, encodeAddress } from '../protocol/ss58.ts';
import type { WalletStore } from '../storage/wallet-store.ts';
import { Refusal } from './errors.ts';
import { Keystore, type KeystoreOptions, type UnlockMethod } from './keystore.ts';
import {
  accountKey,
  bbsKeyMaterial,
  ed25519Seed,
  linkMaterial,
  newPhrase,
  normalisedPhrase,
  p256Secret,
  phraseMiniSecret,
  phraseSeed,
  scoreBlindingKey,
  type AccountKey,
} from './keys.ts';
import { signWith, wrappedMessage } from './signing.ts';

const ACCOUNTS = 'accounts';
const SETTINGS = 'wallet-settings';
const PRIMARY_PHRASE = 'phrase-1';
const DEFAULT_AUTO_LOCK_MINUTES = 5;
const MAX_AUTO_LOCK_MINUTES = 24 * 60;
const MAX_NAME_CHARACTERS = 64;
const MAX_ACCOUNTS = 256;

export interface AccountView {
  id: string;
  name: string;
  /** SS58 address of the network. */
  address: string;
  /** `phrase`: the wallet signs for it; `watch`: it is only looked at. */
  kind: 'phrase' | 'watch';
  /** Derivation path below its phrase; empty for the root or a watched account. */
  path: string;
}

export interface WalletStatus {
  exists: boolean;
  unlocked: boolean;
  methods: UnlockMethod[];
  /** Empty while locked. */
  accounts: AccountView[];
  autoLockMinutes: number;
}

export interface Contact {
  id: string;
  name: string;
  address: string;
}

/** Signs for one account; for code in this thread only. */
export interface AccountSigner {
  /** 32 bytes. */
  publicKey: Uint8Array;
  /** sr25519 signature (64 bytes) under the context `substrate`. */
  sign(message: Uint8Array): Uint8Array;
}

interface PhraseRecord {
  type: 'mnemonic';
  value: string;
  passphrase?: string;
  /** Seconds since the epoch. */
  created: number;
}

interface AccountRecord {
  id: string;
  name: string;
  /** Hex. */
  publicKey: string;
  /** Record of the phrase, or null for a watched account. */
  phrase: string | null;
  path: string;
}

interface Settings {
  autoLockMinutes: number;
}

/** Kinds of identity key that a phrase gives. */
export type DerivedKind = 'ed25519' | 'p256';

export interface WalletServiceOptions extends KeystoreOptions {
  /** Milliseconds since the epoch. */
  now?: () => number;
  /** Called when the wallet was locked or unlocked. */
  changed?: () => void;
}

function requireName(name: string): string {
  const trimmed = name.normalize('NFC').trim();
  if (trimmed === '' || Array.from(trimmed).length > MAX_NAME_CHARACTERS)
    throw new Refusal('name', 'empty or too long', `A name has 1 to ${MAX_NAME_CHARACTERS} characters.`);
  return trimmed;
}

/** One wallet of one store. */
export class WalletService {
  private readonly now: () => number;
  private readonly changed: () => void;
  private readonly seeds = new Map<string, { seed: Uint8Array; mini: Uint8Array }>();
  private timer: ReturnType<typeof setTimeout> | null = null;
  private lastUse = 0;

  private constructor(
    readonly keystore: Keystore,
    options: WalletServiceOptions,
  ) {
    this.now = options.now ?? Date.now;
    this.changed = options.changed ?? (() => undefined);
  }

  /** Opens the wallet of a store, locked. Loads the WebAssembly module. */
  static async open(store: WalletStore, options: WalletServiceOptions = {}): Promise<WalletService> {
    await loadWasm();
    return new WalletService(await Keystore.open(store, options), options);
  }

  /** What the page shows; while locked, nothing of the content. */
  async status(): Promise<WalletStatus> {
    this.lockIfIdle();
    const { exists, unlocked, methods } = this.keystore;
    return {
      exists,
      unlocked,
      methods,
      accounts: unlocked ? this.accountRecords().map(viewOf) : [],
      autoLockMinutes: unlocked ? this.settings().autoLockMinutes : DEFAULT_AUTO_LOCK_MINUTES,
    };
  }

  /** A new recovery phrase, to be written down before a wallet is made of it. */
  async newPhrase(words: 12 | 24): Promise<string> {
    return newPhrase(words === 24 ? 24 : 12);
  }

  /**
   * Makes the wallet of a phrase (a new one, or one from elsewhere) with a first account, unlocked. Throws
   * Refusal `phrase`, `weak-password`, `wallet-exists`.
   */
  async create(input: { phrase: string; passphrase?: string; password: string }): Promise<void> {
    const phrase = normalisedPhrase(input.phrase);
    await this.keystore.create(input.password);
    this.use();
    try {
      await this.keystore.putAll([
        { id: SETTINGS, type: 'setting', value: { autoLockMinutes: DEFAULT_AUTO_LOCK_MINUTES } },
        { id: PRIMARY_PHRASE, type: 'mnemonic', value: this.phraseRecord(phrase, input.passphrase ?? '') },
        { id: ACCOUNTS, type: 'setting', value: [] },
      ]);
      await this.addAccount({ name: 'Main account', path: '' });
    } catch (error) {
      // A wallet without its phrase must not stay behind.
      await this.keystore.forget(input.password);
      throw error;
    }
    this.changed();
  }

  private phraseRecord(phrase: string, passphrase: string): PhraseRecord {
    return {
      type: 'mnemonic',
      value: phrase,
      ...(passphrase === '' ? {} : { passphrase }),
      created: Math.floor(this.now() / 1000),
    };
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
    for (const { seed, mini } of this.seeds.values()) {
      seed.fill(0);
      mini.fill(0);
    }
    this.seeds.clear();
    const was = this.keystore.unlocked;
    this.keystore.lock();
    if (was) this.changed();
  }

  /** Notes that the person is here, which puts off the automatic lock. */
  async touch(): Promise<void> {
    if (this.keystore.unlocked) this.use();
  }

  private use(): void {
    this.lastUse = this.now();
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => this.lockIfIdle(), this.settings().autoLockMinutes * 60_000);
    // Under Node a waiting lock must not keep the process alive.
    (this.timer as { unref?: () => void }).unref?.();
  }

  private lockIfIdle(): void {
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

  private settings(): Settings {
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

  private phrase(id: string): PhraseRecord {
    return this.keystore.get<PhraseRecord>(id, 'mnemonic') ?? missing('phrase', id);
  }

  private seedsOf(id: string): { seed: Uint8Array; mini: Uint8Array } {
    this.requireUnlocked();
    const known = this.seeds.get(id);
    if (known !== undefined) return known;
    const { value, passphrase = '' } = this.phrase(id);
    const seeds = { seed: phraseSeed(value, passphrase), mini: phraseMiniSecret(value, passphrase) };
    this.seeds.set(id, seeds);
    return seeds;
  }

  private accountRecords(): AccountRecord[] {
    return this.keystore.get<AccountRecord[]>(ACCOUNTS, 'setting') ?? [];
  }

  private putAccounts(accounts: AccountRecord[]): Promise<void> {
    return this.keystore.put(ACCOUNTS, 'setting', accounts);
  }

  /** Stores one more account, with the phrase it comes from where that is new. */
  private async add(record: Omit<AccountRecord, 'id'>, phrase?: PhraseRecord): Promise<AccountView> {
    const accounts = this.accountRecords();
    if (accounts.some(({ publicKey }) => publicKey === record.publicKey))
      throw new Refusal('account-exists', record.publicKey, 'This account is in the wallet already.');
    if (accounts.length >= MAX_ACCOUNTS) throw new Refusal('accounts', `${accounts.length} accounts`);
    const account = { id: crypto.randomUUID(), ...record };
    await this.keystore.putAll([
      { id: ACCOUNTS, type: 'setting', value: [...accounts, account] },
      ...(phrase === undefined ? [] : [{ id: record.phrase!, type: 'mnemonic' as const, value: phrase }]),
    ]);
    return viewOf(account);
  }

  /** Adds an account of the wallet's phrase; without a path the next free one of `//0`, `//1`… */
  async addAccount(input: { name: string; path?: string }): Promise<AccountView> {
    const name = requireName(input.name);
    const { mini } = this.seedsOf(PRIMARY_PHRASE);
    const path = input.path ?? this.nextPath();
    const { publicKey } = accountKey(mini, path);
    return this.add({ name, publicKey: toHex(publicKey), phrase: PRIMARY_PHRASE, path });
  }

  private nextPath(): string {
    const taken = new Set(
      this.accountRecords()
        .filter(({ phrase }) => phrase === PRIMARY_PHRASE)
        .map(({ path }) => path),
    );
    let number = 0;
    while (taken.has(`//${number}`)) number += 1;
    return `//${number}`;
  }

  /** Adds the account of another phrase, which is kept in the wallet with it. */
  async importPhrase(input: {
    name: string;
    phrase: string;
    passphrase?: string;
    path?: string;
  }): Promise<AccountView> {
    this.requireUnlocked();
    const name = requireName(input.name);
    const phrase = normalisedPhrase(input.phrase);
    const { publicKey } = accountKey(phraseMiniSecret(phrase, input.passphrase ?? ''), input.path ?? '');
    const id = `phrase-${crypto.randomUUID()}`;
    return this.add(
      { name, publicKey: toHex(publicKey), phrase: id, path: input.path ?? '' },
      this.phraseRecord(phrase, input.passphrase ?? ''),
    );
  }

  /** Adds an account that is only looked at. Throws DecodeError for what is no address. */
  async watchAccount(input: { name: string; address: string }): Promise<AccountView> {
    this.requireUnlocked();
    const { account } = decodeAddress(input.address.trim());
    return this.add({ name: requireName(input.name), publicKey: toHex(account), phrase: null, path: '' });
  }

  async renameAccount(input: { id: string; name: string }): Promise<void> {
    this.requireUnlocked();
    const name = requireName(input.name);
    this.account(input.id);
    await this.putAccounts(
      this.accountRecords().map((account) => (account.id === input.id ? { ...account, name } : account)),
    );
  }

  /** Takes an account off the list; one of the wallet's phrase can be added again. */
  async removeAccount(input: { id: string }): Promise<void> {
    this.requireUnlocked();
    const { phrase } = this.account(input.id);
    const rest = this.accountRecords().filter(({ id }) => id !== input.id);
    await this.putAccounts(rest);
    const imported = phrase !== null && phrase !== PRIMARY_PHRASE;
    if (imported && !rest.some((account) => account.phrase === phrase)) await this.keystore.remove(phrase);
  }

  private account(id: string): AccountRecord {
    return this.accountRecords().find((account) => account.id === id) ?? missing('account', id);
  }

  /** The address book. */
  async contacts(): Promise<Contact[]> {
    this.requireUnlocked();
    return this.keystore
      .list<Omit<Contact, 'id'>>('contact')
      .map(({ id, value }) => ({ id, name: value.name, address: value.address }));
  }

  /** Adds a contact, or changes the one of the given id. Throws DecodeError for what is no address. */
  async putContact(input: { id?: string; name: string; address: string }): Promise<Contact> {
    this.requireUnlocked();
    const { account } = decodeAddress(input.address.trim());
    const contact = { name: requireName(input.name), address: encodeAddress(account) };
    const id = input.id ?? `contact-${crypto.randomUUID()}`;
    await this.keystore.put(id, 'contact', contact);
    return { id, ...contact };
  }

  async removeContact(input: { id: string }): Promise<void> {
    this.requireUnlocked();
    if (this.keystore.get(input.id, 'contact') === null) missing('contact', input.id);
    await this.keystore.remove(input.id);
  }

  /** The backup file: everything, sealed under the password. */
  async backup(): Promise<Uint8Array> {
    return this.keystore.backup();
  }

  /** Restores a backup; nothing changes unless all of it opens. */
  async restore(input: { file: Uint8Array; password: string; replace?: boolean }): Promise<void> {
    await this.keystore.restore(input.file, input.password, input.replace === true);
    this.seeds.clear();
    this.use();
    this.changed();
  }

  /** Forgets the wallet of this browser. */
  async forget(input: { password: string }): Promise<void> {
    await this.keystore.forget(input.password);
    await this.lock();
    this.changed();
  }

  /** Signs a text as wallets do, wrapped so that it can be no transaction. Signature in hex. */
  async signMessage(input: { account: string; message: string }): Promise<string> {
    const signer = this.signer(input.account);
    return toHex(signer.sign(wrappedMessage(input.message)));
  }

  /** Signer of an account, by id or address. Throws Refusal `locked`, `watch-only`, `unknown-account`. */
  signer(idOrAddress: string): AccountSigner {
    this.requireUnlocked();
    const { publicKey } = this.keyOf(idOrAddress);
    // The key is derived anew at each signature, so that none is left after a lock.
    return { publicKey, sign: (message) => signWith(this.keyOf(idOrAddress), message) };
  }

  private keyOf(idOrAddress: string): AccountKey {
    const record = this.accountRecords().find(
      (account) => account.id === idOrAddress || viewOf(account).address === idOrAddress,
    );
    if (record === undefined) return missing('account', idOrAddress);
    if (record.phrase === null)
      throw new Refusal(
        'watch-only',
        record.name,
        'This account is only watched: the wallet has no key of it.',
      );
    return accountKey(this.seedsOf(record.phrase).mini, record.path);
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

function missing(what: string, id: string): never {
  throw new Refusal(`unknown-${what}`, id.slice(0, 80), `This ${what} is not in the wallet.`);
}

function viewOf({ id, name, publicKey, phrase, path }: AccountRecord): AccountView {
  const address = encodeAddress(fromHex(publicKey, 32));
  return { id, name, address, kind: phrase === null ? 'watch' : 'phrase', path };
}
