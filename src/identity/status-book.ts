/**
 * Lists of revocations as the wallet keeps them: of its own issuers, handed over by others, and fetched from the web
 * addresses that credentials name.
 */
import { base64 } from '@scure/base';
import * as v from 'valibot';
import { webUrl, type Web } from '../network/web.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { Refusal } from '../wallet/errors.ts';
import { shaped } from '../wallet/json.ts';
import { fromX5c, type Chain } from './chain.ts';
import type { IdentityContext } from './context.ts';
import type { OwnIdentity } from './identity-records.ts';
import { decodeJws } from './jws.ts';
import type { Jwk } from './keys.ts';
import { succeeded } from './openid-web.ts';
import type { CredentialStatus, SdJwtCheck } from './sd-jwt.ts';
import { openStatusList, StatusList } from './status-list.ts';
import {
  announcedList,
  isCurrent,
  issuedAt,
  knownPointer,
  learnPointer,
  type StatusPointer,
} from './status-pointer.ts';

const MEDIA_TYPE = 'application/statuslist+jwt';

/** An issuer's list; `packed` of one's own, `token` of one that was handed over. */
interface ListRecord {
  issuer: string;
  packed?: string;
  token?: string;
  /** Web addresses that one's own list is published at. */
  addresses?: string[];
  /** When the list of one's own that was announced last was signed, in seconds since the epoch. */
  announced?: number;
  /** Whether the list of one's own that was announced last says the same as the present one; left out: unknown. */
  current?: boolean;
}

/** A list that was fetched, with the key that its signature was checked under. */
interface WebListRecord {
  issuer: string;
  uri: string;
  token: string;
  key: Jwk;
  /** Seconds since the epoch. */
  at: number;
}

const listId = (issuer: string) => `status-${issuer}`;
const webListId = (uri: string) => `weblist-${uri}`;

/** Name of an issuer's list that is handed over, not fetched. */
export function statusUri(issuer: string): string {
  return `${issuer}#status`;
}

/** Whether a list's name is an address that it can be fetched from. */
export function isWebAddress(uri: string): boolean {
  return /^https?:\/\//.test(uri);
}

export function ownList(
  context: IdentityContext,
  issuer: string,
): { list: StatusList; addresses: readonly string[] } {
  const { packed, addresses = [] } = context.get<ListRecord>(listId(issuer), 'setting') ?? {};
  return {
    list: packed === undefined ? StatusList.empty() : StatusList.of(base64.decode(packed)),
    addresses,
  };
}

function keepOwnList(
  context: IdentityContext,
  issuer: string,
  list: StatusList,
  addresses: readonly string[],
  also: Pick<ListRecord, 'announced' | 'current'> = {},
): Promise<void> {
  const before = context.get<ListRecord>(listId(issuer), 'setting');
  const packed = base64.encode(list.packed);
  const record = { ...before, issuer, packed, addresses: [...addresses], ...also };
  return context.put(listId(issuer), 'setting', record);
}

/** Gives a credential another status in the list of an issuer of one's own. */
export function changeStatus(
  context: IdentityContext,
  issuer: string,
  index: number,
  status: 'valid' | 'revoked' | 'suspended',
): Promise<void> {
  const { list, addresses } = ownList(context, issuer);
  list.set(index, status);
  return keepOwnList(context, issuer, list, addresses, { current: false });
}

/** When the list that this wallet announced last was signed, in seconds since the epoch; 0 if it announced none. */
export function lastAnnounced(context: IdentityContext, issuer: string): number {
  return context.get<ListRecord>(listId(issuer), 'setting')?.announced ?? 0;
}

/** Whether the list that this wallet announced last says the same as the present one. */
export function isAnnouncedCurrent(context: IdentityContext, issuer: string): boolean {
  return context.get<ListRecord>(listId(issuer), 'setting')?.current ?? false;
}

/**
 * Notes that a list of an own issuer was announced: what it says, and when it was signed, in seconds since the epoch.
 * Of two lists of one second only what they say tells which is the newer.
 */
export function noteAnnounced(
  context: IdentityContext,
  issuer: string,
  read: (index: number) => CredentialStatus,
  announced: number,
): Promise<void> {
  const { list, addresses } = ownList(context, issuer);
  const places = [...Array(context.own(issuer).credentialsIssued).keys()];
  // What was issued since is not in it, and valid.
  const told = (index: number) => (read(index) === 'unknown' ? 'valid' : read(index));
  const current = places.every((index) => told(index) === list.get(index));
  return keepOwnList(context, issuer, list, addresses, { announced, current });
}

