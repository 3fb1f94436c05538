/** Commands of credentials: issue, receive, show, check, revoke. */
import * as v from 'valibot';
import { randomBytes } from '../crypto/random.ts';
import { webUrl } from '../network/web.ts';
import { Refusal } from '../wallet/errors.ts';
import { fromBase64Url, parseJson, shaped, toBase64Url } from '../wallet/json.ts';
import { chainIsOf, fromX5c, keyOfChain, toX5c } from './chain.ts';
import type { IdentityContext } from './context.ts';
import { queriesToAnswer } from './dcql.ts';
import {
  checkResponse,
  commitmentsOf,
  decodePresentationRequest,
  decodePresentationResponse,
  matchCredentials,
  respond,
  type PredicateQuery,
  type PresentationRequest,
} from './exchange.ts';
import { verdictView, type VerdictView } from './identity-commands.ts';
import { jwkSchema } from './jws.ts';
import type { Jwk, SigningKey } from './keys.ts';
import { commit, newBlinding, type CommittedAttribute, type Opening } from './predicate.ts';
import {
  CREDENTIAL_TYPE,
  disclosableClaims,
  issueSdJwt,
  verifySdJwt,
  type ClaimPath,
  type CredentialStatus,
  type SdJwtCheck,
} from './sd-jwt.ts';
import { fetchedAt, isWebAddress, keepOwnList, ownList, statusReader, statusUri } from './status-book.ts';

const DAY_S = 86_400;
const DEFAULT_DAYS = 365;
const MAX_DAYS = 3650;
const NONCE_BYTES = 24;

/** A credential as the wallet keeps it. */
export interface CredentialRecord {
  credential: string;
  /** Openings of its commitments, by attribute; blinding factors base64url. */
  openings: Record<string, { value: number; blinding: string }>;
  received: number;
}

export interface CredentialView {
  id: string;
  type: string;
  issuer: string;
  issuerName: string | null;
  subject: string | null;
  /** Identity of one's own that has to sign presentations, or null. */
  holder: string | null;
  /** Claims with whether they can be kept back. */
  claims: { path: ClaimPath; text: string; selective: boolean }[];
  /** What can be proved of it without telling. */
  provable: CommittedAttribute[];
  /** Seconds since the epoch. */
  issuedAt: number | null;
  expiresAt: number | null;
  /** Whether the subject says it of itself. */
  selfIssued: boolean;
  status: CredentialStatus | 'none';
  /** Where its revocation can be asked for: who is asked then, and when that was last done (seconds since the epoch). */
  statusSource: { host: string; asked: number | null } | null;
}

export interface IssueInput {
  issuer: string;
  /** DID of whom it is about. */
  subject?: string;
  type: string;
  claims: Record<string, unknown>;
  /** Claims that the holder may keep back; all of the top level unless told. */
  selective?: ClaimPath[];
  days?: number;
  /** Numbers to commit to, so that bounds can be proved of them without telling. */
  commitments?: Partial<Record<CommittedAttribute, number>>;
  /** Whether it can be revoked by a status list. */
  revocable?: boolean;
  /** Web address at which one publishes that list; handed over by oneself if left out or empty. */
  statusAddress?: string;
}

const packageSchema = v.strictObject({
  v: v.literal(1),
  credential: v.pipe(v.string(), v.minLength(1), v.maxLength(1024 * 1024)),
  openings: v.optional(
    v.record(
      v.pipe(v.string(), v.maxLength(32)),
      v.strictObject({
        value: v.pipe(v.number(), v.safeInteger()),
        blinding: v.pipe(v.string(), v.length(43)),
      }),
    ),
  ),
});

export interface ResponseView {
  query: string;
  type: string;
  issuer: string;
  issuerVerdict: VerdictView | null;
  claims: { path: ClaimPath; text: string }[];
  proved: PredicateQuery[];
  selfIssued: boolean;
}

const ENVELOPE = new Set(['iss', 'vct', 'iat', 'nbf', 'exp', 'sub', 'cnf', 'status', 'commitments']);

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Every claim a person would call one, as text. */
function claimTexts(claims: Record<string, unknown>): { path: ClaimPath; text: string }[] {
  return Object.entries(claims)
    .filter(([name]) => !ENVELOPE.has(name))
    .map(([name, value]) => ({ path: [name], text: textOf(value) }));
}

function sameKey(a: Jwk, b: Jwk): boolean {
  return (
    a.kty === b.kty && 'x' in a && 'x' in b && a.x === b.x && ('y' in a ? a.y : '') === ('y' in b ? b.y : '')
  );
}

