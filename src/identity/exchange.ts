/**
 * Asking for credentials and answering: requests and responses shaped as OpenID4VP with DCQL, carried by file,
 * copy and paste or QR code. A query may ask for a bound on a committed number instead of a claim.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import * as v from 'valibot';
import { concat, utf8 } from '../protocol/bytes.ts';
import { Refusal } from '../wallet/errors.ts';
import { base64UrlText, fromBase64Url, parseJson, shaped, toBase64Url } from '../wallet/json.ts';
import {
  claimsAnswering,
  dcqlSchema,
  isAsked,
  isEnough,
  predicateSchema,
  queryId,
  requireConsistent,
  type PredicateQuery,
} from './dcql.ts';
import { provePredicate, verifyPredicate, type Bound, type Opening } from './predicate.ts';
import {
  disclosableClaims,
  presentSdJwt,
  verifySdJwt,
  type ClaimPath,
  type Presenting,
  type SdJwtCheck,
  type VerifiedCredential,
} from './sd-jwt.ts';

const text = (limit: number) => v.pipe(v.string(), v.minLength(1), v.maxLength(limit));

const requestSchema = v.strictObject({
  response_type: v.literal('vp_token'),
  /** Whom the answer is for; the key binding names it. */
  client_id: text(512),
  nonce: v.pipe(v.string(), v.minLength(16), v.maxLength(256)),
  /** What it is asked for, to be shown to the person. */
  purpose: v.optional(v.pipe(v.string(), v.maxLength(500))),
  dcql_query: dcqlSchema,
});

const proofSchema = v.strictObject({ ...predicateSchema.entries, proof: base64UrlText(32 * 1024) });
const responseSchema = v.strictObject({
  vp_token: v.record(queryId, v.pipe(v.array(text(1024 * 1024)), v.minLength(1), v.maxLength(1))),
  predicates: v.optional(v.record(queryId, v.pipe(v.array(proofSchema), v.maxLength(8)))),
});

export type { PredicateQuery } from './dcql.ts';
export type PresentationRequest = v.InferOutput<typeof requestSchema>;
export type PresentationResponse = v.InferOutput<typeof responseSchema>;

/** A request of its JSON text. Throws DecodeError. */
export function decodePresentationRequest(json: string): PresentationRequest {
  const request = shaped(requestSchema, parseJson(json, 'presentation-request'), 'presentation-request');
  requireConsistent(request.dcql_query, 'presentation-request');
  return request;
}

/** A response of its JSON text. Throws DecodeError. */
export function decodePresentationResponse(json: string): PresentationResponse {
  return shaped(responseSchema, parseJson(json, 'presentation-response'), 'presentation-response');
}

/** A credential that could answer a query, and what it would tell. */
export interface QueryMatch {
  query: string;
  /** Place in the list that was matched against. */
  credential: number;
  /** Claims that would be shown because they are asked for. */
  disclosed: ClaimPath[];
  /** Claims that are shown whatever is chosen, for the issuer made them so. */
  always: string[];
}

const ENVELOPE = new Set(['iss', 'vct', 'iat', 'nbf', 'exp', 'sub', 'cnf', 'status', 'commitments']);

/** Which credentials (compact texts) could answer each query of a request. */
export function matchCredentials(request: PresentationRequest, credentials: readonly string[]): QueryMatch[] {
  return request.dcql_query.credentials.flatMap((query) =>
    credentials.flatMap((credential, index): QueryMatch[] => {
      const { claims, disclosable } = disclosableClaims(credential);
      const asked = claimsAnswering(claims, query);
      if (asked === null) return [];
      const committed = commitmentsOf(claims);
      if (!(query.predicates ?? []).every(({ attribute }) => Object.hasOwn(committed, attribute))) return [];
      const disclosed = disclosable
        .map(({ path }) => path)
        .filter((path) => asked.some((claim) => isAsked(claim, path)));
      const hidden = new Set(disclosable.map(({ path }) => path[0]));
      const always = Object.keys(claims).filter((name) => !ENVELOPE.has(name) && !hidden.has(name));
      return [{ query: query.id, credential: index, disclosed, always }];
    }),
  );
}

const commitmentsSchema = v.record(text(32), v.pipe(base64UrlText(43), v.length(43)));

/** Commitments that a credential carries, by attribute. Throws DecodeError. */
export function commitmentsOf(claims: Record<string, unknown>): Record<string, string> {
  const commitments = claims['commitments'];
  return commitments === undefined ? {} : shaped(commitmentsSchema, commitments, 'commitments');
}

/** What a proof about a presented credential is bound to: the presentation, key binding included. */
function proofContext(presentation: string): Uint8Array {
  return sha256(concat(utf8('allotment/predicate/v1/presentation\n'), utf8(presentation)));
}

export interface Answer {
  query: string;
  credential: string;
  /** Claims to show. */
  paths: readonly ClaimPath[];
  key: Presenting['key'];
  /** Openings of the credential's commitments, by attribute. */
  openings: Readonly<Record<string, Opening>>;
}

