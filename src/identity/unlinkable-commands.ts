/** Commands of credentials whose showings cannot be linked: ask an issuer for one, issue, renew. */
import { sha256 } from '@noble/hashes/sha2.js';
import * as v from 'valibot';
import { Refusal } from '../wallet/errors.ts';
import { base64UrlText, fromBase64Url, parseJson, shaped, toBase64Url } from '../wallet/json.ts';
import { toX5c } from './chain.ts';
import type { IdentityContext } from './context.ts';
import type { OwnIdentity } from './identity-records.ts';
import { endorseKey } from './endorsed-keys.ts';
import { decodeIssued, decodePresented, isUnlinkable, MAX_PERIODS, PERIOD_S } from './jpt.ts';
import type { JwsHeader } from './jws.ts';
import type { HolderSecrets, SeenKey } from './unlinkable.ts';

const DAY_S = 86_400;
const DEFAULT_PERIODS = 4;
/** A statement about a key is signed anew when it holds for less than this. */
const ENDORSED_S = 365 * DAY_S;
const RENEW_ENDORSEMENT_S = (MAX_PERIODS + 1) * PERIOD_S;

const load = () => import('./unlinkable.ts');

const requestSchema = v.strictObject({
  v: v.literal(1),
  type: v.literal('unlinkable-request'),
  commitment: v.pipe(base64UrlText(512), v.minLength(1)),
});

/** A request that one made, with what hides the link secret in it. */
interface RequestRecord {
  /** 32 bytes, base64url. */
  blind: string;
  created: number;
}

/** A credential that one issued, kept so that it can be renewed. */
interface IssuedRecord {
  issuer: string;
  type: string;
  claims: Record<string, unknown>;
  commitment: string;
  periods: number;
  until: number;
}

export interface IssuedView {
  id: string;
  issuer: string;
  type: string;
  claims: Record<string, unknown>;
  /** Seconds since the epoch. */
  until: number;
}

interface KeyRecord {
  index: number;
  statement: string;
  until: number;
}

const requestId = (hash: string) => `unlinkable-request-${hash}`;

function hashOf(commitment: string): string {
  return toBase64Url(sha256(fromBase64Url(commitment, 'unlinkable-request')));
}

/** The BBS keys of an identity of one's own, and its statement about them: one for everybody, renewed in time. */
async function keysOf(context: IdentityContext, issuer: OwnIdentity) {
  const { issuerKeys } = await load();
  const id = `bbs-key-${issuer.did}`;
  const kept = context.get<KeyRecord>(id, 'setting');
  const index = kept?.index ?? (await context.nextIndex('bbs'));
  const keys = issuerKeys(context.wallet.bbsMaterial(index));
  if (kept !== null && kept.until > context.seconds + RENEW_ENDORSEMENT_S)
    return { keys, statement: kept.statement };
  const until = context.seconds + ENDORSED_S;
  const statement = await endorseKey(await context.signingKey(issuer.key), {
    did: issuer.did,
    certificates: toX5c(context.chainOf(issuer)),
    now: context.seconds,
    until,
    publicKey: keys.publicKey,
  });
  await context.put(id, 'setting', { index, statement, until } satisfies KeyRecord);
  return { keys, statement };
}

/** Refuses a second key of one issuer: it could tell its holders apart by the key that it gave them. */
export async function rememberKey(context: IdentityContext, key: SeenKey): Promise<void> {
  const id = `bbs-seen-${key.issuer}`;
  const seen = context.get<SeenKey>(id, 'setting');
  if (seen !== null && seen.until > context.seconds && seen.fingerprint !== key.fingerprint)
    throw new Refusal(
      'issuer-several-keys',
      `${key.fingerprint.slice(0, 16)} after ${seen.fingerprint.slice(0, 16)}`,
      'This issuer signed with another key before. It could recognise people by the keys that it gives them.',
    );
  await context.put(id, 'setting', key);
}

/** What shows a credential of the wallet: the link secret, and the factor that hid it from the issuer. */
export function secretsOf(context: IdentityContext, blind: string): HolderSecrets {
  return { link: context.wallet.linkMaterial(), blind: fromBase64Url(blind, 'credential', 32) };
}

/** Where the issuer's keys and certificates stand in a presentation of either form. */
export function issuerToken(presentation: string): string {
  return isUnlinkable(presentation) ? decodePresented(presentation).header.keys : presentation;
}

/**
 * Checks a received credential against the request it answers. `blind`: of a credential that comes from another of
 * one's wallets. Throws Refusal `unlinkable-request` if it answers none, and what its checks throw.
 */
