/** An issuer and a verifier on the web for browser tests: the tests' own servers behind HTTP on this machine. */
import { createServer, type IncomingMessage } from 'node:http';
import { setGlobalConfig } from '@openid4vc/oauth2';
import { Servers } from '../../src/identity/testing/servers.ts';
import { webIssuer, type IssuerQuirks, type WebIssuer } from '../../src/identity/testing/web-issuer.ts';

export interface OpenIdHost {
  /** `http://127.0.0.1:PORT` */
  origin: string;
  servers: Servers;
  issuer: (quirks?: IssuerQuirks) => Promise<WebIssuer>;
  stop(): Promise<void>;
}

/** Listens on a free port. What no server of the test's answers is not found. */
export async function startOpenIdHost(): Promise<OpenIdHost> {
  setGlobalConfig({ allowInsecureUrls: true });
  const servers = new Servers();
  let origin = '';
  const http = createServer((request, response) => {
    const cors = {
      'Access-Control-Allow-Origin': '*',
      'Access-Control-Allow-Headers': 'authorization, content-type',
    };
    if (request.method === 'OPTIONS') {
      response.writeHead(204, cors).end();
      return;
    }
    answer(request).then(
      ({ status, type, text }) => response.writeHead(status, { ...cors, 'Content-Type': type }).end(text),
      (error: unknown) => response.writeHead(500, cors).end(String(error)),
    );
  });
  const answer = async (request: IncomingMessage) => {
    let body = '';
    for await (const part of request) body += String(part);
    const { authorization } = request.headers;
    return servers.web({
      method: request.method as 'GET' | 'POST',
      url: origin + request.url,
      headers: authorization === undefined ? {} : { authorization },
      body,
    });
  };
  await new Promise<void>((done) => http.listen(0, '127.0.0.1', done));
  const address = http.address();
  if (address === null || typeof address === 'string') throw new Error('the host has no port');
  origin = `http://127.0.0.1:${address.port}`;
  const issuer = async (quirks: IssuerQuirks = {}) => {
    const opened = await webIssuer(servers, { issuer: `${origin}/tenant`, ...quirks });
    servers.on(`${origin}/tenant/authorize`, ({ url }) => ({
      status: 200,
      type: 'text/html',
      text: `<title>Town hall</title><a href="${opened.logIn(url).replaceAll('&', '&amp;')}">Log in</a>`,
    }));
    return opened;
  };
  return {
    origin,
    servers,
    issuer,
    stop: () =>
      new Promise((done) => {
        http.close(() => done());
        http.closeAllConnections();
      }),
  };
}
