/** Gives pieces of history out of a farm's sectors to others who look for them. */
import { pause } from '../async/pause.ts';
import { InOrder } from '../async/in-order.ts';
import type { ComputePool } from '../crypto/jobs.ts';
import { pieceIndexOf, sectorId } from '../protocol/sector.ts';
import type {
  FarmerProtocolInfo,
  HistorySize,
  PieceIndex,
  PieceOffset,
  SectorIndex,
} from '../protocol/types.ts';
import { readPlottedPiece } from './piece-reader.ts';
import type { SectorFile } from './sector-file.ts';
import type { SectorTable } from './sectors.ts';

/** Pieces wanted at once; decoding one takes a core for a second or two, and the farm's own work goes before. */
const MAX_WAITING = 4;

export interface PlottedPiecesOptions {
  sectors: SectorTable;
  /** 32 bytes. */
  publicKey: Uint8Array;
  rules: FarmerProtocolInfo;
  pool: ComputePool;
}

interface Contents {
  historySize: HistorySize;
  /** Piece indices by offset; numbers are searched much faster than big integers, and are exact up to 2^53. */
  pieces: Float64Array;
}

export class PlottedPieces {
  private readonly contents = new Map<SectorIndex, Contents>();
  private waiting = 0;
  private readonly reads = new InOrder();

  constructor(private readonly options: PlottedPiecesOptions) {}

  /**
   * A piece (1 048 672 bytes) that lies in a plotted sector; null where none has it, too much is asked for at the
   * moment, or it cannot be read.
   */
  read(index: PieceIndex, signal?: AbortSignal): Promise<Uint8Array | null> {
    if (this.waiting >= MAX_WAITING) return Promise.resolve(null);
    this.waiting += 1;
    return this.reads.run(() => this.readNow(index, signal)).finally(() => (this.waiting -= 1));
  }

  private async readNow(index: PieceIndex, signal?: AbortSignal): Promise<Uint8Array | null> {
    const place = await this.find(index, signal);
    if (place === null) return null;
    const { publicKey, pool } = this.options;
    // Damage is found, and seen to, by audits and proofs.
    return readPlottedPiece(place.file, publicKey, place.offset, pool, signal).catch(() => null);
  }

  private async find(
    index: PieceIndex,
    signal?: AbortSignal,
  ): Promise<{ file: SectorFile; offset: PieceOffset } | null> {
    const { sectors } = this.options;
    for (let sector = 0; sector < sectors.length; sector += 1) {
      const file = sectors.file(sector);
      if (file === null) continue;
      let known = this.contents.get(sector);
      if (known?.historySize !== file.metadata.historySize) {
        // A thousand pieces of a large sector take some milliseconds; others get their turn in between.
        await pause(0);
        signal?.throwIfAborted();
        known = this.describe(file);
        this.contents.set(sector, known);
      }
      const offset = known.pieces.indexOf(Number(index));
      if (offset >= 0) return { file, offset };
    }
    return null;
  }

  private describe({ metadata }: SectorFile): Contents {
    const { publicKey, rules } = this.options;
    const { sectorIndex, historySize, piecesInSector } = metadata;
    const id = sectorId(publicKey, sectorIndex, historySize);
    const pieces = Float64Array.from({ length: piecesInSector }, (_, offset) =>
      Number(pieceIndexOf(id, offset, historySize, rules)),
    );
    return { historySize, pieces };
  }
}
