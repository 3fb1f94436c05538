/** The recorded sectors, plotted from the recorded history. */
import { JobPriority, type ComputePool } from '../../src/crypto/jobs.ts';
import { SpaceTable } from '../../src/crypto/space.ts';
import type { AuditedSector } from '../../src/farm/auditor.ts';
import { identityFromEntropy } from '../../src/farm/identity.ts';
import { plotSector } from '../../src/farm/plotter.ts';
import { SectorFile, sectorFileName } from '../../src/farm/sector-file.ts';
import { concat, equal, fromHex } from '../../src/protocol/bytes.ts';
import { CHUNK_BYTES, PIECE_BYTES, S_BUCKETS } from '../../src/protocol/constants.ts';
import { ContentsMap, countBits } from '../../src/protocol/contents-map.ts';
import { blake3Hash } from '../../src/protocol/hash.ts';
import { decodeSectorMetadata, SBucketIndex } from '../../src/protocol/sector-metadata.ts';
import { SECTOR_METADATA_BYTES, sectorBytes, sectorLayout } from '../../src/protocol/sector.ts';
import { MemoryDirectory } from '../../src/storage/memory-directory.ts';
import { headerOf, RebuiltHistory, type ArchivingFile } from './archive-support.ts';
import { planOf, type RecordedRecord, type RecordedSector, type SectorsFile } from './farm-recordings.ts';
import { casesOf, expectFacts, expectSame, splitHex } from './protocol-support.ts';
import type { ConformanceCase, ConformanceContext } from './types.ts';

/** The sectors of a set, plotted anew. */
export class Sectors {
  private readonly directories = new Map<number, MemoryDirectory>();
  private history: RebuiltHistory | null = null;

  constructor(
    private readonly ctx: ConformanceContext,
    private readonly archiving: ArchivingFile,
    readonly pool: ComputePool,
  ) {}

  /** Plots a sector as the farm does, from pieces that it verifies. */
  async plot(sector: RecordedSector): Promise<void> {
    const history = (this.history ??= RebuiltHistory.of(this.archiving));
    const directory = new MemoryDirectory();
    const headers = this.archiving.segments.map(headerOf);
    const commitments = new Map(
      headers.map(({ segmentIndex, segmentCommitment }) => [segmentIndex, segmentCommitment]),
    );
    await plotSector(planOf(sector), {
      pool: this.pool,
      directory,
      pieces: { name: 'the recording', piece: async (index) => history.piece(index) },
      history: {
        historySize: () => BigInt(commitments.size),
        segmentCommitment: (index) => commitments.get(index) ?? null,
        onChange: () => () => undefined,
      },
      concurrency: 2,
      signal: new AbortController().signal,
      progress: () => undefined,
      badPiece: (_, index) => {
        throw new Error(`piece ${index} was found wrong`);
      },
      beforeReplace: async () => undefined,
    });
    this.directories.set(sector.id, directory);
  }

  private directoryOf({ id }: { id: number }): MemoryDirectory {
    const directory = this.directories.get(id);
    if (directory === undefined) throw new Error(`sector ${id} was not plotted`);
    return directory;
  }

  /** The sector's bytes and its metadata. */
  bytesOf(sector: RecordedSector): { bytes: Uint8Array; metadata: Uint8Array } {
    const file = this.directoryOf(sector).files.get(sectorFileName(sector.sector_index));
    if (file === undefined) throw new Error(`no file of sector ${sector.id}`);
    const end = file.length - SECTOR_METADATA_BYTES;
    return { bytes: file.subarray(0, end), metadata: file.subarray(end) };
  }

  async open(sector: RecordedSector): Promise<AuditedSector> {
    const file = await SectorFile.open(this.directoryOf(sector), sector.sector_index, true);
    return { sectorIndex: sector.sector_index, sectorId: planOf(sector).sectorId, file };
  }

  async checkSector(sector: RecordedSector): Promise<void> {
    const { bytes, metadata } = this.bytesOf(sector);
    const plan = planOf(sector);
    const layout = sectorLayout(sector.pieces_in_sector);
    const chunks = bytes.subarray(layout.recordChunks, layout.recordMetadata);
    const decoded = decodeSectorMetadata(metadata);
    const sizes = new Uint8Array(decoded.sBucketSizes.buffer);
    const offsets = new SBucketIndex(decoded.sBucketSizes);
    expectSame('sector index of the metadata', decoded.sectorIndex, sector.sector_index);
    expectSame('history size of the metadata', decoded.historySize, plan.historySize);
    expectFacts(sector, {
      public_key: fromHex(sector.public_key),
      public_key_hash: blake3Hash(fromHex(sector.public_key)),
      sector_index: plan.sectorIndex,
      pieces_in_sector: decoded.piecesInSector,
      sector_id: plan.sectorId,
      piece_indexes: plan.pieces.map(({ index }) => index),
      sector_size: sectorBytes(sector.pieces_in_sector),
      sector_blake3: blake3Hash(bytes),
      record_chunks_first4: splitHex(chunks.subarray(0, 4 * CHUNK_BYTES), CHUNK_BYTES),
      record_chunks_last2: splitHex(chunks.subarray(-2 * CHUNK_BYTES), CHUNK_BYTES),
      sector_metadata_size: metadata.length,
      sector_metadata_blake3: blake3Hash(metadata),
      sector_metadata_first16: metadata.subarray(0, 16),
      sector_metadata_last40: metadata.subarray(-40),
      s_bucket_sizes_blake3: blake3Hash(sizes),
      s_bucket_sizes_first16: [...decoded.sBucketSizes.subarray(0, 16)],
      s_bucket_sizes_last16: [...decoded.sBucketSizes.subarray(-16)],
      s_bucket_offsets_first8: Array.from({ length: 8 }, (_, sBucket) => offsets.offset(sBucket)),
    });
    await this.checkRegions(sector, bytes);
    await this.expectFile('sector', bytes, sector.sector_file);
    await this.expectFile('metadata', metadata, sector.sector_metadata_file);
    const { file } = await this.open(sector);
    await file.verify();
  }

