/** Verification of solutions: good ones, and every mutation with the reason it is refused for. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fromHex, toHex } from '../../src/protocol/bytes.ts';
import { ProtocolError } from '../../src/protocol/errors.ts';
import {
  decodeSolutionParams,
  encodeSolutionParams,
  type SolutionParams,
} from '../../src/protocol/solution-check.ts';
import { decodeSolution, encodeSolution } from '../../src/protocol/solution.ts';
import type { SolutionRange } from '../../src/protocol/types.ts';
import { verifyOpenings } from '../../src/crypto/kzg.ts';
import { openSolution, verifySolution } from '../../src/crypto/solution.ts';
import { loadWasm } from '../../src/crypto/wasm.ts';
import { casesOf, expectFacts, expectSame, type Recorded } from './protocol-support.ts';
import type { ConformanceSuite } from './types.ts';

interface RecordedParams extends Recorded {
  scale: string;
  piece_check_params: Recorded | null;
}

interface RecordedVerdict extends Recorded {
  what: string;
  sector: number;
  slot: number | bigint;
  solution_scale: string;
  params: RecordedParams;
  valid: boolean;
  error: string | null;
}

interface SolutionFile {
  cases: RecordedVerdict[];
}

interface SectorsFile {
  sectors: { id: number; public_key: string; sector_index: number }[];
}

/** The reference's name of a refusal: our code in camel case. */
function errorName(error: ProtocolError): string {
  return error.code.replaceAll(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function verdictOf(verify: () => SolutionRange): Recorded {
  try {
    return { valid: true, solution_distance: verify(), error: null };
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { valid: false, solution_distance: null, error: errorName(error) };
  }
}

function checkParams(recorded: RecordedParams, params: SolutionParams): void {
  const { pieceCheck } = params;
  expectFacts(recorded, {
    proof_of_time: params.proofOfTime,
    solution_range: params.solutionRange,
    scale: encodeSolutionParams(params),
  });
  expectSame('piece check', pieceCheck === null, recorded.piece_check_params === null);
  if (pieceCheck === null || recorded.piece_check_params === null) return;
  expectFacts(recorded.piece_check_params, {
    max_pieces_in_sector: pieceCheck.maxPiecesInSector,
    segment_commitment: pieceCheck.segmentCommitment,
    recent_segments: pieceCheck.recentSegments,
    recent_history_fraction: pieceCheck.recentHistoryFraction,
    min_sector_lifetime: pieceCheck.minSectorLifetime,
    current_history_size: pieceCheck.currentHistorySize,
    sector_expiration_check_segment_commitment: pieceCheck.expirySegmentCommitment,
  });
}

/** The same verdict with the openings left to a batch, as the light client takes them. */
function holdsInBatch(verify: () => ReturnType<typeof openSolution>): boolean {
  try {
    const { chunk, record } = verify();
    return verifyOpenings(record === null ? [chunk] : [chunk, record]).length === 0;
  } catch (error) {
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}

function checkVerdict(record: RecordedVerdict): void {
  const solution = decodeSolution(fromHex(record.solution_scale));
  expectSame('solution', encodeSolution(solution), record.solution_scale);
  const params = decodeSolutionParams(fromHex(record.params.scale));
  checkParams(record.params, params);
  const slot = BigInt(record.slot);
  expectFacts(
    record,
    verdictOf(() => verifySolution(solution, slot, params)),
  );
  expectSame(
    'valid in a batch',
    holdsInBatch(() => openSolution(solution, slot, params)),
    record.valid,
  );
}

/** A solution that holds is one of the recorded sector that it names, of those that the set holds. */
function checkSector({ sector: id, solution_scale, valid }: RecordedVerdict, { sectors }: SectorsFile): void {
  if (!valid) return;
  const { publicKey, sectorIndex } = decodeSolution(fromHex(solution_scale));
  const named = sectors.find((candidate) => candidate.id === id);
  const isOwn = ({ public_key, sector_index }: SectorsFile['sectors'][number]) =>
    public_key === toHex(publicKey) && sector_index === sectorIndex;
  if (named === undefined && !sectors.some(isOwn)) return;
  expectSame(
    'sector',
    { publicKey, sectorIndex },
    { publicKey: named?.public_key, sectorIndex: named?.sector_index },
  );
}

export const solutions: ConformanceSuite = {
  files: [/^verify_solution\.json$/],
  async cases(ctx) {
    await loadWasm();
    const file = await ctx.json<SolutionFile>('verify_solution.json');
    const recorded = existsSync(join(ctx.dir, 'sectors.json'))
      ? await ctx.json<SectorsFile>('sectors.json')
      : null;
    return casesOf(
      file.cases,
      ({ what, sector, slot }) => ({ name: `sector ${sector}, slot ${slot}: ${what}`, rule: 'solution' }),
      (record) => {
        checkVerdict(record);
        if (recorded !== null) checkSector(record, recorded);
      },
    );
  },
};
