/** Plotting, auditing and proving from files, as the farm does them, wherever that is measured: under Node.js and in a page. */
import type { ComputePool } from '../src/crypto/jobs.ts';
import { JobPriority } from '../src/crypto/jobs.ts';
import { createInlinePool } from '../src/crypto/pool/inline.ts';
import { SpaceTable } from '../src/crypto/space.ts';
import { loadSrs } from '../src/crypto/srs.ts';
import { auditSlot, type AuditedSector } from '../src/farm/auditor.ts';
import { identityFromEntropy } from '../src/farm/identity.ts';
import { planSector } from '../src/farm/plan.ts';
import { plotSector, type PlotContext, type SectorPlotter } from '../src/farm/plotter.ts';
import { proveCandidate } from '../src/farm/prover.ts';
import { SectorFile, sectorFileName, sectorFileSize } from '../src/farm/sector-file.ts';
import { fromHex, littleEndian } from '../src/protocol/bytes.ts';
import { RECORD_CHUNKS, S_BUCKETS, U64_MAX } from '../src/protocol/constants.ts';
import { blake3Hash } from '../src/protocol/hash.ts';
import { positionOfPiece, segmentOfPiece } from '../src/protocol/segment.ts';
import { SECTOR_METADATA_BYTES, sectorId } from '../src/protocol/sector.ts';
import { encodeSectorMetadata } from '../src/protocol/sector-metadata.ts';
import { encodeSolution } from '../src/protocol/solution.ts';
import type { FarmerProtocolInfo, PieceIndex, SlotInfo } from '../src/protocol/types.ts';
import type { FarmDirectory } from '../src/storage/directory.ts';

export const PLOTTED_PIECES = 8;
export const VERIFIED_PIECES = 128;
const AUDITED_SECTORS = 10_000;
const AUDITED_PIECES = 1000;

const RULES: FarmerProtocolInfo = {
  historySize: 3n,
  maxPiecesInSector: 1000,
  recentSegments: 5n,
  recentHistoryFraction: [1n, 10n],
  minSectorLifetime: 4n,
};

/** What differs between the places where it is measured. */
export interface FarmPlace {
  /** Bytes of a recording. */
  vector(name: string): Promise<Uint8Array>;
  /** A folder of that name, empty at first. */
  directory(name: string): Promise<FarmDirectory>;
  /** A pool of two workers. */
  pool(): ComputePool;
  /** Writes a file of `size` bytes, sparse but for `end` at its end. */
  writeSparse(directory: string, name: string, size: number, end: Uint8Array): Promise<void>;
  /** Files that the audited sectors share: what is read of one differs from sector to sector. */
  auditedFiles: number;
}

interface Recorded {
  pieces: Map<PieceIndex, Uint8Array>;
  commitments: Uint8Array[];
}

/** Each method does its work once and returns the seconds it took by the clock; the first time it prepares it too. */
export class FarmWork {
  private readonly inline = createInlinePool();
  private readonly spaceTable = this.once(async () => {
    await loadSrs();
    return new SpaceTable();
  });
  private seed = new Uint8Array(32);
  private slot = 0n;

  constructor(private readonly place: FarmPlace) {}

  private once<T>(make: () => Promise<T>): () => Promise<T> {
    let made: Promise<T> | undefined;
    return () => (made ??= make());
  }

  private async json<T>(name: string): Promise<T> {
    return JSON.parse(new TextDecoder().decode(await this.place.vector(name))) as T;
  }

  async table(): Promise<number> {
    const table = await this.spaceTable();
    this.seed = blake3Hash(this.seed) as Uint8Array<ArrayBuffer>;
    return timed(async () => table.build(this.seed));
  }

  /** Recorded pieces of three segments, by index. */
  private readonly recorded = this.once(async (): Promise<Recorded> => {
    const { full_pieces, segments } = await this.json<{
      full_pieces: { file: string; piece_index: number }[];
      segments: { segment_commitment: string }[];
    }>('archiving.json');
    const pieces = new Map<PieceIndex, Uint8Array>();
    for (const { file, piece_index } of full_pieces)
      pieces.set(BigInt(piece_index), await this.place.vector(file));
    return { pieces, commitments: segments.map(({ segment_commitment }) => fromHex(segment_commitment)) };
  });

  /** Pieces verified in one batch. */
  async verify(): Promise<number> {
    const { pieces, commitments } = await this.recorded();
    const chosen = Array.from({ length: VERIFIED_PIECES }, (_, i) => [...pieces][i % pieces.size]!);
    const input = {
      pieces: chosen.map(([, piece]) => piece),
      positions: chosen.map(([index]) => positionOfPiece(index)),
      segmentCommitments: chosen.map(([index]) => commitments[Number(segmentOfPiece(index))]!),
    };
    return timed(async () => {
      const { bad } = await this.inline.run('piece.verify', input, { priority: JobPriority.plot });
      if (bad.length > 0) throw new Error('a recorded piece is refused');
    });
  }

