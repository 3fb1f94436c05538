/**
 * The node: one light client, the farms, the person's choices. It runs wherever its platform does, page worker or
 * Node.js, and shows itself as one snapshot. Trouble becomes a cause with a sentence; the node goes on by itself
 * where it can.
 */
import { NO_TABLES, type TablePool } from '../crypto/table-pool.ts';
import { LightClient } from '../chain/light-client.ts';
import type { FolderContents } from '../farm/description.ts';
import { measureSecondsPerPiece } from '../farm/estimate.ts';
import { importIdentity, loadOrCreateIdentity } from '../farm/identity.ts';
import type { FarmerIdentity } from '../farm/identity.ts';
import type { PieceSource } from '../farm/source.ts';
import { RpcSource, type ChainSource } from '../network/source.ts';
import { fromHex, toHex } from '../protocol/bytes.ts';
import { decodeAddress, encodeAddress } from '../protocol/ss58.ts';
import type { ChainStore } from '../storage/chain-store.ts';
import type {
  AccountBalance,
  Cause,
  Conditions,
  FarmHistoryEntry,
  FarmPlace,
  MachineInfo,
  NetworkChoice,
  NetworkProbe,
  NodeSnapshot,
  RewardRates,
  Setup,
} from './api.ts';
import { accelerate } from './accelerate.ts';
import { readBalance } from './balance.ts';
import { beginChoice, sameBeginning } from './begin.ts';
import { Cluster, type ClusterRoles, type JoinRequest } from './cluster.ts';
import type { Desk } from './desk.ts';
import type { RegistryNetwork } from './registry.ts';
import type { Money } from './money.ts';
import { causeOf, sentenceOf } from './causes.ts';
import { beginExport, beginImport, moveFarm } from './farm-tasks.ts';
import { Farms } from './farms.ts';
import type { RunnableNode } from './hub.ts';
import { Journal } from './journal.ts';
import { Limits } from './limits.ts';
import { presetOf } from './networks.ts';
import { serveObject, type ObjectRequest } from './object-ports.ts';
import type { ObjectDesk } from './objects.ts';
import type { NodePlatform } from './platform.ts';
import { probeEndpoint } from './probe.ts';
import { readRewards } from './rewards.ts';
import { requireSchedule } from './schedule.ts';
import { createTablePool } from './tables.ts';
import { NO_TIMEKEEPING, Timekeeping } from './keep-time.ts';
import { PairedHelper } from './helper.ts';

const SETUP = 'setup';
/** Wait before a chain that could not start is tried again. */
const RETRY_MS = 10_000;
const MACHINE_REFRESH_MS = 30_000;
/** Own blocks remembered as announced. */
const ANNOUNCED = 256;

/** What runs between `start` and `reset`. */
interface Running {
  pool: TablePool;
  sources: RpcSource[];
  client: LightClient;
  /** Gives the graphics processor back. */
  slowDown: () => void;
}

export class AllotmentNode implements RunnableNode {
  private readonly journal: Journal;
  private readonly helper: PairedHelper;
  private timekeeping: Timekeeping | null = null;
  private readonly cluster: Cluster;
  private readonly listeners = new Set<() => void>();
  private readonly timers = new Set<ReturnType<typeof setTimeout>>();
  private readonly announced = new Set<string>();
  private setup: Setup | null = null;
  private running: Running | null = null;
  private readonly farms: Farms;
  private readonly limits: Limits;
  private identity: FarmerIdentity | null = null;
  private failure: Cause | null = null;
  private desk: Promise<Desk> | null = null;
  private moneyOpen: Promise<Money> | null = null;
  private objectsOpen: Promise<ObjectDesk> | null = null;
  /** Raised whenever what runs is replaced, so that work begun before notices. */
  private generation = 0;

  private constructor(
    private readonly platform: NodePlatform,
    private machine: MachineInfo,
  ) {
    const changed = (): void => this.changed();
    this.journal = new Journal(platform.store, changed);
    this.helper = new PairedHelper(platform.store, platform.openSocket, this.journal, changed);
    this.farms = new Farms(platform, this.journal, changed, (keys) => this.running?.client.setOwnKeys(keys));
    this.cluster = new Cluster(
      platform,
      this.journal,
      changed,
      () => this.openDesk(),
      () => this.reopenFarms(),
    );
    this.limits = new Limits({
      hold: (reason) => this.farms.hold(reason),
      resize: (cores) => this.running?.pool.resize(cores),
    });
  }

