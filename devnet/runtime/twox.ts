/** xxHash64, with which Substrate names its storage items. */
import { concat, littleEndian } from '../../src/protocol/bytes.ts';

const MASK = 0xffff_ffff_ffff_ffffn;
const P1 = 0x9e37_79b1_85eb_ca87n;
const P2 = 0xc2b2_ae3d_27d4_eb4fn;
const P3 = 0x1656_67b1_9e37_79f9n;
const P4 = 0x85eb_ca77_c2b2_ae63n;
const P5 = 0x27d4_eb2f_1656_67c5n;

function rotate(value: bigint, bits: bigint): bigint {
  return ((value << bits) | (value >> (64n - bits))) & MASK;
}

function round(lane: bigint, input: bigint): bigint {
  return (rotate((lane + input * P2) & MASK, 31n) * P1) & MASK;
}

/** xxHash64 of the bytes. */
export function xxHash64(bytes: Uint8Array, seed: bigint): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let offset = 0;
  let hash: bigint;
  if (bytes.length >= 32) {
    const lanes = [(seed + P1 + P2) & MASK, (seed + P2) & MASK, seed, (seed - P1) & MASK];
    for (; offset + 32 <= bytes.length; offset += 32) {
      for (let lane = 0; lane < 4; lane += 1)
        lanes[lane] = round(lanes[lane]!, view.getBigUint64(offset + 8 * lane, true));
    }
    hash = [1n, 7n, 12n, 18n].reduce((sum, bits, lane) => (sum + rotate(lanes[lane]!, bits)) & MASK, 0n);
    for (const lane of lanes) hash = ((hash ^ round(0n, lane)) * P1 + P4) & MASK;
  } else {
    hash = (seed + P5) & MASK;
  }
  hash = (hash + BigInt(bytes.length)) & MASK;
  for (; offset + 8 <= bytes.length; offset += 8)
    hash = (rotate(hash ^ round(0n, view.getBigUint64(offset, true)), 27n) * P1 + P4) & MASK;
  for (; offset + 4 <= bytes.length; offset += 4)
    hash = (rotate(hash ^ ((BigInt(view.getUint32(offset, true)) * P1) & MASK), 23n) * P2 + P3) & MASK;
  for (; offset < bytes.length; offset += 1)
    hash = (rotate(hash ^ ((BigInt(view.getUint8(offset)) * P5) & MASK), 11n) * P1) & MASK;
  hash = ((hash ^ (hash >> 33n)) * P2) & MASK;
  hash = ((hash ^ (hash >> 29n)) * P3) & MASK;
  return hash ^ (hash >> 32n);
}

/** 8 bytes. */
export function twox64(bytes: Uint8Array): Uint8Array {
  return littleEndian(xxHash64(bytes, 0n), 8);
}

/** 16 bytes. */
export function twox128(bytes: Uint8Array): Uint8Array {
  return concat(littleEndian(xxHash64(bytes, 0n), 8), littleEndian(xxHash64(bytes, 1n), 8));
}
