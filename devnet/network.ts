/** The local network: one full node that keeps time, authors, archives, farms a little, and answers RPC. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { createNodePool } from '../src/crypto/pool/node.ts';
import type { ComputePool } from '../src/crypto/jobs.ts';
import type { DsnPeer } from '../src/dsn/peer.ts';
import { fromHex, toPrefixedHex } from '../src/protocol/bytes.ts';
import { ScaleWriter } from '../src/protocol/scale.ts';
import type { DirectoryLock } from '../src/storage/directory.ts';
import { NodeDirectory } from '../src/storage/node-directory.ts';
import { developmentAccounts } from './accounts.ts';
import { Author } from './author.ts';
import { Chain, type Block } from './chain.ts';
import { requireParams, type NetworkParams, type NodeOptions } from './config.ts';
import { startDsnPeer } from './dsn-peer.ts';
import { Filler } from './filler.ts';
import { FarmingHub } from './farming.ts';
import { preparedGenesis, unpackHistory } from './history.ts';
import { OwnFarmer } from './own-farmer.ts';
import { PageWalker } from './page-walker.ts';
import { AutoIdDomain } from './domain/domain.ts';
import { DOMAIN_ID, foundingCalls, OPERATOR_ID } from './domain/genesis.ts';
import { domainCreatedAt, hasOperator } from './runtime/domain-registry.ts';
import { callRuntime } from './runtime/api.ts';
import { Metadata } from './runtime/metadata.ts';
import { potParameters, shouldAdjustSolutionRange } from './runtime/subspace-state.ts';
import { runtimeVersion } from './runtime/version.ts';
import { chainHeadMethods } from './rpc/chain-head.ts';
import { chainMethods } from './rpc/chain.ts';
import { mmrMethods } from './rpc/mmr.ts';
import { RpcServer, type Method } from './rpc/server.ts';
import { stateMethods } from './rpc/state.ts';
import { subspaceMethods } from './rpc/subspace.ts';
import { systemMethods } from './rpc/system.ts';
import { NODE_PEER_ID, NodePeer } from './node-peer.ts';
import { samplesIn, type Sample } from './samples.ts';
import { timekeepingMethods } from './rpc/timekeeping.ts';
import { Segments } from './segments.ts';
import { SlotFile } from './slot-log.ts';
import { Timekeeper, wallClockPace, type Pace, type PotTip } from './timekeeper.ts';
import { TransactionPool } from './transaction-pool.ts';
import { signTransaction } from './transactions.ts';
import { startWalker, type Walker } from './walker.ts';

const VERSION = '0.1.0';
const LATE_POLL_MS = 50;

interface Parts {
  chain: Chain;
  pool: TransactionPool;
  hub: FarmingHub;
  segments: Segments;
  timekeeper: Timekeeper;
  walker: Walker;
  compute: ComputePool;
  farmer: OwnFarmer | null;
  server: RpcServer;
  dsn: DsnPeer | null;
  nodePeer: NodePeer | null;
  lock: DirectoryLock;
  author: Author;
  domain: AutoIdDomain;
}

export class LocalNetwork {
  private stopFilling: () => void = () => undefined;

  private constructor(
    /** Port of the RPC server. */
    readonly port: number,
    private readonly parts: Parts,
    private readonly fills: boolean,
  ) {}

  get chain(): Chain {
    return this.parts.chain;
  }

  get pool(): TransactionPool {
    return this.parts.pool;
  }

  get hub(): FarmingHub {
    return this.parts.hub;
  }

  get segments(): Segments {
    return this.parts.segments;
  }

  /** The Auto ID domain. */
  get domain(): AutoIdDomain {
    return this.parts.domain;
  }

  get timekeeper(): Timekeeper {
    return this.parts.timekeeper;
  }

  /** Multiaddresses of the peer of the storage network; none if it has none. */
  get dsnAddresses(): string[] {
    return this.parts.dsn?.addresses() ?? [];
  }

  /** Multiaddresses of the node as a peer; none if it is none. */
  get nodeAddresses(): string[] {
    return this.parts.nodePeer?.addresses ?? [];
  }

  /** Objects of the prepared history that people may try. */
  get samples(): Sample[] {
    return samplesIn(this.parts.segments);
  }

  /** Starts the network of a data folder, or goes on with it. Rejects when the port or the folder is taken. */
  static async start(params: NetworkParams, options: NodeOptions): Promise<LocalNetwork> {
    requireParams(params);
    const { dataDir, log } = options;
    const lock = await (await NodeDirectory.at(dataDir)).lock();
    if (options.reset) forgetNetwork(dataDir);
    const chain = await openChain(params, options);
    claimFolder(dataDir, chain.genesis.hash);
    const compute = createNodePool(options.farmThreads);
    const segments = await Segments.open({ chain, pool: compute, folder: join(dataDir, 'segments'), log });
    const hub = new FarmingHub();
    const pool = new TransactionPool(chain);
    const walker = await startWalker(params.slotDurationMs, options);
    const { slotDurationMs } = params;
    const pages = new PageWalker({
      own: walker.walk,
      pool: compute,
      slotDurationMs,
      patienceMs: options.pagePatienceMs ?? slotDurationMs,
      log,
    });
    let farmer: OwnFarmer | null = null;
    const pace = waitingFor(options.pace ?? wallClockPace(params.slotDurationMs), () => {
      if (farmer?.auditing === true) return true;
      const slot = farmer?.provingSlot ?? null;
      return slot !== null && slot + BigInt(params.blockAuthoringDelay) <= timekeeper.slot + 1n;
    });
    const slotLog = new SlotFile(join(dataDir, 'slots.log'));
    const timekeeper: Timekeeper = new Timekeeper(
      { pace, walk: pages.walk, log: slotLog },
      chain.firstPotInput(),
    );
    chain.useProofs(timekeeper);
    const dsn = await joinStorageNetwork(chain, segments, options);
    const nodePeer = await listenAsNode(chain, timekeeper, options);
    const server = new RpcServer(
      new Map([
        ...methods(chain, pool, hub, segments, dsn?.addresses() ?? [], nodePeer?.addresses ?? [], options),
        ...Object.entries(timekeepingMethods(pages)),
      ]),
      options.rpcOrigins,
      log,
    );
    const port = await server.listen(options.rpcPort);
    const domain = await AutoIdDomain.start(chain, port, options);
    if (options.ownSectors > 0) farmer = await OwnFarmer.open(chain, hub, segments, compute, options);
    const author = new Author({
      chain,
      pool,
      timekeeper,
      hub,
      segmentHeaders: (state) => segments.headersFor(state),
      segmentHeader: (index) => segments.header(index),
      bundles: (parent, preDigest) => domain.bundles(parent, preDigest),
      now: options.now ?? Date.now,
      forks: options.forks,
      log,
    });
    const parts = {
      chain,
      pool,
      hub,
      segments,
      timekeeper,
      walker,
      compute,
      farmer,
      server,
      dsn,
      nodePeer,
      lock,
      author,
      domain,
    };
    const network = new LocalNetwork(port, parts, options.fills);
    network.run();
    return network;
  }

  private run(): void {
    const { chain, timekeeper, segments, farmer, author } = this.parts;
    chain.on('best', (best) => timekeeper.follow(tipOf(chain, best)));
    timekeeper.follow(tipOf(chain, chain.best));
    timekeeper.onProof(({ slot }) => void author.onProof(slot));
    this.enableAdjustment();
    this.foundDomain();
    segments.start();
    if (this.fills) this.stopFilling = new Filler(chain, this.pool, segments).start();
    timekeeper.start();
    farmer?.start();
  }

  /** As on the real network, the chain starts with a fixed solution range and the root account lets it adjust. */
  private enableAdjustment(): void {
    const { chain, pool } = this;
    const state = chain.stateOf(chain.best.hash);
    if (shouldAdjustSolutionRange(state)) return;
    const call = new ScaleWriter().u8(100).u8(0).u8(2).u8(1).u8(0).u8(0).bytes();
    pool.submit(signTransaction(chain, pool, developmentAccounts()[0]!, call));
  }

  /** As on a real network, the domain comes about by transactions. */
  private foundDomain(): void {
    const { chain, pool } = this;
    const state = chain.stateOf(chain.best.hash);
    const [runtime, instance, operator] = foundingCalls();
    const wanted = domainCreatedAt(state, DOMAIN_ID) === null ? [runtime, instance] : [];
    if (!hasOperator(state, OPERATOR_ID)) wanted.push(operator);
    for (const { signer, call } of wanted) pool.submit(signTransaction(chain, pool, signer, call));
  }

  /** Stops everything; what happened is on disk. */
  async stop(): Promise<void> {
    const {
      server,
      dsn,
      nodePeer,
      timekeeper,
      author,
      domain,
      farmer,
      segments,
      walker,
      compute,
      chain,
      lock,
    } = this.parts;
    this.stopFilling();
    await server.close();
    await dsn?.stop();
    await nodePeer?.stop();
    await timekeeper.stop();
    await author.stop();
    await domain.stop();
    await farmer?.stop();
    await segments.stop();
    await Promise.all([walker.close(), compute.close()]);
    chain.close();
    await lock.release();
  }
}

