/** What stands beside the tests of a file: begun before the first of them, ended after the last, whatever happened. */
import { test } from '@playwright/test';
import { serveApp } from '../../scripts/app-server.ts';
import { ensureBuilt } from '../../scripts/build-app.ts';
import { closeProfiles } from './profile.ts';

interface Running {
  stop(): Promise<void> | void;
}

/** Starts something before the tests of the file that calls this, and stops it after them. Returns what gives it. */
export function beside<T extends Running>(start: () => Promise<T>): () => T {
  let running: T | null = null;
  test.beforeAll(async () => {
    running = await start();
  });
  test.afterAll(async () => {
    await running?.stop();
    running = null;
  });
  return () => {
    if (running === null) throw new Error('what stands beside tests is there while they run');
    return running;
  };
}

/** Serves the built app to the tests of the file that calls this; the profiles of each are closed after it. */
export function besideApp(): () => { url: string; namedUrl: string } {
  test.afterEach(closeProfiles);
  return beside(async () => {
    const { url, namedUrl, close } = await serveApp(await ensureBuilt(() => undefined), 0);
    return { url, namedUrl, stop: close };
  });
}
