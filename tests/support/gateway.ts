/** The gateway as a program, for tests on machines that have Go. */
import { execFile, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const SOURCES = new URL('../../helper/gateway', import.meta.url).pathname;

export const haveGo = spawnSync('go', ['version']).status === 0;

export interface RunningGateway {
  /** `http://127.0.0.1:PORT` of addresses and bridge. */
  url: string;
  code: string;
  /** Multiaddresses at the start. */
  addresses: string[];
  stop(): Promise<void>;
}

/**
 * Builds and starts a gateway that speaks to peers of this machine.
 *
 * @param genesis 64 hex digits.
 * @param listen Multiaddresses; left out: all transports.
 */
export async function startGateway(
  genesis: string,
  peers: readonly string[],
  listen: readonly string[] = [],
): Promise<RunningGateway> {
  const folder = await mkdtemp(join(tmpdir(), 'allotment-gateway-'));
  const program = join(folder, 'allotment-gateway');
  await promisify(execFile)('go', ['build', '-o', program, '.'], { cwd: SOURCES });
  const options = [
    '--genesis',
    genesis,
    '--port',
    '0',
    '--bridge-port',
    '0',
    '--data',
    folder,
    '--allow-private',
  ];
  const child = spawn(
    program,
    [...options, '--relay', ...flags('--peer', peers), ...flags('--listen', listen)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const addresses: string[] = [];
  let url = '';
  for await (const line of createInterface(child.stdout)) {
    const [, kind, value] = /^(Listening on|Gateway on|Pairing code:) (\S+)$/.exec(line) ?? [];
    if (value === undefined) continue;
    if (kind === 'Listening on') addresses.push(value);
    else if (kind === 'Gateway on') url = value;
    else {
      child.stdout.resume();
      return {
        url,
        code: value,
        addresses,
        stop: async () => {
          child.kill();
          await ended;
          await rm(folder, { recursive: true, force: true });
        },
      };
    }
  }
  throw new Error('the gateway ended before it listened');
}

function flags(name: string, values: readonly string[]): string[] {
  return values.flatMap((value) => [name, value]);
}
