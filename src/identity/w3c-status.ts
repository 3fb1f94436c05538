/**
 * Revocation of credentials of other systems: W3C Bitstring Status Lists 1.0, which are credentials themselves. They are
 * handed over, or fetched from the address that a credential names when the person says so.
 */
import { base64urlnopad } from '@scure/base';
import * as v from 'valibot';
import { webUrl, type Web } from '../network/web.ts';
import { DecodeError } from '../protocol/errors.ts';
import { Refusal } from '../wallet/errors.ts';
import { shaped } from '../wallet/json.ts';
import type { IdentityContext } from './context.ts';
import { secondsOf } from './data-integrity.ts';
import { succeeded } from './openid-web.ts';
import type { CredentialStatus } from './sd-jwt.ts';
import { throughStream } from './status-list.ts';
import {
  decodeW3cCredential,
  verifyW3cCredential,
  w3cStatus,
  type StatusEntry,
  type W3cCredential,
} from './w3c-credential.ts';

const WHAT = 'bitstring-status-list';
const ENTRY_TYPE = 'BitstringStatusListEntry';
const LIST_TYPE = 'BitstringStatusListCredential';
/** The standard's least, so that an index tells nobody apart; and the largest that is unpacked, in bytes. */
const MIN_BYTES = 16 * 1024;
const MAX_BYTES = 1024 * 1024;
/** Seconds that a list which does not say how long it holds is believed. */
const DEFAULT_LIFETIME_S = 86_400;

const text = (limit: number) => v.pipe(v.string(), v.minLength(1), v.maxLength(limit));
const entrySchema = v.looseObject({
  type: v.literal(ENTRY_TYPE),
  statusPurpose: text(64),
  statusListIndex: v.pipe(v.string(), v.regex(/^(?:0|[1-9]\d{0,8})$/)),
  statusListCredential: text(1024),
  statusSize: v.optional(v.literal(1)),
});
const listSchema = v.looseObject({
  type: v.literal('BitstringStatusList'),
  statusPurpose: v.union([text(64), v.pipe(v.array(text(64)), v.minLength(1), v.maxLength(8))]),
  encodedList: v.pipe(v.string(), v.startsWith('u'), v.maxLength(2 * MAX_BYTES)),
  ttl: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(0))),
});

/** What a set bit means. That there is a newer credential takes nothing back. */
const SET: Readonly<Record<string, CredentialStatus>> = {
  revocation: 'revoked',
  suspension: 'suspended',
  refresh: 'valid',
};

/** A list as it is kept. */
interface ListRecord {
  uri: string;
  credential: string;
  /** When it was had, in seconds since the epoch. */
  at: number;
}

const recordId = (uri: string) => `bitstring-list-${uri}`;

/** Addresses of the lists that a credential names. */
export function listsOf({ status }: Pick<W3cCredential, 'status'>): string[] {
  const uris = status.flatMap((entry) => (v.is(entrySchema, entry) ? [entry.statusListCredential] : []));
  return [...new Set(uris)];
}

interface List {
  issuer: string;
  purposes: string[];
  bits: Uint8Array;
  /** Seconds since the epoch. */
  until: number;
  /** When it was made. */
  since: number;
}

/** Verifies a list, but for its end. Throws what `verifyW3cCredential` throws; DecodeError; Refusal `status-list`. */
async function openList(context: IdentityContext, { credential: json, uri, at }: ListRecord): Promise<List> {
  const keyOf = async (did: string) => (await context.resolve(did))?.key ?? null;
  // A list that has ended tells nothing, which its reader says; it is no reason to refuse it here.
  const now = Math.min(context.seconds, (decodeW3cCredential(json).validUntil ?? Infinity) - 1);
  const list = await verifyW3cCredential(json, { now, keyOf, needsStatus: true });
  const { issuer, types, validFrom, validUntil, secured } = list;
  if (!types.includes(LIST_TYPE) || secured.document['id'] !== uri)
    throw new Refusal('status-list', 'a list of another place', 'This is not the list that was named.');
  const { statusPurpose, encodedList, ttl } = shaped(listSchema, secured.document['credentialSubject'], WHAT);
  const { created } = secured.proof;
  const since = validFrom ?? (created === undefined ? 0 : secondsOf(created, WHAT));
  const lifetime = ttl === undefined ? DEFAULT_LIFETIME_S : ttl / 1000;
  return {
    issuer,
    purposes: typeof statusPurpose === 'string' ? [statusPurpose] : statusPurpose,
    bits: await unpacked(encodedList),
    until: Math.min(validUntil ?? Infinity, Math.max(at, since) + lifetime),
    since,
  };
}

