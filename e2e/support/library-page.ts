/** A page that runs some of the project's own modules, for what is tested below the app. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { build } from 'vite';

export interface LibraryPage {
  url: string;
  close(): void;
}

/** Bundles a module of this folder into one script and serves a page with it. */
export async function serveLibraryPage(module: string): Promise<LibraryPage> {
  const built = await build({
    configFile: false,
    publicDir: false,
    logLevel: 'warn',
    build: {
      write: false,
      target: 'es2022',
      lib: { entry: join(import.meta.dirname, module), formats: ['es'], fileName: 'page' },
      rolldownOptions: { output: { codeSplitting: false } },
    },
  });
  const [bundle] = Array.isArray(built) ? built : [built];
  const output = bundle !== undefined && 'output' in bundle ? bundle.output : [];
  const script = output.find((part) => part.type === 'chunk' && part.isEntry);
  const code = script?.type === 'chunk' ? script.code : '';
  const server = createServer(({ url }, answer) => {
    const isScript = url === '/page.js';
    answer.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
    answer.end(isScript ? code : '<script type="module" src="/page.js"></script>');
  }).listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, close: () => server.close() };
}
