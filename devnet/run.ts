/** What both ways to start the local network share: start it, say so, stop cleanly. */
import { messageOf } from '../src/protocol/errors.ts';
import { encodeAddress } from '../src/protocol/ss58.ts';
import { DEVELOPMENT_PHRASE, developmentAccounts } from './accounts.ts';
import { StorageError } from '../src/storage/errors.ts';
import { NatsServer } from './nats-server.ts';
import { LocalNetwork } from './network.ts';
import { HELP, readOptions, type StartOptions } from './options.ts';

const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** The command line's options; ends the program after the help was asked for or a mistake was named. */
export function commandLineOptions(): StartOptions {
  try {
    const options = readOptions(process.argv.slice(2), print);
    if (options !== 'help') return options;
    print(HELP);
    process.exit(0);
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
    process.stderr.write(`${error.message}\nSee --help.\n`);
    process.exit(2);
  }
}

/** Starts the network, then `also`; returns after both are stopped by a signal. */
export async function runNetwork(
  options: StartOptions,
  also: (network: LocalNetwork) => Promise<(() => Promise<void>) | undefined>,
): Promise<void> {
  // A network that is only starting has nothing to stop: a signal ends the program as it does any other.
  const network = await LocalNetwork.start(options.params, options.node).catch((error: unknown) => {
    process.stderr.write(`The local network cannot start: ${reasonOf(error, options)}\n`);
    process.exit(1);
  });
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        // A second signal ends the process at once.
        process.once(signal, () => process.exit(1));
        resolve();
      });
    }
  });
  const { best } = network.chain;
  print(
    `Local network: ws://127.0.0.1:${network.port} at block ${best.number}, genesis 0x${network.chain.genesis.hash}`,
  );
  print(`Auto ID domain: ws://127.0.0.1:${network.domain.port}`);
  for (const address of network.nodeAddresses) print(`Node as a peer: ${address}`);
  for (const address of network.dsnAddresses) print(`Storage network: ${address}`);
  if (network.samples.length > 0) print('Objects to try:');
  for (const { name, about, cid } of network.samples) print(`  ${cid}  ${name.padEnd(13)} ${about}`);
  print(`Accounts whose keys everybody knows (phrase: ${DEVELOPMENT_PHRASE}; paths: these):`);
  for (const { name, publicKey } of developmentAccounts())
    print(`  //${name.padEnd(8)} ${encodeAddress(publicKey)}`);
  const nats = options.natsPort === null ? null : await startNats(options.natsPort);
  let stopAlso: (() => Promise<void>) | undefined;
  try {
    stopAlso = await also(network);
    await stopped;
  } finally {
    await stopAlso?.();
    await nats?.stop();
    await network.stop();
  }
}

/** A server for the members of a cluster, or null and a sentence where it cannot be had. */
async function startNats(port: number): Promise<NatsServer | null> {
  try {
    const nats = await NatsServer.start({ port, webSocketPort: port === 0 ? 0 : port + 1 });
    print(`Cluster: ${nats.url} for “npm run allotment -- cluster …”, ${nats.webSocketUrl} for browsers`);
    return nats;
  } catch (error) {
    print(messageOf(error));
    return null;
  }
}

function reasonOf(error: unknown, { node }: StartOptions): string {
  const { code, port } = error as NodeJS.ErrnoException & { port?: number };
  if (code === 'EADDRINUSE') {
    const option = port === node.domainPort ? '--domain-port' : '--port';
    return `port ${port} is taken, perhaps by another node; choose one with ${option}`;
  }
  if (error instanceof StorageError) return error.sentence;
  return messageOf(error);
}
