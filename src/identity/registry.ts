/**
 * The registry of Auto IDs: the rules of the AutoId pallet, exactly and in their order. Predicts the outcome of
 * a call before anything is paid, and is the registry itself where a network has none.
 */
import { equal, fromHex, toHex } from '../protocol/bytes.ts';
import { DecodeError } from '../protocol/errors.ts';
import {
  actionPayload,
  autoIdKey,
  AUTO_IDS_PREFIX,
  decodeEntry,
  decodeSerials,
  encodeEntry,
  encodeEvent,
  encodeSerials,
  nextNonce,
  revocationsKey,
  type ActionSignature,
  type AutoIdCall,
  type AutoIdEntry,
  type AutoIdError,
  type AutoIdEvent,
  type CertificateAction,
  type SignedCertificate,
} from './calls.ts';
import { decodeTbs, type TbsCertificate } from './certificate.ts';
import { autoIdOf } from './identifier.ts';
import { verifySignature } from './signature.ts';

export type CallOutcome =
  | { ok: true; event: AutoIdEvent; id: Uint8Array; eventBytes: Uint8Array }
  | { ok: false; error: AutoIdError };

class CallFailed extends Error {
  constructor(readonly error: AutoIdError) {
    super(error);
  }
}

function fail(error: AutoIdError): never {
  throw new CallFailed(error);
}

function ensure(condition: boolean, error: AutoIdError): void {
  if (!condition) fail(error);
}

/** What can be asked of a registry, wherever it lives. */
export interface RegistryState {
  entry(id: Uint8Array): AutoIdEntry | null;
  /** Serials on the revocation list of an issuer; a root's own list is its own. */
  revoked(issuer: Uint8Array): ReadonlySet<bigint>;
}

const NONE: ReadonlySet<bigint> = new Set();

/** Content of both maps of the pallet, and its four calls. A call that fails changes nothing. */
export class Registry implements RegistryState {
  private readonly entries = new Map<string, AutoIdEntry>();
  private readonly lists = new Map<string, ReadonlySet<bigint>>();

  entry(id: Uint8Array): AutoIdEntry | null {
    return this.entries.get(toHex(id)) ?? null;
  }

  revoked(issuer: Uint8Array): ReadonlySet<bigint> {
    return this.lists.get(toHex(issuer)) ?? NONE;
  }

  /** Runs a call at chain time `now` (milliseconds). */
  dispatch(call: AutoIdCall, now: number): CallOutcome {
    try {
      const [event, id] = this.run(call, BigInt(now));
      return { ok: true, event, id, eventBytes: encodeEvent(event, id) };
    } catch (error) {
      if (error instanceof CallFailed) return { ok: false, error: error.error };
      throw error;
    }
  }

  /** What a call would give, with nothing changed. */
  predict(call: AutoIdCall, now: number): CallOutcome {
    return this.copy().dispatch(call, now);
  }

  private copy(): Registry {
    const copy = new Registry();
    for (const [id, entry] of this.entries) copy.entries.set(id, entry);
    for (const [id, list] of this.lists) copy.lists.set(id, list);
    return copy;
  }

  private run(call: AutoIdCall, now: bigint): [AutoIdEvent, Uint8Array] {
    switch (call.kind) {
      case 'register':
        return ['NewAutoIdRegistered', this.register(call.issuer, call.request, now)];
      case 'renew':
        this.renew(call.id, call.issuer, call.request, now);
        return ['AutoIdRenewed', call.id];
      case 'revoke':
        this.revoke(call.id, call.proof);
        return ['CertificateRevoked', call.id];
      case 'deactivate':
        this.deactivate(call.id, call.proof);
        return ['AutoIdDeactivated', call.id];
    }
  }

  private register(issuerId: Uint8Array | null, request: SignedCertificate, now: bigint): Uint8Array {
    const issuer = issuerId === null ? null : (this.entry(issuerId) ?? fail('UnknownIssuer'));
    if (issuer !== null) ensureValid(issuer.notBefore, issuer.notAfter, now);
    const tbs = decode(request.certificate);
    ensureSigned(issuer?.publicKeyInfo ?? tbs.publicKeyInfo, request);
    ensureValid(BigInt(tbs.notBefore), BigInt(tbs.notAfter), now);
    const issued = issuer === null ? null : this.issue(issuerId!, issuer, tbs.serial);
    const id = autoIdOf(tbs.commonName, issuerId);
    ensure(this.entry(id) === null, 'AutoIdIdentifierAlreadyExists');
    if (issued !== null) this.entries.set(toHex(issuerId!), issued);
    this.entries.set(toHex(id), {
      ...storedParts(tbs),
      issuer: issuerId,
      issuedSerials: new Set([tbs.serial]),
      nonce: 0n,
    });
    return id;
  }

  /** The issuer's entry with `serial` issued; fails if its list or its issued serials forbid that. */
  private issue(issuerId: Uint8Array, issuer: AutoIdEntry, serial: bigint): AutoIdEntry {
    const list = this.revoked(issuerId);
    ensure(!list.has(issuer.serial) && !list.has(serial), 'CertificateRevoked');
    ensure(!issuer.issuedSerials.has(serial), 'CertificateSerialAlreadyIssued');
    return { ...issuer, issuedSerials: new Set([...issuer.issuedSerials, serial]) };
  }

