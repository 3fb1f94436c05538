/** Audits of the plotted sectors, and proofs of what wins. */
import { auditSlot, type Candidate } from '../../src/farm/auditor.ts';
import { proveCandidate } from '../../src/farm/prover.ts';
import { fromHex } from '../../src/protocol/bytes.ts';
import { CHUNK_BYTES } from '../../src/protocol/constants.ts';
import { globalChallenge } from '../../src/protocol/pot.ts';
import { decodeSectorMetadata, SBucketIndex } from '../../src/protocol/sector-metadata.ts';
import { auditedSBucket, sectorSlotChallenge } from '../../src/protocol/sector.ts';
import { isWithinSolutionRange, solutionDistance } from '../../src/protocol/solution-range.ts';
import { encodeSolution } from '../../src/protocol/solution.ts';
import type { SlotInfo } from '../../src/protocol/types.ts';
import type { RecordedAudit, RecordedSector, SectorsFile, SolutionsFile } from './farm-recordings.ts';
import { Sectors } from './farm-sectors.ts';
import { casesOf, expectFacts, expectRule, expectSame, namedBytes } from './protocol-support.ts';
import type { ConformanceCase } from './types.ts';

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
  expectFacts(audit, {
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

export function solutionCases(
  file: SolutionsFile,
  recorded: SectorsFile,
  sectors: Sectors,
): ConformanceCase[] {
  return file.audits.flatMap(({ sector: id, reward_address, audits, narrow }) => {
    const sector = recorded.sectors.find((candidate) => candidate.id === id);
    if (sector === undefined) throw new Error(`sector ${id}, which is audited, is not in sectors.json`);
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
