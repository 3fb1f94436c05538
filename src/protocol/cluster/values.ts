/** Values that the messages of a farming cluster carry, with their SCALE. */
import {
  bool,
  byteVector,
  bytes,
  f32,
  list,
  mapped,
  nothing,
  option,
  result,
  struct,
  text,
  tuple,
  u128,
  u16,
  u64,
  variants,
  type Codec,
  type Result,
} from '../codec.ts';
import { SECTOR_METADATA_BYTES } from '../sector.ts';
import { decodeSectorMetadata, encodeSectorMetadata, type SectorMetadata } from '../sector-metadata.ts';
import { readSolution, writeSolution } from '../solution.ts';
import { SOLUTION_BYTES } from '../constants.ts';
import { ulidFromInteger, ulidToInteger } from '../ulid.ts';
import type {
  FarmerProtocolInfo,
  HistorySize,
  PieceIndex,
  SectorIndex,
  SegmentIndex,
  SlotInfo,
  SlotNumber,
  Solution,
} from '../types.ts';

/** A ULID in its text form, as it also stands in subjects. */
export type Ulid = string;

/** Nanoseconds. */
export type Duration = bigint;

const SECOND = 1_000_000_000n;

/** Seconds (u64) and nanoseconds (u32, less than a second). */
export const duration: Codec<Duration> = {
  minimum: 12,
  read: (reader) => {
    const seconds = reader.u64();
    const nanoseconds = BigInt(reader.u32());
    if (nanoseconds >= SECOND) reader.fail(`${nanoseconds} nanoseconds are more than a second`);
    return seconds * SECOND + nanoseconds;
  },
  write: (writer, value) => void writer.u64(value / SECOND).u32(Number(value % SECOND)),
};

/** Identifier without a version byte. */
export const bareUlid: Codec<Ulid> = mapped(u128, ulidFromInteger, ulidToInteger);

/** `FarmId`, `PieceCacheId`, `ClusterCacheId`: variant 0 is a ULID. 17 bytes. */
export const taggedUlid: Codec<Ulid> = {
  minimum: 17,
  read: (reader) => {
    const variant = reader.u8();
    if (variant !== 0) reader.fail(`no variant ${variant} of an identifier`);
    return bareUlid.read(reader);
  },
  write: (writer, value) => bareUlid.write(writer.u8(0), value),
};

/** `Solution`, as headers carry it. 412 bytes. */
export const solution: Codec<Solution> = {
  minimum: SOLUTION_BYTES,
  read: readSolution,
  write: writeSolution,
};

const historySize: Codec<HistorySize> = mapped(
  u64,
  (size, reader) => (size === 0n ? reader.fail('a history size of zero') : size),
  (size) => size,
);

/** `SlotInfo`. 56 bytes. */
export const slotInfo = struct<SlotInfo>({
  slotNumber: u64,
  globalChallenge: bytes(32),
  solutionRange: u64,
  votingSolutionRange: u64,
});

/** A solution and the slot that it is for. */
export interface SolutionResponse {
  slotNumber: SlotNumber;
  solution: Solution;
}

/** `SolutionResponse`. */
export const solutionResponse = struct<SolutionResponse>({ slotNumber: u64, solution });

/** `FarmerProtocolInfo`. */
export const farmerProtocolInfo = struct<FarmerProtocolInfo>({
  historySize,
  maxPiecesInSector: u16,
  recentSegments: historySize,
  recentHistoryFraction: tuple<[bigint, bigint]>(historySize, historySize),
  minSectorLifetime: historySize,
});

/** `FarmerAppInfo` as the cluster carries it: addresses in binary form. */
export interface ClusterFarmerAppInfo {
  /** 32 bytes. */
  genesisHash: Uint8Array;
  /** Binary multiaddresses. */
  dsnBootstrapNodes: Uint8Array[];
  syncing: boolean;
  farmingTimeout: Duration;
  protocolInfo: FarmerProtocolInfo;
}

/** `ClusterFarmerAppInfo`. */
export const farmerAppInfo = struct<ClusterFarmerAppInfo>({
  genesisHash: bytes(32),
  dsnBootstrapNodes: list(byteVector),
  syncing: bool,
  farmingTimeout: duration,
  protocolInfo: farmerProtocolInfo,
});

/** A sector that a plotter made. */
export interface PlottedSector {
  /** 32 bytes. */
  sectorId: Uint8Array;
  sectorIndex: SectorIndex;
  metadata: SectorMetadata;
  pieceIndexes: PieceIndex[];
}