  /** The node of this platform; runs at once if it was set up before. Throws StorageError. */
  static async create(platform: NodePlatform): Promise<AllotmentNode> {
    const node = new AllotmentNode(platform, await platform.machine());
    node.refreshMachine();
    node.limits.start();
    await node.helper.resume();
    await node.cluster.resume();
    await node.farms.load();
    node.setup = await platform.store.setting<Setup>(SETUP);
    if (node.setup !== null) void node.run();
    return node;
  }

  onChange(changed: () => void): void {
    this.listeners.add(changed);
  }

  snapshot(): NodeSnapshot {
    return {
      role: 'leader',
      setup: this.setup,
      machine: this.machine,
      chain: this.running?.client.snapshot() ?? null,
      farms: this.setup?.farm == null ? [] : this.farms.views(this.startsWhen()),
      rewardAddress: this.rewardAddress(),
      helper: this.helper.view(),
      tables: this.running?.pool.view() ?? NO_TABLES,
      timekeeping: this.timekeeping?.view() ?? NO_TIMEKEEPING,
      cluster: this.cluster.view(),
      notices: this.journal.notices,
      failure: this.failure,
    };
  }

  probe(endpoint: string): Promise<NetworkProbe> {
    return probeEndpoint(endpoint, this.platform.openSocket);
  }

  /**
   * `remember`: whether the next run begins with these choices too. Another beginning than the last forgets the
   * verified chain.
   */
  async start(setup: Setup, remember = true): Promise<void> {
    checkSetup(setup);
    await this.halt();
    const { begin = null } = this.setup ?? {};
    const again = begin !== null && setup.begin !== undefined && !sameBeginning(begin, setup.begin);
    if (again) await this.forgetChain(setup.network);
    this.setup = setup;
    if (remember) await this.platform.store.putSetting(SETUP, setup);
    await this.run();
    if (this.failure !== null) throw new Error(this.failure.sentence);
  }

  async change(part: Partial<Setup>): Promise<void> {
    const before = this.requireSetup();
    const after = { ...before, ...part };
    checkSetup(after);
    if (part.begin !== undefined) {
      await this.halt();
      await this.forgetChain(after.network);
    }
    if (part.network !== undefined || part.begin !== undefined) return this.start(after);
    if (part.farm !== undefined) await this.changeFarms(after);
    this.setup = after;
    this.running?.client.setPotBudget(after.potBudget);
    this.limits.choose(after.schedule, after.cores);
    this.startFarms();
    await this.platform.store.putSetting(SETUP, after);
    this.changed();
  }

  inspectFolder(place: FarmPlace): Promise<FolderContents> {
    return this.farms.inspect(place);
  }

  async addFarm(place: FarmPlace, allocatedBytes: number): Promise<string> {
    await this.farmAtAll();
    return this.farms.add(place, allocatedBytes);
  }

  async resizeFarm(id: string, allocatedBytes: number): Promise<void> {
    await this.farms.resize(id, allocatedBytes);
    await this.noteFirst();
  }

  pauseFarm(id?: string): Promise<void> {
    return this.farms.pause(id ?? null);
  }

  resumeFarm(id?: string): Promise<void> {
    return this.farms.resume(id ?? null);
  }

  async scrub(id?: string, dryRun = false): Promise<void> {
    this.farms.scrub(id ?? null, dryRun);
  }

  async importFarm(from: FarmPlace, to: FarmPlace): Promise<string> {
    await this.farmAtAll();
    return beginImport(this.farms, from, to);
  }

  async farmNative(place: FarmPlace): Promise<string> {
    await this.farmAtAll();
    return this.farms.addNative(place);
  }

  exportFarm(to: FarmPlace, id?: string): Promise<void> {
    return beginExport(this.farms, id ?? null, to);
  }

  moveFarm(id: string, to: FarmPlace): Promise<void> {
    return moveFarm(this.farms, id, to);
  }

  async cancelTask(id: string): Promise<void> {
    this.farms.cancelTask(id);
  }

  async farmHandle(id: string): Promise<FileSystemDirectoryHandle | null> {
    return this.farms.handle(id);
  }