/** The chain of a folder; an empty folder is given the prepared history first, if wanted and of the same genesis. */
async function openChain(params: NetworkParams, { dataDir, prepared }: NodeOptions): Promise<Chain> {
  const chain = await Chain.open(params, dataDir);
  const { best, genesis } = chain;
  if (!prepared || best.number > 0 || genesis.hash !== preparedGenesis()) return chain;
  chain.close();
  await unpackHistory(dataDir);
  return Chain.open(params, dataDir);
}

/**
 * Holds the next slot back while `late` says that the own farmer would come too late with a proof: on a
 * machine that is too busy for the pace, time runs slower instead of the chain standing still.
 */
function waitingFor(pace: Pace, late: () => boolean): Pace {
  return async (signal) => {
    await pace(signal);
    while (late() && !signal.aborted)
      await setTimeout(LATE_POLL_MS, undefined, { signal }).catch(() => undefined);
  };
}

/** What the timekeeper follows: the proofs that a block justifies, and the parameters after it. */
function tipOf(chain: Chain, block: Block): PotTip | null {
  const digests = chain.digestsOf(block);
  if (digests === null) return null;
  const { slotIterations, nextChange } = potParameters(chain.stateOf(block.hash), block.number, chain.params);
  const { slot, futureProofOfTime } = digests.preDigest;
  return {
    slot: slot + BigInt(chain.params.blockAuthoringDelay),
    output: futureProofOfTime,
    iterations: slotIterations,
    change: nextChange,
  };
}

