/** The genesis segments that the program comes with are those of its genesis blocks. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { SegmentPieces } from '../src/crypto/archive.ts';
import { pieceFault } from '../src/crypto/piece.ts';
import { loadSrs } from '../src/crypto/srs.ts';
import { Archiver, extendGenesisBlock } from '../src/protocol/archiver.ts';
import { encodeSignedBlock } from '../src/protocol/block.ts';
import { fromHex } from '../src/protocol/bytes.ts';
import { Chain } from './chain.ts';
import { DEFAULT_PARAMS, FAST_PARAMS } from './config.ts';
import { shippedCommitments } from './segments.ts';

/** With `SLOW_TESTS` in the environment every source piece is checked, which takes minutes. */
const POSITIONS =
  process.env['SLOW_TESTS'] === undefined ? [254] : Array.from({ length: 128 }, (_, index) => 2 * index);

beforeAll(() => loadSrs());

describe.each([
  ['default', DEFAULT_PARAMS],
  ['fast', FAST_PARAMS],
])('%s parameters', (_, params) => {
  it('have valid pieces of their own genesis block', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'allotment-segments-'));
    const chain = await Chain.open(params, folder);
    const { hash, header } = chain.genesis;
    const block = encodeSignedBlock(chain.signedBlock(hash)!);
    chain.close();
    rmSync(folder, { recursive: true });
    const commitments = shippedCommitments(fromHex(hash, 32))!;
    expect(commitments).not.toBeNull();
    const extended = extendGenesisBlock(block, header.stateRoot);
    const recorded = new Archiver().addBlock(extended, []).segments[0]!.record(null);
    const pieces = new SegmentPieces(recorded, commitments);
    const { segmentCommitment } = commitments;
    const faults = POSITIONS.map((position) =>
      pieceFault({ piece: pieces.at(position), segmentCommitment, position }),
    );
    expect(faults.filter((fault) => fault !== null)).toEqual([]);
    const foreign = { piece: pieces.at(254), segmentCommitment, position: 2 };
    expect(pieceFault(foreign)).toBe('witness-invalid');
  });
});
