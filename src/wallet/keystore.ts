/** The wallet's records behind a lock: what is stored is sealed, what is unlocked lies here and is wiped. */
import { randomBytes } from '../crypto/random.ts';
import type { WalletStore } from '../storage/wallet-store.ts';
import { Refusal } from './errors.ts';
import { fromUtf8, toBase64Url } from './json.ts';
import {
  argon2idKey,
  DEFAULT_COST,
  LOWEST_COST,
  passkeyKey,
  type Argon2Cost,
  type PasskeyKdf,
  type PasswordKdf,
  type PasswordKey,
} from './kdf.ts';
import { openNetworkBackup, sealNetworkBackup } from './network-backup.ts';
import {
  checkWallet,
  DATA_KEY_BYTES,
  decodeWallet,
  encodeWallet,
  openRecord,
  requireStorable,
  sealRecord,
  slotHeader,
  unwrapDataKey,
  wrapDataKey,
  type RecordType,
  type SealedRecord,
  type SealedWallet,
  type Slot,
} from './sealing.ts';

const SALT_BYTES = 16;
const PASSKEY_SALT_BYTES = 32;
const PASSWORD_SLOT = 'pw-1';
const MIN_PASSWORD_CHARACTERS = 8;
/** Milliseconds that turning a password into a key should take at most. */
const SLOW_KDF_MS = 2000;

export interface KeystoreOptions {
  /** How a password becomes a key; in the calling thread unless told. */
  passwordKey?: PasswordKey;
  /** Cost of new password slots; the default is lowered by itself on slow devices. */
  cost?: Argon2Cost;
}

/** A way to unlock, without anything secret. */
export type UnlockMethod =
  { kind: 'password'; kid: string } | { kind: 'passkey'; kid: string; credential: string; rp: string };

/** A stored wallet, locked or unlocked. Changes are stored before they count. */
export class Keystore {
  private readonly passwordKey: PasswordKey;
  private slots: Slot[] = [];
  private records = new Map<string, SealedRecord>();
  private dataKey: Uint8Array | null = null;

  private constructor(
    private readonly store: WalletStore,
    private readonly options: KeystoreOptions,
  ) {
    this.passwordKey = options.passwordKey ?? argon2idKey;
  }

  /** Reads what is stored; the keystore is locked. Throws DecodeError for what is no wallet. */
  static async open(store: WalletStore, options: KeystoreOptions = {}): Promise<Keystore> {
    const keystore = new Keystore(store, options);
    const stored = await store.load();
    if (stored !== null) keystore.take(checkWallet(stored));
    return keystore;
  }

  private take({ slots, records }: SealedWallet): void {
    this.slots = slots;
    this.records = new Map(records.map((record) => [record.id, record]));
  }

  get exists(): boolean {
    return this.slots.length > 0;
  }

  get unlocked(): boolean {
    return this.dataKey !== null;
  }

  get methods(): UnlockMethod[] {
    return this.slots.map(({ header: { kid, kdf } }) =>
      kdf.name === 'argon2id'
        ? { kind: 'password', kid }
        : { kind: 'passkey', kid, credential: kdf.credential, rp: kdf.rp },
    );
  }

  /**
   * Makes an empty wallet, unlocked. Throws Refusal `wallet-exists` unless `replace`, `weak-password`. Returns what puts
   * things back as they were, locked.
   */
  async create(password: string, replace = false): Promise<() => Promise<void>> {
    this.requirePlace(replace);
    const before: SealedWallet = { v: 1, slots: this.slots, records: [...this.records.values()] };
    const dataKey = randomBytes(DATA_KEY_BYTES);
    const slot = await this.passwordSlot(password, dataKey);
    await this.store.replace({ v: 1, slots: [slot], records: [] });
    this.take({ v: 1, slots: [slot], records: [] });
    this.dataKey = dataKey;
    return async () => {
      await (before.slots.length === 0 ? this.store.clear() : this.store.replace(before));
      this.lock();
      this.take(before);
    };
  }

