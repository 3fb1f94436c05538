/** Plotting, auditing and proving from files, as the farm does them. */
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { createInlinePool } from '../src/crypto/pool/inline.ts';
import { createNodePool } from '../src/crypto/pool/node.ts';
import { SpaceTable } from '../src/crypto/space.ts';
import { loadSrs } from '../src/crypto/srs.ts';
import { auditSlot, type AuditedSector } from '../src/farm/auditor.ts';
import { identityFromEntropy } from '../src/farm/identity.ts';
import { planSector } from '../src/farm/plan.ts';
import { plotSector } from '../src/farm/plotter.ts';
import { proveCandidate } from '../src/farm/prover.ts';
import { SectorFile, sectorFileName, sectorFileSize } from '../src/farm/sector-file.ts';
import { fromHex, littleEndian } from '../src/protocol/bytes.ts';
import { RECORD_CHUNKS, S_BUCKETS, U64_MAX } from '../src/protocol/constants.ts';
import { blake3Hash } from '../src/protocol/hash.ts';
import { SECTOR_METADATA_BYTES, sectorId } from '../src/protocol/sector.ts';
import { encodeSectorMetadata } from '../src/protocol/sector-metadata.ts';
import { encodeSolution } from '../src/protocol/solution.ts';
import { segmentOfPiece } from '../src/protocol/segment.ts';
import type { FarmerProtocolInfo, PieceIndex, SlotInfo } from '../src/protocol/types.ts';
import { NodeDirectory } from '../src/storage/node-directory.ts';
import { cpuSeconds, median, RUNS } from './measure.ts';
import type { Benchmark, BenchmarkResult } from './types.ts';

const VECTORS = new URL('../tests/vectors/', import.meta.url);

/** Median of `RUNS` measurements after one that does not count. */
async function measured(measure: () => Promise<number>): Promise<number> {
  await measure();
  const values: number[] = [];
  for (let run = 0; run < RUNS; run += 1) values.push(await measure());
  return median(values);
}

/** Seconds of this process's processor time that some work takes. */
async function cpuSecondsOf(work: () => unknown): Promise<number> {
  const before = cpuSeconds();
  await work();
  return cpuSeconds() - before;
}

async function json<T>(name: string): Promise<T> {
  return JSON.parse(await readFile(new URL(name, VECTORS), 'utf8')) as T;
}

/** A folder that is gone after the work. */
async function inFolder<T>(work: (directory: NodeDirectory) => Promise<T>): Promise<T> {
  const path = await mkdtemp(join(tmpdir(), 'allotment-bench-'));
  try {
    return await work(await NodeDirectory.at(path));
  } finally {
    await rm(path, { recursive: true, force: true });
  }
}

const RULES: FarmerProtocolInfo = {
  historySize: 3n,
  maxPiecesInSector: 1000,
  recentSegments: 5n,
  recentHistoryFraction: [1n, 10n],
  minSectorLifetime: 4n,
};

async function table(): Promise<BenchmarkResult> {
  await loadSrs();
  const space = new SpaceTable();
  let seed = new Uint8Array(32);
  const value = await measured(() =>
    cpuSecondsOf(() => {
      seed = blake3Hash(seed) as Uint8Array<ArrayBuffer>;
      space.build(seed);
    }),
  );
  space.free();
  return { value, peer: 'native reference, 2.03 s', ratio: 2.03 / value, runs: RUNS };
}

const PLOTTED_PIECES = 8;

/** Recorded pieces of three segments, by index. */
async function recordedPieces(): Promise<{
  pieces: Map<PieceIndex, Uint8Array>;
  commitments: Uint8Array[];
}> {
  const { full_pieces, segments } = await json<{
    full_pieces: { file: string; piece_index: number }[];
    segments: { segment_commitment: string }[];
  }>('archiving.json');
  const pieces = new Map<PieceIndex, Uint8Array>();
  for (const { file, piece_index } of full_pieces) {
    pieces.set(BigInt(piece_index), new Uint8Array(await readFile(new URL(file, VECTORS))));
  }
  return { pieces, commitments: segments.map(({ segment_commitment }) => fromHex(segment_commitment)) };
}

/** A sector of real pieces: verified in one batch, encoded, written to disk; all on one thread. */
async function plotPiece(): Promise<BenchmarkResult> {
  const { pieces, commitments } = await recordedPieces();
  const indices = [...pieces.keys()];
  const plan = planSector(new Uint8Array(32), 0, 3n, PLOTTED_PIECES, RULES);
  plan.pieces.forEach((piece, offset) => (piece.index = indices[offset % indices.length]!));
  const pool = createInlinePool();
  const value = await inFolder((directory) =>
    measured(async () => {
      const seconds = await cpuSecondsOf(() =>
        plotSector(plan, {
          pool,
          directory,
          pieces: { name: 'memory', piece: async (index) => pieces.get(index) ?? null },
          history: {
            historySize: () => 3n,
            segmentCommitment: (segment) => commitments[Number(segment)] ?? null,
            onChange: () => () => undefined,
          },
          concurrency: 1,
          signal: new AbortController().signal,
          progress: () => undefined,
          badPiece: (_, index) => {
            throw new Error(`piece ${index} of segment ${segmentOfPiece(index)} is wrong`);
          },
          beforeReplace: async () => undefined,
        }),
      );
      return seconds / PLOTTED_PIECES;
    }),
  );
  await pool.close();
  return { value, peer: 'native reference, 2.7 s', ratio: 2.7 / value, runs: RUNS };
}

