/** Calls, events, errors and stored values of the AutoId pallet: their bytes. */
import { concat, fromHex, fromLittleEndian, littleEndian } from '../protocol/bytes.ts';
import { decodeAll, ScaleWriter, type ScaleReader } from '../protocol/scale.ts';
import { MAX_CERTIFICATE_BYTES } from './certificate.ts';

/** Index of the AutoId pallet in the runtime of the Auto ID domain. */
export const AUTO_ID_PALLET = 40;
const MAX_SIGNATURE_BYTES = 2048;
const MAX_ALGORITHM_BYTES = 1024;
const U256_BYTES = 32;
const U256_LIMIT = 1n << 256n;

/** A certificate's signed part with the signature that travels beside it. */
export interface SignedCertificate {
  /** DER of TBSCertificate. */
  certificate: Uint8Array;
  /** DER of the AlgorithmIdentifier. */
  signatureAlgorithm: Uint8Array;
  /** Content of the BIT STRING without its first octet. */
  signature: Uint8Array;
}

export interface ActionSignature {
  signatureAlgorithm: Uint8Array;
  signature: Uint8Array;
}

export type AutoIdCall =
  | { kind: 'register'; issuer: Uint8Array | null; request: SignedCertificate }
  | { kind: 'revoke'; id: Uint8Array; proof: ActionSignature }
  | { kind: 'deactivate'; id: Uint8Array; proof: ActionSignature }
  | { kind: 'renew'; id: Uint8Array; issuer: Uint8Array | null; request: SignedCertificate };

/** Names of the calls in the runtime. */
export const CALL_NAMES: Record<AutoIdCall['kind'], string> = {
  register: 'AutoId.register_auto_id',
  revoke: 'AutoId.revoke_certificate',
  deactivate: 'AutoId.deactivate_auto_id',
  renew: 'AutoId.renew_auto_id',
};

const CALL_INDEX = { register: 0, revoke: 1, deactivate: 2, renew: 3 } as const;

function writeSigned(writer: ScaleWriter, request: SignedCertificate): void {
  writer.byteVector(request.certificate).byteVector(request.signatureAlgorithm).byteVector(request.signature);
}

function readSigned(reader: ScaleReader): SignedCertificate {
  return {
    certificate: reader.byteVector(MAX_CERTIFICATE_BYTES),
    signatureAlgorithm: reader.byteVector(MAX_ALGORITHM_BYTES),
    signature: reader.byteVector(MAX_SIGNATURE_BYTES),
  };
}

/** Bytes of a runtime call: pallet index, call index, arguments. */
export function encodeCall(call: AutoIdCall): Uint8Array {
  const writer = new ScaleWriter().u8(AUTO_ID_PALLET).u8(CALL_INDEX[call.kind]);
  switch (call.kind) {
    case 'register':
      writer.u8(0).u8(call.issuer === null ? 0 : 1);
      if (call.issuer !== null) writer.raw(call.issuer, 32);
      writeSigned(writer, call.request);
      break;
    case 'renew':
      writer.raw(call.id, 32).u8(0);
      writer.option(call.issuer, (out, issuer) => out.raw(issuer, 32));
      writeSigned(writer, call.request);
      break;
    default:
      writer.raw(call.id, 32).byteVector(call.proof.signatureAlgorithm).byteVector(call.proof.signature);
  }
  return writer.bytes();
}

function readX509(reader: ScaleReader): void {
  const variant = reader.u8();
  if (variant !== 0) reader.fail(`unknown kind ${variant} of certificate`);
}

