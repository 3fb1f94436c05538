/**
 * A sector on disk: the file `sector-<index>.bin` holds the sector's bytes as the native farmer's plot has
 * them, followed by its `SectorMetadataChecksummed`. One file, so that one rename finishes both.
 */
import { CHUNK_BYTES, RECORD_CHUNKS } from '../protocol/constants.ts';
import {
  RECORD_METADATA_BYTES,
  SECTOR_METADATA_BYTES,
  sectorBytes,
  sectorLayout,
} from '../protocol/sector.ts';
import { equal, toHex } from '../protocol/bytes.ts';
import type { SectorLayout } from '../protocol/sector.ts';
import type { PieceOffset, SBucket, SectorIndex } from '../protocol/types.ts';
import type { FarmDirectory, ReadHandle } from '../storage/directory.ts';
import { readScattered } from '../storage/directory.ts';
import { createBlake3 } from '../crypto/blake3.ts';
import { pause } from '../async/pause.ts';
import { ContentsMap } from '../protocol/contents-map.ts';
import { FarmError } from './errors.ts';
import { decodeSectorMetadata, SBucketIndex } from '../protocol/sector-metadata.ts';
import type { SectorMetadata } from '../protocol/sector-metadata.ts';

const NAME = /^sector-(0|[1-9][0-9]{0,4})\.bin$/;
const VERIFY_BLOCK = 4 * 1024 * 1024;

/** Name of the file that a sector lies in. */
export function sectorFileName(sectorIndex: SectorIndex): string {
  return `sector-${sectorIndex}.bin`;
}

/** Index of the sector in a file of that name; null for other files. */
export function sectorOfFileName(name: string): SectorIndex | null {
  const match = NAME.exec(name);
  return match === null ? null : Number(match[1]);
}

/** Bytes of the file of a sector with so many pieces. */
export function sectorFileSize(piecesInSector: number): number {
  return sectorBytes(piecesInSector) + SECTOR_METADATA_BYTES;
}

/** What the farm keeps in memory about a plotted sector, and reads from its file. */
export class SectorFile {
  readonly layout: SectorLayout;
  private readonly sBuckets: SBucketIndex;
  /** Under way on the open file. */
  private readonly reads = new Set<Promise<unknown>>();
  /** Proofs from this file, each ended by its promise. */
  private readonly holds = new Set<Promise<void>>();

  private constructor(
    private readonly directory: FarmDirectory,
    readonly metadata: Omit<SectorMetadata, 'sBucketSizes'>,
    sBucketSizes: Uint16Array,
    private handle: ReadHandle | null,
  ) {
    this.layout = sectorLayout(metadata.piecesInSector);
    this.sBuckets = new SBucketIndex(sBucketSizes);
  }

  /**
   * Opens a sector and checks its size, its metadata and that both belong to this index: cheap enough for
   * every start. With `keepOpen` the file stays open for audits.
   *
   * @throws FarmError `sector-broken`; StorageError when the place itself fails.
   */
  static async open(
    directory: FarmDirectory,
    sectorIndex: SectorIndex,
    keepOpen: boolean,
  ): Promise<SectorFile> {
    const handle = await directory.open(sectorFileName(sectorIndex));
    let kept: ReadHandle | null = null;
    try {
      const { sBucketSizes, ...metadata } = await readMetadata(handle, sectorIndex);
      if (keepOpen) kept = handle;
      return new SectorFile(directory, metadata, sBucketSizes, kept);
    } finally {
      if (kept === null) await handle.close();
    }
  }

  /** What stands at the end of the file, s-bucket sizes included. Throws FarmError `sector-broken`. */
  readMetadata(): Promise<SectorMetadata> {
    return this.withHandle((handle) => readMetadata(handle, this.metadata.sectorIndex));
  }

  /** Keeps the sector from being replaced until the returned function is called. */
  hold(): () => void {
    let release!: () => void;
    const held = new Promise<void>((done) => (release = done));
    this.holds.add(held);
    return () => {
      this.holds.delete(held);
      release();
    };
  }

  /** Resolves when nothing that holds the sector now does so any more. */
  async released(): Promise<void> {
    await Promise.all(this.holds);
  }

  /** Closes the file once the reads under way are done. */
  async close(): Promise<void> {
    const { handle } = this;
    this.handle = null;
    await Promise.allSettled(this.reads);
    await handle?.close();
  }

  private withHandle<T>(work: (handle: ReadHandle) => Promise<T>): Promise<T> {
    if (this.handle === null) return this.withOwnHandle(work);
    const read = work(this.handle);
    this.reads.add(read);
    const done = (): void => void this.reads.delete(read);
    read.then(done, done);
    return read;
  }

  private async withOwnHandle<T>(work: (handle: ReadHandle) => Promise<T>): Promise<T> {
    const handle = await this.directory.open(sectorFileName(this.metadata.sectorIndex));
    try {
      return await work(handle);
    } finally {
      await handle.close();
    }
  }

