/**
 * The node: one light client, the farms, the person's choices. It runs wherever its platform does, page worker or
 * Node.js, and shows itself as one snapshot. Trouble becomes a cause with a sentence; the node goes on by itself
 * where it can.
 */
import { duration } from '../async/duration.ts';
import type { FolderContents } from '../farm/description.ts';
import { measureSecondsPerPiece } from '../farm/estimate.ts';
import { importIdentity } from '../farm/identity.ts';
import type {
  AccountBalance,
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
import type { ClusterRoles, JoinRequest } from './cluster.ts';
import { NodeError } from './errors.ts';
import { beginExport, beginImport, beginScrub, moveFarm } from './farm-tasks.ts';
import { forgetChain } from './following.ts';
import type { RunnableNode } from './hub.ts';
import { serveObject, type ObjectRequest } from './object-ports.ts';
import type { ObjectDesk } from './objects.ts';
import type { NodePlatform } from './platform.ts';
import { probeEndpoint } from './probe.ts';
import { readRewards } from './rewards.ts';
import { NodeRun } from './run.ts';
import { checkSetup } from './setup.ts';
import { createTablePool } from './tables.ts';

export class AllotmentNode implements RunnableNode {
  private readonly listeners = new Set<() => void>();
  private readonly running: NodeRun;

  private constructor(
    private readonly platform: NodePlatform,
    machine: MachineInfo,
  ) {
    this.running = new NodeRun(platform, machine, () => {
      for (const listener of this.listeners) listener();
    });
  }

  /** The node of this platform; runs at once if it was set up before. Throws StorageError. */
  static async create(platform: NodePlatform): Promise<AllotmentNode> {
    const node = new AllotmentNode(platform, await platform.machine());
    await node.running.resume();
    return node;
  }

  onChange(changed: () => void): void {
    this.listeners.add(changed);
  }

  snapshot(): NodeSnapshot {
    return this.running.snapshot();
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
    const { running } = this;
    await running.halt();
    const { begin = null } = running.choices ?? {};
    const again = begin !== null && setup.begin !== undefined && !sameBeginning(begin, setup.begin);
    if (again) await forgetChain(this.platform, setup.network);
    await running.choose(setup, remember);
    await running.run();
    if (running.failure !== null) throw new NodeError('failed', running.failure.sentence);
  }

  async change(part: Partial<Setup>): Promise<void> {
    const { running } = this;
    const after = { ...running.requireChoices(), ...part };
    checkSetup(after);
    if (part.begin !== undefined) {
      await running.halt();
      await forgetChain(this.platform, after.network);
    }
    if (part.network !== undefined || part.begin !== undefined) return this.start(after);
    if (part.farm !== undefined) await running.changeFarms(after);
    await running.choose(after);
    running.apply(after);
  }

  inspectFolder(place: FarmPlace): Promise<FolderContents> {
    return this.running.farms.inspect(place);
  }

  async addFarm(place: FarmPlace, allocatedBytes: number): Promise<string> {
    await this.farmAtAll();
    return this.running.farms.add(place, allocatedBytes);
  }

  async resizeFarm(id: string, allocatedBytes: number): Promise<void> {
    await this.running.farms.resize(id, allocatedBytes);
    await this.noteFirst();
  }

  pauseFarm(id?: string): Promise<void> {
    return this.running.farms.pause(id ?? null);
  }

  resumeFarm(id?: string): Promise<void> {
    return this.running.farms.resume(id ?? null);
  }

  async scrub(id?: string, dryRun = false): Promise<void> {
    beginScrub(this.running.farms, id ?? null, dryRun);
  }

  async importFarm(from: FarmPlace, to: FarmPlace): Promise<string> {
    await this.farmAtAll();
    return beginImport(this.running.farms, from, to);
  }

  async farmNative(place: FarmPlace): Promise<string> {
    await this.farmAtAll();
    return this.running.farms.addNative(place);
  }

  exportFarm(to: FarmPlace, id?: string): Promise<void> {
    return beginExport(this.running.farms, id ?? null, to);
  }

  moveFarm(id: string, to: FarmPlace): Promise<void> {
    return moveFarm(this.running.farms, id, to);
  }

  async cancelTask(id: string): Promise<void> {
    this.running.farms.cancelTask(id);
  }

  async farmHandle(id: string): Promise<FileSystemDirectoryHandle | null> {
    return this.running.farms.handle(id);
  }

  async removeFarm(id?: string, keepFiles = false): Promise<void> {
    await this.running.farms.remove(id ?? null, keepFiles);
    await this.noteFirst();
  }

  farmHistory(limit: number): Promise<FarmHistoryEntry[]> {
    return this.running.journal.history(limit);
  }

  async benchmark(cores: number): Promise<number> {
    const pool = await createTablePool(this.platform, cores, this.running.journal, () => undefined);
    try {
      await pool.ready();
      return await measureSecondsPerPiece(this.running.helper.plotting.assist(pool));
    } finally {
      await pool.close();
    }
  }

  async report(conditions: Partial<Conditions>): Promise<void> {
    this.running.limits.report(conditions);
  }

  async asleep(how: 'frozen' | 'discarded' | 'restarted', ms: number): Promise<void> {
    const texts = {
      frozen: `The browser froze this tab for ${duration(ms)} to save energy. Its settings can make an exception.`,
      discarded: 'The browser had closed this tab to save memory. Its settings can make an exception.',
      restarted: 'The worker of this page had died; the page restarted by itself.',
    };
    this.running.journal.notify('warning', 'farm', texts[how]);
  }

  /** Who adds a farm wants to farm, even if only verifying was chosen before. */
  private async farmAtAll(): Promise<void> {
    const setup = this.running.requireChoices();
    if (setup.farm !== null) return;
    await this.running.choose({ ...setup, farm: { allocatedBytes: 0, rewardAddress: null } });
    this.running.startFarms();
  }

  /** Keeps the choices in step with the first farm; without any farm, only verifying is left. */
  private async noteFirst(): Promise<void> {
    const { farms } = this.running;
    const setup = this.running.requireChoices();
    const farm = setup.farm && { ...setup.farm, allocatedBytes: farms.firstBytes };
    await this.running.choose({ ...setup, farm: farms.views().length === 0 ? null : farm });
  }

  exportIdentity(id?: string): Promise<Uint8Array> {
    return this.running.farms.exportIdentity(id ?? null);
  }

  async importIdentity(identity: Uint8Array): Promise<void> {
    if (this.running.farms.hasFirst)
      throw new NodeError(
        'busy',
        'Remove the farm first: its sectors belong to the key that it was plotted with.',
      );
    const imported = await importIdentity(this.platform.store, identity);
    this.running.journal.notify('info', 'farm', 'The farmer’s key was replaced.');
    await this.running.replaceIdentity(imported);
  }

  async balance(address: string): Promise<AccountBalance> {
    return readBalance(this.running.requireFollowing().client, address);
  }

  async rewards(): Promise<RewardRates> {
    return readRewards(this.running.requireFollowing().client);
  }

  async wallet(name: string, input?: unknown): Promise<unknown> {
    return (await this.running.parts.desk()).walletCommand(name, input);
  }

  async identities(name: string, input?: unknown): Promise<unknown> {
    return (await this.running.parts.desk()).identityCommand(name, input);
  }

  async money(name: string, input?: unknown): Promise<unknown> {
    return (await this.running.parts.money()).command(name, input);
  }

  async objects(name: string, input?: unknown): Promise<unknown> {
    return (await this.running.parts.objects()).command(name, input);
  }

  /**
   * The storage network and its objects, for code in this thread. Rejects before the chain is followed, against which
   * pieces are checked.
   *
   * @param peers Addresses of peers to connect to beside those that nodes name.
   */
  openObjects(peers: readonly string[] = []): Promise<ObjectDesk> {
    return this.running.parts.objects(peers);
  }

  serveObject(request: ObjectRequest, port: MessagePort): void {
    void serveObject(() => this.running.parts.objects(), request, port);
  }

  joinCluster(request: JoinRequest): Promise<void> {
    return this.running.cluster.join(request);
  }

  setClusterRoles(roles: ClusterRoles): Promise<void> {
    return this.running.cluster.setRoles(roles);
  }

  retryCluster(): Promise<void> {
    return this.running.cluster.retry();
  }

  leaveCluster(): Promise<void> {
    return this.running.cluster.forget();
  }

  pairHelper(port: number, code: string): Promise<void> {
    return this.running.helper.pair(port, code);
  }

  async retryHelper(): Promise<void> {
    this.running.helper.retry();
  }

  setHelperPlots(plots: boolean): Promise<void> {
    return this.running.helper.setPlots(plots);
  }

  async keepTime(on: boolean): Promise<void> {
    this.running.keepTime(on);
  }

  forgetHelper(): Promise<void> {
    return this.running.helper.forget();
  }

  logs(): Promise<string[]> {
    return this.running.journal.lines();
  }

  async reset(): Promise<void> {
    const { running } = this;
    const setup = running.choices;
    await running.farms.removeAll();
    await running.halt();
    if (setup !== null) await forgetChain(this.platform, setup.network);
    await running.helper.forget();
    await this.platform.store.clear();
    running.forgetChoices();
  }

  async stop(): Promise<void> {
    await this.running.stop();
  }
}
