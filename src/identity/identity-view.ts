/** Identities and verdicts as the page shows them. */
import { toHex } from '../protocol/bytes.ts';
import { commonNameText } from './certificate.ts';
import { subjectOf, type Chain } from './chain.ts';
import type { IdentityContext } from './context.ts';
import { serialOf, type IdentityRecord, type OwnIdentity } from './identity-records.ts';
import { mayIssue } from './issue-leaf.ts';
import { keyFingerprint } from './keys.ts';
import type { Consultation } from './registry-access.ts';
import { VERDICT_SENTENCES, type Verdict, type VerdictCode } from './verdict.ts';

export interface IdentityView {
  did: string;
  name: string;
  /** Common name of the certificate, which the identifier is made of. */
  commonName: string;
  role: 'own' | 'other';
  kind: 'root' | 'leaf';
  /** Whether it may issue identities. */
  canIssue: boolean;
  keyKind: string;
  /** SHA-256 of the key, hex. */
  fingerprint: string;
  serial: string;
  issuer: string | null;
  /** Milliseconds since the epoch. */
  notBefore: number;
  notAfter: number;
  purpose: string | null;
  /** Whether the recovery phrase brings its key back. */
  recoverable: boolean;
  deactivated: boolean;
  issued: OwnIdentity['issued'];
}

export interface PendingView {
  id: string;
  name: string;
  purpose: string | null;
  fingerprint: string;
}

export interface VerdictView extends Verdict {
  /** What the strict verdict means. */
  sentence: string;
  /** Blocks and chain time of the registry's content, if there is a registry. */
  asOf: { block: number | null; consensusBlock: number | null; time: number; proven: boolean } | null;
  /** `none`: the network has no registry; `silent`: it could not be asked. */
  registry: Consultation['status'];
  /** Why it could not be asked, as a sentence. */
  reason: string | null;
  /** What every check says on the newest content, by a node's word; null if it was not told. */
  reported: VerdictCode | null;
  /** Block of the registry's domain that this is of. */
  reportedBlock: number | null;
  /** Whether whoever issued it is an identity of this wallet. */
  issuerIsOwn: boolean;
}

export interface RequestView {
  commonName: string;
  fingerprint: string;
  purpose: string | null;
}

/** An identity as the page shows it. */
export function identityView(
  context: IdentityContext,
  identity: Exclude<IdentityRecord, { role: 'pending' }>,
): IdentityView {
  const chain = context.chainOf(identity);
  const { tbs } = subjectOf(chain);
  const own = identity.role === 'own' ? identity : null;
  return {
    did: identity.did,
    name: identity.name,
    commonName: commonNameText(tbs),
    role: identity.role,
    kind: chain.length === 1 ? 'root' : 'leaf',
    canIssue: own !== null && mayIssue(tbs),
    keyKind: keyKindOf(chain),
    fingerprint: toHex(keyFingerprint(tbs.publicKeyInfo)),
    serial: serialOf(chain),
    issuer: context.issuerOf(chain),
    notBefore: tbs.notBefore,
    notAfter: tbs.notAfter,
    purpose: own?.purpose ?? null,
    recoverable: own !== null && !('record' in own.key),
    deactivated: own?.deactivated ?? false,
    issued: own?.issued ?? [],
  };
}

/** Verdict of a chain for the page. */
export async function verdictView(context: IdentityContext, chain: Chain): Promise<VerdictView> {
  const { view, status, chain: own, ...judged } = await context.judge(chain);
  const { strict, certificates, reported, reportedBlock, reason } = judged;
  return {
    chain: own,
    strict,
    certificates,
    reported,
    reportedBlock,
    issuerIsOwn: context.known(context.issuerOf(chain) ?? '')?.role === 'own',
    sentence: sentenceOf(strict, status, reported),
    registry: status,
    reason,
    asOf:
      view === null
        ? null
        : {
            block: view.block,
            consensusBlock: view.consensusBlock,
            time: view.time,
            proven: view.proven,
          },
  };
}

function sentenceOf(
  strict: VerdictCode,
  status: Consultation['status'],
  reported: VerdictCode | null,
): string {
  if (strict === 'mismatch' && reported === 'ok')
    return 'This identity was renewed in a new block of the registry’s network; the proof follows.';
  if (strict !== 'not-anchored') return VERDICT_SENTENCES[strict];
  if (status === 'silent')
    return 'The network’s registry could not be asked; this identity’s certificates speak for themselves.';
  if (reported === 'ok')
    return 'This identity is registered in a new block of the registry’s network; the proof follows.';
  return VERDICT_SENTENCES[strict];
}

function keyKindOf(chain: Chain): string {
  const { publicKeyInfo } = subjectOf(chain).tbs;
  const kinds: [number, string][] = [
    [44, 'Ed25519'],
    [91, 'P-256'],
    [120, 'P-384'],
  ];
  return kinds.find(([length]) => publicKeyInfo.length === length)?.[1] ?? 'RSA';
}
