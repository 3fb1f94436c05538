/** Queries for credentials (DCQL of OpenID4VP 1.0), with bounds on committed numbers as an addition of our own. */
import * as v from 'valibot';
import { DecodeError } from '../protocol/errors.ts';
import { ATTRIBUTE_BITS, type CommittedAttribute } from './attributes.ts';
import { CREDENTIAL_TYPE } from './sd-jwt.ts';
import type { ClaimPath } from './sd-jwt-disclosures.ts';

const MAX_QUERIES = 16;
const MAX_CLAIMS = 64;
const text = (limit: number) => v.pipe(v.string(), v.minLength(1), v.maxLength(limit));
/** Schema of the id of a query. */
export const queryId = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{1,64}$/));
const list = <T extends v.GenericSchema>(item: T, limit: number) =>
  v.pipe(v.array(item), v.minLength(1), v.maxLength(limit));
const index = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const bits = Object.keys(ATTRIBUTE_BITS) as [CommittedAttribute, ...CommittedAttribute[]];

/** Schema of a bound that is to be proved. */
export const predicateSchema = v.strictObject({
  attribute: v.picklist(bits),
  kind: v.picklist(['at-least', 'at-most']),
  value: index,
});

const claimSchema = v.object({
  id: v.optional(queryId),
  /** Null stands for every element of a list. */
  path: list(v.union([text(128), index, v.null()]), 8),
  values: v.optional(list(v.union([v.string(), v.number(), v.boolean()]), 32)),
});

const querySchema = v.object({
  id: queryId,
  format: text(64),
  meta: v.optional(
    v.object({
      vct_values: v.optional(list(text(512), 16)),
      /** Of credentials of the W3C's kind: sets of types, of which it has to have all of one. */
      type_values: v.optional(list(list(text(512), 16), 16)),
    }),
  ),
  claims: v.optional(v.pipe(v.array(claimSchema), v.maxLength(MAX_CLAIMS))),
  claim_sets: v.optional(list(list(queryId, MAX_CLAIMS), 16)),
  require_cryptographic_holder_binding: v.optional(v.boolean()),
  predicates: v.optional(v.pipe(v.array(predicateSchema), v.maxLength(8))),
  /** Of credentials that cannot be linked: whether the verifier is to know the holder again. */
  recognise: v.optional(v.boolean()),
});

/** Schema of a whole query. */
export const dcqlSchema = v.object({
  credentials: list(querySchema, MAX_QUERIES),
  credential_sets: v.optional(
    list(v.object({ options: list(list(queryId, MAX_QUERIES), 16), required: v.optional(v.boolean()) }), 16),
  ),
});

export type PredicateQuery = v.InferOutput<typeof predicateSchema>;
export type ClaimQuery = v.InferOutput<typeof claimSchema>;
export type CredentialQuery = v.InferOutput<typeof querySchema>;
export type DcqlQuery = v.InferOutput<typeof dcqlSchema>;

/** Refuses a query that contradicts itself. Throws DecodeError named `what`. */
export function requireConsistent(query: DcqlQuery, what: string): void {
  const ids = query.credentials.map(({ id }) => id);
  if (new Set(ids).size !== ids.length) throw new DecodeError(what, 'an id is given twice');
  const unknown = (query.credential_sets ?? [])
    .flatMap(({ options }) => options.flat())
    .find((id) => !ids.includes(id));
  if (unknown !== undefined) throw new DecodeError(what, `no query is called ${unknown}`);
  for (const { claims = [], claim_sets: sets = [] } of query.credentials) {
    const named = claims.flatMap(({ id }) => id ?? []);
    if (new Set(named).size !== named.length) throw new DecodeError(what, 'a claim’s id is given twice');
    const missing = sets.flat().find((id) => !named.includes(id));
    if (missing !== undefined) throw new DecodeError(what, `no claim is called ${missing}`);
  }
}

/**
 * Everything that lies at a path of a claim query; a null takes every element of a list. Nothing where the path leads into
 * something of another kind, of however many values on the way (OpenID4VP 1.0, section 7.1).
 */
function valuesAt(claims: unknown, path: ClaimQuery['path']): unknown[] {
  let values = [claims];
  for (const part of path) {
    const wantsList = typeof part !== 'string';
    const fits = (value: unknown) =>
      typeof value === 'object' && value !== null && Array.isArray(value) === wantsList;
    if (!values.every(fits)) return [];
    values = values.flatMap((value) => {
      if (part === null) return value as unknown[];
      return Object.hasOwn(value as object, part) ? [(value as Record<string | number, unknown>)[part]] : [];
    });
  }
  return values;
}

function answers(claims: Record<string, unknown>, { path, values }: ClaimQuery): boolean {
  const found = valuesAt(claims, path);
  if (values === undefined) return found.length > 0;
  return found.some((value) => values.some((wanted) => wanted === value));
}

/**
 * The claims of a query that a credential of these claims and form would answer it with: of the sets that the verifier would
 * take, the first that is there. Null if the credential is of another kind or lacks what is asked.
 */
export function claimsAnswering(
  claims: Record<string, unknown> & { vct: string },
  query: CredentialQuery,
  format: string = CREDENTIAL_TYPE,
): ClaimQuery[] | null {
  if (query.format !== format) return null;
  const types = query.meta?.vct_values;
  if (types !== undefined && !types.includes(claims.vct)) return null;
  const wanted = query.claims ?? [];
  const sets = query.claim_sets?.map((ids) =>
    wanted.filter(({ id }) => id !== undefined && ids.includes(id)),
  );
  return (sets ?? [wanted]).find((set) => set.every((claim) => answers(claims, claim))) ?? null;
}

/** Whether a place in a credential lies within, or holds, what a claim query asks for. */
export function isAsked({ path }: ClaimQuery, place: ClaimPath): boolean {
  const length = Math.min(path.length, place.length);
  return place
    .slice(0, length)
    .every((part, at) => (path[at] === null ? typeof part === 'number' : path[at] === part));
}

/** Whether these queries, once answered, are enough. */
export function isEnough(
  { credentials, credential_sets: sets }: DcqlQuery,
  answered: ReadonlySet<string>,
): boolean {
  if (sets === undefined) return credentials.every(({ id }) => answered.has(id));
  return sets
    .filter(({ required }) => required !== false)
    .every(({ options }) => options.some((ids) => ids.every((id) => answered.has(id))));
}

/**
 * The queries to answer, out of those that can be: all of them, or of each set of choices that the verifier needs
 * the first that is possible, and no more. Null if it cannot be done.
 */
export function queriesToAnswer(query: DcqlQuery, possible: ReadonlySet<string>): string[] | null {
  if (!isEnough(query, possible)) return null;
  if (query.credential_sets === undefined) return query.credentials.map(({ id }) => id);
  const chosen = query.credential_sets
    .filter(({ required }) => required !== false)
    .flatMap(({ options }) => options.find((ids) => ids.every((id) => possible.has(id))) ?? []);
  return [...new Set(chosen)];
}
