/**
 * Credentials of other systems in answers to requests: whole, or with a `bbs-2023` proof only what is asked. Neither says
 * whose they are, so they answer only queries that do without that.
 */
import { Refusal } from '../wallet/errors.ts';
import { canonicalJson } from '../wallet/json.ts';
import type { ClaimText } from './claim-view.ts';
import { VOCABULARIES } from './data-integrity.ts';
import { claimsAnswering, isAsked, type CredentialQuery } from './dcql.ts';
import type { ClaimPath } from './sd-jwt-disclosures.ts';
import {
  BASE_TYPE,
  claimsOfDocument,
  decodeW3cCredential,
  verifyW3cCredential,
  type W3cCheck,
  type W3cCredential,
} from './w3c-credential.ts';
import { W3C_TYPE } from './w3c-form.ts';

/** What a showing is bound to: whoever asks, and their nonce. */
export interface ShownTo {
  audience: string;
  nonce: string;
}

const headerOf = ({ audience, nonce }: ShownTo): Uint8Array => canonicalJson({ aud: audience, nonce });

/** Whether a credential is of the types asked for, by their names or by what those are short for. */
function fits({ types, secured }: W3cCredential, { meta }: CredentialQuery): boolean {
  const contexts = secured.document['@context'] as (string | Record<string, unknown>)[];
  const vocab = contexts
    .map((one) => (typeof one === 'string' ? VOCABULARIES[one] : one['@vocab']))
    .findLast((one) => typeof one === 'string');
  const named = new Set([...types, BASE_TYPE, `https://www.w3.org/2018/credentials#${BASE_TYPE}`]);
  if (vocab !== undefined) for (const type of types) named.add(`${String(vocab)}${type}`);
  return meta?.type_values?.some((all) => all.every((type) => named.has(type))) ?? true;
}

/** What a credential would show to answer a query, by places in its JSON; null if it is no answer. */
export function matchW3c(query: CredentialQuery, json: string): ClaimPath[] | null {
  if (query.require_cryptographic_holder_binding !== false || (query.predicates ?? []).length > 0)
    return null;
  const credential = decodeW3cCredential(json);
  const { secured, claims } = credential;
  const asked = claimsAnswering({ ...secured.document, vct: '' }, query, W3C_TYPE);
  if (asked === null || !fits(credential, query)) return null;
  const places = claims.map(({ place }) => place);
  if (secured.cryptosuite !== 'bbs-2023') return places;
  return places.filter((place) => asked.some((claim) => isAsked(claim, place)));
}

/** JSON pointers (RFC 6901) of what is shown: the chosen places; issuer and end, which whoever checks has to know. */
function pointersTo({ secured }: W3cCredential, places: readonly ClaimPath[]): string[] {
  const known = ['issuer', 'validUntil'].filter((name) => Object.hasOwn(secured.document, name));
  const all = [...places, ...known.map((name) => [name])];
  return all.map((place) =>
    place.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''),
  );
}

/** What a showing tells. */
export interface W3cPreview {
  seen: ClaimText[];
  unseen: ClaimPath[];
  /** What makes two showings known to be of one credential; empty if nothing does. */
  linkedBy: string[];
}

/** What whoever asks would see of a credential. Throws DecodeError for places that it does not have. */
export async function previewW3c(json: string, places: readonly ClaimPath[]): Promise<W3cPreview> {
  const credential = decodeW3cCredential(json);
  if (credential.secured.cryptosuite !== 'bbs-2023')
    return { seen: textsOf(credential.claims), unseen: [], linkedBy: ['the issuer’s signature'] };
  const { revealed } = await import('./bbs-2023.ts');
  const document = revealed(credential.secured, pointersTo(credential, places));
  const seen = textsOf(claimsOfDocument(document));
  const key = ({ path, text }: ClaimText) => JSON.stringify([path, text]);
  const told = new Set(seen.map(key));
  const unseen = credential.claims.filter((claim) => !told.has(key(claim))).map(({ path }) => path);
  return { seen, unseen, linkedBy: marksIn(document, credential.secured.proof.created) };
}

const textsOf = (claims: readonly ClaimText[]) => claims.map(({ path, text }) => ({ path, text }));

function marksIn(document: Record<string, unknown>, created: string | undefined): string[] {
  const isMoment = (time: unknown) => typeof time === 'string' && !/T00:00:00(?:\.0+)?Z$/.test(time);
  const hasId = (value: unknown): boolean =>
    typeof value === 'object' &&
    value !== null &&
    Object.entries(value).some(
      ([name, inner]) => (name === 'id' && typeof inner === 'string') || hasId(inner),
    );
  const { issuer: _, ...rest } = document;
  return [
    ...(hasId(rest) ? ['an identifier in it'] : []),
    ...(isMoment(created) ? ['the moment it was signed'] : []),
    ...(isMoment(document['validFrom']) ? ['the moment it begins'] : []),
    ...(isMoment(document['validUntil']) ? ['the moment it ends'] : []),
  ];
}

/** Makes the showing of a credential. Throws DecodeError; Refusal of `derive`. */
export async function showW3c(json: string, places: readonly ClaimPath[], to: ShownTo): Promise<string> {
  const credential = decodeW3cCredential(json);
  if (credential.secured.cryptosuite !== 'bbs-2023') return json;
  const { derive } = await import('./bbs-2023.ts');
  return derive(credential.secured, pointersTo(credential, places), headerOf(to), credential.issuer);
}

/**
 * Verifies a showing against the query that it answers. Throws what `verifyW3cCredential` throws; Refusal
 * `holder-binding`, `end-missing`, `credential-type`, `claim-missing`.
 */
export async function checkW3c(
  query: CredentialQuery,
  presentation: string,
  to: ShownTo,
  how: Pick<W3cCheck, 'now' | 'keyOf' | 'statusOf'>,
): Promise<W3cCredential> {
  if (query.require_cryptographic_holder_binding !== false)
    throw new Refusal(
      'holder-binding',
      'a credential of the W3C’s kind',
      'This does not prove that the credential is theirs, which was asked for.',
    );
  const bbs = decodeW3cCredential(presentation).secured.cryptosuite === 'bbs-2023';
  const credential = await verifyW3cCredential(presentation, {
    ...how,
    needsStatus: true,
    ...(bbs ? { header: headerOf(to) } : {}),
  });
  if (bbs && credential.validUntil === null)
    throw new Refusal(
      'end-missing',
      'no validUntil',
      'This does not tell until when it holds. It may have ended, and that may have been kept back.',
    );
  if (!fits(credential, query))
    throw new Refusal('credential-type', credential.types.join(', '), 'This is another kind of credential.');
  if (claimsAnswering({ ...credential.secured.document, vct: '' }, query, W3C_TYPE) === null)
    throw new Refusal('claim-missing', query.id, 'The answer does not show all that was asked.');
  return credential;
}
