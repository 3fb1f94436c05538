/**
 * In which order kept pieces were used last, as a file beside them: what was opened yesterday must not go before what was
 * opened last month because the tab was reloaded in between.
 */
import { littleEndian } from '../protocol/bytes.ts';
import type { PieceIndex } from '../protocol/types.ts';
import { readSmall, type FarmDirectory } from '../storage/directory.ts';

const NAME = 'order.bin';
/** Index (u64, little-endian), and 1 for a guest. */
const ENTRY_BYTES = 9;
const MAX_BYTES = ENTRY_BYTES * 2 ** 20;
/** Wait after a change, in milliseconds: several are written together. */
const SAVE_MS = 3_000;

export interface UsedPiece {
  index: PieceIndex;
  /** Whether nobody wanted it for itself so far. */
  guest: boolean;
}

export class PieceOrder {
  private timer: ReturnType<typeof setTimeout> | null = null;

  /** `present`: the pieces, least recently used first. */
  constructor(
    private readonly directory: FarmDirectory,
    private readonly present: () => Iterable<UsedPiece>,
  ) {}

  /** As it was written last; empty where there is none, or none that can be read: it is a convenience. */
  async read(): Promise<UsedPiece[]> {
    const bytes = await readSmall(this.directory, NAME, MAX_BYTES).catch(() => null);
    if (bytes === null || bytes.length % ENTRY_BYTES !== 0) return [];
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    return Array.from({ length: bytes.length / ENTRY_BYTES }, (_, at) => ({
      index: view.getBigUint64(at * ENTRY_BYTES, true),
      guest: view.getUint8(at * ENTRY_BYTES + 8) === 1,
    }));
  }

  /** Has the order written, a moment later. */
  changed(): void {
    if (this.timer !== null) return;
    this.timer = setTimeout(() => {
      this.timer = null;
      // On a full disk the order of before, or none, is what the next run begins with.
      this.directory.write(NAME, entries(this.present())).catch(() => undefined);
    }, SAVE_MS);
    // A program does not wait for it.
    (this.timer as { unref?: () => void }).unref?.();
  }
}

function* entries(pieces: Iterable<UsedPiece>): Generator<Uint8Array> {
  const parts: number[] = [];
  for (const { index, guest } of pieces) parts.push(...littleEndian(index, 8), Number(guest));
  yield Uint8Array.from(parts);
}
