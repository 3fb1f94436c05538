/** What runs in a node: the chain that is followed, the farms on it, and what serves both, by the person's choices. */
import { NO_TABLES } from '../crypto/table-pool.ts';
import { loadOrCreateIdentity, type FarmerIdentity } from '../farm/identity.ts';
import type { PieceSource } from '../farm/source.ts';
import { toHex } from '../protocol/bytes.ts';
import type { Notation } from '../protocol/notation.ts';
import { sentenceOf } from '../protocol/errors.ts';
import { encodeAddress } from '../protocol/ss58.ts';
import type { MachineInfo, NodeSnapshot, Setup } from './api.ts';
import { causeOf, type Cause } from './causes.ts';
import { Cluster } from './cluster.ts';
import { NodeError } from './errors.ts';
import { Farms } from './farms.ts';
import { Following, ONLY_PEERS } from './following.ts';
import { PairedHelper } from './helper.ts';
import { Journal } from './journal.ts';
import { NO_TIMEKEEPING, Timekeeping } from './keep-time.ts';
import { LateParts, NOT_FOLLOWED, type Followed } from './late-parts.ts';
import { Limits } from './limits.ts';
import { MachineWatch } from './machine-watch.ts';
import type { ObjectDesk } from './objects.ts';
import { Notations } from './notation.ts';
import { OwnBlocks } from './own-blocks.ts';
import type { NodePlatform } from './platform.ts';
import { rewardAccount } from './setup.ts';

const SETUP = 'setup';
/** Wait before a chain that could not start is tried again. */
const RETRY_MS = 10_000;

export class NodeRun {
  readonly journal: Journal;
  readonly helper: PairedHelper;
  readonly cluster: Cluster;
  readonly farms: Farms;
  readonly limits: Limits;
  readonly parts: LateParts;
  /** Why the chain cannot be followed, or null. */
  failure: Cause | null = null;
  private readonly machine: MachineWatch;
  private readonly ownBlocks: OwnBlocks;
  private readonly notations: Notations;
  private setup: Setup | null = null;
  private following: Following | null = null;
  private identity: FarmerIdentity | null = null;
  private timekeeping: Timekeeping | null = null;
  private readonly retries = new Set<ReturnType<typeof setTimeout>>();
  /** Raised whenever what runs is replaced, so that work begun before notices. */
  private generation = 0;

