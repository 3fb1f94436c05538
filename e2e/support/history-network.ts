/**
 * A local network with its prepared history for browser tests, run as a program: quick slots, a farmer of its own, a
 * peer of the storage network, and segments that fill up when something waits in them. Prints one line of JSON with
 * its address; ends with its input.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { DEFAULT_NODE_OPTIONS, DEFAULT_PARAMS } from '../../devnet/config.ts';
import { LocalNetwork } from '../../devnet/network.ts';

const SLOT_MS = 1_500;

const dataDir = mkdtempSync(join(tmpdir(), 'allotment-e2e-history-'));
const network = await LocalNetwork.start(DEFAULT_PARAMS, {
  ...DEFAULT_NODE_OPTIONS,
  dataDir,
  rpcPort: 0,
  domainPort: 0,
  dsn: { tcpPort: 0, webSocketPort: 0 },
  prepared: true,
  fills: true,
  farmThreads: 2,
  pace: async (signal) => {
    await setTimeout(SLOT_MS, undefined, { signal }).catch(() => undefined);
  },
  log: (line) => void (process.env['ALLOTMENT_E2E_LOG'] === undefined || process.stderr.write(`${line}\n`)),
});
process.stdout.write(`${JSON.stringify({ endpoint: `ws://127.0.0.1:${network.port}` })}\n`);
process.stdin.once('end', () => {
  void network.stop().then(() => {
    rmSync(dataDir, { recursive: true, force: true });
    process.exit(0);
  });
});
process.stdin.resume();
