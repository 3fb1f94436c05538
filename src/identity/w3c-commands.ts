/** Commands of credentials of other systems (W3C, JSON): check one that was handed over, take one in. */
import { Refusal } from '../wallet/errors.ts';
import type { ClaimText } from './claim-view.ts';
import type { IdentityContext } from './context.ts';
import { resolveDid } from './did-resolution.ts';
import { parseDid } from './did.ts';
import type { VerdictView } from './identity-view.ts';
import { issuerVerdict, requireLiving } from './issuer-verdict.ts';
import { verifyW3cCredential, type W3cCredential } from './w3c-credential.ts';

/** A credential of another system whose every check passed. */
export interface CheckedCredential {
  type: string;
  issuer: string;
  issuerName: string | null;
  issuerVerdict: VerdictView | null;
  subject: string | null;
  claims: ClaimText[];
  /** Seconds since the epoch. */
  issuedAt: number | null;
  expiresAt: number | null;
  selfIssued: boolean;
}

/**
 * Verifies such a credential and its issuer. `needsStatus`: refuse one of which it is not known whether it was revoked.
 * Throws what `verifyW3cCredential` throws; Refusal `issuer-…` for an issuer that was revoked, is gone or has expired.
 */
export async function checkW3cCredential(
  context: IdentityContext,
  text: string,
  needsStatus: boolean,
): Promise<{ credential: W3cCredential; verdict: VerdictView | null }> {
  const credential = await verifyW3cCredential(text, {
    now: context.seconds,
    keyOf: async (did) => (await context.resolve(did))?.key ?? null,
    needsStatus,
  });
  const verdict = await issuerVerdict(context, credential.issuer, undefined);
  requireLiving(verdict);
  if (verdict === null) await requireRegistered(context, credential.issuer);
  return { credential, verdict };
}

/** Refuses an Auto ID that is not among the known ones and that the registry has revoked or that has expired. */
async function requireRegistered(context: IdentityContext, issuer: string): Promise<void> {
  if (parseDid(issuer) === null) return;
  const { revoked, notAfter } = (await resolveDid(context, issuer)).didDocumentMetadata;
  if (revoked === true) throw new Refusal('issuer-revoked', issuer, 'The issuer’s identity was revoked.');
  if (notAfter !== undefined && Date.parse(notAfter) < context.now())
    throw new Refusal('issuer-expired', notAfter, 'The issuer’s identity has expired.');
}

/** Commands, for one wallet and network. */
export function w3cCommands(context: IdentityContext) {
  return {
    /** Checks a credential of another system that somebody handed over. Throws the Refusal of the check that fails. */
    async checkForeign(input: { text: string }): Promise<CheckedCredential> {
      const { credential, verdict } = await checkW3cCredential(context, input.text, true);
      const { issuer, subject, claims, types } = credential;
      return {
        type: types.at(-1)!,
        issuer,
        issuerName: context.known(issuer)?.name ?? null,
        issuerVerdict: verdict,
        subject,
        claims,
        issuedAt: credential.validFrom,
        expiresAt: credential.validUntil,
        selfIssued: subject === issuer,
      };
    },
  };
}
