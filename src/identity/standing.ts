/** Whether an identity still counts for those who rely on it. */
import { toHex } from '../protocol/bytes.ts';
import type { IdentityContext } from './context.ts';
import { parseDid } from './did.ts';
import { heldChain } from './held-chain.ts';
import { isGivenUp, seenRevoked } from './registry-memory.ts';
import type { JudgedChain, Verdict, VerdictCode } from './verdict.ts';

const DEAD: readonly VerdictCode[] = [
  'revoked',
  'given-up',
  'expired',
  'issuer-gone',
  'renewed-after-revocation',
];

/**
 * Whether a DID counts as revoked, deactivated or expired. `chain`: its certificates, if they are at hand; `judged`: what they
 * were judged to be, if they were.
 */
export async function isDead(
  context: IdentityContext,
  did: string,
  chain: JudgedChain | null,
  judged?: Verdict,
): Promise<boolean> {
  const parsed = parseDid(did);
  if (parsed === null) return false;
  if (seenRevoked(context).has(toHex(parsed.id))) return true;
  const known = context.known(did);
  if (known?.role === 'own' && known.deactivated) return true;
  const own = chain ?? (known === null ? await heldChain(context, did) : context.chainOf(known));
  if (typeof own === 'string') return true;
  if (own === null) return isGivenUp(context, parsed.id, (await context.consult([parsed.id])).proven);
  const { strict, certificates } = judged ?? (await context.judge(own));
  return DEAD.includes(strict === 'not-anchored' ? certificates : strict);
}
