/** Commands of revocation: of credentials that one issued, and looking whether those of others still hold. */
import type { Web } from '../network/web.ts';
import { Refusal } from '../wallet/errors.ts';
import type { AutoIdCall } from './calls.ts';
import type { IdentityContext } from './context.ts';
import type { CredentialRecord } from './credential-view.ts';
import { decodePresentationResponse } from './exchange.ts';
import { isUnlinkable } from './jpt.ts';
import { learnWebIssuer } from './openid-issuer-keys.ts';
import { sendCall, signedPart, type CallView, type Sending } from './registry-call.ts';
import { openStatusList, signStatusList } from './status-list.ts';
import { issuePointer, pointerIdOf, pointerIn, pointerTo } from './status-pointer.ts';
import { identifiersOf } from './verdict.ts';
import { isW3cCredential } from './w3c-form.ts';
import {
  adoptAnnounced,
  changeStatus,
  fetchStatusList,
  findNewestList,
  isAnnouncedCurrent,
  isWebAddress,
  keepHandedList,
  lastAnnounced,
  noteAnnounced,
  ownList,
  statusReader,
  statusUri,
  listNamedBy,
} from './status-book.ts';

const STATUS_LIFETIME_S = 7 * 86_400;

/** A list that was announced. */
export interface Announcement {
  /** Seconds since the epoch at which it was signed, and until which it is believed. */
  at: number;
  until: number;
  /** Whether something was revoked, suspended or restored that it does not say. */
  outdated: boolean;
}

/** Lists of other systems; fetched when there is a credential of one. */
const foreignLists = () => import('./w3c-status.ts');