export async function checkReceived(
  context: IdentityContext,
  given: { credential: string; request?: string; blind?: string },
): Promise<{ issuer: string; header: JwsHeader; blind: string }> {
  const { checkIssued } = await load();
  const asked =
    given.request === undefined ? null : context.get<RequestRecord>(requestId(given.request), 'setting');
  const blind = given.blind ?? asked?.blind;
  if (blind === undefined)
    throw new Refusal(
      'unlinkable-request',
      'no request of this wallet',
      'This credential was not made for a request of this wallet.',
    );
  const { keys } = decodeIssued(given.credential).header;
  const how = { now: context.seconds, issuerKey: await context.issuerKeys([keys]) };
  const { issuer, header, key } = checkIssued(given.credential, secretsOf(context, blind), how);
  await rememberKey(context, key);
  return { issuer, header, blind };
}

/** Commands, for one wallet and network. */
export function unlinkableCommands(context: IdentityContext) {
  const issue = async (
    record: Omit<IssuedRecord, 'until'>,
    id = `unlinkable-issued-${crypto.randomUUID()}`,
  ): Promise<{ id: string; package: string; until: number }> => {
    const { endOfPeriod, issueUnlinkable } = await load();
    const issuer = context.own(record.issuer);
    const { keys, statement } = await keysOf(context, issuer);
    const until = endOfPeriod(context.seconds, record.periods);
    const credential = issueUnlinkable(
      keys,
      { iss: issuer.did, vct: record.type, exp: until, keys: statement, claims: record.claims },
      fromBase64Url(record.commitment, 'unlinkable-request'),
    );
    await context.put(id, 'setting', { ...record, until } satisfies IssuedRecord);
    const packed = { v: 1, credential, request: hashOf(record.commitment) };
    return { id, package: JSON.stringify(packed), until };
  };

  const issuedOf = (id: string): IssuedRecord => {
    const found = id.startsWith('unlinkable-issued-') ? context.get<IssuedRecord>(id, 'setting') : null;
    if (found === null) throw new Refusal('unknown-credential', id.slice(0, 80), 'You did not issue this.');
    return found;
  };

  return {
    /** Asks an issuer for a credential that only this wallet can show; the issuer does not learn by what secret. */
    async requestUnlinkable(): Promise<{ request: string }> {
      const { commitToLink } = await load();
      const { commitment, blind } = commitToLink(context.wallet.linkMaterial());
      const encoded = toBase64Url(commitment);
      const record: RequestRecord = { blind: toBase64Url(blind), created: context.seconds };
      await context.put(requestId(hashOf(encoded)), 'setting', record);
      return { request: JSON.stringify({ v: 1, type: 'unlinkable-request', commitment: encoded }) };
    },

    /**
     * Issues a credential whose showings cannot be linked, for whoever made the request. It cannot be taken back:
     * it holds for some weeks (four unless told) and is then renewed or not.
     */
    async issueUnlinkable(input: {
      issuer: string;
      request: string;
      type: string;
      claims: Record<string, unknown>;
      weeks?: number;
    }): Promise<{ id: string; package: string; until: number }> {
      const { checkCommitment } = await load();
      const what = 'unlinkable-request';
      const { commitment } = shaped(requestSchema, parseJson(input.request.trim(), what), what);
      checkCommitment(fromBase64Url(commitment, what));
      const periods = input.weeks ?? DEFAULT_PERIODS;
      if (!Number.isInteger(periods) || periods < 1 || periods >= MAX_PERIODS)
        throw new Refusal('validity', `${periods} weeks`, `Choose between one and ${MAX_PERIODS - 1} weeks.`);
      const { issuer, claims } = input;
      return issue({ issuer, type: input.type.trim(), claims, commitment, periods });
    },

    /** Credentials that one issued and may renew. */
    async issuedUnlinkable(): Promise<IssuedView[]> {
      return context
        .list<IssuedRecord>('setting')
        .filter(({ id }) => id.startsWith('unlinkable-issued-'))
        .map(({ id, value: { issuer, type, claims, until } }) => ({ id, issuer, type, claims, until }));
    },

    /** Issues a credential anew for some more weeks; the holder takes it in the place of the old one. */
    async renewUnlinkable(input: { id: string }): Promise<{ package: string; until: number }> {
      const { until: _, ...record } = issuedOf(input.id);
      return issue(record, input.id);
    },

    /** Forgets a credential that one issued; it ends by itself. */
    async forgetUnlinkable(input: { id: string }): Promise<void> {
      issuedOf(input.id);
      await context.remove(input.id);
    },
  };
}
