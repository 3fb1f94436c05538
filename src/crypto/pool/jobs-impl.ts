/** What the jobs of the pool do, on the worker's side. */
import { CHECKPOINTS_IN_SLOT, PIECE_BYTES, S_BUCKETS } from '../../protocol/constants.ts';
import { countBits, occupancy } from '../../protocol/contents-map.ts';
import { ProtocolError } from '../../protocol/errors.ts';
import { BITFIELD_BYTES, sectorSlotChallenge } from '../../protocol/sector.ts';
import type { JobInput, JobName, JobOnPieces, JobOutput } from '../jobs.ts';
import { commitPart, commitRecord, locate, recoverQuotient, sumPoints, verifyOpenings } from '../kzg.ts';
import { invalidPieces, type PieceAt, reconstructPiece, recordMetadataOf, recordOf } from '../piece.ts';
import { chooseWalker } from '../pot.ts';
import { describeRuntime } from '../runtime-code.ts';
import { verifyOwnSolution } from '../solution.ts';
import { recoverSlices } from '../reconstruction.ts';
import { auditSBucket, SpaceTable } from '../space.ts';
import { loadSrs } from '../srs.ts';
import { checkMasks, encodeByMasks } from '../table-maker.ts';
import { loadWasm } from '../wasm.ts';

type Given<J extends JobName> = J extends JobOnPieces ? Omit<JobInput<J>, 'pieces'> : JobInput<J>;

type Implementations = {
  [J in JobName]?: (input: Given<J>, pieceAt: PieceAt) => JobOutput<J> | Promise<JobOutput<J>>;
};

/** The one table of this worker: its memory is kept from one job to the next. */
let table: SpaceTable | null = null;

function tableOf(seed: Uint8Array): SpaceTable {
  table ??= new SpaceTable();
  table.build(seed);
  return table;
}

const IMPLEMENTATIONS: Implementations = {
  'pot.verify': async ({ seed, iterations, checkpoints, only }) => {
    const walker = await chooseWalker(only?.length ?? CHECKPOINTS_IN_SLOT);
    const firstWrong = await walker.verify(seed, iterations, checkpoints, only);
    return { firstWrong, walker: walker.name };
  },
  'pot.walker': async ({ checkpoints }) => ({ walker: (await chooseWalker(checkpoints)).name }),
  'runtime.describe': ({ code, known }) => describeRuntime(code, known),
  'pot.prove': async ({ seed, iterations }) => {
    const walker = await chooseWalker('prove');
    return { checkpoints: await walker.prove(seed, iterations) };
  },
  'kzg.verify': ({ openings }) => ({ bad: verifyOpenings(openings) }),
  'piece.verify': async ({ segmentCommitments, positions }, pieceAt) => {
    await loadSrs();
    const places = positions.map((position, i) => ({ position, segmentCommitment: segmentCommitments[i]! }));
    return { bad: await invalidPieces(places, pieceAt) };
  },
  'record.commit': async ({ record }) => {
    await loadSrs();
    return { commitment: commitRecord(record) };
  },
  'record.encode': ({ evaluationSeed, piece, masks }) => {
    if (piece.length !== PIECE_BYTES) throw badLength('piece', piece.length, PIECE_BYTES);
    const record = recordOf(piece);
    if (masks !== undefined) checkMasks(evaluationSeed, masks);
    const encoded =
      masks === undefined ? tableOf(evaluationSeed).encode(record) : encodeByMasks(record, masks.masks);
    return { ...encoded, metadata: recordMetadataOf(piece) };
  },
  'record.decode': ({ evaluationSeed, bitfield, chunks }) => ({
    record: tableOf(evaluationSeed).decode(bitfield, chunks),
  }),
  'record.unmask': ({ evaluationSeed, sBucket, bitfield, chunks }) => {
    const own = tableOf(evaluationSeed);
    const proofOfSpace = own.proof(sBucket);
    if (proofOfSpace === null) throw noProof(sBucket);
    return { ...own.unmask(bitfield, chunks), proofOfSpace };
  },
  'record.locate': ({ bitfield }) => ({ locator: locate(presenceOf(bitfield)) }),
  'record.quotient': ({ shards, present, locator, sBucket }) => {
    const { value, quotient } = recoverQuotient(shards, present, locator, sBucket);
    return { chunk: value, quotient };
  },
  'kzg.commitPart': async ({ coefficients, from }) => {
    await loadSrs();
    return { point: commitPart(coefficients, from) };
  },
  'kzg.sum': ({ points }) => ({ point: sumPoints(points) }),
  'sector.audit': ({ globalChallenge, solutionRange, sBuckets }) => {
    const winners = sBuckets.flatMap(({ sectorId, chunks }, sBucket) => {
      const challenge = sectorSlotChallenge(sectorId, globalChallenge);
      return auditSBucket(chunks, challenge, globalChallenge, solutionRange).map((winner) => ({
        sBucket,
        ...winner,
      }));
    });
    return {
      winners: winners.sort((a, b) => (a.distance < b.distance ? -1 : a.distance > b.distance ? 1 : 0)),
    };
  },
  'solution.check': ({ solution, globalChallenge, solutionRange }) => ({
    distance: verifyOwnSolution(solution, globalChallenge, solutionRange),
  }),
  'piece.reconstruct': async ({ positions, wanted }, pieceAt) => {
    await loadSrs();
    return { piece: await reconstructPiece(positions, pieceAt, wanted) };
  },
  'segment.recover': ({ positions, slices }) => ({ sources: recoverSlices(positions, slices) }),
};

/** One byte an s-bucket that a record with this bitfield occupies: 1 where it does. */
function presenceOf(bitfield: Uint8Array): Uint8Array {
  if (bitfield.length !== BITFIELD_BYTES) throw badLength('bitfield', bitfield.length, BITFIELD_BYTES);
  const encoded = countBits(bitfield);
  if (encoded > S_BUCKETS / 2) throw badLength('number of encoded chunks', encoded, S_BUCKETS / 2);
  const occupied = occupancy(bitfield);
  return Uint8Array.from({ length: S_BUCKETS }, (_, i) => (occupied[i >> 3]! >> (i & 7)) & 1);
}

function badLength(what: string, seen: number, expected: number): ProtocolError {
  return new ProtocolError({
    code: 'bad-length',
    rule: 'record-encoding',
    message: `a ${what} of ${seen} where ${expected} are expected`,
    values: { seen, expected },
  });
}

function noProof(sBucket: number): ProtocolError {
  return new ProtocolError({
    code: 'no-proof',
    rule: 'proof-of-space',
    message: `s-bucket ${sBucket} has no proof of space`,
    values: { sBucket },
  });
}

/** Makes this thread ready for `runJob`; null: the module is loaded from where the app keeps it. */
export function setupWasm(module: WebAssembly.Module | null): Promise<void> {
  return loadWasm(module ?? undefined);
}

/** Runs a job by its name. Throws ProtocolError on bad input and whatever the job's rule is. */
export async function runJob(job: string, input: unknown, pieceAt: PieceAt): Promise<unknown> {
  const run = IMPLEMENTATIONS[job as JobName] as ((input: unknown, pieceAt: PieceAt) => unknown) | undefined;
  if (run === undefined) throw new RangeError(`no job is called ${job}`);
  return run(input, pieceAt);
}
