import { afterEach, describe, expect, it, vi } from 'vitest';
import { equal } from '../protocol/bytes.ts';
import { PIECE_BYTES } from '../protocol/constants.ts';
import { sectorBytes } from '../protocol/sector.ts';
import type { PieceIndex } from '../protocol/types.ts';
import type { FarmDirectory, Parts, ScratchFile } from '../storage/directory.ts';
import { StorageError } from '../storage/errors.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import { FarmError } from './errors.ts';
import { findPartialSector, partialSectorBytes } from './partial-sector.ts';
import { planSector } from './plan.ts';
import { plotSector, type PlotContext } from './plotter.ts';
import { SectorFile, sectorFileName, sectorFileSize } from './sector-file.ts';
import {
  fakeEncoding,
  FakeHistory,
  fakePiece,
  FakeSource,
  named,
  plotContext as context,
  plottingPool,
  RULES,
} from './test-support.ts';

const PUBLIC_KEY = named('farmer', 32);
const PIECES = 2;
const plan = planSector(PUBLIC_KEY, 0, 3n, PIECES, RULES);
const FILE = sectorFileName(0);

const reference = new MemoryDirectory();
await plotSector(plan, context({ directory: reference }));
const PLOTTED = reference.files.get(FILE)!;

function isWhole({ files }: MemoryDirectory): boolean {
  return equal(files.get(FILE)!, PLOTTED);
}

function isWholeOrAbsent(directory: MemoryDirectory): boolean {
  return !directory.files.has(FILE) || isWhole(directory);
}

describe('plotSector', () => {
  it('lets others have their turn between the parts that it writes', async () => {
    let turns = 0;
    const beat = setInterval(() => (turns += 1), 0);
    let parts = 0;
    let before = 0;
    const directory = new MemoryDirectory();
    const write = directory.write.bind(directory);
    directory.write = (name, written, then) => {
      async function* counted(): AsyncGenerator<Uint8Array> {
        before = turns;
        for await (const part of written as AsyncIterable<Uint8Array>) {
          parts += 1;
          yield part;
        }
      }
      return write(name, counted(), then);
    };
    await plotSector(plan, context({ directory }));
    clearInterval(beat);
    expect(isWhole(directory)).toBe(true);
    expect(parts).toBeGreaterThan(10);
    expect(turns - before).toBeGreaterThan(parts / 2);
  });

  it('writes a sector whose records read back as they were encoded', async () => {
    expect(PLOTTED).toHaveLength(sectorFileSize(PIECES));
    const file = await SectorFile.open(reference, 0, true);
    await file.verify();
    const map = await file.readContentsMap();
    for (const [offset, { index, evaluationSeed }] of plan.pieces.entries()) {
      const encoded = fakeEncoding({ evaluationSeed, piece: fakePiece(index) });
      expect(equal(map.bitfields[offset]!, encoded.bitfield)).toBe(true);
      expect(equal(await file.readRecordChunks(map, offset), encoded.chunks)).toBe(true);
      expect(await file.readRecordMetadata(offset)).toEqual(encoded.metadata);
    }
    expect(reference.scratches.size).toBe(0);
  });

  it('tells how far it is', async () => {
    const seen: string[] = [];
    await plotSector(
      plan,
      context({
        progress: ({ stage, piecesDone, piecesTotal }) => seen.push(`${stage} ${piecesDone}/${piecesTotal}`),
      }),
    );
    expect(seen[0]).toBe('downloading 0/2');
    expect(seen).toContain('encoding 0/2');
    expect(seen.at(-1)).toBe('writing 2/2');
  });

  it('encodes no more records at once than it may', async () => {
    let [running, most] = [0, 0];
    const pool = plottingPool({
      'record.encode': async (input) => {
        most = Math.max(most, (running += 1));
        await new Promise((done) => setTimeout(done, 2));
        running -= 1;
        return fakeEncoding(input);
      },
    });
    await plotSector(plan, context({ pool, concurrency: 1 }));
    expect(most).toBe(1);
  });

  it('replaces nothing once it was stopped, though all is written', async () => {
    const stopping = new AbortController();
    const directory = new MemoryDirectory();
    directory.write = async (_name, _parts, beforeReplace) => {
      stopping.abort(new Error('stopped'));
      await beforeReplace?.();
    };
    let replaced = false;
    const beforeReplace = async () => void (replaced = true);
    const plot = plotSector(plan, context({ directory, signal: stopping.signal, beforeReplace }));
    await expect(plot).rejects.toThrow('stopped');
    expect(replaced).toBe(false);
  });

  it('says when its file is about to replace the older one', async () => {
    const directory = new MemoryDirectory();
    await directory.write(FILE, [named('older', 10)]);
    let older: number | undefined;
    await plotSector(
      plan,
      context({ directory, beforeReplace: async () => void (older = directory.files.get(FILE)!.length) }),
    );
    expect(older).toBe(10);
    expect(isWhole(directory)).toBe(true);
  });
});

