import { base64urlnopad } from '@scure/base';
import { gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Web } from '../network/web.ts';
import { createIdentityService, type IdentityService } from './service.ts';
import { testWallet } from './testing/person.ts';
import { foreignCredential, type Json } from './testing/w3c-issuer.ts';

const SEED = new Uint8Array(32).fill(7);
const URI = 'https://school.example/status/3';
const START = Date.UTC(2030, 0, 1);
const HOUR = 3_600_000;

let now = START;
let served: Record<string, string> = {};
let asked: string[] = [];
const web: Web = async ({ url }) => {
  asked.push(url);
  const text = served[url];
  return text === undefined
    ? { status: 404, type: 'text/plain', text: 'no' }
    : { status: 200, type: 'application/vc', text };
};
beforeEach(() => {
  now = START;
  served = {};
  asked = [];
});

const person = async (): Promise<IdentityService> =>
  createIdentityService(await testWallet(), { network: () => 'dev', registry: null, now: () => now, web });

/** A list of 131 072 bits in which some are set. */
function packed(set: number[], bytes = 16 * 1024): string {
  const bits = new Uint8Array(bytes);
  for (const index of set) bits[index >> 3]! |= 0x80 >> (index & 7);
  return `u${base64urlnopad.encode(Uint8Array.from(gzipSync(bits)))}`;
}

function list(set: number[], subject: Json = {}, members: Json = {}, seed = SEED): string {
  return foreignCredential(seed, {
    id: URI,
    type: ['VerifiableCredential', 'BitstringStatusListCredential'],
    validFrom: '2029-12-31T23:00:00Z',
    validUntil: undefined,
    credentialSubject: {
      type: 'BitstringStatusList',
      statusPurpose: 'revocation',
      encodedList: packed(set),
      ...subject,
    },
    ...members,
  });
}

const entry = (index: string, more: Json = {}): Json => ({
  type: 'BitstringStatusListEntry',
  statusPurpose: 'revocation',
  statusListIndex: index,
  statusListCredential: URI,
  ...more,
});
const credential = (index = '9', more: Json = {}) =>
  foreignCredential(SEED, { credentialStatus: entry(index, more) });

/** What a wallet with a list says of a credential. */
async function verdict(token: string, text: string): Promise<string> {
  const one = await person();
  await one.importStatusList({ token });
  return one.checkForeign({ text }).then(
    () => 'accepted',
    (error: unknown) => (error as { code: string }).code,
  );
}

