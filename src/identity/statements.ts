/** What identities say about each other beyond certificates: co-issuance and succession, as credentials. */
import * as v from 'valibot';
import { toHex } from '../protocol/bytes.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { shaped } from '../wallet/json.ts';
import { tbsDigest, type TbsCertificate } from './certificate.ts';
import { issueSdJwt, verifySdJwt, type SdJwtCheck } from './sd-jwt.ts';
import type { SigningKey } from './keys.ts';

const CO_ISSUANCE_TYPE = 'urn:autonomys:vc:co-issuance:1';
const SUCCESSION_TYPE = 'urn:autonomys:vc:succession:1';
const MAX_GROUP = 64;

const didText = v.pipe(v.string(), v.minLength(1), v.maxLength(200));
const coIssuanceSchema = v.looseObject({
  iss: didText,
  subject: didText,
  tbs_sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  group: v.pipe(v.array(didText), v.minLength(1), v.maxLength(MAX_GROUP)),
  threshold: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_GROUP)),
});
const successionSchema = v.looseObject({ iss: didText, successor: didText, predecessor: didText });

/**
 * Signs that one co-issues an identity with the others of a group, of whom `threshold` are needed. `status`: its place
 * in one's list of revocations, by which it can be withdrawn.
 */
export function attestCoIssuance(
  key: SigningKey,
  did: string,
  subject: { did: string; tbs: TbsCertificate },
  group: readonly string[],
  threshold: number,
  now: number,
  status?: { uri: string; idx: number },
): Promise<string> {
  const claims = {
    subject: subject.did,
    tbs_sha256: toHex(tbsDigest(subject.tbs)),
    group: [...group].sort(),
    threshold,
  };
  return issueSdJwt(key, {
    iss: did,
    vct: CO_ISSUANCE_TYPE,
    iat: now,
    claims,
    selective: [],
    ...(status && { status }),
  });
}

export type CoIssuance =
  | { kind: 'none' }
  | { kind: 'void'; reason: string }
  | { kind: 'counted'; signed: number; threshold: number; of: number };

type IssuerCheck = Pick<SdJwtCheck, 'now' | 'issuerKey' | 'status'>;

/**
 * Counts who stands behind an identity: its registered issuer and every other of the group whose attestation to
 * the same certificate holds. Attestations that differ in group or threshold make it void. One whose status is not
 * known counts, for a list of withdrawn ones reaches nobody by itself.
 */
export function countCoIssuers(
  subject: { did: string; tbs: TbsCertificate; issuer: string },
  attestations: readonly string[],
  how: IssuerCheck,
): CoIssuance {
  const digest = toHex(tbsDigest(subject.tbs));
  const status: SdJwtCheck['status'] = (reference, issuer) => {
    const found = how.status?.(reference, issuer) ?? 'unknown';
    return found === 'unknown' ? 'valid' : found;
  };
  const valid = attestations.flatMap((presentation) => {
    try {
      const { claims } = verifySdJwt({
        ...how,
        status,
        presentation,
        keyBinding: null,
        expectedType: CO_ISSUANCE_TYPE,
      });
      const stated = shaped(coIssuanceSchema, claims, 'co-issuance');
      const fits = stated.subject === subject.did && stated.tbs_sha256 === digest;
      // Who says to be none of the group has no say in who is.
      return fits && stated.group.includes(stated.iss) ? [stated] : [];
    } catch (error) {
      if (error instanceof ProtocolError) return [];
      throw error;
    }
  });
  const [one] = valid;
  if (one === undefined) return { kind: 'none' };
  const group = [...one.group].sort();
  if (new Set(group).size !== group.length) return { kind: 'void', reason: 'somebody is in the group twice' };
  const same = valid.every(
    (other) => other.threshold === one.threshold && [...other.group].sort().join('\n') === group.join('\n'),
  );
  if (!same) return { kind: 'void', reason: 'the co-issuers do not agree on who they are' };
  if (one.threshold > group.length) return { kind: 'void', reason: 'more are needed than there are' };
  if (!group.includes(subject.issuer)) return { kind: 'void', reason: 'the issuer is not of the group' };
  const signers = new Set([
    subject.issuer,
    ...valid.map(({ iss }) => iss).filter((iss) => group.includes(iss)),
  ]);
  return { kind: 'counted', signed: signers.size, threshold: one.threshold, of: group.length };
}

/** Whom an attestation of co-issuance is about, and who signed it. Throws DecodeError, Refusal of the failed check. */
export function coIssuanceOf(presentation: string, how: IssuerCheck): { subject: string; issuer: string } {
  const check = { ...how, presentation, keyBinding: null, expectedType: CO_ISSUANCE_TYPE };
  const { subject, iss } = shaped(coIssuanceSchema, verifySdJwt(check).claims, 'co-issuance');
  return { subject, issuer: iss };
}

/** Signs, with the old key or the new, that one identity follows another. Both signatures are needed. */
export function attestSuccession(
  key: SigningKey,
  signer: string,
  predecessor: string,
  successor: string,
  now: number,
): Promise<string> {
  const claims = { predecessor, successor };
  return issueSdJwt(key, { iss: signer, vct: SUCCESSION_TYPE, iat: now, claims, selective: [] });
}

/** Who follows whom, if both of them signed it. Throws DecodeError, Refusal; null if the two do not fit. */
export function checkSuccession(
  byOld: string,
  byNew: string,
  how: IssuerCheck,
): { predecessor: string; successor: string } | null {
  const [old, next] = [byOld, byNew].map((presentation) => {
    const check = { ...how, presentation, keyBinding: null, expectedType: SUCCESSION_TYPE };
    return shaped(successionSchema, verifySdJwt(check).claims, 'succession');
  });
  const { predecessor, successor } = old!;
  const agree = next!.predecessor === predecessor && next!.successor === successor;
  const signed = old!.iss === predecessor && next!.iss === successor && predecessor !== successor;
  return agree && signed ? { predecessor, successor } : null;
}