describe('pieces', () => {
  afterEach(() => void vi.useRealTimers());

  /** Plots while the clock jumps over the waits. */
  async function plotting(pieces: FakeSource, change: Partial<PlotContext> = {}): Promise<void> {
    vi.useFakeTimers();
    const result = plotSector(plan, context({ pieces, ...change }));
    result.catch(() => undefined);
    for (let i = 0; i < 30; i += 1) await vi.advanceTimersByTimeAsync(1_000);
    await result;
  }

  const bad = (index: PieceIndex): Uint8Array => {
    const piece = fakePiece(index);
    piece[0] = 1;
    return piece;
  };

  it('are asked for again when one was wrong, and their sender is told and named', async () => {
    const wrong: [string, PieceIndex][] = [];
    const refused: PieceIndex[] = [];
    const source = new FakeSource((index, attempt) =>
      index === plan.pieces[1]!.index && attempt === 1 ? bad(index) : fakePiece(index),
    );
    const told = Object.assign(source, { refused: (index: PieceIndex) => refused.push(index) });
    const directory = new MemoryDirectory();
    await plotting(told, { directory, badPiece: (name, index) => wrong.push([name, index]) });
    expect(wrong).toEqual([['the source', plan.pieces[1]!.index]]);
    expect(refused).toEqual([plan.pieces[1]!.index]);
    expect(source.asked).toHaveLength(PIECES + 1);
    expect(isWhole(directory)).toBe(true);
  });

  it.each([
    ['piece-invalid', bad],
    ['piece-invalid', () => new Uint8Array(PIECE_BYTES - 1)],
    ['piece-unavailable', () => null],
    [
      'piece-unavailable',
      () => {
        throw new Error('not connected');
      },
    ],
  ])('fail the sector as %s when they stay away', async (code, answer) => {
    const source = new FakeSource((index) =>
      index === plan.pieces[0]!.index ? answer(index) : fakePiece(index),
    );
    await expect(plotting(source)).rejects.toMatchObject({ name: 'FarmError', code });
    expect(source.asked.filter((index) => index === plan.pieces[0]!.index)).toHaveLength(4);
  });

  it('fail the sector when their segment is not verified any more', async () => {
    await expect(plotting(new FakeSource(), { history: new FakeHistory(0n) })).rejects.toThrow(FarmError);
  });
});

class Killed extends Error {}

/** Being killed before one part of a file is like being killed before the next. */
const PARTS_A_STEP = 8;

/** A folder that works for so many changes; then the program is dead, and nothing reaches the folder any more. */
class MortalDirectory implements FarmDirectory {
  readonly place = 'memory';
  readonly maxOpenFiles = 10;
  steps = 0;

  constructor(
    private readonly inner: MemoryDirectory,
    private readonly dies: number,
  ) {}

  private step(): void {
    if (this.steps >= this.dies) throw new Killed();
    this.steps += 1;
  }

  async list() {
    this.step();
    return this.inner.list();
  }

  async open(name: string) {
    this.step();
    return this.inner.open(name);
  }

  async write(name: string, parts: Parts, beforeReplace?: () => Promise<void>): Promise<void> {
    const step = (): void => this.step();
    step();
    await this.inner.write(
      name,
      (async function* () {
        let parted = 0;
        for await (const part of parts) {
          if (parted++ % PARTS_A_STEP === 0) step();
          yield part;
        }
        step();
      })(),
      beforeReplace,
    );
    step();
  }

  async remove(name: string): Promise<void> {
    this.step();
    await this.inner.remove(name);
  }

  async scratch(name: string): Promise<ScratchFile> {
    this.step();
    const scratch = await this.inner.scratch(name);
    return {
      write: async (offset, bytes) => {
        this.step();
        // Killed in the middle of a write: some of it arrives.
        if (this.steps === this.dies) {
          await scratch.write(offset, bytes.subarray(0, bytes.length >> 1));
          throw new Killed();
        }
        await scratch.write(offset, bytes);
      },
      read: (offset, into) => scratch.read(offset, into),
      close: async () => {
        this.step();
        await scratch.close();
      },
      discard: async () => {
        this.step();
        await scratch.discard();
      },
    };
  }

