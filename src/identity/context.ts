/** What the commands of identities share: their records in the wallet, the network's registry, known keys. */
import { equal, toHex } from '../protocol/bytes.ts';
import type { Web } from '../network/web.ts';
import { Refusal } from '../wallet/errors.ts';
import { fromBase64Url, toBase64Url } from '../wallet/json.ts';
import type { RecordType } from '../wallet/sealing.ts';
import type { DerivedKind, WalletService } from '../wallet/service.ts';
import type { AutoIdCall } from './calls.ts';
import { chainIsOf, chainOf, fromX5c, keyOfChain, subjectOf, type Chain } from './chain.ts';
import { formatDid, keyIdOf, parseDid } from './did.ts';
import { isKeyBound } from './issue.ts';
import { decodeJws, type JwsHeader } from './jws.ts';
import { ecKey, ed25519Key, jwkOf, type Jwk, type SigningKey } from './keys.ts';
import { importPrivateKey } from './private-key.ts';
import { Registry } from './registry.ts';
import { identifiersOf, judge, type Verdict } from './verdict.ts';

/** Content of the registry for some identifiers, and what stands behind it. */
export interface RegistryView {
  registry: Registry;
  /** Block of the domain that the content is of. */
  block: number | null;
  /** Chain time, milliseconds. */
  time: number;
  /** Whether a storage proof against a verified head stands behind it. */
  proven: boolean;
}

/** A network's registry of Auto IDs. */
export interface RegistryAccess {
  /** Entries and revocation lists of these identifiers. */
  read(ids: readonly Uint8Array[]): Promise<RegistryView>;
  /** Sends a call from the wallet's first account; resolves when a block holds it. Returns the extrinsic's hash. */
  submit(call: AutoIdCall): Promise<string>;
}

export interface IdentityOptions {
  /** Name of the network in DIDs: null for mainnet, `off` where there is no registry. */
  network: string | null;
  /** The network's registry, or null where it has none. */
  registry: RegistryAccess | null;
  /** Milliseconds since the epoch. */
  now?: () => number;
  /** How issuers and verifiers on the web are spoken to; the platform's `fetch` unless told. */
  web?: Web;
}

/** Where an identity's key comes from: the recovery phrase, or a record of its own. */
export type KeySource = { kind: DerivedKind; index: number } | { record: string };

/** An identity that is one's own: the wallet has its key. */
export interface OwnIdentity {
  role: 'own';
  did: string;
  name: string;
  key: KeySource;
  /** DERs, root first, base64url. */
  chain: string[];
  /** Milliseconds since the epoch. */
  created: number;
  /** What it is for, if it is an agent's. */
  purpose: string | null;
  /** Identities issued under it. */
  issued: { did: string; name: string; serial: string; at: number }[];
  /** Indices given to credentials so far. */
  credentialsIssued: number;
  deactivated: boolean;
}

/** An identity of somebody else. */
export interface OtherIdentity {
  role: 'other';
  did: string;
  name: string;
  chain: string[];
  created: number;
}

/** A key that waits for the certificate that was asked for. */
export interface PendingIdentity {
  role: 'pending';
  name: string;
  key: KeySource;
  /** DER of SubjectPublicKeyInfo, base64url. */
  publicKeyInfo: string;
  purpose: string | null;
  created: number;
}

export type IdentityRecord = OwnIdentity | OtherIdentity | PendingIdentity;

/** A key that can be relied on for a DID, and the certificates it is from, if there are any. */
export interface Resolved {
  key: Jwk;
  chain: Chain | null;
}

const INDICES = 'identity-key-indices';

/** One of the keys that an issuer on the web publishes; `kid`: its name, or null if it has none. */
export interface WebIssuerKey {
  kid: string | null;
  jwk: Jwk;
}

/** Shared state of the identity commands. */
export class IdentityContext {
  readonly now: () => number;
  readonly network: string | null;
  readonly registry: RegistryAccess | null;

  constructor(
    readonly wallet: WalletService,
    options: IdentityOptions,
  ) {
    this.now = options.now ?? Date.now;
    this.network = options.network;
    this.registry = options.registry;
  }

  /** Whole seconds since the epoch. */
  get seconds(): number {
    return Math.floor(this.now() / 1000);
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
    const indices = this.get<Partial<Record<DerivedKind, number>>>(INDICES, 'setting') ?? {};
    const index = indices[kind] ?? 0;
    await this.put(INDICES, 'setting', { ...indices, [kind]: index + 1 });
    return { kind, index };
  }