  private async passwordSlot(password: string, dataKey: Uint8Array): Promise<Slot> {
    if (Array.from(password).length < MIN_PASSWORD_CHARACTERS) {
      throw new Refusal(
        'weak-password',
        'too short',
        `The password needs at least ${MIN_PASSWORD_CHARACTERS} characters.`,
      );
    }
    const cost = this.options.cost ?? DEFAULT_COST;
    const kdf: PasswordKdf = { name: 'argon2id', ...cost, salt: toBase64Url(randomBytes(SALT_BYTES)) };
    const started = performance.now();
    const key = await this.passwordKey(password, kdf);
    if (performance.now() - started <= SLOW_KDF_MS || this.options.cost !== undefined)
      return wrapDataKey(slotHeader(PASSWORD_SLOT, kdf), key, dataKey);
    const lighter: PasswordKdf = { ...kdf, ...LOWEST_COST };
    const lighterKey = await this.passwordKey(password, lighter);
    return wrapDataKey(slotHeader(PASSWORD_SLOT, lighter), lighterKey, dataKey);
  }

  /** Unlocks by password. Throws Refusal `no-wallet`, `wrong-password`. */
  async unlock(password: string): Promise<void> {
    this.dataKey = await openedByPassword(this.requireSlots(), password, this.passwordKey);
  }

  /** Unlocks by the PRF output of a passkey. Throws Refusal `no-wallet`, `wrong-passkey`. */
  unlockWithPasskey(kid: string, prfOutput: Uint8Array): void {
    const slot = this.requireSlots().find(({ header }) => header.kid === kid);
    if (slot === undefined || slot.header.kdf.name !== 'webauthn-prf')
      throw new Refusal('wrong-passkey', `no passkey ${kid}`, 'That passkey does not open this wallet.');
    this.dataKey = unwrapDataKey(slot, passkeyKey(prfOutput, slot.header.kdf));
  }

  /** Throws Refusal `wrong-password` unless the password opens the wallet; locked or not stays as it is. */
  async requirePassword(password: string): Promise<void> {
    const key = await openedByPassword(this.requireSlots(), password, this.passwordKey);
    key.fill(0);
  }

  private requireSlots(): Slot[] {
    if (!this.exists)
      throw new Refusal('no-wallet', 'nothing is stored', 'There is no wallet in this browser.');
    return this.slots;
  }

  /** Wipes the data key. */
  lock(): void {
    this.dataKey?.fill(0);
    this.dataKey = null;
  }

  private key(): Uint8Array {
    if (this.dataKey === null)
      throw new Refusal('locked', 'the wallet is locked', 'Unlock the wallet first.');
    return this.dataKey;
  }

  /** Replaces the password; the old one has to open the wallet. Throws Refusal `wrong-password`. */
  async changePassword(old: string, password: string): Promise<void> {
    const dataKey = await openedByPassword(this.requireSlots(), old, this.passwordKey);
    try {
      const slot = await this.passwordSlot(password, dataKey);
      await this.putSlots([slot, ...this.slots.filter(({ header }) => header.kdf.name !== 'argon2id')]);
    } finally {
      dataKey.fill(0);
    }
  }

  /** Adds a passkey as another way to unlock. `prfOutput`: 32 bytes, evaluated on `prfInput()`. */
  async addPasskey(credential: string, rp: string, prfOutput: Uint8Array): Promise<string> {
    if (prfOutput.length !== 32)
      throw new Refusal('wrong-passkey', `${prfOutput.length} bytes of PRF output`);
    const taken = new Set(this.slots.map(({ header }) => header.kid));
    let number = 1;
    while (taken.has(`prf-${number}`)) number += 1;
    const kdf: PasskeyKdf = {
      name: 'webauthn-prf',
      salt: toBase64Url(randomBytes(PASSKEY_SALT_BYTES)),
      credential,
      rp,
    };
    const header = slotHeader(`prf-${number}`, kdf);
    await this.putSlots([...this.slots, wrapDataKey(header, passkeyKey(prfOutput, kdf), this.key())]);
    return header.kid;
  }

  /** Removes a passkey; the password stays. */
  async removePasskey(kid: string): Promise<void> {
    this.key();
    await this.putSlots(
      this.slots.filter(({ header }) => header.kid !== kid || header.kdf.name === 'argon2id'),
    );
  }

  private async putSlots(slots: Slot[]): Promise<void> {
    requireStorable({ v: 1, slots, records: [...this.records.values()] });
    await this.store.putSlots(slots);
    this.slots = slots;
  }

