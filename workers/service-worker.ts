/**
 * Keeps the app's own files for offline starts, and answers for objects out of the chain's history with what a tab's
 * node has verified. Never farms, never answers for another origin. A new version waits until every tab of the old
 * one is closed, or until the person lets it take over: a proof under way must not lose its worker.
 */
import { addPlugins, cleanupOutdatedCaches, precacheAndRoute } from 'workbox-precaching';
import { securityHeaders } from '../src/network/app-headers.ts';
import { askTab, type ObjectRequest } from '../src/node/object-ports.ts';
import { sentenceResponse } from '../src/objects/guarded.ts';

declare const self: ServiceWorkerGlobalScope & {
  __WB_MANIFEST: (string | { url: string; revision: string | null })[];
};

const OBJECTS = '/object/';

self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

self.addEventListener('message', (event) => {
  if ((event.data as { kind?: unknown } | null)?.kind === 'take-over') void self.skipWaiting();
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (url.origin !== self.location.origin || !url.pathname.startsWith(OBJECTS)) return;
  event.respondWith(respond(request, url, (work) => event.waitUntil(work)));
});

/** Asks the tabs one after the other, for one of them runs the node. */
async function respond(
  request: Request,
  url: URL,
  lasting: (work: Promise<void>) => void,
): Promise<Response> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return new Response(null, { status: 405 });
  const question: ObjectRequest = {
    kind: 'object-request',
    url: url.href,
    range: request.headers.get('Range'),
    ifRange: request.headers.get('If-Range'),
    headersOnly: request.method === 'HEAD',
  };
  for (const tab of await self.clients.matchAll({ type: 'window', includeUncontrolled: true })) {
    const response = await askTab(question, (asked, port) => tab.postMessage(asked, [port]), lasting);
    if (response !== null) return keepsPage(request, url, response);
  }
  // Without a tab that runs the node the app itself is opened, on the object's own page.
  if (request.mode === 'navigate')
    return Response.redirect(`/#/objects/${url.pathname.slice(OBJECTS.length)}${url.search}`);
  return sentenceResponse('No tab of this app is open that could fetch this object.', 503);
}

/** A file that cannot be saved must not take the place of the app, which is what asked for it. */
function keepsPage(request: Request, url: URL, response: Response): Response {
  const saves = ['download', 'zip', 'saved'].some((name) => url.searchParams.has(name));
  const lost = request.mode === 'navigate' && saves && !response.ok;
  return lost ? new Response(null, { status: 204 }) : response;
}

/** Hosts that send no headers of their own: from the second visit on the page is protected all the same. */
async function withHeaders(response: Response): Promise<Response> {
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(securityHeaders()))
    if (!headers.has(name)) headers.set(name, value);
  const { status, statusText } = response;
  return new Response(await response.blob(), { status, statusText, headers });
}

cleanupOutdatedCaches();
addPlugins([{ cacheWillUpdate: async ({ response }) => (response.ok ? withHeaders(response) : null) }]);
// What a page is opened with, an issuer's answer say, is the page's own matter: it is the same page.
precacheAndRoute(self.__WB_MANIFEST, { ignoreURLParametersMatching: [/./] });
