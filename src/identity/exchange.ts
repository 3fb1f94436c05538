/**
 * Asking for credentials and answering: requests and responses shaped as OpenID4VP with DCQL, carried by file,
 * copy and paste or QR code. A query may ask for a bound on a committed number instead of a claim.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import * as v from 'valibot';
import { concat, utf8 } from '../protocol/bytes.ts';
import { Refusal } from '../wallet/errors.ts';
import { base64UrlText, fromBase64Url, parseJson, shaped, toBase64Url } from '../wallet/json.ts';
import { ENVELOPE } from './claim-view.ts';
import { commitmentsOf } from './commitments.ts';
import {
  claimsAnswering,
  dcqlSchema,
  isAsked,
  isEnough,
  predicateSchema,
  queryId,
  requireConsistent,
  type CredentialQuery,
  type PredicateQuery,
} from './dcql.ts';
import { claimsOf, decodeIssued, isUnlinkable, UNLINKABLE_TYPE } from './jpt.ts';
import { predicates, type Opening } from './predicate.ts';
import {
  disclosableClaims,
  presentSdJwt,
  verifySdJwt,
  type Presenting,
  type SdJwtCheck,
  type VerifiedCredential,
} from './sd-jwt.ts';
import type { ClaimPath } from './sd-jwt-disclosures.ts';
import type { HolderSecrets, SeenKey, UnlinkablePresentation } from './unlinkable.ts';
import type { W3cCheck, W3cCredential } from './w3c-credential.ts';
import { isW3cCredential } from './w3c-form.ts';
import type { matchW3c } from './w3c-showing.ts';

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
}

/**
 * Which credentials (compact texts) could answer each query of a request. `matchForeign`: judges those of other systems;
 * without it they answer nothing.
 */
export function matchCredentials(
  request: PresentationRequest,
  credentials: readonly string[],
  matchForeign?: typeof matchW3c,
): QueryMatch[] {
  return request.dcql_query.credentials.flatMap((query) =>
    credentials.flatMap((credential, index): QueryMatch[] => {
      if (isUnlinkable(credential)) {
        const disclosed = matchUnlinkable(query, credential);
        return disclosed === null ? [] : [{ query: query.id, credential: index, disclosed }];
      }
      if (isW3cCredential(credential)) {
        const disclosed = matchForeign?.(query, credential) ?? null;
        return disclosed === null ? [] : [{ query: query.id, credential: index, disclosed }];
      }
      const { claims, disclosable } = disclosableClaims(credential);
      const asked = claimsAnswering(claims, query);
      if (asked === null) return [];
      const committed = commitmentsOf(claims);
      if (!(query.predicates ?? []).every(({ attribute }) => Object.hasOwn(committed, attribute))) return [];
      const disclosed = disclosable
        .map(({ path }) => path)
        .filter((path) => asked.some((claim) => isAsked(claim, path)));
      return [{ query: query.id, credential: index, disclosed }];
    }),
  );
}

/** What a credential that cannot be linked would show: whole claims of its top level. Null if it is no answer. */
function matchUnlinkable(query: CredentialQuery, credential: string): ClaimPath[] | null {
  const claims = claimsOf(decodeIssued(credential));
  const asked = claimsAnswering(claims, query, UNLINKABLE_TYPE);
  const provable = (query.predicates ?? []).every(({ attribute }) => Object.hasOwn(claims, attribute));
  if (asked === null || !provable) return null;
  const names = new Set(asked.flatMap(({ path: [name] }) => (typeof name === 'string' ? [name] : [])));
  return [...names].filter((name) => !ENVELOPE.has(name)).map((name) => [name]);
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
  /** Of a credential that cannot be linked. */
  secrets?: HolderSecrets;
}

type ProvedPredicate = PredicateQuery & { proof: string };

/** Builds the response to a request. Throws Refusal `no-answer`, `predicate-…`, `unknown-claim`. */
export async function respond(
  request: PresentationRequest,
  answers: readonly Answer[],
  now: number,
): Promise<PresentationResponse> {
  const vp_token: Record<string, string[]> = {};
  const proofs: Record<string, ProvedPredicate[]> = {};
  if (!isEnough(request.dcql_query, new Set(answers.map(({ query }) => query))))
    throw new Refusal(
      'no-answer',
      'a query without an answer',
      'Something that is asked for was not chosen.',
    );
  for (const query of request.dcql_query.credentials) {
    const answer = answers.find((one) => one.query === query.id);
    if (answer === undefined) continue;
    const showing = { nonce: request.nonce, audience: request.client_id, now };
    const { presentation, proved } = isW3cCredential(answer.credential)
      ? await showForeign(answer, showing)
      : answer.secrets === undefined
        ? await showLinkable(query, answer, showing)
        : await showUnlinkable(query, answer, answer.secrets, showing);
    vp_token[query.id] = [presentation];
    if (proved.length > 0) proofs[query.id] = proved;
  }
  return { vp_token, ...(Object.keys(proofs).length === 0 ? {} : { predicates: proofs }) };
}