  /** `changed` is called whenever the snapshot has changed. */
  constructor(
    private readonly platform: NodePlatform,
    machine: MachineInfo,
    readonly changed: () => void,
  ) {
    this.journal = new Journal(platform.store, changed);
    this.helper = new PairedHelper(platform.store, platform.openSocket, this.journal, changed);
    this.machine = new MachineWatch(platform, this.journal, changed, machine);
    this.ownBlocks = new OwnBlocks(this.journal);
    this.farms = new Farms(platform, this.journal, changed, (keys) =>
      this.following?.client.setOwnKeys(keys),
    );
    this.notations = new Notations(platform.store, this.journal, changed);
    this.parts = new LateParts(
      platform,
      this.journal,
      this.farms,
      () => this.followed(),
      () => this.notation(),
    );
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

  /** Goes on as the last run ended; runs at once if choices were made before. Throws StorageError. */
  async resume(): Promise<void> {
    await this.journal.resume();
    this.limits.start();
    await this.helper.resume();
    await this.cluster.resume();
    await this.farms.load();
    this.setup = await this.platform.store.setting<Setup>(SETUP);
    if (this.setup !== null) void this.run();
  }

  snapshot(): NodeSnapshot {
    return {
      role: 'leader',
      setup: this.setup,
      notation: this.notation(),
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

  /** The person's choices, or null before they were made. */
  get choices(): Setup | null {
    return this.setup;
  }

  /** The person's choices. Throws NodeError `too-early` before they were made. */
  requireChoices(): Setup {
    if (this.setup === null) throw new NodeError('too-early', 'Make the first-run choices first.');
    return this.setup;
  }

  /** Takes other choices over without a restart. `remember`: whether the next run begins with them, too. */
  async choose(setup: Setup, remember = true): Promise<void> {
    this.setup = setup;
    if (remember) await this.platform.store.putSetting(SETUP, setup);
    this.changed();
  }

  /** Nothing was chosen yet. */
  forgetChoices(): void {
    this.setup = null;
    this.failure = null;
    this.changed();
  }

  /** What is followed. Throws NodeError `too-early`. */
  requireFollowing(): Following {
    if (this.following === null) throw new NodeError('too-early', NOT_FOLLOWED);
    return this.following;
  }

  /** Lets what runs keep to choices that need no other chain. */
  apply({ potBudget, schedule, cores }: Setup): void {
    this.following?.client.setPotBudget(potBudget);
    this.limits.choose(schedule, cores);
    this.startFarms();
  }

  /** The key of farms without one of their own was replaced. */
  async replaceIdentity(identity: FarmerIdentity): Promise<void> {
    this.identity = identity;
    if (this.farms.running) await this.reopenFarms();
  }

  /** Keeps the network's time, or no longer. Throws NodeError `too-early`, or where no node's RPC is named. */
  keepTime(on: boolean): void {
    const following = this.requireFollowing();
    this.timekeeping?.stop();
    this.timekeeping = null;
    if (on) {
      const { client, pool } = following;
      this.timekeeping = new Timekeeping(client, pool, following.requireAuthoring().source, this.changed);
    }
    this.changed();
  }

  /** Ends everything. */
  async stop(): Promise<void> {
    this.helper.stop();
    await this.cluster.stop();
    this.limits.stop();
    this.machine.stop();
    await this.halt();
    for (const timer of this.retries) clearTimeout(timer);
  }

  /** Follows the chain of the choices; trouble becomes the failure, and it is tried again after a while. */
  async run(): Promise<void> {
    const setup = this.requireChoices();
    const { cores, schedule, farm } = setup;
    const generation = ++this.generation;
    this.failure = null;
    this.changed();
    let following: Following | null = null;
    try {
      this.identity = await loadOrCreateIdentity(this.platform.store);
      following = await Following.open(this.platform, setup, this.journal, this.changed);
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
  async halt(): Promise<void> {
    this.generation += 1;
    const { following } = this;
    this.following = null;
    this.notations.forget();
    await this.parts.closeMoney();
    this.helper.serve(null);
    this.timekeeping?.stop();
    this.timekeeping = null;
    await this.farms.halt();
    await this.parts.closeObjects();
    await this.cluster.serve(null);
    await following?.close();
  }

  /** Farms start only on a chain that is verified up to its head and has history to plot. */
  startFarms(): void {
    const { following, setup, identity } = this;
    if (following === null || setup?.farm == null || identity === null || this.farms.running) return;
    const { client, pool } = following;
    const node = following.authoring;
    const genesisHash = client.genesisHash();
    if (node === null || genesisHash === null || this.startsWhen() !== null) return;
    this.farms.start({
      pool,
      history: client,
      node,
      pieces: this.farmPieces(node),
      genesisHash,
      identity,
      rewardAccount: rewardAccount(setup, identity),
      seat: (publicKey) => this.cluster.seat(publicKey, genesisHash),
      plotter: this.helper.plotting.plot,
    });
  }

  /** Lets the farms be as the choices have them. Throws FarmError `too-small`, `too-large`. */
  async changeFarms(setup: Setup): Promise<void> {
    if (setup.farm === null) return this.farms.halt();
    if (setup.farm.allocatedBytes > 0) await this.farms.give(setup.farm.allocatedBytes);
    if (this.identity !== null) this.farms.setRewardAccount(rewardAccount(setup, this.identity));
  }

  private onChain(): void {
    const { following } = this;
    const chain = following?.client.snapshot();
    if (following !== null && chain !== undefined) {
      if (chain.genesisHash !== null)
        void this.notations.learn(chain.genesisHash, following.connectedNodes());
      this.ownBlocks.look(chain.blocks);
      if (chain.phase === 'following') this.startFarms();
      // What was signed in an earlier run is followed on.
      if (chain.best !== null && !this.parts.hasMoney) this.parts.money().catch(() => undefined);
    }
    this.changed();
  }

  private notation(): Notation {
    return this.notations.of(this.setup?.network.id);
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
    if (this.following?.authoring === null) return ONLY_PEERS;
    if (client.snapshot().phase !== 'following')
      return 'The farm starts once the chain is verified up to its head.';
    return client.segmentCommitment(0n) === null ? 'The farm starts with the network’s first block.' : null;
  }

  private rewardAddress(): string | null {
    const { setup, identity } = this;
    return setup?.farm?.rewardAddress ?? (identity === null ? null : encodeAddress(identity.publicKey));
  }
}