  async removeFarm(id?: string, keepFiles = false): Promise<void> {
    await this.farms.remove(id ?? null, keepFiles);
    await this.noteFirst();
  }

  farmHistory(limit: number): Promise<FarmHistoryEntry[]> {
    return this.journal.history(limit);
  }

  async benchmark(cores: number): Promise<number> {
    const pool = await createTablePool(this.platform, cores, this.journal, () => undefined);
    try {
      await pool.ready();
      return await measureSecondsPerPiece(this.helper.plotting.assist(pool));
    } finally {
      await pool.close();
    }
  }

  async report(conditions: Partial<Conditions>): Promise<void> {
    this.limits.report(conditions);
  }

  async asleep(how: 'frozen' | 'discarded' | 'restarted', ms: number): Promise<void> {
    const seconds = Math.round(ms / 1000);
    const texts = {
      frozen: `The browser froze this tab for ${seconds} s to save energy. Its settings can make an exception.`,
      discarded: 'The browser had closed this tab to save memory. Its settings can make an exception.',
      restarted: 'The worker of this page had died; the page restarted by itself.',
    };
    this.journal.notify('warning', 'farm', texts[how]);
  }

  /** Who adds a farm wants to farm, even if only verifying was chosen before. */
  private async farmAtAll(): Promise<void> {
    const setup = this.requireSetup();
    if (setup.farm !== null) return;
    this.setup = { ...setup, farm: { allocatedBytes: 0, rewardAddress: null } };
    await this.platform.store.putSetting(SETUP, this.setup);
    this.startFarms();
  }

  /** Keeps the choices in step with the first farm; without any farm, only verifying is left. */
  private async noteFirst(): Promise<void> {
    const setup = this.requireSetup();
    const allocatedBytes = this.farms.firstBytes;
    const farm = setup.farm && { ...setup.farm, allocatedBytes };
    this.setup = { ...setup, farm: this.farms.views().length === 0 ? null : farm };
    await this.platform.store.putSetting(SETUP, this.setup);
    this.changed();
  }

  exportIdentity(id?: string): Promise<Uint8Array> {
    return this.farms.exportIdentity(id ?? null);
  }

  async importIdentity(identity: Uint8Array): Promise<void> {
    if (this.farms.hasFirst)
      throw new Error('Remove the farm first: its sectors belong to the key that it was plotted with.');
    this.identity = await importIdentity(this.platform.store, identity);
    this.journal.notify('info', 'farm', 'The farmer’s key was replaced.');
    if (this.farms.running) {
      await this.farms.halt();
      this.startFarms();
    }
  }

  async balance(address: string): Promise<AccountBalance> {
    const { running } = this;
    if (running === null) throw new Error('The chain is not being followed yet.');
    return readBalance(running.client, address);
  }

  async rewards(): Promise<RewardRates> {
    const { running } = this;
    if (running === null) throw new Error('The chain is not being followed yet.');
    return readRewards(running.client);
  }

  async wallet(name: string, input?: unknown): Promise<unknown> {
    return (await this.openDesk()).walletCommand(name, input);
  }

  async identities(name: string, input?: unknown): Promise<unknown> {
    return (await this.openDesk()).identityCommand(name, input);
  }

  async money(name: string, input?: unknown): Promise<unknown> {
    return (await this.openMoney()).command(name, input);
  }

  /** What needs the verified chain and the wallet's keys together. Rejects before the network is known. */
  openMoney(): Promise<Money> {
    const { running, setup } = this;
    if (running === null || setup === null)
      return Promise.reject(new Error('The chain is not being followed yet.'));
    this.moneyOpen ??= import('./money.ts')
      .then(({ Money }) =>
        Money.open({
          client: running.client,
          store: this.platform.store,
          tokenSymbol: setup.network.tokenSymbol,
          signer: async (address) => (await this.openDesk()).wallet.signer(address),
          journal: this.journal,
        }),
      )
      .catch((error: unknown) => {
        this.moneyOpen = null;
        throw error;
      });
    return this.moneyOpen;
  }

  async objects(name: string, input?: unknown): Promise<unknown> {
    return (await (this.objectsOpen ?? this.openObjects())).command(name, input);
  }

