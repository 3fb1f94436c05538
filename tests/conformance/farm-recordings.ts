/** Recorded sectors, audits and solutions, as their cases share them. */
import { planSector } from '../../src/farm/plan.ts';
import { fromHex } from '../../src/protocol/bytes.ts';
import type { FarmerProtocolInfo } from '../../src/protocol/types.ts';
import type { Recorded } from './protocol-support.ts';

export interface RecordedRecord extends Recorded {
  piece_offset: number;
  first_chunks_sbucket_encoded_location: unknown[];
}

interface Region extends Recorded {
  file?: string | null;
}

export interface RecordedSector extends Recorded {
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
  regions: Partial<Record<'contents_map' | 'record_chunks' | 'record_metadata' | 'checksum', Region>>;
  sector_file?: string | null;
  sector_metadata_file?: string | null;
}

export interface SectorsFile {
  identity_entropy: string;
  sectors: RecordedSector[];
}

export interface RecordedAudit extends Recorded {
  slot: number;
  proof_of_time: string;
  solution_range: string;
}

export interface SolutionsFile {
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

export function planOf(sector: RecordedSector) {
  const rules = rulesOf(sector);
  const publicKey = fromHex(sector.public_key, 32);
  return planSector(publicKey, sector.sector_index, rules.historySize, sector.pieces_in_sector, rules);
}
