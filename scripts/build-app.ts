/** Builds the app into dist when its sources changed since the last build; a second start finds it ready. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const inputs = ['src', 'workers', 'public', 'wasm/pkg', 'index.html', 'vite.config.ts', 'package-lock.json'];

function* filesOf(path: string): Generator<string> {
  if (!existsSync(path)) return;
  if (statSync(path).isFile()) yield path;
  else for (const name of readdirSync(path).toSorted()) yield* filesOf(join(path, name));
}

function digestOfInputs(): string {
  const hash = createHash('sha256');
  for (const input of inputs) {
    for (const file of filesOf(join(root, input)))
      hash.update(file.slice(root.length)).update(readFileSync(file));
  }
  return hash.digest('hex');
}

/** Returns the folder that holds the built app. */
export async function ensureBuilt(log: (line: string) => void): Promise<string> {
  const dist = join(root, 'dist');
  const stamp = join(dist, '.sources');
  const digest = digestOfInputs();
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return dist;
  log('Building the app (once, until its sources change)…');
  const { build } = await import('vite');
  await build({ root, logLevel: 'warn' });
  writeFileSync(stamp, digest);
  return dist;
}
