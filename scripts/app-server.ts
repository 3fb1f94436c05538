/** Serves the built app on loopback, with the headers that its isolation and its content policy need. */
import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { extname, join, normalize, resolve, sep } from 'node:path';
import { securityHeaders } from '../src/app/security-headers.ts';

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.wasm': 'application/wasm',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.bin': 'application/octet-stream',
};

export interface AppServer {
  url: string;
  close(): Promise<void>;
}

/**
 * Serves `folder` on 127.0.0.1; a port in use is passed over for the next free one, ten at most.
 * Throws the listener's error when none is free.
 *
 * @param localEndpoint WebSocket address of the local network that runs beside it, told to the page's first run.
 */
export async function serveApp(
  folder: string,
  port: number,
  localEndpoint: string | null = null,
): Promise<AppServer> {
  const root = resolve(folder);
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname);
    const wanted = normalize(join(root, path === '/' ? 'index.html' : path));
    const inside = wanted.startsWith(root + sep) && existsSync(wanted) && statSync(wanted).isFile();
    const headers = securityHeaders();
    if (path === '/local-network.json' && localEndpoint !== null) {
      const body = JSON.stringify({ endpoint: localEndpoint });
      response.writeHead(200, {
        ...headers,
        'Content-Type': 'application/json',
        'Cache-Control': 'no-store',
      });
      response.end(body);
      return;
    }
    if (!inside) {
      response.writeHead(404, { ...headers, 'Content-Type': 'text/plain' }).end('Not found');
      return;
    }
    const hashed = path.startsWith('/assets/');
    response.writeHead(200, {
      ...headers,
      'Content-Type': types[extname(wanted)] ?? 'application/octet-stream',
      'Content-Length': statSync(wanted).size,
      'Cache-Control': hashed ? 'public, max-age=31536000, immutable' : 'no-cache',
    });
    if (request.method === 'HEAD') response.end();
    else createReadStream(wanted).pipe(response);
  });
  const bound = await listen(server, port, 10);
  return {
    url: `http://127.0.0.1:${bound}`,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

async function listen(server: Server, port: number, tries: number): Promise<number> {
  for (let candidate = port; ; candidate += 1) {
    try {
      await new Promise<void>((done, failed) => {
        server.once('error', failed);
        server.listen(candidate, '127.0.0.1', () => {
          server.off('error', failed);
          done();
        });
      });
      const address = server.address();
      return typeof address === 'object' && address !== null ? address.port : candidate;
    } catch (error) {
      const inUse = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
      if (!inUse || candidate >= port + tries) throw error;
    }
  }
}
