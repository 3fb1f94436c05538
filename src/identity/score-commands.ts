/** Commands of the Auto Score: evidence, the score line by line, and a credential that proves bounds of it. */
import * as v from 'valibot';
import { toHex } from '../protocol/bytes.ts';
import { Refusal } from '../wallet/errors.ts';
import { parseJson, shaped, toBase64Url } from '../wallet/json.ts';
import { toX5c } from './chain.ts';
import type { IdentityContext } from './context.ts';
import type { CredentialRecord } from './credential-view.ts';
import { evidenceIn, FULL_PPM, type EvidenceRecord } from './evidence.ts';
import { claimsOf, decodeIssued, isUnlinkable } from './jpt.ts';
import { jwkOf } from './keys.ts';
import { predicates } from './predicate.ts';
import { computeScore, nullifierOf, POLICY_V1, type Score, type ScorePolicy } from './score.ts';
import { statusReader } from './status-book.ts';
import { disclosableClaims, issueSdJwt } from './sd-jwt.ts';
import { isW3cCredential } from './w3c-form.ts';
import { isDead } from './standing.ts';

const SCORE_TYPE = 'urn:autonomys:vc:auto-score:1';
const POLICY = 'score-policy';
const DAY_S = 86_400;
const SCORE_DAYS = 30;
/** Parts per million to the score's scale of 0 to 10 000. */
const SCALE = 100;
const MAX_EVIDENCE = 256;

const ppm = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1_000_000));
const seconds = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const label = v.pipe(v.string(), v.minLength(1), v.maxLength(64));

const policySchema = v.strictObject({
  version: label,
  types: v.record(
    label,
    v.strictObject({
      group: label,
      weight_ppm: ppm,
      fresh_s: seconds,
      max_s: v.pipe(seconds, v.minValue(1)),
    }),
  ),
  group_caps_ppm: v.record(label, ppm),
});

export interface ScoreView extends Score {
  policy: string;
  computedAt: number;
  /** One line for each piece of evidence, in the order of the policy's worth. */
  lines: {
    id: string;
    type: string;
    service: string;
    group: string | null;
    explanation: string;
    /** Who stands behind it: an issuer, the chain, or nobody but the person. */
    backing: string | null;
  }[];
  /** Kinds of evidence that the policy knows. */
  types: string[];
  /** What nobody should conclude from the number. */
  caution: string;
}

const CAUTION =
  'This score is computed by your own wallet. It says how hard your evidence would be to fake, not that you are ' +
  'unique among all people: nobody has checked that the same accounts are not in somebody else’s wallet too.';

const REASONS = {
  revoked: 'left out: it was revoked',
  'not-yet-valid': 'left out: it is dated in the future',
  expired: 'left out: it has expired',
  duplicate: 'left out: the same account is counted already',
  stale: 'left out: it is too old',
  'unknown-type': 'left out: this policy does not know such evidence',
} as const;

type StatusReader = Awaited<ReturnType<typeof statusReader>>;

/** Quality of evidence that nothing but the person's word stands behind. */
const WORD_PPM = 100_000;

const WORD_ONLY = 'nothing but your word stands behind it';
const COPY = 'its files could be a copy, for neither chip nor face was checked';

function percent(ppmValue: number): string {
  return `${(ppmValue / 10_000).toFixed(1)} %`;
}

/** Why counted evidence counts less than it could. */
function lessened(
  { type, quality_ppm, issued_at, passport }: EvidenceRecord,
  now: number,
  used: ScorePolicy,
): string {
  const old = now - issued_at > used.types[type]!.fresh_s;
  const reasons = [
    ...(quality_ppm < FULL_PPM ? [passport === undefined ? WORD_ONLY : COPY] : []),
    ...(old ? [`it is ${Math.floor((now - issued_at) / DAY_S)} days old`] : []),
  ];
  return reasons.length === 0 ? '' : `: ${reasons.join(', and ')}`;
}

