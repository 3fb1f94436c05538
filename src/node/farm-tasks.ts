/** Work on a farm that takes minutes: checking, importing, exporting. */
import { writeDescription } from '../farm/description.ts';
import { FarmError } from '../farm/errors.ts';
import {
  encodeIdentityFile,
  decodeIdentityFile,
  DESCRIPTION_FILE,
  IDENTITY_FILE,
  identityFromEntropy,
} from '../farm/identity.ts';
import {
  exportNativeFarm,
  importNativeFarm,
  readNativeFarm,
  requireNoNativeFarm,
  type InterchangeResult,
} from '../farm/native-farm.ts';
import { bytesOfSectors } from '../farm/sectors.ts';
import { createUlid } from '../farm/ulid.ts';
import { equal } from '../protocol/bytes.ts';
import { sentenceOf } from '../protocol/errors.ts';
import type { FarmPlace, FarmTaskView } from './api.ts';
import { NodeError } from './errors.ts';
import type { FarmEntry, FarmTask } from './farm-entry.ts';
import type { Farms } from './farms.ts';

/** Begins a task of a farm; what comes of it stands in the farm's view. Throws while another one runs. */
function startTask(
  farms: Farms,
  entry: FarmEntry,
  kind: FarmTaskView['kind'],
  work: (signal: AbortSignal, progress: (done: number, total: number) => void) => Promise<string>,
): Promise<void> {
  if (entry.task !== null && entry.task.view.outcome === null)
    throw new NodeError('busy', 'Wait until the other work on this farm is done, or stop it.');
  const abort = new AbortController();
  const task: FarmTask = { abort, view: { kind, done: 0, total: 0, outcome: null, failed: false } };
  entry.task = task;
  const change = (part: Partial<FarmTaskView>): void => {
    task.view = { ...task.view, ...part };
    farms.changed();
  };
  farms.changed();
  return work(abort.signal, (done, total) => change({ done, total })).then(
    (outcome) => {
      change({ outcome });
      farms.journal.notify('success', 'farm', outcome);
    },
    (error: unknown) => {
      change({ outcome: sentenceOf(error), failed: true });
      if (!abort.signal.aborted) farms.journal.notify('error', 'farm', sentenceOf(error));
    },
  );
}

/** Begins to verify every byte of a farm's sectors; null: of the first farm's. Throws NodeError `too-early` for one that is not open. */
export function beginScrub(farms: Farms, id: string | null, dryRun: boolean): void {
  const entry = farms.entry(id);
  const { farm } = entry;
  if (farm === null) throw new NodeError('too-early', 'The farm is not open.');
  void startTask(farms, entry, 'check', async (signal, progress) => {
    const { verified, broken } = await farm.scrub({ dryRun, signal, progress });
    if (broken.length === 0)
      return verified === 1 ? 'The sector is whole.' : `All ${verified} sectors are whole.`;
    const what = dryRun ? 'damaged' : 'damaged and will be plotted again';
    const damaged = `${broken.length} ${broken.length === 1 ? 'is' : 'are'} ${what}: ${broken.join(', ')}.`;
    return `${verified} ${verified === 1 ? 'sector is' : 'sectors are'} whole; ${damaged}`;
  });
}

/**
 * Begins to copy a farm of the native farmer, key included, into a new farm; returns the new farm's id. The copy is
 * farmed once it is whole.
 *
 * @throws FarmError `not-a-farm`, `other-network`, `identity`; StorageError.
 */