/** `SectorMetadataChecksummed`, its checksum verified. 131 116 bytes. */
const sectorMetadata: Codec<SectorMetadata> = mapped(
  bytes(SECTOR_METADATA_BYTES),
  decodeSectorMetadata,
  encodeSectorMetadata,
);

/** `PlottedSector`. */
export const plottedSector = struct<PlottedSector>({
  sectorId: bytes(32),
  sectorIndex: u16,
  metadata: sectorMetadata,
  pieceIndexes: list(u64),
});

/** What a plotter streams to the farmer that ordered a sector. */
export type SectorPlottingProgress =
  | { kind: 'occupied' }
  | { kind: 'ping' }
  | { kind: 'downloading' }
  | { kind: 'downloaded'; time: Duration }
  | { kind: 'encoding' }
  | { kind: 'encoded'; time: Duration }
  | { kind: 'finished'; plottedSector: PlottedSector; time: Duration }
  | { kind: 'sectorChunk'; chunk: Result<Uint8Array> }
  | { kind: 'error'; error: string };

/** `ClusterSectorPlottingProgress`. */
export const sectorPlottingProgress = variants<SectorPlottingProgress>({
  occupied: nothing,
  ping: nothing,
  downloading: nothing,
  downloaded: struct({ time: duration }),
  encoding: nothing,
  encoded: struct({ time: duration }),
  finished: struct({ plottedSector, time: duration }),
  sectorChunk: struct({ chunk: result(byteVector) }),
  error: struct({ error: text }),
});

/** What becomes of a sector while its farm plots it. */
export type SectorPlottingDetails =
  | { kind: 'starting'; progress: number; replotting: boolean; lastQueued: boolean }
  | { kind: 'downloading' }
  | { kind: 'downloaded'; time: Duration }
  | { kind: 'encoding' }
  | { kind: 'encoded'; time: Duration }
  | { kind: 'writing' }
  | { kind: 'written'; time: Duration }
  | {
      kind: 'finished';
      plottedSector: PlottedSector;
      oldPlottedSector: PlottedSector | null;
      time: Duration;
    }
  | { kind: 'error'; error: string };

const sectorPlottingDetails = variants<SectorPlottingDetails>({
  starting: struct({ progress: f32, replotting: bool, lastQueued: bool }),
  downloading: nothing,
  downloaded: struct({ time: duration }),
  encoding: nothing,
  encoded: struct({ time: duration }),
  writing: nothing,
  written: struct({ time: duration }),
  finished: struct({ plottedSector, oldPlottedSector: option(plottedSector), time: duration }),
  error: struct({ error: text }),
});

/** What is known of a sector’s expiry. */
export type SectorExpirationDetails =
  { kind: 'determined'; expiresAt: SegmentIndex } | { kind: 'aboutToExpire' } | { kind: 'expired' };

/** What became of a sector. */
export type SectorUpdate =
  | { kind: 'plotting'; details: SectorPlottingDetails }
  | { kind: 'expiration'; details: SectorExpirationDetails };

/** `SectorUpdate`. */
export const sectorUpdate = variants<SectorUpdate>({
  plotting: struct({ details: sectorPlottingDetails }),
  expiration: struct({
    details: variants<SectorExpirationDetails>({
      determined: struct({ expiresAt: u64 }),
      aboutToExpire: nothing,
      expired: nothing,
    }),
  }),
});

/** How a proof ended. */
export type ProvingResult = 'success' | 'timeout' | 'rejected' | 'failed';

const PROVING_RESULTS: readonly ProvingResult[] = ['success', 'timeout', 'rejected', 'failed'];

const provingResult: Codec<ProvingResult> = {
  minimum: 1,
  read: (reader) => {
    const index = reader.u8();
    return PROVING_RESULTS[index] ?? reader.fail(`no proving result ${index}`);
  },
  write: (writer, value) => void writer.u8(PROVING_RESULTS.indexOf(value)),
};

/** What a farm tells of its audits and proofs. */
export type FarmingNotification =
  | { kind: 'auditing'; sectors: SectorIndex; time: Duration }
  | { kind: 'proving'; result: ProvingResult; time: Duration }
  | { kind: 'nonFatalError'; error: string; isFatal: boolean };

/** `FarmingNotification`. */
export const farmingNotification = variants<FarmingNotification>({
  auditing: struct({ sectors: u16, time: duration }),
  proving: struct({ result: provingResult, time: duration }),
  nonFatalError: struct({ error: text, isFatal: bool }),
});
