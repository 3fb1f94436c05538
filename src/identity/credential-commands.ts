/** Commands of credentials: issue, receive, show, check, revoke. */
import { base64 } from '@scure/base';
import * as v from 'valibot';
import { randomBytes } from '../crypto/random.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { Refusal } from '../wallet/errors.ts';
import { fromBase64Url, parseJson, shaped, toBase64Url } from '../wallet/json.ts';
import { chainIsOf, fromX5c, keyOfChain, toX5c, type Chain } from './chain.ts';
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
import { jwkSchema, decodeJws } from './jws.ts';
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
import { openStatusList, signStatusList, StatusList } from './status-list.ts';

const DAY_S = 86_400;
const DEFAULT_DAYS = 365;
const MAX_DAYS = 3650;
const NONCE_BYTES = 24;
const STATUS_LIFETIME_S = 7 * DAY_S;

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

  const statusUri = (issuer: string) => `${issuer}#status`;

  /** Status by the lists that the wallet has: its own issuers', and imported ones that are not out of date. */
  const statusReader = async (): Promise<SdJwtCheck['status']> => {
    const readers = new Map<string, (index: number) => CredentialStatus>();
    for (const { id, value } of context.list<{ token?: string; packed?: string; issuer: string }>(
      'setting',
    )) {
      if (!id.startsWith('status-')) continue;
      if (value.packed !== undefined) {
        const list = StatusList.of(base64.decode(value.packed));
        readers.set(statusUri(value.issuer), (index) => list.get(index));
      } else if (value.token !== undefined) {
        const resolved = await context.resolve(value.issuer, offeredChains(value.token));
        if (resolved === null) continue;
        const expected = { issuer: value.issuer, uri: statusUri(value.issuer), now: context.seconds };
        readers.set(expected.uri, await openStatusList(value.token, expected, resolved.key));
      }
    }
    return ({ uri, idx }, issuer) =>
      uri === statusUri(issuer) ? (readers.get(uri)?.(idx) ?? 'unknown') : 'unknown';
  };

  const check = async (
    credential: string,
  ): Promise<{ claims: Record<string, unknown>; verdict: VerdictView | null }> => {
    const status = await statusReader();
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
        ...(index === null ? {} : { status: { uri: statusUri(issuer.did), idx: index } }),
        certificates: toX5c(context.chainOf(issuer)),
        claims,
        selective: input.selective ?? Object.keys(input.claims).map((name) => [name]),
      });
      if (index !== null) {
        const list = ownList(context, issuer.did);
        list.set(index, 'valid');
        await keepList(context, issuer.did, list);
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
      return { ...view(id, record, await statusReader()), issuerVerdict: verdict };
    },

    /** Every credential of the wallet. */
    async credentials(): Promise<CredentialView[]> {
      const status = await statusReader();
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

    /** Revokes a credential that one issued, by its index; a fresh signed list says so. */
    async revokeCredential(input: { issuer: string; index: number; suspend?: boolean }): Promise<string> {
      const issuer = context.own(input.issuer);
      if (!Number.isInteger(input.index) || input.index < 0 || input.index >= issuer.credentialsIssued)
        throw new Refusal('status-list', `index ${input.index}`, 'No credential of that number was issued.');
      const list = ownList(context, issuer.did);
      list.set(input.index, input.suspend === true ? 'suspended' : 'revoked');
      await keepList(context, issuer.did, list);
      return this.statusList({ issuer: issuer.did });
    },

    /** The signed status list of an issuer of one's own, for verifiers. */
    async statusList(input: { issuer: string }): Promise<string> {
      const issuer = context.own(input.issuer);
      const key = await context.signingKey(issuer.key);
      const list = ownList(context, issuer.did);
      return signStatusList(key, issuer.did, statusUri(issuer.did), list, context.seconds, STATUS_LIFETIME_S);
    },

    /** Takes in somebody's status list; one that is older than the one kept is refused. */
    async importStatusList(input: { token: string }): Promise<{ issuer: string }> {
      const token = input.token.trim();
      const { payload } = decodeJws(token, 'status-list');
      const issuer = typeof payload['iss'] === 'string' ? payload['iss'] : '';
      const resolved = await context.resolve(issuer);
      if (resolved === null)
        throw new Refusal('issuer-key', `no key of ${issuer}`, 'The issuer of this list is not known.');
      await openStatusList(token, { issuer, uri: statusUri(issuer), now: context.seconds }, resolved.key);
      const id = `status-${issuer}`;
      const kept = context.get<{ token?: string }>(id, 'setting');
      if (kept?.token !== undefined && issuedAt(kept.token) > issuedAt(token))
        throw new Refusal('status-list', 'older than the one kept', 'You have a newer list of this issuer.');
      await context.put(id, 'setting', { issuer, token });
      return { issuer };
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
      const status = await statusReader();
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
        status: await statusReader(),
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

function offeredChains(token: string): Chain[] {
  try {
    const { x5c } = decodeJws(token, 'status-list').header;
    return x5c === undefined ? [] : [fromX5c(x5c)];
  } catch (error) {
    if (error instanceof ProtocolError) return [];
    throw error;
  }
}

function issuedAt(token: string): number {
  const { iat } = decodeJws(token, 'status-list').payload;
  return typeof iat === 'number' ? iat : 0;
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

function ownList(context: IdentityContext, issuer: string): StatusList {
  const kept = context.get<{ packed?: string }>(`status-${issuer}`, 'setting');
  return kept?.packed === undefined ? StatusList.empty() : StatusList.of(base64.decode(kept.packed));
}

function keepList(context: IdentityContext, issuer: string, list: StatusList): Promise<void> {
  return context.put(`status-${issuer}`, 'setting', { issuer, packed: base64.encode(list.packed) });
}
