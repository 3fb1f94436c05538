/** The NATS server of a farming cluster on this machine, with the settings that the protocol needs. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface NatsServerOptions {
  /** TCP port for native members; 0 for any that is free. */
  port: number;
  /** WebSocket port for browsers; 0 for any that is free. */
  webSocketPort: number;
  /** Lines for the configuration, e.g. an `authorization` block. */
  extra?: string;
  maxPayload?: string;
}

/** What a person is told where there is no `nats-server`. */
export const INSTALL_NATS =
  'A cluster needs nats-server, which is not installed. Debian, Ubuntu: apt-get install nats-server; ' +
  'macOS: brew install nats-server; others: https://github.com/nats-io/nats-server/releases';

const LISTEN_TIMEOUT_MS = 15_000;

export function isNatsInstalled(): boolean {
  return spawnSync('nats-server', ['--version'], { stdio: 'ignore' }).status === 0;
}

/** A server for members on this machine only: it listens on loopback, where WebSocket needs no TLS. */
export class NatsServer {
  private child: ChildProcess | null = null;

  private constructor(
    private readonly folder: string,
    readonly port: number,
    readonly webSocketPort: number,
  ) {}

  /** Throws Error with a sentence when it is not installed or does not come up. */
  static async start(options: NatsServerOptions): Promise<NatsServer> {
    if (!isNatsInstalled()) throw new Error(INSTALL_NATS);
    const port = options.port === 0 ? await freePort() : options.port;
    const webSocketPort = options.webSocketPort === 0 ? await freePort() : options.webSocketPort;
    const folder = mkdtempSync(join(tmpdir(), 'allotment-nats-'));
    const { maxPayload = '2MB', extra = '' } = options;
    const configuration = [
      `listen: "127.0.0.1:${port}"`,
      `max_payload: ${maxPayload}`,
      // A sector's parts wait here for a slow reader: some of the largest messages.
      'max_pending: 64MB',
      `websocket { listen: "127.0.0.1:${webSocketPort}", no_tls: true }`,
      extra,
    ];
    writeFileSync(join(folder, 'nats.conf'), `${configuration.join('\n')}\n`, { mode: 0o600 });
    const server = new NatsServer(folder, port, webSocketPort);
    await server.run();
    return server;
  }

  /** For members under Node.js. */
  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  /** For browsers. */
  get webSocketUrl(): string {
    return `ws://127.0.0.1:${this.webSocketPort}`;
  }

  private async run(): Promise<void> {
    const child = spawn('nats-server', ['-c', join(this.folder, 'nats.conf')], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.child = child;
    // It ends with this process, however that ends.
    const ends = (): void => void child.kill();
    process.once('exit', ends);
    child.once('exit', () => process.off('exit', ends));
    await new Promise<void>((resolve, reject) => {
      let output = '';
      const timer = setTimeout(() => finish('it did not say that it is ready'), LISTEN_TIMEOUT_MS);
      const early = (): void => finish(output.trim().split('\n').at(-1) ?? 'it ended');
      const finish = (why: string | null): void => {
        clearTimeout(timer);
        child.stderr.removeAllListeners('data').resume();
        child.off('exit', early);
        if (why === null) return resolve();
        child.kill();
        reject(new Error(`nats-server does not start: ${why}`));
      };
      child.stderr.on('data', (data: Buffer) => {
        output += data.toString();
        if (output.includes('Server is ready')) finish(null);
      });
      child.once('error', (error) => finish(error.message));
      child.once('exit', early);
    });
  }

  /** Ends the server; `restart` brings it back on the same ports. */
  async halt(): Promise<void> {
    const { child } = this;
    this.child = null;
    if (child === null || child.exitCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    await ended;
  }

  async restart(): Promise<void> {
    await this.halt();
    await this.run();
  }

  async stop(): Promise<void> {
    await this.halt();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
