/** The runtime's metadata: the recorded one of the real network with this network's constants in it. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { concat, fromHex, littleEndian, utf8 } from '../../src/protocol/bytes.ts';
import { PIECE_BYTES } from '../../src/protocol/constants.ts';
import { ScaleWriter } from '../../src/protocol/scale.ts';
import { PUBLIC_PARAMS, PUBLIC_STAKING, STAKING, type NetworkParams } from '../config.ts';
import { developmentAccounts } from '../accounts.ts';
import { initialSolutionRange } from '../genesis.ts';
import { BLOCK_TREE_PRUNING_DEPTH } from './domains.ts';
import { writeSolutionRanges } from './subspace-state.ts';

const RECORDED_PRUNING_DEPTH = 14_400;
const RECORDED_ISSUANCE = 0xd961_edda_1c04_6800_00n;
/** Between a constant's name and its value lie the numbers of its type and of the value's bytes. */
const MAX_TYPE_BYTES = 4;

function find(bytes: Uint8Array, wanted: Uint8Array, from = 0): number {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(wanted, from);
}

/** Overwrites a constant of this name and value, in whichever pallets have it. Throws Error when none does. */
function setConstant(metadata: Uint8Array, name: string, recorded: Uint8Array, value: Uint8Array): void {
  const named = concat(new ScaleWriter().compact(name.length).bytes(), utf8(name));
  const sized = concat(new ScaleWriter().compact(recorded.length).bytes(), recorded);
  let found = false;
  for (let at = find(metadata, named); at >= 0; at = find(metadata, named, at + 1)) {
    const end = at + named.length;
    const offset = find(metadata.subarray(end, end + MAX_TYPE_BYTES + sized.length), sized);
    if (offset < 0) continue;
    metadata.set(value, end + offset + sized.length - recorded.length);
    found = true;
  }
  if (!found) throw new Error(`the metadata does not name the constant ${name}`);
}

/** Constants that depend on the network's parameters, as the metadata writes them. */
function constants(
  params: NetworkParams,
  issuance: bigint,
  staking: { epoch: number; lockingPeriod: number },
): Record<string, Uint8Array> {
  const u = littleEndian;
  const pair = ([a, b]: [bigint, bigint]) => concat(u(a, 8), u(b, 8));
  return {
    BlockAuthoringDelay: u(params.blockAuthoringDelay, 8),
    PotEntropyInjectionInterval: u(params.potEntropyInjectionInterval, 4),
    PotEntropyInjectionLookbackDepth: u(params.potEntropyInjectionLookbackDepth, 1),
    PotEntropyInjectionDelay: u(params.potEntropyInjectionDelay, 8),
    EraDuration: u(params.eraDurationInBlocks, 4),
    InitialSolutionRange: u(initialSolutionRange(params), 8),
    SlotProbability: pair(params.slotProbability),
    StakeEpochDuration: u(staking.epoch, 4),
    StakeWithdrawalLockingPeriod: u(staking.lockingPeriod, 4),
    ConfirmationDepthK: u(params.confirmationDepthK, 4),
    RecentSegments: u(params.recentSegments, 8),
    RecentHistoryFraction: pair(params.recentHistoryFraction),
    MinSectorLifetime: u(params.minSectorLifetime, 8),
    ExpectedVotesPerBlock: u(params.expectedVotesPerBlock, 4),
    MaxPiecesInSector: u(params.maxPiecesInSector, 2),
    MinimumPeriod: u(Math.floor(params.slotDurationMs / 2), 8),
    CreditSupply: u(issuance, 16),
    TotalSpacePledged: u(params.initialPieces * BigInt(PIECE_BYTES), 16),
  };
}

function ranges(range: bigint): Uint8Array {
  const writer = new ScaleWriter();
  writeSolutionRanges(writer, { current: range, next: null, votingCurrent: range, votingNext: null });
  return writer.bytes();
}

function patched(file: string, params: NetworkParams): Uint8Array {
  const hex = gunzipSync(readFileSync(new URL(`../data/${file}`, import.meta.url)))
    .toString()
    .trim();
  const metadata = fromHex(hex);
  const recorded = constants(PUBLIC_PARAMS, RECORDED_ISSUANCE, PUBLIC_STAKING);
  const issuance = params.endowment * BigInt(developmentAccounts().length);
  for (const [name, value] of Object.entries(constants(params, issuance, STAKING)))
    setConstant(metadata, name, recorded[name]!, value);
  setConstant(
    metadata,
    'BlockTreePruningDepth',
    littleEndian(RECORDED_PRUNING_DEPTH, 4),
    littleEndian(BLOCK_TREE_PRUNING_DEPTH, 4),
  );
  const recordedRanges = ranges(initialSolutionRange(PUBLIC_PARAMS));
  const at = find(metadata, recordedRanges);
  if (at < 0 || find(metadata, recordedRanges, at + 1) >= 0)
    throw new Error('the metadata does not name the default solution ranges exactly once');
  metadata.set(ranges(initialSolutionRange(params)), at);
  return metadata;
}

export class Metadata {
  private readonly versions = new Map<number, Uint8Array>();

  constructor(private readonly params: NetworkParams) {}

  /** Metadata of version 14 or 15, with its magic number; null for any other. */
  version(version: number): Uint8Array | null {
    if (version !== 14 && version !== 15) return null;
    let found = this.versions.get(version);
    if (found === undefined) {
      found = patched(`metadata-v${version}.hex.gz`, this.params);
      this.versions.set(version, found);
    }
    return found;
  }
}
