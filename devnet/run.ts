/**
 * What both ways to start the local network share: start it, say so, stop it. The network has a thread of its own, so
 * that this one hears a signal at once, whatever the network computes.
 */
import type { Worker } from 'node:worker_threads';
import { endAtOnce, onEnding } from '../src/network/ending-node.ts';
import { messageOf } from '../src/protocol/errors.ts';
import { NatsServer } from './nats-server.ts';
import { HELP, readOptions, type StartOptions } from './options.ts';
import { startThread } from './threads.ts';

/** What the network's thread says. */
export type FromNetwork =
  { kind: 'line'; text: string } | { kind: 'ready'; port: number } | { kind: 'failed'; reason: string };

/** Time that the network has to stop. What it did until then is on disk either way, as after a crash. */
const STOP_MS = 5_000;

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

/**
 * Starts the network, then `also`, which is told the RPC port; ends the program once a signal has stopped both: within
 * seconds, at once while they start or at a second signal. Exit codes: 0 stopped, 1 failed; by SIGTERM where it was cut
 * short.
 */
export async function runNetwork(
  options: StartOptions,
  also: (port: number) => Promise<() => Promise<void>>,
): Promise<void> {
  const thread = startThread('./network-thread.ts', { args: process.argv.slice(2) });
  const stops: (() => Promise<unknown>)[] = [];
  let ready = false;
  onEnding((again) => {
    if (again || !ready) endAtOnce();
    else void stopAll(thread, stops);
  });
  const port = await networkPort(thread);
  ready = true;
  const nats = options.natsPort === null ? null : await startNats(options.natsPort);
  if (nats !== null) stops.push(() => nats.stop());
  stops.push(await also(port));
}

/** Prints what the network says; resolves to its RPC port once it runs. Ends the program where it cannot start. */
function networkPort(thread: Worker): Promise<number> {
  return new Promise((resolve) => {
    thread.on('message', (message: FromNetwork) => {
      if (message.kind === 'line') print(message.text);
      else if (message.kind === 'ready') resolve(message.port);
      else fail(message.reason);
    });
    thread.on('error', fail);
  });
}

function fail(reason: unknown): never {
  process.stderr.write(
    `The local network cannot run: ${typeof reason === 'string' ? reason : messageOf(reason)}\n`,
  );
  process.exit(1);
}

async function stopAll(thread: Worker, stops: readonly (() => Promise<unknown>)[]): Promise<void> {
  const stopped = new Promise((resolve) => thread.once('exit', resolve));
  thread.postMessage('stop');
  const patience = new Promise<'late'>((resolve) => setTimeout(() => resolve('late'), STOP_MS));
  const outcome = await Promise.race([
    Promise.allSettled([stopped, ...stops.map((stop) => stop())]),
    patience,
  ]);
  if (outcome !== 'late') process.exit(0);
  print('The network was busy and was cut short; it goes on from its last block.');
  endAtOnce();
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
