/** `allotment cluster ROLE`: a member of a farming cluster under Node.js. */
import { connect } from '@nats-io/transport-node';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CacheMember } from '../cluster/cache.ts';
import { CacheStore } from '../cluster/cache-store.ts';
import { ClusterConnection } from '../cluster/connection.ts';
import { Controller } from '../cluster/controller.ts';
import { isLoopback, parseServer, type Credentials, type ServerAddress } from '../cluster/credentials.ts';
import { ClusterError } from '../cluster/errors.ts';
import { FarmerMember } from '../cluster/farmer.ts';
import { ClusterHistory } from '../cluster/history.ts';
import { clusterAppInfo } from '../cluster/node.ts';
import { ClusterPieces } from '../cluster/pieces.ts';
import { PlotterMember } from '../cluster/plotter.ts';
import type { PlotWith } from '../cluster/plotting.ts';
import { createNodePool } from '../crypto/pool/node.ts';
import type { ComputePool } from '../crypto/jobs.ts';
import { compileWasm, loadWasm } from '../crypto/wasm.ts';
import { DsnPeer } from '../dsn/peer.ts';
import { nodePlatform } from '../dsn/platform-node.ts';
import { peerCaches, peerPlots } from '../dsn/search.ts';
import { PieceSupply } from '../dsn/supply.ts';
import { PieceVerifier, type SegmentCommitments } from '../dsn/verifier.ts';
import { Farm } from '../farm/farm.ts';
import { loadOrCreateIdentity } from '../farm/identity.ts';
import { bytesOfSectors } from '../farm/sectors.ts';
import { HelperPlotter } from '../network/helper-plotter.ts';
import { pause } from '../network/pause.ts';
import { RpcSource } from '../network/source.ts';
import { openNodeSocket } from '../network/socket-node.ts';
import { HelperPlotting } from '../node/helper-plotting.ts';
import { decodeAddress } from '../protocol/ss58.ts';
import type { FarmerAppInfo } from '../protocol/types.ts';
import { NodeDirectory } from '../storage/node-directory.ts';
import { openNodeStore } from '../storage/node-store.ts';
import { parseHelper } from './helper.ts';
import { endSignal } from './signals.ts';
import { UsageError } from './usage.ts';

const CLUSTER_HELP = `Usage: npm run allotment -- cluster ROLE --nats URL [options]

Roles
  controller    speaks for a node: slots, solutions, segment headers, pieces
  cache         keeps pieces for the others
  plotter       encodes sectors for farmers
  farmer        a farm whose sectors the cluster's plotters encode

Options
  --nats URL             server, e.g. nats://192.168.0.2:4222 or tls://…; may be given several times
  --data DIR             where everything is kept (default: ~/.allotment)
  --cores N              cores to use (default: all)
  --endpoint URL         controller: node to speak for (default: ws://127.0.0.1:9944)
  --cache-group NAME     controller, cache: caches that belong together (default: default)
  --pieces N             cache: pieces to keep, 1 MiB each (default: 1024)
  --sectors N            farmer: sectors to plot (default: 1)
  --reward ADDRESS       farmer: account that rewards are paid to (default: the farmer's own)
  --plot-with WHO        farmer: cluster, self, or both: itself where nobody offers (default: both)
  --check-records N      farmer: records of a delivered sector to encode again (default: 1 in 64, 2 at least)
  --helper PORT          plotter: let the native helper on that port of this machine encode; PORT:CODE names its code
  --memory MIB           plotter: memory for pieces and encodings, 64 or more (default: 512)

Credentials, where the server asks for them
  --nats-creds FILE      credentials file (JWT and seed)
  --nats-nkey FILE       file with the seed of an nkey
  --nats-ca, --nats-cert, --nats-key FILE     certificates for TLS
  ALLOTMENT_NATS_USER and ALLOTMENT_NATS_PASSWORD, or ALLOTMENT_NATS_TOKEN, in the environment

One JSON object a line on standard output says what happens.
`;

const OPTIONS = {
  nats: { type: 'string', multiple: true },
  data: { type: 'string' },
  cores: { type: 'string' },
  endpoint: { type: 'string' },
  'cache-group': { type: 'string' },
  pieces: { type: 'string' },
  sectors: { type: 'string' },
  reward: { type: 'string' },
  'plot-with': { type: 'string' },
  'check-records': { type: 'string' },
  helper: { type: 'string' },
  memory: { type: 'string' },
  'nats-creds': { type: 'string' },
  'nats-nkey': { type: 'string' },
  'nats-ca': { type: 'string' },
  'nats-cert': { type: 'string' },
  'nats-key': { type: 'string' },
  help: { type: 'boolean' },
} as const;

function parse(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
}

type Values = ReturnType<typeof parse>['values'];

const MIB = 1024 * 1024;
/** Wait before a server that is not there yet, or a controller that does not answer, is tried again. */
const RETRY_MS = 3_000;

