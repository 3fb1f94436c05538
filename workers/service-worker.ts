/**
 * Keeps the app's own files for offline starts. Never farms, never answers for another origin. A new
 * version waits until every tab of the old one is closed, so that no plot under way loses its worker.
 */
import { cleanupOutdatedCaches, precacheAndRoute } from 'workbox-precaching';

declare const self: ServiceWorkerGlobalScope & {
  __WB_MANIFEST: (string | { url: string; revision: string | null })[];
};

cleanupOutdatedCaches();
precacheAndRoute(self.__WB_MANIFEST);