/** Builds the response to a request. Throws Refusal `no-answer`, `predicate-…`, `unknown-claim`. */
export async function respond(
  request: PresentationRequest,
  answers: readonly Answer[],
  now: number,
): Promise<PresentationResponse> {
  const vp_token: Record<string, string[]> = {};
  const predicates: Record<string, (PredicateQuery & { proof: string })[]> = {};
  if (!isEnough(request.dcql_query, new Set(answers.map(({ query }) => query))))
    throw new Refusal(
      'no-answer',
      'a query without an answer',
      'Something that is asked for was not chosen.',
    );
  for (const query of request.dcql_query.credentials) {
    const answer = answers.find((one) => one.query === query.id);
    if (answer === undefined) continue;
    const presentation = await presentSdJwt(answer.credential, answer.paths, {
      key: answer.key,
      nonce: request.nonce,
      audience: request.client_id,
      now,
    });
    vp_token[query.id] = [presentation];
    const asked = query.predicates ?? [];
    if (asked.length === 0) continue;
    const committed = commitmentsOf(disclosableClaims(answer.credential).claims);
    predicates[query.id] = asked.map((predicate) => {
      const opening = answer.openings[predicate.attribute];
      const commitment = committed[predicate.attribute];
      if (opening === undefined || commitment === undefined)
        throw new Refusal(
          'no-answer',
          `no opening of ${predicate.attribute}`,
          'This credential cannot prove that.',
        );
      const statement = {
        attribute: predicate.attribute,
        commitment: fromBase64Url(commitment, 'commitments', 32),
        bound: boundOf(predicate),
        context: proofContext(presentation),
      };
      return { ...predicate, proof: toBase64Url(provePredicate(statement, opening)) };
    });
  }
  return { vp_token, ...(Object.keys(predicates).length === 0 ? {} : { predicates }) };
}

function boundOf({ kind, value }: PredicateQuery): Bound {
  return { kind, value };
}

export interface CheckedAnswer {
  query: string;
  credential: VerifiedCredential;
  /** Bounds that were proved. */
  proved: PredicateQuery[];
}

/**
 * Verifies a response against the request it answers: every query, its claims and its bounds. Throws DecodeError,
 * or the Refusal of the check that failed.
 */
export function checkResponse(
  request: PresentationRequest,
  response: PresentationResponse,
  how: Pick<SdJwtCheck, 'now' | 'issuerKey' | 'status'>,
): CheckedAnswer[] {
  const queries = request.dcql_query.credentials;
  const unasked = Object.keys(response.vp_token).find((id) => !queries.some((query) => query.id === id));
  if (unasked !== undefined)
    throw new Refusal('unasked', unasked, 'The answer holds what was not asked for.');
  if (!isEnough(request.dcql_query, new Set(Object.keys(response.vp_token))))
    throw new Refusal('no-answer', 'a query', 'Something that was asked for is missing from the answer.');
  return queries.flatMap((query) => {
    const presentation = response.vp_token[query.id]?.[0];
    if (presentation === undefined) return [];
    const credential = verifySdJwt({
      ...how,
      presentation,
      keyBinding: { nonce: request.nonce, audience: request.client_id },
    });
    const types = query.meta?.vct_values;
    if (types !== undefined && !types.includes(credential.claims.vct))
      throw new Refusal('credential-type', credential.claims.vct, 'This is another kind of credential.');
    if (claimsAnswering(credential.claims, query) === null) {
      const asked = (query.claims ?? [])
        .map(({ path }) => path.map((part) => part ?? '*').join(' › '))
        .join(', ');
      throw new Refusal('claim-missing', asked, `The answer does not show all of “${asked}”.`);
    }
    const proved = query.predicates ?? [];
    for (const predicate of proved) checkPredicate(predicate, query.id, presentation, credential, response);
    return [{ query: query.id, credential, proved }];
  });
}

function checkPredicate(
  wanted: PredicateQuery,
  query: string,
  presentation: string,
  credential: VerifiedCredential,
  response: PresentationResponse,
): void {
  const commitment = commitmentsOf(credential.claims)[wanted.attribute];
  const given = response.predicates?.[query]?.find(
    ({ attribute, kind, value }) =>
      attribute === wanted.attribute && kind === wanted.kind && value === wanted.value,
  );
  const holds =
    commitment !== undefined &&
    given !== undefined &&
    verifyPredicate(
      {
        attribute: wanted.attribute,
        commitment: fromBase64Url(commitment, 'commitments', 32),
        bound: boundOf(wanted),
        context: proofContext(presentation),
      },
      fromBase64Url(given.proof, 'predicate'),
    );
  if (!holds) {
    throw new Refusal(
      'predicate',
      `${wanted.attribute} ${wanted.kind} ${wanted.value}`,
      'The answer does not prove what was asked.',
    );
  }
}
