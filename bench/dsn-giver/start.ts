/** Starts the peer that has a file, in a process of its own. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { GiverOrder, GiverReady } from './messages.ts';

const givers = new Map<string, Promise<GiverReady>>();

async function start(order: string): Promise<GiverReady> {
  const program = fileURLToPath(new URL('giver.ts', import.meta.url));
  const giver = fork(program, [order], { execArgv: process.execArgv });
  process.once('exit', () => giver.kill());
  const [file] = (await once(giver, 'message')) as [GiverReady];
  return file;
}

/** The file of such an order and the peer that stores it: one for all that measure with it, until the program ends. */
export function startGiver(order: GiverOrder): Promise<GiverReady> {
  const key = JSON.stringify(order);
  const known = givers.get(key) ?? start(key);
  givers.set(key, known);
  return known;
}