/** Commands, for one wallet and network. */
export function scoreCommands(context: IdentityContext) {
  const policy = (): ScorePolicy => context.get<ScorePolicy>(POLICY, 'setting') ?? POLICY_V1;

  const evidence = (): EvidenceRecord[] => evidenceIn(context);

  /** Evidence as it is worth now: what stood behind it may have been revoked, renewed or removed since. */
  const living = async (): Promise<EvidenceRecord[]> => {
    const status = await statusReader(context);
    const gone = new Map<string, Promise<boolean>>();
    const isGone = (issuer: string) => {
      const known = gone.get(issuer) ?? isDead(context, issuer, null);
      gone.set(issuer, known);
      return known;
    };
    return Promise.all(
      evidence().map(async (one) => {
        if (one.credential === null) return one;
        const record = context.get<CredentialRecord>(one.credential, 'credential');
        if (record === null) return { ...one, credential: null, quality_ppm: WORD_PPM };
        const { issuer, issuedAt, expiresAt, reference } = backingIn(record);
        const found = reference === null ? 'valid' : status(reference, issuer);
        const revoked = found === 'revoked' || found === 'suspended' || (await isGone(issuer));
        return { ...one, issued_at: issuedAt ?? one.issued_at, expires_at: expiresAt, revoked };
      }),
    );
  };

  const backingText = (one: EvidenceRecord, status: StatusReader): string | null => {
    const { credential, block, since, passport } = one;
    if (passport !== undefined) return `the signature of ${passport.signedBy}, checked here`;
    if (since !== undefined)
      return `used since ${new Date(since * 1000).toISOString().slice(0, 10)}, block ${block}, proven`;
    if (block !== undefined) return `block ${block}, proven`;
    const record = credential === null ? null : context.get<CredentialRecord>(credential, 'credential');
    if (record === null) return null;
    const { issuer, reference } = backingIn(record);
    const unsure = reference !== null && status(reference, issuer) === 'unknown';
    return `${context.known(issuer)?.name ?? issuer}${unsure ? ', revocation not known' : ''}`;
  };

  return {
    /** Every piece of evidence in the wallet, as it is worth now. */
    async evidence(): Promise<EvidenceRecord[]> {
      return living();
    },

    /**
     * Adds evidence. Trust in it is full if a credential of the wallet stands behind it, otherwise it is only the
     * person's word and counts for a tenth.
     */
    async addEvidence(input: {
      type: string;
      service: string;
      /** The account's unique id at the service; only a hash of it is kept. */
      account: string;
      credential?: string;
      /** Seconds since the epoch; now unless told. */
      issuedAt?: number;
      expiresAt?: number;
    }): Promise<EvidenceRecord> {
      if (!Object.hasOwn(policy().types, input.type))
        throw new Refusal('evidence-type', input.type.slice(0, 40), 'This kind of evidence is not known.');
      const service = input.service.trim().toLowerCase();
      const account = input.account.trim();
      if (service === '' || account === '')
        throw new Refusal('evidence', 'empty', 'Say which service, and which account there.');
      const all = evidence();
      if (all.length >= MAX_EVIDENCE) throw new Refusal('evidence', `${all.length} pieces`);
      const nullifier = toHex(nullifierOf(service, account));
      if (all.some((one) => one.type === input.type && one.nullifier === nullifier))
        throw new Refusal('evidence-exists', nullifier, 'This account is in the wallet already.');
      const backing = input.credential === undefined ? null : backingOf(context, input.credential);
      const id = `evidence-${crypto.randomUUID()}`;
      const record: Omit<EvidenceRecord, 'id'> = {
        type: input.type,
        service,
        nullifier,
        quality_ppm: backing === null ? WORD_PPM : FULL_PPM,
        issued_at: backing?.issuedAt ?? input.issuedAt ?? context.seconds,
        expires_at: backing?.expiresAt ?? input.expiresAt ?? null,
        revoked: false,
        credential: input.credential ?? null,
      };
      await context.put(id, 'evidence', record);
      return { ...record, id };
    },

    async removeEvidence(input: { id: string }): Promise<void> {
      if (context.get(input.id, 'evidence') === null)
        throw new Refusal('unknown-evidence', input.id.slice(0, 80), 'This evidence is not in the wallet.');
      await context.remove(input.id);
    },

    /** The score with every line explained. */
    async score(): Promise<ScoreView> {
      const used = policy();
      const all = await living();
      const status = await statusReader(context);
      const now = context.seconds;
      const score = computeScore(all, now, used);
      const byId = new Map(all.map((one) => [one.id, one]));
      return {
        ...score,
        policy: used.version,
        computedAt: now,
        caution: CAUTION,
        lines: score.evidence.map(({ id, counted, effective_ppm, reason }) => {
          const one = byId.get(id)!;
          const { type, service } = one;
          const group = Object.hasOwn(used.types, type) ? used.types[type]!.group : null;
          const explanation = counted
            ? `counts ${percent(effective_ppm)} of at most ${percent(used.types[type]!.weight_ppm)}${lessened(one, now, used)}`
            : REASONS[reason!];
          return { id, type, service, group, explanation, backing: backingText(one, status) };
        }),
        types: Object.keys(used.types),
      };
    },

    /**
     * Makes a credential of the present score for an identity of one's own, signed by itself and so labelled. The
     * score in it is hidden; that it is at least some number can be proved of it.
     */
    async issueScore(input: { did: string }): Promise<{ id: string; score: number }> {
      const identity = context.own(input.did);
      const key = await context.signingKey(identity.key);
      const now = context.seconds;
      const { score_ppm } = computeScore(await living(), now, policy());
      const value = Math.floor(score_ppm / SCALE);
      const blinding = predicates.derivedBlinding(
        context.wallet.blindingKey(),
        `${identity.did}/${now}/${value}`,
      );
      const credential = await issueSdJwt(key, {
        iss: identity.did,
        vct: SCORE_TYPE,
        iat: now,
        exp: now + SCORE_DAYS * DAY_S,
        sub: identity.did,
        holderKey: jwkOf(key.publicKeyInfo),
        certificates: toX5c(context.chainOf(identity)),
        claims: {
          score: value,
          policy: policy().version,
          self_computed: true,
          commitments: { score: toBase64Url(predicates.commit({ value, blinding })) },
        },
        selective: [['score']],
      });
      const id = `credential-${crypto.randomUUID()}`;
      const record: CredentialRecord = {
        credential,
        openings: { score: { value, blinding: toBase64Url(blinding) } },
        received: now,
      };
      await context.put(id, 'credential', record);
      return { id, score: value };
    },

    /** The policy in use, as JSON. */
    async scorePolicy(): Promise<string> {
      return JSON.stringify(policy(), null, 2);
    },

    /** Replaces the policy; null goes back to the built-in one. Throws DecodeError. */
    async setScorePolicy(input: { policy: string | null }): Promise<void> {
      if (input.policy === null) {
        if (context.get(POLICY, 'setting') !== null) await context.remove(POLICY);
        return;
      }
      const next = shaped(policySchema, parseJson(input.policy, 'score-policy'), 'score-policy');
      const odd = Object.values(next.types).find(
        ({ fresh_s, max_s, group }) => fresh_s >= max_s || !Object.hasOwn(next.group_caps_ppm, group),
      );
      if (odd !== undefined)
        throw new Refusal('score-policy', JSON.stringify(odd), 'A rule of this policy contradicts itself.');
      await context.put(POLICY, 'setting', next);
    },
  };
}