/** Commands, for one wallet and network. */
export function credentialCommands(context: IdentityContext) {
  const holderOf = (key: Jwk | undefined): string | null => {
    if (key === undefined) return null;
    const found = context
      .identities()
      .find(({ value }) => value.role === 'own' && sameKey(keyOfChain(context.chainOf(value)), key));
    return found?.id ?? null;
  };

  const check = async (
    credential: string,
  ): Promise<{ claims: Record<string, unknown>; verdict: VerdictView | null }> => {
    const status = await statusReader(context);
    const { claims, header } = verifySdJwt({
      presentation: credential,
      now: context.seconds,
      issuerKey: await context.issuerKeys([credential]),
      keyBinding: null,
      // A list that is not here yet does not keep a credential from being received.
      status: (reference, issuer) => {
        const found = status?.(reference, issuer) ?? 'unknown';
        return found === 'unknown' ? 'valid' : found;
      },
    });
    return { claims, verdict: await issuerVerdict(context, claims.iss, header.x5c) };
  };

  const view = (id: string, record: CredentialRecord, status: SdJwtCheck['status']): CredentialView => {
    const { claims, disclosable } = disclosableClaims(record.credential);
    const selective = new Set(disclosable.map(({ path }) => JSON.stringify(path)));
    const reference = claims.status?.status_list;
    return {
      id,
      type: claims.vct,
      issuer: claims.iss,
      issuerName: context.known(claims.iss)?.name ?? null,
      subject: claims.sub ?? null,
      holder: holderOf(claims.cnf?.jwk),
      claims: claimTexts(claims).map((claim) => ({
        ...claim,
        selective: selective.has(JSON.stringify(claim.path)),
      })),
      provable: Object.keys(commitmentsOf(claims)).filter((name): name is CommittedAttribute =>
        Object.hasOwn(record.openings, name),
      ),
      issuedAt: claims.iat ?? null,
      expiresAt: claims.exp ?? null,
      selfIssued: claims.sub === claims.iss,
      status: reference === undefined ? 'none' : (status?.(reference, claims.iss) ?? 'unknown'),
      statusSource:
        reference !== undefined && isWebAddress(reference.uri)
          ? { host: new URL(reference.uri).host, asked: fetchedAt(context, reference.uri) }
          : null,
    };
  };

  const store = async (credential: string, openings: CredentialRecord['openings']): Promise<string> => {
    const id = `credential-${crypto.randomUUID()}`;
    await context.put(id, 'credential', { credential, openings, received: context.seconds });
    return id;
  };

  return {
    /**
     * Issues a credential by one of one's own identities. Returns the package (JSON) for its holder; if the holder
     * is oneself it is kept as well.
     */
    async issueCredential(input: IssueInput): Promise<{ package: string; index: number | null }> {
      const issuer = context.own(input.issuer);
      const days = input.days ?? DEFAULT_DAYS;
      if (!Number.isInteger(days) || days < 1 || days > MAX_DAYS)
        throw new Refusal('validity', `${days} days`, 'Choose between a day and ten years.');
      const subject = input.subject?.trim() || null;
      const holder = subject === null ? null : await context.resolve(subject);
      const { commitments, openings } = commitTo(input.commitments ?? {});
      const index = input.revocable === true ? issuer.credentialsIssued : null;
      const address = input.statusAddress?.trim() ?? '';
      const at = address === '' ? [] : [webUrl(address).href];
      const now = context.seconds;
      const claims = {
        ...input.claims,
        ...(Object.keys(commitments).length === 0 ? {} : { commitments }),
      };
      const credential = await issueSdJwt(await context.signingKey(issuer.key), {
        iss: issuer.did,
        vct: input.type.trim(),
        iat: now,
        exp: now + days * DAY_S,
        ...(subject === null ? {} : { sub: subject }),
        ...(holder === null ? {} : { holderKey: requireTokenKey(holder.key) }),
        ...(index === null ? {} : { status: { uri: at[0] ?? statusUri(issuer.did), idx: index } }),
        certificates: toX5c(context.chainOf(issuer)),
        claims,
        selective: input.selective ?? Object.keys(input.claims).map((name) => [name]),
      });
      if (index !== null) {
        const { list, addresses } = ownList(context, issuer.did);
        list.set(index, 'valid');
        await keepOwnList(context, issuer.did, list, [...new Set([...addresses, ...at])]);
        await context.putIdentity({ ...issuer, credentialsIssued: index + 1 });
      }
      if (holder !== null && holderOf(holder.key) !== null) await store(credential, openings);
      const packed = { v: 1, credential, ...(Object.keys(openings).length === 0 ? {} : { openings }) };
      return { package: JSON.stringify(packed), index };
    },

    /** Takes in a credential, as a package or as its compact text, after every check. */
    async acceptCredential(input: {
      text: string;
    }): Promise<CredentialView & { issuerVerdict: VerdictView | null }> {
      const text = input.text.trim();
      const given = text.startsWith('{')
        ? shaped(packageSchema, parseJson(text, 'credential-package'), 'credential-package')
        : { v: 1 as const, credential: text };
      const { claims, verdict } = await check(given.credential);
      const openings = given.openings ?? {};
      requireOpenings(claims, openings);
      const twice = context
        .list<CredentialRecord>('credential')
        .some(({ value }) => value.credential === given.credential);
      if (twice) throw new Refusal('credential-exists', 'same text', 'You have this credential already.');
      const id = await store(given.credential, openings);
      const record = { credential: given.credential, openings, received: context.seconds };
      return { ...view(id, record, await statusReader(context)), issuerVerdict: verdict };
    },

    /** Every credential of the wallet. */
    async credentials(): Promise<CredentialView[]> {
      const status = await statusReader(context);
      return context.list<CredentialRecord>('credential').map(({ id, value }) => view(id, value, status));
    },

    async removeCredential(input: { id: string }): Promise<void> {
      if (context.get(input.id, 'credential') === null)
        throw new Refusal(
          'unknown-credential',
          input.id.slice(0, 80),
          'This credential is not in the wallet.',
        );
      await context.remove(input.id);
    },

    /** A credential's compact text, for other wallets. */
    async exportCredential(input: { id: string }): Promise<string> {
      const record = context.get<CredentialRecord>(input.id, 'credential');
      if (record === null)
        throw new Refusal(
          'unknown-credential',
          input.id.slice(0, 80),
          'This credential is not in the wallet.',
        );
      const { credential, openings } = record;
      return Object.keys(openings).length === 0 ? credential : JSON.stringify({ v: 1, credential, openings });
    },

    /** Asks for credentials: a request (JSON) to hand to the holder. */
    async newRequest(input: {
      audience: string;
      purpose?: string;
      credentials: { type: string; claims?: ClaimPath[]; predicates?: PredicateQuery[] }[];
    }): Promise<string> {
      const request: PresentationRequest = {
        response_type: 'vp_token',
        client_id: input.audience,
        nonce: toBase64Url(randomBytes(NONCE_BYTES)),
        ...(input.purpose === undefined || input.purpose === '' ? {} : { purpose: input.purpose }),
        dcql_query: {
          credentials: input.credentials.map(({ type, claims, predicates }, index) => ({
            id: `q${index + 1}`,
            format: CREDENTIAL_TYPE,
            meta: { vct_values: [type] },
            ...(claims === undefined || claims.length === 0
              ? {}
              : { claims: claims.map((path) => ({ path: [...path] })) }),
            ...(predicates === undefined || predicates.length === 0 ? {} : { predicates }),
          })),
        },
      };
      return JSON.stringify(decodePresentationRequest(JSON.stringify(request)));
    },

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
        matches: { credential: CredentialView; disclosed: ClaimPath[]; always: string[] }[];
      }[];
    }> {
      const request = decodePresentationRequest(input.request);
      const status = await statusReader(context);
      const records = context.list<CredentialRecord>('credential');
      const matches = matchCredentials(
        request,
        records.map(({ value }) => value.credential),
      );
      const { credentials } = request.dcql_query;
      const chosen = queriesToAnswer(request.dcql_query, new Set(matches.map(({ query }) => query)));
      const shown = credentials.filter(({ id }) => chosen === null || chosen.includes(id));
      return {
        audience: request.client_id,
        purpose: request.purpose ?? null,
        answerable: chosen !== null,
        queries: shown.map(({ id, meta, predicates }) => ({
          id,
          types: meta?.vct_values ?? [],
          predicates: predicates ?? [],
          matches: matches
            .filter(({ query }) => query === id)
            .map(({ credential, disclosed, always }) => {
              const record = records[credential]!;
              return { credential: view(record.id, record.value, status), disclosed, always };
            }),
        })),
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
          const key = await holderKey(
            context,
            holderOf(disclosableClaims(record.credential).claims.cnf?.jwk),
          );
          return { query, credential: record.credential, paths, key, openings: openingsOf(record) };
        }),
      );
      const response = await respond(request, answers, context.seconds);
      await context.put(`shown-${context.now()}-${crypto.randomUUID()}`, 'setting', {
        at: context.seconds,
        audience: request.client_id,
        answers: input.answers,
      });
      return JSON.stringify(response);
    },

    /** What was shown to whom, newest first. */
    async shownLog(): Promise<{ at: number; audience: string; claims: ClaimPath[] }[]> {
      return context
        .list<{ at: number; audience: string; answers: { paths: ClaimPath[] }[] }>('setting')
        .filter(({ id }) => id.startsWith('shown-'))
        .map(({ value }) => ({
          at: value.at,
          audience: value.audience,
          claims: value.answers.flatMap(({ paths }) => paths),
        }))
        .sort((a, b) => b.at - a.at);
    },

    /** Checks an answer against the request one made. Throws the Refusal of the check that fails. */
    async verifyResponse(input: { request: string; response: string }): Promise<ResponseView[]> {
      const request = decodePresentationRequest(input.request);
      const response = decodePresentationResponse(input.response);
      const answers = checkResponse(request, response, {
        now: context.seconds,
        issuerKey: await context.issuerKeys(Object.values(response.vp_token).flat()),
        status: await statusReader(context),
      });
      const results: ResponseView[] = [];
      for (const { query, credential, proved } of answers) {
        const { claims, header } = credential;
        const verdict = await issuerVerdict(context, claims.iss, header.x5c);
        requireLiving(verdict);
        results.push({
          query,
          type: claims.vct,
          issuer: claims.iss,
          issuerVerdict: verdict,
          claims: claimTexts(claims),
          proved,
          selfIssued: claims.sub === claims.iss,
        });
      }
      return results;
    },
  };
}

