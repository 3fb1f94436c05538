/** Runs one suite in a process of its own and reports every case to the parent. */
import { createContext } from './run-context.ts';
import { loadSuite } from './run-suites.ts';
import { ReadObserver, type CoverageByPath } from './run-unread.ts';

/** What a suite's process tells its parent. */
export type SuiteMessage =
  | { kind: 'case'; name: string; rule: string; error: string | null }
  | { kind: 'broken'; error: string }
  | { kind: 'coverage'; coverage: CoverageByPath };

function report(message: SuiteMessage): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(message, (error: Error | null) => (error ? reject(error) : resolve()));
  });
}

function describe(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replaceAll(/\s+/g, ' ').slice(0, 400);
}

async function runSuite(
  dir: string,
  module: string,
  key: string,
  observer: ReadObserver,
  files: string[],
): Promise<void> {
  const suite = await loadSuite(module, key);
  for await (const { name, rule, run } of await suite.cases(createContext(dir, observer), files)) {
    let error: string | null = null;
    try {
      await run();
    } catch (thrown) {
      error = describe(thrown);
    }
    await report({ kind: 'case', name, rule, error });
  }
}

const [dir, module, key, ...files] = process.argv.slice(2);
const observer = new ReadObserver();
if (!dir || !module || !key) throw new Error('run-child is started by run.ts');
try {
  await runSuite(dir, module, key, observer, files);
  await report({ kind: 'coverage', coverage: observer.result() });
} catch (error) {
  await report({ kind: 'broken', error: describe(error) });
}
process.disconnect();
