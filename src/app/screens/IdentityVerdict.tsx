import type { VerdictView } from '../../identity/identity-view.ts';
import type { VerdictCode } from '../../identity/verdict.ts';
import { Badge } from '../components/basics.tsx';

export const VERDICT_WORDS: Record<VerdictCode, string> = {
  ok: 'sound',
  'not-anchored': 'not registered',
  'given-up': 'given up',
  mismatch: 'another certificate',
  'issuer-gone': 'issuer gone',
  revoked: 'revoked',
  expired: 'expired',
  'not-yet-valid': 'not valid yet',
  'bad-signature': 'a signature does not hold',
  'weak-algorithm': 'a signature can be forged',
  'name-chaining': 'names do not fit',
  'not-an-authority': 'issuer was not allowed to',
  'path-length': 'chain too long',
  'key-usage': 'key used wrongly',
  extensions: 'asks for what is not understood',
  'renewed-after-revocation': 'revoked before',
};

const verdictTone = (verdict: VerdictView) => {
  if (verdict.strict === 'ok') return 'good' as const;
  if (verdict.reported === 'ok') return 'info' as const;
  return verdict.strict === 'not-anchored' && verdict.certificates === 'ok'
    ? ('info' as const)
    : ('bad' as const);
};

const isAbsent = (code: VerdictCode) => code === 'not-anchored' || code === 'given-up';

/** Whether it can be registered: neither proven nor reported to be so already. */
export const isUnregistered = ({ registry, strict, reported }: VerdictView) =>
  registry === 'asked' && isAbsent(strict) && (reported === null || isAbsent(reported));

function verdictWord(verdict: VerdictView): string {
  if (verdict.strict === 'ok') return 'registered and sound';
  if (verdict.reported === 'ok') return 'waits for proof';
  if (verdict.strict !== 'not-anchored' || verdict.certificates !== 'ok') return checkedWord(verdict);
  return verdict.registry === 'silent' ? 'sound, not looked up yet' : 'sound, not registered';
}

/** What all checks that could be made say. */
export function checkedWord({ strict, certificates, registry }: VerdictView): string {
  const isOpen = strict === 'not-anchored' && (registry !== 'asked' || certificates !== 'ok');
  return VERDICT_WORDS[isOpen ? certificates : strict];
}

/** What the registry's part of a verdict rests on. */
export function standing({ asOf, registry, reason, reported, reportedBlock }: VerdictView): string {
  if (registry === 'none') return 'This network has no registry of identities.';
  if (asOf === null) return `The network’s registry could not be asked. ${reason ?? ''}`;
  const block = `block ${asOf.block} of the registry’s network, ${new Date(asOf.time).toLocaleString()}`;
  const proof = asOf.proven
    ? `Proven: ${block}, by block ${asOf.consensusBlock} of the chain.`
    : `Reported by a node, not proven yet: ${block}.`;
  const news =
    asOf.proven && reported !== null && reportedBlock !== asOf.block
      ? ` A node’s word for block ${reportedBlock}: ${VERDICT_WORDS[reported]}.`
      : '';
  return proof + news;
}

/** The verdict in two words, the whole of it one click away. */
export function VerdictBadge({ verdict }: { verdict: VerdictView }) {
  return (
    <Badge tone={verdictTone(verdict)} title={verdict.sentence}>
      {verdictWord(verdict)}
    </Badge>
  );
}