interface Shown {
  presentation: string;
  proved: ProvedPredicate[];
}
type ShowingTo = Omit<Presenting, 'key'>;

async function showForeign({ credential, paths }: Answer, showing: ShowingTo): Promise<Shown> {
  const { showW3c } = await import('./w3c-showing.ts');
  return { presentation: await showW3c(credential, paths, showing), proved: [] };
}

async function showLinkable(query: CredentialQuery, answer: Answer, showing: ShowingTo): Promise<Shown> {
  const { credential, paths, key, openings } = answer;
  const presentation = await presentSdJwt(credential, paths, { key, ...showing });
  const asked = query.predicates ?? [];
  if (asked.length === 0) return { presentation, proved: [] };
  const committed = commitmentsOf(disclosableClaims(credential).claims);
  const proved = asked.map((predicate) => {
    const opening = openings[predicate.attribute];
    const commitment = committed[predicate.attribute];
    if (opening === undefined || commitment === undefined) throw unprovable(predicate);
    const statement = statementOf(predicate, fromBase64Url(commitment, 'commitments', 32), presentation);
    return { ...predicate, proof: toBase64Url(predicates.prove(statement, opening)) };
  });
  return { presentation, proved };
}

async function showUnlinkable(
  query: CredentialQuery,
  { credential, paths }: Answer,
  secrets: HolderSecrets,
  { nonce, audience, now }: ShowingTo,
): Promise<Shown> {
  const { presentUnlinkable, unlinkablePredicates } = await import('./unlinkable.ts');
  const asked = query.predicates ?? [];
  const { presentation, openings } = presentUnlinkable(credential, {
    names: new Set(paths.map(([name]) => String(name))),
    secrets,
    nonce,
    audience,
    now,
    scope: scopeAsked(query),
    committed: asked.map(({ attribute }) => attribute),
  });
  const proved = asked.flatMap((predicate) => {
    const opening = openings.get(predicate.attribute);
    // A claim that is shown needs no proof.
    if (opening === undefined) return [];
    const statement = statementOf(predicate, opening.commitment, presentation);
    return [{ ...predicate, proof: toBase64Url(unlinkablePredicates.prove(statement, opening)) }];
  });
  return { presentation, proved };
}

function unprovable({ attribute }: PredicateQuery): Refusal {
  return new Refusal('no-answer', `no opening of ${attribute}`, 'This credential cannot prove that.');
}

function scopeAsked({ recognise }: CredentialQuery): UnlinkablePresentation['scope'] {
  return recognise === true ? 'audience' : 'once';
}

function statementOf(predicate: PredicateQuery, commitment: Uint8Array, presentation: string) {
  const { attribute, kind, value } = predicate;
  return { attribute, commitment, bound: { kind, value }, context: proofContext(presentation) };
}

/** An answer whose every check passed: by a credential of ours, or of another system. */
export type CheckedAnswer = OwnAnswer | { query: string; foreign: W3cCredential };

interface OwnAnswer {
  query: string;
  foreign: null;
  credential: Omit<VerifiedCredential, 'claims'> & {
    claims: Record<string, unknown> & { iss: string; vct: string };
  };
  /** Bounds that were proved. */
  proved: PredicateQuery[];
  /** What else is known of a showing that cannot be linked; null for one that can. */
  unlinkable: (Pick<UnlinkablePresentation, 'scope' | 'pseudonym'> & { key: SeenKey }) | null;
}

type ResponseCheck = Pick<SdJwtCheck, 'now' | 'issuerKey' | 'status'> & {
  /** What is known of issuers of other systems, looked up when there is a credential of one. */
  foreign: () => Promise<Pick<W3cCheck, 'keyOf' | 'statusOf'>>;
};

/**
 * Verifies a response against the request it answers: every query, its claims and its bounds. Throws DecodeError,
 * or the Refusal of the check that failed.
 */