  /** The storage network and its objects. Rejects before the chain is followed, against which pieces are checked. */
  openObjects(peers: readonly string[] = []): Promise<ObjectDesk> {
    const { running, platform } = this;
    const chain = running?.client.snapshot() ?? null;
    if (running === null || chain?.phase !== 'following') {
      const at = chain?.best == null ? '' : ` It is at block ${chain.best.number} of ${chain.target ?? '…'}.`;
      return Promise.reject(new Error(`Objects come once the chain is verified up to its head.${at}`));
    }
    this.objectsOpen ??= Promise.all([
      import('./objects.ts'),
      platform.openPieceDirectory(),
      platform.openWorkDirectory('near-pieces'),
      platform.peerPlatform(),
    ])
      .then(([{ ObjectDesk }, pieces, nearDirectory, peerPlatform]) =>
        ObjectDesk.open({
          ...running,
          store: platform.store,
          platform: peerPlatform,
          pieces,
          nearDirectory,
          farms: this.farms,
          payments: async () => (await this.openMoney()).payments,
          peers,
        }),
      )
      .catch((error: unknown) => {
        this.objectsOpen = null;
        throw error;
      });
    return this.objectsOpen;
  }

  serveObject(request: ObjectRequest, port: MessagePort): void {
    void serveObject(() => this.objectsOpen ?? this.openObjects(), request, port);
  }

  private registryNetwork(): RegistryNetwork | null {
    const { running, setup } = this;
    return running === null || setup === null ? null : { network: setup.network, client: running.client };
  }

  private openDesk(): Promise<Desk> {
    this.desk ??= import('./desk.ts')
      .then(({ Desk }) =>
        Desk.open(
          this.platform,
          () => this.registryNetwork(),
          async (account) => (await this.openMoney()).lastReward(account),
        ),
      )
      .catch((error: unknown) => {
        this.desk = null;
        throw error;
      });
    return this.desk;
  }

  joinCluster(request: JoinRequest): Promise<void> {
    return this.cluster.join(request);
  }

  setClusterRoles(roles: ClusterRoles): Promise<void> {
    return this.cluster.setRoles(roles);
  }

  retryCluster(): Promise<void> {
    return this.cluster.retry();
  }

  leaveCluster(): Promise<void> {
    return this.cluster.forget();
  }

  pairHelper(port: number, code: string): Promise<void> {
    return this.helper.pair(port, code);
  }

  async retryHelper(): Promise<void> {
    this.helper.retry();
  }

  setHelperPlots(plots: boolean): Promise<void> {
    return this.helper.setPlots(plots);
  }

  async keepTime(on: boolean): Promise<void> {
    const { running } = this;
    if (running === null) throw new Error('The chain is not being followed yet.');
    this.timekeeping?.stop();
    this.timekeeping = null;
    if (on) {
      const { client, pool, sources } = running;
      this.timekeeping = new Timekeeping(client, pool, authoringSource(sources), () => this.changed());
    }
    this.changed();
  }

  forgetHelper(): Promise<void> {
    return this.helper.forget();
  }

  logs(): Promise<string[]> {
    return this.journal.lines();
  }

  async reset(): Promise<void> {
    const { setup } = this;
    await this.farms.removeAll();
    await this.halt();
    if (setup !== null) await this.forgetChain(setup.network);
    await this.helper.forget();
    await this.platform.store.clear();
    this.setup = null;
    this.failure = null;
    this.changed();
  }

  async stop(): Promise<void> {
    this.helper.stop();
    await this.cluster.stop();
    this.limits.stop();
    await this.halt();
    for (const timer of this.timers) clearTimeout(timer);
  }

  private changed(): void {
    for (const listener of this.listeners) listener();
  }

  private requireSetup(): Setup {
    if (this.setup === null) throw new Error('Make the first-run choices first.');
    return this.setup;
  }

