/**
 * The node: one light client, the farms, the person's choices. It runs wherever its platform does, page worker or
 * Node.js, and shows itself as one snapshot. Trouble becomes a cause with a sentence; the node goes on by itself
 * where it can.
 */
import { NO_TABLES } from '../crypto/table-pool.ts';
import type { FolderContents } from '../farm/description.ts';
import { measureSecondsPerPiece } from '../farm/estimate.ts';
import { importIdentity, loadOrCreateIdentity } from '../farm/identity.ts';
import type { FarmerIdentity } from '../farm/identity.ts';
import type { PieceSource } from '../farm/source.ts';
import { fromHex, toHex } from '../protocol/bytes.ts';
import { sentenceOf } from '../protocol/errors.ts';
import { encodeAddress } from '../protocol/ss58.ts';
import type {
  AccountBalance,
  Cause,
  Conditions,
  FarmHistoryEntry,
  FarmPlace,
  MachineInfo,
  NetworkProbe,
  NodeSnapshot,
  RewardRates,
  Setup,
} from './api.ts';
import { readBalance } from './balance.ts';
import { sameBeginning } from './begin.ts';
import { Cluster, type ClusterRoles, type JoinRequest } from './cluster.ts';
import { causeOf } from './causes.ts';
import { beginExport, beginImport, beginScrub, moveFarm } from './farm-tasks.ts';
import { Farms } from './farms.ts';
import { Following, forgetChain } from './following.ts';
import type { RunnableNode } from './hub.ts';
import { Journal } from './journal.ts';
import { LateParts, NOT_FOLLOWED, type Followed } from './late-parts.ts';
import { Limits } from './limits.ts';
import { MachineWatch } from './machine-watch.ts';
import { serveObject, type ObjectRequest } from './object-ports.ts';
import type { ObjectDesk } from './objects.ts';
import type { NodePlatform } from './platform.ts';
import { probeEndpoint } from './probe.ts';
import { readRewards } from './rewards.ts';
import { createTablePool } from './tables.ts';
import { NO_TIMEKEEPING, Timekeeping } from './keep-time.ts';
import { PairedHelper } from './helper.ts';
import { OwnBlocks } from './own-blocks.ts';
import { checkSetup, rewardAccount } from './setup.ts';

const SETUP = 'setup';
/** Wait before a chain that could not start is tried again. */
const RETRY_MS = 10_000;

export class AllotmentNode implements RunnableNode {
  private readonly journal: Journal;
  private readonly helper: PairedHelper;
  private timekeeping: Timekeeping | null = null;
  private readonly cluster: Cluster;
  private readonly listeners = new Set<() => void>();
  private readonly retries = new Set<ReturnType<typeof setTimeout>>();
  private setup: Setup | null = null;
  private following: Following | null = null;
  private readonly farms: Farms;
  private readonly limits: Limits;
  private readonly machine: MachineWatch;
  private identity: FarmerIdentity | null = null;
  private failure: Cause | null = null;
  private readonly parts: LateParts;
  private readonly ownBlocks: OwnBlocks;
  /** Raised whenever what runs is replaced, so that work begun before notices. */
  private generation = 0;

  private constructor(
    private readonly platform: NodePlatform,
    machine: MachineInfo,
  ) {
    const changed = (): void => this.changed();
    this.journal = new Journal(platform.store, changed);
    this.helper = new PairedHelper(platform.store, platform.openSocket, this.journal, changed);
    this.machine = new MachineWatch(platform, this.journal, changed, machine);
    this.ownBlocks = new OwnBlocks(this.journal);
    this.farms = new Farms(platform, this.journal, changed, (keys) =>
      this.following?.client.setOwnKeys(keys),
    );
    this.parts = new LateParts(platform, this.journal, this.farms, () => this.followed());
    this.cluster = new Cluster(
      platform,
      this.journal,
      changed,
      () => this.parts.desk(),
      () => this.reopenFarms(),
    );
    this.limits = new Limits({
      hold: (reason) => this.farms.hold(reason),
      resize: (cores) => this.following?.pool.resize(cores),
    });
  }

