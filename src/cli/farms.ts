/** Commands about one farm of several. */
import { resolve } from 'node:path';
import type { FarmPlace, FarmView } from '../node/api.ts';
import type { AllotmentNode } from '../node/node.ts';
import { print } from './output.ts';
import { UsageError } from './usage.ts';

export interface FarmOptions {
  farm?: string;
  into?: string;
  repair?: boolean;
  'keep-files'?: boolean;
}

/** What of a command can be told before any chain is followed: the farm or the folder that it is about. */
export async function requirePlaces(
  node: AllotmentNode,
  command: string,
  argument: string | undefined,
  { farm }: FarmOptions,
): Promise<void> {
  const farms = node.snapshot().farms.filter(({ id }) => farm === undefined || id === farm);
  if ((command === 'check-farm' || command === 'export-farm') && farms.length === 0)
    throw new Error(farm === undefined ? 'There is no farm yet.' : 'There is no such farm.');
  if (command === 'import-farm') {
    const { kind, place } = await node.inspectFolder(folder(argument ?? ''));
    if (kind !== 'native') throw new Error(`There is no farm of the native farmer in ${place}.`);
  }
}

const folder = (path: string): FarmPlace => ({ kind: 'folder', path: resolve(path) });

/**
 * A command, ready to run on a node that was started; rejects with a sentence. `bytes`: the space that the options give
 * a farm. Throws UsageError.
 */
export function farmCommand(
  command: string,
  argument: string | undefined,
  options: FarmOptions,
  bytes: () => Promise<number>,
): (node: AllotmentNode) => Promise<void> {
  if (command !== 'check-farm' && argument === undefined) {
    const what = command === 'remove-farm' ? 'the id of a farm; status names them' : 'a folder';
    throw new UsageError(`${command} takes ${what}`);
  }
  const place = folder(argument ?? '');
  const into: FarmPlace = options.into === undefined ? { kind: 'own' } : folder(options.into);
  const { farm } = options;
  return async (node) => {
    if (command === 'remove-farm') return node.removeFarm(argument, options['keep-files'] ?? false);
    await ready(node, farm ?? null);
    switch (command) {
      case 'add-farm':
        return print('added', { farm: await node.addFarm(place, await bytes()) });
      case 'import-farm':
        return done(node, await node.importFarm(place, into));
      case 'export-farm':
        await node.exportFarm(place, farm);
        return done(node, farm ?? null);
      case 'check-farm':
        await node.scrub(farm, options.repair !== true);
        return done(node, farm ?? null);
    }
  };
}

function viewOf(node: AllotmentNode, id: string | null): FarmView | undefined {
  const { farms } = node.snapshot();
  return id === null ? farms[0] : farms.find((farm) => farm.id === id);
}

/** Waits until the chain is verified and the farm is open; rejects with its trouble. */
function ready(node: AllotmentNode, id: string | null): Promise<void> {
  return changed(node, () => {
    const farm = viewOf(node, id);
    const { chain, failure } = node.snapshot();
    if (chain?.phase === 'refused') throw new Error(chain.cause?.sentence ?? 'The chain was refused.');
    if (failure !== null) throw new Error(failure.sentence);
    if (id !== null && farm === undefined) throw new Error('There is no such farm.');
    if (farm?.cause != null && farm.phase === 'failed') throw new Error(farm.cause.sentence);
    const open = farm === undefined || farm.phase !== 'starting';
    return chain?.phase === 'following' && open;
  });
}

/** Waits until a farm's task is over, printing how far it is; rejects with what went wrong. */
async function done(node: AllotmentNode, id: string | null): Promise<void> {
  let last = '';
  await changed(node, () => {
    const farm = viewOf(node, id);
    const task = farm?.task ?? null;
    if (farm === undefined || task === null) throw new Error('There is no such farm.');
    const { kind, done: sectors, total, outcome, failed } = task;
    const line = `${sectors}/${total}${outcome ?? ''}`;
    if (line !== last) print(kind, { farm: farm.id, sectors, total, outcome });
    last = line;
    if (failed) throw new Error(outcome ?? 'It failed.');
    return outcome !== null;
  });
}

/** Resolves when `holds` says so after a change of the node; rejects with what it throws. */
function changed(node: AllotmentNode, holds: () => boolean): Promise<void> {
  return new Promise((finished, failed) => {
    const look = (): void => {
      try {
        if (holds()) finished();
      } catch (error) {
        failed(error as Error);
      }
    };
    node.onChange(look);
    look();
  });
}
