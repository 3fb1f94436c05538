/** Commands of credentials from issuers and for verifiers on the web: look first, then accept or answer. */
import type { Web } from '../network/web.ts';
import { Refusal } from '../wallet/errors.ts';
import type { IdentityContext } from './context.ts';
import type { credentialCommands } from './credential-commands.ts';
import { decodePresentationResponse } from './exchange.ts';
import {
  accessByCode,
  accessByLogin,
  beginLogin,
  type Access,
  type Login,
  type LoginAnswer,
} from './openid-access.ts';
import { learnIssuerOf } from './openid-issuer-keys.ts';
import { notifyIssuer, requestCredentials, requestDeferred, type Issued } from './openid-issuance.ts';
import { readOffer, type IssuerMetadata, type Offer, type OpenOffer } from './openid-offer.ts';
import { readWebRequest, sendAnswer, type OpenRequest, type Verifier } from './openid-presentation.ts';
import type { presentingCommands } from './presenting-commands.ts';
import type { ClaimPath } from './sd-jwt-disclosures.ts';

type CredentialCommands = ReturnType<typeof credentialCommands> & ReturnType<typeof presentingCommands>;
type Received = Awaited<ReturnType<CredentialCommands['acceptCredential']>>;
type Matched = Awaited<ReturnType<CredentialCommands['matchRequest']>>;

/** Offers and requests that were looked at and are still open. */
const MAX_OPEN = 8;

/** Seconds that a log-in on an issuer's pages may take. */
const LOGIN_LIFETIME_S = 3600;

/** A log-in that the person has not come back from yet. */
interface LoginRecord {
  login: Login;
  did: string;
  view: Offer;
  metadata: IssuerMetadata;
  at: number;
}

/** What an issuer promised to decide on, or gave while nobody could tell whether it is sound. */
interface PromiseRecord extends Granted {
  /** Configuration that it was promised under. */
  id: string;
  transaction: string;
  /** Seconds since the epoch; not to be asked for before. */
  askAt: number;
  /** What it gave, which it does once; left out: nothing yet. */
  given?: Issued;
}

/** What was offered, and the leave to have it. */
interface Granted {
  view: Offer;
  metadata: IssuerMetadata;
  access: Access;
  /** Name that this wallet has at the issuer's server, where it logged in. */
  clientId: string | null;
}

/** A credential that an issuer has not decided on yet, or that could not be checked yet. */
export interface PromisedView {
  id: string;
  issuer: string;
  issuerName: string | null;
  type: string;
  name: string | null;
  /** Seconds since the epoch; the issuer asks not to be asked before. */
  askAt: number;
  /** Whether it is here already: only the issuer's keys were not to be had. */
  given: boolean;
}

