import { sign, verifySignature } from '../crypto/sr25519.ts';
import { concat, utf8 } from '../protocol/bytes.ts';
import { EXTRINSIC_SIGNING_CONTEXT } from '../protocol/constants.ts';
import type { AccountKey } from './keys.ts';

const OPEN = utf8('<Bytes>');
const CLOSE = utf8('</Bytes>');

/** sr25519 signature (64 bytes) of a message under the context that transactions use. */
export function signWith(key: AccountKey, message: Uint8Array): Uint8Array {
  return sign(key.secret, EXTRINSIC_SIGNING_CONTEXT, message);
}

/** A text as wallets sign it: between `<Bytes>` marks, so that it can be no transaction. */
export function wrappedMessage(text: string): Uint8Array {
  return concat(OPEN, utf8(text), CLOSE);
}

/**
 * Whether a text was signed by an account (32 bytes), as wallets sign texts. Zeros are the neutral element of ristretto255,
 * under which everybody can sign and which is nobody's key.
 */
export function verifyMessage(account: Uint8Array, text: string, signature: Uint8Array): boolean {
  if (account.every((byte) => byte === 0)) return false;
  return verifySignature(account, EXTRINSIC_SIGNING_CONTEXT, wrappedMessage(text), signature);
}
