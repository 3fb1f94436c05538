/** Commands of credentials from issuers and for verifiers on the web: look first, then accept or answer. */
import * as v from 'valibot';
import type { Web } from '../network/web.ts';
import { Refusal } from '../wallet/errors.ts';
import type { IdentityContext, WebIssuerKey } from './context.ts';
import type { credentialCommands } from './credential-commands.ts';
import { decodePresentationResponse } from './exchange.ts';
import { decodeJws, jwkSchema } from './jws.ts';
import { issuerKeySet, readOffer, redeemOffer, type Offer, type OpenOffer } from './openid-issuance.ts';
import { readWebRequest, sendAnswer, type OpenRequest, type Verifier } from './openid-presentation.ts';
import type { ClaimPath } from './sd-jwt.ts';

type CredentialCommands = ReturnType<typeof credentialCommands>;
type Received = Awaited<ReturnType<CredentialCommands['acceptCredential']>>;
type Matched = Awaited<ReturnType<CredentialCommands['matchRequest']>>;

/** Offers and requests that were looked at and are still open. */
const MAX_OPEN = 8;

/** What was looked at stands until it is used: many links work once. */
class Opened<T> {
  private readonly entries = new Map<string, T>();

  put(link: string, value: T): T {
    this.entries.delete(link);
    this.entries.set(link, value);
    if (this.entries.size > MAX_OPEN) this.entries.delete(this.entries.keys().next().value!);
    return value;
  }

  /** Throws Refusal `link-closed` for a link that was not looked at, or was used. */
  get(link: string): T {
    const found = this.entries.get(link);
    if (found === undefined) throw new Refusal('link-closed', 'not open', 'Open the link again.');
    return found;
  }

  close(link: string): void {
    this.entries.delete(link);
  }
}

/** Commands, for one wallet and network. */
export function openIdCommands(context: IdentityContext, credentials: CredentialCommands, web: Web) {
  const offers = new Opened<OpenOffer>();
  const requests = new Opened<OpenRequest>();

  const learnIssuer = async (credential: string): Promise<void> => {
    const { iss } = decodeJws(credential.split('~')[0]!, 'sd-jwt').payload;
    if (typeof iss !== 'string' || !/^https?:\/\//.test(iss)) return;
    const keys = (await issuerKeySet(iss, web)).flatMap(({ kid, jwk }): WebIssuerKey[] => {
      const usable = v.safeParse(jwkSchema, jwk);
      return usable.success ? [{ kid, jwk: usable.output }] : [];
    });
    await context.keepWebIssuer(iss, keys);
  };

  return {
    /** What an issuer offers, from its link. Nothing is accepted yet. */
    async readOffer({ link }: { link: string }): Promise<Offer> {
      context.wallet.requireUnlocked();
      return offers.put(link.trim(), await readOffer(link, web)).view;
    },

    /**
     * Takes what is offered and keeps it after every check that a credential goes through. `did`: own identity that
     * it is bound to; `code`: what the issuer gave in another way, or null.
     */
    async acceptOffer(input: { link: string; did: string; code: string | null }): Promise<Received[]> {
      const link = input.link.trim();
      const offer = offers.get(link);
      const key = await context.keyOf(input.did);
      const how = { code: input.code, did: input.did, key, now: context.seconds };
      const issued = await redeemOffer(offer, how, web);
      offers.close(link);
      const received: Received[] = [];
      for (const credential of issued) {
        await learnIssuer(credential);
        received.push(await credentials.acceptCredential({ text: credential }));
      }
      return received;
    },

    /** Who asks for what, from a verifier's link, and which credentials could answer. Nothing is sent yet. */
    async readVerifierRequest({ link }: { link: string }): Promise<{
      verifier: Verifier;
      claimedName: string | null;
      matched: Matched;
    }> {
      const open = requests.put(link.trim(), await readWebRequest(link, context, web));
      const matched = await credentials.matchRequest({ request: JSON.stringify(open.request) });
      return { verifier: open.verifier, claimedName: open.claimedName, matched };
    },

    /** Sends chosen claims to the verifier. Returns where it would have the person go on, or null. */
    async answerVerifier(input: {
      link: string;
      answers: { query: string; credential: string; paths: ClaimPath[] }[];
    }): Promise<{ goOn: string | null }> {
      const link = input.link.trim();
      const open = requests.get(link);
      const response = await credentials.present({
        request: JSON.stringify(open.request),
        answers: input.answers,
      });
      const goOn = await sendAnswer(open, decodePresentationResponse(response), web);
      requests.close(link);
      return { goOn };
    },
  };
}