  private async readBytes(handle: ReadHandle, offset: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    if (length > 0) await handle.read(offset, bytes);
    return bytes;
  }

  /** All chunks of one s-bucket, in one read: what an audit looks at. */
  readSBucket(sBucket: SBucket): Promise<Uint8Array> {
    const size = this.sBuckets.size(sBucket) * CHUNK_BYTES;
    if (size === 0) return Promise.resolve(new Uint8Array(0));
    const offset = this.layout.recordChunks + this.sBuckets.offset(sBucket) * CHUNK_BYTES;
    return this.withHandle((handle) => this.readBytes(handle, offset, size));
  }

  /** The contents map, its checksum verified. Throws ProtocolError `contents-map`. */
  readContentsMap(): Promise<ContentsMap> {
    return this.withHandle(async (handle) => {
      const bytes = await this.readBytes(handle, 0, this.layout.recordChunks);
      return ContentsMap.decode(bytes, this.metadata.piecesInSector);
    });
  }

  /** The 32768 chunks of a record as stored, in s-bucket order: 1 MiB. */
  readRecordChunks(map: ContentsMap, pieceOffset: PieceOffset): Promise<Uint8Array> {
    return this.withHandle(async (handle) => {
      const chunks = new Uint8Array(RECORD_CHUNKS * CHUNK_BYTES);
      const locations = map.chunkLocations(pieceOffset);
      await readScattered(handle, this.layout.recordChunks, locations, CHUNK_BYTES, chunks);
      return chunks;
    });
  }

  /** Commitment, witness and piece hash of a record: 128 bytes. */
  readRecordMetadata(pieceOffset: PieceOffset): Promise<Uint8Array> {
    const offset = this.layout.recordMetadata + RECORD_METADATA_BYTES * pieceOffset;
    return this.withHandle((handle) => this.readBytes(handle, offset, RECORD_METADATA_BYTES));
  }

  /**
   * Reads every byte and compares all checksums. Throws FarmError `sector-broken` or ProtocolError
   * `contents-map`; `signal` stops it.
   */
  verify(signal?: AbortSignal): Promise<void> {
    return this.withHandle(async (handle) => {
      const { sectorIndex, piecesInSector } = this.metadata;
      const metadata = await readMetadata(handle, sectorIndex);
      const map = await this.readContentsMap();
      if (!equalSizes(map.sBucketSizes(), metadata.sBucketSizes)) {
        throw broken(sectorIndex, 'its s-bucket sizes do not follow from its contents map');
      }
      const hasher = await createBlake3();
      const end = sectorLayout(piecesInSector).checksum;
      for (let offset = 0; offset < end; offset += VERIFY_BLOCK) {
        signal?.throwIfAborted();
        hasher.update(await this.readBytes(handle, offset, Math.min(VERIFY_BLOCK, end - offset)));
        // Where files are read synchronously, nothing else lets slots and audits through.
        await pause(0);
      }
      const stored = await this.readBytes(handle, end, 32);
      const computed = hasher.digest();
      if (!equal(stored, computed)) {
        throw broken(sectorIndex, `checksum ${toHex(stored)} stored, ${toHex(computed)} computed`);
      }
    });
  }
}

async function readMetadata(handle: ReadHandle, sectorIndex: SectorIndex): Promise<SectorMetadata> {
  if (handle.size < SECTOR_METADATA_BYTES)
    throw broken(sectorIndex, `its file has ${handle.size} bytes only`);
  const bytes = new Uint8Array(SECTOR_METADATA_BYTES);
  await handle.read(handle.size - SECTOR_METADATA_BYTES, bytes);
  let metadata: SectorMetadata;
  try {
    metadata = decodeSectorMetadata(bytes);
  } catch (error) {
    throw broken(sectorIndex, 'its metadata does not decode', error);
  }
  if (metadata.sectorIndex !== sectorIndex) {
    throw broken(sectorIndex, `its file holds sector ${metadata.sectorIndex}`);
  }
  const expected = sectorFileSize(metadata.piecesInSector);
  if (handle.size !== expected) {
    throw broken(sectorIndex, `its file has ${handle.size} bytes, ${expected} expected`);
  }
  const chunks = metadata.sBucketSizes.reduce((sum, size) => sum + size, 0);
  if (chunks !== RECORD_CHUNKS * metadata.piecesInSector) {
    throw broken(sectorIndex, `its s-buckets hold ${chunks} chunks in ${metadata.piecesInSector} records`);
  }
  return metadata;
}

function equalSizes(a: Uint16Array, b: Uint16Array): boolean {
  return a.every((size, sBucket) => size === b[sBucket]);
}

function broken(sectorIndex: SectorIndex, why: string, cause?: unknown): FarmError {
  return new FarmError({
    code: 'sector-broken',
    message: `sector ${sectorIndex}: ${why}`,
    sentence: `Sector ${sectorIndex} is damaged on disk and will be plotted again.`,
    cause,
  });
}
