import { defineConfig } from '@playwright/test';

/** The product is tested in the machine's own Chromium, against the built app and the local network. */
export default defineConfig({
  testDir: 'e2e',
  timeout: 6 * 60_000,
  fullyParallel: false,
  workers: 1,
  // A test that a machine under load made late is tried once more where nobody watches, and listed as flaky.
  retries: process.env['CI'] ? 1 : 0,
  reporter: [['list']],
  use: {
    headless: true,
    // Pictures of every frame would compete with the plotting for the two cores.
    trace: { mode: 'retain-on-failure', screenshots: false },
    launchOptions: {
      executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
});