function methods(
  chain: Chain,
  pool: TransactionPool,
  hub: FarmingHub,
  segments: Segments,
  dsnAddresses: string[],
  nodeAddresses: string[],
  { farmingTimeoutMs, withholds }: NodeOptions,
): ReadonlyMap<string, Method> {
  const metadata = new Metadata(chain.params);
  const all: Record<string, Method> = {
    ...chainMethods(chain, runtimeVersion),
    ...chainHeadMethods(chain, metadata, pool),
    ...stateMethods(chain, (block, name, input) => callRuntime(chain, metadata, block, name, input)),
    state_getMetadata: () => toPrefixedHex(metadata.version(14)!),
    ...systemMethods(chain, pool, NODE_PEER_ID, nodeAddresses, VERSION),
    ...mmrMethods(chain),
    ...subspaceMethods(chain, hub, segments, dsnAddresses, { farmingTimeoutMs, withholds }),
    // Objects of the prepared history that people may try.
    localNetwork_samples: () => samplesIn(segments),
  };
  const names = ['rpc_methods', ...Object.keys(all)].sort();
  return new Map(Object.entries({ ...all, rpc_methods: () => ({ methods: names }) }));
}

/** Starts the peer of the storage network, if wanted: on free ports where another program has the usual ones. */
async function joinStorageNetwork(
  chain: Chain,
  history: Segments,
  { dsn, withholds, log }: NodeOptions,
): Promise<DsnPeer | null> {
  if (dsn === undefined) return null;
  const options = { genesisHash: fromHex(chain.genesis.hash, 32), history, withholds };
  try {
    return await startDsnPeer({ ...options, ...dsn });
  } catch {
    log('The usual ports of the storage network are taken; others are used.');
    return startDsnPeer({ ...options, tcpPort: 0, webSocketPort: 0 });
  }
}

/** Lets tabs reach the node as a peer, if wanted: on a free port where another program has the usual one. */
async function listenAsNode(
  chain: Chain,
  timekeeper: Timekeeper,
  { nodePort, log }: NodeOptions,
): Promise<NodePeer | null> {
  if (nodePort === undefined) return null;
  try {
    return await NodePeer.start(chain, timekeeper, nodePort);
  } catch {
    log('The usual port of nodes is taken; another is used.');
    return NodePeer.start(chain, timekeeper, 0);
  }
}

/** What a network keeps in its folder. */
const KEPT = ['chain.log', 'states', 'slots.log', 'segments', 'domain', 'farm', 'identity.bin', 'genesis'];

/** Deletes the network that a folder holds, and nothing else that may lie there. */
function forgetNetwork(folder: string): void {
  for (const name of KEPT) rmSync(join(folder, name), { recursive: true, force: true });
}

/** A folder belongs to one genesis. Throws Error for another one's. */
function claimFolder(folder: string, genesisHash: string): void {
  const path = join(folder, 'genesis');
  if (!existsSync(path)) writeFileSync(path, genesisHash);
  else if (readFileSync(path, 'utf8') !== genesisHash)
    throw new Error(`${folder} holds a network of other parameters; start with --reset or another --data`);
}
