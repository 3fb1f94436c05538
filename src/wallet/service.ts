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
import { Keystore, type UnlockMethod } from './keystore.ts';
import { accountKey, normalisedPhrase, phraseMiniSecret, type AccountKey } from './keys.ts';
import {
  DEFAULT_AUTO_LOCK_MINUTES,
  missing,
  PRIMARY_PHRASE,
  SETTINGS,
  WalletSession,
  type PhraseRecord,
  type WalletSessionOptions,
} from './session.ts';
import { signWith, wrappedMessage } from './signing.ts';

const ACCOUNTS = 'accounts';
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
interface AccountRecord {
  id: string;
  name: string;
  /** Hex. */
  publicKey: string;
  /** Record of the phrase, or null for a watched account. */
  phrase: string | null;
  path: string;
}

function requireName(name: string): string {
  const trimmed = name.normalize('NFC').trim();
  if (trimmed === '' || Array.from(trimmed).length > MAX_NAME_CHARACTERS)
    throw new Refusal('name', 'empty or too long', `A name has 1 to ${MAX_NAME_CHARACTERS} characters.`);
  return trimmed;
}

/** One wallet of one store. */
export class WalletService extends WalletSession {
  /** Opens the wallet of a store, locked. Loads the WebAssembly module. */
  static async open(store: WalletStore, options: WalletSessionOptions = {}): Promise<WalletService> {
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

  /**
   * Makes the wallet of a phrase (a new one, or one from elsewhere) with a first account, unlocked. Throws
   * Refusal `phrase`, `weak-password`, `wallet-exists` unless `replace`.
   */
  async create(input: {
    phrase: string;
    passphrase?: string;
    password: string;
    replace?: boolean;
  }): Promise<void> {
    const phrase = normalisedPhrase(input.phrase);
    const undo = await this.keystore.create(input.password, input.replace === true);
    this.wipeSeeds();
    this.use();
    try {
      await this.keystore.putAll([
        { id: SETTINGS, type: 'setting', value: { autoLockMinutes: DEFAULT_AUTO_LOCK_MINUTES } },
        { id: PRIMARY_PHRASE, type: 'mnemonic', value: this.phraseRecord(phrase, input.passphrase ?? '') },
        { id: ACCOUNTS, type: 'setting', value: [] },
      ]);
      await this.addAccount({ name: 'Main account', path: '' });
    } catch (error) {
      // A wallet without its phrase must not stay behind, nor one with its phrase be lost for it.
      await undo();
      throw error;
    }
    this.changed();
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
}

function viewOf({ id, name, publicKey, phrase, path }: AccountRecord): AccountView {
  const address = encodeAddress(fromHex(publicKey, 32));
  return { id, name, address, kind: phrase === null ? 'watch' : 'phrase', path };
}
