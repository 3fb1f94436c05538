/** Commands of revocation: of credentials that one issued, and looking whether those of others still hold. */
import type { Web } from '../network/web.ts';
import { Refusal } from '../wallet/errors.ts';
import type { IdentityContext } from './context.ts';
import type { CredentialRecord } from './credential-view.ts';
import { decodePresentationResponse } from './exchange.ts';
import { isUnlinkable } from './jpt.ts';
import { learnWebIssuer } from './openid-issuer-keys.ts';
import { signStatusList } from './status-list.ts';
import {
  fetchStatusList,
  isWebAddress,
  keepHandedList,
  keepOwnList,
  ownList,
  statusReader,
  statusUri,
  webListOf,
} from './status-book.ts';

const STATUS_LIFETIME_S = 7 * 86_400;

/** Commands, for one wallet and network. */
export function statusCommands(context: IdentityContext, web: Web) {
  /** The signed token of a credential in the wallet. */
  const tokenOf = (id: string): string => {
    const record = context.get<CredentialRecord>(id, 'credential');
    if (record === null)
      throw new Refusal('unknown-credential', id.slice(0, 80), 'This credential is not in the wallet.');
    return record.credential.split('~')[0]!;
  };

  /** What has to be fetched before the credentials of an answer can be checked. */
  const missing = async (
    response: string,
  ): Promise<{ token: string; keys: string | null; list: string | null }[]> => {
    const status = await statusReader(context);
    return Object.values(decodePresentationResponse(response).vp_token)
      .flat()
      .filter((presentation) => !isUnlinkable(presentation))
      .map((presentation) => {
        const token = presentation.split('~')[0]!;
        const { issuer, uri, index } = webListOf(token);
        const keys = isWebAddress(issuer) && !context.knowsWebIssuer(issuer) ? issuer : null;
        const known = uri === null || status({ uri, idx: index }, issuer) !== 'unknown';
        return { token, keys, list: known ? null : uri };
      });
  };

  return {
    /** Revokes a credential that one issued, by its index; a fresh signed list says so. */
    async revokeCredential(input: { issuer: string; index: number; suspend?: boolean }): Promise<string> {
      const issuer = context.own(input.issuer);
      if (!Number.isInteger(input.index) || input.index < 0 || input.index >= issuer.credentialsIssued)
        throw new Refusal('status-list', `index ${input.index}`, 'No credential of that number was issued.');
      const { list, addresses } = ownList(context, issuer.did);
      list.set(input.index, input.suspend === true ? 'suspended' : 'revoked');
      await keepOwnList(context, issuer.did, list, addresses);
      return this.statusList({ issuer: issuer.did });
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
      const { did, key } = context.own(input.issuer);
      const uri = input.address ?? statusUri(did);
      const { list } = ownList(context, did);
      return signStatusList(
        await context.signingKey(key),
        did,
        uri,
        list,
        context.seconds,
        STATUS_LIFETIME_S,
      );
    },

    /** Takes in somebody's status list; one that is older than the one kept is refused. */
    importStatusList(input: { token: string }): Promise<{ issuer: string }> {
      return keepHandedList(context, input.token.trim());
    },

    /** Fetches the list of revocations that a credential of the wallet names. Its server learns that somebody looks. */
    checkStatus(input: { id: string }): Promise<void> {
      return fetchStatusList(context, tokenOf(input.id), web);
    },

    /** Hosts that have to be asked before an answer can be checked: for an issuer's keys, for revocations. */
    async issuersToAsk(input: { response: string }): Promise<{ keys: string[]; lists: string[] }> {
      const all = await missing(input.response);
      const hosts = (urls: (string | null)[]) => [
        ...new Set(urls.flatMap((url) => (url === null ? [] : [new URL(url).host]))),
      ];
      return { keys: hosts(all.map(({ keys }) => keys)), lists: hosts(all.map(({ list }) => list)) };
    },

    /** Asks them. */
    async askIssuers(input: { response: string }): Promise<void> {
      for (const { token, keys, list } of await missing(input.response)) {
        if (keys !== null) await learnWebIssuer(context, keys, web);
        if (list !== null) await fetchStatusList(context, token, web);
      }
    },
  };
}