  /**
   * A sector of real pieces: verified in one batch, encoded, written to disk; all on one thread, but for what another
   * `plotter` does elsewhere.
   */
  async plot(
    plotter: SectorPlotter = plotSector,
    change: Partial<PlotContext> = {},
    count = PLOTTED_PIECES,
  ): Promise<number> {
    const { pieces, commitments } = await this.recorded();
    const indices = [...pieces.keys()];
    const plan = planSector(new Uint8Array(32), 0, 3n, count, RULES);
    plan.pieces.forEach((piece, offset) => (piece.index = indices[offset % indices.length]!));
    const context: PlotContext = {
      pool: this.inline,
      directory: await this.place.directory('plotted'),
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
      ...change,
    };
    return timed(() => plotter(plan, context));
  }

  private readonly pool = this.once(async () => this.place.pool());

  /** Sectors of full size, every s-bucket of which has its 500 chunks, of zeros. */
  private readonly audited = this.once(async (): Promise<AuditedSector[]> => {
    const directory = await this.place.directory('audited');
    const files: SectorFile[] = [];
    for (let index = 0; index < this.place.auditedFiles; index += 1) {
      const metadata = encodeSectorMetadata({
        sectorIndex: index,
        piecesInSector: AUDITED_PIECES,
        sBucketSizes: new Uint16Array(S_BUCKETS).fill((AUDITED_PIECES * RECORD_CHUNKS) / S_BUCKETS),
        historySize: 3n,
      });
      if (metadata.length !== SECTOR_METADATA_BYTES) throw new Error('metadata of another size');
      await this.place.writeSparse(
        'audited',
        sectorFileName(index),
        sectorFileSize(AUDITED_PIECES),
        metadata,
      );
      files.push(await SectorFile.open(directory, index, true));
    }
    return Array.from({ length: AUDITED_SECTORS }, (_, sectorIndex) => {
      const id = sectorId(new Uint8Array(32), sectorIndex, 3n);
      return { sectorIndex, sectorId: id, file: files[sectorIndex % files.length]! };
    });
  });

  /** So many sectors, 10,000 when left out. */
  async audit(count = AUDITED_SECTORS): Promise<number> {
    const sectors = (await this.audited()).slice(0, count);
    const pool = await this.pool();
    this.slot += 1n;
    const globalChallenge = blake3Hash(littleEndian(this.slot, 8));
    return timed(async () => {
      const { failed } = await auditSlot(sectors, { globalChallenge, votingSolutionRange: 1n }, pool);
      if (failed.length > 0) throw failed[0]!.error;
    });
  }

  /** A recorded sector in a file, with a chunk of it that wins a slot. */
  private readonly winning = this.once(async () => {
    const { identity_entropy, sectors } = await this.json<{
      identity_entropy: string;
      sectors: {
        sector_index: number;
        sector_id: string;
        sector_file: string;
        sector_metadata_file: string;
      }[];
    }>('sectors.json');
    const { audits } = await this.json<{
      audits: { audits: { slot: number; global_challenge: string; candidates: number | null }[] }[];
    }>('solutions.json');
    const sector = sectors[0]!;
    const recorded = audits[0]!.audits.find(({ candidates }) => candidates !== null)!;
    const identity = await identityFromEntropy(fromHex(identity_entropy));
    const names = [sector.sector_file, sector.sector_metadata_file];
    const parts = await Promise.all(names.map(async (name) => inflated(await this.place.vector(name))));
    const slot: SlotInfo = {
      slotNumber: BigInt(recorded.slot),
      globalChallenge: fromHex(recorded.global_challenge),
      solutionRange: U64_MAX,
      votingSolutionRange: U64_MAX,
    };
    const directory = await this.place.directory('proven');
    await directory.write(sectorFileName(sector.sector_index), parts);
    const file = await SectorFile.open(directory, sector.sector_index, true);
    const audited = { sectorIndex: sector.sector_index, sectorId: fromHex(sector.sector_id), file };
    const { candidates } = await auditSlot([audited], slot, await this.pool());
    return { slot, identity, candidate: candidates[0]! };
  });

  /** From a chunk of a recorded sector on disk to a solution, verified and its hash signed. */
  async prove(): Promise<number> {
    const { slot, identity, candidate } = await this.winning();
    const pool = await this.pool();
    return timed(async () => {
      const solution = await proveCandidate(candidate, slot, {
        pool,
        publicKey: identity.publicKey,
        rewardAddress: identity.publicKey,
        signal: new AbortController().signal,
      });
      identity.signReward(blake3Hash(encodeSolution(solution!)));
    });
  }
}

export type FarmWorkName = 'table' | 'verify' | 'plot' | 'audit' | 'prove';

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

async function inflated(packed: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([packed.slice()]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
