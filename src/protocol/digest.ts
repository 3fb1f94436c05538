/** The Subspace items of a header's digest: rule `digest-items`. */
import { equal } from './bytes.ts';
import { SUBSPACE_ENGINE } from './constants.ts';
import { ProtocolError } from './errors.ts';
import { decodeAll, ScaleWriter, type ScaleReader } from './scale.ts';
import { readSolution, writeSolution } from './solution.ts';
import type { DigestItem, Header, PreDigest, SubspaceDigests } from './types.ts';

/** One Subspace consensus item, decoded. */
export type ConsensusItem =
  | { kind: 'potSlotIterations'; iterations: number }
  | { kind: 'solutionRange'; range: bigint }
  | { kind: 'potParametersChange'; slot: bigint; slotIterations: number; entropy: Uint8Array }
  | { kind: 'nextSolutionRange'; range: bigint }
  | { kind: 'segmentCommitment'; segmentIndex: bigint; commitment: Uint8Array }
  | { kind: 'enableSolutionRangeAdjustment'; override: bigint | null }
  | { kind: 'rootPlotPublicKeyUpdate'; key: Uint8Array | null };

function readNonZeroU32(reader: ScaleReader): number {
  const value = reader.u32();
  if (value === 0) reader.fail('slot iterations are zero');
  return value;
}

function readConsensusItem(reader: ScaleReader): ConsensusItem {
  const kind = reader.u8();
  switch (kind) {
    case 0:
      return { kind: 'potSlotIterations', iterations: readNonZeroU32(reader) };
    case 1:
      return { kind: 'solutionRange', range: reader.u64() };
    case 2:
      return {
        kind: 'potParametersChange',
        slot: reader.u64(),
        slotIterations: readNonZeroU32(reader),
        entropy: reader.raw(32),
      };
    case 3:
      return { kind: 'nextSolutionRange', range: reader.u64() };
    case 4:
      return { kind: 'segmentCommitment', segmentIndex: reader.u64(), commitment: reader.raw(48) };
    case 5:
      return { kind: 'enableSolutionRangeAdjustment', override: reader.option((some) => some.u64()) };
    case 6:
      return { kind: 'rootPlotPublicKeyUpdate', key: reader.option((some) => some.raw(32)) };
    default:
      return reader.fail(`${kind} is not a kind of Subspace consensus item`);
  }
}

/** Decodes the payload of a `SUB_` consensus item; throws DecodeError. */
export function decodeConsensusItem(payload: Uint8Array): ConsensusItem {
  return decodeAll(payload, 'consensus-item', readConsensusItem);
}

/** Payload of a `SUB_` consensus item. */
export function encodeConsensusItem(item: ConsensusItem): Uint8Array {
  const writer = new ScaleWriter(64);
  switch (item.kind) {
    case 'potSlotIterations':
      return writer.u8(0).u32(item.iterations).bytes();
    case 'solutionRange':
      return writer.u8(1).u64(item.range).bytes();
    case 'potParametersChange':
      return writer.u8(2).u64(item.slot).u32(item.slotIterations).raw(item.entropy).bytes();
    case 'nextSolutionRange':
      return writer.u8(3).u64(item.range).bytes();
    case 'segmentCommitment':
      return writer.u8(4).u64(item.segmentIndex).raw(item.commitment).bytes();
    case 'enableSolutionRangeAdjustment':
      return writer
        .u8(5)
        .option(item.override, (some, value) => some.u64(value))
        .bytes();
    case 'rootPlotPublicKeyUpdate':
      return writer
        .u8(6)
        .option(item.key, (some, value) => some.raw(value))
        .bytes();
  }
}

/** A Subspace consensus item as a digest item. */
export function consensusDigestItem(item: ConsensusItem): DigestItem {
  return { kind: 'consensus', engine: SUBSPACE_ENGINE, data: encodeConsensusItem(item) };
}

function readPreDigest(reader: ScaleReader): PreDigest {
  if (reader.u8() !== 0) reader.fail('unknown version of the pre-digest');
  const slot = reader.u64();
  const solution = readSolution(reader);
  if (reader.u8() !== 0) reader.fail('unknown version of the proof-of-time info');
  return { slot, solution, proofOfTime: reader.raw(16), futureProofOfTime: reader.raw(16) };
}

