/** A search through all of history: what it finds, across borders too, and how it goes on. */
import { beforeAll, describe, expect, it } from 'vitest';
import { loadBlake3 } from '../crypto/blake3.ts';
import { concat } from '../protocol/bytes.ts';
import { cidOfHash } from '../protocol/cid.ts';
import { PIECE_BYTES, RAW_RECORD_BYTES } from '../protocol/constants.ts';
import { FileBuilder, type StoredNode } from '../protocol/dag-builder.ts';
import { recordFromRaw } from '../protocol/record.ts';
import { ScaleWriter } from '../protocol/scale.ts';
import { encodeSegmentHeader } from '../protocol/segment.ts';
import { HistoryIndex } from '../objects/history-index.ts';
import type { GlobalObject, PieceIndex } from '../protocol/types.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import type { NodeStore } from '../storage/store.ts';
import { Searches } from './searches.ts';

const SEGMENTS = 3n;
const NODE = fileOf(3_000);
const CID = cidOfHash(NODE.hash);
const REMARK = new ScaleWriter().byteVector(NODE.bytes).bytes();
const COMMITMENT = new Uint8Array(48).fill(3);
const BLANK = pieceOf(new Uint8Array(RAW_RECORD_BYTES));

beforeAll(loadBlake3);

function fileOf(bytes: number): StoredNode {
  const builder = new FileBuilder({ name: 'a', uploadOptions: null });
  return [...builder.push(new Uint8Array(bytes).fill(7)), ...builder.finish()][0]!;
}

function pieceOf(raw: Uint8Array): Uint8Array {
  const piece = new Uint8Array(PIECE_BYTES);
  piece.set(recordFromRaw(raw));
  return piece;
}

function rawWith(at: number, content: Uint8Array): Uint8Array {
  const raw = new Uint8Array(RAW_RECORD_BYTES).fill(0x55);
  raw.set(content.subarray(0, RAW_RECORD_BYTES - at), at);
  return raw;
}

/** What a segment begins with that goes on with a block of the segment before. */
function continuation(content: Uint8Array): Uint8Array {
  const header = encodeSegmentHeader({
    segmentIndex: 0n,
    segmentCommitment: new Uint8Array(48),
    prevSegmentHeaderHash: new Uint8Array(32),
    lastArchivedBlock: { number: 1, partialArchived: 5 },
  });
  const rest = concat(content, new Uint8Array(40).fill(0x55));
  return concat(Uint8Array.of(0, 4), header, Uint8Array.of(3), new ScaleWriter().byteVector(rest).bytes());
}

const OTHER = pieceOf(rawWith(0, new Uint8Array(0)));
const OTHER_NODE = fileOf(4_000);
const OTHER_CID = cidOfHash(OTHER_NODE.hash);
const OTHER_REMARK = new ScaleWriter().byteVector(OTHER_NODE.bytes).bytes();

/** History that is blank but for these pieces; null: nobody has it. Stops the search when a piece is asked for. */
class Setup {
  readonly asked: PieceIndex[] = [];
  readonly places: GlobalObject[] = [];
  readonly settings = new Map<string, unknown>();
  readonly directory = new MemoryDirectory();
  /** Pieces that come wrong the first time. */
  readonly wrong = new Set<PieceIndex>();
  stopAt: PieceIndex | null = null;
  searches!: Searches;

  constructor(private readonly pieces: Map<PieceIndex, Uint8Array | null>) {}

  async open(): Promise<Searches> {
    const store = {
      setting: (name: string) => Promise.resolve(structuredClone(this.settings.get(name) ?? null)),
      putSetting: async (name: string, value: unknown) =>
        void this.settings.set(name, structuredClone(value)),
    } as unknown as NodeStore;
    this.searches = await Searches.open({
      store,
      openIndex: () => HistoryIndex.open(this.directory, { segmentCommitment: () => COMMITMENT }),
      historySize: () => SEGMENTS,
      found: (place) => void this.places.push(place),
      pieces: {
        pieces: async (indices, signal, wish) => {
          if (wish.speculative !== true || wish.quick !== true) throw new Error('another wish');
          await Promise.resolve();
          if (this.stopAt !== null && indices.includes(this.stopAt)) this.searches.pause();
          signal.throwIfAborted();
          this.asked.push(...indices);
          return indices.map((index) => {
            const piece = this.pieces.has(index) ? this.pieces.get(index)! : BLANK;
            const valid = !this.wrong.delete(index);
            // Checked with others, some time later.
            if (piece !== null) setTimeout(() => wish.verdict?.(index, valid), 1);
            return valid ? piece : OTHER;
          });
        },
      },
    });
    return this.searches;
  }
}

