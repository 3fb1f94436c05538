/** How much of the built app a part of it loads. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const STATIC = /(?:^|[;}\s])(?:import|export)(?:[^"'();]*?from)?\s*["']\.\/([\w.-]+\.js)["']/g;

/** Files that a built file needs before it runs, itself included. */
function needed(folder: string, entry: string, seen = new Set<string>()): Set<string> {
  if (seen.has(entry)) return seen;
  seen.add(entry);
  for (const [, file] of readFileSync(join(folder, entry), 'utf8').matchAll(STATIC))
    needed(folder, file!, seen);
  return seen;
}

/**
 * Gzipped kilobytes that the screens of identities add to a page with its node at work: all of their screens and the
 * code behind them in the node's worker, without what is fetched only when it is asked for.
 *
 * @param dist Folder of the built app.
 */
export function identityKilobytes(dist: string): number {
  const folder = join(dist, 'assets');
  const files = readdirSync(folder).filter((name) => name.endsWith('.js'));
  const named = (name: RegExp) => files.filter((file) => name.test(file));
  const all = (entries: string[]) => new Set(entries.flatMap((entry) => [...needed(folder, entry)]));
  const before = all([...named(/^index-/), ...named(/^node-(?!client)/)]);
  const identity = all([...named(/^Identity[A-Z]?\w*-/), ...named(/^desk-/)]);
  const added = [...identity].filter((file) => !before.has(file));
  return added.reduce((sum, file) => sum + gzipSync(readFileSync(join(folder, file))).length, 0) / 1000;
}
