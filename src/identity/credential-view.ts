/** Credentials as the wallet keeps them and as the page shows them. */
import type { CommittedAttribute } from './attributes.ts';
import { keyOfChain } from './chain.ts';
import { claimTexts, isHideable } from './claim-view.ts';
import { commitmentsOf } from './commitments.ts';
import type { IdentityContext } from './context.ts';
import { claimsOf, decodeIssued, isNumber } from './jpt.ts';
import type { Jwk } from './keys.ts';
import { disclosableClaims, type CredentialStatus, type SdJwtCheck } from './sd-jwt.ts';
import type { ClaimPath } from './sd-jwt-disclosures.ts';
import { fetchedAt, isWebAddress, statusUri } from './status-book.ts';
import { isW3cCredential } from './w3c-form.ts';

/** A credential as the wallet keeps it. */
export interface CredentialRecord {
  credential: string;
  /** Openings of its commitments, by attribute; blinding factors base64url. */
  openings: Record<string, { value: number; blinding: string }>;
  received: number;
  /** Of one whose showings cannot be linked: the request it was made for, and what hid the link secret in that. */
  unlinkable?: { request: string | null; blind: string };
}

export interface CredentialView {
  id: string;
  type: string;
  issuer: string;
  issuerName: string | null;
  subject: string | null;
  /** Identity of one's own that has to sign presentations, or null. */
  holder: string | null;
  /** Claims with whether they can be kept back. */
  claims: { path: ClaimPath; text: string; selective: boolean }[];
  /** What can be proved of it without telling. */
  provable: CommittedAttribute[];
  /** Seconds since the epoch. */
  issuedAt: number | null;
  expiresAt: number | null;
  /** Whether the subject says it of itself. */
  selfIssued: boolean;
  status: CredentialStatus | 'none';
  /**
   * Where its revocation can be asked for: who is asked then, null for the registry of identities, and when a host was
   * last asked (seconds since the epoch).
   */
  statusSource: { host: string | null; asked: number | null } | null;
  /** Whether two showings of it can be told to be of one credential. */
  linkable: boolean;
  /** Whether it is of another system (W3C, JSON), which cannot be shown here claim by claim. */
  foreign: boolean;
}

function sameKey(a: Jwk, b: Jwk): boolean {
  return (
    a.kty === b.kty && 'x' in a && 'x' in b && a.x === b.x && ('y' in a ? a.y : '') === ('y' in b ? b.y : '')
  );
}

/** A credential of another system as the page shows it. */
export type ForeignView = (id: string, record: CredentialRecord) => CredentialView;

/** How to show credentials of other systems; null while the wallet has none, so that nothing is loaded for it. */
export async function foreignViews(context: IdentityContext): Promise<ForeignView | null> {
  const records = context.list<CredentialRecord>('credential');
  if (!records.some(({ value }) => isW3cCredential(value.credential))) return null;
  return (await import('./w3c-view.ts')).w3cView(context);
}

/** Credentials of one wallet as the page shows them. */
export function credentialBook(context: IdentityContext) {
  const holderOf = (key: Jwk | undefined): string | null => {
    if (key === undefined) return null;
    const found = context
      .identities()
      .find(({ value }) => value.role === 'own' && sameKey(keyOfChain(context.chainOf(value)), key));
    return found?.id ?? null;
  };

  const unlinkableView = (id: string, { credential }: CredentialRecord): CredentialView => {
    const claims = claimsOf(decodeIssued(credential));
    const known = context.known(claims.iss);
    return {
      id,
      type: claims.vct,
      issuer: claims.iss,
      issuerName: known?.name ?? null,
      subject: null,
      holder: null,
      claims: claimTexts(claims).map((claim) => ({ ...claim, selective: true })),
      provable: Object.keys(claims).filter(isNumber),
      issuedAt: null,
      expiresAt: claims.exp,
      selfIssued: known?.role === 'own',
      status: 'none',
      statusSource: null,
      linkable: false,
      foreign: false,
    };
  };

  const sourceOf = (uri: string, issuer: string): CredentialView['statusSource'] => {
    if (isWebAddress(uri)) return { host: new URL(uri).host, asked: fetchedAt(context, uri) };
    const announced = uri === statusUri(issuer) && context.registry !== null;
    return announced ? { host: null, asked: null } : null;
  };

  /** `foreign`: what `foreignViews` gave. */
  const view = (
    id: string,
    record: CredentialRecord,
    status: SdJwtCheck['status'],
    foreign?: ForeignView | null,
  ): CredentialView => {
    if (record.unlinkable !== undefined) return unlinkableView(id, record);
    if (foreign != null && isW3cCredential(record.credential)) return foreign(id, record);
    const { claims, disclosable } = disclosableClaims(record.credential);
    const hideable = disclosable.map(({ path }) => path);
    const reference = claims.status?.status_list;
    return {
      id,
      type: claims.vct,
      issuer: claims.iss,
      issuerName: context.known(claims.iss)?.name ?? null,
      subject: claims.sub ?? null,
      holder: holderOf(claims.cnf?.jwk),
      claims: claimTexts(claims, hideable).map((claim) => ({
        ...claim,
        selective: isHideable(claim.path, hideable),
      })),
      provable: Object.keys(commitmentsOf(claims)).filter((name): name is CommittedAttribute =>
        Object.hasOwn(record.openings, name),
      ),
      issuedAt: claims.iat ?? null,
      expiresAt: claims.exp ?? null,
      selfIssued: claims.sub === claims.iss,
      status: reference === undefined ? 'none' : (status?.(reference, claims.iss) ?? 'unknown'),
      statusSource: reference === undefined ? null : sourceOf(reference.uri, claims.iss),
      linkable: true,
      foreign: false,
    };
  };
  return { holderOf, unlinkableView, view };
}
