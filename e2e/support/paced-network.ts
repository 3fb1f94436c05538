/** A local network for browser tests: a block every second and a half, whose farmer's rewards go to its own account. */
import { loadWasm } from '../../src/crypto/wasm.ts';
import { encodeAddress } from '../../src/protocol/ss58.ts';
import { TestNetwork } from '../../devnet/testing/test-network.ts';

const BLOCK_MS = 1_500;

await loadWasm();
const network = await TestNetwork.start();
await network.reach(3);
process.stdout.write(
  `${JSON.stringify({
    endpoint: `ws://127.0.0.1:${network.network.port}`,
    farmer: encodeAddress(network.farmer.identity.publicKey),
  })}\n`,
);
const stop = async (): Promise<never> => {
  clearInterval(timer);
  await network.remove();
  process.exit(0);
};
const timer = setInterval(() => void network.reach(network.network.chain.best.number + 1), BLOCK_MS);
process.once('SIGTERM', () => void stop());
process.stdin.once('end', () => void stop());
process.stdin.resume();
