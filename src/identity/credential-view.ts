/** Credentials as the wallet keeps them and as the page shows them. */
import type { CommittedAttribute } from './attributes.ts';
import { keyOfChain } from './chain.ts';
import { claimTexts, isHideable } from './claim-view.ts';
import type { IdentityContext } from './context.ts';
import { commitmentsOf } from './exchange.ts';
import { claimsOf, decodeIssued, isNumber } from './jpt.ts';
import type { Jwk } from './keys.ts';
import { disclosableClaims, type CredentialStatus, type SdJwtCheck } from './sd-jwt.ts';
import type { ClaimPath } from './sd-jwt-disclosures.ts';
import { fetchedAt, isWebAddress, statusUri } from './status-book.ts';
import { decodeW3cCredential, isW3cCredential, w3cStatus, type W3cCheck } from './w3c-credential.ts';
import { listsOf, w3cFetchedAt } from './w3c-status.ts';

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

function hostOf(address: string): string {
  return /^https?:\/\/([^/]+)/.exec(address)?.[1] ?? address;
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

  const w3cView = (
    id: string,
    { credential }: CredentialRecord,
    statusOf: W3cCheck['statusOf'],
  ): CredentialView => {
    const read = decodeW3cCredential(credential);
    const known = context.known(read.issuer);
    const [list] = listsOf(read);
    const derivable = read.secured.cryptosuite === 'bbs-2023';
    return {
      id,
      type: read.types.at(-1)!,
      issuer: read.issuer,
      issuerName: known?.name ?? null,
      subject: read.subject,
      holder: null,
      claims: read.claims.map(({ path, text }) => ({ path, text, selective: derivable })),
      provable: [],
      issuedAt: read.validFrom,
      expiresAt: read.validUntil,
      selfIssued: read.subject === read.issuer,
      status: w3cStatus(read, statusOf),
      statusSource: list === undefined ? null : { host: hostOf(list), asked: w3cFetchedAt(context, list) },
      linkable: !derivable,
      foreign: true,
    };
  };

  const sourceOf = (uri: string, issuer: string): CredentialView['statusSource'] => {
    if (isWebAddress(uri)) return { host: new URL(uri).host, asked: fetchedAt(context, uri) };
    const announced = uri === statusUri(issuer) && context.registry !== null;
    return announced ? { host: null, asked: null } : null;
  };

  /** `foreignStatus`: status of credentials of other systems. */
  const view = (
    id: string,
    record: CredentialRecord,
    status: SdJwtCheck['status'],
    foreignStatus?: W3cCheck['statusOf'],
  ): CredentialView => {
    if (record.unlinkable !== undefined) return unlinkableView(id, record);
    if (isW3cCredential(record.credential)) return w3cView(id, record, foreignStatus);
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
