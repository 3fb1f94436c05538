/** What an issuer wrote down of the credentials that it can revoke. */
import { claimTexts, type ClaimText } from './claim-view.ts';
import type { IdentityContext } from './context.ts';
import type { CredentialStatus } from './sd-jwt.ts';
import { ownList } from './status-book.ts';

/** A credential that one issued and can revoke. */
interface IssuedRecord {
  /** DID of the identity that issued it. */
  issuer: string;
  /** DID of whom it is about; null for whoever holds it. */
  subject: string | null;
  type: string;
  claims: Record<string, unknown>;
  /** Its place in the issuer's list of revocations. */
  index: number;
  /** Seconds since the epoch at which it was issued, and at which it ends. */
  at: number;
  until: number;
}

export interface IssuedCredentialView extends Omit<IssuedRecord, 'claims'> {
  /** Name of whom it is about, where they are known. */
  subjectName: string | null;
  claims: ClaimText[];
  status: CredentialStatus;
}

const PREFIX = 'credential-issued-';

/** Writes down a credential that can be revoked. */
export function noteIssued(context: IdentityContext, record: IssuedRecord): Promise<void> {
  return context.put(`${PREFIX}${record.issuer}-${record.index}`, 'setting', record);
}

/** The credentials of an issuer of one's own that can be revoked, the newest first. */
export function issuedBy(context: IdentityContext, issuer: string): IssuedCredentialView[] {
  const { list } = ownList(context, issuer);
  return context
    .list<IssuedRecord>('setting')
    .filter(({ id, value }) => id.startsWith(PREFIX) && value.issuer === issuer)
    .map(({ value: record }) => ({
      ...record,
      subjectName: record.subject === null ? null : (context.known(record.subject)?.name ?? null),
      claims: claimTexts(record.claims),
      status: list.get(record.index),
    }))
    .toSorted((a, b) => b.index - a.index);
}
