/** Identities and verdicts as the page shows them. */
import { toHex } from '../protocol/bytes.ts';
import { commonNameText } from './certificate.ts';
import { subjectOf, type Chain } from './chain.ts';
import type { IdentityContext, Judgement } from './context.ts';
import { serialOf, type IdentityRecord, type OwnIdentity } from './identity-records.ts';
import { mayIssue } from './issue-leaf.ts';
import { keyFingerprint } from './keys.ts';
import type { Consultation, RegistryView } from './registry-access.ts';
import { wasRevokedHere } from './registry-memory.ts';
import {
  identifiersOf,
  VERDICT_SENTENCES,
  type JudgedChain,
  type Verdict,
  type VerdictCode,
} from './verdict.ts';

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
  /** Whether the registry's newest content, proven or not, holds it; null if that was not told. */
  isHeld: boolean | null;
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
export async function verdictView(context: IdentityContext, chain: JudgedChain): Promise<VerdictView> {
  return judgementView(context, chain, await context.judge(chain));
}

/** A judgement of a chain for the page. */
export function judgementView(
  context: IdentityContext,
  chain: JudgedChain,
  judgement: Judgement,
): VerdictView {
  const {
    view,
    status,
    chain: own,
    newest,
    strict,
    certificates,
    reported,
    reportedBlock,
    reason,
  } = judgement;
  const id = identifiersOf(chain).at(-1)!;
  return {
    chain: own,
    strict,
    certificates,
    reported,
    reportedBlock,
    issuerIsOwn: context.known(context.issuerOf(chain) ?? '')?.role === 'own',
    isHeld: newest === null ? null : newest.registry.entry(id) !== null,
    sentence: untold(context, chain, newest) ?? sentenceOf(strict, status, reported),
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

/**
 * What this wallet did with an identity while the registry could not be asked, and the registry, which holds it, does not
 * know: it tells others what it has. Null where there is nothing of the kind.
 */
function untold(context: IdentityContext, chain: JudgedChain, newest: RegistryView | null): string | null {
  const ids = identifiersOf(chain);
  const id = ids.at(-1)!;
  const entry = newest?.registry.entry(id) ?? null;
  const known = context.known(context.didOf(chain));
  if (entry === null || known === null) return null;
  const say = (done: string, again: string) =>
    `You ${done} in this wallet, and the network’s registry does not know: others are told as before. ${again} once more to tell it.`;
  if (known.role === 'own' && known.deactivated) return say('gave this identity up', 'Give it up');
  const isRevoked = newest!.registry.revoked(ids.at(-2) ?? id).has(entry.serial);
  if (!isRevoked && wasRevokedHere(context, id)) return say('revoked this identity', 'Revoke it');
  const isNewer = known.role === 'own' && subjectOf(chain).tbs.notBefore > Number(entry.notBefore);
  return isNewer ? say('renewed this identity', 'Renew it') : null;
}

function sentenceOf(
  strict: VerdictCode,
  status: Consultation['status'],
  reported: VerdictCode | null,
): string {
  if (strict === 'mismatch' && reported === 'ok')
    return 'This identity was renewed in a new block of the registry’s network; the proof follows.';
  const isBack = strict === 'given-up' && reported === 'ok';
  if (strict !== 'not-anchored' && !isBack) return VERDICT_SENTENCES[strict];
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