/** Decodes the 454-byte payload of the pre-digest; throws DecodeError. */
export function decodePreDigest(payload: Uint8Array): PreDigest {
  return decodeAll(payload, 'pre-digest', readPreDigest);
}

/** The 454-byte payload of the pre-digest. */
export function encodePreDigest(preDigest: PreDigest): Uint8Array {
  const writer = new ScaleWriter(454);
  writer.u8(0).u64(preDigest.slot);
  writeSolution(writer, preDigest.solution);
  return writer.u8(0).raw(preDigest.proofOfTime).raw(preDigest.futureProofOfTime).bytes();
}

/** The pre-digest as a digest item. */
export function preRuntimeDigestItem(preDigest: PreDigest): DigestItem {
  return { kind: 'preRuntime', engine: SUBSPACE_ENGINE, data: encodePreDigest(preDigest) };
}

/** A seal (64-byte signature) as a digest item. */
export function sealDigestItem(signature: Uint8Array): DigestItem {
  return { kind: 'seal', engine: SUBSPACE_ENGINE, data: signature };
}

function refuse(message: string): never {
  throw new ProtocolError({
    code: 'bad-digest',
    rule: 'digest-items',
    message,
    sentence: 'A block header carries wrong or missing digest items and was refused.',
  });
}

type Mutable<T> = { -readonly [K in keyof T]?: T[K] };

/**
 * The Subspace items of a header (rule `digest-items`): every kind at most once, segment commitments once per
 * index; pre-digest, `PotSlotIterations` and `SolutionRange` mandatory; items of other engines are ignored.
 * The seal may be absent; whether it is there and last is rule `seal-present`. Throws ProtocolError or
 * DecodeError.
 */
export function subspaceDigests(header: Header): SubspaceDigests {
  const found: Mutable<SubspaceDigests> = {};
  const commitments = new Map<bigint, Uint8Array>();
  const once = <K extends keyof SubspaceDigests>(key: K, value: SubspaceDigests[K]) => {
    if (found[key] !== undefined) refuse(`${key} appears more than once`);
    found[key] = value;
  };
  for (const item of header.digest) {
    if (item.kind === 'other' || item.kind === 'runtimeEnvironmentUpdated') continue;
    if (!equal(item.engine, SUBSPACE_ENGINE)) continue;
    if (item.kind === 'preRuntime') once('preDigest', decodePreDigest(item.data));
    else if (item.kind === 'seal') {
      if (item.data.length !== 64) refuse(`seal of ${item.data.length} bytes`);
      once('seal', item.data);
    } else {
      const decoded = decodeConsensusItem(item.data);
      switch (decoded.kind) {
        case 'potSlotIterations':
          once('potSlotIterations', decoded.iterations);
          break;
        case 'solutionRange':
          once('solutionRange', decoded.range);
          break;
        case 'potParametersChange': {
          const { slot, slotIterations, entropy } = decoded;
          once('potParametersChange', { slot, slotIterations, entropy });
          break;
        }
        case 'nextSolutionRange':
          once('nextSolutionRange', decoded.range);
          break;
        case 'segmentCommitment':
          if (commitments.has(decoded.segmentIndex))
            refuse(`segment ${decoded.segmentIndex} committed twice`);
          commitments.set(decoded.segmentIndex, decoded.commitment);
          break;
        case 'enableSolutionRangeAdjustment':
          once('enableSolutionRangeAdjustment', { override: decoded.override });
          break;
        case 'rootPlotPublicKeyUpdate':
          once('rootPlotPublicKeyUpdate', { key: decoded.key });
          break;
      }
    }
  }
  return {
    preDigest: found.preDigest ?? refuse('no pre-digest'),
    seal: found.seal ?? null,
    potSlotIterations: found.potSlotIterations ?? refuse('no PotSlotIterations'),
    solutionRange: found.solutionRange ?? refuse('no SolutionRange'),
    potParametersChange: found.potParametersChange ?? null,
    nextSolutionRange: found.nextSolutionRange ?? null,
    segmentCommitments: [...commitments].map(([segmentIndex, commitment]) => ({ segmentIndex, commitment })),
    enableSolutionRangeAdjustment: found.enableSolutionRangeAdjustment ?? null,
    rootPlotPublicKeyUpdate: found.rootPlotPublicKeyUpdate ?? null,
  };
}
