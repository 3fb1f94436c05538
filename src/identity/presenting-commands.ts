/** Commands that show credentials: match what is asked for, answer, remember what was shown. */
import { Refusal } from '../wallet/errors.ts';
import { fromBase64Url } from '../wallet/json.ts';
import { isGiven, type ClaimText } from './claim-view.ts';
import type { IdentityContext } from './context.ts';
import {
  credentialBook,
  foreignViews,
  type CredentialRecord,
  type CredentialView,
} from './credential-view.ts';
import { queriesToAnswer, type CredentialQuery } from './dcql.ts';
import { decodePresentationRequest, matchCredentials, respond, type PredicateQuery } from './exchange.ts';
import { isUnlinkable } from './jpt.ts';
import type { SigningKey } from './keys.ts';
import type { Opening } from './predicate.ts';
import { CREDENTIAL_TYPE, disclosableClaims } from './sd-jwt.ts';
import type { ClaimPath } from './sd-jwt-disclosures.ts';
import { statusReader } from './status-book.ts';
import { secretsOf } from './unlinkable-commands.ts';
import { isW3cCredential } from './w3c-form.ts';

/** Commands, for one wallet and network. */
export function presentingCommands(context: IdentityContext) {
  const { holderOf, view } = credentialBook(context);

  /** Own identity that a credential is bound to, by its key; null for none, and for kinds that are bound otherwise. */
  const ownerOf = ({ credential, unlinkable }: CredentialRecord): string | null =>
    unlinkable !== undefined || isW3cCredential(credential)
      ? null
      : holderOf(disclosableClaims(credential).claims.cnf?.jwk);

  /** Whether a credential can be shown as a query wants it: unless told otherwise, with a proof that it is one's own. */
  const isProvable = (query: CredentialQuery | undefined, record: CredentialRecord): boolean =>
    query?.require_cryptographic_holder_binding === false ||
    query?.format !== CREDENTIAL_TYPE ||
    ownerOf(record) !== null;

  return {
    /**
     * What a request asks for, and which credentials could answer it with which claims shown. `answerable`: whether
     * that is enough; the queries are then those to answer, and otherwise all of them.
     */
    async matchRequest(input: { request: string }): Promise<{
      audience: string;
      purpose: string | null;
      answerable: boolean;
      queries: {
        id: string;
        types: string[];
        predicates: PredicateQuery[];
        /** Whether the verifier is to know the holder again though showings cannot be linked. */
        recognise: boolean;
        matches: {
          credential: CredentialView;
          disclosed: ClaimPath[];
          /** What the verifier would see, and what of the credential it would not. */
          seen: ClaimText[];
          unseen: ClaimPath[];
          /** Of another system's: what makes two showings known to be of one credential. */
          linkedBy?: string[];
        }[];
      }[];
    }> {
      const request = decodePresentationRequest(input.request);
      const status = await statusReader(context);
      const foreign = await foreignViews(context);
      const showing = foreign === null ? null : await import('./w3c-showing.ts');
      const records = context.list<CredentialRecord>('credential');
      const { credentials } = request.dcql_query;
      const queryOf = (wanted: string) => credentials.find(({ id }) => id === wanted);
      const matches = matchCredentials(
        request,
        records.map(({ value }) => value.credential),
        showing?.matchW3c,
      ).filter(({ query, credential }) => isProvable(queryOf(query), records[credential]!.value));
      const chosen = queriesToAnswer(request.dcql_query, new Set(matches.map(({ query }) => query)));
      const shown = credentials.filter(({ id }) => chosen === null || chosen.includes(id));
      return {
        audience: request.client_id,
        purpose: request.purpose ?? null,
        answerable: chosen !== null,
        queries: await Promise.all(
          shown.map(async ({ id, meta, predicates, recognise }) => ({
            id,
            recognise: recognise === true,
            types: meta?.vct_values ?? meta?.type_values?.map((all) => all.join(' and ')) ?? [],
            predicates: predicates ?? [],
            matches: await Promise.all(
              matches
                .filter(({ query }) => query === id)
                .map(async ({ credential, disclosed }) => {
                  const { id: recordId, value } = records[credential]!;
                  const shown = view(recordId, value, status, foreign);
                  if (showing === null || !isW3cCredential(value.credential))
                    return { credential: shown, disclosed, ...givenAway(value.credential, shown, disclosed) };
                  const preview = await showing.previewW3c(value.credential, disclosed);
                  return {
                    credential: { ...shown, linkable: preview.linkedBy.length > 0 },
                    disclosed,
                    ...preview,
                  };
                }),
            ),
          })),
        ),
      };
    },

    /** Answers a request with chosen credentials and claims; what was shown to whom is noted. */
    async present(input: {
      request: string;
      answers: { query: string; credential: string; paths: ClaimPath[] }[];
    }): Promise<string> {
      const request = decodePresentationRequest(input.request);
      const answers = await Promise.all(
        input.answers.map(async ({ query, credential, paths }) => {
          const record = context.get<CredentialRecord>(credential, 'credential');
          if (record === null)
            throw new Refusal(
              'unknown-credential',
              credential.slice(0, 80),
              'This credential is not in the wallet.',
            );
          const asked = request.dcql_query.credentials.find(({ id }) => id === query);
          if (!isProvable(asked, record))
            throw new Refusal(
              'not-holder',
              query.slice(0, 80),
              'This credential is bound to no identity of yours, and whoever asks wants proof that it is.',
            );
          if (isW3cCredential(record.credential))
            return { query, credential: record.credential, paths, key: null, openings: {} };
          if (record.unlinkable !== undefined) {
            const secrets = secretsOf(context, record.unlinkable.blind);
            return { query, credential: record.credential, paths, key: null, openings: {}, secrets };
          }
          const key = await holderKey(context, ownerOf(record));
          return { query, credential: record.credential, paths, key, openings: openingsOf(record) };
        }),
      );
      const response = await respond(request, answers, context.seconds);
      await context.put(`shown-${context.now()}-${crypto.randomUUID()}`, 'setting', {
        at: context.seconds,
        audience: request.client_id,
        answers: input.answers,
        proved: request.dcql_query.credentials.flatMap(({ id, predicates = [] }) =>
          input.answers.some(({ query }) => query === id) ? predicates : [],
        ),
      });
      return JSON.stringify(response);
    },
  };
}

/** What a verifier would see of a credential, and what not, when the claims at some places are shown. */
function givenAway(credential: string, { claims }: CredentialView, disclosed: readonly ClaimPath[]) {
  const hideable = isUnlinkable(credential)
    ? claims.map(({ path }) => path.slice(0, 1))
    : disclosableClaims(credential).disclosable.map(({ path }) => path);
  const given = claims.map(({ path }) => isGiven(path, hideable, disclosed));
  return {
    seen: claims.flatMap(({ path, text }, at) => (given[at] === true ? [{ path, text }] : [])),
    unseen: claims.flatMap(({ path }, at) => (given[at] === true ? [] : [path])),
  };
}

async function holderKey(context: IdentityContext, holder: string | null): Promise<SigningKey | null> {
  return holder === null ? null : context.keyOf(holder);
}

function openingsOf({ openings }: CredentialRecord): Record<string, Opening> {
  return Object.fromEntries(
    Object.entries(openings).map(([attribute, { value, blinding }]) => [
      attribute,
      { value, blinding: fromBase64Url(blinding, 'opening', 32) },
    ]),
  );
}