const loginId = (state: string) => `login-${state}`;
const PROMISE = 'promise-';

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

  const keepPromise = (
    { view, metadata, access, clientId }: Granted,
    promise: Pick<PromiseRecord, 'id' | 'transaction' | 'askAt' | 'given'>,
  ): Promise<void> => {
    const record: PromiseRecord = { view, metadata, access, clientId, ...promise };
    return context.put(`${PROMISE}${crypto.randomUUID()}`, 'setting', record);
  };

  /**
   * Verifies and keeps credentials that an issuer gave. One that is no good keeps no other from being kept. `waiting`:
   * those whose issuer's keys cannot be had now.
   */
  const take = async (
    issued: Issued,
    { metadata, access }: Granted,
  ): Promise<{ received: Received[]; failures: unknown[]; waiting: Issued | null }> => {
    const received: Received[] = [];
    const failures: unknown[] = [];
    const unchecked: string[] = [];
    for (const credential of issued.credentials) {
      try {
        await learnIssuerOf(context, credential, web);
      } catch (error) {
        failures.push(error);
        unchecked.push(credential);
        continue;
      }
      try {
        received.push(await credentials.acceptCredential({ text: credential }));
      } catch (error) {
        failures.push(error);
      }
    }
    if (unchecked.length > 0) return { received, failures, waiting: { ...issued, credentials: unchecked } };
    await notifyIssuer(metadata, access, issued.notification, failures.length === 0, context.seconds, web);
    return { received, failures, waiting: null };
  };

  const fetchOffered = async (granted: Granted, did: string): Promise<Received[]> => {
    const holder = { did, key: await context.keyOf(did), now: context.seconds };
    const received: Received[] = [];
    const failures: unknown[] = [];
    for (const one of await requestCredentials(granted, granted.access, holder, web)) {
      if (one.kind === 'later') {
        const { id, transaction, interval } = one;
        await keepPromise(granted, { id, transaction, askAt: context.seconds + interval });
        continue;
      }
      const taken = await take(one, granted);
      received.push(...taken.received);
      failures.push(...taken.failures);
      if (taken.waiting !== null) {
        const { waiting: given } = taken;
        await keepPromise(granted, { id: one.id, transaction: '', askAt: context.seconds, given });
      }
    }
    if (failures.length > 0) throw failures[0];
    return received;
  };

  const promised = (id: string): PromiseRecord => {
    const record = id.startsWith(PROMISE) ? context.get<PromiseRecord>(id, 'setting') : null;
    if (record === null)
      throw new Refusal('unknown-promise', id.slice(0, 80), 'Nothing of that name was promised.');
    return record;
  };

  return {
    /** What an issuer offers, from its link. Nothing is accepted yet. */
    async readOffer({ link }: { link: string }): Promise<Offer> {
      context.wallet.requireUnlocked();
      return offers.put(link.trim(), await readOffer(link, context, web)).view;
    },

    /**
     * Takes what is offered and keeps it after every check that a credential goes through. `did`: own identity that
     * it is bound to; `code`: what the issuer gave in another way, or null. What the issuer has not decided on is not
     * in the result but among `promises`.
     */
    async acceptOffer(input: { link: string; did: string; code: string | null }): Promise<Received[]> {
      const link = input.link.trim();
      const offer = offers.get(link);
      context.own(input.did);
      const access = await accessByCode(offer, input.code, context.seconds, web);
      // The code is used up, whatever comes now.
      offers.close(link);
      const { view, metadata } = offer;
      return fetchOffered({ view, metadata, access, clientId: null }, input.did);
    },

    /**
     * Begins to accept an offer that wants a log-in: the address to open, on which the issuer sends the person back to
     * `returnTo`, an address of this app.
     */
    async startLogin(input: { link: string; did: string; returnTo: string }): Promise<{ address: string }> {
      const link = input.link.trim();
      const offer = offers.get(link);
      context.own(input.did);
      const { login, address } = await beginLogin(offer, input.returnTo, web);
      const { view, metadata } = offer;
      for (const { id, value } of context.list<LoginRecord>('setting'))
        if (id.startsWith(loginId('')) && value.at + LOGIN_LIFETIME_S < context.seconds)
          await context.remove(id);
      const record: LoginRecord = { login, did: input.did, view, metadata, at: context.seconds };
      await context.put(loginId(login.state), 'setting', record);
      offers.close(link);
      return { address };
    },

    /** Goes on after the person came back from an issuer's pages. Throws Refusal `login-…`. */
    async finishLogin(input: LoginAnswer): Promise<Received[]> {
      const id = loginId(input.state.slice(0, 100));
      const record = context.get<LoginRecord>(id, 'setting');
      if (record === null)
        throw new Refusal(
          'login-unknown',
          'state',
          'This wallet did not begin that log-in, or has finished it.',
        );
      await context.remove(id);
      if (record.at + LOGIN_LIFETIME_S < context.seconds)
        throw new Refusal('login-late', `begun at ${record.at}`, 'That took too long. Open the offer again.');
      const access = await accessByLogin(record.login, input, context.seconds, web);
      const { view, metadata, did, login } = record;
      return fetchOffered({ view, metadata, access, clientId: login.returnTo }, did);
    },

    /** What issuers have promised and not given yet. */
    async promises(): Promise<PromisedView[]> {
      return context
        .list<PromiseRecord>('setting')
        .filter(({ id }) => id.startsWith(PROMISE))
        .map(({ id, value: { id: wanted, view, askAt, given } }) => {
          const { type, name } = view.credentials.find((one) => one.id === wanted)!;
          const { issuer, issuerName } = view;
          return { id, issuer, issuerName, type, name, askAt, given: given !== undefined };
        });
    },

    /**
     * Asks an issuer for what it promised; nothing is in the result if it has still not decided. What it gave while its
     * keys could not be had is looked at again instead.
     */
    async askAgain(input: { id: string }): Promise<Received[]> {
      let record = promised(input.id);
      const keepOn = (changed: Partial<PromiseRecord>): Promise<void> => {
        record = { ...record, ...changed };
        return context.put(input.id, 'setting', record);
      };
      let { given } = record;
      if (given === undefined) {
        const { clientId } = record;
        const answer = await requestDeferred(record, clientId, context.seconds, web, (access) =>
          keepOn({ access }),
        );
        const { access } = answer;
        if (answer.given.kind === 'later') {
          const { transaction, interval } = answer.given;
          await keepOn({ transaction, access, askAt: context.seconds + interval });
          return [];
        }
        // It is given once.
        given = answer.given;
        await keepOn({ access, given });
      }
      const { received, failures, waiting } = await take(given, record);
      if (waiting === null) await context.remove(input.id);
      else await keepOn({ given: waiting });
      if (failures.length > 0) throw failures[0];
      return received;
    },

    /** Waits no longer for what was promised. */
    async forgetPromise(input: { id: string }): Promise<void> {
      promised(input.id);
      await context.remove(input.id);
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