/** Takes a call apart. Throws DecodeError. */
export function decodeCall(bytes: Uint8Array): AutoIdCall {
  return decodeAll(bytes, 'auto-id-call', (reader) => {
    const pallet = reader.u8();
    if (pallet !== AUTO_ID_PALLET) reader.fail(`pallet ${pallet} is not AutoId`);
    const index = reader.u8();
    switch (index) {
      case CALL_INDEX.register: {
        readX509(reader);
        const role = reader.u8();
        if (role > 1) reader.fail(`unknown registration ${role}`);
        const issuer = role === 1 ? reader.raw(32) : null;
        return { kind: 'register', issuer, request: readSigned(reader) };
      }
      case CALL_INDEX.renew: {
        const id = reader.raw(32);
        readX509(reader);
        const issuer = reader.option((inner) => inner.raw(32));
        return { kind: 'renew', id, issuer, request: readSigned(reader) };
      }
      case CALL_INDEX.revoke:
      case CALL_INDEX.deactivate: {
        const id = reader.raw(32);
        const signatureAlgorithm = reader.byteVector(MAX_ALGORITHM_BYTES);
        const proof = { signatureAlgorithm, signature: reader.byteVector(MAX_SIGNATURE_BYTES) };
        return { kind: index === CALL_INDEX.revoke ? 'revoke' : 'deactivate', id, proof };
      }
      default:
        return reader.fail(`unknown call ${index}`);
    }
  });
}

export type CertificateAction = 'revoke' | 'deactivate';

/** What a revocation or deactivation signs: identifier, nonce (u256, little-endian), action. 65 bytes. */
export function actionPayload(id: Uint8Array, nonce: bigint, action: CertificateAction): Uint8Array {
  return concat(id, littleEndian(nonce, U256_BYTES), new Uint8Array([action === 'revoke' ? 0 : 1]));
}

export type AutoIdEvent =
  'NewAutoIdRegistered' | 'CertificateRevoked' | 'AutoIdDeactivated' | 'AutoIdRenewed';

const EVENTS: readonly AutoIdEvent[] = [
  'NewAutoIdRegistered',
  'CertificateRevoked',
  'AutoIdDeactivated',
  'AutoIdRenewed',
];

/** Bytes of an event: pallet index, event index, identifier. */
export function encodeEvent(event: AutoIdEvent, id: Uint8Array): Uint8Array {
  return concat(new Uint8Array([AUTO_ID_PALLET, EVENTS.indexOf(event)]), id);
}

/** Errors of the pallet, each at its index. */
export const AUTO_ID_ERRORS = [
  'UnknownIssuer',
  'UnknownAutoId',
  'InvalidCertificate',
  'InvalidSignature',
  'CertificateSerialAlreadyIssued',
  'ExpiredCertificate',
  'CertificateRevoked',
  'CertificateAlreadyRevoked',
  'NonceOverflow',
  'AutoIdIdentifierAlreadyExists',
  'AutoIdIdentifierMismatch',
  'PublicKeyMismatch',
] as const;
export type AutoIdError = (typeof AUTO_ID_ERRORS)[number];

/** What a rule of the registry means for the person whose call it refuses. */
export const CALL_SENTENCES: Record<AutoIdError, string> = {
  UnknownIssuer: 'Whoever issued this identity is not registered. The issuer has to register first.',
  UnknownAutoId: 'This identity is not registered.',
  InvalidCertificate: 'The registry cannot read this certificate.',
  InvalidSignature: 'The registry finds that the signature is not the right key’s.',
  CertificateSerialAlreadyIssued: 'The issuer has used this certificate’s serial before.',
  ExpiredCertificate: 'This certificate, or its issuer’s, is not valid now.',
  CertificateRevoked: 'This certificate, or its issuer’s, was revoked.',
  CertificateAlreadyRevoked: 'This certificate, or its issuer’s, is revoked already.',
  NonceOverflow: 'This identity can revoke no more.',
  AutoIdIdentifierAlreadyExists: 'This name is registered already.',
  AutoIdIdentifierMismatch: 'The certificate is for another name than the registered one.',
  PublicKeyMismatch: 'A renewal must keep the key that is registered.',
};

