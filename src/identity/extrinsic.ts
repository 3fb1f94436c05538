/** Signed extrinsics of the Auto ID domain. */
import { concat } from '../protocol/bytes.ts';
import {
  encodeExtra,
  signingPayload,
  type ExtrinsicExtra,
  type ExtrinsicImplicit,
} from '../protocol/extrinsic.ts';
import { ScaleWriter } from '../protocol/scale.ts';

const SIGNED_V4 = 0x84;
const ADDRESS_ID = 0x00;
const SCHEMES = { ed25519: 0, sr25519: 1 } as const;

/** An account that pays for calls; it needs no relation to the certificates in them. */
export interface DomainAccount {
  scheme: keyof typeof SCHEMES;
  /** 32 bytes. */
  publicKey: Uint8Array;
  /** 64 bytes. */
  sign(message: Uint8Array): Uint8Array;
}

/**
 * Signs a call for the Auto ID domain. `extra.nonce` must come from the domain: accounts without an entry do not
 * start at 0. `implicit.genesisHash` is the domain's own.
 */
export function signDomainExtrinsic(
  account: DomainAccount,
  call: Uint8Array,
  extra: ExtrinsicExtra,
  implicit: ExtrinsicImplicit,
): Uint8Array {
  const signature = account.sign(signingPayload(call, extra, implicit));
  const body = concat(
    new Uint8Array([SIGNED_V4, ADDRESS_ID]),
    account.publicKey,
    new Uint8Array([SCHEMES[account.scheme]]),
    signature,
    encodeExtra(extra),
    call,
  );
  return new ScaleWriter(body.length + 4).byteVector(body).bytes();
}
