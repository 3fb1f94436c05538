import { beforeEach, describe, expect, it } from 'vitest';
import { cidOfHash } from '../protocol/cid.ts';
import { utf8 } from '../protocol/bytes.ts';
import { blake2b256 } from '../protocol/hash.ts';
import { idOfDid } from './did.ts';
import { Registry } from './registry.ts';
import type { RegistryAccess } from './registry-access.ts';
import { createIdentityService, type IdentityService } from './service.ts';
import { pointerIdOf, pointerIn } from './status-pointer.ts';
import { PASSWORD, TEST_QUOTE, testRegistry, testWallet } from './testing/person.ts';
import type { WalletService } from '../wallet/service.ts';

const TYPE = 'urn:x:membership';
const DAY = 86_400_000;

let now: number;
let registry: Registry;
/** Whether the network is known to have a registry. */
let exists: boolean | null;
/** Objects of the storage network, by identifier. */
let objects: Map<string, string>;
let access: RegistryAccess;
let wallet: WalletService;
let issuer: IdentityService;
let holder: IdentityService;
let verifier: IdentityService;
let issuerDid: string;
let index: number;
let id: string;

async function person(of: RegistryAccess, wallet?: WalletService): Promise<IdentityService> {
  return createIdentityService(wallet ?? (await testWallet()), {
    network: () => 'dev',
    registry: of,
    now: () => now,
    objectContent: async (cid) => {
      const text = objects.get(cid);
      return text === undefined ? null : utf8(text);
    },
  });
}

/** Puts a text into the storage network. */
function store(text: string): string {
  const cid = cidOfHash(blake2b256(utf8(text)));
  objects.set(cid, text);
  return cid;
}

const announce = (list: string, cid = store(list)) =>
  issuer.announceStatusList({ issuer: issuerDid, list, cid });

async function freshList(): Promise<string> {
  now += 1000;
  return issuer.statusList({ issuer: issuerDid });
}

async function revoke(suspend = false): Promise<string> {
  now += 1000;
  return issuer.revokeCredential({ issuer: issuerDid, index, suspend });
}

/** Shows the credential to the verifier, who was handed nothing. */
async function show(): Promise<string> {
  const request = await verifier.newRequest({ audience: 'club', credentials: [{ type: TYPE }] });
  const response = await holder.present({ request, answers: [{ query: 'q1', credential: id, paths: [] }] });
  return verifier.verifyResponse({ request, response }).then(
    () => 'accepted',
    ({ code }: { code: string }) => code,
  );
}

/** Registers an identity of the issuer's and has it certify something revocable of the holder. */
async function issueAs(club: { did: string }): Promise<void> {
  issuerDid = club.did;
  await issuer.registerIdentity({ did: issuerDid });
  const { did } = await holder.createIdentity({ name: 'Ada' });
  await issuer.importIdentity({
    file: (await holder.exportIdentity({ did, format: 'pem' })).content,
  });
  const made = await issuer.issueCredential({
    issuer: issuerDid,
    subject: did,
    type: TYPE,
    claims: { member: true },
    revocable: true,
  });
  index = made.index!;
  id = (await holder.acceptCredential({ text: made.package })).id;
}

beforeEach(async () => {
  now = Date.UTC(2030, 0, 1);
  registry = new Registry();
  exists = true;
  objects = new Map();
  // The registry that is asked is the one of the time.
  const present = () => testRegistry(registry, () => now);
  access = {
    exists: async () => exists,
    read: (ids) => present().read(ids),
    report: (ids) => present().report(ids),
    quote: (...call) => present().quote(...call),
    submit: (...call) => present().submit(...call),
  };
  wallet = await testWallet();
  [issuer, holder, verifier] = [await person(access, wallet), await person(access), await person(access)];
  await issueAs(await issuer.createIdentity({ name: 'Club' }));
});