describe('a search through all of history', () => {
  it('sees what it looked through before without fetching it, whatever is searched for', async () => {
    const setup = new Setup(
      new Map([
        [4n, null],
        [300n, pieceOf(rawWith(5_000, REMARK))],
        [384n, pieceOf(rawWith(70, OTHER_REMARK))],
      ]),
    );
    expect(await (await setup.open()).search(OTHER_CID)).toMatchObject({ pieceIndex: 384n, offset: 70 });
    expect(await setup.searches.search(cidOfHash(fileOf(10).hash))).toBeNull();
    const before = setup.asked.length;
    expect(new Set(setup.asked).size).toBeGreaterThanOrEqual(384);
    // As after the tab was closed.
    const again = await setup.open();
    expect(await again.search(CID)).toEqual({ hash: NODE.hash, pieceIndex: 300n, offset: 5_000 });
    expect(again.view()).toMatchObject({ pieces: 383, knownPieces: 383, totalPieces: 384 });
    expect(setup.asked.slice(before).sort()).toEqual([300n, 302n]);
    expect(await again.search(cidOfHash(fileOf(11).hash))).toBeNull();
    // Nobody had it then, and somebody may have it now.
    expect(setup.asked.slice(before + 2)).toEqual([4n]);
  });

  it('looks again through a piece that came wrong, and across its borders', async () => {
    const setup = new Setup(across);
    setup.wrong.add(300n).add(302n).add(310n);
    const searches = await setup.open();
    expect(await searches.search(CID)).toEqual(placeAt(300n));
    setup.wrong.add(300n);
    setup.directory.files.clear();
    const absent = await setup.open();
    expect(await absent.search(cidOfHash(fileOf(10).hash))).toBeNull();
    expect(absent.view()).toMatchObject({ state: 'absent', pieces: 384, missingPieces: 0 });
    const before = setup.asked.length;
    expect(await absent.search(CID)).toEqual(placeAt(300n));
    expect(setup.asked.length).toBe(before + 2);
  });

  it('goes from the newest segment back, and ends where the object lies', async () => {
    const setup = new Setup(new Map([[256n + 6n, pieceOf(rawWith(5_000, REMARK))]]));
    const searches = await setup.open();
    const place = { hash: NODE.hash, pieceIndex: 262n, offset: 5_000 };
    expect(await searches.search(CID)).toEqual(place);
    expect(setup.places).toEqual([place]);
    expect(setup.asked.slice(0, 3)).toEqual([512n, 514n, 516n]);
    expect(setup.asked.every((index) => index % 2n === 0n && index >= 256n)).toBe(true);
    const view = searches.view()!;
    expect(view).toMatchObject({ cid: CID, state: 'found', totalPieces: 384, missingPieces: 0 });
    expect(view.path).toContain(`/object/${CID}?at=`);
  });

  it('says how much it could not see when it finds nothing', async () => {
    const setup = new Setup(
      new Map([
        [4n, null],
        [300n, null],
      ]),
    );
    const searches = await setup.open();
    expect(await searches.search(CID)).toBeNull();
    expect(searches.view()).toMatchObject({
      state: 'absent',
      pieces: 384,
      totalPieces: 384,
      missingPieces: 2,
      path: null,
    });
    expect(new Set(setup.asked).size).toBe(384);
  });

  const across = new Map([
    [300n, pieceOf(rawWith(RAW_RECORD_BYTES - 700, REMARK))],
    [302n, pieceOf(rawWith(0, REMARK.subarray(700)))],
  ]);
  const acrossSegments = new Map([
    [254n, pieceOf(rawWith(RAW_RECORD_BYTES - 700, REMARK))],
    [256n, pieceOf(rawWith(0, continuation(REMARK.subarray(700))))],
  ]);

  const placeAt = (pieceIndex: PieceIndex) => ({
    hash: NODE.hash,
    pieceIndex,
    offset: RAW_RECORD_BYTES - 700,
  });

  it.each([
    ['pieces', across, 300n],
    ['segments', acrossSegments, 254n],
  ])('finds what lies across the border of two %s', async (_, pieces, at) => {
    const searches = await new Setup(pieces).open();
    expect(await searches.search(CID)).toEqual(placeAt(at));
  });

  it.each([
    ['two pieces between which it was paused', across, 300n, 302n],
    ['two segments, paused in the first', acrossSegments, 254n, 0n],
    ['two segments, paused at the end of the first', acrossSegments, 254n, 254n],
  ])('goes on and finds what lies across the border of %s', async (_, pieces, at, stopAt) => {
    const setup = new Setup(pieces);
    setup.stopAt = stopAt;
    await setup.open();
    await expect(setup.searches.search(CID)).rejects.toMatchObject({ name: 'AbortError' });
    expect(setup.searches.view()!.state).toBe('paused');
    // As after the tab was closed, once what had come was checked.
    await new Promise((resolve) => setTimeout(resolve, 50));
    setup.stopAt = null;
    const again = await setup.open();
    expect(again.view()).toMatchObject({ cid: CID, state: 'paused' });
    const before = setup.asked.length;
    expect(await again.search(CID)).toEqual(placeAt(at));
    expect(setup.asked.slice(before)).not.toContain(514n);
  });

  it('of the same object is one, and another takes its place', async () => {
    const setup = new Setup(new Map([[0n, pieceOf(rawWith(9, REMARK))]]));
    const searches = await setup.open();
    const [one, two] = [searches.search(CID), searches.search(CID)];
    const [first, second] = await Promise.all([one, two]);
    expect(second).toEqual(first);
    expect(setup.asked.length).toBe(new Set(setup.asked).size);
    const other = cidOfHash(fileOf(10).hash);
    const replaced = searches.search(other).catch((reason: unknown) => reason);
    expect((await searches.search(CID))?.pieceIndex).toBe(0n);
    expect(await replaced).toMatchObject({ name: 'AbortError' });
    await searches.forget();
    expect(searches.view()).toBeNull();
    await expect(searches.search('nothing')).rejects.toThrow('cid');
  });
});