/** Verdict of a token's issuer: a known identity, or the certificates that came along. */
async function issuerVerdict(
  context: IdentityContext,
  issuer: string,
  x5c: readonly string[] | undefined,
): Promise<VerdictView | null> {
  const known = context.known(issuer);
  if (known !== null) return verdictView(context, context.chainOf(known));
  if (x5c === undefined) return null;
  const chain = fromX5c(x5c);
  return chainIsOf(chain, issuer) ? verdictView(context, chain) : null;
}

/** Refuses what an identity says that was revoked, is gone, or whose certificates do not hold. */
function requireLiving(verdict: VerdictView | null): void {
  if (verdict === null) return;
  const code = verdict.strict === 'not-anchored' ? verdict.certificates : verdict.strict;
  if (code === 'ok') return;
  throw new Refusal(`issuer-${code}`, 'the issuer’s verdict', verdict.sentence);
}

async function holderKey(context: IdentityContext, holder: string | null): Promise<SigningKey | null> {
  return holder === null ? null : context.keyOf(holder);
}

function requireTokenKey(key: Jwk): Jwk {
  if (v.safeParse(jwkSchema, key).success) return key;
  throw new Refusal(
    'key-type',
    key.kty,
    'The holder’s identity has a kind of key that cannot sign presentations.',
  );
}

