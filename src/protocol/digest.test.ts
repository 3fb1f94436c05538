import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, utf8 } from './bytes.ts';
import { SUBSPACE_ENGINE } from './constants.ts';
import {
  buildDigest,
  consensusDigestItem,
  decodeConsensusItem,
  encodeConsensusItem,
  encodePreDigest,
  subspaceDigests,
} from './digest.ts';
import { DecodeError, ProtocolError } from './errors.ts';
import { decodeHeader, encodeHeader, headerHash, preSealHash, sealOf, unsealed } from './header.ts';
import type { DigestItem, Header, SubspaceDigests } from './types.ts';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const u64 = fc.bigInt(0n, 2n ** 64n - 1n);
const iterations = fc.integer({ min: 1, max: 0xffffffff });

const digests: fc.Arbitrary<SubspaceDigests> = fc.record({
  preDigest: fc.record({
    slot: u64,
    solution: fc.record({
      publicKey: bytes(32),
      rewardAddress: bytes(32),
      sectorIndex: fc.nat(0xffff),
      historySize: fc.bigInt(1n, 2n ** 64n - 1n),
      pieceOffset: fc.nat(0xffff),
      recordCommitment: bytes(48),
      recordWitness: bytes(48),
      chunk: bytes(32),
      chunkWitness: bytes(48),
      proofOfSpace: bytes(160),
    }),
    proofOfTime: bytes(16),
    futureProofOfTime: bytes(16),
  }),
  seal: bytes(64),
  potSlotIterations: iterations,
  solutionRange: u64,
  potParametersChange: fc.option(fc.record({ slot: u64, slotIterations: iterations, entropy: bytes(32) })),
  nextSolutionRange: fc.option(u64),
  segmentCommitments: fc.uniqueArray(fc.record({ segmentIndex: u64, commitment: bytes(48) }), {
    maxLength: 3,
    selector: ({ segmentIndex }) => segmentIndex,
  }),
  enableSolutionRangeAdjustment: fc.option(fc.record({ override: fc.option(u64) })),
  rootPlotPublicKeyUpdate: fc.option(fc.record({ key: fc.option(bytes(32)) })),
});

const foreign: fc.Arbitrary<DigestItem> = fc.oneof(
  fc.constant<DigestItem>({ kind: 'runtimeEnvironmentUpdated' }),
  fc.uint8Array({ maxLength: 20 }).map((data): DigestItem => ({ kind: 'other', data })),
  fc.record({
    kind: fc.constantFrom('consensus', 'preRuntime', 'seal'),
    engine: fc.constant(utf8('BABE')),
    data: fc.uint8Array({ maxLength: 20 }),
  }),
);

function headerWith(digest: DigestItem[]): Header {
  const hash = new Uint8Array(32);
  return { parentHash: hash, number: 63, stateRoot: hash, extrinsicsRoot: hash, digest };
}

describe('digest of a header', () => {
  it('says the same whatever stands between its items and in which order they are', () => {
    fc.assert(
      fc.property(digests, fc.array(foreign, { maxLength: 4 }), fc.nat(), (expected, others, turn) => {
        const own = buildDigest(expected);
        const seal = own.pop() as DigestItem;
        const at = turn % (own.length + 1);
        const header = headerWith([...own.slice(at), ...others, ...own.slice(0, at), seal]);
        const { segmentCommitments, ...rest } = subspaceDigests(header);
        const { segmentCommitments: commitments, ...others_ } = expected;
        expect(rest).toEqual(others_);
        expect(new Map(segmentCommitments.map((one) => [one.segmentIndex, one.commitment]))).toEqual(
          new Map(commitments.map((one) => [one.segmentIndex, one.commitment])),
        );
        expect(decodeHeader(encodeHeader(header))).toEqual(header);
        expect(sealOf(header)).toEqual(expected.seal);
        expect(headerHash(unsealed(header))).toEqual(preSealHash(header));
      }),
      { numRuns: 60 },
    );
  });

  it('refuses any item of the network twice, and a lack of those that have to be there', () => {
    fc.assert(
      fc.property(digests, fc.nat(), (given, pick) => {
        const own = buildDigest(given);
        const index = pick % own.length;
        const twice = headerWith([...own, own[index] as DigestItem]);
        expect(() => subspaceDigests(twice)).toThrow(ProtocolError);
        for (const missing of [0, 1, 2, 3]) {
          const item = own[missing] as DigestItem;
          const isMandatory =
            item.kind === 'preRuntime' || (item.kind === 'consensus' && (item.data[0] as number) <= 1);
          const rest = own.filter((_, at) => at !== missing);
          const read = () => subspaceDigests(headerWith(rest));
          expect(isMandatory ? refuses(read) : !refuses(read)).toBe(true);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('takes no payload with a byte too many or too few, no pace of zero, no unknown kind or version', () => {
    const payloads = fc.oneof(
      iterations.map((value) => encodeConsensusItem({ kind: 'potSlotIterations', iterations: value })),
      u64.map((range) => encodeConsensusItem({ kind: 'nextSolutionRange', range })),
      fc
        .option(u64)
        .map((override) => encodeConsensusItem({ kind: 'enableSolutionRangeAdjustment', override })),
    );
    fc.assert(
      fc.property(payloads, fc.nat(255), (payload, more) => {
        expect(() => decodeConsensusItem(concat(payload, Uint8Array.of(more)))).toThrow(DecodeError);
        expect(() => decodeConsensusItem(payload.subarray(0, -1))).toThrow(DecodeError);
      }),
    );
    expect(() => decodeConsensusItem(Uint8Array.of(0, 0, 0, 0, 0))).toThrow('zero');
    expect(() => decodeConsensusItem(Uint8Array.of(7))).toThrow('7');
    expect(() => decodeConsensusItem(Uint8Array.of(5, 2))).toThrow(DecodeError);
    expect(() => decodeConsensusItem(new Uint8Array(0))).toThrow(DecodeError);
  });

  it('takes no pre-digest of another version or a history of nothing', () => {
    fc.assert(
      fc.property(digests, ({ preDigest, ...rest }) => {
        const payload = encodePreDigest(preDigest);
        const changed = (at: number, values: number[]) => {
          const data = payload.slice();
          data.set(values, at);
          return headerWith([
            { kind: 'preRuntime', engine: SUBSPACE_ENGINE, data },
            consensusDigestItem({ kind: 'solutionRange', range: rest.solutionRange }),
            consensusDigestItem({ kind: 'potSlotIterations', iterations: rest.potSlotIterations }),
          ]);
        };
        expect(subspaceDigests(changed(0, [0])).preDigest).toEqual(preDigest);
        expect(() => subspaceDigests(changed(0, [1]))).toThrow(ProtocolError);
        expect(() => subspaceDigests(changed(9 + 412, [1]))).toThrow(ProtocolError);
        expect(() => subspaceDigests(changed(9 + 66, [0, 0, 0, 0, 0, 0, 0, 0]))).toThrow(ProtocolError);
      }),
      { numRuns: 20 },
    );
  });
});

function refuses(read: () => unknown): boolean {
  try {
    read();
    return false;
  } catch (error) {
    if (error instanceof ProtocolError) return true;
    throw error;
  }
}
