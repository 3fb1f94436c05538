/** The runtime's metadata: the recorded one of the real network with this network's constants in it. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { concat, fromHex, littleEndian, utf8 } from '../../src/protocol/bytes.ts';
import { PIECE_BYTES } from '../../src/protocol/constants.ts';
import { ScaleWriter } from '../../src/protocol/scale.ts';
import { piecesToSolutionRange } from '../../src/protocol/solution-range.ts';
import type { NetworkParams } from '../config.ts';
import { developmentAccounts } from '../accounts.ts';
import { initialSolutionRange } from '../genesis.ts';
import { writeSolutionRanges } from './subspace.ts';

/** Solution range of the recorded runtime, which its metadata names as a default. */
const RECORDED_RANGE = piecesToSolutionRange(1000n, [1n, 6n]);
/** Between a constant's name and its value lie the numbers of its type and of the value's bytes. */
const MAX_TYPE_BYTES = 4;

function find(bytes: Uint8Array, wanted: Uint8Array, from = 0): number {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(wanted, from);
}

/** Overwrites a constant of one size. Throws Error when the metadata does not have it exactly once. */
function setConstant(metadata: Uint8Array, name: string, value: Uint8Array): void {
  const named = concat(new ScaleWriter().compact(name.length).bytes(), utf8(name));
  const size = new ScaleWriter().compact(value.length).bytes();
  const places: number[] = [];
  for (let at = find(metadata, named); at >= 0; at = find(metadata, named, at + 1)) {
    const end = at + named.length;
    for (let type = 1; type <= MAX_TYPE_BYTES; type += 1) {
      if (find(metadata.subarray(end + type, end + type + size.length), size) !== 0) continue;
      places.push(end + type + size.length);
      break;
    }
  }
  if (places.length !== 1) throw new Error(`the metadata names the constant ${name} ${places.length} times`);
  metadata.set(value, places[0]);
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
  const u = littleEndian;
  const pair = ([a, b]: [bigint, bigint]) => concat(u(a, 8), u(b, 8));
  const constants: Record<string, Uint8Array> = {
    BlockAuthoringDelay: u(params.blockAuthoringDelay, 8),
    PotEntropyInjectionInterval: u(params.potEntropyInjectionInterval, 4),
    PotEntropyInjectionLookbackDepth: u(params.potEntropyInjectionLookbackDepth, 1),
    PotEntropyInjectionDelay: u(params.potEntropyInjectionDelay, 8),
    EraDuration: u(params.eraDurationInBlocks, 4),
    InitialSolutionRange: u(initialSolutionRange(params), 8),
    SlotProbability: pair(params.slotProbability),
    ConfirmationDepthK: u(params.confirmationDepthK, 4),
    RecentSegments: u(params.recentSegments, 8),
    RecentHistoryFraction: pair(params.recentHistoryFraction),
    MinSectorLifetime: u(params.minSectorLifetime, 8),
    ExpectedVotesPerBlock: u(params.expectedVotesPerBlock, 4),
    MaxPiecesInSector: u(params.maxPiecesInSector, 2),
    MinimumPeriod: u(Math.floor(params.slotDurationMs / 2), 8),
    CreditSupply: u(params.endowment * BigInt(developmentAccounts().length), 16),
    TotalSpacePledged: u(params.initialPieces * BigInt(PIECE_BYTES), 16),
  };
  for (const [name, value] of Object.entries(constants)) setConstant(metadata, name, value);
  const recorded = ranges(RECORDED_RANGE);
  const at = find(metadata, recorded);
  if (at < 0 || find(metadata, recorded, at + 1) >= 0)
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
