/** What the commands of identities share: their records in the wallet, the network's registry, known keys. */
import { NoProof } from '../chain/no-proof.ts';
import { RpcError } from '../network/rpc-error.ts';
import { equal } from '../protocol/bytes.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { Refusal } from '../wallet/errors.ts';
import { fromBase64Url, toBase64Url } from '../wallet/json.ts';
import type { RecordType } from '../wallet/sealing.ts';
import type { WalletService } from '../wallet/service.ts';
import type { DerivedKind } from '../wallet/session.ts';
import { alternativeUris } from './certificate.ts';
import { chainIsOf, chainOf, fromX5c, keyOfChain, subjectOf, type Chain } from './chain.ts';
import { formatDid, keyIdOf, OFF, parseDid, type Did } from './did.ts';
import type { IdentityRecord, KeySource, OtherIdentity, OwnIdentity } from './identity-records.ts';
import { isKeyBound } from './issue.ts';
import { decodeJws, type JwsHeader } from './jws.ts';
import { parseKeyDid } from './key-dids.ts';
import { ecKey, ed25519Key, jwkOf, type Jwk, type SigningKey } from './keys.ts';
import { ecPkcs8, ed25519Pkcs8, importPrivateKey } from './private-key.ts';
import type { IdentityOptions, ProvenEvent } from './options.ts';
import type { Consultation, RegistryAccess, RegistryView } from './registry-access.ts';
import { isGivenUp, noteRegistered, rememberRevoked, seenRevoked } from './registry-memory.ts';
import { Registry } from './registry.ts';
import { identifiersOf, judge, type JudgedChain, type Verdict, type VerdictCode } from './verdict.ts';

/** A key that can be relied on for a DID, and the certificates it is from, if there are any. */
export interface Resolved {
  key: Jwk;
  chain: Chain | null;
}

/** A verdict and what stands behind it. */
export interface Judgement extends Verdict {
  status: Consultation['status'];
  reason: string | null;
  /** Content of the registry that the verdict rests on. */
  view: RegistryView | null;
  /** Strict verdict on the registry's newest content, unproven; null if that was not told. */
  reported: VerdictCode | null;
  /** Block of the domain that it is of. */
  reportedBlock: number | null;
  /** The registry's newest content: what a node reports, else what is proven; null if neither was told. */
  newest: RegistryView | null;
}

const UNVERIFIED = 'The network’s chain is not verified yet.';
const INDICES = 'identity-key-indices';
/** What the newest block says of an identity that the proven one knows nothing of yet, and that is believed. */
const BAD_NEWS: readonly VerdictCode[] = ['revoked', 'given-up', 'issuer-gone', 'mismatch', 'not-anchored'];

/** One of the keys that an issuer on the web publishes; `kid`: its name, or null if it has none. */
export interface WebIssuerKey {
  kid: string | null;
  jwk: Jwk;
}

/** Shared state of the identity commands. */
export class IdentityContext {
  readonly now: () => number;
  readonly registry: RegistryAccess | null;

  constructor(
    readonly wallet: WalletService,
    private readonly options: IdentityOptions,
  ) {
    this.now = options.now ?? Date.now;
    this.registry = options.registry;
  }

  /** Network in the DID of an identity that says none itself. */
  get network(): string | null {
    return this.registry === null ? OFF : this.options.network();
  }

  /** Network in the DID of an identity that is made now: `off` unless the network is known to have a registry. */
  async networkNow(): Promise<string | null> {
    const exists = await this.registry?.exists().catch(() => null);
    return exists === true ? this.options.network() : OFF;
  }

  /**
   * Whether a name can be in the registry of the network that is followed: it is that network's, or was made while none
   * was known.
   */
  isHere({ network }: Did): boolean {
    return network === this.network || network === OFF;
  }

  /** Whole seconds since the epoch. */
  get seconds(): number {
    return Math.floor(this.now() / 1000);
  }

  /** The newest proven reward of farming to an account (SS58), or null. */
  async lastReward(account: string): Promise<ProvenEvent | null> {
    return (await this.options.lastReward?.(account)) ?? null;
  }

  /** A transaction that an account (SS58) signed, in a block or in the oldest one known here; null for none. */
  async accountUse(account: string, block: number | null): Promise<ProvenEvent | null> {
    return (await this.options.accountUse?.(account, block)) ?? null;
  }