describe('the newest list of revocations', () => {
  it('is found by whoever checks, and so is every newer one', async () => {
    expect(await show()).toBe('status-unknown');
    expect(await issuer.announcement({ issuer: issuerDid })).toBeNull();
    const first = await freshList();
    const seen = { issuer: issuerDid, list: first, cid: store(first), dry: true };
    expect(await issuer.announceStatusList(seen)).toMatchObject({ refused: null, quote: TEST_QUOTE });
    expect(await show()).toBe('status-unknown');
    expect(await announce(first)).toMatchObject({ refused: null, quote: null });
    expect(await show()).toBe('accepted');
    const club = { issuer: issuerDid };
    const at = now / 1000;
    const announced = { at, until: at + 7 * 86_400 };
    expect(await issuer.announcement(club)).toEqual({ ...announced, outdated: false });
    const second = await revoke();
    expect(await issuer.announcement(club)).toEqual({ ...announced, outdated: true });
    await announce(second);
    expect(await issuer.announcement(club)).toMatchObject({ at: at + 1, outdated: false });
    expect(await show()).toBe('revoked');
    await holder.checkStatus({ id });
    expect((await holder.credentials())[0]).toMatchObject({ status: 'revoked' });
  });

  it('is called outdated by what it says, not by when it was signed', async () => {
    const club = { issuer: issuerDid };
    const outdated = async () => (await issuer.announcement(club))!.outdated;
    const before = await issuer.statusList(club);
    const revoked = await issuer.revokeCredential({ ...club, index, suspend: true });
    await announce(before);
    expect(await outdated()).toBe(true);
    await expect(announce(revoked)).rejects.toThrow('not newer');
    await announce(await freshList());
    expect(await outdated()).toBe(false);
    await issuer.revokeCredential({ ...club, index });
    expect(await outdated()).toBe(true);
    await announce(await freshList());
    const holderOf = { issuer: issuerDid, type: TYPE, claims: { member: true }, revocable: true };
    await issuer.issueCredential({ ...holderOf, subject: (await issuer.createIdentity({ name: 'B' })).did });
    // One that was issued since is as valid as the list has it that does not name it.
    expect(await outdated()).toBe(false);
  });

  it('is found of an identity that was made before the network was known, which says none in its name', async () => {
    exists = null;
    const early = await issuer.createIdentity({ name: 'Early club' });
    exists = true;
    await issueAs(early);
    expect(issuerDid).toContain(':off:');
    await announce(await revoke());
    expect(await show()).toBe('revoked');
    const { didDocumentMetadata } = await verifier.resolveDid({ did: issuerDid });
    expect(didDocumentMetadata).toMatchObject({ revoked: false, anchoredAt: { block: expect.any(Number) } });
  });

  it('is asked for by the holder when they want to know', async () => {
    expect((await holder.credentials())[0]).toMatchObject({
      status: 'unknown',
      statusSource: { host: null },
    });
    await expect(holder.checkStatus({ id })).rejects.toThrow('none announced');
    await announce(await freshList());
    await holder.checkStatus({ id });
    expect((await holder.credentials())[0]).toMatchObject({ status: 'valid' });
  });

  it('makes an older one worth nothing, even where it cannot be fetched', async () => {
    const old = await freshList();
    await verifier.importStatusList({ token: old });
    expect(await show()).toBe('accepted');
    const revoked = await revoke();
    const cid = store(revoked);
    objects.delete(cid);
    await announce(revoked, cid);
    expect(await show()).toBe('status-unknown');
    await expect(holder.checkStatus({ id })).rejects.toThrow('not to be had');
    store(revoked);
    expect(await show()).toBe('revoked');
    // Whoever hands the old list over again changes nothing.
    await expect(verifier.importStatusList({ token: old })).rejects.toThrow('older');
  });

  it('counts though an older announcement is proven later', async () => {
    const first = await freshList();
    await announce(first);
    const before = Registry.fromStorage(registry.storage());
    await announce(await revoke());
    expect(await show()).toBe('revoked');
    registry = before;
    expect(await show()).toBe('revoked');
  });

  it('is not undone by a node that reports an older state', async () => {
    await announce(await freshList());
    const before = Registry.fromStorage(registry.storage());
    const newest = await revoke();
    const cid = store(newest);
    objects.delete(cid);
    await announce(newest, cid);
    expect(await show()).toBe('status-unknown');
    registry = before;
    expect(await show()).toBe('status-unknown');
  });

  it('is believed as long as it says, and no longer', async () => {
    await announce(await freshList());
    expect(await show()).toBe('accepted');
    now += 8 * DAY;
    expect(await show()).toBe('status-unknown');
    await announce(await freshList());
    expect(await show()).toBe('accepted');
  });

  it.each<[string, (list: string) => string]>([
    ['another text', (list) => `${list}x`],
    ['no list', () => 'hello'],
  ])('is not taken from an object that holds %s', async (_, spoil) => {
    const list = await freshList();
    const cid = store(list);
    objects.set(cid, spoil(list));
    await announce(list, cid);
    expect(await show()).toBe('status-unknown');
  });

  it('is announced by its issuer alone, each newer than the one before', async () => {
    const [first, second] = [await freshList(), await freshList()];
    await announce(second);
    await expect(announce(first)).rejects.toThrow('not newer');
    await expect(announce(second)).rejects.toThrow('not newer');
    await expect(announce('hello')).rejects.toThrow('status-list');
    await expect(announce(await freshList(), 'bafkr6i')).rejects.toThrow('cid');
    const other = await holder.createIdentity({ name: 'Somebody' });
    await expect(
      holder.announceStatusList({ issuer: other.did, list: second, cid: store(second) }),
    ).rejects.toThrow('signature');
    await expect(issuer.importStatusList({ token: second })).rejects.toThrow('one’s own');
    const leaf = await holder.requestIdentity({ name: 'Leaf' });
    const { chain } = await issuer.issueIdentity({ issuer: issuerDid, file: utf8(leaf.request) });
    const { did } = await holder.acceptIdentity({ file: utf8(chain) });
    const list = await holder.statusList({ issuer: did });
    await expect(holder.announceStatusList({ issuer: did, list, cid: store(list) })).rejects.toThrow(
      'not-an-authority',
    );
  });

  it('takes over what was revoked elsewhere, though a backup knows nothing of it', async () => {
    const phrase = (await wallet.revealPhrase({ password: PASSWORD })).phrase;
    const backup = await wallet.backup();
    const more = await issuer.issueCredential({
      issuer: issuerDid,
      type: TYPE,
      claims: { member: true },
      revocable: true,
    });
    await announce(await revoke());
    const restored = await testWallet(phrase);
    await restored.restore({ file: backup, password: PASSWORD, replace: true });
    const elsewhere = await person(access, restored);
    now += 1000;
    const forgetful = await elsewhere.statusList({ issuer: issuerDid });
    const announceHere = (list: string) =>
      elsewhere.announceStatusList({ issuer: issuerDid, list, cid: store(list) });
    await expect(announceHere(forgetful)).rejects.toThrow('announced elsewhere');
    const next = await elsewhere.issueCredential({
      issuer: issuerDid,
      type: TYPE,
      claims: { member: true },
      revocable: true,
    });
    expect(next.index).toBeGreaterThan(more.index!);
    now += 1000;
    expect(await announceHere(await elsewhere.statusList({ issuer: issuerDid }))).toMatchObject({
      refused: null,
    });
    expect(await show()).toBe('revoked');
  });

  it('is named by one entry of the registry, and by none once that is withdrawn', async () => {
    await announce(await freshList());
    await announce(await freshList());
    const issuerId = idOfDid(issuerDid);
    expect(pointerIn(registry, issuerId)).toMatchObject({ issuedAt: now / 1000 });
    const { serial } = registry.entry(pointerIdOf(issuerId))!;
    expect(registry.revoked(issuerId).has(serial)).toBe(false);
    const revoked = () => new Set([serial]);
    expect(pointerIn({ entry: (id) => registry.entry(id), revoked }, issuerId)).toBeNull();
    expect(registry.revoked(issuerId).size).toBe(1);
    expect(pointerIn(registry, idOfDid(issuerDid).fill(7))).toBeNull();
  });
});
