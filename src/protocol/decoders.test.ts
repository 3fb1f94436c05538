/**
 * Every decoder of whole values, on whatever of the recordings it takes, damaged: what comes is refused with a typed
 * error, or encodes to the very bytes that came.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesOfHex, damaged, isStrict, recordedTexts, succeeds } from '../../tests/support/damaged.ts';
import { decodeSignedBlock, encodeSignedBlock } from './block.ts';
import { decodeConsensusItem, decodePreDigest, encodeConsensusItem, encodePreDigest } from './digest.ts';
import { decodeExtrinsic, encodeExtrinsic } from './extrinsic.ts';
import { decodeDigestItem, encodeDigestItem } from './header.ts';
import { decodeSegmentHeader, encodeSegmentHeader } from './segment.ts';
import { decodeSolution, encodeSolution } from './solution.ts';
import { decodeSolutionParams, encodeSolutionParams } from './solution-check.ts';
import { decodeVote, encodeVote } from './vote.ts';

const FILES = [
  'archiving',
  'consensus',
  'digests',
  'objects',
  'solutions',
  'verify_solution',
  'auto-id',
  'wire/blocks',
  'chain/rpc-samples',
];
/** Of hex: two characters a byte, and the prefix. */
const LONGEST = 2 + 2 * 10_000;
const recorded = bytesOfHex(recordedTexts(FILES, LONGEST));

interface Decoder {
  decode: (bytes: Uint8Array) => unknown;
  encode: (value: never) => Uint8Array;
}

const decoders: Record<string, Decoder> = {
  'digest items': { decode: decodeDigestItem, encode: encodeDigestItem },
  'items of the consensus': { decode: decodeConsensusItem, encode: encodeConsensusItem },
  'pre-digests': { decode: decodePreDigest, encode: encodePreDigest },
  solutions: { decode: decodeSolution, encode: encodeSolution },
  'parameters of solutions': { decode: decodeSolutionParams, encode: encodeSolutionParams },
  votes: { decode: decodeVote, encode: encodeVote },
  extrinsics: { decode: decodeExtrinsic, encode: encodeExtrinsic },
  'signed blocks': { decode: decodeSignedBlock, encode: encodeSignedBlock },
  'headers of segments': { decode: decodeSegmentHeader, encode: encodeSegmentHeader },
};

describe('damaged recordings are refused, or are what they encode to:', () => {
  it.each(Object.entries(decoders))('%s', (_, { decode, encode }) => {
    const strict = (bytes: Uint8Array): boolean =>
      isStrict(bytes, decode, encode as (value: unknown) => Uint8Array);
    const seeds = recorded.filter((bytes) => succeeds(() => decode(bytes))).slice(0, 64);
    expect(seeds.length).toBeGreaterThan(0);
    expect(seeds.every(strict)).toBe(true);
    const input = fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...seeds).chain(damaged) },
      fc.uint8Array({ maxLength: 200 }),
    );
    fc.assert(fc.property(input, strict), { numRuns: 800 });
  });
});
