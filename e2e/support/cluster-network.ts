/**
 * A local network and a NATS server for a cluster of a browser test: a few blocks at once, then slots so slow that a
 * busy machine proves within them. Prints one line of JSON with the addresses; ends with its input.
 */
import { NatsServer } from '../../devnet/nats-server.ts';
import { TestNetwork } from '../../devnet/testing/test-network.ts';
import { loadWasm } from '../../src/crypto/wasm.ts';

/** A first block brings the commitment of the first segment, without which there is nothing to plot. */
const BLOCKS = 3;
const SLOT_MS = 5_000;
/** Solutions are taken for two slots. */
const FARMING_TIMEOUT_MS = 2 * SLOT_MS;

await loadWasm();
const network = await TestNetwork.start({ farmingTimeoutMs: FARMING_TIMEOUT_MS });
await network.reach(BLOCKS);
network.letRun(SLOT_MS);
const nats = await NatsServer.start({ port: 0, webSocketPort: 0 });
const endpoint = `ws://127.0.0.1:${network.network.port}`;
process.stdout.write(`${JSON.stringify({ endpoint, nats: nats.url, webSocket: nats.webSocketUrl })}\n`);

const stop = async (): Promise<never> => {
  await network.remove();
  await nats.stop();
  process.exit(0);
};
process.once('SIGTERM', () => void stop());
process.stdin.once('end', () => void stop());
process.stdin.resume();
