import { describe, expect, it } from 'vitest';
import { equal } from '../protocol/bytes.ts';
import { blake3Hash } from '../protocol/hash.ts';
import { PIECE_BYTES, RECORD_BYTES } from '../protocol/constants.ts';
import { RECORD_METADATA_BYTES } from '../protocol/sector.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import { defaultSample, drawOffsets, wrongEncoding, type StoredRecord } from './encoding-check.ts';
import { planSector } from './plan.ts';
import { plotSector } from './plotter.ts';
import {
  fakeEncoding,
  FakeHistory,
  fakePiece,
  FakeSource,
  named,
  plotContext,
  plottingPool,
  RULES,
} from './test-support.ts';

const plan = planSector(named('farmer', 32), 0, 3n, 2, RULES);
const { signal } = new AbortController();
const history = new FakeHistory();
const piece = fakePiece(plan.pieces[1]!.index);
const encoded = fakeEncoding({ evaluationSeed: plan.pieces[1]!.evaluationSeed, piece });
const stored: StoredRecord = { offset: 1, ...encoded };

/** A copy with another last byte. */
function other(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(bytes);
  copy[copy.length - 1]! ^= 1;
  return copy;
}

describe('a record that somebody else encoded', () => {
  const check = (changed: Partial<StoredRecord>) =>
    wrongEncoding(plan, [{ ...stored, ...changed }], {
      pool: plottingPool(),
      history,
      pieces: new FakeSource(),
      signal,
    });

  it('is encoded again, and has to be the same in every part', async () => {
    expect(await check({})).toBeNull();
    for (const part of ['bitfield', 'chunks', 'metadata'] as const)
      expect(await check({ [part]: other(stored[part]) })).toContain('offset 1 is encoded differently');
  });
});

describe('a record whose piece nobody gives', () => {
  const metadata = new Uint8Array(RECORD_METADATA_BYTES);
  metadata.set(piece.subarray(RECORD_BYTES));
  metadata.set(blake3Hash(piece), PIECE_BYTES - RECORD_BYTES);
  const record = piece.slice(0, RECORD_BYTES);

  const check = (
    given: () => Uint8Array | null,
    decode: () => { record: Uint8Array } = () => ({ record }),
    own = metadata,
  ) => {
    const pool = plottingPool({ 'record.decode': decode });
    const context = { pool, history, pieces: new FakeSource(given), signal };
    return wrongEncoding(plan, [{ ...stored, metadata: own }], context);
  };
  const nothing = () => null;

  it('is decoded, also when what is given is wrong, cut or an error', async () => {
    const wrong = piece.slice();
    wrong[0] = 1;
    for (const given of [
      nothing,
      () => wrong,
      () => piece.subarray(1),
      () => {
        throw new Error('gone');
      },
    ])
      expect(await check(given)).toBeNull();
  });

  it('is told to whoever gave a wrong one', async () => {
    const refused: bigint[] = [];
    const wrong = piece.slice();
    wrong[0] = 1;
    const pieces = Object.assign(new FakeSource(() => wrong), {
      refused: (index: bigint) => refused.push(index),
    });
    const pool = plottingPool({ 'record.decode': () => ({ record }) });
    await wrongEncoding(plan, [{ ...stored, metadata }], { pool, history, pieces, signal });
    expect(refused).toEqual([plan.pieces[1]!.index]);
  });

  it('has to be the one that it says it is, and part of the history', async () => {
    expect(await check(nothing, () => ({ record: other(record) }))).toContain('not the one that it says');
    expect(await check(nothing, undefined, other(metadata))).toContain('not the one that it says');
    const failing = () => {
      throw new Error('no such chunk');
    };
    expect(await check(nothing, failing)).toContain('offset 1 does not decode');
    // Its hash fits, but its first byte says that it is not of the history.
    const strange = piece.slice();
    strange[0] = 1;
    const fitting = metadata.slice();
    fitting.set(blake3Hash(strange), PIECE_BYTES - RECORD_BYTES);
    const decoded = () => ({ record: strange.slice(0, RECORD_BYTES) });
    expect(await check(nothing, decoded, fitting)).toContain('offset 1 encodes another record');
  });

  it('is no reason to go on when there is no time left', async () => {
    const context = { pool: plottingPool(), history, pieces: new FakeSource(nothing) };
    const aborted = { ...context, signal: AbortSignal.abort(new Error('stop')) };
    await expect(wrongEncoding(plan, [stored], aborted)).rejects.toThrow('stop');
  });
});

describe('a sector that another program encodes', () => {
  /** A pool whose records come from that program, as `encode` makes them, where this machine's own are not asked for. */
  const lending = (encode = fakeEncoding) =>
    plottingPool({
      'record.encode': (input, { own }) =>
        own === true ? fakeEncoding(input) : { ...encode(input), unchecked: true },
    });
  /** That encodes one record wrongly. */
  const spoiling = (offset: number) =>
    lending((input) => {
      const honest = fakeEncoding(input);
      const spoilt = equal(input.evaluationSeed, plan.pieces[offset]!.evaluationSeed);
      return spoilt ? { ...honest, chunks: other(honest.chunks) } : honest;
    });
  const stopped = () => Promise.reject(new Error('stopped at the end'));

  it('is checked by records that this machine encodes again', async () => {
    const pool = lending();
    const directory = new MemoryDirectory();
    await plotSector(plan, plotContext({ pool, directory }));
    expect(pool.calls['record.encode']).toBe(4);
    expect(directory.files.size).toBe(1);
    const own = plottingPool();
    await plotSector(plan, plotContext({ pool: own }));
    expect(own.calls['record.encode']).toBe(2);
  });

  it('is dropped whole for one that is wrong, wherever it is and however few are compared at once', async () => {
    for (const offset of [0, 1]) {
      for (const piecesAtOnce of [1, 2]) {
        const directory = new MemoryDirectory();
        const plot = plotSector(plan, plotContext({ pool: spoiling(offset), directory, piecesAtOnce }));
        await expect(plot).rejects.toMatchObject({ code: 'wrong-encoding' });
        expect([directory.files.size, directory.scratches.size]).toEqual([0, 0]);
      }
    }
  });

  it('is checked by whoever goes on with it', async () => {
    const directory = new MemoryDirectory();
    const begun = { pool: spoiling(1), directory, sample: 0, beforeReplace: stopped };
    await expect(plotSector(plan, plotContext(begun))).rejects.toThrow('stopped');
    const pool = plottingPool();
    await expect(plotSector(plan, plotContext({ pool, directory }))).rejects.toMatchObject({
      code: 'wrong-encoding',
    });
    expect(pool.calls['record.encode']).toBe(2);
  });
});

describe('the sample', () => {
  it('is one record of 64, two at least', () => {
    const sizes = [0, 1, 2, 3, 128, 129, 1_000].map(defaultSample);
    expect(sizes).toEqual([0, 1, 2, 2, 2, 3, 16]);
  });

  it('has no record twice, and none that is not there', () => {
    const offsets = [3, 5, 8, 13];
    expect(drawOffsets(offsets, 9).sort((a, b) => a - b)).toEqual(offsets);
    const drawn = new Set(Array.from({ length: 200 }, () => drawOffsets(offsets, 1)).flat());
    expect([...drawn].sort((a, b) => a - b)).toEqual(offsets);
    expect(offsets).toEqual([3, 5, 8, 13]);
  });
});
