/** Commands of credentials: issue, receive, show. */
import * as v from 'valibot';
import { webUrl } from '../network/web.ts';
import { Refusal } from '../wallet/errors.ts';
import { fromBase64Url, parseJson, shaped, toBase64Url } from '../wallet/json.ts';
import { keyOfChain, toX5c } from './chain.ts';
import { claimTexts, isGiven, isHideable, type ClaimText } from './claim-view.ts';
import type { IdentityContext } from './context.ts';
import { queriesToAnswer } from './dcql.ts';
import {
  commitmentsOf,
  decodePresentationRequest,
  matchCredentials,
  respond,
  type PredicateQuery,
} from './exchange.ts';
import type { VerdictView } from './identity-commands.ts';
import { issuerVerdict, requireLiving } from './issuer-verdict.ts';
import { claimsOf, decodeIssued, isNumber, isUnlinkable } from './jpt.ts';
import { jwkSchema } from './jws.ts';
import type { Jwk, SigningKey } from './keys.ts';
import type { CommittedAttribute } from './attributes.ts';
import { predicates, type Opening } from './predicate.ts';
import {
  disclosableClaims,
  issueSdJwt,
  verifySdJwt,
  type ClaimPath,
  type CredentialStatus,
  type SdJwtCheck,
} from './sd-jwt.ts';
import { fetchedAt, isWebAddress, statusReader, statusUri, takeStatusIndex } from './status-book.ts';
import { checkReceived, secretsOf } from './unlinkable-commands.ts';

const DAY_S = 86_400;
const DEFAULT_DAYS = 365;
const MAX_DAYS = 3650;

/** A credential as the wallet keeps it. */
export interface CredentialRecord {
  credential: string;
  /** Openings of its commitments, by attribute; blinding factors base64url. */
  openings: Record<string, { value: number; blinding: string }>;
  received: number;
  /** Of one whose showings cannot be linked: the request it was made for, and what hid the link secret in that. */
  unlinkable?: { request: string | null; blind: string };
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
  /** Whether two showings of it can be told to be of one credential. */
  linkable: boolean;
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
  /** Of one whose showings cannot be linked. */
  request: v.optional(v.pipe(v.string(), v.length(43))),
  blind: v.optional(v.pipe(v.string(), v.length(43))),
});

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

  const unlinkableView = (id: string, { credential }: CredentialRecord): CredentialView => {
    const claims = claimsOf(decodeIssued(credential));
    const known = context.known(claims.iss);
    return {
      id,
      type: claims.vct,
      issuer: claims.iss,
      issuerName: known?.name ?? null,
      subject: null,
      holder: null,
      claims: claimTexts(claims).map((claim) => ({ ...claim, selective: true })),
      provable: Object.keys(claims).filter(isNumber),
      issuedAt: null,
      expiresAt: claims.exp,
      selfIssued: known?.role === 'own',
      status: 'none',
      statusSource: null,
      linkable: false,
    };
  };

  const view = (id: string, record: CredentialRecord, status: SdJwtCheck['status']): CredentialView => {
    if (record.unlinkable !== undefined) return unlinkableView(id, record);
    const { claims, disclosable } = disclosableClaims(record.credential);
    const hideable = disclosable.map(({ path }) => path);
    const reference = claims.status?.status_list;
    return {
      id,
      type: claims.vct,
      issuer: claims.iss,
      issuerName: context.known(claims.iss)?.name ?? null,
      subject: claims.sub ?? null,
      holder: holderOf(claims.cnf?.jwk),
      claims: claimTexts(claims, hideable).map((claim) => ({
        ...claim,
        selective: isHideable(claim.path, hideable),
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
      linkable: true,
    };
  };

  /** Takes in a credential whose showings cannot be linked, in the place of the one that it renews. */
  const acceptUnlinkable = async (given: v.InferOutput<typeof packageSchema>) => {
    const { credential, request = null } = given;
    const { issuer, header, blind } = await checkReceived(context, given);
    const verdict = await issuerVerdict(context, issuer, header.x5c);
    requireLiving(verdict);
    const { vct } = decodeIssued(credential).header;
    const old = context
      .list<CredentialRecord>('credential')
      .find(
        ({ value }) => value.unlinkable?.blind === blind && decodeIssued(value.credential).header.vct === vct,
      );
    requireNew(credential);
    const id = old?.id ?? `credential-${crypto.randomUUID()}`;
    const record: CredentialRecord = {
      credential,
      openings: {},
      received: context.seconds,
      unlinkable: { request, blind },
    };
    await context.put(id, 'credential', record);
    return { ...unlinkableView(id, record), issuerVerdict: verdict };
  };

  const requireNew = (credential: string): void => {
    if (context.list<CredentialRecord>('credential').some(({ value }) => value.credential === credential))
      throw new Refusal('credential-exists', 'same text', 'You have this credential already.');
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
      const address = input.statusAddress?.trim() ?? '';
      const at = address === '' ? [] : [webUrl(address).href];
      const index = input.revocable === true ? await takeStatusIndex(context, issuer, at) : null;
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
      if (isUnlinkable(given.credential)) return acceptUnlinkable(given);
      const { claims, verdict } = await check(given.credential);
      const openings = given.openings ?? {};
      requireOpenings(claims, openings);
      requireNew(given.credential);
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
      const { credential, openings, unlinkable } = record;
      if (unlinkable !== undefined) return JSON.stringify({ v: 1, credential, blind: unlinkable.blind });
      return Object.keys(openings).length === 0 ? credential : JSON.stringify({ v: 1, credential, openings });
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
        /** Whether the verifier is to know the holder again though showings cannot be linked. */
        recognise: boolean;
        matches: {
          credential: CredentialView;
          disclosed: ClaimPath[];
          /** What the verifier would see, and what of the credential it would not. */
          seen: ClaimText[];
          unseen: ClaimPath[];
        }[];
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
        queries: shown.map(({ id, meta, predicates, recognise }) => ({
          id,
          recognise: recognise === true,
          types: meta?.vct_values ?? [],
          predicates: predicates ?? [],
          matches: matches
            .filter(({ query }) => query === id)
            .map(({ credential, disclosed }) => {
              const { id: recordId, value } = records[credential]!;
              const shown = view(recordId, value, status);
              return { credential: shown, disclosed, ...givenAway(value.credential, shown, disclosed) };
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
          if (record.unlinkable !== undefined) {
            const secrets = secretsOf(context, record.unlinkable.blind);
            return { query, credential: record.credential, paths, key: null, openings: {}, secrets };
          }
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
    const blinding = predicates.newBlinding();
    commitments[attribute] = toBase64Url(predicates.commit({ value, blinding }));
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
    const opened = toBase64Url(
      predicates.commit({ value, blinding: fromBase64Url(blinding, 'opening', 32) }),
    );
    if (committed[attribute] !== opened)
      throw new Refusal('predicate-opening', attribute, 'The credential’s hidden numbers do not fit.');
  }
}
