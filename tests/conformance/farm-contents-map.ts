/** Contents maps of sectors, whole and broken. */
import { concat, equal } from '../../src/protocol/bytes.ts';
import { RECORD_CHUNKS, S_BUCKETS } from '../../src/protocol/constants.ts';
import { ContentsMap, countBits } from '../../src/protocol/contents-map.ts';
import { ProtocolError } from '../../src/protocol/errors.ts';
import { blake3Hash } from '../../src/protocol/hash.ts';
import { BITFIELD_BYTES } from '../../src/protocol/sector.ts';
import { chunkList } from './farm-sectors.ts';
import {
  casesOf,
  expectFacts,
  expectRule,
  expectSame,
  namedBytes,
  refusal,
  type Recorded,
} from './protocol-support.ts';
import type { ConformanceCase, ConformanceContext } from './types.ts';

export interface ContentsMapFile {
  label: string;
  file: string;
  pieces_in_sector: number;
  rule?: string;
  records: (Recorded & { piece_offset: number; ones: number; first8: unknown[] })[];
  decode_errors: { what: string; error: string }[];
}

/** Codes of ours for the errors of the reference. */
const MAP_ERRORS: Record<string, string> = {
  ChecksumMismatch: 'checksum',
  InvalidBytesLength: 'length',
  InvalidEncodedRecordChunks: 'encoded-chunks',
};

const BITFIELD_RULE =
  "record o: the first `ones` indices after sorting 0..65536 by (u32le of XOF('contents-map-o')[4i..4i+4], i) have their bit set";

/** The bitfield that this rule makes: `ones` bits, at the places of the smallest of 65536 numbers. */
function bitfieldOf(label: string, pieceOffset: number, ones: number): Uint8Array {
  const random = namedBytes(label, `contents-map-${pieceOffset}`, 4 * S_BUCKETS);
  const view = new DataView(random.buffer, random.byteOffset);
  const order = Array.from({ length: S_BUCKETS }, (_, i) => i).sort(
    (a, b) => view.getUint32(4 * a, true) - view.getUint32(4 * b, true) || a - b,
  );
  return bitsAt(order.slice(0, ones));
}

function bitsAt(indices: readonly number[]): Uint8Array {
  const bits = new Uint8Array(BITFIELD_BYTES);
  for (const index of indices) bits[index >> 3]! |= 1 << (index & 7);
  return bits;
}

/** What is wrong with a map, as recordings say it. */
const FAULTS = {
  checksum: /^one bit flipped/,
  length: /^wrong length/,
  'encoded-chunks': /^\d+ bits set/,
};

/** Bytes that the reference refuses to decode: broken as recorded or, said in other words, so as to give its error. */
function brokenMap(what: string, code: string, bytes: Uint8Array, pieces: number): Uint8Array {
  const [fault = code] = Object.entries(FAULTS).flatMap(([name, words]) => (words.test(what) ? [name] : []));
  if (fault === 'checksum') {
    const flipped = bytes.slice();
    flipped[0]! ^= 1;
    return flipped;
  }
  if (fault === 'length') return bytes.subarray(1);
  if (fault === 'encoded-chunks') {
    const tooMany = bitsAt(Array.from({ length: RECORD_CHUNKS + 1 }, (_, i) => i));
    const fields = Array.from({ length: pieces }, (_, i) =>
      i === 0 ? tooMany : new Uint8Array(BITFIELD_BYTES),
    );
    return concat(...fields, blake3Hash(concat(...fields)));
  }
  throw new Error(`nothing is known to be wrong with “${what}”`);
}

export function contentsMapCases(ctx: ConformanceContext, file: ContentsMapFile): ConformanceCase[] {
  const load = async () => ContentsMap.decode(await ctx.read(file.file), file.pieces_in_sector);
  return [
    {
      name: 'contents map with chunks that are not encoded',
      rule: 'contents-map',
      run: async () => {
        const map = await load();
        expectSame('its encoding', equal(map.encode(), await ctx.read(file.file)), true);
        const sizes = map.sBucketSizes();
        expectFacts(file as unknown as Recorded, {
          pieces_in_sector: map.bitfields.length,
          s_bucket_sizes_blake3: blake3Hash(new Uint8Array(sizes.buffer)),
          s_bucket_sizes_first32: [...sizes.subarray(0, 32)],
          s_bucket_sizes_last8: [...sizes.subarray(-8)],
          sum: sizes.reduce((sum, size) => sum + size, 0),
        });
      },
    },
    ...casesOf(
      file.records,
      ({ piece_offset }) => ({ name: `record ${piece_offset} of the map`, rule: 'contents-map' }),
      async (record) => {
        const map = await load();
        expectRule(BITFIELD_RULE, file.rule);
        const made = bitfieldOf(file.label, record.piece_offset, record.ones);
        expectSame('the bits by the rule', equal(map.bitfields[record.piece_offset]!, made), true);
        const chunks = chunkList(map, record.piece_offset);
        const listed = new Uint8Array(7 * chunks.length);
        const view = new DataView(listed.buffer);
        chunks.forEach(([sBucket, encoded, location], i) => {
          view.setUint16(7 * i, sBucket, true);
          view.setUint8(7 * i + 2, encoded ? 1 : 0);
          view.setUint32(7 * i + 3, location, true);
        });
        expectFacts(record, {
          ones: countBits(map.bitfields[record.piece_offset]!),
          chunks: chunks.length,
          encoded_chunks: chunks.filter(([, encoded]) => encoded).length,
          last_s_bucket: chunks.at(-1)?.[0],
          first8: chunks.slice(0, 8),
          all_blake3: blake3Hash(listed),
        });
      },
    ),
    ...casesOf(
      file.decode_errors,
      ({ what }) => ({ name: `no contents map: ${what}`, rule: 'contents-map' }),
      async ({ what, error }) => {
        const code = MAP_ERRORS[error] ?? error;
        const bytes = brokenMap(what, code, await ctx.read(file.file), file.pieces_in_sector);
        const refused = await refusal(() => ContentsMap.decode(bytes, file.pieces_in_sector));
        expectSame('code', refused instanceof ProtocolError && refused.code, code);
      },
    ),
  ];
}
