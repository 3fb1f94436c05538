/** What the wallet thinks of whoever issued a token. */
import { Refusal } from '../wallet/errors.ts';
import { chainIsOf, fromX5c } from './chain.ts';
import type { IdentityContext } from './context.ts';
import { verdictView, type VerdictView } from './identity-view.ts';

/** Verdict of a token's issuer: a known identity, or the certificates that came along; null for neither. */
export async function issuerVerdict(
  context: IdentityContext,
  issuer: string,
  x5c: readonly string[] | undefined,
): Promise<VerdictView | null> {
  const known = context.known(issuer);
  if (known !== null) return verdictView(context, context.chainOf(known));
  if (x5c === undefined) return null;
  const chain = fromX5c(x5c);
  return chainIsOf(chain, issuer) ? verdictView(context, chain) : null;
}

/** Refuses what an identity says that was revoked, is gone, or whose certificates do not hold. */
export function requireLiving(verdict: VerdictView | null): void {
  if (verdict === null) return;
  const code = verdict.strict === 'not-anchored' ? verdict.certificates : verdict.strict;
  if (code === 'ok') return;
  throw new Refusal(`issuer-${code}`, 'the issuer’s verdict', verdict.sentence);
}
