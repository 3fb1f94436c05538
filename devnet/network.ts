/** The local network: one full node that keeps time, authors, archives, farms a little, and answers RPC. */
import { mkdirSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createNodePool } from '../src/crypto/pool/node.ts';
import type { ComputePool } from '../src/crypto/jobs.ts';
import { fromHex } from '../src/protocol/bytes.ts';
import { IMMORTAL } from '../src/protocol/extrinsic.ts';
import { ScaleWriter } from '../src/protocol/scale.ts';
import { developmentAccounts } from './accounts.ts';
import { Author } from './author.ts';
import { Chain, type Block } from './chain.ts';
import { requireParams, type NetworkParams, type NodeOptions } from './config.ts';
import { FarmingHub } from './farming.ts';
import { OwnFarmer } from './own-farmer.ts';
import { accountOf } from './runtime/balances.ts';
import { SPEC_VERSION, TRANSACTION_VERSION, signExtrinsic } from './runtime/executive.ts';
import { Metadata } from './runtime/metadata.ts';
import { potParameters, shouldAdjustSolutionRange } from './runtime/subspace.ts';
import { chainMethods } from './rpc/chain.ts';
import { mmrMethods } from './rpc/mmr.ts';
import { RpcServer, type Method } from './rpc/server.ts';
import { stateMethods } from './rpc/state.ts';
import { subspaceMethods } from './rpc/subspace.ts';
import { systemMethods } from './rpc/system.ts';
import { Segments } from './segments.ts';
import { SlotFile } from './slot-log.ts';
import { Timekeeper, WalkerThread, type PotTip } from './timekeeper.ts';
import { TransactionPool } from './transaction-pool.ts';

const VERSION = '0.1.0';
/** The network has no peers, but clients ask who it is: the identity of the all-ones Ed25519 seed. */
const PEER_ID = '12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5';

export class LocalNetwork {
  private constructor(
    readonly params: NetworkParams,
    private readonly options: NodeOptions,
    readonly chain: Chain,
    readonly pool: TransactionPool,
    readonly hub: FarmingHub,
    readonly segments: Segments,
    readonly timekeeper: Timekeeper,
    private readonly walker: WalkerThread,
    private readonly compute: ComputePool,
    private readonly farmer: OwnFarmer | null,
    private readonly server: RpcServer,
    readonly port: number,
  ) {}

  /** Starts the network of a data folder, or goes on with it. Rejects when the port or the folder is taken. */
  static async start(params: NetworkParams, options: NodeOptions): Promise<LocalNetwork> {
    requireParams(params);
    mkdirSync(options.dataDir, { recursive: true });
    const chain = await Chain.open(params, options.dataDir);
    claimFolder(options.dataDir, chain.genesis.hash);
    const compute = createNodePool(options.farmThreads);
    const folder = join(options.dataDir, 'segments');
    const segments = await Segments.open({ chain, pool: compute, folder, log: options.log });
    const hub = new FarmingHub();
    const pool = new TransactionPool(chain);
    const walker = new WalkerThread();
    const log = new SlotFile(join(options.dataDir, 'slots.log'));
    const { slotDurationMs } = params;
    const timekeeper = new Timekeeper({ slotDurationMs, walk: walker.walk, log }, chain.firstPotInput());
    chain.useProofs(timekeeper);
    const server = new RpcServer(methods(chain, pool, hub, segments), options.rpcOrigins, options.log);
    const port = await server.listen(options.rpcPort);
    const farmer =
      options.ownSectors === 0 ? null : await OwnFarmer.open(chain, hub, segments, compute, options);
    const network = new LocalNetwork(
      params,
      options,
      chain,
      pool,
      hub,
      segments,
      timekeeper,
      walker,
      compute,
      farmer,
      server,
      port,
    );
    network.run();
    return network;
  }

  private run(): void {
    const { chain, pool, timekeeper, hub, segments, options } = this;
    const author = new Author({
      chain,
      pool,
      timekeeper,
      hub,
      segmentHeaders: (state) => segments.headersFor(state),
      segmentHeader: (index) => segments.header(index),
      now: Date.now,
      forks: options.forks,
      log: options.log,
    });
    chain.on('best', (best) => timekeeper.follow(tipOf(chain, best)));
    timekeeper.follow(tipOf(chain, chain.best));
    timekeeper.onProof(({ slot }) => void author.onProof(slot));
    this.enableAdjustment();
    segments.start();
    timekeeper.start();
    this.farmer?.start();
  }

  /** As on the real network, the chain starts with a fixed solution range and the root account lets it adjust. */
  private enableAdjustment(): void {
    const { chain, pool } = this;
    const state = chain.stateOf(chain.best.hash);
    if (shouldAdjustSolutionRange(state)) return;
    const alice = developmentAccounts()[0]!;
    const call = new ScaleWriter().u8(100).u8(0).u8(2).u8(1).u8(0).u8(0).bytes();
    const { nonce } = accountOf(state, alice.publicKey, chain.best.number);
    const genesisHash = fromHex(chain.genesis.hash, 32);
    const extrinsic = signExtrinsic(
      call,
      { era: IMMORTAL, nonce: BigInt(nonce), tip: 0n },
      {
        specVersion: SPEC_VERSION,
        transactionVersion: TRANSACTION_VERSION,
        genesisHash,
        eraBirthHash: genesisHash,
      },
      alice.publicKey,
      alice.secret,
    );
    pool.submit(extrinsic);
  }

  /** Stops everything; what happened is on disk. */
  async stop(): Promise<void> {
    await this.server.close();
    await this.timekeeper.stop();
    await this.farmer?.stop();
    await this.segments.stop();
    await Promise.all([this.walker.close(), this.compute.close()]);
    this.chain.close();
  }
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
): ReadonlyMap<string, Method> {
  const all: Record<string, Method> = {
    ...chainMethods(chain),
    ...stateMethods(chain, new Metadata(chain.params)),
    ...systemMethods(chain, pool, PEER_ID, VERSION),
    ...mmrMethods(chain),
    ...subspaceMethods(chain, hub, segments),
  };
  const names = ['rpc_methods', ...Object.keys(all)].sort();
  return new Map(Object.entries({ ...all, rpc_methods: () => ({ methods: names }) }));
}

/** A folder belongs to one genesis. Throws Error for another one's. */
function claimFolder(folder: string, genesisHash: string): void {
  const path = join(folder, 'genesis');
  if (!existsSync(path)) writeFileSync(path, genesisHash);
  else if (readFileSync(path, 'utf8') !== genesisHash)
    throw new Error(`${folder} holds another network (its parameters differ); start with --reset`);
}
