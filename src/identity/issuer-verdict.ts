/** What the wallet thinks of whoever issued a token. */
import { Refusal } from '../wallet/errors.ts';
import { chainIsOf, fromX5c } from './chain.ts';
import type { IdentityContext } from './context.ts';
import { heldChain } from './held-chain.ts';
import { verdictView, type VerdictView } from './identity-view.ts';
import { VERDICT_SENTENCES } from './verdict.ts';

/**
 * Verdict of a token's issuer: a known identity, the certificates that came along, or what the registry holds; null for
 * none of them. Throws Refusal `issuer-…` for one that the registry holds without those that it rests on.
 */
export async function issuerVerdict(
  context: IdentityContext,
  issuer: string,
  x5c: readonly string[] | undefined,
): Promise<VerdictView | null> {
  const known = context.known(issuer);
  if (known !== null) return verdictView(context, context.chainOf(known));
  const offered = x5c === undefined ? null : fromX5c(x5c);
  if (offered !== null && chainIsOf(offered, issuer)) return verdictView(context, offered);
  const held = await heldChain(context, issuer);
  if (typeof held === 'string')
    throw new Refusal(`issuer-${held}`, 'as the registry holds it', VERDICT_SENTENCES[held]);
  return held === null ? null : verdictView(context, held);
}

/** Refuses what an identity says that was revoked, is gone, or whose certificates do not hold. */
export function requireLiving(verdict: VerdictView | null): void {
  if (verdict === null) return;
  const code = verdict.strict === 'not-anchored' ? verdict.certificates : verdict.strict;
  if (code === 'ok') return;
  throw new Refusal(`issuer-${code}`, 'the issuer’s verdict', verdict.sentence);
}
