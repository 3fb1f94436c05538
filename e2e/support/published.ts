/** The app as somebody publishes it: from a server that knows nothing but the files and what is written in `_headers`. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, normalize, sep } from 'node:path';
import { ensureBuilt } from '../../scripts/build-app.ts';

const TYPES: Record<string, string> = {
  html: 'text/html',
  js: 'text/javascript',
  css: 'text/css',
  wasm: 'application/wasm',
  svg: 'image/svg+xml',
  png: 'image/png',
  webmanifest: 'application/manifest+json',
};

/** Sections of the file: a pattern of paths, then headers, indented. */
function sectionsOf(text: string): { pattern: RegExp; headers: [string, string][] }[] {
  return text
    .trim()
    .split(/\n(?=\S)/)
    .map((section) => {
      const [path = '', ...lines] = section.trim().split('\n');
      const headers = lines.map((line): [string, string] => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
      });
      return { pattern: new RegExp(`^${path.replace('*', '.*')}$`), headers };
    });
}

/**
 * Publishes the built app under a name that is not this machine’s, on a free port of it. `bare`: by a host that sends no
 * headers.
 */
export async function publish(host: string, bare = false) {
  const folder = await ensureBuilt(() => undefined);
  const sections = bare ? [] : sectionsOf(readFileSync(join(folder, '_headers'), 'utf8'));
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const file = normalize(join(folder, pathname === '/' ? 'index.html' : pathname));
    const headers = sections.flatMap((one) => (one.pattern.test(pathname) ? one.headers : []));
    try {
      if (!file.startsWith(folder + sep)) throw new RangeError(pathname);
      const bytes = readFileSync(file);
      const type = TYPES[file.slice(file.lastIndexOf('.') + 1)] ?? 'application/octet-stream';
      response.writeHead(200, { ...Object.fromEntries(headers), 'Content-Type': type }).end(bytes);
    } catch {
      response.writeHead(404, Object.fromEntries(headers)).end();
    }
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://${host}:${port}`,
    port,
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