  /** Stores records, all or none; one of the same id is replaced. Throws Refusal `locked`, `wallet-full`. */
  async putAll(records: readonly { id: string; type: RecordType; value: unknown }[]): Promise<void> {
    const sealed = records.map(({ id, type, value }) => sealRecord(this.key(), id, type, value));
    const after = new Map([...this.records, ...sealed.map((record) => [record.id, record] as const)]);
    requireStorable({ v: 1, slots: this.slots, records: [...after.values()] });
    await this.store.putRecords(sealed);
    for (const record of sealed) this.records.set(record.id, record);
  }

  put(id: string, type: RecordType, value: unknown): Promise<void> {
    return this.putAll([{ id, type, value }]);
  }

  /** Value of a record of a type, or null. Throws Refusal `locked`, `damaged-record`. */
  get<T>(id: string, type: RecordType): T | null {
    const record = this.records.get(id);
    const key = this.key();
    return record === undefined || record.type !== type ? null : (openRecord(key, record) as T);
  }

  /** Values of every record of a type, by id. Throws Refusal `locked`, `damaged-record`. */
  list<T>(type: RecordType): { id: string; value: T }[] {
    const key = this.key();
    return [...this.records.values()]
      .filter((record) => record.type === type)
      .map((record) => ({ id: record.id, value: openRecord(key, record) as T }))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  async remove(id: string): Promise<void> {
    this.key();
    await this.store.removeRecord(id);
    this.records.delete(id);
  }

  /** The backup file: what is stored, sealed as it is. */
  backup(): Uint8Array {
    return encodeWallet({ v: 1, slots: this.requireSlots(), records: [...this.records.values()] });
  }

  /**
   * Puts a backup in place of what is stored and unlocks it. Before anything is changed the password has to
   * open the backup and every record of it has to decrypt. Throws Refusal `wallet-exists` unless `replace`.
   */
  async restore(file: Uint8Array, password: string, replace: boolean): Promise<void> {
    this.requirePlace(replace);
    const wallet = decodeWallet(fromUtf8(file, 'wallet-backup'));
    const dataKey = await openedByPassword(wallet.slots, password, this.passwordKey);
    await this.putInPlace(wallet, dataKey);
  }

  private requirePlace(replace: boolean): void {
    if (!this.exists || replace) return;
    throw new Refusal(
      'wallet-exists',
      'a wallet is stored',
      'There is a wallet in this browser already. Say that it may be replaced, or keep it.',
    );
  }

  private async putInPlace(wallet: SealedWallet, dataKey: Uint8Array): Promise<void> {
    for (const record of wallet.records) openRecord(dataKey, record);
    await this.store.replace(wallet);
    this.lock();
    this.take(wallet);
    this.dataKey = dataKey;
  }

  /** The copy for the storage network, under a key (32 bytes) of the phrase. Throws Refusal `locked`. */
  networkBackup(key: Uint8Array): Uint8Array {
    const wallet: SealedWallet = { v: 1, slots: this.slots, records: [...this.records.values()] };
    return sealNetworkBackup(key, { wallet, dataKey: this.key() });
  }

  /**
   * Puts a copy from the storage network in place of what is stored, unlocked, under a new password, once all of it has
   * opened. Passkeys are left behind. Throws Refusal `wallet-exists` unless `replace`, `weak-password`, and what opening
   * throws.
   */
  async restoreFromNetwork(
    copy: Uint8Array,
    key: Uint8Array,
    password: string,
    replace: boolean,
  ): Promise<void> {
    this.requirePlace(replace);
    const { wallet, dataKey } = openNetworkBackup(key, copy);
    const slot = await this.passwordSlot(password, dataKey);
    await this.putInPlace({ ...wallet, slots: [slot] }, dataKey);
  }

  /** Forgets the wallet of this browser; the password has to open it. */
  async forget(password: string): Promise<void> {
    await this.requirePassword(password);
    await this.store.clear();
    this.lock();
    this.take({ v: 1, slots: [], records: [] });
  }
}

async function openedByPassword(
  slots: readonly Slot[],
  password: string,
  passwordKey: PasswordKey,
): Promise<Uint8Array> {
  for (const slot of slots) {
    const { kdf } = slot.header;
    if (kdf.name === 'argon2id') return unwrapDataKey(slot, await passwordKey(password, kdf));
  }
  throw new Refusal('no-password', 'no password slot', 'This wallet has no password.');
}
