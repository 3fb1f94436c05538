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
const STATUSES: readonly CredentialStatus[] = ['valid', 'revoked', 'suspended'];

const schema = v.strictObject({
  iss: v.pipe(v.string(), v.maxLength(512)),
  sub: v.pipe(v.string(), v.maxLength(512)),
  iat: v.pipe(v.number(), v.safeInteger()),
  exp: v.pipe(v.number(), v.safeInteger()),
  status_list: v.strictObject({ bits: v.picklist([1, 2]), lst: base64UrlText(MAX_BYTES) }),
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
    const byte = this.bytes[index >> 2];
    return byte === undefined ? 'unknown' : (STATUSES[(byte >> (2 * (index & 3))) & 3] ?? 'unknown');
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

async function throughStream(bytes: Uint8Array, stream: TransformStream, limit: number): Promise<Uint8Array> {
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

function oneBit(bytes: Uint8Array, index: number): CredentialStatus {
  const byte = bytes[index >> 3];
  return byte === undefined ? 'unknown' : (STATUSES[(byte >> (index & 7)) & 1] ?? 'unknown');
}

/**
 * Reads statuses from a signed list. The list must be the issuer's, found at `uri`, and not out of date; an
 * outdated one answers `unknown`, never `valid`. Throws DecodeError, Refusal `type`, `signature`, `status-list`.
 */
export async function openStatusList(
  token: string,
  expected: { issuer: string; uri: string; now: number },
  key: Jwk,
): Promise<(index: number) => CredentialStatus> {
  const jws = decodeJws(token, WHAT);
  if (jws.header.typ !== TYPE) throw new Refusal('type', `typ ${jws.header.typ}`);
  if (!jwsHolds(jws, key)) throw new Refusal('signature', 'of the status list');
  const payload = shaped(schema, jws.payload, WHAT);
  if (payload.iss !== expected.issuer || payload.sub !== expected.uri)
    throw new Refusal(
      WHAT,
      'a list of another issuer or place',
      'This is the status list of something else.',
    );
  if (payload.exp <= expected.now || payload.iat > expected.now + 60) return () => 'unknown';
  const { bits, lst } = payload.status_list;
  let bytes: Uint8Array;
  try {
    bytes = await throughStream(fromBase64Url(lst, WHAT), new DecompressionStream('deflate'), MAX_BYTES);
  } catch (error) {
    if (error instanceof DecodeError) throw error;
    throw new DecodeError(WHAT, 'not deflated data');
  }
  const list = StatusList.of(bytes);
  return bits === 2 ? (index) => list.get(index) : (index) => oneBit(bytes, index);
}