const AUDITED_SECTORS = 10_000;
/** Files that the audited sectors share: what is read of one differs from sector to sector. */
const AUDITED_FILES = 100;
const AUDITED_PIECES = 1000;

/** A sector file of full size, sparse but for its metadata: every s-bucket has its 500 chunks, of zeros. */
async function writeSparseSector(directory: NodeDirectory, index: number): Promise<void> {
  const metadata = encodeSectorMetadata({
    sectorIndex: index,
    piecesInSector: AUDITED_PIECES,
    sBucketSizes: new Uint16Array(S_BUCKETS).fill((AUDITED_PIECES * RECORD_CHUNKS) / S_BUCKETS),
    historySize: 3n,
  });
  const size = sectorFileSize(AUDITED_PIECES);
  const file = await open(join(directory.place, sectorFileName(index)), 'w');
  await file.truncate(size);
  await file.write(metadata, 0, metadata.length, size - SECTOR_METADATA_BYTES);
  await file.close();
}

async function audit(): Promise<BenchmarkResult> {
  const pool = createNodePool(2);
  const value = await inFolder(async (directory) => {
    const files: SectorFile[] = [];
    for (let index = 0; index < AUDITED_FILES; index += 1) {
      await writeSparseSector(directory, index);
      files.push(await SectorFile.open(directory, index, true));
    }
    const sectors = Array.from({ length: AUDITED_SECTORS }, (_, sectorIndex): AuditedSector => {
      const id = sectorId(new Uint8Array(32), sectorIndex, 3n);
      return { sectorIndex, sectorId: id, file: files[sectorIndex % AUDITED_FILES]! };
    });
    let slot = 0n;
    const result = await measured(async () => {
      slot += 1n;
      const globalChallenge = blake3Hash(littleEndian(slot, 8));
      const started = performance.now();
      const { failed } = await auditSlot(sectors, { globalChallenge, votingSolutionRange: 1n }, pool);
      if (failed.length > 0) throw failed[0]!.error;
      return performance.now() - started;
    });
    for (const file of files) await file.close();
    return result;
  });
  await pool.close();
  return { value, peer: 'budget of 2,000 ms', ratio: 2_000 / value, runs: RUNS };
}

/** From a chunk of a recorded sector on disk to a solution, verified and its hash signed. */
async function prove(): Promise<BenchmarkResult> {
  const { identity_entropy, sectors } = await json<{
    identity_entropy: string;
    sectors: { sector_index: number; sector_id: string; sector_file: string; sector_metadata_file: string }[];
  }>('sectors.json');
  const { audits } = await json<{
    audits: { audits: { slot: number; global_challenge: string; candidates: number | null }[] }[];
  }>('solutions.json');
  const sector = sectors[0]!;
  const winning = audits[0]!.audits.find(({ candidates }) => candidates !== null)!;
  const identity = await identityFromEntropy(fromHex(identity_entropy));
  const inflate = async (name: string) => promisify(gunzip)(await readFile(new URL(name, VECTORS)));
  const parts = [await inflate(sector.sector_file), await inflate(sector.sector_metadata_file)];
  const slot: SlotInfo = {
    slotNumber: BigInt(winning.slot),
    globalChallenge: fromHex(winning.global_challenge),
    solutionRange: U64_MAX,
    votingSolutionRange: U64_MAX,
  };
  const pool = createNodePool(2);
  const value = await inFolder(async (directory) => {
    await directory.write(sectorFileName(sector.sector_index), parts);
    const file = await SectorFile.open(directory, sector.sector_index, true);
    const audited = { sectorIndex: sector.sector_index, sectorId: fromHex(sector.sector_id), file };
    const { candidates } = await auditSlot([audited], slot, pool);
    const result = await measured(async () => {
      const started = performance.now();
      const solution = await proveCandidate(candidates[0]!, slot, {
        pool,
        publicKey: identity.publicKey,
        rewardAddress: identity.publicKey,
        signal: new AbortController().signal,
      });
      identity.signReward(blake3Hash(encodeSolution(solution!)));
      return (performance.now() - started) / 1000;
    });
    await file.close();
    return result;
  });
  await pool.close();
  return { value, peer: 'budget of 2.5 s on 2 cores', ratio: 2.5 / value, runs: RUNS };
}

export const benchmarks: Benchmark[] = [
  { group: 'space', name: 'space.table', unit: 's of CPU', better: 'lower', goal: '≥ 2', run: table },
  {
    group: 'farm',
    name: 'farm.plot.piece',
    unit: 's of CPU',
    better: 'lower',
    goal: '≥ 1.33',
    run: plotPiece,
  },
  { group: 'farm', name: 'farm.audit', unit: 'ms', better: 'lower', goal: '≥ 1', run: audit },
  { group: 'farm', name: 'farm.prove', unit: 's', better: 'lower', goal: '≥ 1', run: prove },
];
