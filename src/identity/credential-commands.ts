/** Commands of credentials: issue, receive, list. */
import * as v from 'valibot';
import { webUrl } from '../network/web.ts';
import { Refusal } from '../wallet/errors.ts';
import { fromBase64Url, parseJson, shaped, toBase64Url } from '../wallet/json.ts';
import type { CommittedAttribute } from './attributes.ts';
import { toX5c } from './chain.ts';
import { commitmentsOf } from './commitments.ts';
import type { IdentityContext } from './context.ts';
import {
  credentialBook,
  foreignViews,
  type CredentialRecord,
  type CredentialView,
} from './credential-view.ts';
import type { PredicateQuery } from './dcql.ts';
import type { VerdictView } from './identity-view.ts';
import { issuedBy, noteIssued, type IssuedCredentialView } from './issued-credentials.ts';
import { issuerVerdict, requireLiving } from './issuer-verdict.ts';
import { decodeIssued, isUnlinkable } from './jpt.ts';
import { jwkSchema } from './jws.ts';
import type { Jwk } from './keys.ts';
import { predicates } from './predicate.ts';
import { issueSdJwt, requireIssued, verifySdJwt } from './sd-jwt.ts';
import type { ClaimPath } from './sd-jwt-disclosures.ts';
import { statusReader, statusUri, takeStatusIndex } from './status-book.ts';
import { isW3cCredential } from './w3c-form.ts';

const DAY_S = 86_400;
const DEFAULT_DAYS = 365;
const MAX_DAYS = 3650;

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

/** Commands, for one wallet and network. */
export function credentialCommands(context: IdentityContext) {
  const { holderOf, unlinkableView, view } = credentialBook(context);

  const check = async (
    credential: string,
  ): Promise<{ claims: Record<string, unknown>; verdict: VerdictView | null }> => {
    requireIssued(credential);
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

  /** Takes in a credential whose showings cannot be linked, in the place of the one that it renews. */
  const acceptUnlinkable = async (given: v.InferOutput<typeof packageSchema>) => {
    const { credential, request = null } = given;
    const { checkReceived } = await import('./unlinkable-commands.ts');
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

  const acceptForeign = async (credential: string) => {
    const { checkW3cCredential } = await import('./w3c-commands.ts');
    const { verdict } = await checkW3cCredential(context, credential, false);
    requireNew(credential);
    const id = await store(credential, {});
    const record = { credential, openings: {}, received: context.seconds };
    return { ...view(id, record, undefined, await foreignViews(context)), issuerVerdict: verdict };
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
      const until = now + days * DAY_S;
      const type = input.type.trim();
      const claims = {
        ...input.claims,
        ...(Object.keys(commitments).length === 0 ? {} : { commitments }),
      };
      const credential = await issueSdJwt(await context.signingKey(issuer.key), {
        iss: issuer.did,
        vct: type,
        iat: now,
        exp: until,
        ...(subject === null ? {} : { sub: subject }),
        ...(holder === null ? {} : { holderKey: requireTokenKey(holder.key) }),
        ...(index === null ? {} : { status: { uri: at[0] ?? statusUri(issuer.did), idx: index } }),
        certificates: toX5c(context.chainOf(issuer)),
        claims,
        selective: input.selective ?? Object.keys(input.claims).map((name) => [name]),
      });
      if (index !== null)
        await noteIssued(context, {
          issuer: issuer.did,
          subject,
          type,
          claims: input.claims,
          index,
          at: now,
          until,
        });
      if (holder !== null && holderOf(holder.key) !== null) await store(credential, openings);
      const packed = { v: 1, credential, ...(Object.keys(openings).length === 0 ? {} : { openings }) };
      return { package: JSON.stringify(packed), index };
    },

    /** Credentials that an identity of one's own issued and can revoke, the newest first. */
    async issuedCredentials(input: { issuer: string }): Promise<IssuedCredentialView[]> {
      return issuedBy(context, context.own(input.issuer).did);
    },

    /** Takes in a credential, as a package, as its compact text or as the W3C's JSON, after every check. */
    async acceptCredential(input: {
      text: string;
    }): Promise<CredentialView & { issuerVerdict: VerdictView | null }> {
      const text = input.text.trim();
      if (isW3cCredential(text)) return acceptForeign(text);
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
      const foreign = await foreignViews(context);
      return context
        .list<CredentialRecord>('credential')
        .map(({ id, value }) => view(id, value, status, foreign));
    },

    /** What was shown to whom, newest first. */
    async shownLog(): Promise<
      { at: number; audience: string; claims: ClaimPath[]; proved: PredicateQuery[] }[]
    > {
      return context
        .list<{
          at: number;
          audience: string;
          answers: { paths: ClaimPath[] }[];
          proved?: PredicateQuery[];
        }>('setting')
        .filter(({ id }) => id.startsWith('shown-'))
        .map(({ value }) => ({
          at: value.at,
          audience: value.audience,
          claims: value.answers.flatMap(({ paths }) => paths),
          proved: value.proved ?? [],
        }))
        .sort((a, b) => b.at - a.at);
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
  };
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
