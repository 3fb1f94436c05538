/** Identities as the wallet keeps them. */
import { toBase64Url } from '../wallet/json.ts';
import type { DerivedKind } from '../wallet/session.ts';
import { subjectOf, type Chain } from './chain.ts';

/** Where an identity's key comes from: the recovery phrase, or a record of its own. */
export type KeySource = { kind: DerivedKind; index: number } | { record: string };

/** An identity that is one's own: the wallet has its key. */
export interface OwnIdentity {
  role: 'own';
  did: string;
  name: string;
  key: KeySource;
  /** DERs, root first, base64url. */
  chain: string[];
  /** Milliseconds since the epoch. */
  created: number;
  /** What it is for, if it is an agent's. */
  purpose: string | null;
  /** Identities issued under it. */
  issued: { did: string; name: string; serial: string; at: number }[];
  /** Indices given to credentials so far. */
  credentialsIssued: number;
  deactivated: boolean;
}

/** An identity of somebody else. */
export interface OtherIdentity {
  role: 'other';
  did: string;
  name: string;
  chain: string[];
  created: number;
}

/** A key that waits for the certificate that was asked for. */
export interface PendingIdentity {
  role: 'pending';
  name: string;
  key: KeySource;
  /** DER of SubjectPublicKeyInfo, base64url. */
  publicKeyInfo: string;
  purpose: string | null;
  created: number;
}

export type IdentityRecord = OwnIdentity | OtherIdentity | PendingIdentity;

/** Chain as it is kept in a record. */
export function storedChain(chain: Chain): string[] {
  return chain.map(({ raw }) => toBase64Url(raw));
}

/** Serial of the last certificate of a chain, hex. */
export function serialOf(chain: Chain): string {
  return subjectOf(chain).tbs.serial.toString(16);
}
