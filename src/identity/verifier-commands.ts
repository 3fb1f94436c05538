/** Commands of whoever checks credentials: ask, and judge the answer. */
import { randomBytes } from '../crypto/random.ts';
import { toBase64Url } from '../wallet/json.ts';
import { claimTexts } from './claim-view.ts';
import type { IdentityContext } from './context.ts';
import type { CredentialQuery } from './dcql.ts';
import {
  checkResponse,
  decodePresentationRequest,
  decodePresentationResponse,
  type PredicateQuery,
  type PresentationRequest,
} from './exchange.ts';
import type { VerdictView } from './identity-view.ts';
import { issuerVerdict, requireLiving } from './issuer-verdict.ts';
import { isUnlinkable, UNLINKABLE_TYPE } from './jpt.ts';
import { CREDENTIAL_TYPE } from './sd-jwt.ts';
import type { ClaimPath } from './sd-jwt-disclosures.ts';
import { findNewestLists, statusReader } from './status-book.ts';
import { issuerToken, rememberKey } from './unlinkable-commands.ts';
import { isW3cCredential, W3C_TYPE } from './w3c-form.ts';

const NONCE_BYTES = 24;

export interface ResponseView {
  query: string;
  type: string;
  issuer: string;
  issuerVerdict: VerdictView | null;
  claims: { path: ClaimPath; text: string }[];
  proved: PredicateQuery[];
  selfIssued: boolean;
  /** Null if this showing can be linked to others. `pseudonym`: the holder, here and at every later showing to you. */
  unlinkable: { pseudonym: string | null } | null;
  /** Whether it is of another system, which does not say that it is theirs. */
  foreign: boolean;
}

/** What a request asks of one credential. */
export interface AskedCredential {
  type: string;
  claims?: ClaimPath[];
  predicates?: PredicateQuery[];
  /**
   * Whether the showing may be one that can be linked to others, must be one that cannot, or either; `foreign`: of
   * another system (W3C).
   */
  showing?: 'linkable' | 'unlinkable' | 'either' | 'foreign';
  /** Whether a holder whose showings cannot be linked is to be known again by whoever asks. */
  recognise?: boolean;
}

/** The forms in which a credential is taken, the one that tells less first. */
function queriesFor(asked: AskedCredential, index: number): CredentialQuery[] {
  const { type, claims = [], predicates: bounds = [], showing = 'linkable', recognise } = asked;
  const id = `q${index + 1}`;
  if (showing === 'foreign')
    return [
      {
        id,
        format: W3C_TYPE,
        meta: { type_values: [[type]] },
        require_cryptographic_holder_binding: false,
        ...(claims.length === 0
          ? {}
          : { claims: claims.map((path) => ({ path: ['credentialSubject', ...path] })) }),
      },
    ];
  const common = {
    meta: { vct_values: [type] },
    ...(claims.length === 0 ? {} : { claims: claims.map((path) => ({ path: [...path] })) }),
    ...(bounds.length === 0 ? {} : { predicates: bounds }),
  };
  const linkable = { id, format: CREDENTIAL_TYPE, ...common };
  const unlinkable = {
    id: `${id}-unlinkable`,
    format: UNLINKABLE_TYPE,
    ...common,
    ...(recognise === true ? { recognise } : {}),
  };
  if (showing === 'either') return [unlinkable, linkable];
  return [showing === 'linkable' ? linkable : unlinkable];
}

/** Commands, for one wallet and network. */
export function verifierCommands(context: IdentityContext) {
  return {
    /** Asks for credentials: a request (JSON) to hand to the holder. */
    async newRequest(input: {
      audience: string;
      purpose?: string;
      credentials: AskedCredential[];
    }): Promise<string> {
      const queries = input.credentials.map(queriesFor);
      const chosen = queries.some((of) => of.length > 1);
      const request: PresentationRequest = {
        response_type: 'vp_token',
        client_id: input.audience,
        nonce: toBase64Url(randomBytes(NONCE_BYTES)),
        ...(input.purpose === undefined || input.purpose === '' ? {} : { purpose: input.purpose }),
        dcql_query: {
          credentials: queries.flat(),
          ...(chosen
            ? { credential_sets: queries.map((of) => ({ options: of.map(({ id }) => [id]) })) }
            : {}),
        },
      };
      return JSON.stringify(decodePresentationRequest(JSON.stringify(request)));
    },

    /** Checks an answer against the request one made. Throws the Refusal of the check that fails. */
    async verifyResponse(input: { request: string; response: string }): Promise<ResponseView[]> {
      const request = decodePresentationRequest(input.request);
      const response = decodePresentationResponse(input.response);
      const presentations = Object.values(response.vp_token)
        .flat()
        .filter((one) => !isW3cCredential(one));
      const tokens = presentations.map(issuerToken);
      const linkable = presentations.filter((one) => !isUnlinkable(one));
      await findNewestLists(
        context,
        linkable.map((one) => one.split('~')[0]!),
      );
      const answers = await checkResponse(request, response, {
        now: context.seconds,
        issuerKey: await context.issuerKeys(tokens),
        status: await statusReader(context),
        foreign: async () => (await import('./w3c-commands.ts')).foreignChecks(context),
      });
      const results: ResponseView[] = [];
      for (const answer of answers) {
        if (answer.foreign !== null) {
          const { checkedView } = await import('./w3c-commands.ts');
          const checked = await checkedView(context, answer.foreign);
          results.push({ ...checked, query: answer.query, proved: [], unlinkable: null, foreign: true });
          continue;
        }
        const { query, credential, proved, unlinkable } = answer;
        const { claims, header } = credential;
        const verdict = await issuerVerdict(context, claims.iss, header.x5c);
        requireLiving(verdict);
        if (unlinkable !== null) await rememberKey(context, unlinkable.key);
        results.push({
          query,
          type: claims.vct,
          issuer: claims.iss,
          issuerVerdict: verdict,
          claims: claimTexts(claims),
          proved,
          selfIssued: claims['sub'] === claims.iss,
          unlinkable:
            unlinkable === null
              ? null
              : { pseudonym: unlinkable.scope === 'audience' ? unlinkable.pseudonym : null },
          foreign: false,
        });
      }
      return results;
    },
  };
}
