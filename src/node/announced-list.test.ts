/**
 * An issuer's list of revocations on its whole way: signed, stored by transactions, archived, read back, announced in the
 * registry, and found there and in history by a verifier whom nobody handed anything. History is of one record, which comes
 * about when the test says so.
 */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Registry } from '../identity/registry.ts';
import type { RegistryAccess } from '../identity/registry-access.ts';
import { createIdentityService, type IdentityService } from '../identity/service.ts';
import { testRegistry, testWallet } from '../identity/testing/person.ts';
import type { Locator } from '../objects/locate.ts';
import { ObjectService } from '../objects/service.ts';
import { concat, equal } from '../protocol/bytes.ts';
import { PIECE_BYTES, RAW_RECORD_BYTES } from '../protocol/constants.ts';
import { blake3Hash } from '../protocol/hash.ts';
import { recordFromRaw } from '../protocol/record.ts';
import { ScaleWriter } from '../protocol/scale.ts';
import type { GlobalObject, PieceIndex } from '../protocol/types.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import type { NodeStore } from '../storage/store.ts';
import type { PaymentRecord } from './payment-records.ts';
import type { CallInput, PaymentPlan } from './payments.ts';
import { Uploads } from './uploads.ts';

const TYPE = 'urn:x:membership';
const PIECE = 0n;

/** The chain's blocks, and what of them was archived. */
class History {
  private remarks: Uint8Array[] = [];
  private places: GlobalObject[] = [];
  private piece: Uint8Array | null = null;
  /** Whether whoever has the piece damages it. */
  spoiled = false;

  /** A list is small enough to be one remark. */
  include(call: CallInput): void {
    if (call instanceof Uint8Array) throw new Error('a call by its name is expected');
    this.remarks.push(call.args!['remark'] as Uint8Array);
  }

  /** Archives every block so far. */
  archive(): void {
    const raw = new Uint8Array(RAW_RECORD_BYTES);
    const stored = this.remarks.map((bytes) => new ScaleWriter().byteVector(bytes).bytes());
    raw.set(concat(...stored));
    this.piece = new Uint8Array(PIECE_BYTES);
    this.piece.set(recordFromRaw(raw));
    let offset = 0;
    this.places = this.remarks.map((bytes, at) => {
      const place = { hash: blake3Hash(bytes), pieceIndex: PIECE, offset };
      offset += stored[at]!.length;
      return place;
    });
  }

  /** What a tab that has seen nothing yet makes of it. */
  objects(): ObjectService {
    const index: Locator = {
      name: 'an index',
      locate: async (hashes) => this.places.filter(({ hash }) => hashes.some((one) => equal(one, hash))),
    };
    const pieces = async (indices: readonly PieceIndex[]) =>
      indices.map((one) => (one === PIECE && this.piece !== null ? this.given(this.piece) : null));
    return new ObjectService({ pieces: { pieces }, locators: [index] });
  }

  private given(piece: Uint8Array): Uint8Array {
    return this.spoiled ? piece.map((byte) => byte ^ 1) : piece;
  }
}

let now: number;
let history: History;
let uploads: Uploads;
let issuer: IdentityService;
let holder: IdentityService;
let issuerDid: string;
let newVerifier: () => Promise<IdentityService>;
let credential: { id: string; index: number };

/** The uploads of the issuer's tab. */
function openUploads(): Promise<Uploads> {
  const payments: PaymentRecord[] = [];
  return Uploads.open({
    store: { setting: async () => undefined, putSetting: async () => undefined } as unknown as NodeStore,
    directory: new MemoryDirectory(),
    payments: async () => ({
      prepare: async () => ({ fee: { total: '3' } }) as PaymentPlan,
      requireSpare: async () => undefined,
      pay: async (_, call, signed) => {
        const id = String(payments.length);
        await signed?.(id);
        history.include(call);
        const state = { kind: 'included', block: 1, depth: 100, final: true, success: true, fee: '3' };
        const payment = { id, state, trouble: null } as PaymentRecord;
        payments.push(payment);
        return payment;
      },
      list: async () => payments,
    }),
    freshService: () => history.objects(),
    archivedDepth: () => 100,
  });
}

