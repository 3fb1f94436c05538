/** Certificates that this wallet makes: how long they hold, what they are for, and leaves under an identity of one's own. */
import { utf8 } from '../protocol/bytes.ts';
import { Refusal } from '../wallet/errors.ts';
import { basicConstraints, keyUsage, type TbsCertificate } from './certificate.ts';
import { chainOf, subjectOf, type Chain } from './chain.ts';
import type { IdentityContext } from './context.ts';
import { formatDid, parseDid } from './did.ts';
import { autoIdOf } from './identifier.ts';
import { serialOf } from './identity-records.ts';
import { AUTHORITY_USAGES, issueCertificate, LEAF_USAGES, SIGNING_PURPOSES } from './issue.ts';
import { refuseGivenUp } from './keep-identity.ts';
import { identifiersOf } from './verdict.ts';

export const DAY_MS = 86_400_000;
const DEFAULT_DAYS = 730;
const MAX_DAYS = 36_500;
export const ROOT_PATH_LENGTH = 2;
/** Clocks differ: certificates begin a little before they are made. */
export const BACKDATE_MS = 300_000;
/** What a certificate that may not issue is for: signing, files among it. */
export const LEAF = { usages: LEAF_USAGES, extendedUsages: SIGNING_PURPOSES } as const;

/** Certificates tell the time in whole seconds. */
export function wholeSecond(ms: number): number {
  return Math.floor(ms / 1000) * 1000;
}

/** Days that a certificate is to hold: two years unless told. Throws Refusal `validity`. */
export function requireDays(days: number | undefined): number {
  const value = days ?? DEFAULT_DAYS;
  if (!Number.isInteger(value) || value < 1 || value > MAX_DAYS)
    throw new Refusal('validity', `${value} days`, 'Choose between a day and a hundred years.');
  return value;
}

/** Whether the holder of a certificate may issue others. */
export function mayIssue(tbs: TbsCertificate): boolean {
  return basicConstraints(tbs).authority && keyUsage(tbs)?.includes('keyCertSign') !== false;
}

/** Issues a certificate under one's own identity and notes its serial. */
export async function issueLeaf(
  context: IdentityContext,
  issuerDid: string,
  wanted: {
    commonName: string;
    publicKeyInfo: Uint8Array;
    purpose: string | null;
    days: number;
    mayIssue: boolean;
  },
): Promise<{ chain: Chain }> {
  const issuer = context.own(issuerDid);
  refuseGivenUp(issuer);
  const parents = context.chainOf(issuer);
  const { tbs } = subjectOf(parents);
  const { pathLength } = basicConstraints(tbs);
  if (!mayIssue(tbs)) throw new Refusal('not-an-authority', issuerDid, 'This identity may not issue others.');
  if (wanted.mayIssue && pathLength === 0)
    throw new Refusal('path-length', issuerDid, 'This identity may issue others, but none that issue again.');
  const parentIds = identifiersOf(parents);
  const did = formatDid({
    network: parseDid(issuerDid)?.network ?? null,
    id: autoIdOf(utf8(wanted.commonName), parentIds.at(-1)!),
  });
  if (issuer.issued.some((one) => one.did === did)) {
    throw new Refusal(
      'identity-exists',
      did,
      'You have issued an identity of this name already: renew it instead.',
    );
  }
  const now = wholeSecond(context.now());
  const der = await issueCertificate(await context.signingKey(issuer.key), {
    commonName: wanted.commonName,
    publicKeyInfo: wanted.publicKeyInfo,
    issuer: { name: tbs.subject, publicKeyInfo: tbs.publicKeyInfo },
    notBefore: Math.max(now - BACKDATE_MS, tbs.notBefore),
    notAfter: Math.min(now + wanted.days * DAY_MS, tbs.notAfter),
    did,
    authority: wanted.mayIssue ? { pathLength: Math.max(0, (pathLength ?? 1) - 1) } : null,
    ...(wanted.mayIssue ? { usages: AUTHORITY_USAGES } : LEAF),
    ...(wanted.purpose === null ? {} : { purpose: wanted.purpose }),
  });
  const chain = chainOf([...parents.map(({ raw }) => raw), der]);
  const entry = { did, name: wanted.commonName, serial: serialOf(chain), at: context.now() };
  await context.putIdentity({ ...issuer, issued: [...issuer.issued, entry] });
  return { chain };
}
