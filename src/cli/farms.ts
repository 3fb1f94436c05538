/** Commands about one farm of several. */
import { resolve } from 'node:path';
import type { FarmPlace, FarmView } from '../node/api.ts';
import type { AllotmentNode } from '../node/node.ts';
import { UsageError } from './usage.ts';

export const FARM_COMMANDS: readonly string[] = [
  'add-farm',
  'import-farm',
  'export-farm',
  'check-farm',
  'remove-farm',
];

export interface FarmOptions {
  farm?: string;
  into?: string;
  repair?: boolean;
  'keep-files'?: boolean;
}

interface Output {
  print(event: string, fields: Record<string, unknown>): void;
  /** Space that the options give a farm. */
  bytes(): Promise<number>;
}

/** Runs a command on a node that was started; resolves when it is done. Rejects with a sentence for the person. */
export async function runFarmCommand(
  node: AllotmentNode,
  command: string,
  argument: string | undefined,
  options: FarmOptions,
  { print, bytes }: Output,
): Promise<void> {
  const folder = (): FarmPlace => {
    if (argument === undefined) throw new UsageError(`${command} takes a folder`);
    return { kind: 'folder', path: resolve(argument) };
  };
  if (command === 'remove-farm') {
    if (argument === undefined) throw new UsageError('remove-farm takes the id of a farm; status names them');
    return node.removeFarm(argument, options['keep-files'] ?? false);
  }
  const place = command === 'check-farm' ? null : folder();
  await ready(node, options.farm ?? null);
  switch (command) {
    case 'add-farm':
      print('added', { farm: await node.addFarm(place!, await bytes()) });
      return;
    case 'import-farm': {
      const into: FarmPlace =
        options.into === undefined ? { kind: 'own' } : { kind: 'folder', path: resolve(options.into) };
      return done(node, await node.importFarm(place!, into), print);
    }
    case 'export-farm':
      await node.exportFarm(place!, options.farm);
      return done(node, options.farm ?? null, print);
    case 'check-farm':
      await node.scrub(options.farm, options.repair !== true);
      return done(node, options.farm ?? null, print);
  }
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
async function done(node: AllotmentNode, id: string | null, print: Output['print']): Promise<void> {
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