  /** The node of this platform; runs at once if it was set up before. Throws StorageError. */
  static async create(platform: NodePlatform): Promise<AllotmentNode> {
    const node = new AllotmentNode(platform, await platform.machine());
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
      machine: this.machine.info,
      chain: this.following?.client.snapshot() ?? null,
      farms: this.setup?.farm == null ? [] : this.farms.views(this.startsWhen()),
      rewardAddress: this.rewardAddress(),
      helper: this.helper.view(),
      tables: this.following?.pool.view() ?? NO_TABLES,
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
    if (again) await forgetChain(this.platform, setup.network);
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
      await forgetChain(this.platform, after.network);
    }
    if (part.network !== undefined || part.begin !== undefined) return this.start(after);
    if (part.farm !== undefined) await this.changeFarms(after);
    this.setup = after;
    this.following?.client.setPotBudget(after.potBudget);
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
    beginScrub(this.farms, id ?? null, dryRun);
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
    return readBalance(this.requireFollowing().client, address);
  }

  async rewards(): Promise<RewardRates> {
    return readRewards(this.requireFollowing().client);
  }

  async wallet(name: string, input?: unknown): Promise<unknown> {
    return (await this.parts.desk()).walletCommand(name, input);
  }

  async identities(name: string, input?: unknown): Promise<unknown> {
    return (await this.parts.desk()).identityCommand(name, input);
  }

  async money(name: string, input?: unknown): Promise<unknown> {
    return (await this.parts.money()).command(name, input);
  }

  async objects(name: string, input?: unknown): Promise<unknown> {
    return (await this.parts.objects()).command(name, input);
  }

  /**
   * The storage network and its objects, for code in this thread. Rejects before the chain is followed, against which
   * pieces are checked.
   *
   * @param peers Addresses of peers to connect to beside those that nodes name.
   */
  openObjects(peers: readonly string[] = []): Promise<ObjectDesk> {
    return this.parts.objects(peers);
  }

  serveObject(request: ObjectRequest, port: MessagePort): void {
    void serveObject(() => this.parts.objects(), request, port);
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
    const following = this.requireFollowing();
    this.timekeeping?.stop();
    this.timekeeping = null;
    if (on) {
      const { client, pool } = following;
      this.timekeeping = new Timekeeping(client, pool, following.authoringSource(), () => this.changed());
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
    if (setup !== null) await forgetChain(this.platform, setup.network);
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
    this.machine.stop();
    await this.halt();
    for (const timer of this.retries) clearTimeout(timer);
  }

  private changed(): void {
    for (const listener of this.listeners) listener();
  }

  private requireSetup(): Setup {
    if (this.setup === null) throw new Error('Make the first-run choices first.');
    return this.setup;
  }

  private requireFollowing(): Following {
    if (this.following === null) throw new Error(NOT_FOLLOWED);
    return this.following;
  }

  private followed(): Followed | null {
    const { following, setup } = this;
    return following === null || setup === null ? null : { following, network: setup.network };
  }

  /** Does `work` after a while, unless what runs was replaced meanwhile. */
  private later(ms: number, work: () => void): void {
    const { generation } = this;
    const timer = setTimeout(() => {
      this.retries.delete(timer);
      if (generation === this.generation) work();
    }, ms);
    this.retries.add(timer);
  }

  private async run(): Promise<void> {
    const setup = this.requireSetup();
    const { cores, schedule, farm } = setup;
    const generation = ++this.generation;
    this.failure = null;
    this.changed();
    let following: Following | null = null;
    try {
      this.identity = await loadOrCreateIdentity(this.platform.store);
      following = await Following.open(this.platform, setup, this.journal, () => this.changed());
      if (generation !== this.generation) {
        // Other choices were made while this one was being opened.
        await following.close();
        return;
      }
      const { client, pool } = following;
      client.setOwnKeys(new Set([toHex(this.identity.publicKey)]));
      this.following = following;
      this.limits.choose(schedule, cores);
      if (farm !== null && farm.allocatedBytes > 0) await this.farms.give(farm.allocatedBytes);
      if (generation !== this.generation) return;
      client.onChange(() => this.onChain());
      this.helper.serve(client);
      void this.cluster.serve({ pool, history: client, helper: this.helper.plotting });
      client.start();
    } catch (error) {
      // Whoever replaces what runs closes it.
      if (generation !== this.generation) return;
      this.following = null;
      await following?.close();
      this.failure = causeOf(error, 'Try again');
      this.journal.notify('error', 'node', sentenceOf(error));
      this.later(RETRY_MS, () => void this.run());
    }
    this.changed();
  }

  /** Stops chain and farm; nothing stored is lost. */
  private async halt(): Promise<void> {
    this.generation += 1;
    const { following } = this;
    this.following = null;
    await this.parts.closeMoney();
    this.helper.serve(null);
    this.timekeeping?.stop();
    this.timekeeping = null;
    await this.farms.halt();
    await this.parts.closeObjects();
    await this.cluster.serve(null);
    await following?.close();
  }

  private onChain(): void {
    const chain = this.following?.client.snapshot();
    if (chain !== undefined) {
      this.ownBlocks.look(chain.blocks);
      if (chain.phase === 'following') this.startFarms();
      // What was signed in an earlier run is followed on.
      if (chain.best !== null && !this.parts.hasMoney) this.parts.money().catch(() => undefined);
    }
    this.changed();
  }

  /** Farms start only on a chain that is verified up to its head and has history to plot. */
  private startFarms(): void {
    const { following, setup, identity } = this;
    if (following === null || setup?.farm == null || identity === null || this.farms.running) return;
    const { client, pool } = following;
    const node = following.authoringSource().farmer;
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
    const join = (): Promise<ObjectDesk | null> => this.parts.objects().catch(() => null);
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
    const client = this.following?.client;
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