function print(event: string, fields: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
}

const log = (text: string): void => print('log', { text });

function number(
  values: Values,
  name: 'cores' | 'pieces' | 'sectors' | 'memory' | 'check-records',
  otherwise: number,
): number {
  const text = values[name];
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new UsageError(`--${name} takes a number from 1 on`);
  return value;
}

/** Credentials named on the command line, in the environment or in the address, in that order. */
function credentialsOf(values: Values, inAddress: Credentials): Credentials {
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

async function joinCluster(values: Values, role: string, stopped: AbortSignal): Promise<ClusterConnection> {
  const addresses = (values.nats ?? []).map(addressOf);
  const [first] = addresses;
  if (first === undefined) throw new UsageError('--nats URL is needed');
  const credentials = credentialsOf(values, first.credentials);
  for (const { url } of addresses)
    if (credentials.kind !== 'none' && url.startsWith('ws:') && !isLoopback(url))
      log(`The credentials go to ${url} unencrypted.`);
  const tls = {
    ...(values['nats-ca'] === undefined ? {} : { caFile: values['nats-ca'] }),
    ...(values['nats-cert'] === undefined ? {} : { certFile: values['nats-cert'] }),
    ...(values['nats-key'] === undefined ? {} : { keyFile: values['nats-key'] }),
  };
  const servers = addresses.map(({ url }) => url);
  const encrypted = Object.keys(tls).length > 0 || servers.some((url) => url.startsWith('tls:'));
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
async function persist<T>(stopped: AbortSignal, work: () => Promise<T>): Promise<T> {
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

async function createPool(values: Values): Promise<ComputePool> {
  const module = await compileWasm();
  await loadWasm(module);
  const { availableParallelism } = await import('node:os');
  return createNodePool(number(values, 'cores', availableParallelism()), module);
}

/** What a role leaves to be undone. */
type Stop = () => Promise<void>;

interface Start {
  values: Values;
  folder: string;
  connection: ClusterConnection;
  stopped: AbortSignal;
}

/** Pieces of the storage network that the node names peers of; null where it names none. */
async function storageNetwork(
  { genesisHash, dsnBootstrapNodes }: FarmerAppInfo,
  pool: ComputePool,
  commitments: SegmentCommitments,
): Promise<{ supply: PieceSupply; stop: Stop } | null> {
  if (dsnBootstrapNodes.length === 0) return null;
  const peer = await DsnPeer.start({ ...nodePlatform(), genesisHash });
  const connected = await peer.connect(dsnBootstrapNodes);
  log(`Storage network: ${connected.length} of ${dsnBootstrapNodes.length} peers answer.`);
  const providers = [peerCaches(peer), peerPlots(peer)];
  return {
    supply: new PieceSupply({ pool, commitments, cache: null, providers, reconstruct: true }),
    stop: () => peer.stop(),
  };
}

async function startController({ values, connection }: Start): Promise<Stop> {
  const url = values.endpoint ?? 'ws://127.0.0.1:9944';
  const source = RpcSource.connect(url, { openSocket: openNodeSocket });
  const pool = await createPool(values);
  const commitments = { segmentCommitment: (segment: bigint) => controller.segmentCommitment(segment) };
  const verifier = new PieceVerifier(pool, commitments);
  const network = await storageNetwork(await source.farmer.appInfo(), pool, commitments);
  const controller: Controller = new Controller({
    connection,
    node: source.farmer,
    valid: (index, piece) => verifier.valid(index, piece),
    elsewhere: network === null ? undefined : (index, signal) => network.supply.piece(index, signal),
    cacheGroup: values['cache-group'],
    log,
  });
  await controller.start();
  print('ready', { role: 'controller', instance: controller.instance, node: url });
  return async () => {
    await controller.stop();
    await network?.stop();
    source.close();
    await pool.close();
  };
}

async function startCache({ values, folder, connection }: Start): Promise<Stop> {
  const directory = await NodeDirectory.at(join(folder, 'cluster-cache'));
  const store = await CacheStore.open(directory, number(values, 'pieces', 1_024));
  const member = new CacheMember({ connection, store, group: values['cache-group'], log });
  member.start();
  print('ready', { role: 'cache', id: store.id, pieces: store.size, capacity: store.capacity });
  return () => member.stop();
}

/** The history that the controller tells; waits for one. */
async function followHistory({ connection, stopped }: Start): Promise<ClusterHistory> {
  const history = new ClusterHistory(connection);
  await persist(stopped, () => history.follow());
  return history;
}

/** Encodes with the native helper that `--helper` names, where it names one. */
function helperOf({ helper }: Values): { plotting: HelperPlotting; close(): void } {
  const plotting = new HelperPlotting({ notify: (_level, _category, text) => log(text) });
  if (helper === undefined) return { plotting, close: () => undefined };
  const plotter = new HelperPlotter({ openSocket: openNodeSocket, ...parseHelper(helper) });
  let said: string | null = null;
  plotter.onChange(() => {
    const { state, reason } = plotter;
    const text = reason === null ? `The helper is ${state}.` : reason.sentence;
    if (text !== said) log(text);
    said = text;
  });
  plotting.use(plotter);
  return { plotting, close: () => plotter.close() };
}

async function startPlotter(start: Start): Promise<Stop> {
  const { values, folder, connection } = start;
  const helper = helperOf(values);
  const pool = await createPool(values);
  const member = new PlotterMember({
    connection,
    pool,
    directory: await NodeDirectory.at(join(folder, 'cluster-plotter')),
    pieces: new ClusterPieces(connection),
    history: await followHistory(start),
    memoryBytes: number(values, 'memory', 512) * MIB,
    encode: helper.plotting.encode,
    log,
    changed: () => report(),
  });
  let said = '';
  const report = (): void => {
    const { sector, done, failed, lastSeconds } = member.snapshot();
    const line = {
      sector: sector?.index ?? null,
      pieces: sector?.piecesDone ?? null,
      by: sector?.by ?? null,
      done,
      failed,
      lastSeconds,
    };
    const text = JSON.stringify(line);
    if (text !== said) print('plotting', line);
    said = text;
  };
  await member.start();
  print('ready', { role: 'plotter', id: member.id });
  return async () => {
    await member.stop();
    helper.close();
    await pool.close();
  };
}

const PLOT_WITH: PlotWith[] = ['cluster', 'self', 'both'];

async function startFarmer(start: Start): Promise<Stop> {
  const { values, folder, connection, stopped } = start;
  const plotWith = (values['plot-with'] ?? 'both') as PlotWith;
  if (!PLOT_WITH.includes(plotWith)) throw new UsageError('--plot-with takes cluster, self or both');
  const pool = await createPool(values);
  const identity = await loadOrCreateIdentity(await openNodeStore(folder));
  const history = await followHistory(start);
  const { protocolInfo } = await persist(stopped, () => clusterAppInfo(connection));
  const sample = values['check-records'] === undefined ? undefined : number(values, 'check-records', 1);
  const { publicKey } = identity;
  const member = new FarmerMember({ connection, pool, history, plotWith, sample, log });
  await member.start();
  const seat = member.seat(publicKey);
  const farm = await Farm.open({
    ...seat.options,
    directory: await NodeDirectory.at(join(folder, 'farm')),
    pool,
    identity,
    rewardAddress: values.reward === undefined ? publicKey : decodeAddress(values.reward).account,
    allocatedBytes: bytesOfSectors(number(values, 'sectors', 1), protocolInfo.maxPiecesInSector),
  });
  seat.attach(farm);
  const seen = new Set<string>();
  const once = (key: string, say: () => void): void => {
    if (seen.has(key)) return;
    seen.add(key);
    say();
  };
  farm.onChange(() => {
    const { sectors, history: slots } = farm.snapshot();
    for (const { index, state, historySize, error } of sectors)
      once(`${index}${state}${historySize}${error}`, () => print('sector', { index, state, error }));
    for (const outcome of slots)
      once(`${outcome.slot}${outcome.outcome}${outcome.at}`, () => print('slot', { ...outcome }));
  });
  farm.onNotice(({ text }) => log(text));
  farm.start();
  print('ready', { role: 'farmer', id: seat.farmerId, farm: farm.id, sectors: farm.sectorCount });
  return async () => {
    member.stop();
    await farm.stop();
    await pool.close();
  };
}

const ROLES: Record<string, (start: Start) => Promise<Stop>> = {
  controller: startController,
  cache: startCache,
  plotter: startPlotter,
  farmer: startFarmer,
};

/** Runs a role until a signal ends it. Throws UsageError, ClusterError and others that carry a sentence. */
export async function runCluster(args: string[]): Promise<void> {
  const { values, positionals } = parse(args);
  const role = positionals[0] ?? '';
  const startRole = ROLES[role];
  if (values.help === true || role === '') {
    process.stdout.write(CLUSTER_HELP);
    return;
  }
  if (startRole === undefined) throw new UsageError(`there is no role “${role}”`);
  const stopped = endSignal('The program was told to end.');
  let connection: ClusterConnection | null = null;
  let stop: Stop = async () => undefined;
  try {
    connection = await joinCluster(values, role, stopped);
    const folder = values.data ?? join(homedir(), '.allotment');
    stop = await startRole({ values, folder, connection, stopped });
    if (!stopped.aborted) await new Promise((resolve) => stopped.addEventListener('abort', resolve));
  } catch (error) {
    if (!stopped.aborted) throw error;
  } finally {
    await stop();
    await connection?.close();
  }
}