  /** Key that signs for an identity. The secret is fetched anew at each signature, so that a lock takes effect. */
  async signingKey(source: KeySource): Promise<SigningKey> {
    const make = (): Promise<SigningKey> => this.freshKey(source);
    const { algorithm, publicKeyInfo } = await make();
    return { algorithm, publicKeyInfo, sign: async (data) => (await make()).sign(data) };
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

  didOf(chain: Chain): string {
    return formatDid({ network: this.network, id: identifiersOf(chain).at(-1)! });
  }

  /** Public key of a DID among the known identities, or null. */
  publicKeyOf(did: string): Jwk | null {
    const known = this.known(did);
    return known === null ? null : keyOfChain(this.chainOf(known));
  }

  /** Content of the registry for a chain's identities, or null without one. */
  async read(ids: readonly Uint8Array[]): Promise<RegistryView | null> {
    return this.registry === null ? null : this.registry.read(ids);
  }

  /** Identifiers that this wallet has seen revoked, in hex. */
  seenRevoked(): Set<string> {
    return new Set(this.list<unknown>('seen-revocation').map(({ id }) => id.slice('seen-'.length)));
  }

  /** Remembers that an identity was revoked, for good. */
  async rememberRevoked(id: Uint8Array): Promise<void> {
    const record = `seen-${toHex(id)}`;
    if (this.get(record, 'seen-revocation') === null)
      await this.put(record, 'seen-revocation', { at: this.seconds });
  }

  /** Judges a chain against the registry as it is now. */
  async judge(chain: Chain): Promise<Verdict & { view: RegistryView | null }> {
    const ids = identifiersOf(chain);
    const view = await this.read(ids);
    if (view !== null) await this.noteRevocations(chain, ids, view.registry);
    const verdict = judge({
      chain,
      state: view?.registry ?? null,
      now: this.now(),
      seenRevoked: this.seenRevoked(),
    });
    return { ...verdict, view };
  }

  private async noteRevocations(chain: Chain, ids: readonly Uint8Array[], registry: Registry): Promise<void> {
    for (const [index, { tbs }] of chain.entries()) {
      const id = ids[index]!;
      const serial = registry.entry(id)?.serial ?? tbs.serial;
      if (registry.revoked(ids[index - 1] ?? id).has(serial)) await this.rememberRevoked(id);
    }
  }

  /**
   * Public key of a DID: the wallet's own knowledge first, then the registry, then certificates that came along.
   * An identifier says nothing of a key, so such a chain counts only if it holds by itself and its root is known
   * here or bears its own key's hash in its name. Null if nothing is to be relied on.
   */
  async resolve(did: string, offered: readonly Chain[] = []): Promise<Resolved | null> {
    const known = this.known(did);
    if (known !== null) {
      const chain = this.chainOf(known);
      return { key: keyOfChain(chain), chain };
    }
    const parsed = parseDid(did);
    const own = offered.filter((chain) => chainIsOf(chain, did));
    const here = parsed !== null && (parsed.network === this.network || parsed.network === 'off');
    const view = here ? await this.read([parsed.id]) : null;
    const entry = view?.registry.entry(parsed!.id) ?? null;
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
      if (header.kid === keyIdOf(issuer)) return keys.get(issuer) ?? null;
      const published = this.webIssuerKeys(issuer).filter(({ kid }) => kid === (header.kid ?? null));
      return published.length === 1 ? published[0]!.jwk : null;
    };
  }

  private webIssuerKeys(issuer: string): WebIssuerKey[] {
    return this.get<{ keys: WebIssuerKey[] }>(`web-issuer-${issuer}`, 'setting')?.keys ?? [];
  }

  /** Remembers the keys that an issuer on the web (a URL) publishes, in place of those known of it before. */
  keepWebIssuer(issuer: string, keys: readonly WebIssuerKey[]): Promise<void> {
    return this.put(`web-issuer-${issuer}`, 'setting', { issuer, keys: [...keys], at: this.seconds });
  }

  /** Whether a DID counts as revoked, deactivated or expired for those who rely on it. */
  async isDead(did: string, chain: Chain | null): Promise<boolean> {
    const parsed = parseDid(did);
    if (parsed !== null && this.seenRevoked().has(toHex(parsed.id))) return true;
    const known = this.known(did);
    if (known?.role === 'own' && known.deactivated) return true;
    const own = chain ?? (known === null ? null : this.chainOf(known));
    if (own === null) return false;
    const { strict, certificates } = await this.judge(own);
    const code = strict === 'not-anchored' ? certificates : strict;
    return ['revoked', 'expired', 'issuer-gone', 'renewed-after-revocation'].includes(code);
  }
}

/** Chain as it is kept in a record. */
export function storedChain(chain: Chain): string[] {
  return chain.map(({ raw }) => toBase64Url(raw));
}

/** Serial of the last certificate of a chain, hex. */
export function serialOf(chain: Chain): string {
  return subjectOf(chain).tbs.serial.toString(16);
}

/** Identifier of a DID. Throws Refusal `did`. */
export function idOfDid(did: string): Uint8Array {
  const parsed = parseDid(did);
  if (parsed === null) throw new Refusal('did', did.slice(0, 100), 'This is not the name of an identity.');
  return parsed.id;
}