describe('lists of revocations of other systems', () => {
  it('are handed over, and say of each credential whether it was taken back', async () => {
    expect(await verdict(list([]), credential())).toBe('accepted');
    expect(await verdict(list([9]), credential())).toBe('revoked');
    expect(await verdict(list([8, 10]), credential())).toBe('accepted');
    expect(await verdict(list([0]), credential('0'))).toBe('revoked');
    expect(await verdict(list([131_071]), credential('131071'))).toBe('revoked');
    const suspended = { statusPurpose: 'suspension' };
    expect(await verdict(list([9], suspended), credential('9', suspended))).toBe('suspended');
    const both = { statusPurpose: ['revocation', 'refresh'] };
    expect(await verdict(list([9], both), credential('9', { statusPurpose: 'refresh' }))).toBe('accepted');
  });

  it('tell nothing where they do not fit, and then a credential is refused', async () => {
    expect(await verdict(list([]), credential('131072'))).toBe('status-unknown');
    expect(await verdict(list([]), credential('9', { statusPurpose: 'message' }))).toBe('status-unknown');
    expect(await verdict(list([]), credential('9', { statusPurpose: 'suspension' }))).toBe('status-unknown');
    expect(await verdict(list([]), credential('09'))).toBe('status-unknown');
    expect(await verdict(list([]), credential('9', { statusSize: 2 }))).toBe('status-unknown');
    const elsewhere = credential('9', { statusListCredential: 'https://school.example/status/4' });
    expect(await verdict(list([]), elsewhere)).toBe('status-unknown');
    // Somebody else's list at the same address.
    const foreign = list([], {}, {}, new Uint8Array(32).fill(8));
    expect(await verdict(foreign, credential())).toBe('status-unknown');
    // The worst of several counts.
    const two = foreignCredential(SEED, { credentialStatus: [entry('1'), entry('9')] });
    expect(await verdict(list([9]), two)).toBe('revoked');
    expect(await verdict(list([]), two)).toBe('accepted');
  });

  it('are refused when they are not whole lists, changed or too large', async () => {
    const one = await person();
    const refused = (token: string, why: string) =>
      expect(one.importStatusList({ token })).rejects.toThrow(why);
    await refused(list([]).replace('"revocation"', '"suspension"'), 'signature');
    await refused(list([], { encodedList: packed([], 1024) }), 'fewer than');
    await refused(list([], { encodedList: packed([], 2 * 1024 * 1024) }), 'unpacks to more');
    await refused(list([], { encodedList: 'uAAAA' }), 'no gzipped bits');
    await refused(list([], { encodedList: 'zAAAA' }), 'bitstring-status-list');
    await refused(list([], { type: 'SomethingElse' }), 'bitstring-status-list');
    await refused(list([], {}, { type: ['VerifiableCredential'] }), 'status-list');
    await refused(list([], {}, { id: undefined }), 'bitstring-status-list');
    await refused(list([], {}, { validFrom: '2030-06-01T00:00:00Z' }), 'not-yet-valid');
  });

  it('are believed for a day, for as long as they say, and never in place of a newer one', async () => {
    const one = await person();
    const text = credential();
    await one.importStatusList({ token: list([]) });
    now += 22 * HOUR;
    await one.checkForeign({ text });
    now += 2 * HOUR;
    await expect(one.checkForeign({ text })).rejects.toThrow('status-unknown');
    now = START;
    await one.importStatusList({ token: list([], { ttl: HOUR / 2 }, { validFrom: '2029-12-31T23:40:00Z' }) });
    await one.checkForeign({ text });
    now += HOUR / 2;
    await expect(one.checkForeign({ text })).rejects.toThrow('status-unknown');
    await expect(one.importStatusList({ token: list([]) })).rejects.toThrow('older than');
    now = START;
    const ends = list([], {}, { validFrom: '2029-12-31T23:50:00Z', validUntil: '2030-01-01T00:10:00Z' });
    await one.importStatusList({ token: ends });
    now += HOUR / 4;
    await expect(one.checkForeign({ text })).rejects.toThrow('status-unknown');
  });

  it('are fetched when the person says so, having heard who is asked', async () => {
    const [holder, verifier] = [await person(), await person()];
    const text = credential();
    const kept = await holder.acceptCredential({ text });
    expect(kept).toMatchObject({
      status: 'unknown',
      statusSource: { host: 'school.example', asked: null },
    });
    expect(await verifier.foreignLists({ text })).toEqual(['school.example']);
    expect(asked).toEqual([]);
    await expect(holder.checkStatus({ id: kept.id })).rejects.toThrow('issuer-refused');
    served[URI] = list([]);
    await holder.checkStatus({ id: kept.id });
    expect(await holder.credentials()).toMatchObject([
      { status: 'valid', statusSource: { asked: START / 1000 } },
    ]);
    const ask = { type: 'AlumniCredential', showing: 'foreign' as const };
    const request = await verifier.newRequest({ audience: 'https://bar.example', credentials: [ask] });
    const match = (await holder.matchRequest({ request })).queries[0]!.matches[0]!;
    const answers = [{ query: 'q1', credential: kept.id, paths: match.disclosed }];
    const response = await holder.present({ request, answers });
    await expect(verifier.verifyResponse({ request, response })).rejects.toThrow('status-unknown');
    expect(await verifier.issuersToAsk({ response })).toEqual({ keys: [], lists: ['school.example'] });
    served[URI] = list([9]);
    await verifier.askIssuers({ response });
    await expect(verifier.verifyResponse({ request, response })).rejects.toThrow('revoked');
    await verifier.askForeignLists({ text: credential('10') });
    expect(await verifier.checkForeign({ text: credential('10') })).toMatchObject({
      type: 'AlumniCredential',
    });
    expect(new Set(asked)).toEqual(new Set([URI]));
    // What is revoked is not taken in.
    await expect(verifier.acceptCredential({ text })).rejects.toThrow('revoked');
  });
});