  /** Content of an object of the storage network; null where it cannot be had now. */
  async objectContent(cid: string): Promise<Uint8Array | null> {
    return (await this.options.objectContent?.(cid)) ?? null;
  }

  list<T>(type: RecordType): { id: string; value: T }[] {
    this.wallet.requireUnlocked();
    return this.wallet.keystore.list<T>(type);
  }

  get<T>(id: string, type: RecordType): T | null {
    this.wallet.requireUnlocked();
    return this.wallet.keystore.get<T>(id, type);
  }

  async put(id: string, type: RecordType, value: unknown): Promise<void> {
    this.wallet.requireUnlocked();
    await this.wallet.keystore.put(id, type, value);
  }

  async remove(id: string): Promise<void> {
    this.wallet.requireUnlocked();
    await this.wallet.keystore.remove(id);
  }

  identities(): { id: string; value: IdentityRecord }[] {
    return this.list<IdentityRecord>('certificate');
  }

  /** One's own identity of a DID. Throws Refusal `unknown-identity`. */
  own(did: string): OwnIdentity {
    const found = this.get<IdentityRecord>(did, 'certificate');
    if (found?.role === 'own') return found;
    throw new Refusal('unknown-identity', did.slice(0, 100), 'This identity is not one of yours.');
  }

  /** Any known identity of a DID, or null. */
  known(did: string): OwnIdentity | OtherIdentity | null {
    const found = this.get<IdentityRecord>(did, 'certificate');
    return found === null || found.role === 'pending' ? null : found;
  }

  putIdentity(identity: OwnIdentity | OtherIdentity): Promise<void> {
    return this.put(identity.did, 'certificate', identity);
  }

  /** Takes the next key of the recovery phrase; no index is ever used for two identities. */
  async nextKey(kind: DerivedKind): Promise<KeySource> {
    return { kind, index: await this.nextIndex(kind) };
  }

  /** Takes the next index of a kind of key. */
  async nextIndex(kind: DerivedKind | 'bbs'): Promise<number> {
    const indices = this.get<Partial<Record<DerivedKind | 'bbs', number>>>(INDICES, 'setting') ?? {};
    const index = indices[kind] ?? 0;
    await this.put(INDICES, 'setting', { ...indices, [kind]: index + 1 });
    return index;
  }

  /** Key that signs for an identity. The secret is fetched anew at each signature, so that a lock takes effect. */
  async signingKey(source: KeySource): Promise<SigningKey> {
    const make = (): Promise<SigningKey> => this.freshKey(source);
    const { algorithm, publicKeyInfo, signPss } = await make();
    return {
      algorithm,
      publicKeyInfo,
      sign: async (data) => (await make()).sign(data),
      ...(signPss && { signPss: async (data: Uint8Array) => (await make()).signPss!(data) }),
    };
  }

  private async freshKey(source: KeySource): Promise<SigningKey> {
    if ('record' in source) return importPrivateKey(this.pkcs8(source.record));
    const secret = this.wallet.identitySecret(source.kind, source.index);
    return source.kind === 'ed25519' ? ed25519Key(secret) : ecKey('p256', secret);
  }

  private pkcs8(record: string): Uint8Array {
    const stored = this.get<{ pkcs8: string }>(record, 'rsa-key');
    if (stored === null) throw new Refusal('unknown-key', record, 'The key of this identity is missing.');
    return fromBase64Url(stored.pkcs8, 'private-key');
  }

  /** PKCS#8 DER of an identity's key. */
  pkcs8Of(source: KeySource): Uint8Array {
    if ('record' in source) return this.pkcs8(source.record);
    const secret = this.wallet.identitySecret(source.kind, source.index);
    return source.kind === 'ed25519' ? ed25519Pkcs8(secret) : ecPkcs8('p256', secret);
  }

  /** Keeps a key (PKCS#8 DER) that is not of the recovery phrase. */
  async keepKey(pkcs8: Uint8Array): Promise<KeySource> {
    const record = `key-${crypto.randomUUID()}`;
    await this.put(record, 'rsa-key', { pkcs8: toBase64Url(pkcs8) });
    return { record };
  }

