/** How a member under Node.js comes into its cluster. */
import { connect } from '@nats-io/transport-node';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { checkServerIdentity } from 'node:tls';
import { ClusterConnection } from '../cluster/connection.ts';
import { isLoopback, parseServer, type Credentials, type ServerAddress } from '../cluster/credentials.ts';
import { ClusterError } from '../cluster/errors.ts';
import { pause } from '../async/pause.ts';
import type { ClusterValues } from './cluster-options.ts';
import { log, print } from './output.ts';
import { UsageError } from './usage.ts';

/** Wait before a server that is not there yet, or a controller that does not answer, is tried again. */
const RETRY_MS = 3_000;

/** Credentials named on the command line, in the environment or in the address, in that order. */
function credentialsOf(values: ClusterValues, inAddress: Credentials): Credentials {
  const {
    ALLOTMENT_NATS_USER: user,
    ALLOTMENT_NATS_PASSWORD: password,
    ALLOTMENT_NATS_TOKEN: token,
  } = process.env;
  const creds = values['nats-creds'];
  if (creds !== undefined) return { kind: 'creds', text: readFileSync(creds, 'utf8') };
  const nkey = values['nats-nkey'];
  if (nkey !== undefined) return { kind: 'nkey', seed: readFileSync(nkey, 'utf8').trim() };
  if (user !== undefined) return { kind: 'password', user, password: password ?? '' };
  if (token !== undefined) return { kind: 'token', token };
  return inAddress;
}

function addressOf(text: string): ServerAddress {
  try {
    return parseServer(text);
  } catch (error) {
    throw new UsageError(error instanceof ClusterError ? error.sentence : String(error), { cause: error });
  }
}

/**
 * Whether a certificate is that of a server. Of one that is reached by its IP address the client library names none, and
 * Node.js would have the certificate be for “localhost”: it has to be for an address that was given.
 */
function identityCheck(servers: string[]): typeof checkServerIdentity {
  const hosts = servers.map((url) => new URL(url).hostname.replace(/^\[|\]$/g, ''));
  const addresses = hosts.filter((host) => isIP(host) !== 0);
  return (host, certificate) => {
    const unnamed = host === 'localhost' && addresses.length > 0 && !hosts.includes(host);
    const failures = (unnamed ? addresses : [host]).map((name) => checkServerIdentity(name, certificate));
    return failures.includes(undefined) ? undefined : failures[0];
  };
}

/**
 * Connects to the servers of `--nats`, as often as it takes until `stopped`.
 *
 * @throws UsageError without a server, or for an address that is none; ClusterError.
 */
export async function joinCluster(
  values: ClusterValues,
  role: string,
  stopped: AbortSignal,
): Promise<ClusterConnection> {
  const addresses = (values.nats ?? []).map(addressOf);
  const [first] = addresses;
  if (first === undefined) throw new UsageError('--nats URL is needed');
  const credentials = credentialsOf(values, first.credentials);
  for (const { url } of addresses)
    if (credentials.kind !== 'none' && url.startsWith('ws:') && !isLoopback(url))
      log(`The credentials go to ${url} unencrypted.`);
  const servers = addresses.map(({ url }) => url);
  const files = {
    ...(values['nats-ca'] === undefined ? {} : { caFile: values['nats-ca'] }),
    ...(values['nats-cert'] === undefined ? {} : { certFile: values['nats-cert'] }),
    ...(values['nats-key'] === undefined ? {} : { keyFile: values['nats-key'] }),
  };
  const tls = { ...files, checkServerIdentity: identityCheck(servers) };
  const encrypted = Object.keys(files).length > 0 || servers.some((url) => url.startsWith('tls:'));
  const connection = await persist(stopped, () =>
    ClusterConnection.connect({
      connect,
      servers: servers.map((url) => url.replace(/^tls:/, 'nats:')),
      credentials,
      tls: encrypted ? tls : undefined,
      name: `allotment-${role}`,
      log,
    }),
  );
  connection.onState((state) => print('link', { state }));
  return connection;
}

/** Does something again until it works; what trying again cannot change is thrown. */
export async function persist<T>(stopped: AbortSignal, work: () => Promise<T>): Promise<T> {
  let said = '';
  for (;;) {
    try {
      return await work();
    } catch (error) {
      stopped.throwIfAborted();
      const passing =
        error instanceof ClusterError && ['unreachable', 'nobody', 'silence', 'failed'].includes(error.code);
      if (!passing) throw error;
      if (error.sentence !== said) log((said = error.sentence));
      await pause(RETRY_MS, stopped);
    }
  }
}
