/** A farm of the native farmer, farmed where it lies: its files look like those of this app, and are only read. */
import { DecodeError } from '../protocol/errors.ts';
import { SECTOR_METADATA_BYTES, sectorBytes } from '../protocol/sector.ts';
import type {
  DirectoryLock,
  FarmDirectory,
  FileEntry,
  ReadHandle,
  ScratchFile,
  SpaceEstimate,
} from '../storage/directory.ts';
import { StorageError } from '../storage/errors.ts';
import { encodeDescription } from './description.ts';
import { DESCRIPTION_FILE, IDENTITY_FILE } from './identity.ts';
import { METADATA_FILE, METADATA_OFFSET, PLOT_FILE, readNativeFarm } from './native-farm.ts';
import { bytesOfSectors } from './sectors.ts';
import { sectorFileName, sectorFileSize, sectorOfFileName } from './sector-file.ts';

export class NativeDirectory implements FarmDirectory {
  readonly maxOpenFiles = 512;

  private constructor(
    private readonly inner: FarmDirectory,
    private readonly description: Uint8Array,
    private readonly piecesInSector: number,
    private readonly sectors: number,
    /** Bytes of a farm of this app with as many sectors. */
    readonly allocatedBytes: number,
  ) {}

  /** Opens the farm in a folder. Throws FarmError `not-a-farm`, StorageError. */
  static async at(inner: FarmDirectory): Promise<NativeDirectory> {
    const { description, sectors } = await readNativeFarm(inner);
    const allocatedSpace = bytesOfSectors(Math.max(1, sectors), description.piecesInSector);
    const own = encodeDescription({ ...description, allocatedSpace });
    return new NativeDirectory(inner, own, description.piecesInSector, sectors, allocatedSpace);
  }

  get place(): string {
    return this.inner.place;
  }

  async list(): Promise<FileEntry[]> {
    const size = sectorFileSize(this.piecesInSector);
    const sectors = Array.from({ length: this.sectors }, (_, index) => ({
      name: sectorFileName(index),
      size,
    }));
    return [{ name: DESCRIPTION_FILE, size: this.description.length }, ...sectors];
  }

  async open(name: string): Promise<ReadHandle> {
    if (name === DESCRIPTION_FILE) return handleOf(this.description);
    if (name === IDENTITY_FILE) return this.inner.open(name);
    const index = sectorOfFileName(name);
    if (index === null || index >= this.sectors)
      throw new StorageError('not-found', name, 'no such sector in plot.bin');
    const metadata = await this.inner.open(METADATA_FILE);
    try {
      const plot = await this.inner.open(PLOT_FILE);
      return joined(plot, metadata, index, sectorBytes(this.piecesInSector));
    } catch (error) {
      await metadata.close();
      throw error;
    }
  }

  async write(name: string): Promise<void> {
    throw readOnly(name);
  }

  async remove(name: string): Promise<void> {
    throw readOnly(name);
  }

  async scratch(name: string): Promise<ScratchFile> {
    throw readOnly(name);
  }

  async clean(): Promise<string[]> {
    return [];
  }

  async space(): Promise<SpaceEstimate> {
    return { available: 0, used: null };
  }

  /** Nothing is written, so that nothing need be locked. */
  async lock(): Promise<DirectoryLock> {
    return { release: async () => undefined };
  }
}

function readOnly(name: string): StorageError {
  return new StorageError('read-only', name, 'files of the native farmer are only read');
}

function handleOf(bytes: Uint8Array): ReadHandle {
  return {
    size: bytes.length,
    read: async (offset, into) => into.set(bytes.subarray(offset, offset + into.length)),
    close: async () => undefined,
  };
}

/** A sector of `plot.bin` with its metadata of `metadata.bin` behind it, as one file. */
function joined(plot: ReadHandle, metadata: ReadHandle, index: number, size: number): ReadHandle {
  const metadataAt = METADATA_OFFSET + index * SECTOR_METADATA_BYTES;
  return {
    size: size + SECTOR_METADATA_BYTES,
    read: async (offset, into) => {
      if (offset + into.length > size + SECTOR_METADATA_BYTES)
        throw new DecodeError('plot', `${into.length} bytes wanted at ${offset} of sector ${index}`);
      const fromPlot = Math.max(0, Math.min(into.length, size - offset));
      if (fromPlot > 0) await plot.read(index * size + offset, into.subarray(0, fromPlot));
      if (fromPlot < into.length)
        await metadata.read(metadataAt + offset + fromPlot - size, into.subarray(fromPlot));
    },
    close: async () => {
      await plot.close();
      await metadata.close();
    },
  };
}