  clean() {
    return this.inner.clean();
  }

  space() {
    return this.inner.space();
  }

  lock() {
    return this.inner.lock();
  }
}

describe('an interrupted plot', () => {
  it('never leaves a file that is no sector, and goes on where it was, wherever it is killed', async () => {
    const whole = new MortalDirectory(new MemoryDirectory(), Number.MAX_SAFE_INTEGER);
    await plotSector(plan, context({ directory: whole }));
    let encodedAnew = 0;
    for (let dies = 0; dies < whole.steps; dies += 1) {
      const inner = new MemoryDirectory();
      const first = plottingPool();
      const killed = plotSector(plan, context({ directory: new MortalDirectory(inner, dies), pool: first }));
      await expect(killed).rejects.toThrow(Killed);
      expect(isWholeOrAbsent(inner)).toBe(true);
      await inner.clean();

      const pool = plottingPool();
      await plotSector(plan, context({ directory: inner, pool }));
      expect(isWhole(inner)).toBe(true);
      expect(inner.scratches.size).toBe(0);
      const again = pool.calls['record.encode'] ?? 0;
      // At most the records that were under way are encoded twice.
      expect((first.calls['record.encode'] ?? 0) + again).toBeLessThanOrEqual(PIECES + 2);
      encodedAnew += again;
    }
    expect(encodedAnew).toBeLessThan(PIECES * whole.steps);
  });

  it('is found with what it was plotting', async () => {
    const directory = new MemoryDirectory();
    expect(await findPartialSector(directory)).toBeNull();
    const abort = new AbortController();
    const pool = plottingPool();
    const stopped = plotSector(
      plan,
      context({
        directory,
        pool,
        signal: abort.signal,
        concurrency: 1,
        progress: ({ piecesDone }) => {
          if (piecesDone === 1) abort.abort(new Error('stopped'));
        },
      }),
    );
    await expect(stopped).rejects.toThrow('stopped');
    expect(await findPartialSector(directory)).toEqual({
      sectorIndex: 0,
      historySize: 3n,
      sectorId: plan.sectorId,
      pieces: PIECES,
    });
  });

  it('is started anew by another plan', async () => {
    const directory = new MemoryDirectory();
    const mortal = new MortalDirectory(directory, 4);
    await expect(plotSector(plan, context({ directory: mortal }))).rejects.toThrow(Killed);
    const pool = plottingPool();
    const other = planSector(PUBLIC_KEY, 1, 3n, PIECES, RULES);
    await plotSector(other, context({ directory, pool }));
    expect(pool.calls['record.encode']).toBe(PIECES);
    await (await SectorFile.open(directory, 1, true)).verify();
  });

  it('does not take over a record that was damaged meanwhile', async () => {
    const directory = new MemoryDirectory();
    const full = plotSector(
      plan,
      context({ directory, beforeReplace: () => Promise.reject(new Error('stopped at the end')) }),
    );
    await expect(full).rejects.toThrow('stopped at the end');
    const [scratch] = directory.scratches.values();
    expect(scratch).toHaveLength(partialSectorBytes(PIECES));
    scratch![scratch!.length - 5]! ^= 1;
    const pool = plottingPool();
    await plotSector(plan, context({ directory, pool }));
    expect(pool.calls['record.encode']).toBe(1);
    expect(isWhole(directory)).toBe(true);
  });

  it('keeps what it has when the disk is full, and ends when there is room', async () => {
    const tight = new MemoryDirectory(partialSectorBytes(PIECES) + sectorBytes(PIECES) - 1);
    await expect(plotSector(plan, context({ directory: tight }))).rejects.toMatchObject({
      name: 'StorageError',
      code: 'disk-full',
    });
    expect(tight.files.size).toBe(0);
    const roomy = new MemoryDirectory();
    for (const [name, bytes] of tight.scratches) roomy.scratches.set(name, bytes);
    const pool = plottingPool();
    await plotSector(plan, context({ directory: roomy, pool }));
    expect(pool.calls['record.encode']).toBeUndefined();
    expect(isWhole(roomy)).toBe(true);
  });

  it('passes errors of the folder on as they are', async () => {
    const directory = new MemoryDirectory();
    directory.write = () => Promise.reject(new StorageError('place-lost', FILE, 'gone'));
    await expect(plotSector(plan, context({ directory }))).rejects.toMatchObject({ code: 'place-lost' });
  });
});
