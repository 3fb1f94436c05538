/** Token status lists: one bit (or two) per credential, compressed and signed, so that a credential can be revoked. */
import * as v from 'valibot';
import { concat } from '../protocol/bytes.ts';
import { DecodeError } from '../protocol/errors.ts';
import { Refusal } from '../wallet/errors.ts';
import { base64UrlText, fromBase64Url, shaped, toBase64Url } from '../wallet/json.ts';
import { keyIdOf } from './did.ts';
import { decodeJws, jwsHolds, signJws } from './jws.ts';
import type { Jwk, SigningKey } from './keys.ts';
import type { CredentialStatus } from './sd-jwt.ts';

const TYPE = 'statuslist+jwt';
const WHAT = 'status-list';
/** Largest list that is unpacked, in bytes: a million credentials at two bits. */
const MAX_BYTES = 256 * 1024;
/** Seconds that a list which does not say how long it holds is believed. */
const DEFAULT_LIFETIME_S = 86_400;
const CLOCK_SKEW_S = 60;
const STATUSES: readonly CredentialStatus[] = ['valid', 'revoked', 'suspended'];

const moment = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const schema = v.object({
  iss: v.optional(v.pipe(v.string(), v.maxLength(512))),
  sub: v.pipe(v.string(), v.maxLength(2048)),
  iat: moment,
  exp: v.optional(moment),
  ttl: v.optional(moment),
  status_list: v.object({ bits: v.picklist([1, 2, 4, 8]), lst: base64UrlText(2 * MAX_BYTES) }),
});

/** Statuses of an issuer's credentials by index, two bits each. Grows as credentials are issued. */
export class StatusList {
  private constructor(private bytes: Uint8Array) {}

  static empty(): StatusList {
    return new StatusList(new Uint8Array(16));
  }

  /** A list of its packed bytes. */
  static of(bytes: Uint8Array): StatusList {
    return new StatusList(bytes.slice());
  }

  get packed(): Uint8Array {
    return this.bytes.slice();
  }

  get(index: number): CredentialStatus {
    return statusAt(this.bytes, 2, index);
  }

  set(index: number, status: 'valid' | 'revoked' | 'suspended'): void {
    if (!Number.isSafeInteger(index) || index < 0 || index >= 4 * MAX_BYTES)
      throw new Refusal(WHAT, `index ${index}`);
    const at = index >> 2;
    if (at >= this.bytes.length) {
      const grown = new Uint8Array(Math.max(at + 1, 2 * this.bytes.length));
      grown.set(this.bytes);
      this.bytes = grown;
    }
    const shift = 2 * (index & 3);
    this.bytes[at] = (this.bytes[at]! & ~(3 << shift)) | (STATUSES.indexOf(status) << shift);
  }
}

/** Bytes after a stream of the platform, such as one that unpacks. Throws DecodeError for more than `limit`. */
export async function throughStream(
  bytes: Uint8Array,
  stream: TransformStream,
  limit: number,
): Promise<Uint8Array> {
  const reader = new Blob([bytes.slice()]).stream().pipeThrough(stream).getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = (await reader.read()) as { done: boolean; value: Uint8Array };
    if (done) return concat(...parts);
    length += value.length;
    if (length > limit) {
      await reader.cancel();
      throw new DecodeError(WHAT, `unpacks to more than ${limit} bytes`);
    }
    parts.push(value);
  }
}

/** Signs a list; `uri` is where it is found, `lifetime` the seconds for which it may be believed. */
export async function signStatusList(
  key: SigningKey,
  issuer: string,
  uri: string,
  list: StatusList,
  now: number,
  lifetime: number,
): Promise<string> {
  const packed = await throughStream(list.packed, new CompressionStream('deflate'), Number.MAX_SAFE_INTEGER);
  const payload = {
    iss: issuer,
    sub: uri,
    iat: now,
    exp: now + lifetime,
    status_list: { bits: 2, lst: toBase64Url(packed) },
  };
  return signJws(key, { typ: TYPE, kid: keyIdOf(issuer) }, payload);
}

/** Status in a list of `bits` a credential, the first in the lowest bits; what the issuer means by others is unknown. */
function statusAt(bytes: Uint8Array, bits: number, index: number): CredentialStatus {
  const each = 8 / bits;
  const byte = bytes[Math.floor(index / each)];
  if (byte === undefined) return 'unknown';
  return STATUSES[(byte >> ((index % each) * bits)) & ((1 << bits) - 1)] ?? 'unknown';
}

/**
 * Reads statuses from a signed list (Token Status List). The list must be the issuer's, found at `uri`, and not out
 * of date; an outdated one answers `unknown`, never `valid`. `fetched`: when it was had, in seconds since the epoch,
 * which counts where it does not say until when it holds. Throws DecodeError, Refusal `type`, `signature`,
 * `status-list`.
 */
export async function openStatusList(
  token: string,
  expected: { issuer: string; uri: string; now: number; fetched: number },
  key: Jwk,
): Promise<(index: number) => CredentialStatus> {
  const jws = decodeJws(token, WHAT);
  if (jws.header.typ !== TYPE) throw new Refusal('type', `typ ${jws.header.typ}`);
  if (!jwsHolds(jws, key)) throw new Refusal('signature', 'of the status list');
  const { iss, sub, iat, exp, ttl, status_list } = shaped(schema, jws.payload, WHAT);
  if ((iss !== undefined && iss !== expected.issuer) || sub !== expected.uri)
    throw new Refusal(
      WHAT,
      'a list of another issuer or place',
      'This is the status list of something else.',
    );
  const until = exp ?? expected.fetched + (ttl ?? DEFAULT_LIFETIME_S);
  if (until <= expected.now || iat > expected.now + CLOCK_SKEW_S) return () => 'unknown';
  const { bits, lst } = status_list;
  let bytes: Uint8Array;
  try {
    bytes = await throughStream(fromBase64Url(lst, WHAT), new DecompressionStream('deflate'), MAX_BYTES);
  } catch (error) {
    if (error instanceof DecodeError) throw error;
    throw new DecodeError(WHAT, 'not deflated data');
  }
  return (index) => statusAt(bytes, bits, index);
}
