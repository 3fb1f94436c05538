/** The roles of a cluster under Node.js: controller, cache, plotter, farmer. */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { CacheMember } from '../cluster/cache.ts';
import { CacheStore } from '../cluster/cache-store.ts';
import type { ClusterConnection } from '../cluster/connection.ts';
import { Controller } from '../cluster/controller.ts';
import { FarmerMember } from '../cluster/farmer.ts';
import { ClusterHistory } from '../cluster/history.ts';
import { clusterAppInfo } from '../cluster/node.ts';
import { ClusterPieces } from '../cluster/pieces.ts';
import { PlotterMember } from '../cluster/plotter.ts';
import { LEAST_MEMORY_BYTES } from '../cluster/plotter-memory.ts';
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
import { RpcSource } from '../network/source.ts';
import { openNodeSocket } from '../network/socket-node.ts';
import { HelperPlotting } from '../node/helper-plotting.ts';
import { isRpcAddress } from '../node/setup.ts';
import type { FarmerAppInfo } from '../protocol/types.ts';
import { NodeDirectory } from '../storage/node-directory.ts';
import { openNodeStore } from '../storage/node-store.ts';
import { persist } from './cluster-join.ts';
import { cacheGroupOf, numberOf, type ClusterValues } from './cluster-options.ts';
import { parseHelper } from './helper.ts';
import { log, print } from './output.ts';
import { accountOf, UsageError } from './usage.ts';

const MIB = 1024 * 1024;

const coresOf = (values: ClusterValues): number => numberOf(values, 'cores', availableParallelism());

async function createPool(cores: number): Promise<ComputePool> {
  const module = await compileWasm();
  await loadWasm(module);
  return createNodePool(cores, module);
}

/** What a role leaves to be undone. */
export type Stop = () => Promise<void>;

interface Start {
  folder: string;
  connection: ClusterConnection;
  stopped: AbortSignal;
}

/** Starts a member with the options that were read. */
type StartRole = (start: Start) => Promise<Stop>;

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

function prepareController({ endpoint: url = 'ws://127.0.0.1:9944', ...values }: ClusterValues): StartRole {
  if (!isRpcAddress(url))
    throw new UsageError(`“${url}” is no address of a node: one begins with ws:// or wss://`);
  const cores = coresOf(values);
  const cacheGroup = cacheGroupOf(values);
  return async ({ connection }) => {
    const source = RpcSource.connect(url, { openSocket: openNodeSocket });
    const pool = await createPool(cores);
    const commitments = { segmentCommitment: (segment: bigint) => controller.segmentCommitment(segment) };
    const verifier = new PieceVerifier(pool, commitments);
    const network = await storageNetwork(await source.farmer.appInfo(), pool, commitments);
    const controller: Controller = new Controller({
      connection,
      node: source.farmer,
      valid: (index, piece) => verifier.valid(index, piece),
      elsewhere: network === null ? undefined : (index, signal) => network.supply.piece(index, signal),
      cacheGroup,
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
  };
}

function prepareCache(values: ClusterValues): StartRole {
  const pieces = numberOf(values, 'pieces', 1_024);
  const group = cacheGroupOf(values);
  return async ({ folder, connection }) => {
    const directory = await NodeDirectory.at(join(folder, 'cluster-cache'));
    const store = await CacheStore.open(directory, pieces);
    const member = new CacheMember({ connection, store, group, log });
    member.start();
    print('ready', { role: 'cache', id: store.id, pieces: store.size, capacity: store.capacity });
    return () => member.stop();
  };
}

/** The history that the controller tells; waits for one. */
async function followHistory({ connection, stopped }: Start): Promise<ClusterHistory> {
  const history = new ClusterHistory(connection);
  await persist(stopped, () => history.follow());
  return history;
}

/** Encodes with a native helper, where there is one. */
function encoding(helper: ReturnType<typeof parseHelper> | null): {
  plotting: HelperPlotting;
  close(): void;
} {
  const plotting = new HelperPlotting({ notify: (_level, _category, text) => log(text) });
  if (helper === null) return { plotting, close: () => undefined };
  const plotter = new HelperPlotter({ openSocket: openNodeSocket, ...helper });
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

function preparePlotter(values: ClusterValues): StartRole {
  const cores = coresOf(values);
  const memory = numberOf(values, 'memory', 512);
  if (memory * MIB < LEAST_MEMORY_BYTES)
    throw new UsageError(`--memory takes ${LEAST_MEMORY_BYTES / MIB} MiB or more`);
  const place = values.helper === undefined ? null : parseHelper(values.helper);
  return async (start) => {
    const { folder, connection } = start;
    const helper = encoding(place);
    const pool = await createPool(cores);
    const member = new PlotterMember({
      connection,
      pool,
      directory: await NodeDirectory.at(join(folder, 'cluster-plotter')),
      pieces: new ClusterPieces(connection),
      history: await followHistory(start),
      memoryBytes: memory * MIB,
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
  };
}

const PLOT_WITH: PlotWith[] = ['cluster', 'self', 'both'];

function prepareFarmer(values: ClusterValues): StartRole {
  const cores = coresOf(values);
  const plotWith = (values['plot-with'] ?? 'both') as PlotWith;
  if (!PLOT_WITH.includes(plotWith)) throw new UsageError('--plot-with takes cluster, self or both');
  const sample = values['check-records'] === undefined ? undefined : numberOf(values, 'check-records', 1);
  const reward = values.reward === undefined ? null : accountOf(values.reward);
  const allotted = numberOf(values, 'sectors', 1);
  return async (start) => {
    const { folder, connection, stopped } = start;
    const pool = await createPool(cores);
    const identity = await loadOrCreateIdentity(await openNodeStore(folder));
    const history = await followHistory(start);
    const { protocolInfo } = await persist(stopped, () => clusterAppInfo(connection));
    const { publicKey } = identity;
    const member = new FarmerMember({ connection, pool, history, plotWith, sample, log });
    await member.start();
    const seat = member.seat(publicKey);
    const farm = await Farm.open({
      ...seat.options,
      directory: await NodeDirectory.at(join(folder, 'farm')),
      pool,
      identity,
      rewardAddress: reward ?? publicKey,
      allocatedBytes: bytesOfSectors(allotted, protocolInfo.maxPiecesInSector),
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
  };
}

export interface Role {
  /** Reads the options, so that a wrong one is told before anything is connected to. Throws UsageError. */
  prepare(values: ClusterValues): StartRole;
  /** Options that this role takes beside those of every role. */
  options: readonly (keyof ClusterValues)[];
}

/** Roles by name. */
export const ROLES: ReadonlyMap<string, Role> = new Map(
  Object.entries<Role>({
    controller: { prepare: prepareController, options: ['endpoint', 'cache-group'] },
    cache: { prepare: prepareCache, options: ['pieces', 'cache-group'] },
    plotter: { prepare: preparePlotter, options: ['helper', 'memory'] },
    farmer: { prepare: prepareFarmer, options: ['sectors', 'reward', 'plot-with', 'check-records'] },
  }),
);