async function person(access: RegistryAccess): Promise<IdentityService> {
  const objects = history.objects();
  return createIdentityService(await testWallet(), {
    network: () => 'dev',
    registry: access,
    now: () => now,
    objectContent: (cid) => objects.small(cid),
  });
}

/** Signs the present list and sends it on its way into history. */
async function store(): Promise<{ issuer: string; list: string; cid: string; id: string }> {
  now += 1000;
  const list = await issuer.statusList({ issuer: issuerDid });
  const files = [{ path: 'revocations.txt', content: new Blob([list], { type: 'text/plain' }) }];
  const { id, cid } = await uploads.prepare({ files, compress: true, password: '', account: 'su' });
  await uploads.send({ id });
  return { issuer: issuerDid, list, cid, id };
}

/** The tab looks every few seconds how far an upload is. */
const reaches = (id: string, step: string) =>
  vi.waitFor(
    async () => {
      await vi.advanceTimersByTimeAsync(4_000);
      expect(uploads.views().find((one) => one.id === id)).toMatchObject({ step });
    },
    { timeout: 60_000 },
  );

/** Shows the credential to somebody who was handed nothing. */
async function show(verifier: IdentityService): Promise<string> {
  const request = await verifier.newRequest({ audience: 'club', credentials: [{ type: TYPE }] });
  const answers = [{ query: 'q1', credential: credential.id, paths: [] }];
  const response = await holder.present({ request, answers });
  return verifier.verifyResponse({ request, response }).then(
    () => 'accepted',
    ({ code }: { code: string }) => code,
  );
}

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'] });
  now = Date.UTC(2030, 0, 1);
  history = new History();
  uploads = await openUploads();
  const access = testRegistry(new Registry(), () => now);
  newVerifier = () => person(access);
  [issuer, holder] = [await person(access), await person(access)];
  issuerDid = (await issuer.createIdentity({ name: 'Club' })).did;
  await issuer.registerIdentity({ did: issuerDid });
  const { did: subject } = await holder.createIdentity({ name: 'Ada' });
  await issuer.importIdentity({
    file: (await holder.exportIdentity({ did: subject, format: 'pem' })).content,
  });
  const claims = { member: true };
  const made = await issuer.issueCredential({
    issuer: issuerDid,
    subject,
    type: TYPE,
    claims,
    revocable: true,
  });
  credential = { id: (await holder.acceptCredential({ text: made.package })).id, index: made.index! };
});

afterEach(() => {
  uploads.close();
  vi.useRealTimers();
});

it('a list of revocations is stored, read back and announced, and found by whoever checks', async () => {
  const verifier = await newVerifier();
  expect(await show(verifier)).toBe('status-unknown');
  const first = await store();
  await reaches(first.id, 'deep');
  // Announced before it is in history: known of, and not to be had.
  expect(await issuer.announceStatusList(first)).toMatchObject({ refused: null });
  expect(await show(verifier)).toBe('status-unknown');
  history.archive();
  await reaches(first.id, 'checked');
  expect(await show(verifier)).toBe('accepted');

  now += 1000;
  await issuer.revokeCredential({ issuer: issuerDid, index: credential.index });
  expect(await issuer.announcement({ issuer: issuerDid })).toMatchObject({ outdated: true });
  const second = await store();
  history.archive();
  await reaches(second.id, 'checked');
  // In history, and nobody was told: the list before counts.
  expect(await show(verifier)).toBe('accepted');
  await issuer.announceStatusList(second);
  expect(await issuer.announcement({ issuer: issuerDid })).toMatchObject({ outdated: false });
  for (const each of [verifier, await newVerifier()]) expect(await show(each)).toBe('revoked');
  await holder.checkStatus({ id: credential.id });
  expect((await holder.credentials())[0]).toMatchObject({ status: 'revoked' });
});

it('a list that comes damaged out of history says of nothing that it is valid', async () => {
  const stored = await store();
  history.archive();
  await reaches(stored.id, 'checked');
  await issuer.announceStatusList(stored);
  history.spoiled = true;
  const verifier = await newVerifier();
  expect(await show(verifier)).toBe('status-unknown');
  history.spoiled = false;
  expect(await show(await newVerifier())).toBe('accepted');
});