export async function checkResponse(
  request: PresentationRequest,
  response: PresentationResponse,
  how: ResponseCheck,
): Promise<CheckedAnswer[]> {
  const queries = request.dcql_query.credentials;
  const unasked = Object.keys(response.vp_token).find((id) => !queries.some((query) => query.id === id));
  if (unasked !== undefined)
    throw new Refusal('unasked', unasked, 'The answer holds what was not asked for.');
  if (!isEnough(request.dcql_query, new Set(Object.keys(response.vp_token))))
    throw new Refusal('no-answer', 'a query', 'Something that was asked for is missing from the answer.');
  const checked: CheckedAnswer[] = [];
  for (const query of queries) {
    const presentation = response.vp_token[query.id]?.[0];
    if (presentation === undefined) continue;
    if (isW3cCredential(presentation)) {
      const { checkW3c } = await import('./w3c-showing.ts');
      const to = { nonce: request.nonce, audience: request.client_id };
      checked.push({
        query: query.id,
        foreign: await checkW3c(query, presentation, to, { now: how.now, ...(await how.foreign()) }),
      });
      continue;
    }
    const check = isUnlinkable(presentation) ? checkUnlinkable : checkLinkable;
    const proofs = response.predicates?.[query.id] ?? [];
    checked.push(await check({ request, query, presentation, proofs }, how));
  }
  requireOneHolder(checked);
  return checked;
}

interface Given {
  request: PresentationRequest;
  query: CredentialQuery;
  presentation: string;
  proofs: readonly ProvedPredicate[];
}

async function checkLinkable({ request, query, presentation, proofs }: Given, how: ResponseCheck) {
  const keyBinding = { nonce: request.nonce, audience: request.client_id };
  const credential = verifySdJwt({ ...how, presentation, keyBinding });
  requireAsked(credential.claims, query);
  const proved = query.predicates ?? [];
  for (const predicate of proved) {
    const text = commitmentsOf(credential.claims)[predicate.attribute];
    const commitment = text === undefined ? undefined : fromBase64Url(text, 'commitments', 32);
    requireProved(predicate, proofs, commitment, presentation, predicates);
  }
  return { query: query.id, foreign: null, credential, proved, unlinkable: null };
}

async function checkUnlinkable({ request, query, presentation, proofs }: Given, how: ResponseCheck) {
  const { verifyUnlinkable, unlinkablePredicates } = await import('./unlinkable.ts');
  const expected = { nonce: request.nonce, audience: request.client_id, scope: scopeAsked(query) };
  const { scope, pseudonym, key, commitments, ...credential } = verifyUnlinkable(presentation, expected, how);
  requireAsked(credential.claims, query, UNLINKABLE_TYPE);
  const proved = query.predicates ?? [];
  for (const predicate of proved) {
    const shown = credential.claims[predicate.attribute];
    if (typeof shown === 'number') requireKept(predicate, shown);
    else {
      const commitment = commitments.get(predicate.attribute);
      requireProved(predicate, proofs, commitment, presentation, unlinkablePredicates);
    }
  }
  return { query: query.id, foreign: null, credential, proved, unlinkable: { scope, pseudonym, key } };
}

/** Credentials that cannot be linked show that they are one wallet's by one pseudonym. */
function requireOneHolder(checked: readonly CheckedAnswer[]): void {
  for (const scope of ['audience', 'once']) {
    const holders = new Set(
      checked.flatMap((one) =>
        one.foreign === null && one.unlinkable?.scope === scope ? [one.unlinkable.pseudonym] : [],
      ),
    );
    if (holders.size > 1)
      throw new Refusal(
        'several-holders',
        `${holders.size} pseudonyms`,
        'These credentials belong to different people.',
      );
  }
}

function requireAsked(
  claims: Record<string, unknown> & { vct: string },
  query: CredentialQuery,
  format?: string,
): void {
  const types = query.meta?.vct_values;
  if (types !== undefined && !types.includes(claims.vct))
    throw new Refusal('credential-type', claims.vct, 'This is another kind of credential.');
  if (claimsAnswering(claims, query, format) === null) {
    const asked = (query.claims ?? [])
      .map(({ path }) => path.map((part) => part ?? '*').join(' › '))
      .join(', ');
    throw new Refusal('claim-missing', asked, `The answer does not show all of “${asked}”.`);
  }
}

function unproved({ attribute, kind, value }: PredicateQuery): Refusal {
  return new Refusal(
    'predicate',
    `${attribute} ${kind} ${value}`,
    'The answer does not prove what was asked.',
  );
}

function requireKept(wanted: PredicateQuery, shown: number): void {
  if (wanted.kind === 'at-least' ? shown < wanted.value : shown > wanted.value) throw unproved(wanted);
}

function requireProved(
  wanted: PredicateQuery,
  proofs: readonly ProvedPredicate[],
  commitment: Uint8Array | undefined,
  presentation: string,
  checker: { verify: typeof predicates.verify },
): void {
  const given = proofs.find(
    ({ attribute, kind, value }) =>
      attribute === wanted.attribute && kind === wanted.kind && value === wanted.value,
  );
  const holds =
    commitment !== undefined &&
    given !== undefined &&
    checker.verify(statementOf(wanted, commitment, presentation), fromBase64Url(given.proof, 'predicate'));
  if (!holds) throw unproved(wanted);
}
