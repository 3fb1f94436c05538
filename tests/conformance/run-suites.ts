/** The suites: which module holds which, and which of a set's files each consumes. */
import { existsSync } from 'node:fs';
import type { ConformanceSuite } from './types.ts';

/** Modules that export suites, the longest-running first. */
const MODULES = [
  'protocol-archiving',
  'farm',
  'protocol-space',
  'protocol-erasure',
  'protocol-kzg',
  'chain',
  'protocol-solution',
  'protocol-pot',
  'protocol-pieces',
  'protocol-consensus',
  'protocol-digests',
  'protocol-hashes',
  'objects',
  'wire',
  'wire-cluster',
  'state-proofs',
  'state-runtime',
  'state-extrinsics',
  'tries',
  'auto-id',
];

export interface NamedSuite {
  /** Module, and the export's name where a module holds several. */
  name: string;
  module: string;
  key: string;
  suite: ConformanceSuite;
}

function isSuite(value: unknown): value is ConformanceSuite {
  return typeof value === 'object' && value !== null && 'files' in value && 'cases' in value;
}

async function suitesOf(module: string): Promise<NamedSuite[]> {
  const url = new URL(`./${module}.ts`, import.meta.url);
  if (!existsSync(url)) return [];
  const exported = Object.entries((await import(url.href)) as Record<string, unknown>);
  const suites = exported.filter((entry): entry is [string, ConformanceSuite] => isSuite(entry[1]));
  return suites.map(([key, suite]) => ({
    name: suites.length === 1 ? module : `${module}/${key}`,
    module,
    key,
    suite,
  }));
}

/** Every suite of the project, and the modules that do not load with what they threw. */
export async function loadSuites(): Promise<{ suites: NamedSuite[]; broken: Map<string, unknown> }> {
  const broken = new Map<string, unknown>();
  const load = (module: string) =>
    suitesOf(module).catch((error: unknown) => {
      broken.set(module, error);
      return [];
    });
  return { suites: (await Promise.all(MODULES.map(load))).flat(), broken };
}

/** One suite of one module. */
export async function loadSuite(module: string, key: string): Promise<ConformanceSuite> {
  const found = (await suitesOf(module)).find((suite) => suite.key === key);
  if (!found) throw new Error(`${module} exports no suite ${key}`);
  return found.suite;
}

/** Folders of a set that may also be given alone. */
const FOLDERS = ['chain', 'wire'];

/** A file's name in a whole set, by which suites know it, where the set may be one of its folders alone. */
export function nameInSet(file: string, suites: readonly NamedSuite[]): string {
  const isKnown = (name: string) =>
    suites.some(({ suite: { files, companions = [] } }) =>
      [...files, ...companions].some((pattern) => pattern.test(name)),
    );
  return [file, ...FOLDERS.map((folder) => `${folder}/${file}`)].find(isKnown) ?? file;
}

/** Files that a suite consumes, of those that a set holds; none where it would make no cases of them. */
export function filesOf({ files, companions = [] }: ConformanceSuite, held: string[]): string[] {
  const matching = (patterns: RegExp[]) =>
    held.filter((file) => patterns.some((pattern) => pattern.test(file)));
  return matching(files).length === 0 ? [] : matching([...files, ...companions]);
}