export async function beginImport(farms: Farms, from: FarmPlace, to: FarmPlace): Promise<string> {
  const world = farms.requireWorld();
  const source = await farms.platform.openFarmDirectory(sourceOf(from), 'read');
  const { description, entropy, sectors } = await readNativeFarm(source);
  if (!equal(description.genesisHash, world.genesisHash)) {
    throw new FarmError({
      code: 'other-network',
      message: 'the genesis hash differs',
      sentence: `The farm in ${source.place} belongs to another network.`,
    });
  }
  const { publicKey } = await requireKey(entropy, description.publicKey, source.place);
  const allocatedSpace = bytesOfSectors(Math.max(1, sectors), description.piecesInSector);
  let entry: FarmEntry | null = null;
  let copy: Promise<void> | null = null;
  const id = await farms.found(to, allocatedSpace, async (made, directory) => {
    entry = made;
    const lock = await directory.lock();
    try {
      await requireNoNativeFarm(directory);
      if ((await directory.list()).some(({ name }) => name === DESCRIPTION_FILE))
        throw new NodeError(
          'occupied',
          `There is a farm in ${directory.place} already. Choose an empty folder.`,
        );
      await directory.write(IDENTITY_FILE, [encodeIdentityFile(entropy!)]);
      await writeDescription(directory, { ...description, id: createUlid(), publicKey, allocatedSpace });
      copy = startTask(farms, made, 'import', async (signal, progress) =>
        summaryOf('copied', await importNativeFarm(source, directory, { signal, progress })),
      ).finally(() => lock.release());
    } catch (error) {
      await lock.release();
      throw error;
    }
  });
  // Whatever was copied is farmed; the rest is plotted anew.
  void copy!.then(() => entry!.open());
  return id;
}

async function requireKey(
  entropy: Uint8Array | null,
  publicKey: Uint8Array,
  place: string,
): Promise<{ publicKey: Uint8Array }> {
  const identity = entropy === null ? null : await identityFromEntropy(entropy);
  if (identity !== null && equal(identity.publicKey, publicKey)) return identity;
  throw new FarmError({
    code: 'identity',
    message: entropy === null ? 'identity.bin is missing' : 'identity.bin is of another farmer',
    sentence:
      entropy === null
        ? `In ${place} identity.bin is missing, without which its sectors cannot win.`
        : `The key in ${place} is not the one that its sectors were plotted with.`,
  });
}

/** Begins to write a farm as the native farmer keeps it. Plotting waits meanwhile. Throws FarmError, StorageError. */
export async function beginExport(farms: Farms, id: string | null, to: FarmPlace): Promise<void> {
  const entry = farms.entry(id);
  const { farm, record } = entry;
  if (farm === null) throw new NodeError('too-early', 'The farm is not open.');
  const target = await farms.platform.openFarmDirectory(sourceOf(to));
  await requireNoNativeFarm(target);
  const source = await entry.directory();
  const entropy = decodeIdentityFile(await farms.exportIdentity(record.id));
  const { sectors } = farm.snapshot();
  void startTask(farms, entry, 'export', async (signal, progress) => {
    let result: InterchangeResult = { sectors: [], leftOut: [] };
    await farm.quietly(async () => {
      const options = { signal, progress };
      result = await exportNativeFarm(source, target, farm.farmDescription, entropy, sectors.length, options);
    });
    return `${summaryOf('written', result)} Farm it in one place only.`;
  });
}

/**
 * Goes on with a farm whose folder lies elsewhere now, say on a drive that the system mounts under another name.
 *
 * @throws NodeError for a folder in which no farm lies, or another one of these farms; FarmError, StorageError.
 */
export async function moveFarm(farms: Farms, id: string, to: FarmPlace): Promise<void> {
  const entry = farms.entry(id);
  await farms.requireNew(to);
  const contents = await farms.inspect(to);
  if (contents.kind !== (entry.record.readOnly === true ? 'native' : 'farm'))
    throw new NodeError('unknown', `In ${contents.place} lies no such farm.`);
  await entry.close();
  await entry.remember({ ...sourceOf(to), id });
  await entry.open();
}

function summaryOf(done: string, { sectors, leftOut }: InterchangeResult): string {
  const whole = `${sectors.length} ${sectors.length === 1 ? 'sector was' : 'sectors were'} verified and ${done}.`;
  if (leftOut.length === 0) return whole;
  return `${whole} ${leftOut.length} left out: ${leftOut[0]!.reason}`;
}

function sourceOf(place: FarmPlace) {
  const id = 'interchange';
  if (place.kind === 'picked')
    return { id, kind: 'picked' as const, name: place.handle.name, handle: place.handle };
  if (place.kind === 'folder') return { id, kind: 'folder' as const, name: place.path };
  throw new NodeError('choice', 'Choose a folder.');
}