function commitTo(numbers: Partial<Record<CommittedAttribute, number>>) {
  const commitments: Record<string, string> = {};
  const openings: CredentialRecord['openings'] = {};
  for (const [attribute, value] of Object.entries(numbers)) {
    const blinding = newBlinding();
    commitments[attribute] = toBase64Url(commit({ value, blinding }));
    openings[attribute] = { value, blinding: toBase64Url(blinding) };
  }
  return { commitments, openings };
}

function openingsOf({ openings }: CredentialRecord): Record<string, Opening> {
  return Object.fromEntries(
    Object.entries(openings).map(([attribute, { value, blinding }]) => [
      attribute,
      { value, blinding: fromBase64Url(blinding, 'opening', 32) },
    ]),
  );
}

/** Refuses openings that are not those of the credential's commitments. */
function requireOpenings(claims: Record<string, unknown>, openings: CredentialRecord['openings']): void {
  const committed = commitmentsOf(claims);
  for (const [attribute, { value, blinding }] of Object.entries(openings)) {
    const opened = toBase64Url(commit({ value, blinding: fromBase64Url(blinding, 'opening', 32) }));
    if (committed[attribute] !== opened)
      throw new Refusal('predicate-opening', attribute, 'The credential’s hidden numbers do not fit.');
  }
}
