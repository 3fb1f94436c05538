/** Commands of credentials of other systems (W3C, JSON): check one that was handed over, take one in. */
import { webUrl, type Web } from '../network/web.ts';
import type { ClaimText } from './claim-view.ts';
import type { IdentityContext } from './context.ts';
import type { VerdictView } from './identity-view.ts';
import { issuerVerdict, requireLiving } from './issuer-verdict.ts';
import type { Jwk } from './keys.ts';
import { verifyW3cCredential, type W3cCredential } from './w3c-credential.ts';
import { fetchW3cLists, unknownAmong, w3cStatusReader } from './w3c-status.ts';

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

/** What the wallet knows of issuers: keys that their DIDs give, as far as they can be relied on, and their lists. */
export async function foreignChecks(context: IdentityContext) {
  return {
    keyOf: async (did: string): Promise<Jwk | null> => (await context.resolve(did))?.key ?? null,
    statusOf: await w3cStatusReader(context),
  };
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
    ...(await foreignChecks(context)),
    needsStatus,
  });
  return { credential, verdict: await livingIssuer(context, credential.issuer) };
}

/** Verdict of an issuer, null if it is no more than a key. Throws Refusal `issuer-…`. */
async function livingIssuer(context: IdentityContext, issuer: string): Promise<VerdictView | null> {
  const verdict = await issuerVerdict(context, issuer, undefined);
  requireLiving(verdict);
  return verdict;
}

/** A verified credential as the page shows it. Throws Refusal `issuer-…`. */
export async function checkedView(
  context: IdentityContext,
  { issuer, subject, claims, types, validFrom, validUntil }: W3cCredential,
): Promise<CheckedCredential> {
  return {
    type: types.at(-1)!,
    issuer,
    issuerName: context.known(issuer)?.name ?? null,
    issuerVerdict: await livingIssuer(context, issuer),
    subject,
    claims,
    issuedAt: validFrom,
    expiresAt: validUntil,
    selfIssued: subject === issuer,
  };
}

/** Commands, for one wallet and network. */
export function w3cCommands(context: IdentityContext, web: Web) {
  return {
    /** Hosts that have to be asked whether such a credential was revoked, before it can be checked. */
    async foreignLists(input: { text: string }): Promise<string[]> {
      const unknown = await unknownAmong(context, [input.text]);
      return [...new Set(unknown.flatMap(({ lists }) => lists).map((uri) => webUrl(uri).host))];
    },

    /** Asks them. */
    async askForeignLists(input: { text: string }): Promise<void> {
      await fetchW3cLists(context, input.text, web);
    },

    /** Checks a credential of another system that somebody handed over. Throws the Refusal of the check that fails. */
    async checkForeign(input: { text: string }): Promise<CheckedCredential> {
      const { credential } = await checkW3cCredential(context, input.text, true);
      return checkedView(context, credential);
    },
  };
}