/** Commands, for one wallet and network. */
export function statusCommands(context: IdentityContext, web: Web) {
  /** The signed token of a credential in the wallet. */
  const tokenOf = (id: string): string => {
    const record = context.get<CredentialRecord>(id, 'credential');
    if (record === null)
      throw new Refusal('unknown-credential', id.slice(0, 80), 'This credential is not in the wallet.');
    return record.credential.split('~')[0]!;
  };

  const signedList = async (issuer: string, address?: string): Promise<string> => {
    const { did, key } = context.own(issuer);
    const uri = address ?? statusUri(did);
    const { list } = ownList(context, did);
    return signStatusList(await context.signingKey(key), did, uri, list, context.seconds, STATUS_LIFETIME_S);
  };

  /** Gives a credential of an issuer of one's own another status. What is revoked stays revoked. */
  const mark = async (
    { issuer, index }: { issuer: string; index: number },
    status: 'valid' | 'revoked' | 'suspended',
  ): Promise<string> => {
    const { did, credentialsIssued } = context.own(issuer);
    if (!Number.isInteger(index) || index < 0 || index >= credentialsIssued)
      throw new Refusal('status-list', `index ${index}`, 'No credential of that number was issued.');
    if (ownList(context, did).list.get(index) === 'revoked' && status !== 'revoked')
      throw new Refusal(
        'status-list',
        `index ${index} is revoked`,
        'A credential that was revoked stays revoked: issue a new one.',
      );
    await changeStatus(context, did, index, status);
    return signedList(did);
  };

  /** Credentials of other systems in an answer of which it is not known whether they were revoked. */
  const foreignUnknown = async (response: string): Promise<{ json: string; lists: string[] }[]> => {
    const all = Object.values(decodePresentationResponse(response).vp_token).flat().filter(isW3cCredential);
    return all.length === 0 ? [] : (await foreignLists()).unknownAmong(context, all);
  };

  /** What has to be fetched before the credentials of an answer can be checked. */
  const missing = async (
    response: string,
  ): Promise<{ token: string; keys: string | null; list: string | null }[]> => {
    const status = await statusReader(context);
    return Object.values(decodePresentationResponse(response).vp_token)
      .flat()
      .filter((presentation) => !isUnlinkable(presentation) && !isW3cCredential(presentation))
      .map((presentation) => {
        const token = presentation.split('~')[0]!;
        const { issuer, uri, index } = listNamedBy(token);
        const keys = isWebAddress(issuer) && !context.knowsWebIssuer(issuer) ? issuer : null;
        const known = uri === null || status({ uri, idx: index }, issuer) !== 'unknown';
        return { token, keys, list: known ? null : uri };
      });
  };

  return {
    /**
     * Revokes a credential that one issued, by its index, or suspends it; a fresh signed list says so. Throws Refusal
     * `status-list` for an index that was not given, or what is revoked already.
     */
    revokeCredential(input: { issuer: string; index: number; suspend?: boolean }): Promise<string> {
      return mark(input, input.suspend === true ? 'suspended' : 'revoked');
    },

    /** Lets a credential that one suspended count again; a fresh signed list says so. Throws as `revokeCredential`. */
    restoreCredential(input: { issuer: string; index: number }): Promise<string> {
      return mark(input, 'valid');
    },

    /** Web addresses that an issuer of one's own publishes its list at. */
    async statusAddresses(input: { issuer: string }): Promise<string[]> {
      return [...ownList(context, context.own(input.issuer).did).addresses];
    },

    /**
     * The signed status list of an issuer of one's own, for verifiers. `address`: the web address that it is to be
     * put at; left out, for handing it over.
     */
    async statusList(input: { issuer: string; address?: string }): Promise<string> {
      return signedList(input.issuer, input.address);
    },

    /** The list of an issuer of one's own that this wallet announced last; null if it announced none. */
    async announcement(input: { issuer: string }): Promise<Announcement | null> {
      const { did } = context.own(input.issuer);
      const at = lastAnnounced(context, did);
      if (at === 0) return null;
      return { at, until: at + STATUS_LIFETIME_S, outdated: !isAnnouncedCurrent(context, did) };
    },

    /** Takes in somebody's status list; one that is older than the one kept is refused. */
    importStatusList(input: { token: string }): Promise<{ issuer: string }> {
      const given = input.token.trim();
      if (isW3cCredential(given))
        return foreignLists().then(({ keepHandedW3cList }) => keepHandedW3cList(context, given));
      return keepHandedList(context, given);
    },

    /**
     * Fetches the list of revocations that a credential of the wallet names: from its web address, whose server learns
     * that somebody looks, or the newest one that the issuer announced in the registry.
     */
    async checkStatus(input: { id: string }): Promise<void> {
      const token = tokenOf(input.id);
      if (isW3cCredential(token)) return (await foreignLists()).fetchW3cLists(context, token, web);
      const { issuer, named } = listNamedBy(token);
      if (named !== statusUri(issuer)) return fetchStatusList(context, token, web);
      const found = await findNewestList(context, issuer);
      if (found === 'none')
        throw new Refusal('status-list', 'none announced', 'This issuer announced no list: ask for it.');
      if (found === 'unreachable')
        throw new Refusal(
          'status-list',
          'announced, not to be had',
          'The issuer announced a newer list, which cannot be fetched now. It may still be on its way into history.',
        );
    },

    /**
     * Announces an issuer's signed list (`list`), stored as the object `cid`, in the registry of identities, where
     * whoever knows the issuer finds it. Throws Refusal `status-list` for a list that is not newer than the one
     * announced, `not-an-authority`.
     */
    async announceStatusList(
      input: { issuer: string; list: string; cid: string } & Sending,
    ): Promise<CallView> {
      const issuer = context.own(input.issuer);
      const list = input.list.trim();
      const expected = { issuer: issuer.did, uri: statusUri(issuer.did), now: context.seconds };
      const key = context.publicKeyOf(issuer.did)!;
      const read = await openStatusList(list, { ...expected, fetched: context.seconds }, key);
      const pointer = pointerTo(list, input.cid);
      const parents = context.chainOf(issuer);
      const issuerId = identifiersOf(parents).at(-1)!;
      const id = pointerIdOf(issuerId);
      const ids = [issuerId, id];
      const registry = (await context.latest(ids))?.registry ?? null;
      const before = registry && pointerIn(registry, issuerId);
      if (before !== null && before.issuedAt >= pointer.issuedAt)
        throw new Refusal(
          'status-list',
          'not newer than the one announced',
          'A list as new as this one was announced already. Sign the present one first.',
        );
      if (before !== null && before.issuedAt > lastAnnounced(context, issuer.did)) {
        await adoptAnnounced(context, issuer, before);
        throw new Refusal(
          'status-list',
          'announced elsewhere',
          'You announced a newer list elsewhere. What it revokes was taken over: sign the present list and announce that.',
        );
      }
      const entry = registry?.entry(id) ?? null;
      const chain = await issuePointer(context, issuer, pointer, entry?.publicKeyInfo ?? null);
      const request = signedPart(chain);
      const call: AutoIdCall =
        entry === null
          ? { kind: 'register', issuer: issuerId, request }
          : { kind: 'renew', id, issuer: issuerId, request };
      const sent = await sendCall(context, call, ids, issuer.did, input);
      if (sent.extrinsic !== null) await noteAnnounced(context, issuer.did, read, pointer.issuedAt);
      return sent;
    },

    /** Hosts that have to be asked before an answer can be checked: for an issuer's keys, for revocations. */
    async issuersToAsk(input: { response: string }): Promise<{ keys: string[]; lists: string[] }> {
      const all = await missing(input.response);
      const hosts = (urls: (string | null)[]) => [
        ...new Set(urls.flatMap((url) => (url === null ? [] : [new URL(url).host]))),
      ];
      const foreign = (await foreignUnknown(input.response)).flatMap(({ lists }) => lists);
      return {
        keys: hosts(all.map(({ keys }) => keys)),
        lists: hosts([...all.map(({ list }) => list), ...foreign]),
      };
    },

    /** Asks them. */
    async askIssuers(input: { response: string }): Promise<void> {
      for (const { token, keys, list } of await missing(input.response)) {
        if (keys !== null) await learnWebIssuer(context, keys, web);
        if (list !== null) await fetchStatusList(context, token, web);
      }
      for (const { json } of await foreignUnknown(input.response))
        await (await foreignLists()).fetchW3cLists(context, json, web);
    },
  };
}