  private async checkRegions(
    { regions, pieces_in_sector }: RecordedSector,
    sector: Uint8Array,
  ): Promise<void> {
    const { recordChunks, recordMetadata, checksum, end } = sectorLayout(pieces_in_sector);
    const borders = {
      contents_map: [0, recordChunks],
      record_chunks: [recordChunks, recordMetadata],
      record_metadata: [recordMetadata, checksum],
      checksum: [checksum, end],
    } as const;
    for (const [name, [from, to]] of Object.entries(borders)) {
      const region = regions[name as keyof typeof borders];
      if (region === undefined) continue;
      const bytes = sector.subarray(from, to);
      expectFacts(region, {
        offset: from,
        size: to - from,
        blake3: blake3Hash(bytes),
        hex: bytes,
      });
      await this.expectFile(name, bytes, region.file);
    }
  }

  private async expectFile(what: string, bytes: Uint8Array, file: string | null | undefined): Promise<void> {
    if (typeof file !== 'string') return;
    expectSame(`${what} is as in ${file}`, equal(bytes, await this.ctx.read(file)), true);
  }

  /** Everything of one record, read back from the plotted sector. */
  async checkRecord(sector: RecordedSector, record: RecordedRecord): Promise<void> {
    const { piece_offset } = record;
    const { index, evaluationSeed } = planOf(sector).pieces[piece_offset]!;
    const { file } = await this.open(sector);
    const map = await file.readContentsMap();
    const metadata = await file.readRecordMetadata(piece_offset);
    const bitfield = map.bitfields[piece_offset]!;
    const chunks = await file.readRecordChunks(map, piece_offset);
    const decoded = await this.pool.run(
      'record.decode',
      { evaluationSeed, bitfield, chunks },
      { priority: JobPriority.scrub },
    );
    const piece = concat(decoded.record, metadata.subarray(0, PIECE_BYTES - decoded.record.length));
    expectFacts(record, {
      piece_index: index,
      evaluation_seed: evaluationSeed,
      s_buckets_with_proof: countProofs(evaluationSeed),
      num_encoded_chunks: countBits(bitfield),
      bitfield_blake3: blake3Hash(bitfield),
      first_chunks_sbucket_encoded_location: chunkList(map, piece_offset).slice(
        0,
        record.first_chunks_sbucket_encoded_location.length,
      ),
      piece_checksum: blake3Hash(piece),
      read_piece_equals_original: equal(piece, this.history?.piece(index) ?? new Uint8Array()),
      record_metadata: metadata,
    });
  }
}

/** S-buckets that a record's table has proofs for. */
function countProofs(seed: Uint8Array): number {
  const table = new SpaceTable();
  try {
    table.build(seed);
    let count = 0;
    for (let sBucket = 0; sBucket < S_BUCKETS; sBucket += 1) if (table.proof(sBucket) !== null) count += 1;
    return count;
  } finally {
    table.free();
  }
}

/** A record's chunks in s-bucket order: s-bucket, whether it is encoded, its place among the sector's chunks. */
export function chunkList(map: ContentsMap, pieceOffset: number): [number, boolean, number][] {
  const locations = map.chunkLocations(pieceOffset);
  return [...map.sBucketsOf(pieceOffset)].map((sBucket, i) => [
    sBucket,
    map.isEncoded(pieceOffset, sBucket),
    locations[i]!,
  ]);
}

export function sectorCases(file: SectorsFile, sectors: Sectors): ConformanceCase[] {
  return [
    {
      name: 'identity of the farmer',
      rule: 'farmer-identity',
      run: async () => {
        const { publicKey } = await identityFromEntropy(fromHex(file.identity_entropy, 32));
        for (const sector of file.sectors) expectSame('public key', publicKey, sector.public_key);
      },
    },
    ...file.sectors.flatMap((sector) => [
      {
        name: `plotting of sector ${sector.id}`,
        rule: 'record-encoding',
        run: () => sectors.plot(sector),
      },
      {
        name: `sector ${sector.id}`,
        rule: 'sector-layout',
        run: () => sectors.checkSector(sector),
      },
      ...casesOf(
        sector.records,
        ({ piece_offset }) => ({
          name: `record ${piece_offset} of sector ${sector.id}`,
          rule: 'record-decoding',
        }),
        (record) => sectors.checkRecord(sector, record),
      ),
    ]),
  ];
}
