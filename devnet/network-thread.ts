/** The local network in a thread of its own, which `run.ts` starts and stops. */
import { parentPort, workerData } from 'node:worker_threads';
import { StorageError } from '../src/storage/errors.ts';
import { messageOf } from '../src/protocol/errors.ts';
import { encodeAddress } from '../src/protocol/ss58.ts';
import { DEVELOPMENT_PHRASE, developmentAccounts } from './accounts.ts';
import { LocalNetwork } from './network.ts';
import { readOptions, type StartOptions } from './options.ts';
import type { FromNetwork } from './run.ts';

const main = parentPort;
if (main === null) throw new Error('to be started as a thread of the local network');
const tell = (message: FromNetwork): void => main.postMessage(message);
const print = (text: string): void => tell({ kind: 'line', text });

const { args } = workerData as { args: string[] };
const options = readOptions(args, print) as StartOptions;
const network = await LocalNetwork.start(options.params, options.node).catch((error: unknown) => {
  tell({ kind: 'failed', reason: reasonOf(error) });
  process.exit();
});
main.once('message', () => {
  void network.stop().then(() => process.exit());
});
introduce();
tell({ kind: 'ready', port: network.port });

function introduce(): void {
  const { chain, domain, port } = network;
  print(
    `Local network: ws://127.0.0.1:${port} at block ${chain.best.number}, genesis 0x${chain.genesis.hash}`,
  );
  print(`Auto ID domain: ws://127.0.0.1:${domain.port}`);
  for (const address of network.nodeAddresses) print(`Node as a peer: ${address}`);
  for (const address of network.dsnAddresses) print(`Storage network: ${address}`);
  if (network.samples.length > 0) print('Objects to try:');
  for (const { name, about, cid } of network.samples) print(`  ${cid}  ${name.padEnd(13)} ${about}`);
  print(`Accounts whose keys everybody knows (phrase: ${DEVELOPMENT_PHRASE}; paths: these):`);
  for (const { name, publicKey } of developmentAccounts())
    print(`  //${name.padEnd(8)} ${encodeAddress(publicKey)}`);
}

function reasonOf(error: unknown): string {
  const { code, port } = error as NodeJS.ErrnoException & { port?: number };
  if (code === 'EADDRINUSE') {
    const option = port === options.node.domainPort ? '--domain-port' : '--port';
    return `port ${port} is taken, perhaps by another node; choose one with ${option}`;
  }
  return error instanceof StorageError ? error.sentence : messageOf(error);
}
