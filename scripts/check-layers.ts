/**
 * The layer rule: a folder of `src` imports only from layers below it. Reads the relative imports of every
 * TypeScript file and names each import that points upwards or sideways.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';

const root = resolve(import.meta.dirname, '..');

/** What the node puts together. */
const PARTS = [
  'src/chain',
  'src/dsn',
  'src/farm',
  'src/objects',
  'src/wallet',
  'src/identity',
  'src/cluster',
];

/** What each layer may import besides itself. */
const allowed: Record<string, string[]> = {
  'src/protocol': [],
  'src/async': [],
  'src/crypto': ['src/protocol', 'src/async', 'wasm/pkg', 'workers'],
  'src/storage': ['src/protocol', 'src/async'],
  'src/network': ['src/protocol', 'src/async'],
  'src/chain': below(),
  'src/dsn': below(),
  'src/farm': below('src/chain', 'src/dsn'),
  'src/objects': below('src/chain', 'src/dsn'),
  'src/wallet': below('src/chain', 'src/dsn'),
  'src/identity': below('src/chain', 'src/dsn', 'src/wallet'),
  'src/cluster': below('src/chain', 'src/dsn', 'src/farm'),
  'src/node': below(...PARTS),
  workers: below(...PARTS, 'src/node'),
  'src/cli': below(...PARTS, 'src/node'),
  'src/app': below(
    'src/farm',
    'src/objects',
    'src/wallet',
    'src/identity',
    'src/cluster',
    'src/node',
    'workers',
  ),
};

function below(...more: string[]): string[] {
  return ['src/protocol', 'src/async', 'src/crypto', 'src/storage', 'src/network', ...more];
}

function* sources(folder: string): Generator<string> {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) yield* sources(path);
    else if (/\.tsx?$/.test(name) && !/\.test\.tsx?$/.test(name)) yield path;
  }
}

function layerOf(path: string): string | undefined {
  const rel = relative(root, path).split(sep).join('/');
  return [...Object.keys(allowed), 'wasm/pkg'].find((layer) => rel === layer || rel.startsWith(`${layer}/`));
}

const broken: string[] = [];
for (const [layer, may] of Object.entries(allowed)) {
  for (const file of sources(join(root, layer))) {
    const text = readFileSync(file, 'utf8');
    const rel = relative(root, file);
    for (const match of text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)) {
      const target = match[1] as string;
      if (/^react(-dom)?(\/|$)/.test(target) && layer !== 'src/app')
        broken.push(`${rel}: React outside src/app`);
      if (!target.startsWith('.')) {
        if (layer === 'src/protocol' && target.startsWith('node:'))
          broken.push(`${rel}: ${target} in the pure layer`);
        continue;
      }
      const to = layerOf(resolve(dirname(file), target));
      if (to !== undefined && to !== layer && !may.includes(to))
        broken.push(`${rel}: ${layer} may not import ${to} (${target})`);
    }
  }
}

if (broken.length > 0) {
  process.stderr.write(`${broken.join('\n')}\n${broken.length} imports break the layer rule\n`);
  process.exit(1);
}
process.stdout.write('layer rule holds\n');