  /** Does `work` after a while, unless what runs was replaced meanwhile. */
  private later(ms: number, work: () => void): void {
    const { generation } = this;
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      if (generation === this.generation) work();
    }, ms);
    this.timers.add(timer);
  }

  private refreshMachine(): void {
    const timer = setInterval(() => {
      this.platform.machine().then(
        (machine) => {
          if (nearlyFull(machine) && !nearlyFull(this.machine))
            this.journal.notify('warning', 'storage', 'The space for this app’s data is nearly used up.');
          this.machine = machine;
          this.changed();
        },
        () => undefined,
      );
    }, MACHINE_REFRESH_MS);
    this.timers.add(timer);
  }

  private async run(): Promise<void> {
    const { network, begin, cores, potBudget, schedule, farm } = this.requireSetup();
    const generation = ++this.generation;
    this.failure = null;
    this.changed();
    let pool: TablePool | null = null;
    const sources: RpcSource[] = [];
    const peers: ChainSource[] = [];
    try {
      this.identity = await loadOrCreateIdentity(this.platform.store);
      pool = await createTablePool(this.platform, cores, this.journal, () => this.changed());
      for (const endpoint of network.endpoints) {
        if (isPeerAddress(endpoint)) peers.push(await this.connectPeer(endpoint));
        else sources.push(RpcSource.connect(endpoint, { openSocket: this.platform.openSocket }));
      }
      const preset = presetOf(network.id);
      const client = await LightClient.open({
        sources: [...sources, ...peers],
        pool,
        store: await this.openChainStore(network),
        runtimes: await this.openChainStore(network, '-runtime'),
        begin: beginChoice(begin, network),
        network: {
          genesisHash: network.genesisHash === null ? null : fromHex(network.genesisHash, 32),
          constants: preset?.constants ?? null,
          potExternalEntropy: preset?.potExternalEntropy ?? null,
        },
        potBudget,
        log: (line) => this.journal.log('info', line),
      });
      if (generation !== this.generation) {
        // Other choices were made while this one was being opened.
        await client.stop();
        await pool.close();
        return;
      }
      client.setOwnKeys(new Set([toHex(this.identity.publicKey)]));
      const slowDown = accelerate(client, pool, this.platform, (line) => this.journal.log('info', line));
      this.running = { pool, sources, client, slowDown };
      this.limits.choose(schedule, cores);
      if (farm !== null && farm.allocatedBytes > 0) await this.farms.give(farm.allocatedBytes);
      client.onChange(() => this.onChain());
      this.helper.serve(client);
      void this.cluster.serve({ pool, history: client, helper: this.helper.plotting });
      client.start();
    } catch (error) {
      for (const source of [...sources, ...peers]) source.close();
      await pool?.close();
      if (generation !== this.generation) return;
      this.failure = causeOf(error, 'Try again');
      this.journal.notify('error', 'node', sentenceOf(error));
      this.later(RETRY_MS, () => void this.run());
    }
    this.changed();
  }

  private openChainStore({ genesisHash, id }: NetworkChoice, part = ''): Promise<ChainStore> {
    return this.platform.openChainStore(`${genesisHash ?? id}${part}`);
  }

  private async forgetChain(network: NetworkChoice): Promise<void> {
    for (const part of ['', '-runtime']) await (await this.openChainStore(network, part)).clear();
  }

  private async connectPeer(address: string): Promise<ChainSource> {
    const { PeerSource } = await import('../network/peer-source.ts');
    const { transports } = await this.platform.peerPlatform();
    return PeerSource.connect(address, { transports });
  }

  /** Stops chain and farm; nothing stored is lost. */
  private async halt(): Promise<void> {
    this.generation += 1;
    const { running } = this;
    this.running = null;
    const { moneyOpen, objectsOpen } = this;
    this.moneyOpen = null;
    this.objectsOpen = null;
    await moneyOpen?.then((money) => money.close()).catch(() => undefined);
    this.helper.serve(null);
    this.timekeeping?.stop();
    this.timekeeping = null;
    await this.farms.halt();
    await objectsOpen?.then((objects) => objects.close()).catch(() => undefined);
    await this.cluster.serve(null);
    running?.slowDown();
    await running?.client.stop();
    await running?.pool.close();
  }

  private onChain(): void {
    const chain = this.running?.client.snapshot();
    if (chain !== undefined) {
      for (const block of chain.blocks) {
        // What was verified in an earlier run was announced in it.
        if (!block.own || block.pot === 'stored' || this.announced.has(block.hash)) continue;
        this.announced.add(block.hash);
        if (this.announced.size > ANNOUNCED)
          this.announced.delete(this.announced.values().next().value ?? '');
        this.journal.notify('success', 'reward', `Block ${block.number} is this farm’s own, and verified.`);
      }
      if (chain.phase === 'following') this.startFarms();
      // What was signed in an earlier run is followed on.
      if (chain.best !== null && this.moneyOpen === null) this.openMoney().catch(() => undefined);
    }
    this.changed();
  }

  /** Farms start only on a chain that is verified up to its head and has history to plot. */
  private startFarms(): void {
    const { running, setup, identity } = this;
    if (running === null || setup?.farm == null || identity === null || this.farms.running) return;
    const { client, pool, sources } = running;
    const node = authoringSource(sources).farmer;
    const { genesisHash, phase } = client.snapshot();
    if (phase !== 'following' || genesisHash === null || client.segmentCommitment(0n) === null) return;
    const genesis = fromHex(genesisHash, 32);
    this.farms.start({
      pool,
      history: client,
      node,
      pieces: this.farmPieces(node),
      genesisHash: genesis,
      identity,
      rewardAccount: rewardAccount(setup, identity),
      seat: (publicKey) => this.cluster.seat(publicKey, genesis),
      plotter: this.helper.plotting.plot,
    });
  }

  /** Pieces out of the storage network, nodes included; out of one node while that network cannot be joined. */
  private farmPieces(node: PieceSource): PieceSource {
    const join = (): Promise<ObjectDesk | null> => this.openObjects().catch(() => null);
    // Whoever farms gives pieces to others, too, whether it plots at the moment or not.
    void join();
    return {
      name: 'The storage network',
      piece: async (index, signal) => {
        const desk = await join();
        return desk === null ? node.piece(index, signal) : desk.network.farmPiece(index, signal);
      },
    };
  }

  /** Farms take their seats in a cluster, or give them up, when they are opened. */
  private async reopenFarms(): Promise<void> {
    await this.farms.halt();
    this.startFarms();
  }

  /** What farms wait for before they start; null when nothing holds them. */
  private startsWhen(): string | null {
    const client = this.running?.client;
    if (client === undefined) return null;
    if (client.snapshot().phase !== 'following')
      return 'The farm starts once the chain is verified up to its head.';
    return client.segmentCommitment(0n) === null ? 'The farm starts with the network’s first block.' : null;
  }

  private async changeFarms(setup: Setup): Promise<void> {
    if (setup.farm === null) return this.farms.halt();
    if (setup.farm.allocatedBytes > 0) await this.farms.give(setup.farm.allocatedBytes);
    if (this.identity !== null) this.farms.setRewardAccount(rewardAccount(setup, this.identity));
  }

  private rewardAddress(): string | null {
    const { setup, identity } = this;
    return setup?.farm?.rewardAddress ?? (identity === null ? null : encodeAddress(identity.publicKey));
  }
}