async function unpacked(encoded: string): Promise<Uint8Array> {
  let bits: Uint8Array;
  try {
    const packed = base64urlnopad.decode(encoded.slice(1));
    bits = await throughStream(packed, new DecompressionStream('gzip'), MAX_BYTES);
  } catch (error) {
    if (error instanceof DecodeError) throw error;
    throw new DecodeError(WHAT, 'no gzipped bits');
  }
  if (bits.length < MIN_BYTES) throw new DecodeError(WHAT, `${bits.length} bytes, fewer than the standard’s`);
  return bits;
}

/** What a list says of an entry: the first bit of the first byte is of index 0. */
function read(list: List, entry: StatusEntry, issuer: string, now: number): CredentialStatus {
  const parsed = v.safeParse(entrySchema, entry);
  if (!parsed.success || list.issuer !== issuer || list.until <= now) return 'unknown';
  const { statusPurpose, statusListIndex } = parsed.output;
  const index = Number(statusListIndex);
  const byte = list.bits[index >> 3];
  if (byte === undefined || !list.purposes.includes(statusPurpose)) return 'unknown';
  if ((byte & (0x80 >> (index & 7))) === 0) return 'valid';
  return SET[statusPurpose] ?? 'unknown';
}

/** Status of credentials by the lists that the wallet has; one that is out of date tells nothing. */
export async function w3cStatusReader(
  context: IdentityContext,
): Promise<(entry: StatusEntry, issuer: string) => CredentialStatus> {
  const lists = new Map<string, List>();
  for (const { id, value } of context.list<ListRecord>('setting'))
    if (id.startsWith(recordId(''))) lists.set(value.uri, await openList(context, value));
  return (entry, issuer) => {
    const uri = entry['statusListCredential'];
    const list = typeof uri === 'string' ? lists.get(uri) : undefined;
    return list === undefined ? 'unknown' : read(list, entry, issuer, context.seconds);
  };
}

/** Keeps a list, in the place of an older one. Throws what `openList` throws; Refusal `status-list` for an older one. */
async function keep(context: IdentityContext, record: ListRecord): Promise<{ issuer: string }> {
  const list = await openList(context, record);
  const kept = context.get<ListRecord>(recordId(record.uri), 'setting');
  if (kept !== null && (await openList(context, kept)).since > list.since)
    throw new Refusal('status-list', 'older than the one kept', 'You have a newer list of this issuer.');
  await context.put(recordId(record.uri), 'setting', record);
  return { issuer: list.issuer };
}

/** Keeps a list that was handed over. Throws what `keep` throws. */
export async function keepHandedW3cList(context: IdentityContext, json: string): Promise<{ issuer: string }> {
  const { id } = decodeW3cCredential(json).secured.document;
  if (typeof id !== 'string') throw new DecodeError(WHAT, 'id: an address expected');
  // It is believed from when it was made, however late it is handed over.
  return keep(context, { uri: id, credential: json, at: 0 });
}

/** When a list was fetched, in seconds since the epoch; null if it never was. */
export function w3cFetchedAt(context: IdentityContext, uri: string): number | null {
  return context.get<ListRecord>(recordId(uri), 'setting')?.at || null;
}

/** Those among credentials of which it is not known whether they were revoked, but could be, with their lists. */
export async function unknownAmong(
  context: IdentityContext,
  credentials: readonly string[],
): Promise<{ json: string; lists: string[] }[]> {
  const status = await w3cStatusReader(context);
  return credentials.flatMap((json) => {
    const credential = decodeW3cCredential(json);
    const lists = listsOf(credential);
    return w3cStatus(credential, status) === 'unknown' && lists.length > 0 ? [{ json, lists }] : [];
  });
}

/** Fetches the lists that a credential names, whole, so that their servers learn no more than that somebody looks. */
export async function fetchW3cLists(context: IdentityContext, credential: string, web: Web): Promise<void> {
  const uris = listsOf(decodeW3cCredential(credential));
  if (uris.length === 0)
    throw new Refusal('status-list', 'no address', 'This credential names no list that can be fetched.');
  for (const uri of uris) {
    const answer = await web({
      method: 'GET',
      url: webUrl(uri).href,
      headers: { accept: 'application/vc, application/json' },
    });
    const json = succeeded(answer, 'status-list').text.trim();
    await keep(context, { uri, credential: json, at: context.seconds });
  }
}
