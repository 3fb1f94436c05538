/** Validity of pieces. */
import { invalidPieces, isRecordInSegment, pieceFault } from '../../src/crypto/piece.ts';
import { loadSrs } from '../../src/crypto/srs.ts';
import { fromHex } from '../../src/protocol/bytes.ts';
import { hashToScalar } from '../../src/protocol/hash.ts';
import { casesOf, expectFacts, expectSame, fromJson, type Recorded } from './protocol-support.ts';
import type { ConformanceContext, ConformanceSuite } from './types.ts';

interface PiecesFile {
  is_piece_valid: {
    what: string;
    base_file: string;
    xor_edits_offset_byte: [number, number][];
    segment_commitment: string;
    position: number;
    valid: boolean;
  }[];
  is_record_commitment_hash_valid: (Recorded & {
    commitment: string;
    witness: string;
    segment_commitment: string;
    position: number;
  })[];
}

async function pieceClaim(ctx: ConformanceContext, record: PiecesFile['is_piece_valid'][number]) {
  const piece = (await ctx.read(record.base_file)).slice();
  for (const [offset, byte] of record.xor_edits_offset_byte) piece[offset] = (piece[offset] as number) ^ byte;
  return { piece, segmentCommitment: fromHex(record.segment_commitment, 48), position: record.position };
}

export const pieces: ConformanceSuite = {
  files: [/^pieces\.json$/],
  companions: [/^piece_\d+_\d+\.bin$/],
  async cases(ctx, files) {
    await loadSrs();
    return fromJson<PiecesFile>(ctx, files, 'pieces.json', (file) => [
      ...casesOf(
        file.is_piece_valid,
        ({ what }) => ({ name: `piece: ${what}`, rule: 'piece-valid' }),
        async (record) =>
          expectSame('valid', pieceFault(await pieceClaim(ctx, record)) === null, record.valid),
      ),
      {
        name: 'pieces in one batch',
        rule: 'piece-valid',
        run: async () => {
          const claims = await Promise.all(file.is_piece_valid.map((record) => pieceClaim(ctx, record)));
          const wrong = file.is_piece_valid.flatMap(({ valid }, index) => (valid ? [] : [index]));
          const pieceAt = (index: number) => Promise.resolve(claims[index]!.piece);
          expectSame('those that are not valid', await invalidPieces(claims, pieceAt), wrong);
        },
      },
      ...casesOf(
        file.is_record_commitment_hash_valid,
        ({ position }, index) => ({
          name: `record commitment ${index} at ${position}`,
          rule: 'solution-record-witness',
        }),
        (record) => {
          const commitment = fromHex(record.commitment, 48);
          const witness = fromHex(record.witness, 48);
          const segment = fromHex(record.segment_commitment, 48);
          expectFacts(record, {
            commitment_hash_scalar: hashToScalar(commitment),
            valid: isRecordInSegment(commitment, witness, segment, record.position),
          });
        },
      ),
    ]);
  },
};