/** From what says least against a credential to what says most. */
const GRAVITY: readonly CredentialStatus[] = ['unknown', 'valid', 'suspended', 'revoked'];

/**
 * Takes over the list of an own issuer that this wallet does not know to have announced: it was restored from an old
 * backup, or is open elsewhere too. Nothing that was revoked becomes valid again, and no index is given twice. Throws
 * Refusal `status-list` while that list cannot be had.
 */
export async function adoptAnnounced(
  context: IdentityContext,
  issuer: OwnIdentity,
  announced: StatusPointer,
): Promise<void> {
  const token = await announcedList(context, announced);
  if (token === null)
    throw new Refusal(
      'status-list',
      'announced elsewhere, not to be had',
      'You announced a newer list elsewhere, which cannot be fetched now. Try again when it is in history.',
    );
  const then = issuedAt(token);
  const expected = { issuer: issuer.did, uri: statusUri(issuer.did), now: then, fetched: then };
  const read = await openStatusList(token, expected, context.publicKeyOf(issuer.did)!);
  const { list, addresses } = ownList(context, issuer.did);
  let count = 0;
  for (let status = read(0); status !== 'unknown'; status = read(count)) {
    if (GRAVITY.indexOf(status) > GRAVITY.indexOf(list.get(count))) list.set(count, status);
    count += 1;
  }
  await keepOwnList(context, issuer.did, list, addresses);
  await context.putIdentity({ ...issuer, credentialsIssued: Math.max(issuer.credentialsIssued, count) });
  await noteAnnounced(context, issuer.did, read, announced.issuedAt);
}

/** Takes the next place in an own issuer's list, for something that can be revoked. */
export async function takeStatusIndex(
  context: IdentityContext,
  issuer: OwnIdentity,
  at: readonly string[],
): Promise<number> {
  const index = issuer.credentialsIssued;
  const { list, addresses } = ownList(context, issuer.did);
  list.set(index, 'valid');
  await keepOwnList(context, issuer.did, list, [...new Set([...addresses, ...at])]);
  await context.putIdentity({ ...issuer, credentialsIssued: index + 1 });
  return index;
}

/** Keeps a list that was handed over. Throws what `openStatusList` does, and Refusal `issuer-key`, `status-list`. */
export async function keepHandedList(context: IdentityContext, token: string): Promise<{ issuer: string }> {
  const { payload } = decodeJws(token, 'status-list');
  const issuer = typeof payload['iss'] === 'string' ? payload['iss'] : '';
  if (context.known(issuer)?.role === 'own')
    throw new Refusal('status-list', 'one’s own', 'This is your own list: the wallet keeps it itself.');
  const resolved = await context.resolve(issuer);
  if (resolved === null)
    throw new Refusal('issuer-key', `no key of ${issuer}`, 'The issuer of this list is not known.');
  const expected = { issuer, uri: statusUri(issuer), now: context.seconds };
  await openStatusList(token, { ...expected, fetched: context.seconds }, resolved.key);
  requireNewer(token, context.get<ListRecord>(listId(issuer), 'setting')?.token);
  await context.put(listId(issuer), 'setting', { issuer, token });
  return { issuer };
}

function requireNewer(token: string, kept: string | undefined): void {
  if (kept !== undefined && issuedAt(kept) > issuedAt(token))
    throw new Refusal('status-list', 'older than the one kept', 'You have a newer list of this issuer.');
}

/** What became of looking for an issuer's newest list. */
export type Found = 'none' | 'current' | 'fetched' | 'unreachable';

/**
 * Looks in the registry for an issuer's newest list and fetches it unless it is here. `unreachable`: it cannot be had;
 * until then an older one says of nothing that it is valid.
 */
export async function findNewestList(context: IdentityContext, issuer: string): Promise<Found> {
  const kept = context.get<ListRecord>(listId(issuer), 'setting');
  if (kept?.packed !== undefined) return 'current';
  const announced = await learnPointer(context, issuer);
  if (announced === null) return 'none';
  if (kept?.token !== undefined && isCurrent(kept.token, announced)) return 'current';
  const token = await announcedList(context, announced);
  if (token === null) return 'unreachable';
  try {
    await keepHandedList(context, token);
  } catch (error) {
    // What an issuer, or a lying node, points at may be anything.
    if (error instanceof ProtocolError) return 'unreachable';
    throw error;
  }
  return 'fetched';
}

