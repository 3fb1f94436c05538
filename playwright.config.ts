import { defineConfig } from '@playwright/test';

/** The product is tested in the machine's own Chromium, against the built app and the local network. */
export default defineConfig({
  testDir: 'e2e',
  // Some ten times what the longest tests take on an idle machine; a hook has as long for itself.
  timeout: 10 * 60_000,
  expect: { timeout: 30_000 },
  fullyParallel: false,
  workers: 1,
  // A test that a machine under load made late is tried once more where nobody watches, and listed as flaky.
  retries: process.env['CI'] ? 1 : 0,
  reporter: [['list']],
  use: {
    headless: true,
    // `--trace on` records one. It takes a share of the cores, and fails a test now and then by itself: a file that
    // still grows when the trace is packed ends it with “unexpected number of bytes”.
    trace: 'off',
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
