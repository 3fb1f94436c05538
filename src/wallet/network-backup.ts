/**
 * A wallet as it is kept on the storage network, where anybody can read it for ever: encrypted once more, under a key of
 * the recovery phrase (`storage/root`), so that no password has to withstand guessing. With the phrase it opens without
 * the password that it was made with.
 */
import { gcm } from '@noble/ciphers/aes.js';
import { randomBytes } from '../crypto/random.ts';
import { concat, utf8 } from '../protocol/bytes.ts';
import { DecodeError } from '../protocol/errors.ts';
import { Refusal } from './errors.ts';
import { fromUtf8 } from './json.ts';
import { DATA_KEY_BYTES, decodeWallet, encodeWallet, type SealedWallet } from './sealing.ts';

const WHAT = 'network-backup';
const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** What is encrypted is filled up to a multiple of this, so that its length tells little of what is in the wallet. */
const BLOCK_BYTES = 4096;
/** Largest copy that is opened, in bytes. */
const MAX_NETWORK_BACKUP_BYTES = 32 * 1024 * 1024;
const BINDING = utf8('allotment/wallet-backup/v1');
const SPACE = 0x20;

/** A wallet that came back, with what opens its records. */
export interface OpenedBackup {
  wallet: SealedWallet;
  /** 32 bytes. */
  dataKey: Uint8Array;
}

/**
 * Encrypts a wallet for the network: version byte, nonce (12 bytes), then AES-256-GCM of the data key and the backup
 * file, filled up with spaces. `key`: 32 bytes. Throws Refusal `network-backup` for one that is too large.
 */
export function sealNetworkBackup(key: Uint8Array, { wallet, dataKey }: OpenedBackup): Uint8Array {
  const file = encodeWallet(wallet);
  const length = DATA_KEY_BYTES + file.length;
  const filling = new Uint8Array((BLOCK_BYTES - (length % BLOCK_BYTES)) % BLOCK_BYTES).fill(SPACE);
  const plain = concat(dataKey, file, filling);
  const nonce = randomBytes(NONCE_BYTES);
  const sealed = concat(new Uint8Array([VERSION]), nonce, gcm(key, nonce, BINDING).encrypt(plain));
  plain.fill(0);
  if (sealed.length > MAX_NETWORK_BACKUP_BYTES)
    throw new Refusal(WHAT, `${sealed.length} bytes`, 'This wallet is too large to be kept on the network.');
  return sealed;
}

/**
 * Opens what was kept on the network. Throws DecodeError for what is none; Refusal `backup-phrase` if the key does not
 * open it or it was changed.
 */
export function openNetworkBackup(key: Uint8Array, sealed: Uint8Array): OpenedBackup {
  const [version] = sealed;
  if (sealed.length > MAX_NETWORK_BACKUP_BYTES) throw new DecodeError(WHAT, `${sealed.length} bytes`);
  const body = sealed.subarray(1 + NONCE_BYTES);
  if (version !== VERSION || body.length <= DATA_KEY_BYTES + TAG_BYTES)
    throw new DecodeError(WHAT, 'no copy of a wallet');
  let plain: Uint8Array;
  try {
    plain = gcm(key, sealed.subarray(1, 1 + NONCE_BYTES), BINDING).decrypt(body);
  } catch {
    throw new Refusal(
      'backup-phrase',
      'the tag does not fit',
      'These words do not open this copy. Both must be of the same wallet.',
    );
  }
  const wallet = decodeWallet(fromUtf8(plain.subarray(DATA_KEY_BYTES), WHAT));
  return { wallet, dataKey: plain.slice(0, DATA_KEY_BYTES) };
}
