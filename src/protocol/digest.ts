/** The Subspace items of a header's digest: rule `digest-items`. */
import { equal } from './bytes.ts';
import { SUBSPACE_ENGINE } from './constants.ts';
import { DecodeError, ProtocolError } from './errors.ts';
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
      return writer.u8(2).u64(item.slot).u32(item.slotIterations).raw(item.entropy, 32).bytes();
    case 'nextSolutionRange':
      return writer.u8(3).u64(item.range).bytes();
    case 'segmentCommitment':
      return writer.u8(4).u64(item.segmentIndex).raw(item.commitment, 48).bytes();
    case 'enableSolutionRangeAdjustment':
      return writer
        .u8(5)
        .option(item.override, (some, value) => some.u64(value))
        .bytes();
    case 'rootPlotPublicKeyUpdate':
      return writer
        .u8(6)
        .option(item.key, (some, value) => some.raw(value, 32))
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
  return writer.u8(0).raw(preDigest.proofOfTime, 16).raw(preDigest.futureProofOfTime, 16).bytes();
}

/** The pre-digest as a digest item. */
export function preRuntimeDigestItem(preDigest: PreDigest): DigestItem {
  return { kind: 'preRuntime', engine: SUBSPACE_ENGINE, data: encodePreDigest(preDigest) };
}

/** A seal (64-byte signature) as a digest item. */
export function sealDigestItem(signature: Uint8Array): DigestItem {
  return { kind: 'seal', engine: SUBSPACE_ENGINE, data: signature };
}

function refuse(message: string, cause?: unknown): never {
  throw new ProtocolError({
    code: 'bad-digest',
    rule: 'digest-items',
    message,
    sentence: 'A block header carries wrong or missing digest items and was refused.',
    cause,
  });
}

function decoded<T>(item: { kind: string; data: Uint8Array }, decode: (payload: Uint8Array) => T): T {
  try {
    return decode(item.data);
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause;
    return refuse(`a ${item.kind} item does not decode: ${cause.message}`, cause);
  }
}

type Mutable<T> = { -readonly [K in keyof T]?: T[K] };

/**
 * The Subspace items of a header (rule `digest-items`): every kind at most once, segment commitments once per
 * index; pre-digest, `PotSlotIterations` and `SolutionRange` mandatory; items of other engines are ignored.
 * The seal may be absent; whether it is there and last is rule `seal-present`. Throws ProtocolError.
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
    if (item.kind === 'preRuntime') once('preDigest', decoded(item, decodePreDigest));
    else if (item.kind === 'seal') {
      if (item.data.length !== 64) refuse(`seal of ${item.data.length} bytes`);
      once('seal', item.data);
    } else {
      const consensus = decoded(item, decodeConsensusItem);
      switch (consensus.kind) {
        case 'potSlotIterations':
          once('potSlotIterations', consensus.iterations);
          break;
        case 'solutionRange':
          once('solutionRange', consensus.range);
          break;
        case 'potParametersChange': {
          const { slot, slotIterations, entropy } = consensus;
          once('potParametersChange', { slot, slotIterations, entropy });
          break;
        }
        case 'nextSolutionRange':
          once('nextSolutionRange', consensus.range);
          break;
        case 'segmentCommitment':
          if (commitments.has(consensus.segmentIndex))
            refuse(`segment ${consensus.segmentIndex} committed twice`);
          commitments.set(consensus.segmentIndex, consensus.commitment);
          break;
        case 'enableSolutionRangeAdjustment':
          once('enableSolutionRangeAdjustment', { override: consensus.override });
          break;
        case 'rootPlotPublicKeyUpdate':
          once('rootPlotPublicKeyUpdate', { key: consensus.key });
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

/**
 * The digest of a block with these items, in the order in which the runtime deposits them. The seal comes last
 * and is left out while it is null.
 */
export function buildDigest(digests: SubspaceDigests): DigestItem[] {
  const {
    potParametersChange,
    enableSolutionRangeAdjustment: enable,
    rootPlotPublicKeyUpdate: rootPlot,
  } = digests;
  const next: ConsensusItem[] =
    digests.nextSolutionRange === null
      ? []
      : [{ kind: 'nextSolutionRange', range: digests.nextSolutionRange }];
  const enabled: ConsensusItem[] =
    enable === null ? [] : [{ kind: 'enableSolutionRangeAdjustment', override: enable.override }];
  const rootPlotUpdate: ConsensusItem[] =
    rootPlot === null ? [] : [{ kind: 'rootPlotPublicKeyUpdate', key: rootPlot.key }];
  const change: ConsensusItem[] =
    potParametersChange === null ? [] : [{ kind: 'potParametersChange', ...potParametersChange }];
  // An override enacts the next range inside its extrinsic, an era's end only when the block is finalised.
  const overridden = enable !== null && enable.override !== null;
  const items: ConsensusItem[] = [
    ...(rootPlot?.key ? rootPlotUpdate : []),
    { kind: 'solutionRange', range: digests.solutionRange },
    { kind: 'potSlotIterations', iterations: digests.potSlotIterations },
    ...change,
    ...digests.segmentCommitments.map((item): ConsensusItem => ({ kind: 'segmentCommitment', ...item })),
    ...(overridden ? [...next, ...enabled] : enabled),
    ...(rootPlot?.key ? [] : rootPlotUpdate),
    ...(overridden ? [] : next),
  ];
  const digest = [preRuntimeDigestItem(digests.preDigest), ...items.map(consensusDigestItem)];
  return digests.seal === null ? digest : [...digest, sealDigestItem(digests.seal)];
}