  private renew(id: Uint8Array, issuerId: Uint8Array | null, request: SignedCertificate, now: bigint): void {
    const entry = this.entry(id) ?? fail('UnknownAutoId');
    const tbs = decode(request.certificate);
    const issuer = issuerId === null ? null : (this.entry(issuerId) ?? fail('UnknownIssuer'));
    let issued: AutoIdEntry | null = null;
    if (issuer !== null) {
      ensureValid(issuer.notBefore, issuer.notAfter, now);
      issued = this.issue(issuerId!, issuer, tbs.serial);
    }
    ensureSigned(issuer?.publicKeyInfo ?? entry.publicKeyInfo, request);
    ensureValid(BigInt(tbs.notBefore), BigInt(tbs.notAfter), now);
    ensure(equal(tbs.publicKeyInfo, entry.publicKeyInfo), 'PublicKeyMismatch');
    ensure(equal(autoIdOf(tbs.commonName, issuerId), id), 'AutoIdIdentifierMismatch');
    if (issued !== null) this.entries.set(toHex(issuerId!), issued);
    this.addRevoked(issuerId ?? id, entry.serial);
    const { issuedSerials, nonce } = entry;
    this.entries.set(toHex(id), { ...storedParts(tbs), issuer: issuerId, issuedSerials, nonce });
  }

  private revoke(id: Uint8Array, proof: ActionSignature): void {
    const entry = this.entry(id) ?? fail('UnknownAutoId');
    const revokerId = entry.issuer ?? id;
    const revoker = this.entry(revokerId) ?? fail('UnknownIssuer');
    const list = this.revoked(revokerId);
    ensure(!list.has(entry.serial) && !list.has(revoker.serial), 'CertificateAlreadyRevoked');
    ensureAction(revoker, id, 'revoke', proof);
    const nonce = nextNonce(revoker.nonce) ?? fail('NonceOverflow');
    this.addRevoked(revokerId, entry.serial);
    this.entries.set(toHex(revokerId), { ...revoker, nonce });
  }

  private deactivate(id: Uint8Array, proof: ActionSignature): void {
    // The pallet answers UnknownIssuer here, not UnknownAutoId.
    const entry = this.entry(id) ?? fail('UnknownIssuer');
    ensureAction(entry, id, 'deactivate', proof);
    this.entries.delete(toHex(id));
  }

  private addRevoked(issuer: Uint8Array, serial: bigint): void {
    this.lists.set(toHex(issuer), new Set([...this.revoked(issuer), serial]));
  }

  /** The whole content as storage keys and values, in hex. */
  storage(): Record<string, string> {
    const content: Record<string, string> = {};
    for (const [id, entry] of this.entries)
      content[toHex(autoIdKey(fromHex(id)))] = toHex(encodeEntry(entry));
    for (const [id, list] of this.lists)
      content[toHex(revocationsKey(fromHex(id)))] = toHex(encodeSerials(list));
    return content;
  }

  /** The registry of stored keys and values, in hex. Throws DecodeError. */
  static fromStorage(content: Readonly<Record<string, string>>): Registry {
    const registry = new Registry();
    for (const [key, value] of Object.entries(content)) {
      const bytes = fromHex(key, 64);
      const id = toHex(bytes.subarray(32));
      const prefix = bytes.subarray(0, 32);
      if (equal(prefix, AUTO_IDS_PREFIX)) registry.entries.set(id, decodeEntry(fromHex(value)));
      else if (equal(revocationsKey(bytes.subarray(32)), bytes))
        registry.lists.set(id, decodeSerials(fromHex(value)));
      else throw new DecodeError('registry', `${key} is no key of the AutoId pallet`);
    }
    return registry;
  }
}

function decode(certificate: Uint8Array): TbsCertificate {
  try {
    return decodeTbs(certificate);
  } catch (error) {
    if (error instanceof DecodeError) return fail('InvalidCertificate');
    throw error;
  }
}

function storedParts(tbs: TbsCertificate): Omit<AutoIdEntry, 'issuer' | 'issuedSerials' | 'nonce'> {
  return {
    serial: tbs.serial,
    commonName: tbs.commonName,
    publicKeyInfo: tbs.publicKeyInfo,
    notBefore: BigInt(tbs.notBefore),
    notAfter: BigInt(tbs.notAfter),
    raw: tbs.raw,
  };
}

function ensureValid(notBefore: bigint, notAfter: bigint, now: bigint): void {
  ensure(now >= notBefore && now <= notAfter, 'ExpiredCertificate');
}

function ensureSigned(publicKeyInfo: Uint8Array, request: SignedCertificate): void {
  const { certificate, signatureAlgorithm, signature } = request;
  ensure(verifySignature(publicKeyInfo, signatureAlgorithm, certificate, signature), 'InvalidSignature');
}

function ensureAction(
  signer: AutoIdEntry,
  id: Uint8Array,
  action: CertificateAction,
  proof: ActionSignature,
): void {
  const payload = actionPayload(id, signer.nonce, action);
  const { signatureAlgorithm, signature } = proof;
  ensure(verifySignature(signer.publicKeyInfo, signatureAlgorithm, payload, signature), 'InvalidSignature');
}
