/** Plotting of the recorded sectors from the recorded history, auditing them, proving what wins. */
import { availableParallelism } from 'node:os';
import { createNodePool } from '../../src/crypto/pool/node.ts';
import { JobPriority, type ComputePool } from '../../src/crypto/jobs.ts';
import { SpaceTable } from '../../src/crypto/space.ts';
import { loadWasm } from '../../src/crypto/wasm.ts';
import { auditSlot, type AuditedSector, type Candidate } from '../../src/farm/auditor.ts';
import { identityFromEntropy } from '../../src/farm/identity.ts';
import { planSector } from '../../src/farm/plan.ts';
import { plotSector } from '../../src/farm/plotter.ts';
import { proveCandidate } from '../../src/farm/prover.ts';
import { SectorFile, sectorFileName } from '../../src/farm/sector-file.ts';
import { concat, equal, fromHex } from '../../src/protocol/bytes.ts';
import { CHUNK_BYTES, PIECE_BYTES, RECORD_CHUNKS, S_BUCKETS } from '../../src/protocol/constants.ts';
import { ContentsMap, countBits } from '../../src/protocol/contents-map.ts';
import { ProtocolError } from '../../src/protocol/errors.ts';
import { blake3Hash } from '../../src/protocol/hash.ts';
import { globalChallenge } from '../../src/protocol/pot.ts';
import {
  auditedSBucket,
  BITFIELD_BYTES,
  SECTOR_METADATA_BYTES,
  sectorBytes,
  sectorLayout,
  sectorSlotChallenge,
} from '../../src/protocol/sector.ts';
import { decodeSectorMetadata, SBucketIndex } from '../../src/protocol/sector-metadata.ts';
import { encodeSolution } from '../../src/protocol/solution.ts';
import { isWithinSolutionRange, solutionDistance } from '../../src/protocol/solution-range.ts';
import type { FarmerProtocolInfo, SlotInfo } from '../../src/protocol/types.ts';
import { MemoryDirectory } from '../../src/storage/memory-directory.ts';
import { headerOf, RebuiltHistory, type ArchivingFile } from './archive-support.ts';
import {
  casesOf,
  expectFacts,
  expectRule,
  expectSame,
  namedBytes,
  refusal,
  splitHex,
  type Recorded,
} from './protocol-support.ts';
import type { ConformanceCase, ConformanceContext, ConformanceSuite } from './types.ts';

interface RecordedRecord extends Recorded {
  piece_offset: number;
  first_chunks_sbucket_encoded_location: unknown[];
}

interface Region extends Recorded {
  file?: string;
}

interface RecordedSector extends Recorded {
  id: number;
  public_key: string;
  sector_index: number;
  pieces_in_sector: number;
  farmer_protocol_info: {
    historySize: number;
    maxPiecesInSector: number;
    recentSegments: number;
    recentHistoryFraction: [number, number];
    minSectorLifetime: number;
  };
  records: RecordedRecord[];
  regions: Record<'contents_map' | 'record_chunks' | 'record_metadata' | 'checksum', Region>;
  sector_file: string | null;
  sector_metadata_file: string;
}

interface SectorsFile {
  identity_entropy: string;
  sectors: RecordedSector[];
}

interface RecordedAudit extends Recorded {
  slot: number;
  proof_of_time: string;
  solution_range: string;
}

interface SolutionsFile {
  label: string;
  audits: {
    sector: number;
    reward_address: string;
    audits: RecordedAudit[];
    narrow: {
      solution_range: string;
      slots: [number, number];
      proof_of_time_rule?: string;
      slots_with_candidates: Recorded[];
    };
  }[];
}

function rulesOf({ farmer_protocol_info: info }: RecordedSector): FarmerProtocolInfo {
  const [numerator, denominator] = info.recentHistoryFraction;
  return {
    historySize: BigInt(info.historySize),
    maxPiecesInSector: info.maxPiecesInSector,
    recentSegments: BigInt(info.recentSegments),
    recentHistoryFraction: [BigInt(numerator), BigInt(denominator)],
    minSectorLifetime: BigInt(info.minSectorLifetime),
  };
}

function planOf(sector: RecordedSector) {
  const rules = rulesOf(sector);
  const publicKey = fromHex(sector.public_key, 32);
  return planSector(publicKey, sector.sector_index, rules.historySize, sector.pieces_in_sector, rules);
}

