/** Serves the built app on loopback, with the headers that its isolation and its content policy need. */
import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { extname, join, normalize, resolve, sep } from 'node:path';
import { pipeline } from 'node:stream';
import { cacheHeader, securityHeaders } from '../src/network/app-headers.ts';

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
  /** The same page under a name: browsers keep passkeys for names only. */
  namedUrl: string;
  close(): Promise<void>;
}

/**
 * Serves `folder` on 127.0.0.1, and on ::1 where the machine has it, which browsers may mean by localhost; a port in use is passed over for the next free one, ten at most.
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
  const serve: RequestListener = (request, response) => {
    const path = pathOf(request.url ?? '/');
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
    response.writeHead(200, {
      ...headers,
      'Content-Type': types[extname(wanted)] ?? 'application/octet-stream',
      'Content-Length': statSync(wanted).size,
      'Cache-Control': cacheHeader(path),
    });
    if (request.method === 'HEAD') response.end();
    // A file that goes while it is read ends the answer, not the server.
    else pipeline(createReadStream(wanted), response, () => undefined);
  };
  const { servers, bound } = await listen(serve, port, 10);
  return {
    url: `http://127.0.0.1:${bound}`,
    namedUrl: `http://localhost:${bound}`,
    close: async () => {
      await Promise.all(servers.map(closed));
    },
  };
}

/** Path of a request; one that is malformed names nothing. */
function pathOf(url: string): string {
  try {
    return decodeURIComponent(new URL(url, 'http://localhost').pathname);
  } catch {
    return '/malformed';
  }
}

function closed(server: Server): Promise<void> {
  return new Promise((done) => {
    server.close(() => done());
    server.closeAllConnections();
  });
}

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code;

async function listen(
  serve: RequestListener,
  port: number,
  tries: number,
): Promise<{ servers: Server[]; bound: number }> {
  // Of port 0 every try is another free one.
  for (let tried = 0; ; tried += 1) {
    const candidate = port === 0 ? 0 : port + tried;
    const server = createServer(serve);
    try {
      const bound = await listenOn(server, candidate, '127.0.0.1');
      const other = createServer(serve);
      try {
        await listenOn(other, bound, '::1');
        return { servers: [server, other], bound };
      } catch (error) {
        if (codeOf(error) !== 'EADDRINUSE') return { servers: [server], bound };
        await closed(server);
        throw error;
      }
    } catch (error) {
      if (codeOf(error) !== 'EADDRINUSE' || tried >= tries) throw error;
    }
  }
}

function listenOn(server: Server, port: number, host: string): Promise<number> {
  return new Promise((done, failed) => {
    server.once('error', failed);
    server.listen(port, host, () => {
      server.off('error', failed);
      const address = server.address();
      done(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}
