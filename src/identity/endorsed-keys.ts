/**
 * Keys that an identity has besides the one in its certificate, stated by itself in a credential of the type
 * `urn:autonomys:vc:keys:1`. One statement is for everybody: a key of their own would mark a holder.
 */
import * as v from 'valibot';
import { Refusal } from '../wallet/errors.ts';
import { base64UrlText, fromBase64Url, shaped, toBase64Url } from '../wallet/json.ts';
import type { JwsHeader } from './jws.ts';
import type { SigningKey } from './keys.ts';
import { disclosableClaims, issueSdJwt, verifySdJwt, type SdJwtCheck } from './sd-jwt.ts';

const KEYS_TYPE = 'urn:autonomys:vc:keys:1';
/** Compressed point of G2, in base64url. */
const KEY_CHARACTERS = 128;

const keysSchema = v.looseObject({
  keys: v.pipe(
    v.tuple([
      v.strictObject({
        id: v.literal('bbs-1'),
        use: v.literal('bbs'),
        jwk: v.strictObject({
          kty: v.literal('OKP'),
          crv: v.literal('BLS12381G2'),
          x: v.pipe(base64UrlText(KEY_CHARACTERS), v.length(KEY_CHARACTERS)),
        }),
      }),
    ]),
  ),
});

export interface Endorsement {
  /** DID of the identity. */
  did: string;
  certificates: string[];
  /** Seconds since the epoch. */
  now: number;
  until: number;
  /** BBS key, 96 bytes. */
  publicKey: Uint8Array;
}

/** States by an identity's own key which key it signs unlinkable credentials with. */
export function endorseKey(key: SigningKey, { did, certificates, now, until, publicKey }: Endorsement) {
  const jwk = { kty: 'OKP', crv: 'BLS12381G2', x: toBase64Url(publicKey) };
  return issueSdJwt(key, {
    iss: did,
    vct: KEYS_TYPE,
    iat: now,
    exp: until,
    certificates,
    claims: { keys: [{ id: 'bbs-1', use: 'bbs', jwk }] },
    selective: [],
  });
}

export interface EndorsedKey {
  /** 96 bytes. */
  publicKey: Uint8Array;
  /** Header of the statement, with the certificates that came along. */
  header: JwsHeader;
  /** Seconds since the epoch until when the statement holds. */
  until: number;
}

/**
 * The BBS key that an identity states. Throws DecodeError, Refusal `endorsement` for the statement of another identity
 * or one without an end, and what verifying a credential throws.
 */
export function endorsedKey(
  statement: string,
  did: string,
  how: Pick<SdJwtCheck, 'now' | 'issuerKey'>,
): EndorsedKey {
  const { claims, header } = verifySdJwt({
    ...how,
    presentation: statement,
    keyBinding: null,
    expectedType: KEYS_TYPE,
  });
  if (claims.iss !== did || claims.exp === undefined)
    throw new Refusal(
      'endorsement',
      `a statement of ${claims.iss.slice(0, 80)}`,
      'The key that this was signed with is not the issuer’s.',
    );
  return { publicKey: keyIn(claims), header, until: claims.exp };
}

/** The key in a statement that was verified before. Throws DecodeError. */
export function statedKey(statement: string): Uint8Array {
  return keyIn(disclosableClaims(statement).claims);
}

function keyIn(claims: Record<string, unknown>): Uint8Array {
  const [{ jwk }] = shaped(keysSchema, claims, 'endorsed-keys').keys;
  return fromBase64Url(jwk.x, 'endorsed-keys');
}