/** What a credential says of itself that matters to evidence. One that cannot be linked tells no time of issue. */
function backingIn({ credential, received }: CredentialRecord) {
  if (isUnlinkable(credential)) {
    const { iss, exp } = claimsOf(decodeIssued(credential));
    return { issuer: iss, subject: null, issuedAt: received, expiresAt: exp, reference: null };
  }
  const { iss, sub = null, iat = null, exp = null, status } = disclosableClaims(credential).claims;
  const reference = status?.status_list ?? null;
  return { issuer: iss, subject: sub, issuedAt: iat, expiresAt: exp, reference };
}

/** Dates of the credential that evidence rests on; one the wallet's owner issued to itself backs nothing. */
function backingOf(
  context: IdentityContext,
  id: string,
): { issuedAt: number | null; expiresAt: number | null } {
  const record = context.get<CredentialRecord>(id, 'credential');
  if (record === null)
    throw new Refusal('unknown-credential', id.slice(0, 80), 'This credential is not in the wallet.');
  if (isW3cCredential(record.credential))
    throw new Refusal(
      'foreign-credential',
      'a credential of the W3C’s kind',
      'A credential of another system does not say whose it is, so it is no evidence.',
    );
  const { issuer, subject, issuedAt, expiresAt } = backingIn(record);
  if (issuer === subject || context.known(issuer)?.role === 'own')
    throw new Refusal('self-issued', issuer, 'A credential that you issued yourself is no evidence.');
  return { issuedAt, expiresAt };
}