  keyOf(did: string): Promise<SigningKey> {
    return this.signingKey(this.own(did).key);
  }

  chainOf(identity: Pick<OwnIdentity, 'chain'>): Chain {
    return chainOf(identity.chain.map((der) => fromBase64Url(der, 'certificate')));
  }

  /** DID of a chain's last certificate: the one it bears, as far as it is of its own identifier. */
  didOf(chain: JudgedChain): string {
    const id = identifiersOf(chain).at(-1)!;
    const borne = alternativeUris(subjectOf(chain).tbs).find((uri) => {
      const parsed = parseDid(uri);
      return parsed !== null && equal(parsed.id, id);
    });
    return borne ?? formatDid({ network: this.network, id });
  }

  /** DID of the issuer of a chain's last certificate, null for a root. */
  issuerOf(chain: JudgedChain): string | null {
    return this.issuersOf(chain)[0] ?? null;
  }

  /** DIDs of everybody above a chain's last certificate, the nearest first. */
  issuersOf([root, ...rest]: JudgedChain): string[] {
    return rest.map((_, depth) => this.didOf([root, ...rest.slice(0, depth)])).reverse();
  }

  /** Public key of a DID among the known identities, or null. */
  publicKeyOf(did: string): Jwk | null {
    const known = this.known(did);
    return known === null ? null : keyOfChain(this.chainOf(known));
  }

  /** What the registry says of some identifiers. Never rejects for a network or a node that does not answer. */
  async consult(ids: readonly Uint8Array[]): Promise<Consultation> {
    const { registry } = this;
    const nothing = { reason: null, proven: null, reported: null };
    const silent = (reason: string): Consultation => ({ ...nothing, status: 'silent', reason });
    if (registry === null) return { status: 'none', ...nothing };
    try {
      const exists = await registry.exists();
      if (exists === false) return { status: 'none', ...nothing };
      if (exists === null) return silent(UNVERIFIED);
      const [proven, reported] = await Promise.all([
        registry.read(ids),
        registry.report(ids).catch(() => null),
      ]);
      return proven === null ? silent(UNVERIFIED) : { status: 'asked', reason: null, proven, reported };
    } catch (error) {
      if (isSilence(error)) return silent(error.sentence);
      throw error;
    }
  }

  /**
   * The registry's newest content, for what is signed next; null where the network has no registry.
   *
   * @throws Refusal `registry-silent`, and what the domain's node rejects with.
   */
  async latest(ids: readonly Uint8Array[]): Promise<RegistryView | null> {
    const exists = (await this.registry?.exists()) ?? null;
    if (exists === true) return this.registry!.report(ids);
    if (exists === false || this.registry === null) return null;
    throw new Refusal(
      'registry-silent',
      'the network cannot be asked',
      `The registry of identities cannot be asked just now. ${UNVERIFIED}`,
    );
  }

  /**
   * Judges a chain against the registry: as it is proven, unless the newest block reports something worse. What a
   * node reports never makes a verdict better.
   */
  async judge(chain: JudgedChain): Promise<Judgement> {
    const ids = identifiersOf(chain);
    const { status, reason, proven, reported } = await this.consult(ids);
    if (proven !== null) await this.noteRevocations(chain, ids, proven.registry);
    const id = ids.at(-1)!;
    if (proven?.registry.entry(id) != null) await noteRegistered(this, id, proven.genesis);
    else if (reported?.registry.entry(id) != null) await noteRegistered(this, id);
    const about = { chain, now: this.now(), seenRevoked: seenRevoked(this) };
    const judged = (view: RegistryView | null) =>
      judge({ ...about, state: view?.registry ?? null, givenUp: isGivenUp(this, id, view) });
    const verdict = judged(proven);
    const newest = reported === null ? null : judged(reported);
    const known = {
      status,
      reason,
      reported: newest?.strict ?? null,
      reportedBlock: reported?.block ?? null,
      newest: reported ?? proven,
    };
    const good = verdict.strict === 'ok' || verdict.strict === 'renewed-after-revocation';
    const worse = newest !== null && good && BAD_NEWS.includes(newest.strict);
    return worse ? { ...newest, ...known, view: reported } : { ...verdict, ...known, view: proven };
  }