/** What the registry keeps of an Auto ID. */
export interface AutoIdEntry {
  /** 32 bytes; null for a root. */
  issuer: Uint8Array | null;
  serial: bigint;
  /** Content octets. */
  commonName: Uint8Array;
  /** DER of SubjectPublicKeyInfo. */
  publicKeyInfo: Uint8Array;
  /** Milliseconds since the epoch, both inclusive. */
  notBefore: bigint;
  notAfter: bigint;
  /** DER of TBSCertificate. */
  raw: Uint8Array;
  issuedSerials: ReadonlySet<bigint>;
  nonce: bigint;
}

function u256(value: bigint): Uint8Array {
  return littleEndian(value, U256_BYTES);
}

/** SCALE of a set of serials: compact count, then the members in ascending order. */
export function encodeSerials(serials: ReadonlySet<bigint>): Uint8Array {
  const ordered = [...serials].sort((a, b) => (a < b ? -1 : 1));
  return new ScaleWriter(4 + U256_BYTES * ordered.length)
    .vec(ordered, (writer, serial) => writer.raw(u256(serial)))
    .bytes();
}

function readSerials(reader: ScaleReader): Set<bigint> {
  const serials = reader.vec((inner) => fromLittleEndian(inner.raw(U256_BYTES)), U256_BYTES);
  if (serials.some((serial, index) => index > 0 && serial <= serials[index - 1]!))
    reader.fail('serials not in ascending order');
  return new Set(serials);
}

/** A stored revocation list. Throws DecodeError. */
export function decodeSerials(bytes: Uint8Array): Set<bigint> {
  return decodeAll(bytes, 'revocation-list', readSerials);
}

/** Bytes of a stored Auto ID. */
export function encodeEntry(entry: AutoIdEntry): Uint8Array {
  return new ScaleWriter(512)
    .u8(0)
    .option(entry.issuer, (writer, issuer) => writer.raw(issuer, 32))
    .raw(u256(entry.serial))
    .byteVector(entry.commonName)
    .byteVector(entry.publicKeyInfo)
    .u64(entry.notBefore)
    .u64(entry.notAfter)
    .byteVector(entry.raw)
    .raw(encodeSerials(entry.issuedSerials))
    .raw(u256(entry.nonce))
    .bytes();
}

/** A stored Auto ID. Throws DecodeError. */
export function decodeEntry(bytes: Uint8Array): AutoIdEntry {
  return decodeAll(bytes, 'auto-id', (reader) => {
    readX509(reader);
    return {
      issuer: reader.option((inner) => inner.raw(32)),
      serial: fromLittleEndian(reader.raw(U256_BYTES)),
      commonName: reader.byteVector(MAX_CERTIFICATE_BYTES),
      publicKeyInfo: reader.byteVector(MAX_CERTIFICATE_BYTES),
      notBefore: reader.u64(),
      notAfter: reader.u64(),
      raw: reader.byteVector(MAX_CERTIFICATE_BYTES),
      issuedSerials: readSerials(reader),
      nonce: fromLittleEndian(reader.raw(U256_BYTES)),
    };
  });
}

/** Prefix of the map `AutoIds`: twox128("AutoId") ‖ twox128("AutoIds"). */
export const AUTO_IDS_PREFIX = fromHex('50a67f2e65d5bd52196f5ee48d122fadd531e77e81c4471853a7c1afdcc6731a');
/** Prefix of the map `CertificateRevocationList`, keyed by the issuer's identifier. */
export const REVOCATIONS_PREFIX = fromHex('50a67f2e65d5bd52196f5ee48d122fad496b7185c442fe581bceac3733673658');

/** Storage key of an Auto ID. */
export function autoIdKey(id: Uint8Array): Uint8Array {
  return concat(AUTO_IDS_PREFIX, id);
}

/** Storage key of an issuer's revocation list. */
export function revocationsKey(issuer: Uint8Array): Uint8Array {
  return concat(REVOCATIONS_PREFIX, issuer);
}

/** The next nonce, or null where it overflows. */
export function nextNonce(nonce: bigint): bigint | null {
  return nonce + 1n < U256_LIMIT ? nonce + 1n : null;
}
