/** Calls of the Auto ID domain, as its extrinsics carry them, and what they weigh. */
import { AUTO_ID_PALLET, decodeCall as decodeAutoIdCall, type AutoIdCall } from '../../src/identity/calls.ts';
import { concat } from '../../src/protocol/bytes.ts';
import { DecodeError } from '../../src/protocol/errors.ts';
import { extrinsicBody, readExtra, type ExtrinsicExtra } from '../../src/protocol/extrinsic.ts';
import { decodeAll, ScaleWriter, type ScaleReader } from '../../src/protocol/scale.ts';
import { InvalidTransaction } from '../runtime/context.ts';

const MAX_BATCH = 1000;
/** Longest extrinsic that is taken. */
export const MAX_EXTRINSIC_BYTES = 512 * 1024;

/** Picoseconds that reading and writing a value of the state take. */
const READ = 8_000_000n;
const WRITE = 50_000_000n;
const measured = (time: bigint, reads: bigint, writes: bigint): bigint =>
  time + READ * reads + WRITE * writes;

/** A call that the local domain runs. */
export type DomainCall =
  | { kind: 'remark' }
  | { kind: 'transfer'; to: Uint8Array; value: bigint; keepAlive: boolean }
  | { kind: 'batch_all'; calls: DomainCall[] }
  | { kind: 'auto-id'; call: AutoIdCall };

/** A signed extrinsic taken apart. */
export interface SignedExtrinsic {
  /** 32 bytes. */
  signer: Uint8Array;
  scheme: number;
  /** 64 bytes. */
  signature: Uint8Array;
  extra: ExtrinsicExtra;
  callBytes: Uint8Array;
  call: DomainCall;
  /** With the length prefix. */
  length: number;
}

function readCall(reader: ScaleReader, depth: number): DomainCall {
  const pallet = reader.u8();
  const index = reader.u8();
  switch (`${pallet}.${index}`) {
    case '0.0':
    case '0.7':
      reader.byteVector();
      return { kind: 'remark' };
    case '20.0':
    case '20.3': {
      if (reader.u8() !== 0) reader.fail('an address must be an account id');
      const to = reader.raw(32);
      return { kind: 'transfer', to, value: reader.compactBig((1n << 128n) - 1n), keepAlive: index === 3 };
    }
    case '8.2':
      if (depth > 0) reader.fail('batches are not nested here');
      return { kind: 'batch_all', calls: reader.vec((item) => readCall(item, depth + 1), 2, MAX_BATCH) };
    default:
      if (pallet !== AUTO_ID_PALLET)
        reader.fail(`the local domain does not run call ${index} of pallet ${pallet}`);
      return { kind: 'auto-id', call: readAutoIdCall(reader, index) };
  }
}

/** An AutoId call has no length of its own: its fields are read past, and the bytes decoded as they are. */
function readAutoIdCall(reader: ScaleReader, index: number): AutoIdCall {
  const parts: Uint8Array[] = [new Uint8Array([AUTO_ID_PALLET, index])];
  const take = (count: number): Uint8Array => {
    const bytes = reader.raw(count);
    parts.push(bytes);
    return bytes;
  };
  const vectors = (count: number): void => {
    for (let at = 0; at < count; at += 1)
      parts.push(new ScaleWriter().byteVector(reader.byteVector(MAX_EXTRINSIC_BYTES)).bytes());
  };
  if (index === 0) {
    take(1);
    if (take(1)[0] === 1) take(32);
    vectors(3);
  } else if (index === 3) {
    take(33);
    if (take(1)[0] === 1) take(32);
    vectors(3);
  } else {
    take(32);
    vectors(2);
  }
  return decodeAutoIdCall(concat(...parts));
}

/** Takes a signed extrinsic (with its length prefix) apart. Throws InvalidTransaction `Call`. */
export function parseSigned(bytes: Uint8Array): SignedExtrinsic {
  try {
    return decodeAll(extrinsicBody(bytes), 'domain-extrinsic', (reader) => {
      if (reader.u8() !== 0x84) reader.fail('only signed extrinsics come in bundles');
      if (reader.u8() !== 0) reader.fail('the signer must be an account id');
      const signer = reader.raw(32);
      const scheme = reader.u8();
      if (scheme > 1) reader.fail(`signatures of scheme ${scheme} are not taken here`);
      const signature = reader.raw(64);
      const extra = readExtra(reader);
      const callBytes = reader.raw(reader.remaining);
      const call = decodeAll(callBytes, 'domain-call', (inner) => readCall(inner, 0));
      return { signer, scheme, signature, extra, callBytes, call, length: bytes.length };
    });
  } catch (error) {
    if (error instanceof DecodeError) throw new InvalidTransaction('Call');
    throw error;
  }
}

/** Weight (picoseconds) of a call, as the runtime was measured. */
export function weightOf(call: DomainCall): bigint {
  switch (call.kind) {
    case 'remark':
      return 2_000_000n;
    case 'transfer':
      return measured(45_979_000n, 1n, 1n);
    case 'batch_all':
      return call.calls.reduce((sum, inner) => sum + 3_060_050n + weightOf(inner), 8_821_040n);
    case 'auto-id': {
      const { kind } = call.call;
      if (kind === 'register' || kind === 'renew') {
        const root = call.call.issuer === null;
        if (kind === 'register') return root ? measured(40_779_000n, 2n, 2n) : measured(49_269_000n, 4n, 3n);
        return root ? measured(47_459_000n, 3n, 3n) : measured(56_009_000n, 4n, 4n);
      }
      return kind === 'revoke' ? measured(43_429_000n, 3n, 3n) : measured(33_649_000n, 1n, 2n);
    }
  }
}
