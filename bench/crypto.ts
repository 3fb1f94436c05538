/** The hot arithmetic on one thread, in WebAssembly under Node.js, against the native figures of the reference. */
import { randomBytes } from '../src/crypto/random.ts';
import {
  commit,
  commitRecord,
  commitSegment,
  createWitness,
  evaluate,
  extend,
  interpolate,
  verifyOpening,
  verifyOpenings,
} from '../src/crypto/kzg.ts';
import type { KzgOpening } from '../src/crypto/jobs.ts';
import { invalidPieces, type PieceClaim } from '../src/crypto/piece.ts';
import { loadSrs } from '../src/crypto/srs.ts';
import { concat } from '../src/protocol/bytes.ts';
import { CHUNK_BYTES, POINT_BYTES, RECORD_CHUNKS, S_BUCKETS } from '../src/protocol/constants.ts';
import { medianCpu } from './measure.ts';
import { RUNS } from './statistics.ts';
import type { Benchmark } from './types.ts';

/** Milliseconds of CPU of the reference's own crates, one thread, on an EPYC with AES-NI, VAES and AVX-512. */
const NATIVE_MS = {
  open: 1.05,
  commit: 443.58,
  extend: 21.11,
  piece: 427.1,
};
const PEER = 'native, recorded';
const BATCH = 256;
const PIECES = 128;

/** Random canonical scalars: the top byte stays zero, as in source records. */
function scalars(count: number): Uint8Array {
  const bytes = randomBytes(count * CHUNK_BYTES);
  for (let index = 0; index < count; index += 1) bytes[index * CHUNK_BYTES] = 0;
  return bytes;
}

function milliseconds(
  name: string,
  nativeMs: number,
  goal: string,
  measure: () => Promise<number>,
): Benchmark {
  return {
    group: name.slice(0, name.indexOf('.')),
    name,
    unit: 'ms',
    better: 'lower',
    goal,
    async run() {
      await loadSrs();
      const value = (await measure()) * 1000;
      return { value, peer: PEER, ratio: nativeMs / value, runs: RUNS };
    },
  };
}

function openings(count: number): KzgOpening[] {
  const coefficients = interpolate(scalars(256));
  const commitment = commit(coefficients);
  return Array.from({ length: count }, (_, index) => ({
    commitment,
    domain: S_BUCKETS,
    index,
    value: evaluate(coefficients, S_BUCKETS, index),
    witness: createWitness(coefficients, S_BUCKETS, index),
  }));
}

/** Valid source pieces of one segment, whose other records are empty. */
function pieces(count: number): PieceClaim[] {
  const record = scalars(RECORD_CHUNKS);
  const commitment = commitRecord(record);
  const segment = commitSegment(concat(...Array.from({ length: 128 }, () => commitment)));
  return Array.from({ length: count }, (_, index) => {
    const position = 2 * (index % 128);
    const own = (bytes: Uint8Array) => bytes.subarray(position * POINT_BYTES, (position + 1) * POINT_BYTES);
    const piece = concat(record, own(segment.recordCommitments), own(segment.recordWitnesses));
    return { piece, segmentCommitment: segment.segmentCommitment, position };
  });
}

export const benchmarks: Benchmark[] = [
  milliseconds('kzg.open', NATIVE_MS.open, '≥ 0.12', () => {
    const [opening] = openings(1);
    return medianCpu(() => verifyOpening(opening!), 30);
  }),
  milliseconds('kzg.open.batch', NATIVE_MS.open, '≥ 1', async () => {
    const batch = openings(BATCH);
    return (await medianCpu(() => verifyOpenings(batch))) / BATCH;
  }),
  milliseconds('kzg.commit', NATIVE_MS.commit, '≥ 0.5', () => {
    const coefficients = scalars(RECORD_CHUNKS);
    return medianCpu(() => commit(coefficients));
  }),
  milliseconds('erasure.extend', NATIVE_MS.extend, '≥ 0.25', () => {
    const source = scalars(RECORD_CHUNKS);
    return medianCpu(() => extend(source));
  }),
  milliseconds('piece.verify.batch', NATIVE_MS.piece, '≥ 10', async () => {
    const claims = pieces(PIECES);
    const pieceAt = (index: number) => Promise.resolve(claims[index]!.piece);
    return (await medianCpu(() => invalidPieces(claims, pieceAt))) / PIECES;
  }),
];
