/** Claims that are replaced by digests, and put back for those to whom they are disclosed. */
import { sha256 } from '@noble/hashes/sha2.js';
import { randomBytes } from '../crypto/random.ts';
import { utf8 } from '../protocol/bytes.ts';
import { DecodeError } from '../protocol/errors.ts';
import { Refusal } from '../wallet/errors.ts';
import { fromBase64Url, fromUtf8, parseJson, toBase64Url } from '../wallet/json.ts';

const WHAT = 'sd-jwt';
const SALT_BYTES = 16;
/** Levels of a credential with its disclosures in place, each of which may have as many of its own. */
const MAX_DEPTH = 32;

type Json = unknown;
export type JsonObject = Record<string, Json>;
/** Where a claim lies: member names and indices from the top of the credential. */
export type ClaimPath = readonly (string | number)[];

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Digest that stands for a disclosure, and of a presentation: SHA-256 in base64url. */
export function digestOf(encoded: string): string {
  return toBase64Url(sha256(utf8(encoded)));
}

/** Names that stand in a credential for all to see. */
export const NEVER_DISCLOSED = new Set([
  '_sd',
  '...',
  'iss',
  'nbf',
  'exp',
  'cnf',
  'vct',
  'vct#integrity',
  'status',
  '__proto__',
]);

/** A claim with its salt, as its holder hands it over. */
export interface Disclosure {
  encoded: string;
  /** Name of the member, or null for an element of an array. */
  name: string | null;
  value: Json;
}

/** A claim that the holder may show or keep back. */
export interface DisclosableClaim {
  path: ClaimPath;
  value: Json;
  encoded: string;
  /** Disclosures that this one lies in, outermost first. */
  within: string[];
}

/** Throws DecodeError. */
export function decodeDisclosure(encoded: string): Disclosure {
  const parts = parseJson(fromUtf8(fromBase64Url(encoded, WHAT), WHAT), WHAT);
  if (!Array.isArray(parts) || typeof parts[0] !== 'string' || (parts.length !== 2 && parts.length !== 3))
    throw new DecodeError(WHAT, 'a disclosure is no list of salt, name and value');
  if (parts.length === 2) return { encoded, name: null, value: parts[1] };
  if (typeof parts[1] !== 'string') throw new DecodeError(WHAT, 'the name of a disclosure is no text');
  return { encoded, name: parts[1], value: parts[2] };
}

/** Puts disclosures where their digests stand, each exactly once. */
export class Revealing {
  readonly claims: DisclosableClaim[] = [];
  private readonly byDigest: Map<string, Disclosure>;
  private readonly seen = new Set<string>();

  constructor(disclosures: readonly Disclosure[]) {
    this.byDigest = new Map(disclosures.map((disclosure) => [digestOf(disclosure.encoded), disclosure]));
  }

  /** The claims of a payload; throws Refusal if a digest or a disclosure is out of place. */
  reveal(payload: JsonObject): JsonObject {
    const { _sd_alg: algorithm, ...rest } = payload;
    if (algorithm !== undefined && algorithm !== 'sha-256')
      throw new Refusal('hash-algorithm', `_sd_alg ${JSON.stringify(algorithm)}`);
    const claims = this.object(rest, [], []);
    if (this.claims.length !== this.byDigest.size) {
      throw new Refusal(
        'disclosure-unreferenced',
        'a disclosure has no digest in the credential',
        'A claim is shown that the issuer did not sign.',
      );
    }
    return claims;
  }

  private take(digest: Json, path: ClaimPath, within: string[]): Disclosure | null {
    if (typeof digest !== 'string') throw new DecodeError(WHAT, 'a digest is no text');
    if (this.seen.has(digest)) throw new Refusal('digest-repeated', `digest ${digest.slice(0, 43)} twice`);
    this.seen.add(digest);
    const disclosure = this.byDigest.get(digest) ?? null;
    if (disclosure !== null) {
      const { encoded, value, name } = disclosure;
      this.claims.push({ path: name === null ? path : [...path, name], value, encoded, within });
    }
    return disclosure;
  }

  private value(value: Json, path: ClaimPath, within: string[]): Json {
    if (path.length > MAX_DEPTH) throw new DecodeError(WHAT, `nested deeper than ${MAX_DEPTH} levels`);
    if (Array.isArray(value)) return this.array(value, path, within);
    return isObject(value) ? this.object(value, path, within) : value;
  }

  private array(items: Json[], path: ClaimPath, within: string[]): Json[] {
    const result: Json[] = [];
    items.forEach((item, index) => {
      const own = [...path, index];
      if (!isObject(item) || !Object.hasOwn(item, '...')) {
        result.push(this.value(item, own, within));
        return;
      }
      if (Object.keys(item).length !== 1) throw new DecodeError(WHAT, '“...” beside other members');
      const disclosure = this.take(item['...'], own, within);
      if (disclosure === null) return;
      if (disclosure.name !== null) throw new Refusal('disclosure-place', 'a named claim as an element');
      result.push(this.value(disclosure.value, own, [...within, disclosure.encoded]));
    });
    return result;
  }

  private object(object: JsonObject, path: ClaimPath, within: string[]): JsonObject {
    const result: JsonObject = {};
    for (const [name, value] of Object.entries(object)) {
      if (name === '_sd') continue;
      if (name === '...' || name === '_sd_alg' || name === '__proto__')
        throw new DecodeError(WHAT, `“${name}” out of place`);
      result[name] = this.value(value, [...path, name], within);
    }
    const digests = object['_sd'] ?? [];
    if (!Array.isArray(digests)) throw new DecodeError(WHAT, '“_sd” is no list');
    for (const digest of digests) {
      const disclosure = this.take(digest, path, within);
      if (disclosure === null) continue;
      const { name, value, encoded } = disclosure;
      if (name === null) throw new Refusal('disclosure-place', 'an element as a member');
      if (NEVER_DISCLOSED.has(name) || Object.hasOwn(result, name)) {
        throw new Refusal('disclosure-name', `“${name.slice(0, 40)}” may not be disclosed here`);
      }
      result[name] = this.value(value, [...path, name], [...within, encoded]);
    }
    return result;
  }
}

/** Replaces the claims at `paths` by digests and collects their disclosures; inner ones first. */
export function conceal(value: Json, paths: readonly ClaimPath[], disclosures: string[]): Json {
  const inner = new Map<string | number, ClaimPath[]>();
  const hidden = new Set<string | number>();
  for (const [first, ...rest] of paths) {
    if (first === undefined) continue;
    if (rest.length === 0) hidden.add(first);
    inner.set(first, [...(inner.get(first) ?? []), ...(rest.length === 0 ? [] : [rest])]);
  }
  const disclose = (...parts: Json[]): string => {
    const encoded = toBase64Url(utf8(JSON.stringify([toBase64Url(randomBytes(SALT_BYTES)), ...parts])));
    disclosures.push(encoded);
    return digestOf(encoded);
  };
  if (Array.isArray(value)) {
    return value.map((item: Json, index) => {
      const concealed = conceal(item, inner.get(index) ?? [], disclosures);
      return hidden.has(index) ? { '...': disclose(concealed) } : concealed;
    });
  }
  if (!isObject(value)) return value;
  const result: JsonObject = {};
  const digests: string[] = [];
  for (const [name, member] of Object.entries(value)) {
    const concealed = conceal(member, inner.get(name) ?? [], disclosures);
    if (hidden.has(name)) digests.push(disclose(name, concealed));
    else result[name] = concealed;
  }
  // Sorted, so that their order tells nothing about the order of the claims.
  if (digests.length > 0) result['_sd'] = digests.sort();
  return result;
}