/** Looks for the newest lists of the issuers of these tokens whose credentials name one without an address. */
export async function findNewestLists(context: IdentityContext, tokens: readonly string[]): Promise<void> {
  const issuers = new Set<string>();
  for (const token of tokens) {
    const { issuer, named } = listNamedBy(token);
    if (named === statusUri(issuer)) issuers.add(issuer);
  }
  for (const issuer of issuers) await findNewestList(context, issuer);
}

/** Status by the lists that the wallet has; one that is out of date tells nothing. */
export async function statusReader(context: IdentityContext): Promise<NonNullable<SdJwtCheck['status']>> {
  const readers = new Map<string, (index: number) => CredentialStatus>();
  const place = (issuer: string, uri: string) => `${issuer}\n${uri}`;
  const now = context.seconds;
  for (const { id, value } of context.list<ListRecord & WebListRecord>('setting')) {
    const { issuer, token, uri, key, at } = value;
    if (id.startsWith(webListId(''))) {
      const read = await openStatusList(token, { issuer, uri, now, fetched: at }, key);
      readers.set(place(issuer, uri), read);
    } else if (id.startsWith(listId(''))) {
      if (value.packed !== undefined) {
        const list = StatusList.of(base64.decode(value.packed));
        for (const name of [statusUri(issuer), ...(value.addresses ?? [])])
          readers.set(place(issuer, name), (index) => list.get(index));
      } else if (token !== undefined) {
        const resolved = await context.resolve(issuer, offeredChains(token));
        if (resolved === null) continue;
        const expected = { issuer, uri: statusUri(issuer), now, fetched: now };
        const read = await openStatusList(token, expected, resolved.key);
        const current = isCurrent(token, knownPointer(context, issuer));
        // A newer list exists: what this one calls valid may have been revoked since.
        const outdated = (index: number) => (read(index) === 'valid' ? 'unknown' : read(index));
        readers.set(place(issuer, expected.uri), current ? read : outdated);
      }
    }
  }
  return ({ uri, idx }, issuer) => readers.get(place(issuer, uri))?.(idx) ?? 'unknown';
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

/** When the list at a web address was fetched, in seconds since the epoch; null if it never was. */
export function fetchedAt(context: IdentityContext, uri: string): number | null {
  return context.get<WebListRecord>(webListId(uri), 'setting')?.at ?? null;
}

const referenceSchema = v.object({
  iss: v.string(),
  status: v.optional(v.object({ status_list: v.object({ uri: v.string(), idx: v.number() }) })),
});

/** Issuer of a credential (its signed token), its list's name and web address as far as it has them, its index there. */
export function listNamedBy(token: string): {
  issuer: string;
  named: string | null;
  uri: string | null;
  index: number;
} {
  const { iss, status } = shaped(referenceSchema, decodeJws(token, 'credential').payload, 'credential');
  const { uri = '', idx = 0 } = status?.status_list ?? {};
  return { issuer: iss, named: uri || null, uri: isWebAddress(uri) ? uri : null, index: idx };
}

/**
 * Fetches the list of revocations that a credential (its signed token) names and keeps it. The whole list is fetched,
 * so that its server learns no more than that somebody looks. Throws Refusal `status-list`, `issuer-key`,
 * `issuer-refused`, `signature`; DecodeError; WebError.
 */
export async function fetchStatusList(context: IdentityContext, token: string, web: Web): Promise<void> {
  const { issuer, uri } = listNamedBy(token);
  if (uri === null)
    throw new Refusal('status-list', 'no web address', 'This credential names no list that can be fetched.');
  const answer = await web({ method: 'GET', url: webUrl(uri).href, headers: { accept: MEDIA_TYPE } });
  const list = succeeded(answer, 'status-list').text.trim();
  const key = (await context.issuerKeys([token]))(issuer, decodeJws(list, 'status-list').header);
  if (key === null)
    throw new Refusal(
      'issuer-key',
      `no key of ${issuer}`,
      'The list of revocations is signed by somebody else.',
    );
  const at = context.seconds;
  await openStatusList(list, { issuer, uri, now: at, fetched: at }, key);
  requireNewer(list, context.get<WebListRecord>(webListId(uri), 'setting')?.token);
  const record: WebListRecord = { issuer, uri, token: list, key, at };
  await context.put(webListId(uri), 'setting', record);
}