  private async noteRevocations(
    chain: JudgedChain,
    ids: readonly Uint8Array[],
    registry: Registry,
  ): Promise<void> {
    for (const [index, { tbs }] of chain.entries()) {
      const id = ids[index]!;
      const serial = registry.entry(id)?.serial ?? tbs.serial;
      if (registry.revoked(ids[index - 1] ?? id).has(serial)) await rememberRevoked(this, id);
    }
  }

  /**
   * Public key of a DID: the one that it spells out; of an Auto ID by the wallet's own knowledge first, then the
   * registry, then certificates that came along. An identifier says nothing of a key, so such a chain counts only if it
   * holds by itself and its root is known here or bears its own key's hash in its name. Null if nothing is to be relied
   * on.
   */
  async resolve(did: string, offered: readonly Chain[] = []): Promise<Resolved | null> {
    const spelled = parseKeyDid(did);
    if (spelled !== null) return { key: spelled.jwk, chain: null };
    const known = this.known(did);
    if (known !== null) {
      const chain = this.chainOf(known);
      return { key: keyOfChain(chain), chain };
    }
    const parsed = parseDid(did);
    const own = offered.filter((chain) => chainIsOf(chain, did));
    const { proven } =
      parsed !== null && this.isHere(parsed) ? await this.consult([parsed.id]) : { proven: null };
    const entry = proven?.registry.entry(parsed!.id) ?? null;
    if (entry !== null) {
      const same = own.find((chain) => equal(subjectOf(chain).tbs.publicKeyInfo, entry.publicKeyInfo));
      return { key: jwkOf(entry.publicKeyInfo), chain: same ?? null };
    }
    for (const chain of own) {
      const { certificates } = judge({ chain, state: null, now: this.now(), seenRevoked: new Set() });
      const sound = certificates === 'ok' || certificates === 'expired';
      if (sound && this.hasTrustedRoot(chain)) return { key: keyOfChain(chain), chain };
    }
    return null;
  }

  private hasTrustedRoot(chain: Chain): boolean {
    const [root] = chain;
    if (isKeyBound(root.tbs)) return true;
    const known = this.known(this.didOf([root]));
    return known !== null && equal(subjectOf(this.chainOf(known)).tbs.publicKeyInfo, root.tbs.publicKeyInfo);
  }

  /**
   * Keys of the issuers of tokens, looked up before the tokens are verified: of an Auto ID, whose certificates may
   * come along, or of an issuer on the web, whose keys were fetched when a credential of it was received.
   */
  async issuerKeys(tokens: readonly string[]): Promise<(issuer: string, header: JwsHeader) => Jwk | null> {
    const keys = new Map<string, Jwk>();
    for (const token of tokens) {
      const { header, payload } = decodeJws(token.split('~')[0]!, 'token');
      const { iss } = payload;
      if (typeof iss !== 'string') continue;
      const resolved = await this.resolve(iss, header.x5c === undefined ? [] : [fromX5c(header.x5c)]);
      if (resolved !== null) keys.set(iss, resolved.key);
    }
    return (issuer, header) => {
      if (header.kid === (parseKeyDid(issuer)?.keyId ?? keyIdOf(issuer))) return keys.get(issuer) ?? null;
      const published = this.webIssuerKeys(issuer).filter(({ kid }) => kid === (header.kid ?? null));
      return published.length === 1 ? published[0]!.jwk : null;
    };
  }

  private webIssuerKeys(issuer: string): WebIssuerKey[] {
    return this.get<{ keys: WebIssuerKey[] }>(`web-issuer-${issuer}`, 'setting')?.keys ?? [];
  }

  /** Whether the keys of an issuer on the web were fetched already. */
  knowsWebIssuer(issuer: string): boolean {
    return this.webIssuerKeys(issuer).length > 0;
  }

  /** Remembers the keys that an issuer on the web (a URL) publishes, in place of those known of it before. */
  keepWebIssuer(issuer: string, keys: readonly WebIssuerKey[]): Promise<void> {
    return this.put(`web-issuer-${issuer}`, 'setting', { issuer, keys: [...keys], at: this.seconds });
  }
}

/** Whether an error means that a network or a node did not answer as it should. */
function isSilence(error: unknown): error is ProtocolError | RpcError | NoProof {
  return error instanceof ProtocolError || error instanceof RpcError || error instanceof NoProof;
}