/** Whether an endpoint is a peer's multiaddress rather than the URL of a node's RPC. */
function isPeerAddress(endpoint: string): boolean {
  return endpoint.startsWith('/');
}

/** The node that solutions go to: the first that is connected, or the first named. */
function authoringSource(sources: readonly RpcSource[]): RpcSource {
  const source = sources.find(({ state }) => state === 'connected') ?? sources[0];
  if (source === undefined) throw new Error('This needs a node’s RPC; peers alone were named.');
  return source;
}

function rewardAccount(setup: Setup, identity: FarmerIdentity): Uint8Array {
  const address = setup.farm?.rewardAddress ?? null;
  return address === null ? identity.publicKey : decodeAddress(address).account;
}

function nearlyFull({ quotaBytes, usedBytes }: MachineInfo): boolean {
  return quotaBytes !== null && usedBytes !== null && usedBytes > 0.95 * quotaBytes;
}

/** Refuses choices that cannot work, each with a sentence. */
function checkSetup(setup: Setup): void {
  beginChoice(setup.begin, setup.network);
  if (setup.network.endpoints.length === 0) throw new Error('Name at least one node to talk to.');
  if (!Number.isInteger(setup.cores) || setup.cores < 1) throw new Error('Allow at least one core.');
  if (setup.schedule !== undefined) requireSchedule(setup.schedule);
  const address = setup.farm?.rewardAddress ?? null;
  if (address === null) return;
  try {
    decodeAddress(address);
  } catch (error) {
    throw new Error('The reward address is not an account address of this network: a character is wrong.', {
      cause: error,
    });
  }
}