/** The sectors of a set, plotted anew. */
class Sectors {
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
    const commitments = this.archiving.segments.map((segment) => headerOf(segment).segmentCommitment);
    await plotSector(planOf(sector), {
      pool: this.pool,
      directory,
      pieces: { name: 'the recording', piece: async (index) => history.piece(index) },
      history: {
        historySize: () => BigInt(commitments.length),
        segmentCommitment: (index) => commitments[Number(index)] ?? null,
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
    const inputs = [
      'id',
      'farmer_protocol_info',
      'records',
      'regions',
      'sector_file',
      'sector_metadata_file',
    ];
    expectFacts(sector, inputs, {
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
    for (const [name, region] of Object.entries(regions)) {
      const [from, to] = borders[name as keyof typeof borders];
      const bytes = sector.subarray(from, to);
      expectFacts(region, ['file'], {
        offset: from,
        size: to - from,
        blake3: blake3Hash(bytes),
        hex: bytes,
      });
      if (region.file !== undefined) await this.expectFile(name, bytes, region.file);
    }
  }

  private async expectFile(what: string, bytes: Uint8Array, file: string | null): Promise<void> {
    if (file === null) return;
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
    expectFacts(record, ['piece_offset'], {
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
function chunkList(map: ContentsMap, pieceOffset: number): [number, boolean, number][] {
  const locations = map.chunkLocations(pieceOffset);
  return [...map.sBucketsOf(pieceOffset)].map((sBucket, i) => [
    sBucket,
    map.isEncoded(pieceOffset, sBucket),
    locations[i]!,
  ]);
}

function sectorCases(file: SectorsFile, sectors: Sectors): ConformanceCase[] {
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

/** A slot with one range for blocks and votes. */
function slotOf(slot: number, proofOfTime: Uint8Array, range: bigint): SlotInfo {
  const slotNumber = BigInt(slot);
  return {
    slotNumber,
    globalChallenge: globalChallenge(proofOfTime, slotNumber),
    solutionRange: range,
    votingSolutionRange: range,
  };
}

interface ProvenSolution {
  piece_offset: number;
  solution_distance: bigint;
  solution_scale: Uint8Array;
}

async function checkAudit(
  sectors: Sectors,
  sector: RecordedSector,
  rewardAddress: string,
  audit: RecordedAudit,
): Promise<void> {
  const slot = slotOf(audit.slot, fromHex(audit.proof_of_time, 16), BigInt(audit.solution_range));
  const audited = await sectors.open(sector);
  const { file, sectorId } = audited;
  const slotChallenge = sectorSlotChallenge(sectorId, slot.globalChallenge);
  const sBucket = auditedSBucket(slotChallenge);
  const { bytes, metadata } = sectors.bytesOf(sector);
  const offsets = new SBucketIndex(decodeSectorMetadata(metadata).sBucketSizes);
  const start = file.layout.recordChunks + CHUNK_BYTES * offsets.offset(sBucket);
  const onDisk = await file.readSBucket(sBucket);
  expectSame('bytes of the s-bucket', onDisk, bytes.subarray(start, start + onDisk.length));
  const map = await file.readContentsMap();
  const chunks = map.recordsIn(sBucket).map((pieceOffset, i) => {
    const chunk = onDisk.subarray(CHUNK_BYTES * i, CHUNK_BYTES * (i + 1));
    return {
      piece_offset: pieceOffset,
      encoded: map.isEncoded(pieceOffset, sBucket),
      chunk_on_disk: chunk,
      solution_distance: solutionDistance(slot.globalChallenge, chunk, slotChallenge),
    };
  });
  expectSame('chunks of the s-bucket', onDisk.length, CHUNK_BYTES * chunks.length);
  const { candidates, failed } = await auditSlot([audited], slot, sectors.pool);
  expectSame('sectors that failed', failed, []);
  const within = chunks.filter((chunk) => isWithinSolutionRange(chunk.solution_distance, slot.solutionRange));
  expectSame('candidates of the audit', candidates.length, within.length);
  const solutions = await proveAll(sectors, candidates, slot, fromHex(sector.public_key), rewardAddress);
  expectFacts(audit, ['slot', 'proof_of_time', 'solution_range'], {
    global_challenge: slot.globalChallenge,
    sector_slot_challenge: slotChallenge,
    s_bucket_audit_index: sBucket,
    s_bucket_size_chunks: offsets.size(sBucket),
    s_bucket_offset_in_sector_bytes: start,
    chunks,
    candidates: candidates.length === 0 ? null : candidates.length,
    best_solution_distance_of_encoded: solutions[0]?.solution_distance ?? null,
    solutions,
  });
}

async function proveAll(
  sectors: Sectors,
  candidates: readonly Candidate[],
  slot: SlotInfo,
  publicKey: Uint8Array,
  rewardAddress: string,
): Promise<ProvenSolution[]> {
  const solutions: ProvenSolution[] = [];
  for (const candidate of candidates) {
    const solution = await proveCandidate(candidate, slot, {
      pool: sectors.pool,
      publicKey,
      rewardAddress: fromHex(rewardAddress, 32),
      signal: new AbortController().signal,
    });
    if (solution === null) continue;
    solutions.push({
      piece_offset: solution.pieceOffset,
      solution_distance: candidate.distance,
      solution_scale: encodeSolution(solution),
    });
  }
  return solutions;
}

async function checkNarrow(
  label: string,
  sectors: Sectors,
  sector: RecordedSector,
  narrow: SolutionsFile['audits'][number]['narrow'],
): Promise<void> {
  const {
    solution_range,
    slots: [first, last],
    slots_with_candidates,
  } = narrow;
  expectRule('PoT output of slot s is XOF("audit-pot-{s}")[0..16]', narrow.proof_of_time_rule);
  const audited = await sectors.open(sector);
  const found: unknown[] = [];
  for (let number = first; number <= last; number += 1) {
    const slot = slotOf(number, namedBytes(label, `audit-pot-${number}`, 16), BigInt(solution_range));
    const { candidates } = await auditSlot([audited], slot, sectors.pool);
    const [nearest] = candidates;
    if (nearest === undefined) continue;
    found.push({ slot: number, s_bucket_audit_index: nearest.sBucket, candidates: candidates.length });
  }
  expectSame('slots with candidates', found, slots_with_candidates);
}

function solutionCases(file: SolutionsFile, recorded: SectorsFile, sectors: Sectors): ConformanceCase[] {
  return file.audits.flatMap(({ sector: id, reward_address, audits, narrow }) => {
    const sector = recorded.sectors.find((candidate) => candidate.id === id)!;
    return [
      ...casesOf(
        audits,
        ({ slot }) => ({ name: `slot ${slot} in sector ${id}`, rule: 'audit' }),
        (audit) => checkAudit(sectors, sector, reward_address, audit),
      ),
      {
        name: `slots ${narrow.slots.join(' to ')} in sector ${id}`,
        rule: 'audit',
        run: () => checkNarrow(file.label, sectors, sector, narrow),
      },
    ];
  });
}

interface ContentsMapFile {
  label: string;
  file: string;
  pieces_in_sector: number;
  rule?: string;
  records: (Recorded & { piece_offset: number; ones: number; first8: unknown[] })[];
  decode_errors: { what: string; error: string }[];
}

/** Codes of ours for the errors of the reference. */
const MAP_ERRORS: Record<string, string> = {
  ChecksumMismatch: 'checksum',
  InvalidBytesLength: 'length',
  InvalidEncodedRecordChunks: 'encoded-chunks',
};

const BITFIELD_RULE =
  "record o: the first `ones` indices after sorting 0..65536 by (u32le of XOF('contents-map-o')[4i..4i+4], i) have their bit set";

/** The bitfield that this rule makes: `ones` bits, at the places of the smallest of 65536 numbers. */
function bitfieldOf(label: string, pieceOffset: number, ones: number): Uint8Array {
  const random = namedBytes(label, `contents-map-${pieceOffset}`, 4 * S_BUCKETS);
  const view = new DataView(random.buffer, random.byteOffset);
  const order = Array.from({ length: S_BUCKETS }, (_, i) => i).sort(
    (a, b) => view.getUint32(4 * a, true) - view.getUint32(4 * b, true) || a - b,
  );
  return bitsAt(order.slice(0, ones));
}

function bitsAt(indices: readonly number[]): Uint8Array {
  const bits = new Uint8Array(BITFIELD_BYTES);
  for (const index of indices) bits[index >> 3]! |= 1 << (index & 7);
  return bits;
}

/** Bytes that the reference refuses to decode, by what the recording says of them. */
function brokenMap(what: string, bytes: Uint8Array, pieces: number): Uint8Array {
  if (what.startsWith('one bit flipped')) {
    const flipped = bytes.slice();
    flipped[0]! ^= 1;
    return flipped;
  }
  if (what.startsWith('wrong length')) return bytes.subarray(1);
  if (what.startsWith('32769 bits')) {
    const tooMany = bitsAt(Array.from({ length: RECORD_CHUNKS + 1 }, (_, i) => i));
    const fields = Array.from({ length: pieces }, (_, i) =>
      i === 0 ? tooMany : new Uint8Array(BITFIELD_BYTES),
    );
    return concat(...fields, blake3Hash(concat(...fields)));
  }
  throw new Error(`nothing is known to be wrong with “${what}”`);
}

function contentsMapCases(ctx: ConformanceContext, file: ContentsMapFile): ConformanceCase[] {
  const load = async () => ContentsMap.decode(await ctx.read(file.file), file.pieces_in_sector);
  return [
    {
      name: 'contents map with chunks that are not encoded',
      rule: 'contents-map',
      run: async () => {
        const map = await load();
        expectRule(BITFIELD_RULE, file.rule);
        const made = new ContentsMap(
          file.records.map(({ piece_offset, ones }) => bitfieldOf(file.label, piece_offset, ones)),
        );
        expectSame('the map made by the rule', equal(made.encode(), await ctx.read(file.file)), true);
        expectSame('its encoding', equal(map.encode(), made.encode()), true);
        const sizes = map.sBucketSizes();
        const inputs = ['label', 'file', 'rule', 'records', 'decode_errors'];
        expectFacts(file as unknown as Recorded, inputs, {
          pieces_in_sector: map.bitfields.length,
          s_bucket_sizes_blake3: blake3Hash(new Uint8Array(sizes.buffer)),
          s_bucket_sizes_first32: [...sizes.subarray(0, 32)],
          s_bucket_sizes_last8: [...sizes.subarray(-8)],
          sum: sizes.reduce((sum, size) => sum + size, 0),
        });
      },
    },
    ...casesOf(
      file.records,
      ({ piece_offset }) => ({ name: `record ${piece_offset} of the map`, rule: 'contents-map' }),
      async (record) => {
        const map = await load();
        const chunks = chunkList(map, record.piece_offset);
        const listed = new Uint8Array(7 * chunks.length);
        const view = new DataView(listed.buffer);
        chunks.forEach(([sBucket, encoded, location], i) => {
          view.setUint16(7 * i, sBucket, true);
          view.setUint8(7 * i + 2, encoded ? 1 : 0);
          view.setUint32(7 * i + 3, location, true);
        });
        expectFacts(record, ['piece_offset'], {
          ones: countBits(map.bitfields[record.piece_offset]!),
          chunks: chunks.length,
          encoded_chunks: chunks.filter(([, encoded]) => encoded).length,
          last_s_bucket: chunks.at(-1)?.[0],
          first8: chunks.slice(0, 8),
          all_blake3: blake3Hash(listed),
        });
      },
    ),
    ...casesOf(
      file.decode_errors,
      ({ what }) => ({ name: `no contents map: ${what}`, rule: 'contents-map' }),
      async ({ what, error }) => {
        const bytes = brokenMap(what, await ctx.read(file.file), file.pieces_in_sector);
        const refused = await refusal(() => ContentsMap.decode(bytes, file.pieces_in_sector));
        expectSame('code', refused instanceof ProtocolError && refused.code, MAP_ERRORS[error] ?? error);
      },
    ),
  ];
}

export const farm: ConformanceSuite = {
  files: [/^sectors\.json$/, /^sector_\d+(_|\.)/, /^solutions\.json$/, /^contents_map(_fallback)?\./],
  async *cases(ctx, files) {
    await loadWasm();
    if (files.includes('contents_map.json')) {
      yield* contentsMapCases(ctx, await ctx.json<ContentsMapFile>('contents_map.json'));
    }
    if (!files.includes('sectors.json')) return;
    const pool = createNodePool(Math.min(2, availableParallelism()));
    try {
      const recorded = await ctx.json<SectorsFile>('sectors.json');
      const sectors = new Sectors(ctx, await ctx.json<ArchivingFile>('archiving.json'), pool);
      yield* sectorCases(recorded, sectors);
      if (files.includes('solutions.json')) {
        yield* solutionCases(await ctx.json<SolutionsFile>('solutions.json'), recorded, sectors);
      }
    } finally {
      await pool.close();
    }
  },
};
